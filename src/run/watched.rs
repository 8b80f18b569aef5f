//! The processes that the command line names as targets: when all of them have ended,
//! there is nothing more to come.

use std::collections::BTreeSet;

use crate::{event::Exit, identity::is_running};

/// Those that have not ended yet.
#[derive(Debug, Default)]
pub struct Watched {
    pids: BTreeSet<u32>,
    /// Later ones have their numbers, but are others.
    started_before_ns: u64,
    any: bool,
}

impl Watched {
    /// Processes of these numbers, if all of them are there. `now_ns` is in
    /// `CLOCK_BOOTTIME`.
    pub fn new(pids: impl IntoIterator<Item = u32>, now_ns: u64) -> Self {
        let pids: BTreeSet<_> = pids.into_iter().collect();
        if pids.is_empty() || !pids.iter().all(|&pid| is_running(pid)) {
            return Self::default();
        }
        Self {
            pids,
            started_before_ns: now_ns,
            any: true,
        }
    }

    /// A process has ended.
    pub fn note(&mut self, exit: &Exit) {
        if exit.end.start_ns < self.started_before_ns {
            self.pids.remove(&exit.end.pid);
        }
    }

    /// Whether there were any, and all have ended.
    pub fn have_ended(&self) -> bool {
        self.any && self.pids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::exit;

    #[test]
    fn who_is_not_there_is_not_waited_for() {
        let own = std::process::id();
        for pids in [&[][..], &[own, u32::MAX]] {
            let mut watched = Watched::new(pids.iter().copied(), 2);
            watched.note(&exit(3, own, 9));
            assert!(!watched.have_ended());
        }
    }

    #[test]
    fn all_must_end_and_a_number_that_is_used_again_is_another() {
        let own = std::process::id();
        let mut watched = Watched::new([own, 1], 2);
        watched.note(&exit(3, own, 9));
        assert!(!watched.have_ended());
        let mut other = exit(3, 1, 9);
        other.end.start_ns = 2;
        watched.note(&other);
        assert!(!watched.have_ended());
        watched.note(&exit(3, 1, 0));
        assert!(watched.have_ended());
    }
}
