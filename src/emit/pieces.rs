//! The JSON of both sides of a call, kept: the same process calls again, and
//! making its part of the line anew takes most of the time of a line.

use anyhow::Result;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    event::{Pidfd, Process, Recipient, Syscall},
    record::{Limits, Sender, Sides, Target, Told},
};

/// Places for each side, found by pid: 64 KB at most, 8 typically.
const PLACES: usize = 16;

/// All that the JSON of a target is made of, names aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Aim {
    recipient: Recipient,
    syscall: Syscall,
    arg: i32,
    arg_tid: i32,
    pidfd: Option<Pidfd>,
}

/// The JSON lately made.
#[derive(Debug, Default)]
pub struct Pieces {
    senders: Kept<Process>,
    targets: Kept<Aim>,
    /// What is not worth keeping.
    other: Option<Box<RawValue>>,
}

impl Pieces {
    /// Both sides of a call, texts uncut, with the names as they were at the
    /// first call by the same process since the last [`Self::forget`].
    pub fn sides(&mut self, told: Told<'_>) -> Result<Sides<&RawValue, &RawValue>> {
        let call = told.call;
        let (sender, sender_cut) = self.senders.get(call.sender.pid, call.sender, || {
            Sender::new(told, Limits::STEPS[0])
        })?;
        let make_target = || Target::new(told, Limits::STEPS[0]);
        let (target, target_cut) = match told.target {
            Some((&recipient, _)) => {
                let aim = Aim {
                    recipient,
                    syscall: call.syscall,
                    arg: call.arg,
                    arg_tid: call.arg_tid,
                    pidfd: call.pidfd,
                };
                (self.targets).get(recipient.process.pid, aim, make_target)?
            }
            None => {
                let (target, cut) = make_target();
                (&**self.other.insert(to_raw_value(&target)?), cut)
            }
        };
        Ok(Sides {
            sender,
            target,
            truncated: sender_cut || target_cut,
        })
    }

    /// Names may have changed.
    pub fn forget(&mut self) {
        self.senders.places.clear();
        self.targets.places.clear();
    }
}

/// Pieces by their keys, one at a place.
#[derive(Debug)]
struct Kept<K> {
    places: Vec<Option<Piece<K>>>,
}

#[derive(Debug, Clone)]
struct Piece<K> {
    key: K,
    json: Box<RawValue>,
    cut: bool,
}

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self { places: Vec::new() }
    }
}

impl<K: PartialEq + Clone> Kept<K> {
    fn get<T: Serialize>(
        &mut self,
        pid: u32,
        key: K,
        make: impl FnOnce() -> (T, bool),
    ) -> Result<(&RawValue, bool)> {
        self.places.resize(PLACES, None);
        let place = &mut self.places[pid as usize % PLACES];
        if place.as_ref().is_none_or(|piece| piece.key != key) {
            *place = None;
        }
        let piece = match place {
            Some(piece) => piece,
            None => {
                let (value, cut) = make();
                let json = to_raw_value(&value)?;
                place.insert(Piece { key, json, cut })
            }
        };
        Ok((&piece.json, piece.cut))
    }
}
