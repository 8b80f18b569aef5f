//! Lines about the stream itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Head;
use crate::{
    clock::Timestamp,
    loss::{Reason, Unsaid},
};

/// Calls that have no line.
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
    /// How many calls have no line.
    #[schemars(range(min = 1))]
    pub count: u64,
    /// Why they have none.
    #[schemars(extend("enum" = Reason::ALL.map(Reason::name)))]
    pub reason: &'static str,
    /// They were made after this time: UTC, in RFC 3339, to the nanosecond.
    pub since: Timestamp,
}

/// The run's own life.
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
    #[schemars(extend("enum" = Self::STATES))]
    pub state: &'static str,
    /// Why it is so, or what could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// sigtrail's version.
    pub version: &'static str,
    /// The kernel's release, as `uname -r` gives it.
    pub kernel: &'a str,
    /// How the system calls are hooked: by their tracepoints, by kprobes, or by the
    /// tracepoints of all system calls (`raw`). There if `state` is `started`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["tracepoint", "tracepoint+kprobe", "kprobe", "raw"]))]
    pub attach: Option<&'static str>,
    /// Calls that are not seen in full that way, and what is seen of them. There if
    /// `state` is `started` and there are any.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(length(min = 1))]
    pub uncovered: &'a [&'a str],
    /// Lines of type `signal` since the start.
    pub events: u64,
    /// Calls without a line since the start.
    pub lost: u64,
    /// Those, by reason; without the reasons that did not occur.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = json!({"enum": Reason::ALL.map(Reason::name)})))]
    pub lost_by_reason: BTreeMap<&'static str, u64>,
    /// Lines with `late` since the start.
    pub late: u64,
    /// What the run takes and what it wrote.
    #[serde(flatten)]
    pub gauges: &'a Gauges,
    /// The filters in force, as `key=value`, if there are any.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub filters: &'a str,
}

/// What the run takes and what it wrote, since the start where it is a count.
#[derive(Debug, Default, Clone, Serialize, JsonSchema)]
pub struct Gauges {
    /// Lines that the output took, of all types.
    pub lines_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Bytes of lines that wait for the output.
    pub queue_bytes: u64,
    /// The most that ever waited.
    pub queue_bytes_max: u64,
    /// Bytes of each CPU's ring.
    pub ring_bytes: u64,
    /// The most that a reading ever found in one of them.
    pub ring_bytes_max: u64,
    /// The longest time between two readings of the rings, in milliseconds.
    pub gap_ms_max: u64,
    /// Failures of the output, by errno.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sink_errors: BTreeMap<String, u64>,
    /// Files finished and replaced.
    pub rotations: u64,
    /// Torn lines that were ended or cut off.
    pub torn_tails_repaired: u64,
    /// Calls of sigtrail to itself that came back through the kernel.
    pub canaries: u64,
    /// Executables with their arguments that are kept in memory.
    pub images_cached: u64,
    /// Control groups that are kept in memory.
    pub cgroups_cached: u64,
    /// Processor time, in milliseconds.
    pub cpu_ms: u64,
    /// Resident memory, in KiB.
    pub rss_kib: u64,
}

impl Status<'_> {
    /// What `state` may be.
    pub const STATES: [&'static str; 6] = [
        "started",
        "running",
        "reloaded",
        "reload_failed",
        "blind",
        "stopped",
    ];
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
