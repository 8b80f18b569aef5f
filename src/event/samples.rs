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
