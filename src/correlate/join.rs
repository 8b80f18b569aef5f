//! A call to a group and the processes that it reached: a record each on the
//! wire, one line in the output.
//!
//! Recipients are sent before their call, but they may lie in another CPU's ring
//! if the sender moved. So a call whose recipients have not all come waits for
//! one more reading of the rings.

use std::collections::HashMap;

use crate::event::{Call, CallKey, GroupRecipient, Recipient};

/// Most recipients that wait for their calls. kill(-1) on a machine with more
/// processes than this loses the rest, and counts them.
const MOST_WAITING: usize = 1 << 17;
/// A call whose record has not come for so long was lost.
const ORPHANED_NS: u64 = 30_000_000_000;

/// Joins recipients to their calls.
#[derive(Debug, Default)]
pub struct Joiner {
    recipients: HashMap<CallKey, Vec<Recipient>>,
    waiting: usize,
    incomplete: Vec<Call>,
}

impl Joiner {
    /// Takes a recipient.
    pub fn push(&mut self, sent: GroupRecipient) {
        if self.waiting < MOST_WAITING {
            self.waiting += 1;
            (self.recipients.entry(sent.call).or_default()).push(sent.recipient);
        }
    }

    /// Takes a call; returns it if all of its recipients are here.
    pub fn offer(&mut self, call: Call) -> Option<Call> {
        if self.is_complete(&call) {
            return Some(call);
        }
        self.incomplete.push(call);
        None
    }

    /// The calls that have waited for one reading of the rings. To be called
    /// before that reading's calls are offered. Recipients that did not come
    /// are counted as lost.
    pub fn overdue(&mut self) -> Vec<Call> {
        let mut calls = std::mem::take(&mut self.incomplete);
        for call in &mut calls {
            call.recipients_lost = call.recipient_count.saturating_sub(self.here(call));
        }
        calls
    }

    /// Completes a call for which no more recipients will come: those that are
    /// here are all.
    pub fn complete(&self, mut call: Call) -> Call {
        if call.scope().is_group() {
            call.recipient_count = self.here(&call);
        }
        call
    }

    /// The processes that a call reached.
    pub fn take(&mut self, call: &Call) -> Vec<Recipient> {
        if self.recipients.is_empty() {
            return Vec::new();
        }
        let found = self.recipients.remove(&call.key()).unwrap_or_default();
        self.waiting -= found.len();
        found
    }

    /// Forgets recipients whose call never came.
    pub fn forget_orphans(&mut self, now_ns: u64) {
        self.recipients.retain(|key, found| {
            let keep = now_ns.saturating_sub(key.time_ns) < ORPHANED_NS;
            if !keep {
                self.waiting -= found.len();
            }
            keep
        });
    }

    fn here(&self, call: &Call) -> u32 {
        let found = self.recipients.get(&call.key()).map_or(0, Vec::len);
        u32::try_from(found).unwrap_or(u32::MAX)
    }

    fn is_complete(&self, call: &Call) -> bool {
        call.recipient_count == 0
            || !call.scope().is_group()
            || self.here(call) + call.recipients_lost >= call.recipient_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Source,
        samples::{call, process},
    };

    fn group_call(recipients: u32) -> Call {
        Call {
            arg: 0,
            recipient_count: recipients,
            ..call(5)
        }
    }

    fn reached(pid: u32) -> GroupRecipient {
        GroupRecipient {
            call: group_call(0).key(),
            recipient: Recipient {
                process: process(pid),
                source: Source::Kernel,
                sender_ns_pid: None,
                fate: None,
            },
        }
    }

    fn pids(joiner: &mut Joiner) -> Vec<u32> {
        let found = joiner.take(&group_call(0));
        found.iter().map(|found| found.process.pid).collect()
    }

    #[test]
    fn a_call_whose_recipients_are_here_does_not_wait() {
        let mut joiner = Joiner::default();
        joiner.push(reached(7));
        joiner.push(reached(8));
        assert_eq!(joiner.offer(group_call(2)), Some(group_call(2)));
        assert_eq!(pids(&mut joiner), [7, 8]);
        assert_eq!(pids(&mut joiner), [0; 0]);
        assert_eq!(joiner.offer(call(6)), Some(call(6)));
    }

    #[test]
    fn a_call_waits_for_one_more_reading() {
        let mut joiner = Joiner::default();
        joiner.push(reached(7));
        assert_eq!(joiner.offer(group_call(2)), None);
        joiner.push(reached(8));
        assert_eq!(joiner.overdue(), [group_call(2)]);
        assert_eq!(joiner.overdue(), []);
        assert_eq!(pids(&mut joiner), [7, 8]);
    }

    #[test]
    fn what_does_not_come_is_counted() {
        let mut joiner = Joiner::default();
        joiner.push(reached(7));
        assert_eq!(joiner.offer(group_call(3)), None);
        assert_eq!(joiner.overdue()[0].recipients_lost, 2);
        let refused = Call {
            recipients_lost: 2,
            ..group_call(3)
        };
        assert_eq!(joiner.offer(refused), Some(refused));
    }

    #[test]
    fn recipients_of_a_lost_call_are_forgotten() {
        let mut joiner = Joiner::default();
        joiner.push(reached(7));
        joiner.forget_orphans(ORPHANED_NS);
        assert_eq!(joiner.waiting, 1);
        joiner.forget_orphans(ORPHANED_NS + 5);
        assert_eq!(joiner.waiting, 0);
        assert_eq!(pids(&mut joiner), [0; 0]);
    }
}
