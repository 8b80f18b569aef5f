//! Lines about the stream itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{context::Head, gauges::Gauges};
use crate::{
    clock::Timestamp,
    loss::{Reason, Unreported, What},
};

/// Calls, other signals, or ends of processes, that have no line.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "lost")]
pub struct Lost<'a> {
    /// When the loss was found: UTC, in RFC 3339, to the nanosecond.
    pub timestamp: Timestamp,
    /// `lost`: what kind of line this is.
    #[schemars(extend("const" = "lost"))]
    pub r#type: &'static str,
    /// The line's number in its run: 1, 2, 3 and so on.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The machine's node name, as `uname -n` gives it.
    pub hostname: &'a str,
    /// What has no line: calls (`calls`), signals that no call sent (`signals`), or ends
    /// of processes (`exits`).
    #[schemars(extend("enum" = What::ALL.map(What::name)))]
    pub what: &'static str,
    /// How many of them have no line for this reason. Of signals whose probe the
    /// kernel skipped, it is not known which were wanted: then these are all.
    #[schemars(range(min = 1))]
    pub count: u64,
    /// The reason. A CPU's ring refused the record, because it was full (`ring_full`),
    /// did not exist (`ring_absent`) or had another fault (`ring_error`); the exit was
    /// seen without an entry and without arguments (`entry_missing`); the kernel
    /// skipped the probe (`probe_skipped`); the record could not be decoded
    /// (`malformed`); records are missing that no counter explains (`unexplained`); the
    /// queue for lines was full because the output is slow (`sink_full`) or fails
    /// (`sink_error`).
    #[schemars(extend("enum" = Reason::ALL.map(Reason::name)))]
    pub reason: &'static str,
    /// The first of them was made after this time: UTC, in RFC 3339, to the
    /// nanosecond.
    pub since: Timestamp,
}

/// What a run's status line reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All probes are attached.
    Started,
    /// All is well.
    Running,
    /// A reload was done.
    Reloaded,
    /// A reload could not be done.
    ReloadFailed,
    /// sigtrail's own calls do not come through.
    Blind,
    /// The end.
    Stopped,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Started,
        Self::Running,
        Self::Reloaded,
        Self::ReloadFailed,
        Self::Blind,
        Self::Stopped,
    ];

    /// The word in the lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Running => "running",
            Self::Reloaded => "reloaded",
            Self::ReloadFailed => "reload_failed",
            Self::Blind => "blind",
            Self::Stopped => "stopped",
        }
    }
}

/// How the run itself is doing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "status")]
pub struct Status<'a> {
    /// When the line was made: UTC, in RFC 3339, to the nanosecond.
    pub timestamp: Timestamp,
    /// `status`: what kind of line this is.
    #[schemars(extend("const" = "status"))]
    pub r#type: &'static str,
    /// The line's number in its run: 1, 2, 3 and so on.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The machine's node name, as `uname -n` gives it.
    pub hostname: &'a str,
    /// `started` once all probes are attached, `running` from time to time,
    /// `reloaded` or `reload_failed` after SIGHUP, `blind` while sigtrail's own
    /// calls do not come through, `stopped` at the end.
    #[schemars(extend("enum" = State::ALL.map(State::name)))]
    pub state: &'static str,
    /// The reason for the state, or what could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// sigtrail's version.
    pub version: &'static str,
    /// The kernel's release, as `uname -r` gives it.
    pub kernel: &'a str,
    /// How the system calls are hooked: by their tracepoints, by kprobes, by the
    /// tracepoints of all system calls (`raw`), by kprobes without any tracepoint of
    /// a system call (`light+kprobe`), or not at all: only signals are seen (`light`).
    /// Present if `state` is `started`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [
        "tracepoint",
        "tracepoint+kprobe",
        "kprobe",
        "raw",
        "light+kprobe",
        "light"
    ]))]
    pub attach: Option<&'static str>,
    /// Calls that are not seen in full with these hooks, and what is seen of them.
    /// Present if `state` is `started` and there are any.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(length(min = 1))]
    pub uncovered: &'a [&'a str],
    /// Lines of type `signal` since the start.
    pub events: u64,
    /// Calls, other signals, and ends of processes, without a line since the start.
    pub lost: u64,
    /// The same by reason, without the reasons that did not occur.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = json!({"enum": Reason::ALL.map(Reason::name)})))]
    pub lost_by_reason: BTreeMap<&'static str, u64>,
    /// Lines with `late` since the start.
    pub late: u64,
    /// What the run uses and what it has written.
    #[serde(flatten)]
    pub gauges: &'a Gauges,
    /// The filters in force, as `key=value`, if there are any.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub filters: &'a str,
}

impl<'a> Lost<'a> {
    /// The record of a loss.
    pub fn new(head: Head<'a>, loss: Unreported, since: Timestamp) -> Self {
        Self {
            timestamp: head.timestamp,
            r#type: "lost",
            seq: head.seq,
            hostname: head.hostname,
            what: loss.entry.what.name(),
            count: loss.count,
            reason: loss.entry.reason.name(),
            since,
        }
    }
}
