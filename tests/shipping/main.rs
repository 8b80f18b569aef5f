//! What is shipped for those who read the lines: recipes for jq, settings for
//! fluent-bit and others, documents of the Elastic Common Schema, events of OCSF. All of it is
//! tried on lines that were really recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chain;
mod documents;
mod ecs;
mod fluent_bit;
mod index;
mod journal;
mod log;
mod ocsf;
mod outputs;
mod receiver;
mod recipes;
mod rsyslog;
mod rules;
mod settings;
mod vector;

use std::{fs, path::Path};

use serde_json::Value;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const UNIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/packaging/systemd/sigtrail.service"
);

fn text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn values(text: &str) -> Vec<Value> {
    (text.lines())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect()
}

/// The names of a directory's files.
fn files(directory: &str, end: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(format!("{CONFIG}/{directory}"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort_unstable();
    assert!(!names.is_empty(), "{directory}");
    names
}

/// A shipped text with other places in it; each must be there.
fn replace(text: &str, places: &[(&str, String)]) -> String {
    places.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "no {from} in {text}");
        text.replace(from, to)
    })
}
