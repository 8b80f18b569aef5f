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
/// The longest that a batch waits for containers that are new in it. The first
/// signal of a container is often its only one: the one that ends it. Files in
/// memory are read within a tenth of this; a disk is not worth more.
const GRACE: Duration = Duration::from_millis(3);
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
    /// How many answers are awaited.
    awaited: usize,
    /// A container is new in this batch.
    is_new: bool,
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
            awaited: 0,
            is_new: false,
        })
    }

    /// What is known. If that is nothing, or is old, it is asked for.
    pub fn get(&mut self, subject: &Arc<Subject>) -> Option<Rc<ContainerNames>> {
        let Some(entry) = self.known.get_mut(subject) else {
            self.known.insert(Arc::clone(subject), Entry::default());
            self.ask(subject);
            self.is_new = true;
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
        let start = Instant::now();
        while self.is_awaited(subject) && self.wait_until(start + self.patience) {}
        self.patience = self.patience.saturating_sub(start.elapsed());
        self.known.get_mut(subject)?.names.clone()
    }

    /// Before each batch: takes the answers that came, and asks again for what is
    /// due.
    pub fn start_batch(&mut self, now: Instant) {
        self.now = now;
        self.patience = PATIENCE;
        self.is_new = false;
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

    /// Once a batch's cgroups are learned, before its lines: waits a moment if
    /// containers are new.
    pub fn wait_for_new(&mut self) {
        let end = Instant::now() + GRACE;
        while self.is_new && self.awaited > 0 && self.wait_until(end) {}
    }

    /// Takes one more answer. False if there is none by then.
    fn wait_until(&mut self, end: Instant) -> bool {
        let time = end.saturating_duration_since(Instant::now());
        let answer = self.worker.wait(time);
        let is_there = answer.is_ok();
        if let Ok((subject, answer)) = answer {
            self.settle(subject, answer);
        }
        is_there
    }

    fn is_awaited(&mut self, subject: &Arc<Subject>) -> bool {
        (self.known.get_mut(subject)).is_some_and(|entry| entry.again.is_none())
    }

    fn ask(&mut self, subject: &Arc<Subject>) {
        let is_asked = self.worker.ask(subject);
        self.awaited += usize::from(is_asked);
        let again = (!is_asked).then(|| self.now + RETRIES[0]);
        if let Some(entry) = self.known.get_mut(subject) {
            entry.again = again;
        }
        if let Some(time) = again {
            self.schedule(time, subject);
        }
    }

    fn settle(&mut self, subject: Arc<Subject>, answer: Answer) {
        self.awaited = self.awaited.saturating_sub(1);
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

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::identity::path::parse;

    fn subject(number: usize) -> Arc<Subject> {
        let path = format!("/docker/{number:064x}");
        Arc::new(Subject::of(&parse(path.as_bytes())).unwrap())
    }

    fn write(host: &TempDir, number: usize) {
        let directory = host
            .path()
            .join(format!("var/lib/docker/containers/{number:064x}"));
        fs::create_dir_all(&directory).unwrap();
        let file = format!(r#"{{"Name":"/name-{number}"}}"#);
        fs::write(directory.join("config.v2.json"), file).unwrap();
    }

    fn table(host: &TempDir) -> Runtimes {
        let root = host.path().to_owned();
        Runtimes::new(Places {
            root,
            more: Vec::new(),
        })
        .unwrap()
    }

    /// With a clock that is ahead by so much, until an answer is there.
    fn answered(table: &mut Runtimes, subject: &Arc<Subject>, ahead: Duration) {
        let deadline = Instant::now() + Duration::from_secs(60);
        table.get(subject);
        while table.is_awaited(subject) {
            assert!(Instant::now() < deadline);
            table.start_batch(Instant::now() + ahead);
            table.get_or_wait(subject);
        }
    }

    #[test]
    fn more_containers_than_questions_wait_are_named_after_all() {
        let host = TempDir::new().unwrap();
        let subjects: Vec<_> = (0..1000).map(subject).collect();
        (0..1000).for_each(|number| write(&host, number));
        let mut table = table(&host);
        // None of these waits.
        assert!(subjects.iter().all(|subject| table.get(subject).is_none()));
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut ahead = Duration::ZERO;
        while !subjects
            .iter()
            .all(|subject| table.get_or_wait(subject).is_some())
        {
            assert!(Instant::now() < deadline);
            ahead += RETRIES[0];
            table.start_batch(Instant::now() + ahead);
        }
        let last = table.get(&subjects[999]).unwrap();
        assert_eq!(last.container_name.as_deref(), Some("name-999"));
    }

    #[test]
    fn what_is_not_there_is_asked_for_less_and_less() {
        let host = TempDir::new().unwrap();
        let (mut table, subject) = (table(&host), subject(7));
        let mut ahead = Duration::ZERO;
        for after in RETRIES.iter().chain([&AGAIN, &AGAIN]) {
            answered(&mut table, &subject, ahead);
            assert_eq!(table.get(&subject), None);
            // Not before its time.
            let entry = table.known.get_mut(&subject).unwrap();
            let again = entry.again.unwrap();
            assert!(again >= table.now + *after);
            ahead += *after + Duration::from_secs(1);
            table.start_batch(Instant::now() + ahead);
        }
        assert!(table.due.is_empty());
        write(&host, 7);
        answered(&mut table, &subject, ahead);
        let found = table.get(&subject).unwrap();
        assert_eq!(found.container_name.as_deref(), Some("name-7"));
        // It stays when its file is gone, and is looked at again much later.
        fs::remove_dir_all(host.path().join("var")).unwrap();
        ahead += REFRESH + Duration::from_secs(1);
        table.start_batch(Instant::now() + ahead);
        answered(&mut table, &subject, ahead);
        assert_eq!(table.get(&subject), Some(found));
    }
}
