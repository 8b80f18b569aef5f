//! Whom a signal reached, and what became of it there.

use super::process::{Process, Source};

/// What the kernel did with a signal for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Queued for it.
    Delivered,
    /// Dropped: it ignores the signal, or is dead already.
    Ignored,
    /// Merged with one that waits already.
    AlreadyPending,
    /// Refused: too many signals wait.
    Overflow,
    /// Queued without its details: too many signals wait.
    LostInfo,
    /// A number that this build does not know.
    Unknown(u32),
}

impl Outcome {
    /// All of them; one number stands for those that are unknown.
    pub const ALL: [Self; 6] = [
        Self::Delivered,
        Self::Ignored,
        Self::AlreadyPending,
        Self::Overflow,
        Self::LostInfo,
        Self::Unknown(u32::MAX),
    ];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Ignored => "ignored",
            Self::AlreadyPending => "already_pending",
            Self::Overflow => "overflow",
            Self::LostInfo => "lost_info",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What a recipient does with the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The kernel's default.
    Default,
    /// Ignores it.
    Ignore,
    /// Handles it.
    Handler,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::Ignore, Self::Handler];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Ignore => "ignore",
            Self::Handler => "handler",
        }
    }
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// What the kernel did with it.
    pub outcome: Outcome,
    /// What the recipient does with it.
    pub disposition: Disposition,
    /// The recipient had blocked it.
    pub blocked: bool,
    /// It ends the process.
    pub fatal: bool,
}

/// A process that a call reached, or would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// Who it is.
    pub process: Process,
    /// Who told.
    pub source: Source,
    /// Its number in the sender's pid namespace; `None` if it has none there.
    pub sender_ns_pid: Option<u32>,
    /// What became of the signal; `None` where none was sent (signal 0, or
    /// the call failed) and the target was looked up by its number.
    pub fate: Option<Fate>,
}
