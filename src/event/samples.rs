//! Events for tests.

use super::{
    call::{Abi, Call, Syscall},
    exit::Exit,
    fate::{Disposition, Fate, Outcome, Recipient},
    generated::Generated,
    lifecycle::End,
    origin::{Origin, Role},
    process::{Comm, Process, Source},
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
        spared_count: 0,
        recipient: None,
        arranged_by: None,
    }
}

/// A signal that no call sent, to a process that it ends, at a time.
pub fn generated(time_ns: u64, origin: Origin, pid: u32) -> Generated {
    Generated {
        time_ns,
        origin,
        signal: 11,
        code: None,
        to_thread: false,
        address: None,
        limit: None,
        tty: Comm::default(),
        tty_uid: None,
        tid: 1,
        sender: Some((Role::Trigger, process(1))),
        recipient: Recipient {
            process: process(pid),
            source: Source::Kernel,
            sender_ns_pid: None,
            fate: Some(Fate {
                outcome: Outcome::Delivered,
                disposition: Disposition::Default,
                fatal: Some(true),
                blocked: false,
                stopped: false,
                traced: false,
                spared_init: false,
                threads: 1,
            }),
        },
        oom: None,
        arranged_by: None,
    }
}

/// The end of a process, at a time.
pub fn exit(time_ns: u64, pid: u32, status: u32) -> Exit {
    Exit {
        end: End {
            time_ns,
            pid,
            start_ns: 1,
            status,
        },
        process: (status & 0x7f != 0).then(|| process(pid)),
        by: None,
    }
}
