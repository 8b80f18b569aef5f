//! Lines about the stream itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Head;
use crate::{clock::Timestamp, status::Unsaid};

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
