//! What every line starts with: its time, its number, the machine's name.

use crate::{
    clock::{Clock, Timestamp},
    record::Head,
};

/// Stamps lines.
#[derive(Debug)]
pub struct Stamp {
    clock: Clock,
    hostname: String,
    /// The time of the line before, for lines about the stream itself.
    last_ns: u64,
}

impl Stamp {
    /// For a machine of this name.
    pub fn new(hostname: String) -> Self {
        Self {
            clock: Clock::new(),
            hostname,
            last_ns: 0,
        }
    }

    /// The wall clock may have been set since.
    pub fn sync(&mut self) {
        self.clock.sync();
    }

    /// Turns other times of the kernel into UTC.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The machine's name.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The time of a signal's line.
    pub fn signal(&mut self, time_ns: u64, late: bool) -> Timestamp {
        if late {
            self.clock.late_timestamp(time_ns)
        } else {
            self.last_ns = time_ns;
            self.clock.timestamp(time_ns)
        }
    }

    /// A moment of the past that does not move the order of lines.
    pub fn past(&mut self, time_ns: u64) -> Timestamp {
        self.clock.late_timestamp(time_ns)
    }

    /// The time of the line before.
    pub const fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// The head of a line about the stream that is made at `now_ns`. It is never
    /// older than the line before.
    pub fn stream(&mut self, seq: u64, now_ns: u64) -> Head<'_> {
        self.last_ns = self.last_ns.max(now_ns);
        Head {
            timestamp: self.clock.timestamp(self.last_ns),
            seq,
            hostname: &self.hostname,
        }
    }
}
