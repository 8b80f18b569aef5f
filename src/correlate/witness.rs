//! Calls that the witness tells of, until their own records come, or do not.
//!
//! Where exits can be skipped, or are not probed, a signal is the only evidence
//! of its call. What the witness says is held for a while; then it becomes a
//! line, and stands for the call.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::event::{Call, CallKey};

/// How long a call's own record may be on its way.
const HOLD_NS: u64 = 900_000_000;
/// How long it is remembered that a call was told of: its own record is not
/// written as well, should it come at last.
const REMEMBER_NS: u64 = 60_000_000_000;
/// Of so many calls at most.
const MOST: usize = 1 << 16;

/// By time, and then by thread.
type Place = (u64, u32);

#[derive(Debug, Clone, Copy)]
struct Held {
    call: Call,
    /// Its own record may follow.
    follows: bool,
}

/// What the witness has seen.
#[derive(Debug, Default)]
pub struct Evidence {
    held: BTreeMap<Place, Held>,
    told: BTreeSet<Place>,
    /// The calls of the reading before, and of this one: another CPU's ring,
    /// where the witness spoke, may have been read too early.
    before: HashSet<CallKey>,
    now: HashSet<CallKey>,
    /// Exits can be skipped.
    skippable: bool,
    skipped: u64,
}

const fn place(call: &Call) -> Place {
    (call.time_ns, call.sender.tid)
}

impl Evidence {
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

    /// Takes what the witness says of a call whose own record may follow.
    pub fn hold(&mut self, call: Call) {
        if !self.before.contains(&call.key()) {
            let follows = true;
            self.held.insert(place(&call), Held { call, follows });
        }
    }

    /// A call has come. It is given back if it is a line of its own; what only
    /// the witness has seen of a group is held until all of it is here.
    pub fn offer(&mut self, call: Call) -> Option<Call> {
        if call.witness_only {
            if call.scope().is_group() {
                let follows = false;
                self.held.insert(place(&call), Held { call, follows });
                return None;
            }
            return Some(call);
        }
        if !self.skippable {
            return Some(call);
        }
        self.now.insert(call.key());
        self.held.remove(&place(&call));
        // Late as it is, it was told of already.
        (!self.told.contains(&place(&call))).then_some(call)
    }

    /// The calls whose own records did not come by now; at the end, all.
    pub fn overdue(&mut self, now_ns: u64, at_end: bool) -> Vec<Call> {
        let mut calls = Vec::new();
        while let Some(first) = self.held.first_entry() {
            let waits = now_ns.saturating_sub(first.key().0) < HOLD_NS;
            if waits && !at_end {
                break;
            }
            let (place, Held { call, follows }) = first.remove_entry();
            if follows {
                self.skipped += 1;
                self.told.insert(place);
            }
            calls.push(call);
        }
        let stale = (now_ns.saturating_sub(REMEMBER_NS), 0);
        while self.told.first().is_some_and(|first| *first < stale) || self.told.len() > MOST {
            self.told.pop_first();
        }
        calls
    }

    /// Calls whose exits were skipped and that were told of all the same.
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
    fn a_call_whose_record_comes_is_told_once() {
        let mut evidence = Evidence::new(true);
        evidence.hold(witnessed(5));
        assert_eq!(evidence.offer(call(5)), Some(call(5)));
        assert_eq!(evidence.overdue(5 + HOLD_NS, false), []);
        assert_eq!(evidence.skipped(), 0);
    }

    #[test]
    fn a_witness_who_is_read_after_the_call_is_not_needed() {
        let mut evidence = Evidence::new(true);
        evidence.start_batch();
        assert_eq!(evidence.offer(call(5)), Some(call(5)));
        evidence.start_batch();
        evidence.hold(witnessed(5));
        assert_eq!(evidence.overdue(5, true), []);
    }

    #[test]
    fn a_call_whose_record_does_not_come_is_told_after_a_while_and_never_twice() {
        let mut evidence = Evidence::new(true);
        evidence.hold(witnessed(5));
        assert_eq!(evidence.overdue(4 + HOLD_NS, false), []);
        assert_eq!(evidence.overdue(5 + HOLD_NS, false), [witnessed(5)]);
        assert_eq!(evidence.skipped(), 1);
        assert_eq!(evidence.offer(call(5)), None);
        assert_eq!(evidence.offer(call(6)), Some(call(6)));
        assert_eq!(evidence.overdue(6 + REMEMBER_NS, false), []);
        assert!(evidence.told.is_empty());
    }

    #[test]
    fn a_group_that_only_the_witness_saw_waits_for_all_of_it() {
        let mut evidence = Evidence::new(false);
        let group = Call {
            arg: -2,
            ..witnessed(5)
        };
        assert_eq!(evidence.offer(witnessed(4)), Some(witnessed(4)));
        assert_eq!(evidence.offer(group), None);
        assert_eq!(evidence.overdue(5, true), [group]);
        assert_eq!(evidence.skipped(), 0);
    }
}
