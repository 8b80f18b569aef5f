//! The numbers of event.h's enums, and what each stands for.
//!
//! The skeleton turns a C enum into a struct of one integer, because a record
//! may hold any number. Each is paired with its enum of `event` here, once: a
//! `match` has the C constant of each variant, a table has the variant of each
//! number, and the compiler checks one against the other.

use super::super::{
    options::{Exits, KernelSignals},
    skel::types,
};
use crate::event::{Abi, Disposition, Origin, Outcome, Role, Syscall};

/// Each system call, at the index that is its number.
const SYSCALLS: [Syscall; Syscall::ALL.len()] = Syscall::ALL;
/// Each ABI, likewise.
const ABIS: [Abi; Abi::ALL.len()] = Abi::ALL;
/// Each known outcome, likewise.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Delivered,
    Outcome::Ignored,
    Outcome::AlreadyPending,
    Outcome::Overflow,
    Outcome::LostInfo,
    Outcome::Continued,
];
/// Each disposition, likewise.
const DISPOSITIONS: [Disposition; Disposition::ALL.len()] = Disposition::ALL;
/// Each origin, likewise.
const ORIGINS: [Origin; Origin::ALL.len()] = Origin::ALL;
/// Each role, at the index that is its number less 1: 0 stands for none.
const ROLES: [Role; Role::ALL.len()] = Role::ALL;

/// Checks that each variant is in its table at the index that is its number.
macro_rules! assert_numbered {
    ($table:ident, $number:ident) => {
        const _: () = {
            let mut index = 0;
            while index < $table.len() {
                assert!($number($table[index]).0 == index as u32);
                index += 1;
            }
        };
    };
}

assert_numbered!(SYSCALLS, syscall_kind);
assert_numbered!(ABIS, call_abi);
assert_numbered!(OUTCOMES, outcome_number);
assert_numbered!(DISPOSITIONS, disposition_number);
assert_numbered!(ORIGINS, origin_number);
assert_numbered!(ROLES, role_index);
const _: () = assert!(ORIGINS.len() == types::origin::ORIGINS.0 as usize);
const _: () = assert!(ROLES.len() + 1 == types::role::ROLES.0 as usize);
const _: () = assert!(SYSCALLS.len() == types::syscall_kind::SYSCALL_KINDS.0 as usize);

/// The number of a system call.
pub const fn syscall_kind(syscall: Syscall) -> types::syscall_kind {
    match syscall {
        Syscall::Kill => types::syscall_kind::SYSCALL_KILL,
        Syscall::Tkill => types::syscall_kind::SYSCALL_TKILL,
        Syscall::Tgkill => types::syscall_kind::SYSCALL_TGKILL,
        Syscall::RtSigqueueinfo => types::syscall_kind::SYSCALL_RT_SIGQUEUEINFO,
        Syscall::RtTgsigqueueinfo => types::syscall_kind::SYSCALL_RT_TGSIGQUEUEINFO,
        Syscall::PidfdSendSignal => types::syscall_kind::SYSCALL_PIDFD_SEND_SIGNAL,
    }
}

/// The system call of a number.
pub fn syscall(kind: types::syscall_kind) -> Option<Syscall> {
    SYSCALLS.get(kind.0 as usize).copied()
}

/// The number of an ABI.
pub const fn call_abi(abi: Abi) -> types::call_abi {
    match abi {
        Abi::Native => types::call_abi::ABI_NATIVE,
        Abi::I386 => types::call_abi::ABI_I386,
        Abi::X32 => types::call_abi::ABI_X32,
        Abi::Arm => types::call_abi::ABI_ARM,
    }
}

/// The ABI of a number.
pub fn abi(abi: types::call_abi) -> Option<Abi> {
    ABIS.get(abi.0 as usize).copied()
}

const fn outcome_number(outcome: Outcome) -> types::outcome {
    match outcome {
        Outcome::Delivered => types::outcome::OUTCOME_DELIVERED,
        Outcome::Ignored => types::outcome::OUTCOME_IGNORED,
        Outcome::AlreadyPending => types::outcome::OUTCOME_ALREADY_PENDING,
        Outcome::Overflow => types::outcome::OUTCOME_OVERFLOW,
        Outcome::LostInfo => types::outcome::OUTCOME_LOST_INFO,
        Outcome::Continued => types::outcome::OUTCOME_CONTINUED,
        Outcome::Unknown(number) => types::outcome(number),
    }
}

/// What the kernel did with a signal; none if no signal was sent. The numbers
/// are the kernel's own, and a later kernel may have more of them.
pub fn outcome(outcome: types::outcome) -> Option<Outcome> {
    if outcome == types::outcome::OUTCOME_NONE {
        return None;
    }
    let known = OUTCOMES.get(outcome.0 as usize).copied();
    Some(known.unwrap_or(Outcome::Unknown(outcome.0)))
}

const fn disposition_number(disposition: Disposition) -> types::disposition {
    match disposition {
        Disposition::Default => types::disposition::DISPOSITION_DEFAULT,
        Disposition::Ignore => types::disposition::DISPOSITION_IGNORE,
        Disposition::Handler => types::disposition::DISPOSITION_HANDLER,
    }
}

/// The disposition of a number.
pub fn disposition(disposition: types::disposition) -> Option<Disposition> {
    DISPOSITIONS.get(disposition.0 as usize).copied()
}

const fn origin_number(origin: Origin) -> types::origin {
    match origin {
        Origin::Call => types::origin::ORIGIN_CALL,
        Origin::Fault => types::origin::ORIGIN_FAULT,
        Origin::Timer => types::origin::ORIGIN_TIMER,
        Origin::Child => types::origin::ORIGIN_CHILD,
        Origin::ParentDeath => types::origin::ORIGIN_PARENT_DEATH,
        Origin::Tty => types::origin::ORIGIN_TTY,
        Origin::Hangup => types::origin::ORIGIN_HANGUP,
        Origin::OrphanedGroup => types::origin::ORIGIN_ORPHANED_GROUP,
        Origin::AsyncIo => types::origin::ORIGIN_ASYNC_IO,
        Origin::Mqueue => types::origin::ORIGIN_MQUEUE,
        Origin::Rlimit => types::origin::ORIGIN_RLIMIT,
        Origin::Deadline => types::origin::ORIGIN_DEADLINE,
        Origin::Oom => types::origin::ORIGIN_OOM,
        Origin::CgroupKill => types::origin::ORIGIN_CGROUP_KILL,
        Origin::PidNamespace => types::origin::ORIGIN_PID_NAMESPACE,
        Origin::Reboot => types::origin::ORIGIN_REBOOT,
        Origin::Seccomp => types::origin::ORIGIN_SECCOMP,
        Origin::UserDispatch => types::origin::ORIGIN_USER_DISPATCH,
        Origin::Ptrace => types::origin::ORIGIN_PTRACE,
        Origin::Exec => types::origin::ORIGIN_EXEC,
        Origin::Pipe => types::origin::ORIGIN_PIPE,
        Origin::Perf => types::origin::ORIGIN_PERF,
        Origin::PidfdClose => types::origin::ORIGIN_PIDFD_CLOSE,
        Origin::Kernel => types::origin::ORIGIN_KERNEL,
    }
}

/// The origin of a number.
pub fn origin(origin: types::origin) -> Option<Origin> {
    ORIGINS.get(origin.0 as usize).copied()
}

const fn role_number(role: Role) -> types::role {
    match role {
        Role::Itself => types::role::ROLE_SELF,
        Role::Trigger => types::role::ROLE_TRIGGER,
        Role::Caller => types::role::ROLE_CALLER,
        Role::Writer => types::role::ROLE_WRITER,
        Role::Tracer => types::role::ROLE_TRACER,
        Role::Arranger => types::role::ROLE_ARRANGER,
    }
}

const fn role_index(role: Role) -> types::role {
    types::role(role_number(role).0 - 1)
}

/// The role of a number; none for that of no role.
pub fn role(role: types::role) -> Option<Role> {
    ROLES.get((role.0 as usize).checked_sub(1)?).copied()
}

/// The number of which ends of processes are recorded.
pub const fn exits(exits: Exits) -> types::exits {
    match exits {
        Exits::None => types::exits::EXITS_NONE,
        Exits::Killed => types::exits::EXITS_KILLED,
        Exits::All => types::exits::EXITS_ALL,
    }
}

/// The number of what is recorded of the signals that no call sent.
pub const fn kernel_signals(kernel_signals: KernelSignals) -> types::kernel_signals {
    match kernel_signals {
        KernelSignals::None => types::kernel_signals::KERNEL_SIGNALS_NONE,
        KernelSignals::Deadly => types::kernel_signals::KERNEL_SIGNALS_DEADLY,
        KernelSignals::All => types::kernel_signals::KERNEL_SIGNALS_ALL,
    }
}
