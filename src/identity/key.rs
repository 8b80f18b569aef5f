//! What identifies a process.

/// The unit of start times in `/proc` (`USER_HZ` is 100 on every Linux).
pub const TICK_NS: u64 = 10_000_000;

/// Identifies a process: its number, and when it started, in nanoseconds of
/// `CLOCK_BOOTTIME`. Where only `/proc` tells of the start, that is a multiple of
/// [`TICK_NS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub pid: u32,
    pub start_ns: u64,
}

impl Key {
    pub const fn new(pid: u32, start_ns: u64) -> Self {
        Self { pid, start_ns }
    }

    /// As `/proc` has it.
    pub const fn rounded(self) -> Self {
        Self {
            start_ns: self.start_ns - self.start_ns % TICK_NS,
            ..self
        }
    }

    /// Whether only `/proc` has told of the start.
    pub const fn is_rounded(self) -> bool {
        self.start_ns.is_multiple_of(TICK_NS)
    }

    /// Whether it may be the same process.
    pub fn is_like(self, other: Self) -> bool {
        self == other
            || (self.is_rounded() || other.is_rounded()) && self.rounded() == other.rounded()
    }

    /// The next larger one.
    pub const fn next(self) -> Self {
        Self {
            start_ns: self.start_ns.saturating_add(1),
            ..self
        }
    }
}
