//! Signals and who arranged for them: a record each on the wire, one line in the
//! output. The arranger's record is sent right before its signal's, to the same ring.

use std::collections::HashMap;

use crate::event::{Arranger, Call, CallKey, Generated, Process};

/// A signal whose record has not come for so long was lost, or left out.
const FORGOTTEN_NS: u64 = 5_000_000_000;

/// Arrangers that wait for their signals.
#[derive(Debug, Default)]
pub struct Arrangers(HashMap<CallKey, Process>);

impl Arrangers {
    /// Takes an arranger.
    pub fn push(&mut self, arranger: Arranger) {
        self.0.insert(arranger.signal, arranger.process);
    }

    /// A call with its arranger, if it has one.
    pub fn complete_call(&mut self, mut call: Call) -> Call {
        call.arranged_by = self.take(call.key());
        call
    }

    /// A signal that no call sent, likewise.
    pub fn complete(&mut self, mut signal: Generated) -> Generated {
        signal.arranged_by = self.take(CallKey {
            tid: signal.tid,
            time_ns: signal.time_ns,
        });
        signal
    }

    fn take(&mut self, key: CallKey) -> Option<Process> {
        // There are none but where something was arranged.
        if self.0.is_empty() {
            return None;
        }
        self.0.remove(&key)
    }

    /// Forgets arrangers whose signals never came.
    pub fn forget(&mut self, now_ns: u64) {
        (self.0).retain(|key, _| now_ns.saturating_sub(key.time_ns) < FORGOTTEN_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::{call, process};

    #[test]
    fn an_arranger_is_named_by_its_call_alone() {
        let mut arrangers = Arrangers::default();
        arrangers.push(Arranger {
            signal: call(5).key(),
            process: process(9),
        });
        assert_eq!(arrangers.complete_call(call(6)).arranged_by, None);
        assert_eq!(
            arrangers.complete_call(call(5)).arranged_by,
            Some(process(9))
        );
        assert_eq!(arrangers.complete_call(call(5)).arranged_by, None);
    }

    #[test]
    fn an_arranger_whose_signal_is_lost_is_forgotten() {
        let mut arrangers = Arrangers::default();
        arrangers.push(Arranger {
            signal: call(5).key(),
            process: process(9),
        });
        arrangers.forget(5 + FORGOTTEN_NS);
        assert!(arrangers.0.is_empty());
    }
}
