//! Ends whose cause may still come.
//!
//! A call has its line when it returns. Its sender may be kept from running until then,
//! and whom it signals may have ended long before. So an end without a known cause waits
//! for a while.

use std::collections::{HashMap, VecDeque};

use crate::event::{EndedBy, Exit, Recipient};

/// How long a call may take to return after it has ended a process.
pub const PATIENCE_NS: u64 = 5_000_000_000;

/// Most ends that wait, of those by a signal and of the others.
const MOST: usize = 16_384;

/// A process: its pid, and when it started.
type Key = (u32, u64);

/// Ends without a known cause, for a while.
#[derive(Debug, Default)]
pub struct Waiting {
    by_signal: Line,
    /// Of these the kernel side says no more than that they may have been asked to.
    by_themselves: Line,
}

/// Ends in their order.
#[derive(Debug, Default)]
struct Line {
    exits: HashMap<Key, Exit>,
    /// Some may have been taken.
    keys: VecDeque<Key>,
}

impl Waiting {
    /// Whether a signal that is not known yet may be its cause.
    pub fn is_open(exit: &Exit) -> bool {
        !matches!(exit.by, Some(EndedBy::Seccomp | EndedBy::Reboot))
    }

    /// Keeps an end. If there are too many, gives back the oldest.
    pub fn push(&mut self, exit: Exit) -> Option<Exit> {
        let line = match exit.signal() {
            Some(_) => &mut self.by_signal,
            None => &mut self.by_themselves,
        };
        line.push(exit)
    }

    /// Takes the end of whom a signal reached, if it waits and is as wanted.
    pub fn take(
        &mut self,
        recipient: &Recipient,
        mut is_wanted: impl FnMut(&Exit) -> bool,
    ) -> Option<Exit> {
        let key = (recipient.process.pid, recipient.process.start_ns);
        let mut lines = [&mut self.by_signal, &mut self.by_themselves].into_iter();
        lines.find_map(|line| {
            line.exits
                .get(&key)
                .is_some_and(&mut is_wanted)
                .then(|| line.exits.remove(&key))?
        })
    }

    /// Takes one that has waited since before that time.
    pub fn overdue(&mut self, before_ns: u64) -> Option<Exit> {
        let exit = self.by_signal.overdue(before_ns);
        exit.or_else(|| self.by_themselves.overdue(before_ns))
    }

    /// Whether any end by a signal waits.
    pub fn holds_ends_by_signals(&self) -> bool {
        !self.by_signal.exits.is_empty()
    }
}

impl Line {
    fn push(&mut self, exit: Exit) -> Option<Exit> {
        let key = (exit.end.pid, exit.end.start_ns);
        self.exits.insert(key, exit);
        self.keys.push_back(key);
        match self.keys.len() > MOST {
            true => self.pop(),
            false => None,
        }
    }

    fn pop(&mut self) -> Option<Exit> {
        let key = self.keys.pop_front()?;
        self.exits.remove(&key)
    }

    fn overdue(&mut self, before_ns: u64) -> Option<Exit> {
        while let Some(key) = self.keys.front() {
            match self.exits.get(key) {
                Some(exit) if exit.end.time_ns >= before_ns => return None,
                Some(_) => return self.pop(),
                None => _ = self.keys.pop_front(),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Origin,
        samples::{exit, generated},
    };

    #[test]
    fn an_end_waits_for_its_time() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.push(exit(10, 1, 9)), None);
        assert_eq!(waiting.push(exit(20, 2, 0)), None);
        assert!(waiting.holds_ends_by_signals());
        assert_eq!(waiting.overdue(10), None);
        assert_eq!(waiting.overdue(11), Some(exit(10, 1, 9)));
        assert_eq!(waiting.overdue(20), None);
        assert_eq!(waiting.overdue(21), Some(exit(20, 2, 0)));
        assert_eq!(waiting.overdue(u64::MAX), None);
        assert!(!waiting.holds_ends_by_signals());
    }

    #[test]
    fn an_end_goes_once_to_the_signal_that_reached_its_process() {
        for status in [9, 0] {
            let mut waiting = Waiting::default();
            waiting.push(exit(10, 2, status));
            let mut other = generated(5, Origin::Fault, 2).recipient;
            other.process.start_ns += 1;
            assert_eq!(waiting.take(&other, |_| true), None);
            let recipient = generated(5, Origin::Fault, 2).recipient;
            assert_eq!(waiting.take(&recipient, |_| false), None);
            let taken = waiting.take(&recipient, |_| true);
            assert_eq!(taken, Some(exit(10, 2, status)));
            assert_eq!(waiting.take(&recipient, |_| true), None);
            assert_eq!(waiting.overdue(u64::MAX), None);
        }
    }

    #[test]
    fn of_too_many_ends_the_oldest_does_not_wait() {
        let mut waiting = Waiting::default();
        for pid in 1..=MOST as u32 {
            assert_eq!(waiting.push(exit(10, pid, 9)), None);
        }
        assert_eq!(waiting.push(exit(11, 0, 9)), Some(exit(10, 1, 9)));
        assert_eq!(waiting.push(exit(11, 0, 0)), None);
    }

    #[test]
    fn the_kernel_has_said_why_some_have_ended() {
        let by = |by| Exit {
            by,
            ..exit(1, 2, 9)
        };
        assert!(Waiting::is_open(&by(None)));
        assert!(Waiting::is_open(&by(Some(EndedBy::Tracer))));
        assert!(!Waiting::is_open(&by(Some(EndedBy::Seccomp))));
        assert!(!Waiting::is_open(&by(Some(EndedBy::Reboot))));
    }
}
