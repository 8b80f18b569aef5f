//! What the kernel side counted.

use std::ops::{Add, Sub};

/// What did not arrive, cause by cause, and how much was tried, since load.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Records that the exit probes tried to send.
    pub tried: u64,
    /// Calls lost: their CPU's ring was full.
    pub ring_full: u64,
    /// Calls lost: their CPU had no ring, as after it was taken on line.
    pub ring_absent: u64,
    /// Calls lost: the ring refused them for another reason.
    pub ring_error: u64,
    /// Calls lost: the entry was not seen, and the arguments could not be read
    /// at the exit.
    pub entry_missing: u64,
    /// Calls lost: the kernel skipped an exit probe. With `--attach raw` it may
    /// have been another system call's.
    pub probe_skipped: u64,
    /// Entries that found no slot. Their exits still report the calls.
    pub inflight_full: u64,
    /// Records that are not calls, refused by the rings: a recipient of a
    /// group, which its call's line counts, or a name, which is sent again.
    pub other_refused: u64,
}

impl Counters {
    /// Calls lost, with the cause's name in the records.
    pub fn losses(&self) -> [(&'static str, u64); 5] {
        [
            ("ring_full", self.ring_full),
            ("ring_absent", self.ring_absent),
            ("ring_error", self.ring_error),
            ("entry_missing", self.entry_missing),
            ("probe_skipped", self.probe_skipped),
        ]
    }

    /// Records that the rings refused.
    pub fn refused(&self) -> u64 {
        self.ring_full + self.ring_absent + self.ring_error + self.other_refused
    }

    fn each(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            tried: f(self.tried, other.tried),
            ring_full: f(self.ring_full, other.ring_full),
            ring_absent: f(self.ring_absent, other.ring_absent),
            ring_error: f(self.ring_error, other.ring_error),
            entry_missing: f(self.entry_missing, other.entry_missing),
            probe_skipped: f(self.probe_skipped, other.probe_skipped),
            inflight_full: f(self.inflight_full, other.inflight_full),
            other_refused: f(self.other_refused, other.other_refused),
        }
    }
}

impl Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }
}

impl Sub for Counters {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }
}
