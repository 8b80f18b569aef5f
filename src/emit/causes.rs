//! What processes were sent that may end them, until they end.
//!
//! Signals that have decided an end are kept apart from those that wait, or were
//! handled: a process that sends itself the latter without an end must not push out
//! what is about to end others.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    time::Duration,
};

use crate::{
    event::{Disposition, Exit, Outcome, Process, Recipient},
    names::SignalSet,
    record::Past,
};

/// Most processes of which each kind is kept.
const MOST: usize = 16_384;
/// Most signals of one kind of a process: the first ones, and the last.
const MOST_OF_ONE: usize = 6;

/// A process: its pid, and when it started.
type Key = (u32, u64);

/// How a signal may have to do with the end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It ends the process.
    Decided,
    /// It ends the process if its default action is taken.
    Waiting,
    /// It asks the process to end, and a handler has it.
    Asked,
}

#[derive(Debug)]
struct Entry {
    process: Process,
    signals: Vec<(Part, Past)>,
}

/// The signals of one kind.
#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Key, Entry>,
    /// In the order in which they came.
    order: VecDeque<Key>,
}

/// The signals that may end processes.
#[derive(Debug)]
pub struct Causes {
    decided: Shelf,
    others: Shelf,
    asking: SignalSet,
    /// How long the end of a process is its answer.
    answer: Duration,
}

/// What led to an end.
#[derive(Debug, Default)]
pub struct Found {
    /// The process, as it was when it was last signalled.
    pub process: Option<Process>,
    /// The signal.
    pub cause: Option<Past>,
    /// What it was sent before.
    pub earlier: Vec<Past>,
}

impl Causes {
    /// With these signals asking a process to end, and its end being an answer for so
    /// long.
    pub fn new(asking: SignalSet, answer: Duration) -> Self {
        Self {
            decided: Shelf::default(),
            others: Shelf::default(),
            asking,
            answer,
        }
    }

    /// Asks for other signals from now on.
    pub const fn set(&mut self, asking: SignalSet, answer: Duration) {
        self.asking = asking;
        self.answer = answer;
    }

    /// Keeps a signal, if it may have to do with the end of its recipient. `past` makes
    /// what is kept.
    pub fn note(&mut self, signal: i32, recipient: &Recipient, past: impl FnOnce() -> Past) {
        let Some(part) = self.part(signal, recipient) else {
            return;
        };
        let shelf = match part {
            Part::Decided => &mut self.decided,
            Part::Waiting | Part::Asked => &mut self.others,
        };
        shelf.add(&recipient.process, part, past());
    }

    fn part(&self, signal: i32, recipient: &Recipient) -> Option<Part> {
        let fate = recipient.fate?;
        if !matches!(fate.outcome, Outcome::Delivered | Outcome::LostInfo) {
            return None;
        }
        match fate.fatal {
            Some(true) => Some(Part::Decided),
            // It asks, too, if the process has a handler by then.
            None if fate.disposition == Disposition::Default => Some(Part::Waiting),
            _ if fate.disposition == Disposition::Handler && self.asking.contains(signal) => {
                Some(Part::Asked)
            }
            _ => None,
        }
    }

    /// What led to an end. It is forgotten with that.
    pub fn take(&mut self, exit: &Exit) -> Found {
        let key = (exit.end.pid, exit.end.start_ns);
        let mut signals = Vec::new();
        let mut found = Found::default();
        for shelf in [&mut self.others, &mut self.decided] {
            if let Some(entry) = shelf.entries.remove(&key) {
                found.process = Some(entry.process);
                signals.extend(entry.signals);
            }
        }
        signals.sort_by_key(|(_, past)| past.time_ns);
        let is_cause = |(part, past): &(Part, Past)| match exit.signal() {
            Some(signal) => *part != Part::Asked && past.signal == signal,
            None => {
                let after_ns = exit.end.time_ns.saturating_sub(past.time_ns);
                self.asking.contains(past.signal) && Duration::from_nanos(after_ns) <= self.answer
            }
        };
        let Some(at) = signals.iter().rposition(is_cause) else {
            return found;
        };
        let mut signals = signals.into_iter().map(|(_, past)| past);
        found.earlier = signals.by_ref().take(at).collect();
        found.cause = signals.next();
        found
    }
}

impl Shelf {
    fn add(&mut self, process: &Process, part: Part, past: Past) {
        let key = (process.pid, process.start_ns);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.process = *process;
            if entry.signals.len() == MOST_OF_ONE {
                entry.signals.remove(MOST_OF_ONE / 2);
            }
            entry.signals.push((part, past));
            return;
        }
        while self.entries.len() >= MOST {
            // Some in the order have ended.
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.entries.remove(&oldest);
        }
        if self.order.len() >= 2 * MOST {
            let order = mem::take(&mut self.order);
            let lives = |key: &Key| self.entries.contains_key(key);
            self.order = order.into_iter().filter(lives).collect();
        }
        self.order.push_back(key);
        let entry = Entry {
            process: *process,
            signals: vec![(part, past)],
        };
        self.entries.insert(key, entry);
    }
}
