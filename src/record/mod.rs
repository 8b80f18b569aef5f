//! The lines, as serde types. The order of fields is the order in the JSON; the
//! doc comments are the descriptions in the schema and in FIELDS.md.

mod container;
mod context;
mod details;
mod exit;
mod gauges;
mod info;
mod limits;
mod process;
mod relation;
mod signal;
mod status;
mod target;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::text::escaped_json;

pub use self::{
    context::{Context, Head, Machine},
    exit::{Exit, ExitContext, Past},
    gauges::{GaugeKind, GaugeValue, Gauges},
    limits::{Cutter, Limits},
    process::Process,
    signal::{Endpoints, Recipients, Signal},
    status::{Lost, State, Status},
    target::{Recipient, Sender, Target},
};

/// Longest line, with its end, in bytes: what `journalctl -o json` shows in
/// full and a pipe takes in one piece.
pub const LINE_MAX: usize = 4096;

/// Appends a record and its line end. No character of it steers whoever shows it.
///
/// These types hold nothing that JSON cannot express. Should one fail all the
/// same, the line is empty, and the sink refuses and counts it.
pub fn push_line(out: &mut Vec<u8>, record: &impl Serialize) {
    let start = out.len();
    match serde_json::to_writer(&mut *out, record) {
        Ok(()) => {
            if let Some(line) = str::from_utf8(&out[start..]).ok().and_then(escaped_json) {
                out.truncate(start);
                out.extend_from_slice(line.as_bytes());
            }
            out.push(b'\n');
        }
        Err(_) => out.truncate(start),
    }
}

/// A part of a record as JSON; `null` should it have none (see [`push_line`]).
pub fn to_json(part: &impl Serialize) -> Box<RawValue> {
    let json = to_raw_value(part).unwrap_or_default();
    let escaped = escaped_json(json.get()).and_then(|json| RawValue::from_string(json).ok());
    escaped.unwrap_or(json)
}
