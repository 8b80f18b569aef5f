//! The law: calls made = signal lines + what the lost lines count, exactly;
//! and the lines come in the order of time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{Mutex, MutexGuard, mpsc::channel},
    time::{Duration, Instant},
};

use common::{
    Actor, Line, Sigtrail, Tally, command, lost, of_type, tally_file, tally_lines, timed,
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

/// An actor whose name, which its children inherit, is nobody else's.
fn flooder(name: &'static str) -> (Actor, [&'static str; 2]) {
    let mut actor = Actor::start();
    actor.set_comm(name.as_bytes());
    (actor, ["--sender-comm", name])
}

fn tally(lines: Vec<Line>) -> Tally {
    let mut tally = Tally::default();
    lines.into_iter().for_each(|line| tally.add(line));
    tally
}

/// Lines and losses are the calls, and the totals at the end say so too. No
/// line was late; that none is below its predecessor, each reading checks.
#[track_caller]
fn assert_law(tally: &Tally, calls: u64) {
    let (signals, lost) = (tally.signals, lost(&tally.others));
    println!("{calls} calls = {signals} lines + {lost} lost");
    assert_eq!(signals + lost, calls);
    let last = &tally.others.last().unwrap().value;
    assert_eq!(last["state"], "stopped");
    assert_eq!(last["events"], signals);
    assert_eq!(last["lost"], lost);
    assert_eq!(last["late"], 0);
    let by_reason = last["lost_by_reason"].as_object();
    let by_reason = by_reason.into_iter().flat_map(|reasons| reasons.values());
    let by_reason = by_reason.map(|count| count.as_u64().unwrap());
    assert_eq!(by_reason.sum::<u64>(), lost);
}

#[test]
fn two_million_calls_of_eight_processes_are_lines_or_counted_in_a_file() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    let (mut actor, args) = flooder("st-law-file");
    let sigtrail = Sigtrail::start_to_file(&path, &args);
    let (calls, took) = timed(|| actor.flood(8, 1, 250_000));
    assert_eq!(calls, 2_000_000);
    let ended = sigtrail.stop();
    println!("the flood took {took:?}, the end {:?}", ended.took);
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
    let (tally, took) = timed(|| tally_file(&path));
    println!("the check took {took:?}");
    assert_law(&tally, calls);
    // A file takes whatever a turn brings.
    let last = &tally.others.last().unwrap().value;
    assert_eq!(last["lost_by_reason"]["sink_full"], Value::Null);
}

#[test]
fn a_flood_of_threads_is_lines_or_counted_in_a_pipe() {
    let _alone = alone();
    let (mut actor, args) = flooder("st-law-pipe");
    let mut sigtrail = Sigtrail::spawn_unread(&mut command(&args));
    sigtrail.wait_for_bytes(1);
    let reader = sigtrail.tally();
    let calls = actor.flood(4, 2, 50_000);
    assert_eq!(calls, 400_000);
    let ended = sigtrail.stop();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
    assert_law(&reader.join().unwrap(), calls);
}

/// What fits into a ring is not lost, however late the poller comes. (How
/// much of an endless flood it follows depends on the machine: see the bench.)
#[test]
fn a_burst_that_fits_into_the_default_ring_is_all_lines() {
    const BURST: u64 = 10_000;
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    let (mut actor, args) = flooder("st-law-burst");
    let sigtrail = Sigtrail::start_to_file(&path, &args);
    sigtrail.signal(Signal::STOP);
    assert_eq!(actor.flood(1, 1, BURST), BURST);
    sigtrail.signal(Signal::CONT);
    let ended = sigtrail.stop();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
    let tally = tally_file(&path);
    assert_law(&tally, BURST);
    assert_eq!(tally.signals, BURST);
}

/// A stopped poller's ring of one page takes a few dozen records. What did
/// not fit is said as soon as it goes on, without another call to carry it.
#[test]
fn what_a_stopped_poller_missed_is_said_without_another_signal() {
    const STOPPED: Duration = Duration::from_secs(2);
    const CALLS: u64 = 20_000;
    let _alone = alone();
    let (mut actor, args) = flooder("st-law-stop");
    let mut sigtrail = Sigtrail::start(&[&args[..], &["--ring-size", "4K"]].concat());

    sigtrail.signal(Signal::STOP);
    let stopped = Instant::now();
    let calls = actor.flood(2, 1, CALLS / 2);
    let (_never, wait) = channel::<()>();
    let _ = wait.recv_timeout(STOPPED.saturating_sub(stopped.elapsed()));
    sigtrail.signal(Signal::CONT);
    let (line, took) = timed(|| sigtrail.wait_for(|line| line["type"] == "lost"));
    println!("the loss was said after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(line["reason"], "ring_full");
    let said = line["count"].as_u64().unwrap();
    // All of it in one line, and little else could have been kept.
    assert!((CALLS - 1000..CALLS).contains(&said), "{said} of {calls}");

    let ended = sigtrail.stop();
    ended.assert_clean();
    let tally = tally(ended.lines);
    assert_law(&tally, calls);
    assert_eq!(lost(&tally.others), said);
}

#[test]
fn the_next_loss_is_counted_from_where_the_last_was_said() {
    let _alone = alone();
    let (mut actor, args) = flooder("st-law-again");
    let mut sigtrail = Sigtrail::start(&[&args[..], &["--ring-size", "4K"]].concat());
    let mut calls = 0;
    let mut said = Vec::new();
    for _ in 0..2 {
        sigtrail.signal(Signal::STOP);
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
    let tally = tally(ended.lines);
    assert_law(&tally, calls);
    assert_eq!(of_type(&tally.others, "lost"), said);
}

/// The queue before a slow reader is bounded: what it refuses is a loss like
/// others, and the first line after it says so.
#[test]
fn what_a_slow_reader_missed_is_counted() {
    let _alone = alone();
    let (mut actor, args) = flooder("st-law-slow");
    let mut sigtrail = Sigtrail::spawn_unread(&mut command(&args));
    sigtrail.wait_for_bytes(1);
    let calls = actor.flood(1, 1, 200_000);
    sigtrail.read();
    let line = sigtrail.wait_for(|line| line["reason"] == "sink_full");
    assert!(line["count"].as_u64() > Some(0));
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_law(&tally(ended.lines), calls);
}

/// At the end the queue may be full, and yet the last words must come out.
#[test]
fn what_a_slow_reader_missed_is_counted_at_the_end_too() {
    let _alone = alone();
    let (mut actor, args) = flooder("st-law-last");
    let mut sigtrail = Sigtrail::spawn_unread(&mut command(&args));
    sigtrail.wait_for_bytes(1);
    let calls = actor.flood(1, 1, 200_000);
    sigtrail.signal(Signal::TERM);
    let bytes = sigtrail.read_raw();
    assert_law(&tally_lines(bytes.as_slice()), calls);
    let ended = sigtrail.end();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
}
