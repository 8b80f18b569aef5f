//! Turns the part of a record that tells of a process into one.

use super::super::skel::types;
use crate::event::{Comm, Process};

pub(super) fn process(wire: &types::process) -> Process {
    let has = |flag: types::process_flag| wire.flags.0 & flag.0 != 0;
    let set = |id: u32| (id != u32::MAX).then_some(id);
    Process {
        pid: wire.tgid,
        tid: wire.tid,
        start_ns: wire.start_ns,
        exec_id: wire.exec_id,
        cgroup_key: wire.cgroup_key,
        uid: wire.uid,
        gid: wire.gid,
        euid: wire.euid,
        egid: wire.egid,
        loginuid: set(wire.loginuid),
        session: set(wire.session),
        ppid: wire.ppid,
        ns_pid: wire.ns_pid,
        pid_ns: wire.pid_ns,
        ns_level: wire.ns_level,
        mnt_ns: wire.mnt_ns,
        tty: wire.tty,
        exiting: has(types::process_flag::PROCESS_EXITING),
        zombie: has(types::process_flag::PROCESS_ZOMBIE),
        kernel_thread: has(types::process_flag::PROCESS_KERNEL_THREAD),
        in_same_session: has(types::process_flag::PROCESS_IN_SAME_SESSION),
        exe_deleted: has(types::process_flag::PROCESS_EXE_DELETED),
        comm: Comm(wire.comm),
        parent_comm: Comm(wire.parent_comm),
    }
}
