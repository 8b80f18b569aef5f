//! Turns records of forks, execs and ends into events.

use super::{
    super::skel::types,
    bytes::{Malformed, path, read},
    layout::EXEC_HEAD,
    process::process,
};
use crate::event::{Comm, Descent, End, Ended, EndedBy, Exec, Exit, Image};

pub(super) fn exec(bytes: &[u8]) -> Result<Exec, Malformed> {
    let wire: types::exec_record = read(bytes, EXEC_HEAD)?;
    let exe_len = usize::from(wire.exe_len);
    let data = bytes.get(EXEC_HEAD..).unwrap_or_default();
    let (exe, rest) = data.split_at_checked(exe_len).ok_or(Malformed::Short)?;
    let args = (rest.get(..usize::from(wire.args_len))).ok_or(Malformed::Short)?;
    let has = |flag: types::image_flag| wire.flags.0 & flag.0 != 0;
    Ok(Exec {
        process: descent(&wire.process),
        image: Image {
            exe: path(exe),
            args: args.to_vec(),
            arg_start: wire.arg_start,
            truncated: has(types::image_flag::IMAGE_EXE_TRUNCATED)
                || has(types::image_flag::IMAGE_ARGS_TRUNCATED),
            args_unreadable: has(types::image_flag::IMAGE_ARGS_UNREADABLE),
        },
    })
}

pub(super) fn fork(bytes: &[u8]) -> Result<Descent, Malformed> {
    let wire: types::fork_record = read(bytes, size_of::<types::fork_record>())?;
    Ok(descent(&wire.process))
}

pub(super) fn end(bytes: &[u8]) -> Result<End, Malformed> {
    let wire: types::end_record = read(bytes, size_of::<types::end_record>())?;
    Ok(End {
        time_ns: wire.header.time_ns,
        pid: wire.tgid,
        start_ns: wire.start_ns,
        status: wire.status,
    })
}

pub(super) fn ends(bytes: &[u8]) -> Result<Vec<Ended>, Malformed> {
    let wire: types::ends_record = read(bytes, size_of::<types::ends_record>())?;
    let ended = |wire: &types::ended| Ended {
        pid: wire.tgid,
        start_ns: wire.start_ns,
    };
    Ok(wire.ended.iter().map(ended).collect())
}

pub(super) fn exit(bytes: &[u8]) -> Result<Exit, Malformed> {
    let wire: types::exit_record = read(bytes, size_of::<types::exit_record>())?;
    let has = |flag: types::exit_flag| wire.flags.0 & flag.0 != 0;
    let process = process(&wire.process);
    Ok(Exit {
        end: End {
            time_ns: wire.header.time_ns,
            pid: process.pid,
            start_ns: process.start_ns,
            status: wire.status,
        },
        process: Some(process),
        by: if has(types::exit_flag::EXIT_BY_SECCOMP) {
            Some(EndedBy::Seccomp)
        } else if has(types::exit_flag::EXIT_BY_REBOOT) {
            Some(EndedBy::Reboot)
        } else if has(types::exit_flag::EXIT_TRACED) {
            Some(EndedBy::Tracer)
        } else {
            None
        },
    })
}

fn descent(wire: &types::descent) -> Descent {
    Descent {
        pid: wire.tgid,
        start_ns: wire.start_ns,
        ppid: wire.ppid,
        parent_start_ns: wire.parent_start_ns,
        exec_id: wire.exec_id,
        cgroup_key: wire.cgroup_key,
        comm: Comm(wire.comm),
    }
}
