//! Which SIGKILLs are the OOM killer's.
//!
//! The signal itself looks like others that the kernel sends in its own name. The
//! OOM killer marks its victim right after it has signalled it, and then signals
//! the processes that share the victim's memory, all in one thread.

use super::order::SLACK_NS;
use crate::event::{Generated, OomVictim, Origin};

const SIGKILL: i32 = 9;
/// Marks are forgotten after this long: what they are for has been released.
const REMEMBER_NS: u64 = 5_000_000_000;

/// The victims of the last few seconds.
#[derive(Debug, Default)]
pub struct Victims(Vec<OomVictim>);

impl Victims {
    /// Takes a mark.
    pub fn push(&mut self, victim: OomVictim) {
        self.0.push(victim);
    }

    /// Forgets old marks.
    pub fn forget(&mut self, now_ns: u64) {
        (self.0).retain(|victim| now_ns.saturating_sub(victim.time_ns) < REMEMBER_NS);
    }

    /// Decides whether the OOM killer sent a signal.
    pub fn decide(&self, mut signal: Generated) -> Generated {
        let may_be = matches!(
            signal.origin,
            Origin::Oom | Origin::Rlimit | Origin::PidfdClose
        );
        if signal.signal != SIGKILL || !may_be {
            return signal;
        }
        let tid = signal.recipient.process.tid;
        let victim = (self.0.iter())
            .find(|victim| victim.victim_tid == tid && is_soon(signal.time_ns, victim.time_ns));
        let shares_memory = || {
            (self.0.iter())
                .any(|victim| victim.tid == signal.tid && is_soon(victim.time_ns, signal.time_ns))
        };
        if victim.is_some() || shares_memory() {
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

fn is_soon(first_ns: u64, then_ns: u64) -> bool {
    (then_ns.checked_sub(first_ns)).is_some_and(|after_ns| after_ns < SLACK_NS)
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
        let late = marked(100 + SLACK_NS, 7, 3);
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
        assert!(victims.0.is_empty());
    }
}
