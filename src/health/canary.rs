//! A signal 0 to itself that must come back through the kernel: proof that
//! silence means that nobody sends signals.

use std::time::{Duration, Instant};

use rustix::{
    fs::stat,
    process::{getpid, test_kill_process},
};

/// Time between two while all is well, at most.
const INTERVAL: Duration = Duration::from_secs(10);
/// Time between two while one is missing: one alone may meet a full ring.
const RETRY: Duration = Duration::from_secs(1);
/// No machine is so slow.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kernel's `PROC_PID_INIT_INO`.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It came back, or may still.
    Seeing,
    /// It should have come back.
    Blind,
}

/// When the last one was sent, and whether it came.
#[derive(Debug)]
pub struct Canary {
    interval: Duration,
    next: Option<Instant>,
    missing_since: Option<Instant>,
    sight: Sight,
}

impl Canary {
    /// Sent once each status interval, and once in 10 s at least. Never from
    /// another pid namespace, where the probes would not know it.
    pub fn new(status_interval: Option<Duration>, now: Instant) -> Self {
        Self {
            interval: interval(status_interval),
            next: own_pid().map(|_| now),
            missing_since: None,
            sight: Sight::Seeing,
        }
    }

    /// Changes the time between two.
    pub fn set_interval(&mut self, status_interval: Option<Duration>) {
        self.interval = interval(status_interval);
    }

    /// Whether it comes back.
    pub const fn sight(&self) -> Sight {
        self.sight
    }

    /// After each reading of the rings, which brought `returned` of them:
    /// sends the next if it is due. Says what has changed.
    pub fn tend(&mut self, returned: u64, now: Instant) -> Option<Sight> {
        let due = self.next.is_some_and(|next| next <= now);
        let change = self.note(returned, now);
        if due {
            // Its result does not matter: the call is what has to come back.
            let _ = test_kill_process(getpid());
            let pause = if self.missing_since.is_some() {
                RETRY
            } else {
                self.interval
            };
            self.missing_since.get_or_insert(now);
            self.next = Some(now + pause);
        }
        change
    }

    fn note(&mut self, returned: u64, now: Instant) -> Option<Sight> {
        if returned > 0 {
            self.missing_since = None;
        }
        let patience = self.interval.max(PATIENCE);
        let sight = match self.missing_since {
            Some(since) if now.duration_since(since) >= patience => Sight::Blind,
            Some(_) => self.sight,
            None => Sight::Seeing,
        };
        let changed = sight != self.sight;
        self.sight = sight;
        // Once one is late, others follow soon.
        if let (Some(since), Some(next)) = (self.missing_since, self.next)
            && now.duration_since(since) >= RETRY
        {
            self.next = Some(next.min(now + RETRY));
        }
        changed.then_some(sight)
    }
}

fn interval(status_interval: Option<Duration>) -> Duration {
    status_interval.unwrap_or(INTERVAL).min(INTERVAL)
}

/// This process's number as the kernel side knows it.
pub fn own_pid() -> Option<u32> {
    let namespace = stat("/proc/self/ns/pid").ok()?;
    (namespace.st_ino == INITIAL_PID_NAMESPACE).then(std::process::id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_that_does_not_come_back_is_missed_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut canary = Canary::new(Some(Duration::from_secs(5)), start);
        canary.next = Some(start);
        assert_eq!(canary.tend(0, at(0)), None);
        assert_eq!(canary.tend(1, at(1)), None);
        assert_eq!(canary.tend(0, at(5)), None);
        assert_eq!(canary.tend(0, at(9)), None);
        assert_eq!(canary.tend(0, at(10)), Some(Sight::Blind));
        assert_eq!(canary.tend(0, at(11)), None);
        assert_eq!(canary.sight(), Sight::Blind);
        assert_eq!(canary.tend(1, at(12)), Some(Sight::Seeing));
        assert_eq!(canary.sight(), Sight::Seeing);
    }
}
