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

use super::key::{Key, TICK_NS};
use crate::event::{CgroupPath, Comm, Image, Process};

/// Most bytes of arguments, as on the kernel side.
pub(super) const ARGS_LEN: usize = 1024;
const PF_EXITING: u64 = 0x4;
const PF_KTHREAD: u64 = 0x20_0000;

/// A process as it is in `/proc`.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) key: Key,
    pub(super) ppid: u32,
    pub(super) comm: Comm,
    pub(super) cgroup: Option<CgroupPath>,
    /// None for a kernel thread or a zombie.
    pub(super) image: Option<Image>,
}

/// What `/proc` has of a process, in this process's pid namespace. `args` is how
/// many of its arguments to read.
pub(super) fn scan(pid: u32, args: usize, cgroup_root: Option<&Path>) -> Option<Scanned> {
    let stat = Stat::read(pid)?;
    let mut scanned = Scanned {
        key: Key::new(pid, stat.start_ticks * TICK_NS),
        ppid: stat.ppid,
        comm: stat.comm,
        cgroup: cgroup(pid, cgroup_root),
        image: image(pid, args, &stat),
    };
    // It may have ended meanwhile, and another have got its pid; or it runs something
    // else by now.
    let again = Stat::read(pid)?;
    if let Some(image) = &mut scanned.image {
        if again.arg_start != stat.arg_start {
            scanned.image = self::image(pid, args, &again);
        } else {
            image.arg_start = stat.arg_start;
        }
    }
    (again.start_ticks == stat.start_ticks).then_some(scanned)
}

fn image(pid: u32, most_args: usize, stat: &Stat) -> Option<Image> {
    let link = format!("/proc/{pid}/exe");
    let exe = fs::read_link(&link).ok()?;
    let exe = exe.as_os_str().as_bytes();
    let file = fs::metadata(&link).ok()?;
    // The name of a file may end like that, too.
    let plain = exe.strip_suffix(b" (deleted)").filter(|_| {
        let path = [format!("/proc/{pid}/root").as_bytes(), exe].concat();
        let named = fs::symlink_metadata(OsStr::from_bytes(&path));
        named.map_or(true, |named| {
            (named.dev(), named.ino()) != (file.dev(), file.ino())
        })
    });
    let mut args = match most_args {
        0 => Vec::new(),
        _ => stat.without_end_of_title(read_cmdline(pid)?),
    };
    let truncated = args.len() > ARGS_LEN;
    args.truncate(ARGS_LEN);
    if let Some((end, _)) = (args.iter().enumerate())
        .filter(|&(_, &byte)| byte == 0)
        .nth(most_args.saturating_sub(1))
    {
        args.truncate(end + 1);
    }
    Some(Image {
        exe: plain.unwrap_or(exe).to_vec(),
        truncated: truncated && most_args > 1,
        args,
        arg_start: 0,
        args_unreadable: false,
    })
}

/// At least the first bytes of what stands where a process had its arguments.
fn read_cmdline(pid: u32) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(format!("/proc/{pid}/cmdline")).ok()?;
    file.take(ARGS_LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// The same of this very process, as long as it runs the program whose arguments are
/// there in its memory.
pub(super) fn cmdline(key: Key, arg_start: u64) -> Option<Vec<u8>> {
    let bytes = read_cmdline(key.pid)?;
    let stat = Stat::read(key.pid)?;
    let mut bytes = stat.without_end_of_title(bytes);
    bytes.truncate(ARGS_LEN);
    let is_same = stat.start_ticks == key.start_ns / TICK_NS && stat.arg_start == arg_start;
    (is_same && arg_start != 0).then_some(bytes)
}

/// Whether this process is still there.
pub(super) fn has_started(key: Key) -> bool {
    Stat::read(key.pid).is_some_and(|stat| stat.start_ticks == key.start_ns / TICK_NS)
}

/// The numbers of all processes.
pub(super) fn pids() -> impl Iterator<Item = u32> {
    (fs::read_dir("/proc").into_iter().flatten())
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
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
        in_same_session: false,
        tty: terminal(stat.tty_nr),
        exe_deleted: fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.nlink() == 0),
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

/// Whether there is a process of this number that has not ended.
pub fn is_running(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.state != b'Z')
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

/// A terminal's number as the kernel has it inside, from its form in `stat`.
const fn terminal(number: u32) -> u32 {
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00);
    major << 20 | minor
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
    tty_nr: u32,
    flags: u64,
    start_ticks: u64,
    /// 0 for who may not know it.
    arg_start: u64,
    /// How long the arguments are, as they were executed.
    arg_len: u64,
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
        let address = |at: usize| fields.get(at).map_or(Ok(0), |start| start.parse::<u64>());
        let arg_start = address(45).ok()?;
        Some(Self {
            comm,
            state: *fields.first()?.as_bytes().first()?,
            ppid: fields.get(1)?.parse().ok()?,
            tty_nr: fields.get(4)?.parse::<i32>().ok()?.cast_unsigned(),
            flags: fields.get(6)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
            arg_start,
            arg_len: address(46).ok()?.saturating_sub(arg_start),
        })
    }

    /// Where a title has overwritten the last NUL of the arguments, the kernel shows it
    /// up to its own, which would make it look like an argument.
    fn without_end_of_title(&self, mut cmdline: Vec<u8>) -> Vec<u8> {
        if self.arg_len > 0
            && cmdline.len() <= ARGS_LEN
            && cmdline.len() as u64 != self.arg_len
            && cmdline.last() == Some(&0)
        {
            cmdline.pop();
        }
        cmdline
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
    fn a_title_longer_than_the_arguments_has_no_end_like_theirs() {
        let zeros = "0 ".repeat(25);
        let text = format!("7 (a) S 3 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 12345 {zeros}100 106");
        let stat = Stat::parse(text.as_bytes()).unwrap();
        assert_eq!((stat.arg_start, stat.arg_len), (100, 6));
        let shown = |cmdline: &[u8]| stat.without_end_of_title(cmdline.to_vec());
        assert_eq!(shown(b"nginx\0"), b"nginx\0");
        assert_eq!(shown(b"nginx: master process\0"), b"nginx: master process");
        assert_eq!(shown(b"ng: w\0"), b"ng: w\0");
        assert_eq!(shown(b"n: w\0"), b"n: w");
        assert_eq!(shown(b""), b"");
    }

    #[test]
    fn a_process_is_found_with_its_image_unless_it_is_younger() {
        let own = std::process::id();
        let found = process(Id::Pid(own), u64::MAX, None).unwrap().process;
        assert_eq!(found.pid, own);
        assert_eq!(found.uid, rustix::process::getuid().as_raw());
        assert!(process(Id::Pid(own), found.start_ns - 1, None).is_none());

        let scanned = scan(own, usize::MAX, None).unwrap();
        assert_eq!(scanned.key, Key::new(own, found.start_ns));
        assert!(scanned.key.is_rounded());
        let image = scanned.image.unwrap();
        let exe = std::env::current_exe().unwrap();
        assert_eq!(image.exe, exe.as_os_str().as_bytes());
        let first = std::env::args_os().next().unwrap();
        assert!(image.args.starts_with(first.as_bytes()));
        let args = cmdline(scanned.key, image.arg_start).unwrap();
        assert!(args.starts_with(first.as_bytes()));
        assert!(cmdline(scanned.key, image.arg_start + 1).is_none());

        let other = Key::new(own, scanned.key.start_ns + TICK_NS);
        assert!(cmdline(other, image.arg_start).is_none());
        assert!(pids().any(|pid| pid == own));
    }
}
