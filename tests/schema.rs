//! The schema that the binary prints: real lines pass it, wrong ones do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use common::{record, stdout_of, validator};
use serde_json::{Value, json};

fn schema() -> Value {
    serde_json::from_str(&stdout_of(&["schema"])).unwrap()
}

fn recorded() -> Vec<Value> {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("signals.jsonl");
    record(&path);
    let text = fs::read_to_string(path).unwrap();
    (text.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_schema_is_one_of_draft_2020_12() {
    let schema = schema();
    validator(&schema);
    assert_eq!(schema["$id"], "urn:sigtrail:schema:2");
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), 5);
}

#[test]
fn each_field_is_described() {
    fn check(path: &str, value: &Value) {
        let properties = value["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.'), "{path}.{name}: {text:?}");
        }
    }
    for (name, definition) in schema()["$defs"].as_object().unwrap() {
        assert_eq!(definition["additionalProperties"], false, "{name}");
        check(name, definition);
    }
}

#[test]
fn a_wrong_line_is_refused() {
    let validator = validator(&schema());
    let lines = recorded();
    let line = (lines.iter())
        .find(|line| line["target"]["outcome"] == "delivered")
        .unwrap();
    assert!(validator.is_valid(line));

    let set = |path: &str, value: Value| {
        let mut wrong = line.clone();
        let (above, key) = path.rsplit_once('/').unwrap();
        wrong.pointer_mut(above).unwrap()[key] = value;
        assert!(!validator.is_valid(&wrong), "{path} in {wrong}");
    };
    set("/type", json!("lost"));
    set("/type", json!("unheard-of"));
    set("/timestamp", json!("2026-11-22T15:51:13Z"));
    set("/timestamp", json!("2026-13-22T15:51:13.123456789Z"));
    set("/seq", json!(0));
    set("/ret", json!("0"));
    set("/ret", json!(0.5));
    set("/errno", Value::Null);
    set("/signal", json!("TERM"));
    set("/signal_number", json!(1_u64 << 31));
    set("/syscall", json!("tgkill2"));
    set("/late", json!(false));
    set("/recipients", json!([]));
    set("/recipients", json!([{"pid": 1}]));
    set("/surprise", json!(1));
    set("/sender/surprise", json!(1));
    set("/sender/uid", json!(-1));
    set("/sender/args", json!([1]));
    set("/target/scope", json!("everyone"));
    set("/target/outcome", json!("lost"));
    set("/target/disposition", json!("catch"));
    set("/relation/same_user", json!("yes"));

    for (from, key) in [
        ("", "timestamp"),
        ("", "type"),
        ("", "seq"),
        ("", "hostname"),
        ("", "ret"),
        ("", "sender"),
        ("", "target"),
        ("/sender", "pid"),
        ("/sender", "start_time"),
        ("/target", "scope"),
        // A target is known, or it is not.
        ("/target", "pid"),
        ("/target", "source"),
    ] {
        let mut wrong = line.clone();
        let object = wrong.pointer_mut(from).and_then(Value::as_object_mut);
        assert!(object.unwrap().remove(key).is_some(), "{from}/{key}");
        assert!(!validator.is_valid(&wrong), "without {from}/{key}");
    }
}

#[test]
fn the_field_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FIELDS.md");
    let made = stdout_of(&["schema", "--markdown"]);
    assert!(
        fs::read_to_string(path).is_ok_and(|kept| kept == made),
        "FIELDS.md is stale: cargo run -- schema --markdown > FIELDS.md"
    );
}
