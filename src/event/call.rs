//! A call: which one, its sender and arguments, and what it returned.

use super::{fate::Recipient, process::Process};

/// The system call that sends the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syscall {
    /// `kill(pid, sig)`
    Kill,
    /// `tkill(tid, sig)`
    Tkill,
    /// `tgkill(tgid, tid, sig)`
    Tgkill,
    /// `rt_sigqueueinfo(tgid, sig, info)`
    RtSigqueueinfo,
    /// `rt_tgsigqueueinfo(tgid, tid, sig, info)`
    RtTgsigqueueinfo,
    /// `pidfd_send_signal(pidfd, sig, info, flags)`
    PidfdSendSignal,
}

impl Syscall {
    /// All of them, in the order of their wire numbers.
    pub const ALL: [Self; 6] = [
        Self::Kill,
        Self::Tkill,
        Self::Tgkill,
        Self::RtSigqueueinfo,
        Self::RtTgsigqueueinfo,
        Self::PidfdSendSignal,
    ];

    /// The name in the man pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Tkill => "tkill",
            Self::Tgkill => "tgkill",
            Self::RtSigqueueinfo => "rt_sigqueueinfo",
            Self::RtTgsigqueueinfo => "rt_tgsigqueueinfo",
            Self::PidfdSendSignal => "pidfd_send_signal",
        }
    }

    /// Whether it takes both a process and one of its threads.
    pub const fn names_two(self) -> bool {
        matches!(self, Self::Tgkill | Self::RtTgsigqueueinfo)
    }

    /// The system call of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }
}

/// The system call interface that a call was made through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi {
    /// The machine's own, with 64 bits.
    Native,
    /// 32-bit programs on x86-64.
    I386,
    /// x86-64's 64-bit mode with 32-bit addresses.
    X32,
    /// 32-bit programs on arm64.
    Arm,
}

impl Abi {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Native, Self::I386, Self::X32, Self::Arm];

    /// All but the native one, which lines leave out.
    pub const OTHER: [Self; 3] = [Self::I386, Self::X32, Self::Arm];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::I386 => "i386",
            Self::X32 => "x32",
            Self::Arm => "arm",
        }
    }
}

/// The siginfo that a sender gives to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentInfo {
    /// `si_code`: why the signal was sent.
    pub code: i32,
    /// `si_value`: an `int` or an address.
    pub value: u64,
    /// `si_pid`: the pid that the sender claims.
    pub pid: i32,
    /// `si_uid`: the user id that the sender claims.
    pub uid: u32,
    /// The sender's real user id, in its own user namespace. The kernel read
    /// it, to compare with `uid`.
    pub real_uid: u32,
}

impl SentInfo {
    const SI_TIMER: i32 = -2;
    const SI_SIGIO: i32 = -5;

    /// Whether this `si_code` carries `si_pid` and `si_uid`. Codes that only
    /// the kernel sends do not.
    pub const fn names_sender(&self) -> bool {
        self.code <= 0 && self.code != Self::SI_TIMER && self.code != Self::SI_SIGIO
    }
}

/// What only `pidfd_send_signal` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pidfd {
    /// The fourth argument.
    pub flags: u32,
    /// The process or thread that the pidfd refers to; none if it is not known.
    pub pid: Option<u32>,
    /// What is signalled: that process, that thread, or its process group.
    pub scope: Scope,
}

/// What a call is addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One process: `kill` with a positive pid, `rt_sigqueueinfo`, a pidfd.
    Process,
    /// One thread: `tkill`, `tgkill`, `rt_tgsigqueueinfo`, a thread's pidfd.
    Thread,
    /// The process group `-pid`, or the one that a pidfd's process leads.
    ProcessGroup,
    /// The sender's own process group: `kill` with pid 0.
    OwnProcessGroup,
    /// Every process that the sender may signal: `kill` with pid -1.
    EveryProcess,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Process,
        Self::Thread,
        Self::ProcessGroup,
        Self::OwnProcessGroup,
        Self::EveryProcess,
    ];

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

    /// Whether it can address more than one process.
    pub const fn is_group(self) -> bool {
        matches!(
            self,
            Self::ProcessGroup | Self::OwnProcessGroup | Self::EveryProcess
        )
    }
}

/// One call that sends a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// When it was entered, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// The system call.
    pub syscall: Syscall,
    /// Its entry was not seen, so the time is that of its return.
    pub entry_missing: bool,
    /// Only its signal was seen, so what it returned is not known; `ret` is 0.
    pub witness_only: bool,
    /// A filter asks for a property of the target, which the kernel side could
    /// not find out.
    pub undecided: bool,
    /// The process that called.
    pub sender: Process,
    /// The interface that it was made through.
    pub abi: Abi,
    /// The first argument as the sender gave it: a pid or tid in its own pid
    /// namespace, 0, -1, the negative of a process group, or a pidfd.
    pub arg: i32,
    /// The second argument of `tgkill` and `rt_tgsigqueueinfo`, a tid; else 0.
    pub arg_tid: i32,
    /// Present for `pidfd_send_signal`.
    pub pidfd: Option<Pidfd>,
    /// The siginfo that the sender gave, if it gave one.
    pub info: Option<SentInfo>,
    /// The signal's number as the sender gave it. 0 sends nothing and only
    /// checks for existence and permission.
    pub signal: i32,
    /// The return value: 0 or a negative errno.
    pub ret: i32,
    /// How many processes the kernel signalled.
    pub recipient_count: u32,
    /// How many of their records the rings refused.
    pub recipients_lost: u32,
    /// How many members of the group were not signalled, at least.
    pub spared_count: u32,
    /// The target, if it is one process and is known; of a group that was not
    /// reached, or not all of it, the leader.
    pub recipient: Option<Recipient>,
    /// The tracer that wrote the registers or the code with which the call was made.
    pub arranged_by: Option<Process>,
}

impl Call {
    /// What it is addressed to.
    pub const fn scope(&self) -> Scope {
        if let Some(pidfd) = self.pidfd {
            return pidfd.scope;
        }
        match (self.syscall, self.arg) {
            (Syscall::Tkill | Syscall::Tgkill | Syscall::RtTgsigqueueinfo, _) => Scope::Thread,
            (Syscall::Kill, 0) => Scope::OwnProcessGroup,
            (Syscall::Kill, -1) => Scope::EveryProcess,
            (Syscall::Kill, i32::MIN..=-2) => Scope::ProcessGroup,
            _ => Scope::Process,
        }
    }

    /// Whether the siginfo names another sender than the real one.
    pub const fn is_spoofed(&self) -> bool {
        match self.info {
            Some(info) => {
                !info.names_sender()
                    || info.pid.cast_unsigned() != self.sender.ns_pid
                    || info.uid != info.real_uid
            }
            None => false,
        }
    }

    /// The key of this call.
    pub const fn key(&self) -> CallKey {
        CallKey {
            tid: self.sender.tid,
            time_ns: self.time_ns,
        }
    }
}

/// Identifies a call, because a thread makes one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// The sender's thread.
    pub tid: u32,
    /// When it was entered.
    pub time_ns: u64,
}

/// A process that a call to a group signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRecipient {
    /// The call.
    pub call: CallKey,
    /// The process, and what became of the signal.
    pub recipient: Recipient,
}
