//! Our side of what Vector reads: its settings, by its documentation. The
//! program in them was tried on the golden lines with the crate `vrl`.

use yaml_rust2::{Yaml, YamlLoader};

use crate::{CONFIG, rules::matches, text};

/// Those of a source of type `file` that are not outdated.
const FILE_KEYS: [&str; 19] = [
    "data_dir",
    "encoding",
    "exclude",
    "file_key",
    "fingerprint",
    "glob_minimum_cooldown_ms",
    "host_key",
    "ignore_checkpoints",
    "ignore_not_found",
    "ignore_older_secs",
    "include",
    "line_delimiter",
    "max_line_bytes",
    "max_read_bytes",
    "multiline",
    "offset_key",
    "oldest_first",
    "read_from",
    "type",
];

fn strings(list: &Yaml) -> Vec<&str> {
    let list = list.as_vec().unwrap().iter();
    list.map(|one| one.as_str().unwrap()).collect()
}

#[track_caller]
fn has_only(of: &Yaml, known: &[&str]) {
    for key in of.as_hash().unwrap().keys() {
        let key = key.as_str().unwrap();
        assert!(known.contains(&key), "{key}");
    }
}

#[test]
fn vectors_settings_are_what_it_knows_and_take_the_right_files() {
    let documents = YamlLoader::load_from_str(&text(format!("{CONFIG}/vector/vector.yaml")));
    let [settings] = &documents.unwrap()[..] else {
        panic!("not one document")
    };
    has_only(settings, &["sources", "transforms", "sinks"]);
    let source = &settings["sources"]["sigtrail_lines"];
    has_only(source, &FILE_KEYS);
    assert_eq!(source["type"].as_str(), Some("file"));
    assert_eq!(source["read_from"].as_str(), Some("beginning"));
    has_only(
        &source["fingerprint"],
        &["strategy", "lines", "ignored_header_bytes"],
    );
    assert_eq!(source["fingerprint"]["strategy"].as_str(), Some("checksum"));
    assert!(source["max_line_bytes"].as_i64().unwrap() > 4096);
    let ([include], [exclude]) = (
        &strings(&source["include"])[..],
        &strings(&source["exclude"])[..],
    ) else {
        panic!("{source:?}")
    };
    for (name, read) in [
        ("signals.jsonl", true),
        ("signals.jsonl.1", true),
        ("signals.jsonl.2.gz", false),
        (".signals.jsonl.lock", false),
    ] {
        let path = format!("/var/log/sigtrail/{name}");
        let taken = matches(include, &path) && !matches(exclude, &path);
        assert_eq!(taken, read, "{name}");
    }

    let transform = &settings["transforms"]["sigtrail"];
    has_only(transform, &["type", "inputs", "source"]);
    assert_eq!(transform["type"].as_str(), Some("remap"));
    assert_eq!(strings(&transform["inputs"]), ["sigtrail_lines"]);
    let sink = &settings["sinks"]["console"];
    has_only(sink, &["type", "inputs", "encoding"]);
    assert_eq!(sink["type"].as_str(), Some("console"));
    assert_eq!(strings(&sink["inputs"]), ["sigtrail"]);
    assert_eq!(sink["encoding"]["codec"].as_str(), Some("json"));
}
