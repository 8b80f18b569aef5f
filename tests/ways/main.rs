//! Every way that the kernel has to signal a process, or end it, without a call
//! that sends: each is gone for real, and the line compared with what the actors
//! and the wait status say. `table.tsv` has the ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use common::{
    Sigtrail,
    ways::{self, Told, Way},
};
use serde_json::Value;

/// Ways that a line tells of, on a kernel and machine that lacks some.
const LINES_MIN: usize = 90;
const NOBODY: i64 = 65534;
/// Those across users where nothing tells who did it: the line has the fault or
/// the broken pipe of the victim's own.
const ANONYMOUS: [&str; 3] = ["x_trunc", "x_pipe", "x_sockpipe"];

/// Other tests on the machine flood it, most of them with signal 0. None of the ways is
/// that.
const AMID_FLOODS: [&str; 4] = ["-s", "!0", "--queue-size", "64M"];

/// A way with what really happened.
type Gone = (Way, Value);

/// Goes the ways beside a recording. Gives those that this kernel knows, and
/// the lines of type `signal`.
fn record(args: &[&str], wanted: impl Fn(&Way) -> bool) -> (Vec<Gone>, Vec<Value>) {
    let sigtrail = Sigtrail::start(&[&AMID_FLOODS, args].concat());
    let gone: Vec<_> = (Way::all().into_iter())
        .filter(wanted)
        .filter_map(|way| way.go().map(|truth| (way, truth)))
        .collect();
    let ended = sigtrail.stop();
    ended.assert_clean();
    (gone, ended.signals())
}

#[track_caller]
fn assert_nothing(wrong: &[String], of: usize) {
    assert!(
        wrong.is_empty(),
        "{} of {of} ways:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Each way has one line, with nothing wrong in it, if it is to have one.
#[track_caller]
fn assert_told(gone: &[Gone], lines: &[Value], told: Told) {
    let wrong: Vec<_> = (gone.iter())
        .filter(|(way, _)| way.has_line())
        .filter_map(|(way, truth)| match way.line(truth, lines) {
            Ok(line) => way.wrong(truth, line, told),
            Err(why) => Some(why),
        })
        .collect();
    assert_nothing(&wrong, gone.len());
}

#[test]
fn the_table_has_each_way_once() {
    let rows: Vec<_> = Way::all().iter().map(|way| way.name.to_owned()).collect();
    let once: BTreeSet<_> = rows.iter().collect();
    assert_eq!(once.len(), rows.len());
    assert_eq!(once, ways::known().iter().collect());
}

#[test]
fn every_signal_without_a_call_has_a_line_that_says_what_made_it() {
    for arrangers in [false, true] {
        let told = Told { arrangers };
        let arrangers = arrangers.to_string();
        let args = ["--kernel-signals", "all", "--arrangers", &arrangers];
        check_each(&args, told);
    }
}

fn check_each(args: &[&str], told: Told) {
    let (gone, lines) = record(args, |_| true);
    assert_told(&gone, &lines, told);
    let told = gone.iter().filter(|(way, _)| way.has_line()).count();
    assert!(told >= LINES_MIN, "{told} of {} ways", gone.len());
    let unexplained: Vec<_> = (gone.iter())
        .flat_map(|(way, truth)| way.unexplained(truth, &lines))
        .collect();
    assert_nothing(&unexplained, gone.len());
}

#[test]
fn what_ends_or_stops_a_process_has_a_line_unasked() {
    let (gone, lines) = record(&[], Way::is_deadly);
    assert_told(&gone, &lines, Told { arrangers: true });
}

/// The user behind a signal: the sender's, or who opened the terminal that it
/// came from.
fn user_behind(line: &Value) -> Option<i64> {
    let sender = line["sender"]["uid"].as_i64();
    sender.or_else(|| line["tty_uid"].as_i64())
}

#[test]
fn a_signal_from_another_user_names_both() {
    let (gone, lines) = record(&[], |way| way.crosses() && way.is_deadly());
    assert!(gone.len() > 10, "{gone:?}");
    let wrong: Vec<_> = (gone.iter())
        .filter(|(way, _)| !ANONYMOUS.contains(&way.name))
        .filter_map(|(way, truth)| match way.line(truth, &lines) {
            Ok(line) if user_behind(line) == Some(NOBODY) && line["target"]["uid"] == 0 => None,
            Ok(line) => Some(format!("{}: not both users: {line}", way.name)),
            Err(why) => Some(why),
        })
        .collect();
    assert_nothing(&wrong, gone.len());
}
