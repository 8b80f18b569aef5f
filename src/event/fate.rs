//! The recipient of a signal, and what became of the signal.

use super::process::{Process, Source};

/// What the kernel did with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Queued for the recipient.
    Delivered,
    /// Dropped: the recipient ignores it, or is dead already.
    Ignored,
    /// Merged with one that is pending already.
    AlreadyPending,
    /// Refused: too many signals are pending.
    Overflow,
    /// Queued without its siginfo: too many signals are pending.
    LostInfo,
    /// Dropped, but it woke the stopped process: SIGCONT.
    Continued,
    /// An outcome of a later kernel, which this build does not know.
    Unknown(u32),
}

impl Outcome {
    /// All of them; one unknown number represents the rest.
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Ignored,
        Self::AlreadyPending,
        Self::Overflow,
        Self::LostInfo,
        Self::Continued,
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
            Self::Continued => "continued",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What a recipient does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The default action of the signal.
    Default,
    /// It ignores the signal.
    Ignore,
    /// It has a handler for the signal.
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
    /// Whether it ends the process; none if that is not decided yet.
    pub fatal: Option<bool>,
    /// No thread takes it: each blocks it, or waits for it in sigwait.
    pub blocked: bool,
    /// The process is stopped.
    pub stopped: bool,
    /// A tracer decides what becomes of it.
    pub traced: bool,
    /// The recipient is the init of a pid namespace, and spared for that.
    pub spared_init: bool,
    /// How many threads the recipient has.
    pub threads: u32,
}

/// A process that a call signalled, or would have signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// The process.
    pub process: Process,
    /// Where its data comes from.
    pub source: Source,
    /// Its pid in the sender's pid namespace; none if it has none there.
    pub sender_ns_pid: Option<u32>,
    /// What became of the signal. None if no signal was sent, because the
    /// number was 0 or the call failed: then the target was looked up by its
    /// pid.
    pub fate: Option<Fate>,
}
