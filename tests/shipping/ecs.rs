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
        "entry_missing",
        "late",
        "recipients_lost",
        "spoofed",
        "truncated",
        "witness_only",
    ] {
        assert!(lines.iter().any(|line| line.get(key).is_some()), "{key}");
    }
    let kinds: BTreeSet<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), schema["oneOf"].as_array().unwrap().len());
}
