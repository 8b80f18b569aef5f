//! Events for tests.

use super::{
    call::{Abi, Call, Syscall},
    process::{Comm, Process},
};

/// A process with a pid of its own; the rest is the same for all.
pub fn process(pid: u32) -> Process {
    Process {
        pid,
        tid: pid,
        start_ns: 1,
        ppid: 1,
        ns_pid: pid,
        pid_ns: 4_026_531_836,
        comm: Comm(*b"sample\0\0\0\0\0\0\0\0\0\0"),
        parent_comm: Comm(*b"init\0\0\0\0\0\0\0\0\0\0\0\0"),
        ..Process::default()
    }
}

/// A call of process 1 to process 2, at a time.
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
