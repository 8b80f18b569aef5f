//! A timer that signals the sender, with the number that it sends, during its calls.

use serde_json::Value;

use crate::{ATTACH, Recording, is_whole, members, recipients, record};

const PERIODS: [u32; 2] = [20_000, 30_000];
const ALL: [&str; 4] = ["--kernel-signals", "all", "-s", "TERM"];

/// What the first line of the program is about; and the last.
fn ends(recording: &Recording) -> (&Value, &Value) {
    let truth = &recording.truth;
    let end = truth.last().unwrap();
    assert!(end["ticks"].as_u64() > Some(0));
    (&truth[0], end)
}

/// Whether the line tells of the timer's signal, and of nothing else.
fn is_tick(line: &Value, sender: &Value) -> bool {
    line["origin"] == "timer"
        && line["sender_role"] == "self"
        && line["syscall"].is_null()
        && line["sender"]["pid"] == *sender
        && line["target"]["pid"] == *sender
}

#[track_caller]
fn check_single(attach: &[&str], narrow: bool) {
    const CALLS: u32 = 20_000;
    for period in PERIODS {
        let abi = if narrow { " narrow" } else { "" };
        let words = format!("timer_single {period} {CALLS}{abi}");
        let recording = record(&words, &[attach, &ALL]);
        let (first, end) = ends(&recording);
        let (mut calls, mut ticks) = (0, 0);
        let lost = recording.each(|line| {
            if is_tick(&line, &end["pid"]) {
                ticks += 1;
                return;
            }
            assert!(is_whole(&line, narrow), "{line}");
            let target = &line["target"];
            assert_eq!(target["pid"], first["to"], "{line}");
            assert_eq!(target["outcome"], "ignored", "{line}");
            assert_eq!(target["fatal"], false, "{line}");
            calls += 1;
        });
        println!("{words}: {calls} calls, {ticks} ticks, {lost} lost");
        assert_eq!((calls, lost), (CALLS, 0), "{words} {attach:?}");
        // Those that came while one waited are told, too.
        assert!(Some(ticks) >= end["ticks"].as_u64(), "{ticks} of {end}");
    }
}

#[track_caller]
fn check_group(attach: &[&str], narrow: bool) {
    const CALLS: usize = 5_000;
    for period in PERIODS {
        let abi = if narrow { " narrow" } else { "" };
        let words = format!("timer_group {period} {CALLS}{abi}");
        let recording = record(&words, &[attach]);
        let (first, _) = ends(&recording);
        let calls = recording.calls();
        assert_eq!(calls.len(), CALLS, "{words} {attach:?}");
        for line in calls {
            assert!(is_whole(&line, narrow), "{line}");
            assert_eq!(line["target"]["arg"], first["to"], "{line}");
            assert_eq!(line["recipient_count"], 4, "{line}");
            assert_eq!(recipients(&line), members(first), "{line}");
            let recipients = line["recipients"].as_array().unwrap();
            let all_told = recipients.iter().all(|one| one["outcome"].is_string());
            assert!(all_told, "{line}");
        }
    }
}

#[track_caller]
fn check_fatal(attach: &[&str], narrow: bool) {
    const CALLS: usize = 1_000;
    for period in PERIODS {
        let abi = if narrow { " narrow" } else { "" };
        let words = format!("timer_fatal {period} {CALLS}{abi}");
        let recording = record(&words, &[attach, &["--fatal"]]);
        let (_, end) = ends(&recording);
        let calls = recording.calls();
        let targets = recording.truth.iter().map(|truth| &truth["to"]);
        let targets: Vec<_> = targets.take(CALLS).collect();
        for (line, target) in calls.iter().zip(&targets) {
            assert!(is_whole(line, narrow), "{line}");
            assert_eq!(line["target"]["pid"], **target, "{line}");
            assert_eq!(line["target"]["outcome"], "delivered", "{line}");
            assert_eq!(line["target"]["fatal"], true, "{line}");
            assert_eq!(line["sender"]["pid"], end["pid"], "{line}");
        }
        assert_eq!((calls.len(), targets.len()), (CALLS, CALLS), "{attach:?}");
    }
}

#[test]
fn a_timer_of_the_same_signal_hides_no_call() {
    for attach in ATTACH {
        check_single(&attach, false);
    }
}

#[test]
fn a_timer_of_the_same_signal_hides_no_recipient() {
    for attach in ATTACH {
        check_group(&attach, false);
    }
}

#[test]
fn a_timer_of_the_same_signal_hides_no_death() {
    for attach in ATTACH {
        check_fatal(&attach, false);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_timer_of_the_same_signal_hides_no_32_bit_call() {
    // By the witness alone.
    let attach = &ATTACH[0];
    check_single(attach, true);
    check_group(attach, true);
    check_fatal(attach, true);
}
