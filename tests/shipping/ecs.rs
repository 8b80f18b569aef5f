//! Lines as documents of the Elastic Common Schema, by jq and by fluent-bit's
//! filter.

use std::{collections::BTreeSet, path::Path};

use common::{record, stdout_of, validator};
use serde_json::Value;
use tempfile::TempDir;

use crate::{GOLDEN, documents, text, values};

#[test]
fn recorded_lines_become_valid_ecs_documents_in_both_ways() {
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    record(&recorded);
    let lines = values(&text(&recorded));
    let by_jq = documents::by_jq(&recorded);
    let by_lua = documents::by_lua(&lines);
    assert_eq!(by_jq.len(), lines.len());
    for ((line, document), other) in lines.iter().zip(&by_jq).zip(&by_lua) {
        assert_eq!(document, other, "jq, and then Lua, of {line}");
        documents::check(document);
        documents::check_nothing_is_missing(line, document);
    }
}

#[test]
fn a_signal_without_a_sender_is_an_event_of_its_target() {
    let lines = values(&text(format!("{GOLDEN}/lines.jsonl")));
    let documents = values(&text(format!("{GOLDEN}/ecs.jsonl")));
    let mut count = 0;
    for (line, document) in lines.iter().zip(&documents) {
        if line["type"] != "signal" || line["origin"] == "call" {
            continue;
        }
        count += 1;
        let process = &document["process"];
        assert_eq!(document["event"]["action"], line["origin"]);
        assert_eq!(document["event"].get("outcome"), None);
        let who = if line.get("sender").is_some() {
            "sender"
        } else {
            assert_eq!(process, &document["Target"]["process"]);
            "target"
        };
        assert_eq!(process["pid"], line[who]["pid"]);
        let role = document["sigtrail"].get("sender_role");
        assert_eq!(role, line.get("sender_role"));
    }
    assert!(count > 10, "{count}");
}

#[test]
fn the_end_of_a_process_is_an_event_of_the_process_that_ended() {
    let lines = values(&text(format!("{GOLDEN}/lines.jsonl")));
    let documents = values(&text(format!("{GOLDEN}/ecs.jsonl")));
    let mut ends = BTreeSet::new();
    for (line, document) in lines.iter().zip(&documents) {
        if line["type"] != "exit" {
            continue;
        }
        ends.insert(line["end"].as_str().unwrap());
        let (event, process) = (&document["event"], &document["process"]);
        assert_eq!(event["type"], serde_json::json!(["end"]));
        assert_eq!(event["category"], serde_json::json!(["process"]));
        assert_eq!(event["action"], "exit");
        assert_eq!(event.get("code"), line.get("signal"));
        assert_eq!(process["pid"], line["process"]["pid"]);
        assert_eq!(process["end"], line["timestamp"]);
        assert_eq!(process.get("exit_code"), line.get("exit_code"));
        let ours = &document["sigtrail"];
        for key in ["end", "signal_number", "cause", "earlier"] {
            assert_eq!(ours.get(key), line.get(key), "{key}");
        }
    }
    assert_eq!(ends, BTreeSet::from(["dumped", "exited", "killed"]));
}

#[test]
fn a_call_that_was_answered_in_the_kernels_place_is_no_success() {
    let lines = values(&text(format!("{GOLDEN}/lines.jsonl")));
    let answered = lines.iter().position(|line| {
        line["ret"] == 0
            && line["signal_number"] == 9
            && line["target"].get("outcome").is_none()
            && line["target"]["scope"] == "process"
    });
    let documents = values(&text(format!("{GOLDEN}/ecs.jsonl")));
    let document = &documents[answered.expect("no such call")];
    assert_eq!(document["event"]["outcome"], "unknown");
}

#[test]
fn the_golden_lines_become_the_golden_documents() {
    let lines = format!("{GOLDEN}/lines.jsonl");
    let expected = values(&text(format!("{GOLDEN}/ecs.jsonl")));
    assert_eq!(documents::by_jq(Path::new(&lines)), expected);
    let lines = values(&text(&lines));
    assert_eq!(documents::by_lua(&lines), expected);
    for (line, document) in lines.iter().zip(&expected) {
        documents::check(document);
        documents::check_nothing_is_missing(line, document);
    }
    let schema: Value = serde_json::from_str(&stdout_of(&["schema"])).unwrap();
    let validator = validator(&schema);
    for line in &lines {
        assert!(validator.is_valid(line), "{line:#}");
    }
    for key in [
        "abi",
        "fault_address",
        "limit",
        "oom",
        "sender_role",
        "tty_user",
        "entry_missing",
        "late",
        "recipients_lost",
        "spoofed",
        "truncated",
        "witness_only",
    ] {
        assert!(lines.iter().any(|line| line.get(key).is_some()), "{key}");
    }
    let origins: BTreeSet<_> = (lines.iter())
        .filter_map(|line| line["origin"].as_str())
        .collect();
    assert!(origins.len() > 10, "{origins:?}");
    for key in ["blocked", "stopped", "traced", "pid_ns_init"] {
        let has = |line: &Value| line["target"].get(key).is_some();
        assert!(lines.iter().any(has), "{key}");
    }
    let kinds: BTreeSet<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), schema["oneOf"].as_array().unwrap().len());
}
