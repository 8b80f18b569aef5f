//! `/proc`, for what the kernel's records do not have.
//!
//! It is always read after the fact, so what it says counts only if the
//! process's start time is the right one, before and after the reading.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

use crate::event::{CgroupPath, Comm, Image, ImageKey, Process};

/// The unit of start times in `/proc` (`USER_HZ` is 100 on every Linux).
const TICK_NS: u64 = 10_000_000;
/// Most bytes of arguments, as on the kernel side.
const ARGS_LEN: usize = 1024;
const PF_EXITING: u64 = 0x4;
const PF_KTHREAD: u64 = 0x20_0000;

/// What runs in a process, if the one with this pid has the right start time.
/// `read_args` is whether to read its arguments.
pub(super) fn image(key: ImageKey, read_args: bool) -> Option<Image> {
    let is_same = || Some(Stat::read(key.pid)?.start_ticks == key.start_ns / TICK_NS);
    if !is_same()? {
        return None;
    }
    let exe = fs::read_link(format!("/proc/{}/exe", key.pid)).ok()?;
    let exe = exe.as_os_str().as_bytes();
    let plain = exe.strip_suffix(b" (deleted)");
    let mut args = Vec::new();
    if read_args {
        let file = File::open(format!("/proc/{}/cmdline", key.pid)).ok()?;
        file.take(ARGS_LEN as u64 + 1).read_to_end(&mut args).ok()?;
    }
    let truncated = args.len() > ARGS_LEN;
    args.truncate(ARGS_LEN);
    // The process may have ended meanwhile, and another have got its pid.
    is_same()?.then(|| Image {
        key,
        exe: plain.unwrap_or(exe).to_vec(),
        exe_deleted: plain.is_some(),
        args,
        truncated,
        args_unreadable: false,
        tty: Vec::new(),
    })
}

/// A number in this process's own pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Id {
    /// Stands for the process.
    Pid(u32),
    /// Stands for the thread alone.
    Tid(u32),
}

/// A process, and its cgroup if that is mounted.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) process: Process,
    pub(super) cgroup: Option<CgroupPath>,
    /// When what has the number started.
    pub(super) start_ticks: u64,
}

/// Looks up a process or thread, whose cgroup is searched for below
/// `cgroup_root`. Returns None if it does not exist, or started after
/// `before_ns` (`CLOCK_BOOTTIME`).
pub(super) fn process(id: Id, before_ns: u64, cgroup_root: Option<&Path>) -> Option<Found> {
    let (Id::Pid(pid) | Id::Tid(pid)) = id;
    let stat = Stat::read(pid)?;
    if stat.start_ticks * TICK_NS > before_ns {
        return None;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|rest| rest.split_ascii_whitespace().flat_map(str::parse::<u32>))
    };
    let mut uids = field("Uid:")?;
    let mut gids = field("Gid:")?;
    let tgid = field("Tgid:")?.next()?;
    // A process starts with its main thread. Other threads may be younger.
    let leader = Stat::read(tgid)?;
    let ns_pids: Vec<u32> = field("NSpid:").map_or_else(Vec::new, Iterator::collect);
    let cgroup = cgroup(pid, cgroup_root);
    let process = Process {
        pid: tgid,
        tid: pid,
        start_ns: leader.start_ticks * TICK_NS,
        exec_id: 0,
        cgroup_key: cgroup.as_ref().map_or(0, |cgroup| cgroup.key),
        uid: uids.next()?,
        euid: uids.next()?,
        gid: gids.next()?,
        egid: gids.next()?,
        loginuid: audit_id(pid, "loginuid"),
        session: audit_id(pid, "sessionid"),
        ppid: stat.ppid,
        ns_pid: ns_pids.last().copied().unwrap_or(pid),
        pid_ns: namespace(pid, "pid"),
        mnt_ns: namespace(pid, "mnt"),
        ns_level: u32::try_from(ns_pids.len().saturating_sub(1)).unwrap_or(0),
        exiting: stat.flags & PF_EXITING != 0,
        zombie: stat.state == b'Z',
        kernel_thread: stat.flags & PF_KTHREAD != 0,
        comm: match id {
            Id::Pid(_) => leader.comm,
            Id::Tid(_) => stat.comm,
        },
        parent_comm: Stat::read(stat.ppid).map_or_else(Comm::default, |parent| parent.comm),
    };
    let is_same = Stat::read(pid)?.start_ticks == stat.start_ticks;
    is_same.then_some(Found {
        process,
        cgroup,
        start_ticks: stat.start_ticks,
    })
}

/// When the process or thread of a number started, if there is one.
pub(super) fn start_ticks(id: Id) -> Option<u64> {
    let (Id::Pid(pid) | Id::Tid(pid)) = id;
    Some(Stat::read(pid)?.start_ticks)
}

/// The inode number of one of a process's namespaces; 0 if it cannot be read. It is
/// in the link's text, such as `mnt:[4026531841]`, which more may read than follow it.
fn namespace(pid: u32, kind: &str) -> u32 {
    (fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
        .and_then(|link| {
            let number = link.to_str()?.split_once('[')?.1.strip_suffix(']')?;
            number.parse().ok()
        })
        .unwrap_or(0)
}

/// `loginuid` or `sessionid`, if it is set.
fn audit_id(pid: u32, name: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/{name}")).ok()?;
    text.trim().parse().ok().filter(|&id| id != u32::MAX)
}

fn cgroup(pid: u32, root: Option<&Path>) -> Option<CgroupPath> {
    let text = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    let path = (text.split(|&byte| byte == b'\n')).find_map(|line| line.strip_prefix(b"0::"))?;
    let directory = root?.join(OsStr::from_bytes(path.get(1..)?));
    Some(CgroupPath {
        key: fs::metadata(directory).ok()?.ino(),
        path: path.to_vec(),
    })
}

/// Fields of `/proc/PID/stat`.
struct Stat {
    comm: Comm,
    state: u8,
    ppid: u32,
    flags: u64,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name may contain anything, even parentheses, but no field after it
    /// does.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let mut comm = Comm::default();
        for (to, from) in comm.0.iter_mut().zip(text.get(open + 1..close)?) {
            *to = *from;
        }
        let rest = str::from_utf8(text.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            comm,
            state: *fields.first()?.as_bytes().first()?,
            ppid: fields.get(1)?.parse().ok()?,
            flags: fields.get(6)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = b"7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat.comm.bytes(), b"a) b");
        assert_eq!((stat.state, stat.ppid), (b'S', 3));
        assert_eq!((stat.flags, stat.start_ticks), (4_194_560, 12345));
        assert!(Stat::parse(b"7 (a").is_none());
        assert!(Stat::parse(b"").is_none());
    }

    #[test]
    fn a_process_is_found_with_its_image_unless_it_is_younger() {
        let own = std::process::id();
        let found = process(Id::Pid(own), u64::MAX, None).unwrap().process;
        assert_eq!(found.pid, own);
        assert_eq!(found.uid, rustix::process::getuid().as_raw());
        assert!(process(Id::Pid(own), found.start_ns - 1, None).is_none());

        let read_args = true;
        let image = image(found.image_key(), read_args).unwrap();
        let exe = std::env::current_exe().unwrap();
        assert_eq!(image.exe, exe.as_os_str().as_bytes());
        let first = std::env::args_os().next().unwrap();
        assert!(image.args.starts_with(first.as_bytes()));

        let other = ImageKey {
            start_ns: found.start_ns + TICK_NS,
            ..found.image_key()
        };
        assert!(super::image(other, read_args).is_none());
    }
}
