//! Our side of each rule that fluent-bit has for what it reads.

use std::fs;

use common::{Actor, Daemon, kill, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use crate::{UNIT, settings::section, text};

/// Longest line, as the schema says.
const LONGEST_LINE: u64 = 4096;

/// Whether a pattern with one `*` matches.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (start, end) = pattern.split_once('*').unwrap();
    name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
}

#[test]
fn lines_and_files_are_as_fluent_bit_wants_them() {
    let parser = section("parsers.conf", "parser");
    let tail = section("tail.conf", "input");
    assert_eq!(tail["parser"], parser["name"]);
    assert_eq!(section("journal.conf", "filter")["parser"], parser["name"]);
    let unit = text(UNIT);
    let filter = &section("journal.conf", "input")["systemd_filter"];
    let identifier = filter.strip_prefix("SYSLOG_IDENTIFIER=").unwrap();
    assert!(
        unit.contains(&format!("\nSyslogIdentifier={identifier}\n")),
        "{filter}"
    );

    let room = TempDir::new().unwrap();
    let path = room.path().join("signals.jsonl");
    let mut actor = Actor::start();
    let options = [
        "-p",
        &actor.pid.to_string(),
        "--rotate-size",
        "4K",
        "--keep",
        "9",
    ];
    let daemon = Daemon::start(&path, &options);
    for _ in 0..40 {
        actor.get(&format!("call {}", kill(actor.pid, 0).command()));
    }
    let rotated = |name: &str| room.path().join(name).exists();
    wait_until("a compressed file", || rotated("signals.jsonl.3.gz"));
    daemon.finish();

    // It takes each file that can have lines that were not read, and no other.
    let pattern = tail["path"].rsplit_once('/').unwrap().1;
    let (mut read, mut compressed) = (Vec::new(), 0);
    for entry in fs::read_dir(room.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !matches(pattern, &name) {
            assert!(name.starts_with('.'), "{name} is a log, and is not read");
        } else if matches(&tail["exclude_path"], &name) {
            compressed += 1;
        } else {
            read.push(name);
        }
    }
    read.sort_unstable();
    assert_eq!(read, ["signals.jsonl", "signals.jsonl.1"]);
    assert!(compressed >= 2, "{compressed}");

    // It reads a file again that it has given up, and so must not do that.
    let wait: u64 = tail["rotate_wait"].parse().unwrap();
    assert!(wait >= 10 * 365 * 86_400, "{wait}");

    // The time is a text at the top, with nine digits and Z, or it is not taken.
    assert_eq!(parser["time_format"], "%Y-%m-%dT%H:%M:%S.%L%z");
    let buffer: u64 = tail["buffer_max_size"]
        .strip_suffix('k')
        .unwrap()
        .parse()
        .unwrap();
    for line in text(&path).lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let time = value[&parser["time_key"]].as_str().unwrap();
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        assert_eq!(shape, "9999-99-99T99:99:99.999999999Z");
        // It follows a file with a line that is longer than its buffer no more.
        assert!((line.len() as u64) < LONGEST_LINE && LONGEST_LINE < buffer << 10);
    }
}
