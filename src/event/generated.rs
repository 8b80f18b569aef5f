//! A signal that no call sent.

use super::{
    call::CallKey,
    fate::Recipient,
    origin::{Origin, Role},
    process::{Comm, Process},
};

/// A signal that no call sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// When it was made, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// What made it.
    pub origin: Origin,
    /// The signal's number.
    pub signal: i32,
    /// `si_code` of the kernel's siginfo, if it passed one.
    pub code: Option<i32>,
    /// It is for one thread, not for its process.
    pub to_thread: bool,
    /// The address that a fault was about.
    pub address: Option<u64>,
    /// The limit that was reached.
    pub limit: Option<Limit>,
    /// The name of the terminal that it came from; empty if it came from none.
    pub tty: Comm,
    /// The real user id of who opened the terminal's other end.
    pub tty_uid: Option<u32>,
    /// The thread that ran when it was made.
    pub tid: u32,
    /// The process behind it, and how it is behind it.
    pub sender: Option<(Role, Process)>,
    /// The process that it is for.
    pub recipient: Recipient,
    /// The memory of the OOM killer's victim, where the kernel tells it.
    pub oom: Option<OomFigures>,
    /// Who arranged for it, if that is not the sender.
    pub arranged_by: Option<Process>,
}

/// Who arranged for a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arranger {
    /// The signal: the thread that made it, and when; or its call.
    pub signal: CallKey,
    /// Who arranged for it.
    pub process: Process,
}

/// A resource limit. None stands for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its number: `RLIMIT_CPU` and so on.
    pub number: u32,
    /// The soft limit, in its own unit.
    pub soft: Option<u64>,
    /// The hard limit.
    pub hard: Option<u64>,
}

/// A victim of the OOM killer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OomVictim {
    /// When it was marked, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// The thread that the OOM killer signals.
    pub victim_tid: u32,
    /// The thread in which the OOM killer ran.
    pub tid: u32,
    /// Its memory.
    pub figures: Option<OomFigures>,
}

/// The memory of a victim of the OOM killer, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OomFigures {
    /// All of its address space.
    pub total_vm: u64,
    /// In memory: anonymous.
    pub anon_rss: u64,
    /// In memory: of files.
    pub file_rss: u64,
    /// In memory: shared.
    pub shmem_rss: u64,
    /// Its page tables.
    pub pgtables: u64,
    /// How much the OOM killer prefers or spares it: -1000 to 1000.
    pub oom_score_adj: i32,
}
