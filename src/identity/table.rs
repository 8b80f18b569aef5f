//! The table of processes: what runs in each, whose child it is, and for a while
//! also of those that have ended.
//!
//! The kernel's records of forks, execs and ends fill it, in any order: each CPU's
//! come in its order, but an end may come before the exec that another CPU reported.
//! So each record adds what it knows to the entry of its process, which it makes if
//! there is none.
//!
//! Until its first exec a child runs what its parent ran when it was forked. Both
//! counts of execs agree then, so what the child runs can be found later, too.
//!
//! The table is bounded. What ended first is forgotten first, but not while somebody
//! descends from it. If all entries live, new ones find no room; `/proc` tells of them.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    image::ImageText,
    key::{Key, TICK_NS},
    program::Programs,
};
use crate::event::{Comm, Descent};

/// How long a process is kept that has ended.
const KEEP: Duration = Duration::from_secs(60);
/// Bytes of text for each entry that the table may have, on average.
const TEXT_PER_ENTRY: usize = 1024;

/// What is known of a process.
#[derive(Debug, Default)]
pub struct Entry {
    /// The parent when it was forked.
    parent: Option<Key>,
    /// The number of the parent when `/proc` was read.
    ppid: u32,
    /// When it started, once the kernel has told of a process that `/proc` had told of.
    start_ns: u64,
    /// The name of its main thread at its fork or last exec.
    pub comm: Comm,
    /// Its cgroup's key at its fork or last exec.
    pub cgroup_key: u64,
    /// What it has written over its arguments, when that was last looked at.
    pub title: Option<Rc<str>>,
    /// What it runs, and what it ran before; none of it if that is not known.
    programs: Programs,
    /// It counts as its parent's child.
    counted: bool,
    /// Entries that have it as their parent.
    children: u32,
    ended: bool,
    /// It was to be forgotten, but somebody descends from it.
    overdue: bool,
}

/// The table.
#[derive(Debug)]
pub struct Table {
    entries: BTreeMap<Key, Entry>,
    capacity: usize,
    /// Bytes of text in all images. Those that several share count where they came.
    text: usize,
    /// Those that have ended, in that order.
    ended: VecDeque<(Key, Instant)>,
    /// Those of them that were overdue when their turn came.
    overdue: VecDeque<Key>,
}

impl Table {
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            capacity,
            text: 0,
            ended: VecDeque::new(),
            overdue: VecDeque::new(),
        }
    }

    /// How many processes it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(&self.resolve(key))
    }

    /// The key under which a process is kept. `/proc` may have told of it first, or
    /// only now.
    fn resolve(&self, key: Key) -> Key {
        let rounded = key.rounded();
        if key.is_rounded() {
            let last = Key::new(key.pid, key.start_ns.saturating_add(TICK_NS - 1));
            let found = self.entries.range(rounded..=last).next_back();
            return found.map_or(key, |(found, _)| *found);
        }
        match self.entries.get(&rounded) {
            Some(entry) if entry.start_ns == 0 || entry.start_ns == key.start_ns => rounded,
            _ => key,
        }
    }

    /// Whether a process is known that has not ended.
    pub fn lives(&self, key: Key) -> bool {
        self.get(key).is_some_and(|entry| !entry.ended)
    }

    /// The living from that one on.
    pub fn living_from(&self, key: Key) -> impl Iterator<Item = Key> {
        (self.entries.range(key..))
            .filter(|(_, entry)| !entry.ended)
            .map(|(key, _)| *key)
    }

    /// A child was forked.
    pub fn fork(&mut self, child: &Descent, now: Instant) {
        let key = Key::new(child.pid, child.start_ns);
        let parent = Key::new(child.ppid, child.parent_start_ns);
        // If that is not sure yet, it is found when it is asked for.
        let image = (self.get(parent)).and_then(|parent| parent.programs.exactly(child.exec_id));
        let Some((key, entry)) = self.told(key, now) else {
            return;
        };
        // Its exec may have come first.
        if entry.programs.is_empty() {
            entry.comm = child.comm;
            entry.cgroup_key = child.cgroup_key;
            entry.programs.inherit(child.exec_id, image);
        }
        self.adopt(key, parent);
    }

    /// A program was executed.
    pub fn exec(&mut self, process: &Descent, image: ImageText, now: Instant) {
        let key = Key::new(process.pid, process.start_ns);
        let bytes = image.bytes();
        let Some((key, entry)) = self.told(key, now) else {
            return;
        };
        // A later exec may have been told of first.
        if !entry.programs.have_gone_on(process.exec_id) {
            entry.comm = process.comm;
            entry.cgroup_key = process.cgroup_key;
            entry.title = None;
        }
        let dropped = entry.programs.run(process.exec_id, Rc::new(image));
        self.text = (self.text + bytes).saturating_sub(dropped);
        self.adopt(key, Key::new(process.ppid, process.parent_start_ns));
        self.trim(now);
    }

    /// A process has ended.
    pub fn end(&mut self, key: Key, now: Instant) {
        if let Some((key, entry)) = self.told(key, now)
            && !entry.ended
        {
            entry.ended = true;
            self.ended.push_back((key, now));
        }
        self.trim(now);
    }

    /// `/proc` tells of a process that the kernel has not told of. `exec_id` is the
    /// count of execs, if the program is sure to be that one.
    pub fn learn(&mut self, key: Key, found: Found, exec_id: Option<u32>, now: Instant) {
        let bytes = found.image.as_deref().map_or(0, ImageText::bytes);
        let Some(entry) = self.entry(self.resolve(key), now) else {
            return;
        };
        if entry.programs.is_empty() {
            entry.comm = found.comm;
            entry.cgroup_key = found.cgroup_key;
        }
        entry.ppid = found.ppid;
        if !entry.programs.is_known() || exec_id.is_some() {
            entry.title = found.title;
            let dropped = entry.programs.learn(exec_id, found.image);
            self.text = (self.text + bytes).saturating_sub(dropped);
        }
    }

    /// What was last seen of a process's title.
    pub fn set_title(&mut self, key: Key, title: Option<Rc<str>>) {
        let key = self.resolve(key);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.title = title;
        }
    }

    /// What a process ran at that count of execs.
    pub fn program(&self, key: Key, exec_id: u32) -> Option<Rc<ImageText>> {
        const MOST_FORKS: u32 = 64;
        let mut key = key;
        for _ in 0..MOST_FORKS {
            let entry = self.get(key)?;
            if let Some(image) = entry.programs.of(exec_id)? {
                return Some(Rc::clone(image));
            }
            // As its parent ran it at the fork.
            key = self.parent(key)?;
        }
        None
    }

    /// Whether a process runs a later program than that by now.
    pub fn has_gone_on(&self, key: Key, exec_id: u32) -> bool {
        (self.get(key)).is_some_and(|entry| entry.programs.have_gone_on(exec_id))
    }

    /// What a process ran last, as far as is known.
    pub fn last_program(&self, key: Key) -> Option<Rc<ImageText>> {
        match self.get(key)?.programs.last()? {
            (_, Some(image)) => Some(Rc::clone(image)),
            (exec_id, None) => self.program(key, exec_id?),
        }
    }

    /// The parent of a process.
    pub fn parent(&self, key: Key) -> Option<Key> {
        let entry = self.get(key)?;
        entry.parent.or_else(|| self.parent_of(entry.ppid, key))
    }

    /// The parent with that number: the last one that started before its child.
    pub fn parent_of(&self, ppid: u32, child: Key) -> Option<Key> {
        let oldest = Key::new(ppid, 0);
        let youngest = Key::new(ppid, child.start_ns);
        (self.entries.range(oldest..=youngest))
            .next_back()
            .map(|(key, _)| *key)
    }

    /// The entry of a process; none if there is no room for a new one.
    fn entry(&mut self, key: Key, now: Instant) -> Option<&mut Entry> {
        if !self.entries.contains_key(&key) {
            if self.entries.len() >= self.capacity && !self.forget_one(now, true) {
                return None;
            }
            self.entries.insert(key, Entry::default());
        }
        self.entries.get_mut(&key)
    }

    /// The same, of a process of which the kernel tells.
    fn told(&mut self, key: Key, now: Instant) -> Option<(Key, &mut Entry)> {
        let kept = self.resolve(key);
        let entry = self.entry(kept, now)?;
        entry.start_ns = key.start_ns;
        Some((kept, entry))
    }

    fn adopt(&mut self, key: Key, parent: Key) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        // Who forked it is its parent, whoever took it over since.
        let parent = *entry.parent.get_or_insert(parent);
        let counted = entry.counted;
        let parent = self.resolve(parent);
        if counted || parent == key {
            return;
        }
        let Some(parent) = self.entries.get_mut(&parent) else {
            return;
        };
        parent.children += 1;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.counted = true;
        }
    }

    /// Forgets those that ended long ago, and more if the texts take too much room.
    pub fn trim(&mut self, now: Instant) {
        while self.forget_one(now, self.text > self.capacity * TEXT_PER_ENTRY) {}
    }

    /// Forgets the one that ended first, if it ended long ago, or in any case if there
    /// `must` be room.
    fn forget_one(&mut self, now: Instant, must: bool) -> bool {
        while let Some(&(key, ended)) = self.ended.front() {
            if !must && now.duration_since(ended) < KEEP {
                return false;
            }
            self.ended.pop_front();
            match self.entries.get_mut(&key) {
                Some(entry) if entry.children > 0 => {
                    entry.overdue = true;
                    self.note_overdue(key);
                }
                _ => {
                    self.remove(key);
                    return true;
                }
            }
        }
        if !must {
            return false;
        }
        while let Some(key) = self.overdue.pop_front() {
            if self.get(key).is_some_and(|entry| entry.overdue) {
                self.remove(key);
                return true;
            }
        }
        false
    }

    /// Most are forgotten with their last child, so their keys here are of no use.
    fn note_overdue(&mut self, key: Key) {
        if self.overdue.len() > 2 * self.entries.len() {
            let entries = &self.entries;
            (self.overdue).retain(|key| entries.get(key).is_some_and(|entry| entry.overdue));
        }
        self.overdue.push_back(key);
    }

    /// Forgets a process, and ancestors of it that were kept for it alone.
    fn remove(&mut self, key: Key) {
        let mut next = Some(key);
        while let Some(entry) = next.and_then(|key| self.entries.remove(&key)) {
            self.text = self.text.saturating_sub(entry.programs.bytes());
            let parent = entry.parent.filter(|_| entry.counted);
            next = parent.map(|parent| self.resolve(parent));
            let parent = next.and_then(|parent| self.entries.get_mut(&parent));
            let Some(parent) = parent else {
                return;
            };
            parent.children -= 1;
            if !parent.overdue || parent.children > 0 {
                return;
            }
        }
    }
}

/// What `/proc` had of a process.
#[derive(Debug)]
pub struct Found {
    pub ppid: u32,
    pub comm: Comm,
    pub cgroup_key: u64,
    pub image: Option<Rc<ImageText>>,
    pub title: Option<Rc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Image, Source};

    fn descent(pid: u32, ppid: u32, exec_id: u32) -> Descent {
        Descent {
            pid,
            start_ns: start_ns(pid),
            ppid,
            parent_start_ns: start_ns(ppid),
            exec_id,
            ..Descent::default()
        }
    }

    fn start_ns(pid: u32) -> u64 {
        u64::from(pid) * TICK_NS + 7
    }

    fn key(pid: u32) -> Key {
        Key::new(pid, start_ns(pid))
    }

    fn running(exe: &str) -> ImageText {
        let image = Image {
            exe: exe.into(),
            ..Image::default()
        };
        ImageText::new(&image, Source::Kernel)
    }

    fn exe_of(table: &Table, pid: u32, exec_id: u32) -> Option<String> {
        let image = table.program(key(pid), exec_id)?;
        image.exe.as_deref().map(str::to_owned)
    }

    fn found(exe: &str, ppid: u32) -> Found {
        let image = ImageText {
            source: Source::Proc,
            ..running(exe)
        };
        Found {
            ppid,
            comm: Comm::default(),
            cgroup_key: 0,
            image: Some(Rc::new(image)),
            title: None,
        }
    }

    #[test]
    fn a_child_runs_what_its_parent_ran_at_the_fork_whatever_comes_first() {
        let now = Instant::now();
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
            let mut table = Table::new(16);
            for step in order {
                match step {
                    0 => table.exec(&descent(1, 0, 5), running("/bin/sh"), now),
                    1 => table.fork(&descent(2, 1, 5), now),
                    _ => table.exec(&descent(1, 0, 6), running("/bin/true"), now),
                }
            }
            assert_eq!(
                exe_of(&table, 2, 5).as_deref(),
                Some("/bin/sh"),
                "{order:?}"
            );
            assert_eq!(exe_of(&table, 1, 6).as_deref(), Some("/bin/true"));
            assert_eq!(exe_of(&table, 1, 5).as_deref(), Some("/bin/sh"));
            assert_eq!(exe_of(&table, 1, 7), None);
            assert!(table.has_gone_on(key(1), 5) && !table.has_gone_on(key(1), 6));
        }
    }

    #[test]
    fn what_proc_told_is_the_program_before_the_next_exec() {
        let now = Instant::now();
        let mut table = Table::new(16);
        table.learn(key(1).rounded(), found("/bin/old", 0), None, now);
        assert_eq!(exe_of(&table, 1, 3).as_deref(), Some("/bin/old"));
        table.exec(&descent(1, 0, 4), running("/bin/new"), now);
        assert_eq!(exe_of(&table, 1, 3).as_deref(), Some("/bin/old"));
        assert_eq!(exe_of(&table, 1, 4).as_deref(), Some("/bin/new"));
        assert_eq!(exe_of(&table, 1, 2), None);
        // The kernel's word stands.
        table.learn(key(1).rounded(), found("/bin/other", 0), None, now);
        assert_eq!(exe_of(&table, 1, 4).as_deref(), Some("/bin/new"));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn what_proc_told_is_before_all_execs_in_whatever_order_they_come() {
        let now = Instant::now();
        for order in [[4, 5, 6], [5, 4, 6], [6, 5, 4]] {
            let mut table = Table::new(16);
            table.learn(key(1).rounded(), found("/bin/old", 0), None, now);
            for exec_id in order {
                let exe = format!("/bin/{exec_id}");
                table.exec(&descent(1, 0, exec_id), running(&exe), now);
            }
            assert_eq!(
                exe_of(&table, 1, 3).as_deref(),
                Some("/bin/old"),
                "{order:?}"
            );
            assert_eq!(exe_of(&table, 1, 4).as_deref(), Some("/bin/4"));
            assert_eq!(exe_of(&table, 1, 6).as_deref(), Some("/bin/6"));
        }
    }

    #[test]
    fn the_name_is_that_of_the_last_exec_in_whatever_order_they_come() {
        let now = Instant::now();
        for order in [[4, 5], [5, 4]] {
            let mut table = Table::new(16);
            for exec_id in order {
                let comm = Comm([b'0' + u8::try_from(exec_id).unwrap(); 16]);
                let process = Descent {
                    comm,
                    ..descent(1, 0, exec_id)
                };
                table.exec(&process, running("/bin/x"), now);
            }
            assert_eq!(table.get(key(1)).unwrap().comm, Comm([b'5'; 16]));
        }
    }

    #[test]
    fn what_proc_told_may_be_an_exec_that_is_told_of_later() {
        let now = Instant::now();
        let mut table = Table::new(16);
        table.learn(key(1).rounded(), found("/bin/4", 0), None, now);
        for exec_id in [5, 4] {
            let exe = format!("/bin/{exec_id}");
            table.exec(&descent(1, 0, exec_id), running(&exe), now);
        }
        assert_eq!(exe_of(&table, 1, 3), None);
        assert_eq!(exe_of(&table, 1, 4).as_deref(), Some("/bin/4"));
        assert_eq!(exe_of(&table, 1, 5).as_deref(), Some("/bin/5"));
    }

    #[test]
    fn a_child_of_a_process_that_goes_on_is_not_what_proc_told() {
        let now = Instant::now();
        let mut table = Table::new(16);
        table.learn(key(1).rounded(), found("/bin/old", 0), None, now);
        table.fork(&descent(2, 1, 3), now);
        table.fork(&descent(3, 1, 4), now);
        table.exec(&descent(1, 0, 4), running("/bin/new"), now);
        assert_eq!(exe_of(&table, 2, 3).as_deref(), Some("/bin/old"));
        assert_eq!(exe_of(&table, 3, 4).as_deref(), Some("/bin/new"));
    }

    #[test]
    fn a_number_that_is_used_again_at_once_is_another_process() {
        let now = Instant::now();
        let mut table = Table::new(16);
        for (start_ns, exe) in [(1, "/bin/first"), (2, "/bin/second")] {
            let process = Descent {
                start_ns: TICK_NS + start_ns,
                ..descent(5, 0, 1)
            };
            table.exec(&process, running(exe), now);
            table.end(Key::new(5, process.start_ns), now);
        }
        let exe_of = |start_ns| {
            let image = table.program(Key::new(5, TICK_NS + start_ns), 1).unwrap();
            image.exe.as_deref().map(str::to_owned)
        };
        assert_eq!(exe_of(1).as_deref(), Some("/bin/first"));
        assert_eq!(exe_of(2).as_deref(), Some("/bin/second"));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn an_end_that_comes_first_is_remembered() {
        let now = Instant::now();
        let mut table = Table::new(16);
        table.end(key(1), now);
        table.exec(&descent(1, 0, 4), running("/bin/short"), now);
        assert!(!table.lives(key(1)));
        assert_eq!(exe_of(&table, 1, 4).as_deref(), Some("/bin/short"));
        table.trim(now + KEEP);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn ancestors_are_kept_for_as_long_as_somebody_descends_from_them() {
        let now = Instant::now();
        let mut table = Table::new(16);
        table.exec(&descent(1, 0, 1), running("/bin/a"), now);
        for pid in 2..5 {
            table.fork(&descent(pid, pid - 1, 1), now);
        }
        for pid in 1..4 {
            table.end(key(pid), now);
        }
        table.trim(now + KEEP);
        assert_eq!(table.len(), 4);
        assert_eq!(exe_of(&table, 4, 1).as_deref(), Some("/bin/a"));
        table.end(key(4), now);
        table.trim(now + KEEP);
        assert_eq!((table.len(), table.text), (0, 0));
    }

    #[test]
    fn parents_that_end_before_their_children_leave_nothing_behind() {
        let mut now = Instant::now();
        let mut table = Table::new(1024);
        for pid in (2..2000).step_by(2) {
            table.exec(&descent(pid, 1, 1), running("/bin/sh"), now);
            table.fork(&descent(pid + 1, pid, 1), now);
            table.end(key(pid), now);
            now += KEEP;
            table.trim(now);
            assert_eq!(table.len(), 2);
            table.end(key(pid + 1), now);
            now += KEEP;
            table.trim(now);
            assert_eq!(table.len(), 0);
        }
        assert!(table.overdue.len() < 16);
    }

    #[test]
    fn a_flood_of_processes_does_not_drive_out_the_living() {
        let now = Instant::now();
        let mut table = Table::new(8);
        table.exec(&descent(1, 0, 1), running("/bin/server"), now);
        for pid in 2..1000 {
            table.exec(&descent(pid, 1, 1), running("/bin/flood"), now);
            table.end(key(pid), now);
            assert!(table.len() <= 8);
        }
        assert_eq!(exe_of(&table, 1, 1).as_deref(), Some("/bin/server"));
        // Those that live leave no room for more.
        for pid in 1000..1020 {
            table.fork(&descent(pid, 1, 1), now);
        }
        assert_eq!(table.len(), 8);
        assert_eq!(exe_of(&table, 1019, 1), None);
    }

    #[test]
    fn long_texts_take_no_more_room_than_they_may() {
        let now = Instant::now();
        let mut table = Table::new(16);
        let long = "x".repeat(4096);
        for pid in 1..100 {
            table.exec(&descent(pid, 0, 1), running(&long), now);
            table.end(key(pid), now);
            assert!(table.text <= 16 * TEXT_PER_ENTRY + 5000);
        }
    }
}
