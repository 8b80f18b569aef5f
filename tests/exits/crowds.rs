//! Ends of very many at once.

use serde_json::Value;

use crate::play;

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
