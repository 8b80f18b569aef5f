//! When to try again what failed.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The time of the next try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) at: Instant,
    /// Failures in a row, except those that only a delay can cure.
    failures: u32,
}

impl Retry {
    /// In one second, however often it has failed.
    pub(super) fn soon(now: Instant) -> Self {
        Self {
            at: now + FIRST,
            failures: 0,
        }
    }

    /// In 1, 2, 4 and so on up to 60 seconds, growing with each failure in a
    /// row.
    pub(super) fn later(previous: Option<Self>, now: Instant) -> Self {
        let failures = previous.map_or(0, |previous| previous.failures);
        let pause = FIRST.saturating_mul(1 << failures.min(6));
        Self {
            at: now + pause.min(LONGEST),
            failures: failures.saturating_add(1),
        }
    }
}

/// A write that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) retry: Retry,
    pub(super) remedy: Remedy,
}

/// What to do before the next try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Remedy {
    /// Nothing: there is no space, and there may be some at any moment.
    Wait,
    /// Open the file again.
    Reopen,
}
