//! Titles: what processes have written over their arguments.
//!
//! A title can be read from `/proc` only, while its process lives. So it is read a
//! while after a process has come to be, when a server's workers have theirs, and again
//! when a line needs it.

use std::{
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    image::{ImageText, certain_title},
    key::Key,
    proc::{self, ARGS_LEN},
    recent::Recent,
    table::Table,
};

/// How long after its fork or exec a process's title is read, if it still lives.
const AFTER: Duration = Duration::from_secs(1);
/// How long a title is used again.
const TTL: Duration = Duration::from_secs(1);
/// Most processes that wait for that.
const WAITING: usize = 65_536;
/// Most that are read in a batch because it is time.
const PER_BATCH: usize = 16;
/// Most readings that are remembered.
const CAPACITY: usize = 1024;

/// When titles are read, and when they were.
#[derive(Debug)]
pub struct Titles {
    due: VecDeque<(Key, Instant)>,
    read: Recent<Key, Instant>,
}

impl Titles {
    pub fn new() -> Self {
        Self {
            due: VecDeque::new(),
            read: Recent::new(CAPACITY),
        }
    }

    /// A process was forked, or runs another program.
    pub fn expect(&mut self, key: Key, now: Instant) {
        if self.due.len() == WAITING {
            self.due.pop_front();
        }
        self.due.push_back((key, now + AFTER));
    }

    /// Whether the title of a process is to be read for a line.
    pub fn is_stale(&mut self, key: Key, now: Instant) -> bool {
        (self.read.get(key)).is_none_or(|&read| now.duration_since(read) >= TTL)
    }

    /// Reads a process's title, for the table.
    pub fn read(&mut self, table: &mut Table, key: Key, image: &ImageText, now: Instant) {
        self.read.insert(key, now);
        // If it has ended, or runs another program, what was read last stays.
        if let Some(cmdline) = proc::cmdline(key, image.arg_start) {
            table.set_title(key, title(image, &cmdline));
        }
    }

    /// Reads some titles for which it is time.
    pub fn end_batch(&mut self, table: &mut Table, now: Instant) {
        let mut left = PER_BATCH;
        while left > 0
            && let Some(&(key, _)) = self.due.front().filter(|&&(_, due)| due <= now)
        {
            self.due.pop_front();
            // Most have ended by now, and cost nothing.
            if table.lives(key)
                && let Some(image) = table.last_program(key)
            {
                left -= 1;
                self.read(table, key, &image, now);
            }
        }
    }
}

/// The title of a process that runs this.
pub fn title(image: &ImageText, cmdline: &[u8]) -> Option<Rc<str>> {
    let title = match image.args {
        Some(_) => image.title_in(cmdline),
        None if cmdline.len() < ARGS_LEN => certain_title(cmdline),
        None => None,
    };
    title.map(Rc::from)
}
