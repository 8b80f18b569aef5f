//! A log as the service writes it, of thousands of lines over many files.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use common::{Actor, Daemon, files, wait_until};
use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

/// Some eighty lines.
const FILE: &str = "256K";

/// The log, and who sends what it tells of.
pub struct Log {
    pub room: TempDir,
    pub path: PathBuf,
    actor: Actor,
    daemon: Daemon,
    calls: usize,
}

impl Log {
    /// Traces an actor whose name begins so. Nothing is removed.
    pub fn start(base: &str) -> Self {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("log");
        fs::create_dir(&directory).unwrap();
        let path = directory.join("signals.jsonl");
        let actor = Actor::named(base);
        let more = ["--rotate-size", FILE, "--keep", "1000"];
        let daemon = Daemon::of(&actor, &path, &more);
        Self {
            room,
            path,
            actor,
            daemon,
            calls: 0,
        }
    }

    /// Its directory, as a text.
    pub fn directory(&self) -> String {
        self.path.parent().unwrap().display().to_string()
    }

    /// Calls as fast as can be. Their lines come a little later.
    pub fn flood(&mut self, calls: usize) {
        self.actor.flood(1, 1, calls as u64);
        self.calls += calls;
    }

    /// Calls until there is a next file: one only, so that what was written
    /// meanwhile is in two that are not compressed.
    pub fn rotate(&mut self) {
        let inode = || fs::metadata(&self.path).map_or(0, |data| data.ino());
        let (before, mut size) = (inode(), 0);
        while inode() == before {
            self.calls += 5;
            self.actor.flood(1, 1, 5);
            wait_until("lines", || {
                let now = fs::metadata(&self.path).map_or(0, |data| data.len());
                let grown = now != size;
                size = now;
                grown || inode() != before
            });
        }
    }

    /// How many signal lines there will be.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Ends the run. Gives each line, oldest first, without its end.
    pub fn finish(self) -> (TempDir, Vec<String>) {
        let path = self.path.clone();
        self.daemon.stop().assert_law(self.calls as u64);
        let mut lines = Vec::new();
        for path in files(&path) {
            let file = File::open(&path).unwrap();
            let read: Box<dyn Read> = match path.extension() {
                Some(end) if end == "gz" => Box::new(MultiGzDecoder::new(file)),
                _ => Box::new(file),
            };
            lines.extend(BufReader::new(read).lines().map(Result::unwrap));
        }
        (self.room, lines)
    }
}

/// How many of these are signal lines.
pub fn signals(lines: &str) -> usize {
    lines.matches(r#""type":"signal""#).count()
}
