//! Whether a signal ends who is stopped, traced, waiting or of several minds.

use serde_json::{Value, json};

use crate::{assert_each, is_whole, program, record};

/// `fatal`, `blocked`, `stopped` and `traced`; and the outcome.
type Fate = (Value, [bool; 3], &'static str);

/// What a line must say, by the name that the program has for what it did.
fn fate(truth: &Value) -> Fate {
    const NONE: [bool; 3] = [false; 3];
    let waits = |why| (Value::Null, why, "delivered");
    match truth["name"].as_str().unwrap() {
        "all_block" | "to_leader" | "leader_waits" | "thread_waits" => waits([true, false, false]),
        "stopped" => waits([false, true, false]),
        "traced" => waits([false, false, true]),
        "stop" => (json!(false), NONE, "delivered"),
        "continued" => (json!(false), NONE, "continued"),
        "running" => (json!(false), NONE, "ignored"),
        _ => (json!(true), NONE, "delivered"),
    }
}

#[test]
fn fatal_is_said_where_it_is_decided_and_else_why_it_is_not() {
    let recording = record("waits", &[]);
    let truth: Vec<_> = recording.truth.iter().collect();
    let calls = recording.calls();
    assert_each(&calls, &truth, |line, truth| {
        let (fatal, why, outcome) = fate(truth);
        let target = &line["target"];
        !is_whole(line, false)
            || target["pid"] != truth["to"]
            || line["signal_number"] != truth["signal"]
            || target["fatal"] != fatal
            || ["blocked", "stopped", "traced"].map(|key| target[key] == true) != why
            || target["outcome"] != outcome
            || target["zombie"] == true
            || truth["fatal"] == true && target["exe"] != program().to_str().unwrap()
    });
}

/// A filter drops nothing that ends a process, now or later.
#[test]
fn what_may_end_a_process_passes_as_fatal() {
    let recording = record("waits", &[&["--fatal"]]);
    let may_end = |truth: &&Value| fate(truth).0 != false;
    let truth: Vec<_> = recording.truth.iter().filter(may_end).collect();
    assert!(truth.len() < recording.truth.len());
    assert_each(&recording.calls(), &truth, |line, truth| {
        line["target"]["pid"] != truth["to"] || line["signal_number"] != truth["signal"]
    });
}
