//! Who a process is, read from `/proc` while it is there: what a line must say
//! of it.

use std::{fs, os::unix::ffi::OsStrExt, sync::OnceLock};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use sigtrail::{Cgroup, text};

use super::expect::user_name;

const TICK_NS: i64 = 10_000_000;
const UNSET: u32 = u32::MAX;

/// A file of a process or thread, if it is there.
pub fn read_proc(pid: i64, name: &str) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/{name}")).ok()
}

/// A line of `status`, its name aside.
pub fn status_field(pid: i64, name: &str) -> Option<String> {
    let status = String::from_utf8_lossy(&read_proc(pid, "status")?).into_owned();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

pub fn numbers(pid: i64, name: &str) -> Vec<i64> {
    let field = status_field(pid, name).unwrap_or_default();
    (field.split_whitespace())
        .map(|word| word.parse().unwrap())
        .collect()
}

/// Fields of `stat` from the state on, which is the first.
pub fn stat(pid: i64) -> Option<Vec<String>> {
    let stat = read_proc(pid, "stat")?;
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = String::from_utf8_lossy(&stat[end + 1..]).into_owned();
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

pub fn comm(tid: i64) -> String {
    let mut comm = read_proc(tid, "comm").unwrap();
    assert_eq!(comm.pop(), Some(b'\n'));
    text(&comm).into_owned()
}

pub fn tgid(tid: i64) -> Option<i64> {
    numbers(tid, "Tgid").first().copied()
}

pub fn is_zombie(pid: i64) -> bool {
    stat(pid).is_some_and(|stat| stat[0] == "Z")
}

/// What a process is, but for `pid`, `tid` and `comm`. Its `start_time` is the
/// start of the tick, see [`super::same`].
pub fn process_fields(pid: i64) -> Value {
    let stat = stat(pid).unwrap();
    let mut value = json!({});
    let mut set = |key: &str, field: Value| value[key] = field;

    if let Ok(exe) = fs::read_link(format!("/proc/{pid}/exe")) {
        let exe = exe.as_os_str().as_bytes();
        let plain = exe.strip_suffix(b" (deleted)");
        set("exe", text(plain.unwrap_or(exe)).into());
        if plain.is_some() {
            set("exe_deleted", true.into());
        }
    }
    let cmdline = read_proc(pid, "cmdline").unwrap_or_default();
    if !cmdline.is_empty() {
        set("args", args_of(&cmdline));
    }
    let terminal: i64 = stat[4].parse().unwrap();
    if terminal > 0 {
        set("tty", terminal_name(terminal).into());
    }
    let (uid, gid) = (numbers(pid, "Uid"), numbers(pid, "Gid"));
    set("uid", uid[0].into());
    set("euid", uid[1].into());
    set("gid", gid[0].into());
    let user = |uid: i64| user_name(u32::try_from(uid).unwrap());
    if let Some(user) = user(uid[0]) {
        set("user", user.into());
    }
    if uid[1] != uid[0]
        && let Some(user) = user(uid[1])
    {
        set("effective_user", user.into());
    }
    if gid[1] != gid[0] {
        set("egid", gid[1].into());
    }
    if let Some(login) = audit_id(pid, "loginuid") {
        set("loginuid", login.into());
        if let Some(user) = user_name(login) {
            set("login_user", user.into());
        }
    }
    if let Some(session) = audit_id(pid, "sessionid") {
        set("session", session.into());
    }
    let ppid: i64 = stat[1].parse().unwrap();
    set("ppid", ppid.into());
    let parent = if ppid == 0 {
        "swapper/0".to_owned()
    } else {
        comm(ppid)
    };
    set("parent_comm", parent.into());
    set(
        "start_time",
        wall_clock(stat[19].parse::<i64>().unwrap()).into(),
    );
    let levels = numbers(pid, "NSpid");
    if levels.len() > 1 {
        set("ns_pid", (*levels.last().unwrap()).into());
        set("pid_ns", pid_ns(pid).into());
    }
    // Not even root may always look at process 1.
    let host = inode(1, "mnt").or_else(|| inode(2, "mnt")).unwrap();
    if let Some(mnt_ns) = inode(pid, "mnt").filter(|&mnt_ns| mnt_ns != host) {
        set("mnt_ns", mnt_ns.into());
    }
    // Of the dead, version 1 of cgroups shows the root.
    let member = if is_zombie(pid) { ppid } else { pid };
    set_cgroup(&mut value, &cgroup(member));
    let ancestors = shown_ancestors(pid, &value["unit"]);
    if !ancestors.is_empty() {
        value["ancestors"] = ancestors.into();
    }
    if is_zombie(pid) {
        value["zombie"] = true.into();
        value["exiting"] = true.into();
    }
    value
}

/// The parent, its parent and so on, process 1 aside.
pub fn ancestors_of(pid: i64) -> Vec<i64> {
    let parent = |pid: &i64| {
        stat(*pid)?[1]
            .parse()
            .ok()
            .filter(|&parent: &i64| parent > 1)
    };
    std::iter::successors(parent(&pid), parent).collect()
}

/// What a line tells of them: eight at most, as long as they are of one unit.
fn shown_ancestors(pid: i64, unit: &Value) -> Vec<Value> {
    let is_in_unit = |pid: &i64| {
        let of = Cgroup::of(&cgroup(*pid)).unit;
        unit.is_null() || of.is_none_or(|of| *unit == *of)
    };
    let near = ancestors_of(pid).into_iter().take(8).take_while(is_in_unit);
    near.map(ancestor).collect()
}

fn ancestor(pid: i64) -> Value {
    let mut value = json!({ "pid": pid, "comm": comm(pid) });
    if let Ok(exe) = fs::read_link(format!("/proc/{pid}/exe")) {
        let exe = exe.as_os_str().as_bytes();
        value["exe"] = text(exe.strip_suffix(b" (deleted)").unwrap_or(exe)).into();
    }
    let cmdline = read_proc(pid, "cmdline").unwrap_or_default();
    if !cmdline.is_empty() {
        value["args"] = first_args(&args_of(&cmdline));
    }
    value
}

/// The ancestors of a child of that process, which has these itself.
pub fn with_parent(parent: i64, ancestors: &Value) -> Value {
    let farther = ancestors.as_array().into_iter().flatten().cloned();
    let all: Vec<_> = std::iter::once(ancestor(parent)).chain(farther).collect();
    all.into_iter().take(8).collect()
}

/// Four at most, and 128 bytes with their quotes and commas.
fn first_args(args: &Value) -> Value {
    let mut left = 128;
    let mut first = Vec::new();
    for arg in args.as_array().unwrap().iter().take(4) {
        let mut arg = arg.as_str().unwrap();
        if left == 0 {
            break;
        }
        let mut ends = (0..=left.min(arg.len())).rev();
        arg = &arg[..ends.find(|&end| arg.is_char_boundary(end)).unwrap()];
        left = left.saturating_sub(arg.len() + 3);
        first.push(arg);
    }
    first.into()
}

/// As `/proc/PID/cmdline` has them.
pub fn args_of(cmdline: &[u8]) -> Value {
    let args = cmdline.strip_suffix(&[0]).unwrap_or(cmdline);
    args.split(|&byte| byte == 0)
        .map(|arg| Value::from(text(arg)))
        .collect()
}

fn audit_id(pid: i64, name: &str) -> Option<u32> {
    let id = String::from_utf8(read_proc(pid, name)?).unwrap();
    let id = id.trim().parse().unwrap();
    (id != UNSET).then_some(id)
}

pub fn pid_ns(pid: i64) -> u64 {
    pid_ns_if_there(pid).unwrap()
}

/// Of a process that may end meanwhile.
pub fn pid_ns_if_there(pid: i64) -> Option<u64> {
    inode(pid, "pid")
}

fn inode(pid: i64, namespace: &str) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{pid}/ns/{namespace}")).ok()?;
    let number = link.to_str()?.split_once('[')?.1.strip_suffix(']')?;
    Some(number.parse().unwrap())
}

/// As the driver calls it.
fn terminal_name(number: i64) -> String {
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00);
    match major {
        136..=143 => format!("pts{minor}"),
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        229 => format!("hvc{minor}"),
        _ => panic!("no name for the terminal {major}:{minor}"),
    }
}

/// The default hierarchy's; where that is its root, the memory controller's.
pub fn cgroup(pid: i64) -> Vec<u8> {
    let table = read_proc(pid, "cgroup").unwrap();
    let find = |wanted: &dyn Fn(&[u8], &[u8]) -> bool| {
        table.split(|&byte| byte == b'\n').find_map(|line| {
            let mut fields = line.splitn(3, |&byte| byte == b':');
            let (number, controllers) = (fields.next()?, fields.next()?);
            wanted(number, controllers).then(|| fields.next().unwrap().to_vec())
        })
    };
    let memory = |controllers: &[u8]| {
        controllers
            .split(|&byte| byte == b',')
            .any(|c| c == b"memory")
    };
    find(&|number, controllers| number == b"0" && controllers.is_empty())
        .filter(|path| path != b"/")
        .or_else(|| find(&|_, controllers| memory(controllers)))
        .unwrap_or_else(|| b"/".to_vec())
}

/// All that a cgroup's path says. Which paths say what is for `cgroups.rs`.
pub fn set_cgroup(process: &mut Value, path: &[u8]) {
    let known = Cgroup::of(path);
    for key in CGROUP_KEYS {
        process.as_object_mut().unwrap().remove(*key);
    }
    let mut set = |key: &str, field: &str| process[key] = field.into();
    set("cgroup", &text(path));
    if let Some(unit) = known.unit {
        set("unit", &unit);
    }
    if let Some(unit) = known.user_unit {
        set("user_unit", &unit);
    }
    if let Some(container) = known.container {
        set("container", &container.id);
        set("container_runtime", container.runtime.name());
    }
    if let Some(pod) = known.pod {
        set("pod_uid", &pod.uid);
        set("pod_qos", pod.qos.name());
    }
}

pub const CGROUP_KEYS: &[&str] = &[
    "cgroup",
    "unit",
    "user_unit",
    "container",
    "container_runtime",
    "pod_uid",
    "pod_qos",
];

/// A tick since boot in the form of the lines.
fn wall_clock(ticks: i64) -> String {
    let nanos = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    // Somebody else may run between two readings: then they are no pair.
    let boot = loop {
        let before = nanos(ClockId::Boottime);
        let now = nanos(ClockId::Realtime);
        if nanos(ClockId::Boottime) - before < 100_000 {
            break now - before;
        }
    };
    let time = chrono::DateTime::from_timestamp_nanos(boot + ticks * TICK_NS);
    time.format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

/// Who tells of targets that were not signalled: newer kernels do.
pub fn looked_up_by() -> &'static str {
    static SOURCE: OnceLock<bool> = OnceLock::new();
    let kernel = SOURCE.get_or_init(|| {
        let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
        symbols.contains(" bpf_task_from_vpid\n")
    });
    if *kernel { "kernel" } else { "proc" }
}

/// The number in the initial pid namespace of what `sender` calls `number`, be
/// it a process or a thread; processes in namespaces below the sender's own
/// are not looked for.
pub fn global_id(sender: i64, number: i64) -> Option<i64> {
    let level = numbers(sender, "NSpid").len();
    if level == 1 {
        return tgid(number).map(|_| number);
    }
    let ns = pid_ns(sender);
    every_process().find(|&pid| {
        numbers(pid, "NSpid").get(level - 1) == Some(&number) && pid_ns_if_there(pid) == Some(ns)
    })
}

pub fn every_process() -> impl Iterator<Item = i64> {
    let names = fs::read_dir("/proc").unwrap();
    names.filter_map(|name| name.unwrap().file_name().to_str()?.parse().ok())
}

pub fn process_group(pid: i64) -> Option<i64> {
    stat(pid)?[2].parse().ok()
}
