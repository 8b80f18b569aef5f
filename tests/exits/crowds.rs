//! Ends of very many at once.

use serde_json::Value;

use crate::{play, play_before};

/// As other tests fill the machine, too.
const LEAST_THREADS: u64 = 2000;

#[test]
fn of_five_thousand_killed_at_once_each_has_its_line() {
    for signal in ["9", "15"] {
        let played = play("crowd", &["5000", signal], &[]);
        assert_eq!(played.assert_right(), 5000);
        let calls = played.lines.iter().filter(|line| line["type"] == "signal");
        assert_eq!(calls.count(), 1);
    }
}

/// A sum over the accounts of ends.
fn lost_exits(lines: &[Value]) -> u64 {
    let is_it = |line: &&Value| line["type"] == "lost" && line["what"] == "exits";
    let counts = lines.iter().filter(is_it);
    counts.map(|line| line["count"].as_u64().unwrap()).sum()
}

#[test]
fn ends_that_found_no_room_are_counted() {
    let played = play_before("crowd", &["2000", "9"], &["--ring-size", "64K"], true);
    let is_exit = |line: &&Value| line["type"] == "exit";
    let told = played.lines.iter().filter(is_exit).count();
    let lost = lost_exits(&played.lines);
    println!("{told} lines + {lost} lost");
    assert!(lost > 0);
    assert_eq!(told as u64 + lost, 2000);
}

#[test]
fn fifty_thousand_that_just_exit_have_no_line() {
    let played = play("plain", &["5000", "50000"], &[]);
    println!("{}", played.said[0]);
    let types: Vec<_> = played.lines.iter().map(|line| &line["type"]).collect();
    assert!(types.iter().all(|kind| *kind == "status"), "{types:?}");
}

#[test]
fn a_process_with_ten_thousand_threads_has_one_line() {
    let mut played = play("threads", &["10000"], &[]);
    let threads = played.said.remove(0)["threads"].as_u64();
    println!("{threads:?} threads");
    assert!(threads >= Some(LEAST_THREADS));
    assert_eq!(played.assert_right(), 1);
    let of_signals = |line: &&Value| line["type"] == "signal";
    assert_eq!(played.lines.iter().filter(of_signals).count(), 1);
}
