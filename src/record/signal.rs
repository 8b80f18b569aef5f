//! The lines of a signal: `signal`, and `recipients` for those that do not fit.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    context::{Context, Head, is_false, is_zero},
    details::Details,
    info::Info,
    limits::{Cutter, Limits},
    process::Brief,
    relation::Relation,
    target::{Recipient, Sender, Target},
};
use crate::{
    clock::Timestamp,
    event::{Abi, Call, Origin, Syscall},
    names::{Name, errno_name, signal_name},
};

/// One call that sent, or tried to send, a signal; or one signal that no call sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "signal")]
pub struct Signal<'a, S = Sender<'a>, T = Target<'a>> {
    /// When the call was entered, or the kernel made the signal: UTC, in RFC 3339,
    /// to the nanosecond.
    pub timestamp: Timestamp,
    /// `signal`: what kind of line this is.
    #[schemars(extend("const" = "signal"))]
    pub r#type: &'static str,
    /// The line's number in its run: 1, 2, 3 and so on.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The machine's node name, as `uname -n` gives it.
    pub hostname: &'a str,
    /// What made the signal: one of the six system calls (`call`), or the kernel, and
    /// then why. `fault`: the process did what its processor or its memory does not
    /// allow. `timer`: a timer of the process ran out. `child`: a child ended, stopped
    /// or went on. `parent_death`: its parent ended (`PR_SET_PDEATHSIG`). `tty`: a key
    /// of its terminal, an ioctl on it, or its use from the background. `hangup`: its
    /// terminal was closed, or the session's leader ended. `orphaned_group`: it was
    /// stopped, and its process group lost its last link to its session. `async_io`: a
    /// file is ready or has changed (`O_ASYNC`, `F_NOTIFY`, leases), or has urgent
    /// data. `mqueue`: a message came (`mq_notify`). `rlimit`: it reached a resource
    /// limit. `deadline`: it exceeded its `SCHED_DEADLINE` runtime. `oom`: the OOM
    /// killer. `cgroup_kill`: a write to `cgroup.kill`. `pid_namespace`: the init of
    /// its pid namespace ended. `reboot`: `reboot` in its pid namespace. `seccomp`: a
    /// seccomp filter. `user_dispatch`: Syscall User Dispatch. `ptrace`: its tracer, or
    /// being traced. `exec`: its exec failed too late to return. `pipe`: it wrote to a
    /// pipe or socket that nobody reads. `perf`: a perf event that asks for a signal
    /// (`sigtrap`). `pidfd_close`: the last pidfd of a process that ends with it was
    /// closed. `kernel`: the kernel, for a reason that it does not tell.
    #[schemars(extend("enum" = Origin::ALL.map(Origin::name)))]
    pub origin: &'static str,
    /// The system call that was made. Present if `origin` is `call`.
    #[schemars(extend("enum" = Syscall::ALL.map(Syscall::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syscall: Option<&'static str>,
    /// The signal's name (`SIGTERM`, `SIGRTMIN+3`), or its number as text where it
    /// has none.
    #[schemars(
        with = "String",
        regex(pattern = r"^(SIG[A-Z0-9]+([+-][0-9]+)?|-?[0-9]+)$")
    )]
    pub signal: Name,
    /// The signal's number as given, valid or not.
    pub signal_number: i32,
    /// What the call returned: 0 or a negative errno. -38 (`ENOSYS`) if the call was
    /// not made after all, for one of two reasons: seccomp killed the caller because
    /// of it, or the caller was traced and was killed at its tracer's stop before it.
    /// If a seccomp filter or supervisor answered in the kernel's place, this is its
    /// answer: then 0 does not mean that a signal was sent, and `outcome` is absent.
    /// Present if `origin` is `call` and `witness_only` is absent.
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
    /// What the siginfo holds that came with the signal.
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
    /// What is known of why the kernel sent the signal.
    #[serde(flatten)]
    pub details: Details<'a>,
    /// The process that made the call; for a signal that no call sent, the process
    /// behind it, if there is one and it is known: see `sender_role`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<S>,
    /// A process that arranged for the signal and is not the sender: a tracer that
    /// wrote the registers or the code of the thread before it made the call, or
    /// whoever set the stack limit of a process before it faulted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arranged_by: Option<Brief<'a>>,
    /// Whom the signal is for: what the call's arguments mean, or the process that
    /// the kernel signals.
    pub target: T,
    /// How sender and target are related. Only what holds is present, as `true`.
    /// Absent if either is not known, or the target is a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// How many processes the kernel signalled; always exact. Present for calls to
    /// a group that succeeded, unless they sent signal 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_count: Option<u32>,
    /// How many members of the process group were not signalled, because the caller
    /// may not signal them; at least, as some may have ended meanwhile. Present if
    /// there are any that are known, for calls to a process group.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(min = 1))]
    pub spared_count: u32,
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
    /// The line comes after younger ones, as the call's does.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// The processes.
    #[schemars(with = "Vec<Recipient<'static>>", length(min = 1))]
    pub recipients: &'a [Box<RawValue>],
}

/// Both sides of a signal, as records or as their JSON.
#[derive(Debug)]
pub struct Endpoints<'a, S, T> {
    /// The process behind it.
    pub sender: Option<S>,
    /// Who arranged for it.
    pub arranged_by: Option<Brief<'a>>,
    /// Whom it is for.
    pub target: T,
    /// Some text in them is incomplete.
    pub truncated: bool,
}

impl<'a> Endpoints<'a, Sender<'a>, Target<'a>> {
    /// With texts of these lengths at most.
    pub fn new(context: Context<'a>, limits: Limits) -> Self {
        let mut cutter = Cutter::new(limits);
        Self {
            sender: (context.sender)
                .map(|(sender, names)| Sender::new(sender, names, context, &mut cutter)),
            arranged_by: Self::arranger(context, &mut cutter),
            target: Target::new(context, &mut cutter),
            truncated: cutter.has_cut(),
        }
    }
}

impl<'a, S, T> Endpoints<'a, S, T> {
    /// Who arranged for a signal.
    pub fn arranger(context: Context<'a>, cutter: &mut Cutter) -> Option<Brief<'a>> {
        let (process, names) = context.arranged_by?;
        Some(Brief::new(process, names, context.machine, cutter))
    }
}

impl<'a, S, T> Signal<'a, S, T> {
    /// The record of a signal.
    pub fn new(
        head: Head<'a>,
        context: Context<'a>,
        endpoints: Endpoints<'a, S, T>,
        recipients: &'a [Box<RawValue>],
    ) -> Self {
        let signal = context.signal;
        let call = signal.call();
        let reached_group =
            |call: &&Call| call.scope().is_group() && call.ret == 0 && call.signal != 0;
        let ret = (call.filter(|call| !call.witness_only)).map(|call| call.ret);
        Self {
            timestamp: head.timestamp,
            r#type: "signal",
            seq: head.seq,
            hostname: head.hostname,
            origin: signal.origin().name(),
            syscall: call.map(|call| call.syscall.name()),
            signal: signal_name(signal.number()),
            signal_number: signal.number(),
            ret,
            errno: (ret.filter(|&ret| ret < 0)).map(|ret| errno_name(-i64::from(ret))),
            abi: (call.map(|call| call.abi))
                .filter(|&abi| abi != Abi::Native)
                .map(Abi::name),
            info: Info::new(signal),
            entry_missing: call.is_some_and(|call| call.entry_missing && !call.witness_only),
            witness_only: call.is_some_and(|call| call.witness_only),
            late: context.late,
            truncated: endpoints.truncated,
            details: Details::new(context),
            sender: endpoints.sender,
            arranged_by: endpoints.arranged_by,
            target: endpoints.target,
            relation: Relation::new(context),
            recipient_count: call.filter(reached_group).map(|call| call.recipient_count),
            spared_count: call.map_or(0, |call| call.spared_count),
            recipients_lost: call.map_or(0, |call| call.recipients_lost),
            recipients,
        }
    }
}
