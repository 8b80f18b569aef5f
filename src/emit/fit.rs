//! No line is longer than [`LINE_MAX`]: texts are cut, and recipients that do
//! not fit go into further lines.

use anyhow::Result;
use serde_json::value::{RawValue, to_raw_value};

use super::pieces::Pieces;
use crate::{
    event::Recipient,
    identity::Names,
    record::{Head, LINE_MAX, Limits, Party, Reached, Sides, Signal, Told, push_line},
};

/// Makes a call's line with as much of its texts as fits, in place of what
/// `line` held. Returns the bytes that more recipients may take.
pub fn push_fitting(
    line: &mut Vec<u8>,
    pieces: &mut Pieces,
    head: Head<'_>,
    told: Told<'_>,
    recipients: &[Box<RawValue>],
) -> Result<usize> {
    line.clear();
    let sides = pieces.sides(told)?;
    push_line(line, &Signal::new(head, told, sides, recipients))?;
    for limits in &Limits::STEPS[1..] {
        if line.len() <= LINE_MAX {
            break;
        }
        let record = Signal::new(head, told, Sides::new(told, *limits), recipients);
        line.clear();
        push_line(line, &record)?;
    }
    Ok(room(line))
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
    told: Told<'_>,
    recipient: &Recipient,
    names: &Names,
) -> Result<Box<RawValue>> {
    const MOST: usize = LINE_MAX * 3 / 4;
    let mut json = None;
    for limits in &Limits::STEPS[1..] {
        let (party, _) = Party::new(&recipient.process, names, told, *limits);
        let reached = Reached::new(recipient, party, told.call.scope());
        let made = to_raw_value(&reached)?;
        let fits = made.get().len() <= MOST;
        json = Some(made);
        if fits {
            break;
        }
    }
    json.map_or_else(|| Ok(to_raw_value(&())?), Ok)
}
