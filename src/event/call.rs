//! A call as it was made: which, by whom, for whom, and what it returned.

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

    /// Names a process and one of its threads.
    pub const fn names_two(self) -> bool {
        matches!(self, Self::Tgkill | Self::RtTgsigqueueinfo)
    }

    /// The system call of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }
}

/// The numbers and layouts by which a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abi {
    /// The machine's own, of 64 bits.
    Native,
    /// 32 bits on x86-64.
    I386,
    /// 32-bit addresses in x86-64's 64-bit mode.
    X32,
    /// 32 bits on arm64.
    Arm,
}

impl Abi {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Native, Self::I386, Self::X32, Self::Arm];

    /// Those that a record names.
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

/// What a sender puts into a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentInfo {
    /// `si_code`: why it was sent.
    pub code: i32,
    /// `si_value`: an `int` or an address.
    pub value: u64,
    /// `si_pid`: who the sender says that it is.
    pub pid: i32,
    /// `si_uid`, likewise.
    pub uid: u32,
    /// The sender's real user id, as its own user namespace numbers it.
    pub real_uid: u32,
}

impl SentInfo {
    const SI_TIMER: i32 = -2;
    const SI_SIGIO: i32 = -5;

    /// Has it a `si_pid` and a `si_uid`? What the kernel alone sends has not.
    pub const fn names_sender(&self) -> bool {
        self.code <= 0 && self.code != Self::SI_TIMER && self.code != Self::SI_SIGIO
    }
}

/// What `pidfd_send_signal` is given besides a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pidfd {
    /// Its fourth argument.
    pub flags: u32,
    /// What the pidfd stands for, in the initial pid namespace.
    pub pid: Option<u32>,
    /// Whom it means, of the process that the pidfd stands for.
    pub scope: Scope,
}

/// Whom a call's first argument means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One process: `kill` with a positive pid, `rt_sigqueueinfo`, a pidfd.
    Process,
    /// One thread: `tkill`, `tgkill`, `rt_tgsigqueueinfo`, a thread's pidfd.
    Thread,
    /// The process group `-pid`, or that which a pidfd's process leads.
    ProcessGroup,
    /// The sender's own process group: pid 0.
    OwnProcessGroup,
    /// All that the sender may signal: pid -1.
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

    /// More than one process may be meant.
    pub const fn is_group(self) -> bool {
        matches!(
            self,
            Self::ProcessGroup | Self::OwnProcessGroup | Self::EveryProcess
        )
    }
}

/// One call that returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// When it was entered, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// Which call.
    pub syscall: Syscall,
    /// Its entry was not seen: the time is that of its return.
    pub entry_missing: bool,
    /// Only its signal was seen: what it returned is not known, and `ret` is 0.
    pub witness_only: bool,
    /// A filter asks for the target, which the probes could not name.
    pub undecided: bool,
    /// Who called.
    pub sender: Process,
    /// How it was made.
    pub abi: Abi,
    /// The first argument as given: a pid, tid or tgid in the sender's pid
    /// namespace, or 0, -1, or a negative process group; or a pidfd.
    pub arg: i32,
    /// The second argument of `tgkill` and `rt_tgsigqueueinfo`, else 0.
    pub arg_tid: i32,
    /// Of `pidfd_send_signal`.
    pub pidfd: Option<Pidfd>,
    /// What the sender put into the signal, if that is for it to say.
    pub info: Option<SentInfo>,
    /// The signal's number as given; 0 only checks for existence.
    pub signal: i32,
    /// What the call returned: 0 or a negative errno.
    pub ret: i32,
    /// How many processes the kernel signalled.
    pub recipient_count: u32,
    /// Records of them that did not come.
    pub recipients_lost: u32,
    /// The one process that it meant, if it meant one.
    pub recipient: Option<Recipient>,
}

impl Call {
    /// Whom it was meant for.
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

    /// What the signal says of its sender is not so.
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

    /// Names the call.
    pub const fn key(&self) -> CallKey {
        CallKey {
            tid: self.sender.tid,
            time_ns: self.time_ns,
        }
    }
}

/// Names a call: a thread makes one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// The sender's thread.
    pub tid: u32,
    /// When it was entered.
    pub time_ns: u64,
}

/// One of the processes that a call to a group reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRecipient {
    /// Which call.
    pub call: CallKey,
    /// Who, and what became of the signal.
    pub recipient: Recipient,
}
