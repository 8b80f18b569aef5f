//! Calls that were seen only by their signals, until their own records come.
//!
//! Where exit probes can be skipped, or do not exist, a signal may be the only
//! evidence of its call. The witness's record of it is held for a while. If the
//! call's own record does not come, the witness's record becomes the line.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::event::{Call, CallKey};

/// How long a call's own record may be on its way.
const HOLD_NS: u64 = 900_000_000;
/// How long a call that the witness's record stood for is remembered: should
/// its own record come at last, it does not become a second line.
const REMEMBER_NS: u64 = 60_000_000_000;
/// Most calls that are remembered.
const MOST_REMEMBERED: usize = 1 << 16;

/// Orders calls by time, then by thread.
type TimeKey = (u64, u32);

#[derive(Debug, Clone, Copy)]
struct Held {
    call: Call,
    /// Its own record may follow.
    follows: bool,
}

/// What the witness has seen.
#[derive(Debug, Default)]
pub struct Witnessed {
    held: BTreeMap<TimeKey, Held>,
    /// Calls that the witness's record already stood for.
    replaced: BTreeSet<TimeKey>,
    /// The calls of the reading before, and of this one: the witness's record
    /// may lie in another CPU's ring, which was read too early to bring it.
    before: HashSet<CallKey>,
    now: HashSet<CallKey>,
    /// Exits can be skipped.
    skippable: bool,
    skipped: u64,
}

const fn time_key(call: &Call) -> TimeKey {
    (call.time_ns, call.sender.tid)
}

impl Witnessed {
    /// Nothing yet; `skippable` says whether exits can be skipped.
    pub fn new(skippable: bool) -> Self {
        Self {
            skippable,
            ..Self::default()
        }
    }

    /// Before each reading's calls.
    pub fn start_batch(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
    }

    /// Takes the witness's record of a call whose own record may follow.
    pub fn hold(&mut self, call: Call) {
        if !self.before.contains(&call.key()) {
            let follows = true;
            self.held.insert(time_key(&call), Held { call, follows });
        }
    }

    /// Takes a call's record; returns it if it should become a line now. A group
    /// call seen only by the witness is held until its recipients have arrived.
    pub fn offer(&mut self, call: Call) -> Option<Call> {
        if call.witness_only {
            if call.scope().is_group() {
                let follows = false;
                self.held.insert(time_key(&call), Held { call, follows });
                return None;
            }
            return Some(call);
        }
        if !self.skippable {
            return Some(call);
        }
        self.now.insert(call.key());
        self.held.remove(&time_key(&call));
        // It comes too late: the witness's record stands for it already.
        (!self.replaced.contains(&time_key(&call))).then_some(call)
    }

    /// The calls whose own records should have come by now.
    pub fn overdue(&mut self, now_ns: u64) -> Vec<Call> {
        let calls = self.held_since(now_ns.saturating_sub(HOLD_NS));
        let stale = (now_ns.saturating_sub(REMEMBER_NS), 0);
        while (self.replaced.first()).is_some_and(|first| *first < stale)
            || self.replaced.len() > MOST_REMEMBERED
        {
            self.replaced.pop_first();
        }
        calls
    }

    /// All calls that still wait: no record will follow.
    pub fn rest(&mut self) -> Vec<Call> {
        self.held_since(u64::MAX)
    }

    fn held_since(&mut self, time_ns: u64) -> Vec<Call> {
        let mut calls = Vec::new();
        while let Some(first) = self.held.first_entry() {
            if first.key().0 > time_ns {
                break;
            }
            let (key, Held { call, follows }) = first.remove_entry();
            if follows {
                self.skipped += 1;
                self.replaced.insert(key);
            }
            calls.push(call);
        }
        calls
    }

    /// Calls whose exits were skipped and that became lines all the same.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::call;

    fn witnessed(time_ns: u64) -> Call {
        Call {
            witness_only: true,
            ..call(time_ns)
        }
    }

    #[test]
    fn a_call_whose_record_comes_is_one_line() {
        let mut seen = Witnessed::new(true);
        seen.hold(witnessed(5));
        assert_eq!(seen.offer(call(5)), Some(call(5)));
        assert_eq!(seen.overdue(5 + HOLD_NS), []);
        assert_eq!(seen.skipped(), 0);
    }

    #[test]
    fn a_witness_that_is_read_after_the_call_is_not_needed() {
        let mut seen = Witnessed::new(true);
        seen.start_batch();
        assert_eq!(seen.offer(call(5)), Some(call(5)));
        seen.start_batch();
        seen.hold(witnessed(5));
        assert_eq!(seen.rest(), []);
    }

    #[test]
    fn a_call_whose_record_does_not_come_is_a_line_after_a_while_and_never_twice() {
        let mut seen = Witnessed::new(true);
        seen.hold(witnessed(5));
        assert_eq!(seen.overdue(4 + HOLD_NS), []);
        assert_eq!(seen.overdue(5 + HOLD_NS), [witnessed(5)]);
        assert_eq!(seen.skipped(), 1);
        assert_eq!(seen.offer(call(5)), None);
        assert_eq!(seen.offer(call(6)), Some(call(6)));
        assert_eq!(seen.overdue(6 + REMEMBER_NS), []);
        assert!(seen.replaced.is_empty());
    }

    #[test]
    fn a_group_that_only_the_witness_saw_waits_for_all_of_it() {
        let mut seen = Witnessed::new(false);
        let group = Call {
            arg: -2,
            ..witnessed(5)
        };
        assert_eq!(seen.offer(witnessed(4)), Some(witnessed(4)));
        assert_eq!(seen.offer(group), None);
        assert_eq!(seen.rest(), [group]);
        assert_eq!(seen.skipped(), 0);
    }
}
