//! The numbers of event.h's enums, and what each stands for.
//!
//! The skeleton turns a C enum into a struct of one integer, because a record
//! may hold any number. Each is paired with its enum of `event` here, once: a
//! `match` has the C constant of each variant, a table has the variant of each
//! number, and the compiler checks one against the other.

use super::super::skel::types;
use crate::event::{Abi, Disposition, Outcome, Syscall};

/// Each system call, at the index that is its number.
const SYSCALLS: [Syscall; Syscall::ALL.len()] = Syscall::ALL;
/// Each ABI, likewise.
const ABIS: [Abi; Abi::ALL.len()] = Abi::ALL;
/// Each known outcome, likewise.
const OUTCOMES: [Outcome; 5] = [
    Outcome::Delivered,
    Outcome::Ignored,
    Outcome::AlreadyPending,
    Outcome::Overflow,
    Outcome::LostInfo,
];
/// Each disposition, likewise.
const DISPOSITIONS: [Disposition; Disposition::ALL.len()] = Disposition::ALL;

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
