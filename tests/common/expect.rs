//! What a call's line must say, from what the actor knows of the call. Its
//! tables are its own: the product's would agree with themselves.

use std::fs;

use serde_json::{Value, json};

use super::{
    Actor,
    fate::{recipients, set_fate},
    nanoseconds,
    process::{ancestors_of, comm, global_id, looked_up_by, process_fields, stat, tgid},
};

pub const EPERM: i64 = -1;
pub const ESRCH: i64 = -3;
pub const EINVAL: i64 = -22;
pub const ENOSYS: i64 = -38;

/// What a line must say of its sender.
#[derive(Debug, Clone)]
pub struct Sender {
    pub pid: i64,
    pub tid: i64,
    pub comm: String,
    pub uid: u32,
    pub gid: u32,
    /// The rest of what it is.
    pub process: Value,
}

impl Sender {
    /// The actor's main thread, as it was started.
    pub fn of(actor: &Actor) -> Self {
        Self {
            pid: actor.pid,
            tid: actor.pid,
            comm: "actor".to_owned(),
            uid: 0,
            gid: 0,
            process: process_fields(actor.pid),
        }
    }

    /// The actor's main thread, as it is now.
    pub fn seen(actor: &Actor) -> Self {
        let process = process_fields(actor.pid);
        let id = |key: &str| u32::try_from(process[key].as_i64().unwrap()).unwrap();
        Self {
            uid: id("uid"),
            gid: id("gid"),
            comm: comm(actor.pid),
            ..Self::of(actor)
        }
    }

    pub fn value(&self) -> Value {
        let mut value = self.process.clone();
        value["pid"] = self.pid.into();
        value["tid"] = self.tid.into();
        value["comm"] = self.comm.as_str().into();
        // The actor sets them all at once.
        if value["uid"] != self.uid {
            value["uid"] = self.uid.into();
            value["euid"] = self.uid.into();
            value["gid"] = self.gid.into();
            value.as_object_mut().unwrap().remove("user");
        }
        if let Some(user) = user_name(self.uid) {
            value["user"] = user.into();
        }
        value
    }
}

/// A call with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Kill { pid: i64, signal: i64 },
    Tkill { tid: i64, signal: i64 },
    Tgkill { tgid: i64, tid: i64, signal: i64 },
}

pub fn kill(pid: i64, signal: i64) -> Call {
    Call::Kill { pid, signal }
}

pub fn tkill(tid: i64, signal: i64) -> Call {
    Call::Tkill { tid, signal }
}

pub fn tgkill(tgid: i64, tid: i64, signal: i64) -> Call {
    Call::Tgkill { tgid, tid, signal }
}

impl Call {
    /// The actor's command for it.
    pub fn command(self) -> String {
        match self {
            Self::Kill { pid, signal } => format!("kill {pid} {signal}"),
            Self::Tkill { tid, signal } => format!("tkill {tid} {signal}"),
            Self::Tgkill { tgid, tid, signal } => format!("tgkill {tgid} {tid} {signal}"),
        }
    }

    fn syscall(self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Tkill { .. } => "tkill",
            Self::Tgkill { .. } => "tgkill",
        }
    }

    /// The first argument.
    pub fn arg(self) -> i64 {
        match self {
            Self::Kill { pid: arg, .. }
            | Self::Tkill { tid: arg, .. }
            | Self::Tgkill { tgid: arg, .. } => arg,
        }
    }

    fn signal(self) -> i64 {
        match self {
            Self::Kill { signal, .. }
            | Self::Tkill { signal, .. }
            | Self::Tgkill { signal, .. } => signal,
        }
    }

    /// What it was given, and whom the number means now, if anyone.
    fn target(self, sender: i64, ret: i64) -> Value {
        let (mut target, number) = match self {
            Self::Kill { pid, .. } => (json!({ "scope": scope(pid), "arg": pid }), pid),
            Self::Tkill { tid, .. } => (json!({ "scope": "thread", "arg": tid }), tid),
            Self::Tgkill { tgid, tid, .. } => (
                json!({ "scope": "thread", "arg": tgid, "tgid": tgid, "arg_tid": tid }),
                tid,
            ),
        };
        if number <= 0 {
            return target;
        }
        let Some(tid) = global_id(sender, number) else {
            return target;
        };
        let pid = tgid(tid).unwrap();
        let to_process = matches!(self, Self::Kill { .. });
        let fields = process_fields(pid);
        (target.as_object_mut().unwrap()).extend(fields.as_object().unwrap().clone());
        target["pid"] = pid.into();
        target["comm"] = comm(if to_process { pid } else { tid }).into();
        if !to_process {
            target["tid"] = tid.into();
        }
        if ret == 0 && self.signal() != 0 {
            target["source"] = "kernel".into();
            set_fate(&mut target, sender, tid, self.signal(), to_process);
        } else {
            target["source"] = looked_up_by().into();
        }
        target
    }

    /// The whole line, its timestamp and seq aside, of a call that is yet to
    /// be made, with this result.
    pub fn line(self, sender: &Sender, ret: i64) -> Value {
        let mut line = json!({
            "type": "signal", "hostname": hostname(),
            "origin": "call", "syscall": self.syscall(),
            "signal": signal_name(self.signal()), "signal_number": self.signal(),
            "ret": ret,
            "sender": sender.value(), "target": self.target(sender.pid, ret),
        });
        match ret {
            0 => {}
            EPERM => line["errno"] = "EPERM".into(),
            ESRCH => line["errno"] = "ESRCH".into(),
            EINVAL => line["errno"] = "EINVAL".into(),
            ENOSYS => line["errno"] = "ENOSYS".into(),
            _ => panic!("the tests do not know the error {ret}"),
        }
        if let Self::Kill {
            pid: pid @ ..=0,
            signal: 1..,
        } = self
            && ret == 0
        {
            let recipients = recipients(sender.pid, pid, self.signal());
            line["recipient_count"] = recipients.len().into();
            line["recipients"] = recipients.into();
        }
        set_relation(&mut line);
        line
    }
}

/// What the two sides are to each other, if the target is one process.
pub fn set_relation(line: &mut Value) {
    let (sender, target) = (&line["sender"], &line["target"]);
    if target["pid"].is_null() {
        return;
    }
    let both = |key: &str| !sender[key].is_null() && sender[key] == target[key];
    let id = |side: &Value| side["pid"].as_i64().unwrap_or(0);
    let descends = |from: &Value, to: &Value| ancestors_of(id(from)).contains(&id(to));
    let session = |side: &Value| stat(id(side)).map(|stat| stat[3].clone());
    let relation = [
        ("same_process", both("pid")),
        ("same_user", both("uid")),
        ("same_unit", both("unit")),
        ("same_container", both("container")),
        ("target_is_child", target["ppid"] == sender["pid"]),
        ("target_is_parent", sender["ppid"] == target["pid"]),
        ("target_is_ancestor", descends(sender, target)),
        ("target_is_descendant", descends(target, sender)),
        (
            "same_session",
            target["source"] == "kernel" && session(sender) == session(target),
        ),
    ];
    line["relation"] = json!({});
    for (name, _) in relation.into_iter().filter(|&(_, holds)| holds) {
        line["relation"][name] = true.into();
    }
}

fn scope(pid: i64) -> &'static str {
    match pid {
        0 => "own_process_group",
        -1 => "every_process",
        i64::MIN..=-2 => "process_group",
        1.. => "process",
    }
}

pub fn signal_name(number: i64) -> String {
    const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM \
        STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";
    let name = (1..).zip(NAMES.split_whitespace());
    match number {
        1..=31 => (name.into_iter())
            .find(|&(n, _)| n == number)
            .map(|(_, name)| format!("SIG{name}"))
            .unwrap_or_default(),
        34 => "SIGRTMIN".to_owned(),
        35..=64 => format!("SIGRTMIN+{}", number - 34),
        _ => number.to_string(),
    }
}

pub fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim_end().to_owned()
}

/// From `/etc/passwd`, if it is there.
pub fn user_name(uid: u32) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let mut entries = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.get(2) == Some(&uid.to_string().as_str()))?;
    Some(entry[0].to_owned())
}

/// What a status says of time and memory.
const GAUGES: [&str; 11] = [
    "lines_written",
    "bytes_written",
    "queue_bytes",
    "queue_bytes_max",
    "ring_bytes_max",
    "canaries",
    "gap_ms_max",
    "processes_known",
    "cgroups_cached",
    "cpu_ms",
    "rss_kib",
];

/// A line without what differs from run to run.
pub fn constant_part(line: &Value) -> Value {
    let mut line = line.clone();
    let keys = line.as_object_mut().unwrap();
    keys.remove("timestamp").unwrap();
    keys.remove("seq").unwrap();
    for gauge in GAUGES {
        keys.remove(gauge);
    }
    line
}

/// Start times are of the same tick, give or take what two readings of the
/// clocks may differ; then both are removed. So is where the executable was read,
/// which depends on what was started first; and what runs in a zombie, of which
/// `/proc` does not tell.
fn settle(process: &mut Value, expected: &mut Value) {
    const TICK_NS: i64 = 10_000_000;
    const CLOCK_ERROR_NS: i64 = 1_000_000;
    let (Some(process), Some(expected)) = (process.as_object_mut(), expected.as_object_mut())
    else {
        return;
    };
    if let (Some(is), Some(tick)) = (process.get("start_time"), expected.get("start_time")) {
        let since = nanoseconds(is.as_str().unwrap()).unwrap()
            - nanoseconds(tick.as_str().unwrap()).unwrap();
        let allowed = -CLOCK_ERROR_NS..TICK_NS + CLOCK_ERROR_NS;
        assert!(
            allowed.contains(&since),
            "{is} is not in the tick of {tick}"
        );
        process.remove("start_time");
        expected.remove("start_time");
    }
    let source = process.remove("exe_source");
    assert!(source.is_none_or(|source| source == "proc"));
    if process.contains_key("zombie") {
        for key in ["exe", "exe_deleted", "args"] {
            process.remove(key);
        }
    }
}

/// Where a line gets long, the farthest ancestors go first.
fn lose_ancestors(line: &mut Value, expected: &mut Value) {
    let mut lost = 0;
    for side in ["sender", "target"] {
        let Some(expected) = expected[side].as_object_mut() else {
            continue;
        };
        let kept = line[side]["ancestors"].as_array().map_or(0, Vec::len);
        let Some(ancestors) = expected.get_mut("ancestors") else {
            continue;
        };
        let ancestors = ancestors.as_array_mut().unwrap();
        lost += ancestors.len() - kept;
        ancestors.truncate(kept);
        if kept == 0 {
            expected.remove("ancestors");
        }
    }
    assert!(lost > 0);
    line.as_object_mut().unwrap().remove("truncated");
}

/// Nothing was left out of a line of a child of this process, but maybe its farthest
/// ancestors: those are more and longer on some machines.
#[track_caller]
pub fn assert_whole(line: &Value) {
    if line["truncated"].is_null() {
        return;
    }
    let own = i64::from(std::process::id());
    let all = (ancestors_of(own).len() + 1).min(8);
    let kept = line["sender"]["ancestors"].as_array().map_or(0, Vec::len);
    assert!(kept < all, "{line}");
}

/// The line is this, its timestamp and seq aside.
#[track_caller]
pub fn assert_line(line: &Value, expected: &Value) {
    let (mut line, mut expected) = (constant_part(line), expected.clone());
    if line["truncated"] == true && expected["truncated"].is_null() {
        lose_ancestors(&mut line, &mut expected);
    }
    settle(&mut line["sender"], &mut expected["sender"]);
    settle(&mut line["target"], &mut expected["target"]);
    if let Some(recipients) = line.get_mut("recipients") {
        let recipients = recipients.as_array_mut().unwrap();
        // The kernel has an order of its own.
        recipients.sort_by_key(|recipient| recipient["pid"].as_i64());
        let mut none = Vec::new();
        let expected = expected["recipients"].as_array_mut().unwrap_or(&mut none);
        for (recipient, expected) in recipients.iter_mut().zip(expected) {
            settle(recipient, expected);
        }
    }
    assert_eq!(line, expected);
}

/// The lines are these, timestamps and seqs aside.
#[track_caller]
pub fn assert_lines(lines: &[Value], expected: &[Value]) {
    for (line, expected) in lines.iter().zip(expected) {
        assert_line(line, expected);
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

pub fn time_of(line: &Value) -> i64 {
    nanoseconds(line["timestamp"].as_str().unwrap()).unwrap()
}
