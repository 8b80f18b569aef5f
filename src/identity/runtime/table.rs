//! What is known of containers, and what is still asked for.

use std::{
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    names::ContainerNames, places::Places, search::Answer, subject::Subject, worker::Worker,
};
use crate::identity::recent::Recent;

/// Most containers kept: up to two kilobytes each, typically three hundred
/// bytes. As many as cgroups.
const CAPACITY: usize = 4096;
/// A file may come a little later than the container: the kubelet makes its links
/// once the container runs. After these times the files are looked for again.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];
/// How long nothing stays nothing for a container that signals or is signalled.
const AGAIN: Duration = Duration::from_secs(60);
/// How long a name is good. `docker rename` exists.
const REFRESH: Duration = Duration::from_secs(600);
/// The longest that filters by name wait for names, in one batch.
const PATIENCE: Duration = Duration::from_millis(100);

/// The names of containers seen recently.
#[derive(Debug)]
pub struct Runtimes {
    worker: Worker,
    known: Recent<Arc<Subject>, Entry>,
    /// What is asked for again, and when. Numbers keep apart what is due at one
    /// time.
    due: BTreeMap<(Instant, u64), Arc<Subject>>,
    number: u64,
    now: Instant,
    /// How long this batch may still wait.
    patience: Duration,
}

#[derive(Debug, Default)]
struct Entry {
    names: Option<Rc<ContainerNames>>,
    /// From when on it is asked for again if somebody wants it; none while an
    /// answer is awaited.
    again: Option<Instant>,
    /// How often it was not complete.
    tries: usize,
}

impl Runtimes {
    /// A table that looks in these places.
    ///
    /// # Errors
    /// The places cannot be looked at.
    pub fn new(places: Places) -> Result<Self> {
        Ok(Self {
            worker: Worker::start(places)?,
            known: Recent::new(CAPACITY),
            due: BTreeMap::new(),
            number: 0,
            now: Instant::now(),
            patience: Duration::ZERO,
        })
    }

    /// What is known. If that is nothing, or is old, it is asked for.
    pub fn get(&mut self, subject: &Arc<Subject>) -> Option<Rc<ContainerNames>> {
        let Some(entry) = self.known.get_mut(subject) else {
            self.known.insert(Arc::clone(subject), Entry::default());
            self.ask(subject);
            return None;
        };
        let names = entry.names.clone();
        if entry.again.is_some_and(|time| time <= self.now) {
            self.ask(subject);
        }
        names
    }

    /// As [`Self::get`], but waits a moment for an answer that was not there
    /// before.
    pub fn get_or_wait(&mut self, subject: &Arc<Subject>) -> Option<Rc<ContainerNames>> {
        let known = self.get(subject);
        if known.is_some() {
            return known;
        }
        while self.is_awaited(subject) && !self.patience.is_zero() {
            let start = Instant::now();
            let Ok((about, answer)) = self.worker.wait(self.patience) else {
                self.patience = Duration::ZERO;
                break;
            };
            self.patience = self.patience.saturating_sub(start.elapsed());
            self.settle(about, answer);
        }
        self.known.get_mut(subject)?.names.clone()
    }

    /// Before each batch: takes the answers that came, and asks again for what is
    /// due.
    pub fn start_batch(&mut self, now: Instant) {
        self.now = now;
        self.patience = PATIENCE;
        while let Some((subject, answer)) = self.worker.answer() {
            self.settle(subject, answer);
        }
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let subject = entry.remove();
            let entry = self.known.get_mut(&subject);
            if entry.is_some_and(|entry| entry.again.is_some_and(|time| time <= now)) {
                self.ask(&subject);
            }
        }
    }

    fn is_awaited(&mut self, subject: &Arc<Subject>) -> bool {
        (self.known.get_mut(subject)).is_some_and(|entry| entry.again.is_none())
    }

    fn ask(&mut self, subject: &Arc<Subject>) {
        let again = (!self.worker.ask(subject)).then(|| self.now + RETRIES[0]);
        if let Some(entry) = self.known.get_mut(subject) {
            entry.again = again;
        }
        if let Some(time) = again {
            self.schedule(time, subject);
        }
    }

    fn settle(&mut self, subject: Arc<Subject>, answer: Answer) {
        // It may have been forgotten since it was asked for.
        let Some(entry) = self.known.get_mut(&subject) else {
            return;
        };
        // What was known stays when the container and its files are gone.
        if !answer.names.is_empty() {
            entry.names = Some(Rc::new(answer.names));
        }
        let retry = RETRIES.get(entry.tries).filter(|_| !answer.complete);
        entry.tries += 1;
        let after = match retry {
            Some(retry) => *retry,
            None if answer.complete => REFRESH,
            None => AGAIN,
        };
        let time = self.now + after;
        entry.again = Some(time);
        if retry.is_some() {
            self.schedule(time, &subject);
        }
    }

    fn schedule(&mut self, time: Instant, subject: &Arc<Subject>) {
        if self.due.len() < CAPACITY {
            self.number += 1;
            self.due.insert((time, self.number), Arc::clone(subject));
        }
    }
}
