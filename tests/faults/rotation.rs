//! Rotation at full speed.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use common::{Actor, Daemon, Run, directory, files, timed, wait_until};

use super::Stop;

const LINES: u64 = 1_000_000;

/// What fluent-bit's tail does: it knows files by their inodes, looks for new
/// ones by a pattern, reads each from its start, and goes on with a file where
/// it stopped, whatever its name has become.
#[derive(Default)]
struct Follower {
    /// How far each inode is read.
    known: HashMap<u64, u64>,
    /// By `seq`: seen or not.
    seen: Vec<bool>,
    count: u64,
}

impl Follower {
    fn look(&mut self, path: &Path) {
        let name = path.file_name().unwrap().to_str().unwrap();
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            if !entry.file_name().to_str().unwrap().starts_with(name) {
                continue;
            }
            // Renamed in between: it has another name at the next look.
            let Ok(mut file) = File::open(entry.path()) else {
                continue;
            };
            let data = file.metadata().unwrap();
            let read = self.known.get(&data.ino()).copied().unwrap_or(0);
            if data.len() > read {
                file.seek(SeekFrom::Start(read)).unwrap();
                let more = self.read(&mut BufReader::new(file));
                self.known.insert(data.ino(), read + more);
            }
        }
    }

    /// To the file's end; gives the bytes read.
    fn read(&mut self, file: &mut BufReader<File>) -> u64 {
        let (mut line, mut bytes) = (Vec::new(), 0);
        while file.read_until(b'\n', &mut line).unwrap() > 0 {
            // It is being written.
            if !line.ends_with(b"\n") {
                break;
            }
            let text = str::from_utf8(&line).unwrap();
            let seq = text
                .split(r#""seq":"#)
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            let seq: usize = seq.parse().unwrap();
            if seq >= self.seen.len() {
                self.seen.resize(seq + 1, false);
            }
            assert!(!std::mem::replace(&mut self.seen[seq], true), "{seq} twice");
            self.count += 1;
            bytes += line.len() as u64;
            line.clear();
        }
        bytes
    }
}

#[test]
fn a_million_lines_over_many_files_are_each_there_once_for_followers_too() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("rotate");
    let more = [
        "--rotate-size",
        "1M",
        "--keep",
        "10000",
        "--compress",
        "false",
        "--ring-size",
        "64M",
        "--queue-size",
        "64M",
    ];
    let daemon = Daemon::of(&actor, &path, &more);
    let ended = AtomicBool::new(false);
    let followed = AtomicU64::new(0);
    let (run, follower) = thread::scope(|scope| {
        let follow = Stop(&ended);
        let follower = scope.spawn(|| {
            let mut follower = Follower::default();
            while !ended.load(Ordering::Acquire) {
                follower.look(&path);
                followed.store(follower.count, Ordering::Release);
            }
            follower.look(&path);
            follower
        });
        let mut calls = 0;
        let ((), took) = timed(|| {
            while calls < LINES + LINES / 10 {
                // Bursts at full speed, as long as the queue has room for the longest
                // lines; who is not followed is lost.
                calls += actor.flood(2, 1, LINES / 100);
                wait_until("the follower", || {
                    followed.load(Ordering::Acquire) >= calls / 10 * 9
                });
            }
        });
        println!("the flood took {took:?}");
        daemon.finish();
        drop(follow);
        let run = Run::read(files(&path));
        run.assert_law(calls);
        (run, follower.join().unwrap())
    });
    assert!(run.signals >= LINES, "{}", run.signals);
    let end = run.end();
    let rotations = end["rotations"].as_u64().unwrap();
    assert!(rotations > 500, "{end}");
    assert_eq!(files(&path).len() as u64, rotations + 1);
    let last = end["seq"].as_u64().unwrap();
    assert_eq!(follower.count, last);
    assert_eq!(
        follower.seen.iter().filter(|seen| **seen).count() as u64,
        last
    );
}
