//! No line is longer than [`LINE_MAX`]: texts are cut, and recipients that do
//! not fit go into further lines.

use serde_json::value::RawValue;

use super::json_cache::JsonCache;
use crate::{
    event,
    identity::Names,
    record::{
        Context, Cutter, Endpoints, Head, LINE_MAX, Limits, Recipient, Signal, push_line, to_json,
    },
};

/// Makes a call's line with as much of its texts as fits, in place of what
/// `line` held. Returns the bytes that more recipients may take.
pub fn push_fitting(
    line: &mut Vec<u8>,
    cache: &mut JsonCache,
    head: Head<'_>,
    context: Context<'_>,
    recipients: &[Box<RawValue>],
) -> usize {
    line.clear();
    let endpoints = cache.endpoints(context);
    push_line(line, &Signal::new(head, context, endpoints, recipients));
    for limits in &Limits::STEPS[1..] {
        if line.len() <= LINE_MAX {
            break;
        }
        let endpoints = Endpoints::new(context, *limits);
        line.clear();
        push_line(line, &Signal::new(head, context, endpoints, recipients));
    }
    room(line)
}

/// Bytes that a line may grow by, its recipients' key set aside.
pub fn room(line: &[u8]) -> usize {
    const KEY: usize = r#","recipients":[]"#.len();
    LINE_MAX.saturating_sub(line.len() + KEY)
}

/// How many of the recipients take no more than `room` bytes.
pub fn fitting(recipients: &[Box<RawValue>], room: usize) -> usize {
    let mut taken = 0;
    (recipients.iter())
        .take_while(|recipient| {
            taken += recipient.get().len() + 1;
            taken <= room
        })
        .count()
}

/// A recipient that leaves room for the rest of its line.
pub fn recipient_json(
    context: Context<'_>,
    recipient: &event::Recipient,
    names: &Names,
) -> Box<RawValue> {
    const MOST: usize = LINE_MAX * 3 / 4;
    let make = |limits| {
        let mut cutter = Cutter::new(limits);
        to_json(&Recipient::new(recipient, names, context, &mut cutter))
    };
    let mut json = make(Limits::GLANCE);
    for limits in &Limits::STEPS[Limits::STEPS.len() - 2..] {
        if json.get().len() <= MOST {
            break;
        }
        json = make(*limits);
    }
    json
}
