//! What processes were sent that may end them, until they end.
//!
//! Signals that have decided an end are kept apart from those that wait, or were
//! handled. If there are too many, the user whose processes were sent most loses the
//! oldest. So nobody can push out what is about to end the process of another.

use std::{
    collections::{HashMap, VecDeque},
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

/// The first of the signals of which one process can have more than one waiting.
const FIRST_QUEUED: i32 = 32;

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
    /// Under whom it is kept.
    user: u32,
    signals: Vec<(Part, Past)>,
}

/// The signals of one kind.
#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Key, Entry>,
    /// By the user whose processes they are.
    users: HashMap<u32, Queue>,
}

/// The processes of one user.
#[derive(Debug, Default)]
struct Queue {
    /// In the order in which they came. Some may have ended.
    keys: VecDeque<Key>,
    /// How many have not.
    living: usize,
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

    /// Whether a signal that led to an end is known.
    pub fn know(&self, exit: &Exit) -> bool {
        let key = (exit.end.pid, exit.end.start_ns);
        let mut shelves = [&self.others, &self.decided].into_iter();
        shelves.any(|shelf| {
            let entry = shelf.entries.get(&key);
            entry.is_some_and(|entry| {
                let mut signals = entry.signals.iter();
                signals.any(|(part, past)| self.leads_to(*part, past, exit))
            })
        })
    }

    /// What led to an end. It is forgotten with that.
    pub fn take(&mut self, exit: &Exit) -> Found {
        let key = (exit.end.pid, exit.end.start_ns);
        let mut signals = Vec::new();
        let mut found = Found::default();
        for shelf in [&mut self.others, &mut self.decided] {
            if let Some(entry) = shelf.take(key) {
                found.process = Some(entry.process);
                signals.extend(entry.signals);
            }
        }
        signals.sort_by_key(|(_, past)| past.time_ns);
        let is_cause = |(part, past): &(Part, Past)| self.leads_to(*part, past, exit);
        let last = signals.iter().rposition(is_cause);
        // Those that queue come in their order: the first that waits ends the process.
        let at = match last.map(|at| signals[at].0) {
            Some(Part::Waiting) if exit.signal() >= Some(FIRST_QUEUED) => {
                signals.iter().position(is_cause)
            }
            _ => last,
        };
        let Some(at) = at else {
            return found;
        };
        let mut signals = signals.into_iter().map(|(_, past)| past);
        found.earlier = signals.by_ref().take(at).collect();
        found.cause = signals.next();
        found
    }

    fn leads_to(&self, part: Part, past: &Past, exit: &Exit) -> bool {
        match exit.signal() {
            Some(signal) => part != Part::Asked && past.signal == signal,
            None => {
                let after_ns = exit.end.time_ns.saturating_sub(past.time_ns);
                self.asking.contains(past.signal) && Duration::from_nanos(after_ns) <= self.answer
            }
        }
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
        if self.entries.len() >= MOST {
            self.forget_one();
        }
        let queue = self.users.entry(process.uid).or_default();
        queue.keys.push_back(key);
        queue.living += 1;
        let entry = Entry {
            process: *process,
            user: process.uid,
            signals: vec![(part, past)],
        };
        self.entries.insert(key, entry);
    }

    fn take(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        if let Some(queue) = self.users.get_mut(&entry.user) {
            queue.living -= 1;
            if queue.living == 0 {
                self.users.remove(&entry.user);
            } else if queue.keys.len() > 2 * queue.living + MOST_OF_ONE {
                let entries = &self.entries;
                queue.keys.retain(|key| entries.contains_key(key));
            }
        }
        Some(entry)
    }

    /// Forgets the oldest process of the user who has most: nobody can push out
    /// another's.
    fn forget_one(&mut self) {
        let most = self.users.values_mut().max_by_key(|queue| queue.living);
        let Some(queue) = most else {
            return;
        };
        while let Some(oldest) = queue.keys.pop_front() {
            if self.entries.contains_key(&oldest) {
                self.take(oldest);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Fate, Origin, Source,
        samples::{exit, process},
    };

    const TERM: i32 = 15;
    const KILL: i32 = 9;

    fn causes() -> Causes {
        Causes::new(SignalSet::ASKING, Duration::from_nanos(1000))
    }

    fn recipient(pid: u32, disposition: Disposition, fatal: Option<bool>) -> Recipient {
        Recipient {
            process: process(pid),
            source: Source::Kernel,
            sender_ns_pid: None,
            fate: Some(Fate {
                outcome: Outcome::Delivered,
                disposition,
                fatal,
                blocked: false,
                stopped: false,
                traced: false,
                spared_init: false,
                threads: 1,
            }),
        }
    }

    fn past(time_ns: u64, signal: i32) -> Past {
        Past {
            seq: time_ns,
            time_ns,
            origin: Origin::Call,
            signal,
            sender: None,
            role: None,
            threads: 1,
        }
    }

    /// Sends a process a signal at a time.
    fn send(causes: &mut Causes, time_ns: u64, signal: i32, to: &Recipient) {
        causes.note(signal, to, || past(time_ns, signal));
    }

    fn handled(pid: u32) -> Recipient {
        recipient(pid, Disposition::Handler, Some(false))
    }

    fn decided(pid: u32) -> Recipient {
        recipient(pid, Disposition::Default, Some(true))
    }

    /// The number of the cause's line, and of those before it.
    fn seqs(found: &Found) -> (Option<u64>, Vec<u64>) {
        let earlier = found.earlier.iter().map(|past| past.seq).collect();
        (found.cause.as_ref().map(|past| past.seq), earlier)
    }

    #[test]
    fn the_last_signal_of_the_number_is_the_cause_and_what_was_before_is_kept() {
        let mut causes = causes();
        send(&mut causes, 10, TERM, &handled(2));
        send(&mut causes, 20, KILL, &decided(2));
        assert_eq!(seqs(&causes.take(&exit(30, 2, 9))), (Some(20), vec![10]));
        // An exit is one's own.
        assert_eq!(seqs(&causes.take(&exit(40, 2, 9))), (None, vec![]));
    }

    #[test]
    fn a_handler_that_raises_again_leaves_the_first_sender() {
        let mut causes = causes();
        send(&mut causes, 10, TERM, &handled(2));
        send(&mut causes, 11, TERM, &decided(2));
        assert_eq!(seqs(&causes.take(&exit(12, 2, 15))), (Some(11), vec![10]));
    }

    #[test]
    fn a_signal_that_was_handled_ends_nobody() {
        let mut causes = causes();
        send(&mut causes, 10, TERM, &handled(2));
        assert_eq!(seqs(&causes.take(&exit(12, 2, 15))), (None, vec![]));
    }

    #[test]
    fn who_was_asked_in_time_has_answered() {
        let mut causes = causes();
        for pid in [2, 3, 4] {
            send(&mut causes, 10, TERM, &handled(pid));
        }
        let found = causes.take(&exit(1010, 2, 0));
        assert_eq!(seqs(&found), (Some(10), vec![]));
        assert_eq!(found.process, Some(process(2)));
        assert_eq!(seqs(&causes.take(&exit(1011, 3, 0))), (None, vec![]));
        send(&mut causes, 20, 10, &handled(4));
        assert_eq!(seqs(&causes.take(&exit(30, 4, 0x300))), (Some(10), vec![]));
        assert_eq!(seqs(&causes.take(&exit(30, 5, 0))), (None, vec![]));
    }

    #[test]
    fn what_waits_is_the_cause_whenever_it_is_taken() {
        let mut causes = causes();
        let waiting = recipient(2, Disposition::Default, None);
        send(&mut causes, 10, TERM, &waiting);
        let found = causes.take(&exit(1 << 40, 2, 15));
        assert_eq!(seqs(&found), (Some(10), vec![]));
    }

    #[test]
    fn what_was_dropped_is_no_cause() {
        let mut causes = causes();
        let mut dropped = decided(2);
        dropped.fate.as_mut().unwrap().outcome = Outcome::AlreadyPending;
        send(&mut causes, 10, TERM, &dropped);
        dropped.fate = None;
        send(&mut causes, 11, TERM, &dropped);
        assert_eq!(seqs(&causes.take(&exit(12, 2, 15))), (None, vec![]));
    }

    #[test]
    fn a_flood_of_signals_that_wait_pushes_out_no_decided_end() {
        let mut causes = causes();
        send(&mut causes, 1, KILL, &decided(2));
        for pid in 3..u32::try_from(3 * MOST).unwrap() {
            send(&mut causes, 2, TERM, &handled(pid));
            send(&mut causes, 3, TERM, &handled(3));
        }
        let others = &causes.others;
        assert_eq!(others.entries.len(), MOST);
        assert!(others.users[&0].keys.len() <= 2 * MOST);
        let of_one = others.entries.values().map(|entry| entry.signals.len());
        assert!(of_one.max() <= Some(MOST_OF_ONE));
        assert_eq!(seqs(&causes.take(&exit(4, 2, 9))), (Some(1), vec![]));
    }

    #[test]
    fn a_user_pushes_out_nobody_elses_signals() {
        let mut causes = causes();
        let mut victim = handled(2);
        victim.process.uid = 7;
        send(&mut causes, 1, TERM, &victim);
        for pid in 3..u32::try_from(3 * MOST).unwrap() {
            send(&mut causes, 2, TERM, &handled(pid));
            if pid % 3 == 0 {
                causes.take(&exit(3, pid, 0));
            }
        }
        assert_eq!(seqs(&causes.take(&exit(4, 2, 0))), (Some(1), vec![]));
        let kept = causes.others.users[&0].living;
        assert_eq!(kept, causes.others.entries.len());
        assert!(!causes.others.users.contains_key(&7));
    }
}
