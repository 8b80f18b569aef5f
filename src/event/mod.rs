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

/// A process as the kernel read it from its task, in any context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// The process (tgid), in the initial pid namespace.
    pub pid: u32,
    /// The thread, in the initial pid namespace.
    pub tid: u32,
    /// When its leader started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
    /// +1 for each exec.
    pub exec_id: u32,
    /// Names its cgroup as long as the machine runs.
    pub cgroup_key: u64,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Who logged in, whatever became of the user id since.
    pub loginuid: Option<u32>,
    /// The audit session of that login.
    pub session: Option<u32>,
    /// The parent process.
    pub ppid: u32,
    /// Its own number in its own pid namespace.
    pub ns_pid: u32,
    /// The inode of that namespace.
    pub pid_ns: u32,
    /// The namespace's depth; 0 is the initial one.
    pub ns_level: u32,
    /// It is on its way out.
    pub exiting: bool,
    /// It is dead and waits for its parent.
    pub zombie: bool,
    /// It is a thread of the kernel.
    pub kernel_thread: bool,
    /// The thread's name, any bytes up to the first NUL.
    pub comm: Comm,
    /// The parent process's name.
    pub parent_comm: Comm,
}

/// What a process is between two execs: its key in the table of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageKey {
    /// The process.
    pub pid: u32,
    /// +1 for each exec.
    pub exec_id: u32,
    /// When its leader started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
}

impl Process {
    /// Names what runs in it.
    pub const fn image_key(&self) -> ImageKey {
        ImageKey {
            pid: self.pid,
            exec_id: self.exec_id,
            start_ns: self.start_ns,
        }
    }
}

/// A thread's name: the kernel keeps 15 bytes and a NUL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comm(pub [u8; 16]);

impl Comm {
    /// Without its padding.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0);
        &self.0[..end.unwrap_or(self.0.len())]
    }
}

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

/// Who told what a record says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The kernel, at the moment of the call.
    Kernel,
    /// `/proc`, some time later, with the start time to tell a process from
    /// another of the same number.
    Proc,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kernel, Self::Proc];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Proc => "proc",
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

/// Where a record was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The CPU.
    pub cpu: u32,
    /// +1 for each record tried on that CPU, from 1.
    pub seq: u64,
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

/// One of the processes that a call to a group reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRecipient {
    /// Which call.
    pub call: CallKey,
    /// Who, and what became of the signal.
    pub recipient: Recipient,
}

/// Names a call: a thread makes one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// The sender's thread.
    pub tid: u32,
    /// When it was entered.
    pub time_ns: u64,
}

/// What is the same for all calls of a process between two execs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Which process.
    pub key: ImageKey,
    /// The executable's path in its mount namespace.
    pub exe: Vec<u8>,
    /// The file has no name any more.
    pub exe_deleted: bool,
    /// Arguments, each with a NUL behind it.
    pub args: Vec<u8>,
    /// Some of the path or of the arguments is missing.
    pub truncated: bool,
    /// The arguments could not be read in the kernel: they were paged out.
    pub args_unreadable: bool,
    /// The controlling terminal's name; empty if there is none.
    pub tty: Vec<u8>,
}

/// A cgroup's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupPath {
    /// As the processes in it name it.
    pub key: u64,
    /// From the root of the hierarchy.
    pub path: Vec<u8>,
}

/// Any record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// A call that returned, or of which only the signal will be seen.
    Call(Call),
    /// A call as its signal tells; its own record may follow, or may not.
    Witness(Call),
    /// A recipient of a call to a group.
    Recipient(GroupRecipient),
    /// What runs in a process.
    Image(Image),
    /// A cgroup's path.
    Cgroup(CgroupPath),
    /// The poller's own call.
    Canary,
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

/// Records for tests.
#[cfg(test)]
pub mod samples {
    use super::*;

    /// A process with a number of its own and nothing else.
    pub fn process(pid: u32) -> Process {
        Process {
            pid,
            tid: pid,
            start_ns: 1,
            exec_id: 0,
            cgroup_key: 0,
            uid: 0,
            gid: 0,
            euid: 0,
            egid: 0,
            loginuid: None,
            session: None,
            ppid: 1,
            ns_pid: pid,
            pid_ns: 4_026_531_836,
            ns_level: 0,
            exiting: false,
            zombie: false,
            kernel_thread: false,
            comm: Comm(*b"sample\0\0\0\0\0\0\0\0\0\0"),
            parent_comm: Comm(*b"init\0\0\0\0\0\0\0\0\0\0\0\0"),
        }
    }

    /// A call at a time, to process 2 by process 1.
    pub fn call(time_ns: u64) -> Call {
        Call {
            time_ns,
            syscall: Syscall::Kill,
            entry_missing: false,
            witness_only: false,
            undecided: false,
            sender: process(1),
            abi: Abi::Native,
            arg: 2,
            arg_tid: 0,
            pidfd: None,
            info: None,
            signal: 15,
            ret: 0,
            recipient_count: 0,
            recipients_lost: 0,
            recipient: None,
        }
    }
}
