//! Ends of processes as events of the Open Cybersecurity Schema Framework.

use std::{path::Path, process::Command};

use common::{record, validator};
use serde_json::Value;
use tempfile::TempDir;

use crate::{CONFIG, GOLDEN, text, values};

/// What jq makes of a file's lines.
fn events(lines: &Path) -> Vec<Value> {
    let program = format!("{CONFIG}/ocsf/ocsf.jq");
    let mut jq = Command::new("jq");
    let output = jq.args(["-c", "-f", &program]).arg(lines).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    values(&String::from_utf8(output.stdout).unwrap())
}

/// The published schema takes an event, and no attribute that it needs can go.
fn check(event: &Value) {
    let schema = text(format!("{GOLDEN}/ocsf/process_activity.schema.json"));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = validator(&schema);
    let faults: Vec<_> = validator.iter_errors(event).collect();
    assert!(faults.is_empty(), "{faults:?} in {event:#}");
    for key in [
        "activity_id",
        "actor",
        "category_uid",
        "class_uid",
        "device",
        "metadata",
        "process",
        "severity_id",
        "time",
        "type_uid",
    ] {
        let mut less = event.clone();
        assert!(less.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        assert!(!validator.is_valid(&less), "{key}");
    }
}

#[test]
fn the_golden_ends_become_the_golden_events() {
    let lines = format!("{GOLDEN}/lines.jsonl");
    let expected = values(&text(format!("{GOLDEN}/ocsf/events.jsonl")));
    assert_eq!(events(Path::new(&lines)), expected);
    let lines = values(&text(&lines));
    let ends: Vec<_> = lines.iter().filter(|line| line["type"] == "exit").collect();
    assert_eq!(ends.len(), expected.len());
    for (line, event) in ends.into_iter().zip(&expected) {
        check(event);
        let (process, sender) = (&line["process"], &line["cause"]["sender"]);
        assert_eq!(event["process"]["pid"], process["pid"]);
        assert_eq!(event.get("exit_code"), line.get("exit_code"));
        // If nobody is known, the class wants the process itself as the actor.
        let actor = if sender.is_null() { process } else { sender };
        assert_eq!(event["actor"]["process"]["pid"], actor["pid"]);
        for key in ["signal", "signal_number", "cause", "earlier", "end"] {
            assert_eq!(event["unmapped"].get(key), line.get(key), "{key}");
        }
    }
}

#[test]
fn recorded_ends_become_events_that_the_schema_takes() {
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    record(&recorded);
    let lines = values(&text(&recorded));
    let ends = lines.iter().filter(|line| line["type"] == "exit").count();
    assert!(ends > 0);
    let events = events(&recorded);
    assert_eq!(events.len(), ends);
    events.iter().for_each(check);
}
