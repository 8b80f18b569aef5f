//! The law: calls made = signal lines + what the lost lines count, exactly;
//! and the lines come in the order of time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    process::Command,
    sync::{Mutex, MutexGuard, mpsc::channel},
    time::{Duration, Instant},
};

use common::{
    Actor, Daemon, Line, Run, Sigtrail, Tally, command, directory, of_type, tally_lines, timed,
};
use rustix::process::Signal;
use serde_json::Value;

/// One flood at a time: they share the machine.
fn alone() -> MutexGuard<'static, ()> {
    static FLOOD: Mutex<()> = Mutex::new(());
    FLOOD
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Those of a run that has ended.
fn run(lines: Vec<Line>) -> Run {
    let mut tally = Tally::default();
    lines.into_iter().for_each(|line| tally.add(line));
    tally.into()
}

/// Lines and losses are the calls, and the totals at the end say so too. No
/// line was late; that none is below its predecessor, each reading checks.
#[track_caller]
fn assert_law(run: &Run, calls: u64) {
    run.assert_law(calls);
    assert_eq!(run.end()["late"], 0);
}

#[test]
fn two_million_calls_of_eight_processes_are_lines_or_counted_in_a_file() {
    let _alone = alone();
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("lawfile");
    let daemon = Daemon::of(&actor, &path, &[]);
    let (calls, took) = timed(|| actor.flood(8, 1, 250_000));
    assert_eq!(calls, 2_000_000);
    println!("the flood took {took:?}");
    let (run, took) = timed(|| daemon.stop());
    println!("the end and the check took {took:?}");
    assert_law(&run, calls);
    // A file takes whatever a turn brings.
    assert_eq!(run.end()["lost_by_reason"]["sink_full"], Value::Null);
}

#[test]
fn a_flood_of_threads_is_lines_or_counted_in_a_pipe() {
    let _alone = alone();
    let mut actor = Actor::named("lawpipe");
    let mut sigtrail = Sigtrail::spawn_unread(&mut command(&actor.filter()));
    sigtrail.wait_for_bytes(1);
    let reader = sigtrail.tally();
    let calls = actor.flood(4, 2, 50_000);
    assert_eq!(calls, 400_000);
    let ended = sigtrail.stop();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
    assert_law(&reader.join().unwrap().into(), calls);
}

/// What fits into a ring is not lost, however late the poller comes. (How
/// much of an endless flood it follows depends on the machine: see the bench.)
#[test]
fn a_burst_that_fits_into_the_default_ring_is_all_lines() {
    const BURST: u64 = 10_000;
    let _alone = alone();
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("burst");
    let daemon = Daemon::of(&actor, &path, &[]);
    daemon.suspend();
    assert_eq!(actor.flood(1, 1, BURST), BURST);
    daemon.signal(Signal::CONT);
    let run = daemon.stop();
    assert_law(&run, BURST);
    assert_eq!(run.signals, BURST);
}

/// A stopped poller's ring of one page takes a few dozen records. What did
/// not fit is said as soon as it goes on, without another call to carry it.
#[test]
fn what_a_stopped_poller_missed_is_said_without_another_signal() {
    const STOPPED: Duration = Duration::from_secs(2);
    const CALLS: u64 = 20_000;
    let _alone = alone();
    let mut actor = Actor::named("lawstop");
    let mut sigtrail = Sigtrail::start(&[actor.filter(), ["--ring-size", "4K"]].concat());

    sigtrail.suspend();
    let stopped = Instant::now();
    let calls = actor.flood(2, 1, CALLS / 2);
    let (_never, wait) = channel::<()>();
    let _ = wait.recv_timeout(STOPPED.saturating_sub(stopped.elapsed()));
    sigtrail.signal(Signal::CONT);
    let (line, took) = timed(|| sigtrail.wait_for(|line| line["type"] == "lost"));
    println!("the loss was said after {took:?}");
    assert_eq!(line["reason"], "ring_full");
    let said = line["count"].as_u64().unwrap();
    // All of it in one line, and little else could have been kept.
    assert!((CALLS - 1000..CALLS).contains(&said), "{said} of {calls}");

    let ended = sigtrail.stop();
    ended.assert_clean();
    let run = run(ended.lines);
    assert_law(&run, calls);
    assert_eq!(run.lost, said);
}

#[test]
fn the_next_loss_is_counted_from_where_the_last_was_said() {
    let _alone = alone();
    let mut actor = Actor::named("again");
    let mut sigtrail = Sigtrail::start(&[actor.filter(), ["--ring-size", "4K"]].concat());
    let mut calls = 0;
    let mut said = Vec::new();
    for _ in 0..2 {
        sigtrail.suspend();
        calls += actor.flood(1, 1, 2000);
        sigtrail.signal(Signal::CONT);
        said.push(sigtrail.wait_for(|line| line["type"] == "lost"));
    }
    assert!(
        said[0]["timestamp"].as_str() <= said[1]["since"].as_str(),
        "{said:#?}"
    );
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_eq!(of_type(&ended.lines, "lost"), said);
    assert_law(&run(ended.lines), calls);
}

/// What a poller that is never in time finds in the rings fills that, too.
fn small_queue(actor: &Actor) -> Command {
    command(&[actor.filter(), ["--queue-size", "64K"]].concat())
}

/// The queue before a slow reader is bounded: what it refuses is a loss like
/// others, and the first line after it says so.
#[test]
fn what_a_slow_reader_missed_is_counted() {
    let _alone = alone();
    let mut actor = Actor::named("lawslow");
    let mut sigtrail = Sigtrail::spawn_unread(&mut small_queue(&actor));
    sigtrail.wait_for_bytes(1);
    let calls = actor.flood(1, 1, 200_000);
    sigtrail.read();
    let line = sigtrail.wait_for(|line| line["reason"] == "sink_full");
    assert!(line["count"].as_u64() > Some(0));
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_law(&run(ended.lines), calls);
}

/// At the end the queue may be full, and yet the last words must come out.
#[test]
fn what_a_slow_reader_missed_is_counted_at_the_end_too() {
    let _alone = alone();
    let mut actor = Actor::named("lawlast");
    let mut sigtrail = Sigtrail::spawn_unread(&mut small_queue(&actor));
    sigtrail.wait_for_bytes(1);
    let calls = actor.flood(1, 1, 200_000);
    sigtrail.signal(Signal::TERM);
    let bytes = sigtrail.read_raw();
    assert_law(&tally_lines(bytes.as_slice()).into(), calls);
    let ended = sigtrail.end();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
}
