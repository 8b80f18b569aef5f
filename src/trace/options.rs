//! What to trace, and how.

use crate::{event::Syscall, names::SignalSet};

/// How to trace.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which calls are recorded.
    pub filters: Filters,
    /// Size of each CPU's ring, in bytes.
    pub ring_bytes: usize,
    /// Which arguments of processes are recorded.
    pub args: Args,
    /// How the system calls are hooked.
    pub attach: Attach,
    /// Whether to remember who arranges for signals.
    pub arrangers: bool,
}

/// How to hook the system calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Attach {
    /// Whichever sees most on this kernel, at the least cost
    #[default]
    Auto,
    /// The tracepoints of the six calls
    Tracepoint,
    /// Kprobes on the functions behind the calls, also those of 32-bit callers
    Kprobe,
    /// The tracepoints of all system calls: sees 32-bit callers, but slows down
    /// every system call on the machine
    Raw,
    /// No tracepoint of a system call, so that no other system call gets
    /// slower: kprobes where the kernel takes them, else only delivered signals
    Light,
}

impl Attach {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tracepoint => "tracepoint",
            Self::Kprobe => "kprobe",
            Self::Raw => "raw",
            Self::Light => "light",
        }
    }
}

/// Which of the signals that no call sent are recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KernelSignals {
    /// None: only calls
    None,
    /// Those that end or stop a process, or cross from one user to another
    #[default]
    Deadly,
    /// All, also those that processes handle: each child that ends is one
    All,
}

impl KernelSignals {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Deadly => "deadly",
            Self::All => "all",
        }
    }
}

/// Which ends of processes are recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Exits {
    /// None: only signals
    None,
    /// Those by a signal
    Killed,
    /// Also those of processes that end by themselves after a signal that asks for it
    #[default]
    All,
}

impl Exits {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Killed => "killed",
            Self::All => "all",
        }
    }
}

/// Which arguments of processes are recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Args {
    /// All of them, up to 1023 bytes
    #[default]
    Full,
    /// Only the first, which is usually the command
    First,
    /// None: they may hold secrets
    None,
}

impl Args {
    /// How many arguments of a process these are at most.
    pub const fn most(self) -> usize {
        match self {
            Self::Full => usize::MAX,
            Self::First => 1,
            Self::None => 0,
        }
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::First => "first",
            Self::None => "none",
        }
    }
}

/// Longest thread name that the kernel keeps, in bytes.
pub const COMM_MAX: usize = 15;

/// A call must pass all of them. An empty set lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Processes that may call.
    pub sender_pids: Vec<u32>,
    /// Processes that the call must reach, or would have reached.
    pub target_pids: Vec<u32>,
    /// Real user ids of senders.
    pub sender_uids: Vec<u32>,
    /// Thread names of senders, at most [`COMM_MAX`] bytes each.
    pub sender_comms: Vec<String>,
    /// Signals. By default all, and numbers that are no signals.
    pub signals: SignalSet,
    /// System calls.
    pub syscalls: Vec<Syscall>,
    /// Only calls that failed.
    pub failed: bool,
    /// Real user ids of targets.
    pub target_uids: Vec<u32>,
    /// Thread names of targets, at most [`COMM_MAX`] bytes each.
    pub target_comms: Vec<String>,
    /// Only signals that end a process, or may.
    pub fatal: bool,
    /// Which of the signals that no call sent.
    pub kernel_signals: KernelSignals,
    /// Which ends of processes.
    pub exits: Exits,
    /// Signals that ask a process to end.
    pub asking: SignalSet,
}

impl Filters {
    /// Whether an end is wanted only if a signal that is wanted led to it.
    pub fn asks_for_cause(&self) -> bool {
        self.failed
            || !self.sender_pids.is_empty()
            || !self.sender_uids.is_empty()
            || !self.sender_comms.is_empty()
            || !self.syscalls.is_empty()
    }
}
