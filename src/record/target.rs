//! The two sides of a signal: who is behind it, and whom it is for.

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

/// The caller; for a signal that no call sent, the process behind it.
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
    /// The process behind a signal.
    pub fn new(
        sender: &'a event::Process,
        names: &'a Names,
        context: Context<'a>,
        cutter: &mut Cutter,
    ) -> Self {
        Self {
            pid: sender.pid,
            tid: sender.tid,
            process: Process::new(sender, names, context.machine, cutter),
        }
    }
}

/// What the call's arguments mean; for a signal that no call sent, the process.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "target")]
pub struct Target<'a> {
    /// The kind of target that the arguments mean; for a signal that no call sent,
    /// `process` or `thread`.
    #[schemars(extend("enum" = Scope::ALL.map(Scope::name)))]
    pub scope: &'static str,
    /// The call's first argument as given: a number in the sender's pid namespace,
    /// or a pidfd. Present if `origin` is `call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg: Option<i32>,
    /// The first argument of `tgkill` and `rt_tgsigqueueinfo` as given: the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tgid: Option<i32>,
    /// The second argument of `tgkill` and `rt_tgsigqueueinfo` as given: the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_tid: Option<i32>,
    /// The fourth argument of `pidfd_send_signal` as given. Present if it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// The process that it means, if it means one that is known. Of a process group
    /// that was not signalled, or not all of it, this is the leader.
    #[serde(flatten)]
    pub recipient: Option<Recipient<'a>>,
}

/// A process that a signal was for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "recipient")]
pub struct Recipient<'a> {
    /// Where the facts about the process come from: `kernel` (read when the signal
    /// was made, or during the call) or `proc` (read from `/proc` some time later).
    #[schemars(extend("enum" = Source::ALL.map(Source::name)))]
    pub source: &'static str,
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// Thread id, in the initial pid namespace. Present if `scope` is `thread`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// The process.
    #[serde(flatten)]
    pub process: Process<'a>,
    /// What the kernel did with the signal: `delivered` (queued), `ignored` (dropped:
    /// the process ignores it, or is dead), `already_pending` (merged with one that
    /// waits), `overflow` (refused: too many wait), `lost_info` (queued without its
    /// details), `continued` (dropped, but SIGCONT woke the stopped process) or
    /// `unknown`. Absent if the kernel made no signal: the call failed, it sent
    /// signal 0, or a seccomp filter or supervisor answered it in the kernel's place
    /// (then `ret` may be 0 all the same).
    #[schemars(extend("enum" = Outcome::ALL.map(Outcome::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// What the process does with the signal. Present if `outcome` is.
    #[schemars(extend("enum" = Disposition::ALL.map(Disposition::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<&'static str>,
    /// The signal waits: each thread that could take it blocks it, or waits for it
    /// in sigwait(3).
    #[serde(skip_serializing_if = "is_false")]
    pub blocked: bool,
    /// The process is stopped, so the signal waits.
    #[serde(skip_serializing_if = "is_false")]
    pub stopped: bool,
    /// The thread that takes the signal is traced: its tracer decides what becomes
    /// of the signal.
    #[serde(skip_serializing_if = "is_false")]
    pub traced: bool,
    /// The process is the init of a pid namespace, which the signal does not end
    /// because the process has no handler for it.
    #[serde(skip_serializing_if = "is_false")]
    pub pid_ns_init: bool,
    /// Whether the signal ends the process. Present if `outcome` is and this is
    /// decided. It is not decided while the signal waits (`blocked`, `stopped`,
    /// `traced`), or another signal has to be handled before it.
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
    /// A process that a signal was for.
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
            tid: (context.signal.scope() == Scope::Thread).then_some(process.tid),
            process: Process::new(process, names, context.machine, cutter),
            outcome: fate.map(|fate| fate.outcome.name()),
            disposition: fate.map(|fate| fate.disposition.name()),
            blocked: fate.is_some_and(|fate| fate.blocked),
            stopped: fate.is_some_and(|fate| fate.stopped),
            traced: fate.is_some_and(|fate| fate.traced),
            pid_ns_init: fate.is_some_and(|fate| fate.spared_init),
            fatal: fate.and_then(|fate| fate.fatal),
            exiting: process.exiting,
            zombie: process.zombie,
            kernel_thread: process.kernel_thread,
        }
    }
}

impl<'a> Target<'a> {
    /// Whom a signal is for.
    pub fn new(context: Context<'a>, cutter: &mut Cutter) -> Self {
        let call = context.signal.call();
        let two = call.filter(|call| call.syscall.names_two());
        let pidfd = call.and_then(|call| call.pidfd);
        Self {
            scope: context.signal.scope().name(),
            arg: call.map(|call| call.arg),
            tgid: two.map(|call| call.arg),
            arg_tid: two.map(|call| call.arg_tid),
            flags: pidfd.map(|pidfd| pidfd.flags).filter(|&flags| flags != 0),
            recipient: (context.target)
                .map(|(recipient, names)| Recipient::new(recipient, names, context, cutter)),
        }
    }
}
