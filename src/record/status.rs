//! Lines about the stream itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Head;
use crate::{
    clock::Timestamp,
    status::{Reason, Unsaid},
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
    /// `stopped` at the end.
    #[schemars(extend("enum" = ["started", "running", "stopped"]))]
    pub state: &'static str,
    /// sigtrail's version.
    pub version: &'static str,
    /// The kernel's release, as `uname -r` gives it.
    pub kernel: &'a str,
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
