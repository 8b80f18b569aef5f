//! What happens in the kernel under too much of everything.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use common::{Actor, Cgroup, Daemon, directory, wait_until};
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::Stop;

/// A map of a running sigtrail's.
fn map(daemon: &Daemon, name: &str) -> MapHandle {
    let pid = daemon.pid().as_raw_nonzero();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("map_id:"));
        let Some(id) = id.and_then(|id| id.trim().parse().ok()) else {
            continue;
        };
        let map = MapHandle::from_map_id(id).unwrap();
        if map.name() == name {
            return map;
        }
    }
    panic!("no map {name}");
}

/// The threads of a process's children.
fn threads_below(pid: i64) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let tasks = (children.split_whitespace())
        .flat_map(|child| fs::read_dir(format!("/proc/{child}/task")).into_iter())
        .flatten();
    tasks
        .map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect()
}

/// Reads on in a file that grows.
struct Tail {
    file: BufReader<File>,
    line: Vec<u8>,
    signals: u64,
    /// Of these, without what the call's entry had left in its slot.
    without_entry: u64,
}

impl Tail {
    fn of(path: &Path) -> Self {
        Self {
            file: BufReader::new(File::open(path).unwrap()),
            line: Vec::new(),
            signals: 0,
            without_entry: 0,
        }
    }

    fn read_on(&mut self) {
        while self.file.read_until(b'\n', &mut self.line).unwrap() > 0 {
            // The rest of it is still to be written.
            if !self.line.ends_with(b"\n") {
                return;
            }
            let line = String::from_utf8_lossy(&self.line);
            self.signals += u64::from(line.contains(r#""type":"signal""#));
            self.without_entry += u64::from(line.contains(r#""entry_missing":true"#));
            self.line.clear();
        }
    }
}

/// Slots are taken from under calls that are under way.
#[test]
fn a_full_map_of_calls_loses_none() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("slots");
    let daemon = Daemon::of(&actor, &path, &["--ring-size", "64M"]);
    let slots = map(&daemon, "inflight");
    let value = vec![0; slots.value_size() as usize];
    for key in 0..2 * slots.max_entries() {
        // Threads that do not exist.
        let key = (1 << 24) + key;
        slots
            .update(&key.to_ne_bytes(), &value, MapFlags::ANY)
            .unwrap();
    }
    let (mut calls, mut tail) = (0, Tail::of(&path));
    wait_until("a slot to be taken from under a call", || {
        // So few that a ring holds them all, however late the poller comes.
        actor.hold_flood(2, 4, 10_000);
        let threads = threads_below(actor.pid);
        let over = AtomicBool::new(false);
        calls += thread::scope(|scope| {
            let _over = Stop(&over);
            scope.spawn(|| {
                for key in threads.iter().cycle() {
                    // It is there again with the thread's next call.
                    let _ = slots.delete(&key.to_ne_bytes());
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
            actor.release_flood();
            actor.end_flood()
        });
        wait_until("the flood's lines", || {
            tail.read_on();
            tail.signals >= calls
        });
        tail.without_entry > 0
    });
    println!("{} slots were taken from {calls} calls", tail.without_entry);
    let run = daemon.stop();
    run.assert_law(calls);
    assert_eq!(run.lost, 0, "{}", run.end());
}

#[test]
fn a_storm_of_five_hundred_processes_is_counted_in_bounded_memory() {
    const MOST_KIB: u64 = 64 << 10;
    let group = Cgroup::new("/storm.service");
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("storm");
    actor.enter(group.directory());
    let daemon = Daemon::of(&actor, &path, &[]);
    let calls = actor.flood(500, 1, 200);
    let run = daemon.stop();
    run.assert_law(calls);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!(r#""cgroup":"{}""#, group.path)));
    let (start, end) = (&run.others[0]["rss_kib"], &run.end()["rss_kib"]);
    println!("{start} KiB at the start, {end} at the end");
    assert!(end.as_u64().unwrap() < MOST_KIB);
}
