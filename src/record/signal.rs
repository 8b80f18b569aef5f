//! The lines of a call: `signal`, and `recipients` for those that do not fit.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    context::{Context, Head, is_false, is_zero},
    info::Info,
    limits::{Cutter, Limits},
    relation::Relation,
    target::{Recipient, Sender, Target},
};
use crate::{
    clock::Timestamp,
    event::{Abi, Syscall},
    names::{Name, errno_name, signal_name},
};

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
    /// The signal's number as given, valid or not.
    pub signal_number: i32,
    /// What the call returned: 0 or a negative errno. -38 (`ENOSYS`) if seccomp
    /// killed the caller because of the call. Absent if `witness_only` is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<i32>,
    /// The errno's name (`ESRCH`), or its number as text where it has none. Present
    /// if `ret` is negative.
    #[schemars(with = "Option<String>", regex(pattern = r"^(E[A-Z0-9]+|[0-9]+)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<Name>,
    /// The ABI of the call, if it is not the machine's own 64-bit one: `i386` or
    /// `x32` on x86-64, `arm` on arm64.
    #[schemars(extend("enum" = Abi::OTHER.map(Abi::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<&'static str>,
    /// What the sender put into the siginfo. Present if the call takes one:
    /// `rt_sigqueueinfo`, `rt_tgsigqueueinfo`, `pidfd_send_signal` with a siginfo.
    #[serde(flatten)]
    pub info: Option<Info>,
    /// The call's entry was not seen. `timestamp` is the time of its signal, or of
    /// its return if that was not seen either.
    #[serde(skip_serializing_if = "is_false")]
    pub entry_missing: bool,
    /// Only the call's signal was seen, not how the call ended: the probes do not
    /// see calls made in this way, or the kernel skipped them. The line stands for
    /// the call.
    #[serde(skip_serializing_if = "is_false")]
    pub witness_only: bool,
    /// The line comes after younger ones, so it is not in the order of time.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Some text in `sender` or `target` was too long and was shortened.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// The process that made the call.
    pub sender: S,
    /// What the call's arguments mean.
    pub target: T,
    /// How sender and target are related. Only what holds is present, as `true`.
    /// Absent if the target is not known, or is a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// How many processes the kernel signalled; always exact. Present for calls to
    /// a group that succeeded, unless they sent signal 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_count: Option<u32>,
    /// How many of these processes are not known, because their records were lost.
    /// Present if it is not 0.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(min = 1))]
    pub recipients_lost: u32,
    /// These processes. Those that do not fit follow in lines of type `recipients`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(with = "Vec<Recipient<'static>>", length(min = 1))]
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
    #[schemars(with = "Vec<Recipient<'static>>", length(min = 1))]
    pub recipients: &'a [Box<RawValue>],
}

/// Both sides of a call, as records or as their JSON.
#[derive(Debug)]
pub struct Endpoints<S, T> {
    /// The sender.
    pub sender: S,
    /// What the arguments mean.
    pub target: T,
    /// Some text in them is incomplete.
    pub truncated: bool,
}

impl<'a> Endpoints<Sender<'a>, Target<'a>> {
    /// With texts of these lengths at most.
    pub fn new(context: Context<'a>, limits: Limits) -> Self {
        let mut cutter = Cutter::new(limits);
        Self {
            sender: Sender::new(context, &mut cutter),
            target: Target::new(context, &mut cutter),
            truncated: cutter.has_cut(),
        }
    }
}

impl<'a, S, T> Signal<'a, S, T> {
    /// The record of a call.
    pub fn new(
        head: Head<'a>,
        context: Context<'a>,
        endpoints: Endpoints<S, T>,
        recipients: &'a [Box<RawValue>],
    ) -> Self {
        let call = context.call;
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
            late: context.late,
            truncated: endpoints.truncated,
            sender: endpoints.sender,
            target: endpoints.target,
            relation: (context.target)
                .map(|(recipient, names)| Relation::new(context, &recipient.process, names)),
            recipient_count: group.then_some(call.recipient_count),
            recipients_lost: call.recipients_lost,
            recipients,
        }
    }
}
