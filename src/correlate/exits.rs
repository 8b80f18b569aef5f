//! Leaves out exits that are told twice: of two threads that end at the same moment,
//! each may see itself as the last of its process.

use std::{collections::HashSet, mem};

use crate::event::Exit;

/// The processes that have ended in the last moments, by pid and start time.
#[derive(Debug, Default)]
pub struct Exits {
    last: HashSet<(u32, u64)>,
    before: HashSet<(u32, u64)>,
}

impl Exits {
    /// Whether this exit was not told before.
    pub fn is_new(&mut self, exit: &Exit) -> bool {
        let process = (exit.end.pid, exit.end.start_ns);
        !self.before.contains(&process) && self.last.insert(process)
    }

    /// Forgets those that came before the last time.
    pub fn forget(&mut self) {
        self.before = mem::take(&mut self.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::exit;

    #[test]
    fn an_exit_is_new_once() {
        let mut exits = Exits::default();
        assert!(exits.is_new(&exit(1, 2, 9)));
        assert!(!exits.is_new(&exit(2, 2, 9)));
        assert!(exits.is_new(&exit(3, 3, 9)));
        exits.forget();
        assert!(!exits.is_new(&exit(4, 2, 9)));
        exits.forget();
        exits.forget();
        assert!(exits.last.is_empty() && exits.before.is_empty());
    }
}
