//! The output schema. The order of fields is the order in the lines.

mod info;
mod process;
mod status;

use std::io;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

pub use self::{
    info::Info,
    process::{Limits, Party, Reached, Relation, Sender, Target},
    status::{Gauges, Lost, Status},
};
use crate::{
    clock::{Clock, Timestamp},
    event::{Abi, Call, Recipient, Syscall},
    identity::{Names, Users},
    names::{Name, errno_name, signal_name},
};

/// Longest line, with its end, in bytes: what `journalctl -o json` shows in
/// full and a pipe takes in one piece.
pub const LINE_MAX: usize = 4096;

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
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "signal")]
pub struct Signal<'a, S = Sender<'a>, T = Target<'a>> {
    /// When the call was entered: UTC, in RFC 3339, to the nanosecond.
    pub timestamp: Timestamp,
    /// `signal`: what kind of line this is.
    #[schemars(extend("const" = "signal"))]
    pub r#type: &'static str,
    /// The line's number in its run: 1, 2, 3 and so on.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The machine's node name, as `uname -n` gives it.
    pub hostname: &'a str,
    /// The system call that was made.
    #[schemars(extend("enum" = Syscall::ALL.map(Syscall::name)))]
    pub syscall: &'static str,
    /// The signal's name (`SIGTERM`, `SIGRTMIN+3`), or its number as text where it
    /// has none.
    #[schemars(
        with = "String",
        regex(pattern = r"^(SIG[A-Z0-9]+([+-][0-9]+)?|-?[0-9]+)$")
    )]
    pub signal: Name,
    /// The signal's number, as given: also one that is no signal.
    pub signal_number: i32,
    /// What the call returned: 0 or a negative errno; -38 (`ENOSYS`) if seccomp
    /// killed the caller for it. Left out with `witness_only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<i32>,
    /// The errno's name (`ESRCH`), or its number as text where it has none. There
    /// if `ret` is negative.
    #[schemars(with = "Option<String>", regex(pattern = r"^(E[A-Z0-9]+|[0-9]+)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<Name>,
    /// How the call was made, if not by the machine's own 64 bits: `i386` and `x32`
    /// on x86-64, `arm` on arm64.
    #[schemars(extend("enum" = Abi::OTHER.map(Abi::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<&'static str>,
    /// What the sender put into the signal. There if that is for it to say:
    /// `rt_sigqueueinfo`, `rt_tgsigqueueinfo`, `pidfd_send_signal` with a siginfo.
    #[serde(flatten)]
    pub info: Option<Info>,
    /// The call's entry was not seen; `timestamp` is that of its signal, or else of
    /// its return.
    #[serde(skip_serializing_if = "is_false")]
    pub entry_missing: bool,
    /// Only its signal was seen, and not how the call ended: it was made in a way
    /// that the probes do not see, or they were skipped. The line stands for the
    /// call.
    #[serde(skip_serializing_if = "is_false")]
    pub witness_only: bool,
    /// The line came after younger ones: it is not in the order of time.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Some text of `sender` or `target` was too long and was cut.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Who called.
    pub sender: S,
    /// Whom it was meant for.
    pub target: T,
    /// How sender and target are related: what holds is there, and true. Left
    /// out where the target is not known, or is a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// How many processes the kernel signalled: always exact. There for calls to
    /// a group that succeeded, signal 0 aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_count: Option<u32>,
    /// How many of these processes are not known, as their records were lost. There
    /// if it is not 0.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(min = 1))]
    pub recipients_lost: u32,
    /// Those processes. What does not fit follows in lines of type
    /// `recipients`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(with = "Vec<Reached<'static>>", length(min = 1))]
    pub recipients: &'a [Box<RawValue>],
}

/// More processes that a call to a group reached.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "recipients")]
pub struct Recipients<'a> {
    /// When the call was entered: UTC, in RFC 3339, to the nanosecond.
    pub timestamp: Timestamp,
    /// `recipients`: what kind of line this is.
    #[schemars(extend("const" = "recipients"))]
    pub r#type: &'static str,
    /// The line's number in its run: 1, 2, 3 and so on.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The machine's node name, as `uname -n` gives it.
    pub hostname: &'a str,
    /// The `seq` of the call's line.
    #[schemars(range(min = 1))]
    pub call_seq: u64,
    /// The processes.
    #[schemars(with = "Vec<Reached<'static>>", length(min = 1))]
    pub recipients: &'a [Box<RawValue>],
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// What a call's record is made of.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The call.
    pub call: &'a Call,
    /// It came after younger lines had been written.
    pub late: bool,
    /// Who made it.
    pub sender: &'a Names,
    /// Whom it meant, if one process and known.
    pub target: Option<(&'a Recipient, &'a Names)>,
    /// Names of users and groups.
    pub users: &'a Users,
    /// Times of processes' starts.
    pub clock: &'a Clock,
    /// This process.
    pub own_pid: u32,
}

/// Both sides of a call, as records or as their JSON.
#[derive(Debug)]
pub struct Sides<S, T> {
    /// Who called.
    pub sender: S,
    /// Whom it was meant for.
    pub target: T,
    /// Some text in them was cut.
    pub truncated: bool,
}

impl<'a> Sides<Sender<'a>, Target<'a>> {
    /// With texts of these lengths at most.
    pub fn new(told: Told<'a>, limits: Limits) -> Self {
        let (sender, sender_cut) = Sender::new(told, limits);
        let (target, target_cut) = Target::new(told, limits);
        Self {
            sender,
            target,
            truncated: sender_cut || target_cut,
        }
    }
}

impl<'a, S, T> Signal<'a, S, T> {
    /// The record of a call.
    pub fn new(
        head: Head<'a>,
        told: Told<'a>,
        sides: Sides<S, T>,
        recipients: &'a [Box<RawValue>],
    ) -> Self {
        let call = told.call;
        let group = call.scope().is_group() && call.ret == 0 && call.signal != 0;
        Self {
            timestamp: head.timestamp,
            r#type: "signal",
            seq: head.seq,
            hostname: head.hostname,
            syscall: call.syscall.name(),
            signal: signal_name(call.signal),
            signal_number: call.signal,
            ret: (!call.witness_only).then_some(call.ret),
            errno: (call.ret < 0).then(|| errno_name(-i64::from(call.ret))),
            abi: (call.abi != Abi::Native).then(|| call.abi.name()),
            info: Info::new(call),
            entry_missing: call.entry_missing && !call.witness_only,
            witness_only: call.witness_only,
            late: told.late,
            truncated: sides.truncated,
            sender: sides.sender,
            target: sides.target,
            relation: (told.target)
                .map(|(recipient, names)| Relation::new(told, &recipient.process, names)),
            recipient_count: group.then_some(call.recipient_count),
            recipients_lost: call.recipients_lost,
            recipients,
        }
    }
}

impl Call {
    /// The tgid that `tgkill` was given.
    fn tgid(&self) -> Option<i32> {
        self.syscall.names_two().then_some(self.arg)
    }

    /// The thread that `tgkill` was given.
    fn second_arg(&self) -> Option<i32> {
        self.syscall.names_two().then_some(self.arg_tid)
    }

    /// The flags that `pidfd_send_signal` was given.
    fn flags(&self) -> Option<u32> {
        (self.pidfd.map(|pidfd| pidfd.flags)).filter(|&flags| flags != 0)
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
