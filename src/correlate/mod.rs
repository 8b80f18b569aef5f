//! Records of many CPUs -> whole events in the order of time, and the accounts
//! of what is missing.
//!
//! # What comes in
//!
//! One reading of the rings is a [`Batch`]: records of all CPUs, each CPU's in
//! its order. Three things keep a record from being a line at once:
//!
//! - **Order.** One CPU's ring is read before another's, so a younger record
//!   can arrive first. [`order`] holds calls until every ring has been read
//!   after their time.
//! - **Groups.** A call to a group and each process that it reached are records
//!   of their own, perhaps in different rings. [`join`] keeps the recipients
//!   until their call comes, and lets the call wait for one more reading if
//!   some have not come.
//! - **Skipped exits.** Where the kernel can skip an exit probe, the signal may
//!   be the only evidence of its call. [`witness`] holds what was seen of the
//!   signal until the call's own record comes, or has had its time.
//!
//! # What goes out
//!
//! [`Correlator::release`] hands out each call once, oldest first, with the
//! recipients of a group. [`Correlator::losses`] says, reason by reason, how many
//! calls will never come: a record that a ring refused is counted in the kernel,
//! and a gap in a CPU's sequence that no counter explains is a loss as well.
//!
//! # One reading, step by step
//!
//! The order of the steps in [`Correlator::take`] matters. Recipients are joined
//! before calls are offered, because a call is complete only if its recipients
//! are known. Calls that waited since the reading before are released first,
//! because this reading brought whatever could still come for them. Records from
//! the witness come before calls, because a call's own record replaces them.

mod arrange;
mod exits;
mod join;
mod oom;
mod order;
mod witness;

pub use self::order::SLACK_NS;
use self::{
    arrange::Arrangers,
    exits::Exits,
    join::Joiner,
    oom::Victims,
    order::{Orderer, Timed},
    witness::Witnessed,
};
use crate::{
    event::{Batch, End, Exit, Recipient, Signal},
    loss::{Counters, Entry, Reason, What},
};

/// What has its place in the order of time, and is handed out in it.
#[derive(Debug)]
pub enum Released<'a> {
    /// A signal, with the processes that a call to a group reached.
    Signal(&'a Signal, &'a [Recipient]),
    /// The end of a process.
    Exit(&'a Exit),
}

#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)]
enum Held {
    Signal(Signal),
    Exit(Exit),
}

impl Timed for Held {
    fn time_ns(&self) -> u64 {
        match self {
            Self::Signal(signal) => signal.time_ns(),
            Self::Exit(exit) => exit.end.time_ns,
        }
    }
}

/// Puts records together and in order, and accounts for those that are missing.
#[derive(Debug)]
pub struct Correlator {
    joiner: Joiner,
    witnessed: Witnessed,
    victims: Victims,
    arrangers: Arrangers,
    exits: Exits,
    orderer: Orderer<Held>,
    /// Records that could not be decoded.
    malformed: u64,
    /// Exits that the kernel skipped, as counted when the witness had reported
    /// all of them that it saw.
    settled_skips: u64,
}

impl Correlator {
    /// An empty one. `exits_skippable`: the kernel may skip exit probes.
    pub fn new(exits_skippable: bool) -> Self {
        Self {
            joiner: Joiner::default(),
            witnessed: Witnessed::new(exits_skippable),
            victims: Victims::default(),
            arrangers: Arrangers::default(),
            exits: Exits::default(),
            orderer: Orderer::new(),
            malformed: 0,
            settled_skips: 0,
        }
    }

    /// Takes what one reading of the rings brought. `now_ns` is a time before
    /// that reading.
    pub fn take(&mut self, batch: &Batch, now_ns: u64) {
        self.malformed += batch.malformed;
        for victim in &batch.oom_victims {
            self.victims.push(*victim);
        }
        for arranger in &batch.arrangers {
            self.arrangers.push(*arranger);
        }
        for signal in &batch.generated {
            let signal = self.arrangers.complete(*signal);
            self.victims.expect(&signal);
            self.push(Signal::Generated(signal));
        }
        for exit in &batch.exits {
            if self.exits.is_new(exit) {
                self.orderer.push(Held::Exit(*exit));
            }
        }
        for recipient in &batch.recipients {
            self.joiner.push(*recipient);
        }
        for call in self.joiner.overdue() {
            self.push(Signal::Call(call));
        }
        self.witnessed.start_batch();
        for call in &batch.witnesses {
            let call = self.arrangers.complete_call(*call);
            self.witnessed.hold(call);
        }
        for call in &batch.calls {
            let call = self.arrangers.complete_call(*call);
            let call = self.witnessed.offer(call);
            if let Some(call) = call.and_then(|call| self.joiner.offer(call)) {
                self.push(Signal::Call(call));
            }
        }
        for call in self.witnessed.overdue(now_ns) {
            let call = self.joiner.complete(call);
            self.push(Signal::Call(call));
        }
    }

    /// Takes processes that may have ended because they were asked to.
    pub fn take_ends(&mut self, ends: &[End]) {
        for &end in ends {
            let exit = Exit {
                end,
                process: None,
                by: None,
            };
            // Of the others there is a record of its own.
            if exit.signal().is_none() {
                self.orderer.push(Held::Exit(exit));
            }
        }
    }

    fn push(&mut self, signal: Signal) {
        self.orderer.push(Held::Signal(signal));
    }

    /// The rings are empty and nothing is sent any more: what was waited for
    /// will not come. `probe_skipped` is the kernel's last count.
    pub fn finish(&mut self, probe_skipped: u64) {
        for call in self.witnessed.rest() {
            let call = self.joiner.complete(call);
            self.push(Signal::Call(call));
        }
        self.settled_skips = probe_skipped;
        for call in self.joiner.overdue() {
            self.push(Signal::Call(call));
        }
    }

    /// Up to when signals can be released, if all up to `horizon_ns` have come.
    pub fn horizon(&mut self, horizon_ns: u64) -> u64 {
        self.victims.horizon(horizon_ns)
    }

    /// Hands out, oldest first, all signals and exits up to `horizon_ns`, and whether
    /// each comes after younger ones.
    pub fn release(&mut self, horizon_ns: u64, mut each: impl FnMut(Released<'_>, bool)) {
        let (joiner, victims) = (&mut self.joiner, &self.victims);
        self.orderer.release(horizon_ns, |held, late| match held {
            Held::Signal(signal @ Signal::Call(call)) => {
                each(Released::Signal(signal, &joiner.take(call)), late);
            }
            Held::Signal(Signal::Generated(signal)) => {
                let signal = Signal::Generated(victims.decide(*signal));
                each(Released::Signal(&signal, &[]), late);
            }
            Held::Exit(exit) => each(Released::Exit(exit), late),
        });
    }

    /// Whether signals or exits wait for their place in the order.
    pub fn is_holding(&self) -> bool {
        self.orderer.held() > 0
    }

    /// From time to time: forgets what will never be asked for, and takes the
    /// kernel's count of skipped exits of a while ago. By now the witness has
    /// reported those of them that it saw.
    pub fn maintain(&mut self, probe_skipped: u64, now_ns: u64) {
        self.settled_skips = probe_skipped;
        self.joiner.forget_orphans(now_ns);
        self.victims.forget(now_ns);
        self.exits.forget();
        self.arrangers.forget(now_ns);
    }

    /// What was lost so far, by reason. `gaps`: how many records are missing in the
    /// CPUs' sequences.
    pub fn losses(&self, counters: &Counters, gaps: u64) -> [(Entry, u64); 15] {
        let explained = counters.refused() + self.malformed;
        self.losses_with(counters, gaps.saturating_sub(explained))
    }

    /// As [`Self::losses`], once nothing is sent any more and the rings are
    /// empty: then each record that was tried has come (there were `received`),
    /// or was refused and counted.
    pub fn final_losses(&self, counters: &Counters, received: u64) -> [(Entry, u64); 15] {
        let explained = received + counters.refused() + self.malformed;
        self.losses_with(counters, counters.tried.saturating_sub(explained))
    }

    fn losses_with(&self, counters: &Counters, unexplained: u64) -> [(Entry, u64); 15] {
        let skipped = (self.settled_skips).saturating_sub(self.witnessed.skipped());
        let calls = |reason| Entry::new(What::Calls, reason);
        let signals = |reason| Entry::new(What::Signals, reason);
        let exits = |reason| Entry::new(What::Exits, reason);
        [
            (calls(Reason::RingFull), counters.ring_full),
            (calls(Reason::RingAbsent), counters.ring_absent),
            (calls(Reason::RingError), counters.ring_error),
            (calls(Reason::EntryMissing), counters.entry_missing),
            (calls(Reason::ProbeSkipped), skipped),
            (calls(Reason::Malformed), self.malformed),
            (calls(Reason::Unexplained), unexplained),
            (signals(Reason::RingFull), counters.signals_full),
            (signals(Reason::RingAbsent), counters.signals_absent),
            (signals(Reason::RingError), counters.signals_error),
            (signals(Reason::ProbeSkipped), counters.signals_skipped),
            (exits(Reason::RingFull), counters.exits_full),
            (exits(Reason::RingAbsent), counters.exits_absent),
            (exits(Reason::RingError), counters.exits_error),
            (exits(Reason::ProbeSkipped), counters.exits_skipped),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Call, samples::call};

    fn batch(calls: &[Call]) -> Batch {
        Batch {
            calls: calls.to_vec(),
            ..Batch::default()
        }
    }

    fn released(correlator: &mut Correlator, horizon_ns: u64) -> Vec<u64> {
        let mut times = Vec::new();
        correlator.release(horizon_ns, |released, _| match released {
            Released::Signal(signal, _) => times.push(signal.time_ns()),
            Released::Exit(exit) => times.push(exit.end.time_ns),
        });
        times
    }

    #[test]
    fn calls_of_two_readings_come_out_in_the_order_of_time() {
        let mut correlator = Correlator::new(false);
        correlator.take(&batch(&[call(30)]), 40);
        assert_eq!(released(&mut correlator, 20), [0; 0]);
        assert!(correlator.is_holding());
        correlator.take(&batch(&[call(25)]), 50);
        assert_eq!(released(&mut correlator, 40), [25, 30]);
        assert!(!correlator.is_holding());
    }

    #[test]
    fn a_group_that_stays_incomplete_is_released_at_the_end() {
        let group = Call {
            arg: 0,
            recipient_count: 2,
            ..call(5)
        };
        let mut correlator = Correlator::new(false);
        correlator.take(&batch(&[group]), 10);
        assert_eq!(released(&mut correlator, u64::MAX), [0; 0]);
        correlator.finish(0);
        let mut lost = None;
        correlator.release(u64::MAX, |released, _| {
            if let Released::Signal(signal, _) = released {
                lost = signal.call().map(|call| call.recipients_lost);
            }
        });
        assert_eq!(lost, Some(2));
    }

    #[test]
    fn each_missing_record_has_one_reason() {
        let mut correlator = Correlator::new(true);
        let malformed = Batch {
            malformed: 2,
            ..Batch::default()
        };
        correlator.take(&malformed, 0);
        let counters = Counters {
            tried: 20,
            ring_full: 3,
            probe_skipped: 9,
            ..Counters::default()
        };
        let of = |losses: [(Entry, u64); 15], reason| {
            let wanted = Entry::new(What::Calls, reason);
            let found = losses.into_iter().find(|&(entry, _)| entry == wanted);
            found.map(|(_, count)| count)
        };
        let losses = correlator.losses(&counters, 6);
        assert_eq!(of(losses, Reason::RingFull), Some(3));
        assert_eq!(of(losses, Reason::Malformed), Some(2));
        assert_eq!(of(losses, Reason::Unexplained), Some(1));
        assert_eq!(of(losses, Reason::ProbeSkipped), Some(0));
        correlator.maintain(counters.probe_skipped, 0);
        let losses = correlator.final_losses(&counters, 11);
        assert_eq!(of(losses, Reason::ProbeSkipped), Some(9));
        assert_eq!(of(losses, Reason::Unexplained), Some(4));
    }
}
