//! The canary: a signal that sigtrail sends itself, 0 where that can be seen.
//! While it comes back through the kernel, silence means that nobody else sends
//! signals.

use std::time::{Duration, Instant};

use rustix::{
    fs::stat,
    process::{Signal, getpid, kill_process, test_kill_process},
};

/// Longest time between two canaries while all is well.
const INTERVAL: Duration = Duration::from_secs(10);
/// Time between two canaries while one is missing: a single one may have met a
/// full ring.
const RETRY: Duration = Duration::from_secs(1);
/// Shortest time that a canary may be missing before sigtrail reports `blind`.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kernel's `PROC_PID_INIT_INO`.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Whether sigtrail sees calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// The canary has come back, or still may.
    Seeing,
    /// The canary should have come back.
    Blind,
}

/// When the last canary was sent, and whether it has come back.
#[derive(Debug)]
pub struct Canary {
    /// None stands for signal 0.
    signal: Option<Signal>,
    interval: Duration,
    next: Option<Instant>,
    missing_since: Option<Instant>,
    visibility: Visibility,
}

impl Canary {
    /// Sent once each status interval, and at least once in 10 s. Never sent from
    /// another pid namespace, where the probes would not recognize it.
    pub fn new(status_interval: Option<Duration>, signal: Option<Signal>, now: Instant) -> Self {
        Self {
            signal,
            interval: interval(status_interval),
            next: own_pid().map(|_| now),
            missing_since: None,
            visibility: Visibility::Seeing,
        }
    }

    /// Changes the time between two canaries.
    pub fn set_interval(&mut self, status_interval: Option<Duration>) {
        self.interval = interval(status_interval);
    }

    /// Whether canaries come back.
    pub const fn visibility(&self) -> Visibility {
        self.visibility
    }

    /// To be called after each reading of the rings, which brought `returned`
    /// canaries. Sends the next if it is due. Returns what has changed.
    pub fn check(&mut self, returned: u64, now: Instant) -> Option<Visibility> {
        let due = self.next.is_some_and(|next| next <= now);
        let change = self.note(returned, now);
        if due {
            // The result does not matter: the call is what has to come back.
            let _ = match self.signal {
                Some(signal) => kill_process(getpid(), signal),
                None => test_kill_process(getpid()),
            };
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

    fn note(&mut self, returned: u64, now: Instant) -> Option<Visibility> {
        if returned > 0 {
            self.missing_since = None;
        }
        let patience = self.interval.max(PATIENCE);
        let visibility = match self.missing_since {
            Some(since) if now.duration_since(since) >= patience => Visibility::Blind,
            Some(_) => self.visibility,
            None => Visibility::Seeing,
        };
        let changed = visibility != self.visibility;
        self.visibility = visibility;
        // Once one is late, the next is sent soon.
        if let (Some(since), Some(next)) = (self.missing_since, self.next)
            && now.duration_since(since) >= RETRY
        {
            self.next = Some(next.min(now + RETRY));
        }
        changed.then_some(visibility)
    }
}

fn interval(status_interval: Option<Duration>) -> Duration {
    status_interval.unwrap_or(INTERVAL).min(INTERVAL)
}

/// This process's number in the initial pid namespace, which the kernel side
/// knows it by. None in another namespace.
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
        let mut canary = Canary::new(Some(Duration::from_secs(5)), None, start);
        canary.next = Some(start);
        assert_eq!(canary.check(0, at(0)), None);
        assert_eq!(canary.check(1, at(1)), None);
        assert_eq!(canary.check(0, at(5)), None);
        assert_eq!(canary.check(0, at(9)), None);
        assert_eq!(canary.check(0, at(10)), Some(Visibility::Blind));
        assert_eq!(canary.check(0, at(11)), None);
        assert_eq!(canary.visibility(), Visibility::Blind);
        assert_eq!(canary.check(1, at(12)), Some(Visibility::Seeing));
        assert_eq!(canary.visibility(), Visibility::Seeing);
    }
}
