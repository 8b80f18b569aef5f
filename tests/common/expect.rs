//! What a call's line must say, from what the actor knows of the call. Its
//! tables are its own: the product's would agree with themselves.

use std::fs;

use serde_json::{Value, json};

use super::{Actor, nanoseconds};

pub const EPERM: i64 = -1;
pub const ESRCH: i64 = -3;
pub const EINVAL: i64 = -22;

/// What a line must say of its sender.
#[derive(Debug, Clone)]
pub struct Sender {
    pub pid: i64,
    pub tid: i64,
    pub comm: String,
    pub uid: u32,
    pub gid: u32,
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
        }
    }

    fn value(&self) -> Value {
        let mut value = json!({
            "pid": self.pid, "tid": self.tid, "comm": self.comm,
            "uid": self.uid, "gid": self.gid,
        });
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

    fn signal(self) -> i64 {
        match self {
            Self::Kill { signal, .. }
            | Self::Tkill { signal, .. }
            | Self::Tgkill { signal, .. } => signal,
        }
    }

    fn target(self) -> Value {
        match self {
            Self::Kill { pid, .. } => json!({ "scope": scope(pid), "arg": pid }),
            Self::Tkill { tid, .. } => json!({ "scope": "thread", "arg": tid }),
            Self::Tgkill { tgid, tid, .. } => {
                json!({ "scope": "thread", "arg": tgid, "tgid": tgid, "arg_tid": tid })
            }
        }
    }

    /// The whole line, its timestamp and seq aside.
    pub fn line(self, sender: &Sender, ret: i64) -> Value {
        let mut line = json!({
            "type": "signal", "hostname": hostname(),
            "syscall": self.syscall(),
            "signal": signal_name(self.signal()), "signal_number": self.signal(),
            "ret": ret,
            "sender": sender.value(), "target": self.target(),
        });
        match ret {
            0 => {}
            EPERM => line["errno"] = "EPERM".into(),
            ESRCH => line["errno"] = "ESRCH".into(),
            EINVAL => line["errno"] = "EINVAL".into(),
            _ => panic!("the tests do not know the error {ret}"),
        }
        line
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

/// A line without what differs from run to run.
pub fn constant_part(line: &Value) -> Value {
    let mut line = line.clone();
    let keys = line.as_object_mut().unwrap();
    keys.remove("timestamp").unwrap();
    keys.remove("seq").unwrap();
    line
}

/// The lines are these, timestamps and seqs aside.
#[track_caller]
pub fn assert_lines(lines: &[Value], expected: &[Value]) {
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(constant_part(line), *expected);
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

pub fn time_of(line: &Value) -> i64 {
    nanoseconds(line["timestamp"].as_str().unwrap()).unwrap()
}
