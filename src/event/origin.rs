//! What made a signal, and how a process is behind it.

/// What made a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One of the six system calls.
    Call,
    /// The process did what its processor or its memory does not allow.
    Fault,
    /// A timer of the process ran out.
    Timer,
    /// A child ended, stopped or went on.
    Child,
    /// The parent, or the parent's thread, ended: `PR_SET_PDEATHSIG`.
    ParentDeath,
    /// A terminal: a key, an ioctl, or access from the background.
    Tty,
    /// A terminal was closed, or its session ended.
    Hangup,
    /// A stopped process group lost its last link to its session.
    OrphanedGroup,
    /// A file is ready, has changed, or has urgent data: `O_ASYNC` and its kin.
    AsyncIo,
    /// A message came: `mq_notify`.
    Mqueue,
    /// A resource limit.
    Rlimit,
    /// `SCHED_DEADLINE`: the runtime was exceeded.
    Deadline,
    /// The OOM killer.
    Oom,
    /// `cgroup.kill`.
    CgroupKill,
    /// The init of the pid namespace ended.
    PidNamespace,
    /// `reboot` in a pid namespace.
    Reboot,
    /// A seccomp filter.
    Seccomp,
    /// Syscall User Dispatch.
    UserDispatch,
    /// A tracer.
    Ptrace,
    /// An exec that failed too late to return.
    Exec,
    /// A pipe or socket without a reader.
    Pipe,
    /// A perf event with `sigtrap`.
    Perf,
    /// The last pidfd of a process that ends with it was closed.
    PidfdClose,
    /// The kernel, for a reason that it does not tell.
    Kernel,
}

impl Origin {
    /// All of them, in the order of their wire numbers.
    pub const ALL: [Self; 24] = [
        Self::Call,
        Self::Fault,
        Self::Timer,
        Self::Child,
        Self::ParentDeath,
        Self::Tty,
        Self::Hangup,
        Self::OrphanedGroup,
        Self::AsyncIo,
        Self::Mqueue,
        Self::Rlimit,
        Self::Deadline,
        Self::Oom,
        Self::CgroupKill,
        Self::PidNamespace,
        Self::Reboot,
        Self::Seccomp,
        Self::UserDispatch,
        Self::Ptrace,
        Self::Exec,
        Self::Pipe,
        Self::Perf,
        Self::PidfdClose,
        Self::Kernel,
    ];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Fault => "fault",
            Self::Timer => "timer",
            Self::Child => "child",
            Self::ParentDeath => "parent_death",
            Self::Tty => "tty",
            Self::Hangup => "hangup",
            Self::OrphanedGroup => "orphaned_group",
            Self::AsyncIo => "async_io",
            Self::Mqueue => "mqueue",
            Self::Rlimit => "rlimit",
            Self::Deadline => "deadline",
            Self::Oom => "oom",
            Self::CgroupKill => "cgroup_kill",
            Self::PidNamespace => "pid_namespace",
            Self::Reboot => "reboot",
            Self::Seccomp => "seccomp",
            Self::UserDispatch => "user_dispatch",
            Self::Ptrace => "ptrace",
            Self::Exec => "exec",
            Self::Pipe => "pipe",
            Self::Perf => "perf",
            Self::PidfdClose => "pidfd_close",
            Self::Kernel => "kernel",
        }
    }
}

/// How a process is behind a signal that no call sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is the target itself.
    Itself,
    /// What it did, or its end, set the signal off. It may not know.
    Trigger,
    /// It asked for the signal by an ioctl or `vhangup`.
    Caller,
    /// It wrote to the file that asks for the signal.
    Writer,
    /// It traces the target.
    Tracer,
    /// It arranged beforehand for the signal to be sent.
    Arranger,
}

impl Role {
    /// All of them, in the order of their wire numbers, from 1.
    pub const ALL: [Self; 6] = [
        Self::Itself,
        Self::Trigger,
        Self::Caller,
        Self::Writer,
        Self::Tracer,
        Self::Arranger,
    ];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Itself => "self",
            Self::Trigger => "trigger",
            Self::Caller => "caller",
            Self::Writer => "writer",
            Self::Tracer => "tracer",
            Self::Arranger => "arranger",
        }
    }
}
