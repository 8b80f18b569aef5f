//! The line of a process's end.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    context::{Head, Machine, is_false},
    limits::{Cutter, Limits},
    process::{Culprit, Process},
};
use crate::{
    clock::Timestamp,
    event::{self, EndedBy, Origin, Role},
    identity::Names,
    names::{Name, signal_name},
};

/// The end of a process by a signal, or after one that asked for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "exit")]
pub struct Exit<'a> {
    /// When the process ended: UTC, in RFC 3339, to the nanosecond.
    pub timestamp: Timestamp,
    /// `exit`: what kind of line this is.
    #[schemars(extend("const" = "exit"))]
    pub r#type: &'static str,
    /// The line's number in its run: 1, 2, 3 and so on.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The machine's node name, as `uname -n` gives it.
    pub hostname: &'a str,
    /// How it ended, in systemd's words: by a signal (`killed`), by a signal and with a
    /// core dump (`dumped`), or by itself (`exited`), after a signal that asked for it
    /// and that it handled.
    #[schemars(extend("enum" = ["killed", "dumped", "exited"]))]
    pub end: &'static str,
    /// The signal that ended it: its name, or its number as text where it has none.
    /// Present unless `end` is `exited`.
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^(SIG[A-Z0-9]+([+-][0-9]+)?|[0-9]+)$")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Name>,
    /// That signal's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_number: Option<i32>,
    /// What it gave to `exit`: 0 to 255. Present if `end` is `exited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// How long the process lived, in milliseconds.
    pub age_ms: u64,
    /// How many threads the process had when it was sent the signal of `cause`. Present
    /// if that signal has a line.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// The line comes after younger ones, so it is not in the order of time.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Some text was too long and was shortened, or left out.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// The process that ended.
    pub process: Dead<'a>,
    /// Why: the last signal that led to this end, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause<'a>>,
    /// Signals before that one that asked the process to end, or that it handled before
    /// it sent itself the last one. Oldest first; of many, the first and the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Cause<'a>>,
}

/// A process that has ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "dead")]
pub struct Dead<'a> {
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// The process.
    #[serde(flatten)]
    pub process: Process<'a>,
}

/// A signal that led to the end of a process.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "cause")]
pub struct Cause<'a> {
    /// The `seq` of the signal's line. Absent if there is none: the kernel ended the
    /// process without making a signal.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What made the signal, as in its line.
    #[schemars(extend("enum" = Origin::ALL.map(Origin::name)))]
    pub origin: &'static str,
    /// The signal's name, or its number as text where it has none.
    #[schemars(
        with = "String",
        regex(pattern = r"^(SIG[A-Z0-9]+([+-][0-9]+)?|[0-9]+)$")
    )]
    pub signal: Name,
    /// The signal's number.
    pub signal_number: i32,
    /// From the signal to the end, in microseconds. Present if `seq` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_us: Option<u64>,
    /// Who is behind the signal, as in its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<Culprit<'a>>,
    /// How, as in its line. Present if `sender` is and `origin` is not `call`.
    #[schemars(extend("enum" = Role::ALL.map(Role::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_role: Option<&'static str>,
}

/// A signal that a process was sent, kept until it ends.
#[derive(Debug, Clone)]
pub struct Past {
    /// The number of its line.
    pub seq: u64,
    /// When it was made, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// What made it.
    pub origin: Origin,
    /// Its number.
    pub signal: i32,
    /// Who is behind it.
    pub sender: Option<(event::Process, Names)>,
    /// How, if no call sent it.
    pub role: Option<Role>,
    /// How many threads the process had then.
    pub threads: u32,
}

/// An exit with all that its record needs.
#[derive(Debug, Clone, Copy)]
pub struct ExitContext<'a> {
    /// The exit.
    pub exit: &'a event::Exit,
    /// It comes after younger lines.
    pub late: bool,
    /// The process that ended, and its names.
    pub process: (&'a event::Process, &'a Names),
    /// The signal that led to it.
    pub cause: Option<&'a Past>,
    /// Signals before that.
    pub earlier: &'a [Past],
    /// The machine.
    pub machine: Machine<'a>,
}

impl<'a> Exit<'a> {
    /// The record of an exit, with texts of these lengths at most.
    pub fn new(head: Head<'a>, context: ExitContext<'a>, limits: Limits) -> Self {
        let mut cutter = Cutter::new(limits);
        let exit = context.exit;
        let signal = exit.signal();
        let (process, names) = context.process;
        let machine = context.machine;
        let earlier = cutter.ancestors_or_all(context.earlier);
        let mut cause = |past: &'a Past| Cause::new(past, exit, machine, &mut cutter);
        let earlier = earlier.iter().map(&mut cause).collect();
        let cause = (context.cause.map(&mut cause)).or_else(|| Cause::without_signal(exit));
        Self {
            timestamp: head.timestamp,
            r#type: "exit",
            seq: head.seq,
            hostname: head.hostname,
            end: match signal {
                None => "exited",
                Some(_) if exit.is_dumped() => "dumped",
                Some(_) => "killed",
            },
            signal: signal.map(signal_name),
            signal_number: signal,
            exit_code: signal.is_none().then(|| exit.code()),
            age_ms: machine.clock.age_ns(exit.end.time_ns, exit.end.start_ns) / 1_000_000,
            threads: context.cause.map(|past| past.threads),
            late: context.late,
            process: Dead {
                pid: process.pid,
                process: Process::new(process, names, machine, &mut cutter),
            },
            cause,
            earlier,
            truncated: cutter.has_cut(),
        }
    }
}

impl<'a> Cause<'a> {
    fn new(past: &'a Past, exit: &event::Exit, machine: Machine<'a>, cutter: &mut Cutter) -> Self {
        let sender = past.sender.as_ref();
        Self {
            seq: Some(past.seq),
            origin: past.origin.name(),
            signal: signal_name(past.signal),
            signal_number: past.signal,
            after_us: Some(exit.end.time_ns.saturating_sub(past.time_ns) / 1000),
            sender: sender.map(|(process, names)| Culprit::new(process, names, machine, cutter)),
            sender_role: past.role.map(Role::name),
        }
    }

    /// Where the kernel made no signal, but tells the reason.
    fn without_signal(exit: &event::Exit) -> Option<Self> {
        let signal = exit.signal()?;
        let origin = match exit.by? {
            EndedBy::Seccomp => Origin::Seccomp,
            EndedBy::Reboot => Origin::Reboot,
            EndedBy::Tracer => Origin::Ptrace,
        };
        Some(Self {
            seq: None,
            origin: origin.name(),
            signal: signal_name(signal),
            signal_number: signal,
            after_us: None,
            sender: None,
            sender_role: None,
        })
    }
}
