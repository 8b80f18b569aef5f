//! Which SIGKILLs are the OOM killer's.
//!
//! The signal itself looks like others that the kernel sends in its own name. The
//! OOM killer marks its victim right after it has signalled it, and then signals
//! the processes that share the victim's memory, all in one thread. That thread may
//! be preempted in between (on PREEMPT_RT also by its victim), so a signal without a
//! mark waits for one, and all later signals with it.

use crate::event::{Generated, OomVictim, Origin};

const SIGKILL: i32 = 9;
/// Marks are forgotten after this long: what they are for has been released.
const REMEMBER_NS: u64 = 5_000_000_000;
/// How long a mark may come after its signal.
const PATIENCE_NS: u64 = 100_000_000;

/// The victims of the last few seconds.
#[derive(Debug, Default)]
pub struct Victims {
    marks: Vec<OomVictim>,
    /// Signals that had no mark when they came.
    unmarked: Vec<Unmarked>,
}

#[derive(Debug, Clone, Copy)]
struct Unmarked {
    time_ns: u64,
    victim_tid: u32,
    tid: u32,
}

impl Victims {
    /// Takes a mark.
    pub fn push(&mut self, victim: OomVictim) {
        self.marks.push(victim);
    }

    /// Takes a signal, which is decided later.
    pub fn expect(&mut self, signal: &Generated) {
        if may_be(signal) {
            self.unmarked.push(Unmarked::from(signal));
        }
    }

    /// Up to when signals can be decided, if they have all come up to `horizon_ns`.
    pub fn horizon(&mut self, horizon_ns: u64) -> u64 {
        let marks = &self.marks;
        (self.unmarked).retain(|signal| {
            signal.time_ns.saturating_add(PATIENCE_NS) > horizon_ns && !signal.is_marked(marks)
        });
        let first = self.unmarked.iter().map(|signal| signal.time_ns).min();
        first.map_or(horizon_ns, |first| horizon_ns.min(first.saturating_sub(1)))
    }

    /// Forgets old marks.
    pub fn forget(&mut self, now_ns: u64) {
        (self.marks).retain(|victim| now_ns.saturating_sub(victim.time_ns) < REMEMBER_NS);
    }

    /// Decides whether the OOM killer sent a signal.
    pub fn decide(&self, mut signal: Generated) -> Generated {
        if !may_be(&signal) {
            return signal;
        }
        let unmarked = Unmarked::from(&signal);
        let victim = unmarked.own_mark(&self.marks);
        if victim.is_some() || unmarked.shares_memory(&self.marks) {
            signal.origin = Origin::Oom;
            signal.oom = victim.and_then(|victim| victim.figures);
            signal.limit = None;
        } else if signal.origin == Origin::Oom {
            signal.origin = Origin::Kernel;
            signal.sender = None;
        }
        signal
    }
}

impl From<&Generated> for Unmarked {
    fn from(signal: &Generated) -> Self {
        Self {
            time_ns: signal.time_ns,
            victim_tid: signal.recipient.process.tid,
            tid: signal.tid,
        }
    }
}

impl Unmarked {
    fn own_mark<'a>(&self, marks: &'a [OomVictim]) -> Option<&'a OomVictim> {
        (marks.iter())
            .find(|mark| mark.victim_tid == self.victim_tid && is_soon(self.time_ns, mark.time_ns))
    }

    /// Its sender has just marked another.
    fn shares_memory(&self, marks: &[OomVictim]) -> bool {
        (marks.iter()).any(|mark| mark.tid == self.tid && is_soon(mark.time_ns, self.time_ns))
    }

    fn is_marked(&self, marks: &[OomVictim]) -> bool {
        self.own_mark(marks).is_some() || self.shares_memory(marks)
    }
}

/// Whether the OOM killer may have sent a signal.
const fn may_be(signal: &Generated) -> bool {
    let origin = signal.origin;
    signal.signal == SIGKILL && matches!(origin, Origin::Oom | Origin::Rlimit | Origin::PidfdClose)
}

fn is_soon(first_ns: u64, then_ns: u64) -> bool {
    (then_ns.checked_sub(first_ns)).is_some_and(|after_ns| after_ns < PATIENCE_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::generated;

    fn kill(time_ns: u64, pid: u32, killer: u32) -> Generated {
        let mut signal = generated(time_ns, Origin::Oom, pid);
        signal.signal = SIGKILL;
        signal.tid = killer;
        signal
    }

    fn marked(time_ns: u64, victim_tid: u32, tid: u32) -> Victims {
        let mut victims = Victims::default();
        victims.push(OomVictim {
            time_ns,
            victim_tid,
            tid,
            figures: None,
        });
        victims
    }

    #[test]
    fn a_mark_makes_it_the_oom_killers() {
        let victims = marked(150, 7, 3);
        assert_eq!(victims.decide(kill(100, 7, 3)).origin, Origin::Oom);
        let limited = Generated {
            origin: Origin::Rlimit,
            ..kill(100, 7, 3)
        };
        assert_eq!(victims.decide(limited).origin, Origin::Oom);
    }

    #[test]
    fn those_that_share_the_victims_memory_follow_it() {
        let victims = marked(150, 7, 3);
        assert_eq!(victims.decide(kill(160, 8, 3)).origin, Origin::Oom);
        assert_eq!(victims.decide(kill(160, 8, 4)).origin, Origin::Kernel);
    }

    #[test]
    fn without_a_mark_the_kernel_does_not_say_why() {
        let decided = Victims::default().decide(kill(100, 7, 3));
        assert_eq!((decided.origin, decided.sender), (Origin::Kernel, None));
        let late = marked(100 + PATIENCE_NS, 7, 3);
        assert_eq!(late.decide(kill(100, 7, 3)).origin, Origin::Kernel);
        let other = Generated {
            signal: 15,
            ..kill(100, 7, 3)
        };
        assert_eq!(Victims::default().decide(other), other);
    }

    #[test]
    fn old_marks_are_forgotten() {
        let mut victims = marked(150, 7, 3);
        victims.forget(150 + REMEMBER_NS);
        assert!(victims.marks.is_empty());
    }

    #[test]
    fn a_signal_waits_for_its_mark_but_not_for_ever() {
        let mut victims = Victims::default();
        victims.expect(&kill(100, 7, 3));
        assert_eq!(victims.horizon(99), 99);
        assert_eq!(victims.horizon(5000), 99);
        victims.push(marked(4000, 7, 3).marks[0]);
        assert_eq!(victims.horizon(5000), 5000);
        victims.expect(&kill(6000, 8, 4));
        assert_eq!(victims.horizon(6000 + PATIENCE_NS), 6000 + PATIENCE_NS);
        assert_eq!(victims.horizon(u64::MAX), u64::MAX);
    }
}
