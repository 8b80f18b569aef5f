//! The output schema. The order of fields is the order in the lines.

use std::{borrow::Cow, collections::BTreeMap, io};

use serde::Serialize;

use crate::{
    clock::Timestamp,
    event::{Call, Process, Syscall},
    identity::Users,
    names::{Name, errno_name, signal_name},
    status::Unsaid,
    text::text,
};

/// What every line starts with, its type aside.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// When, in UTC.
    pub timestamp: Timestamp,
    /// +1 for each line of a run, from 1.
    pub seq: u64,
    /// The machine's node name.
    pub hostname: &'a str,
}

/// One call that sent, or tried to send, a signal.
#[derive(Debug, Serialize)]
pub struct Signal<'a> {
    /// When the call was entered.
    pub timestamp: Timestamp,
    /// `signal`
    pub r#type: &'static str,
    /// +1 for each line of a run, from 1.
    pub seq: u64,
    /// The machine's node name.
    pub hostname: &'a str,
    /// The system call.
    pub syscall: &'static str,
    /// The signal's name, or its number where it has none.
    pub signal: Name,
    /// The signal's number.
    pub signal_number: i32,
    /// What the call returned: 0 or a negative errno.
    pub ret: i32,
    /// The errno's name, of a call that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<Name>,
    /// The call's entry was not seen; the time is that of its return.
    #[serde(skip_serializing_if = "is_false")]
    pub entry_missing: bool,
    /// It came after younger lines had been written.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Who called.
    pub sender: Sender<'a>,
    /// Whom it was meant for.
    pub target: Target,
}

/// The caller.
#[derive(Debug, Serialize)]
pub struct Sender<'a> {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// The thread's name.
    pub comm: Cow<'a, str>,
    /// Real user id.
    pub uid: u32,
    /// That user's name in `/etc/passwd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// Real group id.
    pub gid: u32,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Target {
    /// Which kind of target the argument means.
    pub scope: &'static str,
    /// The first argument, as given.
    pub arg: i32,
    /// `tgkill`'s first argument: the process, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tgid: Option<i32>,
    /// `tgkill`'s second argument: the thread, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_tid: Option<i32>,
}

/// Calls that have no line.
#[derive(Debug, Serialize)]
pub struct Lost<'a> {
    /// When the loss was found.
    pub timestamp: Timestamp,
    /// `lost`
    pub r#type: &'static str,
    /// +1 for each line of a run, from 1.
    pub seq: u64,
    /// The machine's node name.
    pub hostname: &'a str,
    /// How many calls.
    pub count: u64,
    /// Why.
    pub reason: &'static str,
    /// They were made after this time.
    pub since: Timestamp,
}

/// The run's own life.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// When.
    pub timestamp: Timestamp,
    /// `status`
    pub r#type: &'static str,
    /// +1 for each line of a run, from 1.
    pub seq: u64,
    /// The machine's node name.
    pub hostname: &'a str,
    /// `started`, `running` or `stopped`
    pub state: &'static str,
    /// sigtrail's version.
    pub version: &'static str,
    /// The kernel's release.
    pub kernel: &'a str,
    /// Signal lines since the start.
    pub events: u64,
    /// Calls lost since the start.
    pub lost: u64,
    /// Those, by reason; without the reasons that did not occur.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lost_by_reason: BTreeMap<&'static str, u64>,
    /// Lines that came after younger ones, since the start.
    pub late: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl<'a> Signal<'a> {
    /// The record of a call.
    pub fn new(head: Head<'a>, call: &'a Call, late: bool, users: &'a Users) -> Self {
        Self {
            timestamp: head.timestamp,
            r#type: "signal",
            seq: head.seq,
            hostname: head.hostname,
            syscall: call.syscall.name(),
            signal: signal_name(call.signal),
            signal_number: call.signal,
            ret: call.ret,
            errno: (call.ret < 0).then(|| errno_name(-i64::from(call.ret))),
            entry_missing: call.entry_missing,
            late,
            sender: Sender::new(&call.sender, users),
            target: Target::new(call),
        }
    }
}

impl<'a> Sender<'a> {
    fn new(process: &'a Process, users: &'a Users) -> Self {
        Self {
            pid: process.pid,
            tid: process.tid,
            comm: text(process.comm()),
            uid: process.uid,
            user: users.user(process.uid),
            gid: process.gid,
        }
    }
}

impl Target {
    fn new(call: &Call) -> Self {
        let tgkill = call.syscall == Syscall::Tgkill;
        Self {
            scope: call.scope().name(),
            arg: call.arg,
            tgid: tgkill.then_some(call.arg),
            arg_tid: tgkill.then_some(call.arg_tid),
        }
    }
}

impl<'a> Lost<'a> {
    /// The record of a loss.
    pub fn new(head: Head<'a>, unsaid: Unsaid, since: Timestamp) -> Self {
        Self {
            timestamp: head.timestamp,
            r#type: "lost",
            seq: head.seq,
            hostname: head.hostname,
            count: unsaid.count,
            reason: unsaid.reason.name(),
            since,
        }
    }
}

/// Appends a record and its line end.
///
/// # Errors
/// None that can occur: the records have nothing that JSON cannot say.
pub fn push_line(out: &mut Vec<u8>, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, status::Reason};

    fn head(clock: &mut Clock) -> Head<'static> {
        Head {
            timestamp: clock.late_timestamp(0),
            seq: 42,
            hostname: "web-1",
        }
    }

    fn call() -> Call {
        Call {
            time_ns: 0,
            cpu: 0,
            cpu_seq: 1,
            syscall: Syscall::Kill,
            entry_missing: false,
            sender: Process {
                pid: 3880,
                tid: 3881,
                uid: 4_000_000_000,
                gid: 7,
                comm: *b"a\"b\\c\n\x01\xff\xc3{}\0\0\0\0\0",
            },
            arg: -5,
            arg_tid: 9,
            signal: 37,
            ret: -3,
        }
    }

    fn line(record: &impl Serialize) -> String {
        let mut out = Vec::new();
        push_line(&mut out, record).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        // The time is the clock's affair.
        let (start, rest) = text.split_at(r#"{"timestamp":""#.len());
        assert_eq!(start, r#"{"timestamp":""#);
        rest.split_at(Timestamp::LEN).1.to_owned()
    }

    #[test]
    fn a_signal_line_has_its_fields_in_order_and_hostile_bytes_as_text() {
        let users = Users::of("/nonexistent", "/nonexistent");
        let mut clock = Clock::new();
        assert_eq!(
            line(&Signal::new(head(&mut clock), &call(), false, &users)),
            concat!(
                r#"","type":"signal","seq":42,"hostname":"web-1","syscall":"kill","#,
                r#""signal":"SIGRTMIN+3","signal_number":37,"ret":-3,"errno":"ESRCH","#,
                r#""sender":{"pid":3880,"tid":3881,"comm":"a\"b\\c\n\u0001\\xff\\xc3{}","#,
                r#""uid":4000000000,"gid":7},"target":{"scope":"process_group","arg":-5}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn rare_fields_appear_when_they_are_true() {
        let users = Users::of("/nonexistent", "/nonexistent");
        let mut clock = Clock::new();
        let call = Call {
            syscall: Syscall::Tgkill,
            entry_missing: true,
            arg: 5,
            signal: 65,
            ret: 0,
            ..call()
        };
        let text = line(&Signal::new(head(&mut clock), &call, true, &users));
        assert!(
            text.contains(r#""signal":"65","signal_number":65,"ret":0,"entry_missing":true,"late":true,"sender""#),
            "{text}"
        );
        assert!(
            text.contains(r#""target":{"scope":"thread","arg":5,"tgid":5,"arg_tid":9}"#),
            "{text}"
        );
    }

    #[test]
    fn a_lost_line_says_how_many_why_and_since_when() {
        let mut clock = Clock::new();
        let unsaid = Unsaid {
            reason: Reason::RingFull,
            count: 17,
            since_ns: 0,
        };
        let since = clock.late_timestamp(0);
        let text = line(&Lost::new(head(&mut clock), unsaid, since));
        assert_eq!(
            text,
            format!(
                "\",\"type\":\"lost\",\"seq\":42,\"hostname\":\"web-1\",\"count\":17,\
                 \"reason\":\"ring_full\",\"since\":\"{since}\"}}\n"
            )
        );
    }
}
