//! The decoded event, in the field's own words: pid is the process (the
//! kernel's tgid), tid the thread.

/// The system call that sends the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syscall {
    /// `kill(pid, sig)`
    Kill,
    /// `tkill(tid, sig)`
    Tkill,
    /// `tgkill(tgid, tid, sig)`
    Tgkill,
}

impl Syscall {
    /// All of them, in the order of their wire numbers.
    pub const ALL: [Self; 3] = [Self::Kill, Self::Tkill, Self::Tgkill];

    /// The name in the man pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Tkill => "tkill",
            Self::Tgkill => "tgkill",
        }
    }

    /// The system call of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }
}

/// Whom a call's first argument means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One process: `kill` with a positive pid.
    Process,
    /// One thread: `tkill` and `tgkill`.
    Thread,
    /// The process group `-pid`.
    ProcessGroup,
    /// The sender's own process group: pid 0.
    OwnProcessGroup,
    /// All that the sender may signal: pid -1.
    EveryProcess,
}

impl Scope {
    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Thread => "thread",
            Self::ProcessGroup => "process_group",
            Self::OwnProcessGroup => "own_process_group",
            Self::EveryProcess => "every_process",
        }
    }
}

/// What the kernel told of a process in its own context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// The process (tgid), in the initial pid namespace.
    pub pid: u32,
    /// The thread, in the initial pid namespace.
    pub tid: u32,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// The thread's name, any bytes up to the first NUL.
    pub comm: [u8; 16],
}

impl Process {
    /// The thread's name without its padding.
    pub fn comm(&self) -> &[u8] {
        let end = self.comm.iter().position(|&byte| byte == 0);
        &self.comm[..end.unwrap_or(self.comm.len())]
    }
}

/// One call that returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// When it was entered, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// The CPU it returned on.
    pub cpu: u32,
    /// +1 for each record tried on that CPU, from 1.
    pub cpu_seq: u64,
    /// Which call.
    pub syscall: Syscall,
    /// Its entry was not seen: the time is that of its return.
    pub entry_missing: bool,
    /// Who called.
    pub sender: Process,
    /// The first argument as given: a pid, tid or tgid in the sender's pid
    /// namespace, or 0, -1, or a negative process group.
    pub arg: i32,
    /// The second argument of `tgkill`, else 0.
    pub arg_tid: i32,
    /// The signal's number as given; 0 only checks for existence.
    pub signal: i32,
    /// What the call returned: 0 or a negative errno.
    pub ret: i32,
}

impl Call {
    /// Whom it was meant for.
    pub const fn scope(&self) -> Scope {
        match (self.syscall, self.arg) {
            (Syscall::Tkill | Syscall::Tgkill, _) => Scope::Thread,
            (Syscall::Kill, 0) => Scope::OwnProcessGroup,
            (Syscall::Kill, -1) => Scope::EveryProcess,
            (Syscall::Kill, i32::MIN..=-2) => Scope::ProcessGroup,
            (Syscall::Kill, _) => Scope::Process,
        }
    }
}
