//! The two sides of a call: its sender, and what its arguments mean.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    context::{Context, is_false},
    limits::Cutter,
    process::Process,
};
use crate::{
    event::{self, Disposition, Outcome, Scope, Source},
    identity::Names,
};

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "sender")]
pub struct Sender<'a> {
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// Thread id, in the initial pid namespace.
    pub tid: u32,
    /// The process.
    #[serde(flatten)]
    pub process: Process<'a>,
}

impl<'a> Sender<'a> {
    /// The process that made the call.
    pub fn new(context: Context<'a>, cutter: &mut Cutter) -> Self {
        let sender = &context.call.sender;
        Self {
            pid: sender.pid,
            tid: sender.tid,
            process: Process::new(sender, context.sender, context, cutter),
        }
    }
}

/// What the call's arguments mean.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "target")]
pub struct Target<'a> {
    /// The kind of target that the arguments mean.
    #[schemars(extend("enum" = Scope::ALL.map(Scope::name)))]
    pub scope: &'static str,
    /// The call's first argument as given: a number in the sender's pid namespace,
    /// or a pidfd.
    pub arg: i32,
    /// The first argument of `tgkill` and `rt_tgsigqueueinfo` as given: the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tgid: Option<i32>,
    /// The second argument of `tgkill` and `rt_tgsigqueueinfo` as given: the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_tid: Option<i32>,
    /// The fourth argument of `pidfd_send_signal` as given. Present if it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// The process that it means, if it means one that is known.
    #[serde(flatten)]
    pub recipient: Option<Recipient<'a>>,
}

/// A process that a signal was for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "recipient")]
pub struct Recipient<'a> {
    /// Where the facts about the process come from: `kernel` (read during the call)
    /// or `proc` (read from `/proc` some time later).
    #[schemars(extend("enum" = Source::ALL.map(Source::name)))]
    pub source: &'static str,
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// Thread id, in the initial pid namespace. Present if a thread was meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// The process.
    #[serde(flatten)]
    pub process: Process<'a>,
    /// What the kernel did with the signal: `delivered` (queued), `ignored` (dropped:
    /// the process ignores it, or is dead), `already_pending` (merged with one that
    /// waits), `overflow` (refused: too many wait), `lost_info` (queued without its
    /// details) or `unknown`. Absent if no signal was sent: the call failed, or it
    /// sent signal 0.
    #[schemars(extend("enum" = Outcome::ALL.map(Outcome::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// What the process does with the signal. Present if `outcome` is.
    #[schemars(extend("enum" = Disposition::ALL.map(Disposition::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<&'static str>,
    /// The process had blocked the signal.
    #[serde(skip_serializing_if = "is_false")]
    pub blocked: bool,
    /// Whether the signal ends the process. Present if `outcome` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatal: Option<bool>,
    /// The process was exiting already.
    #[serde(skip_serializing_if = "is_false")]
    pub exiting: bool,
    /// The process was dead already and waited for its parent (a zombie).
    #[serde(skip_serializing_if = "is_false")]
    pub zombie: bool,
    /// The process is a kernel thread.
    #[serde(skip_serializing_if = "is_false")]
    pub kernel_thread: bool,
}

impl<'a> Recipient<'a> {
    /// A process that the signal of a call of this scope was for.
    pub fn new(
        recipient: &'a event::Recipient,
        names: &'a Names,
        context: Context<'a>,
        cutter: &mut Cutter,
    ) -> Self {
        let process = &recipient.process;
        let fate = recipient.fate;
        Self {
            source: recipient.source.name(),
            pid: process.pid,
            tid: (context.call.scope() == Scope::Thread).then_some(process.tid),
            process: Process::new(process, names, context, cutter),
            outcome: fate.map(|fate| fate.outcome.name()),
            disposition: fate.map(|fate| fate.disposition.name()),
            blocked: fate.is_some_and(|fate| fate.blocked),
            fatal: fate.map(|fate| fate.fatal),
            exiting: process.exiting,
            zombie: process.zombie,
            kernel_thread: process.kernel_thread,
        }
    }
}

impl<'a> Target<'a> {
    /// What the call's arguments mean.
    pub fn new(context: Context<'a>, cutter: &mut Cutter) -> Self {
        let call = context.call;
        let names_two = call.syscall.names_two();
        Self {
            scope: call.scope().name(),
            arg: call.arg,
            tgid: names_two.then_some(call.arg),
            arg_tid: names_two.then_some(call.arg_tid),
            flags: (call.pidfd.map(|pidfd| pidfd.flags)).filter(|&flags| flags != 0),
            recipient: (context.target)
                .map(|(recipient, names)| Recipient::new(recipient, names, context, cutter)),
        }
    }
}
