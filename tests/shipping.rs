//! What is shipped for those who read the lines: recipes for jq, settings for
//! fluent-bit and others, documents for the Elastic Common Schema. All of it is
//! tried on lines that were really recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod ecs;
mod recording;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{Actor, Sigtrail, kill, wait_until};
use recording::{record, stdout_of};
use serde_json::Value;
use sigtrail::identity::Cgroups;
use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const LONGEST_LINE: u64 = 4096;

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

/// Runs jq as the first lines of a recipe say, on these files.
fn recipe(name: &str, words: &[(&str, &str)], recorded: &[&Path]) -> String {
    let program = text(format!("{CONFIG}/jq/{name}"));
    let usage = program
        .lines()
        .find_map(|line| line.strip_prefix("# usage: "));
    let mut usage = usage
        .unwrap_or_else(|| panic!("{name}: no usage"))
        .to_owned();
    assert!(usage.starts_with(&format!("jq -nrf {name} ")), "{usage}");
    for (from, to) in words {
        assert!(usage.contains(from), "{usage}");
        usage = usage.replace(from, to);
    }
    let usage = usage.replace("FILE...", r#""$@""#);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &usage, "bash"])
        .args(recorded)
        .current_dir(format!("{CONFIG}/jq"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    assert!(output.stderr.is_empty(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A cgroup as a container's, which is removed when nobody is in it.
struct Container {
    id: String,
    path: PathBuf,
}

impl Container {
    fn new() -> Self {
        let id = format!("{:064x}", std::process::id());
        let root = Cgroups::system().root().expect("cgroups").to_owned();
        let path = root.join(format!("docker-{id}.scope"));
        fs::create_dir(&path).unwrap();
        Self { id, path }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

#[test]
fn each_recipe_finds_what_it_is_for() {
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let calls = record(&recorded);
    let lines = values(&text(&recorded));
    let signals = |wanted: &dyn Fn(&Value) -> bool| {
        let mut signals = lines.iter().filter(|line| line["type"] == "signal");
        signals.find(|line| wanted(line)).unwrap().clone()
    };
    let deadly = signals(&|line| line["target"]["fatal"] == true);
    let (killer, victim) = (&deadly["sender"]["pid"], &deadly["target"]["pid"]);
    let at = deadly["timestamp"].as_str().unwrap();

    let said = recipe("who-killed.jq", &[("nginx", "actor")], &[&recorded]);
    let found = format!("{at} SIGTERM actor ({victim}) by actor ({killer}) of ");
    assert!(said.contains(&found), "{said}");
    let nobody = recipe("who-killed.jq", &[("nginx", "nobody")], &[&recorded]);
    assert_eq!(nobody, "");

    let said = recipe("top-killers.jq", &[], &[&recorded]);
    assert!(said.contains("/actor SIGUSR1\n"), "{said}");
    let counts = said.lines().map(|line| line.split(' ').next().unwrap());
    let counts: Vec<u64> = counts.map(|count| count.parse().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{said}");

    let said = recipe("failed.jq", &[], &[&recorded]);
    let failed = lines.iter().filter(|line| line.get("errno").is_some());
    assert_eq!(said.lines().count(), failed.count());
    assert!(
        said.contains("\tESRCH\n") && said.contains("\tEINVAL\n"),
        "{said}"
    );

    let said = recipe(
        "timeline.jq",
        &[("4711", &victim.to_string())],
        &[&recorded],
    );
    let got = format!("{at}\tgot\tSIGTERM\tfrom\tactor\t{killer}\tdelivered\n");
    assert!(said.contains(&got), "{said}");
    let said = recipe(
        "timeline.jq",
        &[("4711", &killer.to_string())],
        &[&recorded],
    );
    assert_eq!(said.matches("\tsent\t").count(), calls, "{said}");

    let said = recipe("lost.jq", &[], &[&recorded]);
    assert!(said.contains(": tracing began\n"), "{said}");
    let end = format!(": tracing ended, with {calls} calls recorded and 0 lost\n");
    assert!(said.ends_with(&end), "{said}");
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = recipe("lost.jq", &[], &[Path::new(&golden)]);
    assert!(said.contains(": 17 calls lost, ring_full\n"), "{said}");

    let known = BTreeSet::from([
        "cross-container.jq",
        "failed.jq",
        "lost.jq",
        "timeline.jq",
        "top-killers.jq",
        "who-killed.jq",
    ]);
    let there = files("jq", ".jq");
    assert_eq!(
        there.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
}

#[test]
fn the_recipe_for_containers_finds_what_crosses_a_border() {
    let container = Container::new();
    let mut actor = Actor::start();
    let (inside, outside) = (Actor::start(), Actor::start());
    let to = inside.pid;
    fs::write(container.path.join("cgroup.procs"), inside.pid.to_string()).unwrap();
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let sigtrail = Sigtrail::start_to_file(&recorded, &["-p", &actor.pid.to_string()]);
    for mut victim in [outside, inside] {
        victim.make("unblock");
        actor.get(&format!("call {}", kill(victim.pid, 15).command()));
        assert_eq!(victim.death(), 15);
    }
    wait_until("both lines", || {
        text(&recorded).matches(r#""type":"signal""#).count() == 2
    });
    sigtrail.stop();
    let said = recipe("cross-container.jq", &[], &[&recorded]);
    let (id, from) = (&container.id, actor.pid);
    let crossed = format!("\tSIGTERM\thost\tactor ({from})\t->\t{id}\tactor ({to})\tdelivered\n");
    assert!(said.ends_with(&crossed), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    wait_until("an empty cgroup", || {
        fs::remove_dir(&container.path).is_ok()
    });
}

#[test]
fn recorded_lines_become_valid_ecs_documents_in_both_ways() {
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    record(&recorded);
    let lines = values(&text(&recorded));
    let by_jq = ecs::by_jq(&recorded);
    let by_lua = ecs::by_lua(&lines);
    assert_eq!(by_jq.len(), lines.len());
    for ((line, document), other) in lines.iter().zip(&by_jq).zip(&by_lua) {
        assert_eq!(document, other, "jq, and then Lua, of {line}");
        ecs::check(document);
        ecs::check_nothing_is_missing(line, document);
    }
}

#[test]
fn the_golden_lines_become_the_golden_documents() {
    let lines = format!("{GOLDEN}/lines.jsonl");
    let expected = values(&text(format!("{GOLDEN}/ecs.jsonl")));
    assert_eq!(ecs::by_jq(Path::new(&lines)), expected);
    let lines = values(&text(&lines));
    assert_eq!(ecs::by_lua(&lines), expected);
    for (line, document) in lines.iter().zip(&expected) {
        ecs::check(document);
        ecs::check_nothing_is_missing(line, document);
    }
    let schema: Value = serde_json::from_str(&stdout_of(&["schema"])).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in &lines {
        assert!(validator.is_valid(line), "{line:#}");
    }
    let kinds: BTreeSet<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), schema["oneOf"].as_array().unwrap().len());
}

/// A section of a classic file: its kind, and its keys and values.
type Section = (String, BTreeMap<String, String>);

/// One spelling for what means the same.
fn value(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => "true".to_owned(),
        "off" | "false" => "false".to_owned(),
        _ => text.to_owned(),
    }
}

fn classic(name: &str) -> (Vec<Section>, Vec<String>) {
    let (mut sections, mut includes): (Vec<Section>, _) = (Vec::new(), Vec::new());
    for line in text(format!("{CONFIG}/fluent-bit/{name}")).lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if let Some(kind) = line.strip_prefix('[') {
            let kind = kind
                .strip_suffix(']')
                .unwrap_or_else(|| panic!("{name}: {line}"));
            sections.push((kind.to_ascii_lowercase(), BTreeMap::new()));
        } else if let Some(file) = line.strip_prefix("@INCLUDE ") {
            includes.push(file.to_owned());
        } else {
            let setting = line
                .strip_prefix("    ")
                .unwrap_or_else(|| panic!("{name}: {line}"));
            let (key, text) = setting.split_once(' ').unwrap();
            // A comment after a value would be a part of it.
            assert!(!text.contains('#'), "{name}: {line}");
            let (_, section) = sections.last_mut().unwrap();
            let before = section.insert(key.to_ascii_lowercase(), value(text.trim()));
            assert_eq!(before, None, "{name}: {line}");
        }
    }
    (sections, includes)
}

fn settings(of: &Yaml) -> BTreeMap<String, String> {
    let text = |one: &Yaml| match one {
        Yaml::String(text) | Yaml::Real(text) => value(text),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(flag) => flag.to_string(),
        other => panic!("{other:?}"),
    };
    let hash = of.as_hash().unwrap();
    hash.iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

fn yaml(name: &str) -> (Vec<Section>, Vec<String>) {
    let documents =
        YamlLoader::load_from_str(&text(format!("{CONFIG}/fluent-bit/{name}"))).unwrap();
    let [document] = &documents[..] else {
        panic!("{name}")
    };
    let mut sections = Vec::new();
    for (kind, list) in [
        ("parser", &document["parsers"]),
        ("input", &document["pipeline"]["inputs"]),
        ("filter", &document["pipeline"]["filters"]),
        ("output", &document["pipeline"]["outputs"]),
    ] {
        let list = list.as_vec().into_iter().flatten();
        sections.extend(list.map(|one| (kind.to_owned(), settings(one))));
    }
    if !document["service"].is_badvalue() {
        sections.insert(0, ("service".to_owned(), settings(&document["service"])));
    }
    let includes = document["includes"].as_vec().into_iter().flatten();
    let includes = includes
        .map(|file| file.as_str().unwrap().to_owned())
        .collect();
    (sections, includes)
}

#[test]
fn both_forms_of_the_fluent_bit_files_say_the_same() {
    let (parser, _) = classic("parsers.conf");
    let names = files("fluent-bit", ".conf").into_iter();
    let outputs = files("fluent-bit/outputs", ".conf").into_iter();
    let names = names.chain(outputs.map(|name| format!("outputs/{name}")));
    let mut count = 0;
    for name in names.filter(|name| name != "parsers.conf") {
        count += 1;
        let (mut old, old_includes) = classic(&name);
        let (new, new_includes) = yaml(&name.replace(".conf", ".yaml"));
        // A file of parsers is a section of the other form.
        if old
            .iter_mut()
            .any(|(_, of)| of.remove("parsers_file").is_some())
        {
            old.splice(1..1, parser.clone());
        }
        assert_eq!(old, new, "{name}");
        let rename = |file: &String| file.replace(".conf", ".yaml");
        assert_eq!(
            old_includes.iter().map(rename).collect::<Vec<_>>(),
            new_includes,
            "{name}"
        );
        for (kind, of) in &old {
            assert!(
                kind == "service" || of.contains_key("name"),
                "{name}: {kind}"
            );
        }
    }
    assert!(count >= 9, "{count}");
    let there = files("fluent-bit", ".yaml").len() + files("fluent-bit/outputs", ".yaml").len();
    assert_eq!(there, count, "a file has only one form");
}

fn section(name: &str, kind: &str) -> BTreeMap<String, String> {
    let (sections, _) = classic(name);
    let mut found = sections.into_iter().filter(|(this, _)| this == kind);
    let (_, section) = found.next().unwrap_or_else(|| panic!("{name}: no {kind}"));
    assert!(found.next().is_none(), "{name}: more than one {kind}");
    section
}

/// Whether a pattern with one `*` matches.
fn matches(pattern: &str, name: &str) -> bool {
    let (start, end) = pattern.split_once('*').unwrap();
    name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
}

/// Our side of each rule that fluent-bit has for what it reads.
#[test]
fn lines_and_files_are_as_fluent_bit_wants_them() {
    let parser = section("parsers.conf", "parser");
    let tail = section("tail.conf", "input");
    assert_eq!(tail["parser"], parser["name"]);
    assert_eq!(section("journal.conf", "filter")["parser"], parser["name"]);
    let unit = text(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/packaging/systemd/sigtrail.service"
    ));
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
    let sigtrail = Sigtrail::start_to_file(&path, &options);
    for _ in 0..40 {
        actor.get(&format!("call {}", kill(actor.pid, 0).command()));
    }
    let rotated = |name: &str| room.path().join(name).exists();
    wait_until("a compressed file", || rotated("signals.jsonl.3.gz"));
    sigtrail.stop();

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

/// The whole chain, where there is a fluent-bit. Where there is none, the test
/// above and the one of both forms are what can be said.
#[test]
fn a_fluent_bit_that_is_there_gives_each_line_as_it_was() {
    let there = Command::new("fluent-bit")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if there.is_err() {
        println!("no fluent-bit on PATH: only our side of its rules was checked");
        return;
    }
    let room = TempDir::new().unwrap();
    let log = room.path().join("signals.jsonl");
    record(&log);
    let place = room.path().display().to_string();
    for name in ["tail.conf", "tail.yaml"] {
        let end = name.split('.').next_back().unwrap();
        for file in [name, &format!("outputs/stdout.{end}"), "parsers.conf"] {
            let base = file
                .rsplit('/')
                .next()
                .unwrap()
                .replace("stdout.", "output.");
            let text = text(format!("{CONFIG}/fluent-bit/{file}"))
                .replace("/var/log/sigtrail", &place)
                .replace("/var/lib/fluent-bit", &format!("{place}/{end}"))
                .replace("    DB.locking        true", "    Exit_On_Eof On")
                .replace("      db.locking: true", "      exit_on_eof: on");
            fs::write(room.path().join(base), text).unwrap();
        }
        fs::create_dir(room.path().join(end)).unwrap();
        let output = Command::new("timeout")
            .args(["60", "fluent-bit", "-q", "-c", name])
            .current_dir(room.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let said: Vec<_> = said.lines().filter(|line| line.starts_with('{')).collect();
        assert_eq!(values(&said.join("\n")), values(&text(&log)), "{name}");
    }
}

#[test]
fn an_index_gets_the_type_of_each_field_from_the_template() {
    let template: Value =
        serde_json::from_str(&text(format!("{CONFIG}/opensearch/index-template.json"))).unwrap();
    let mappings = &template["template"]["mappings"];
    assert_eq!(mappings["date_detection"], false);
    let prefix = template["index_patterns"][0]
        .as_str()
        .unwrap()
        .trim_end_matches("-*");
    for output in ["opensearch", "elasticsearch"] {
        let output = section(&format!("outputs/{output}.conf"), "output");
        assert_eq!(output["logstash_prefix"], prefix);
    }
    let rules = mappings["dynamic_templates"].as_array().unwrap();
    let dynamic = |name: &str, kind: &str| {
        let found = rules
            .iter()
            .flat_map(|rule| rule.as_object().unwrap().values())
            .find(|rule| {
                let names = rule["match"].as_str();
                let names = names.map(|names| names.trim_matches(|c| "^()$".contains(c)));
                rule["match_mapping_type"] == kind
                    && names.is_none_or(|names| {
                        names
                            .split('|')
                            .any(|one| one.trim_start_matches("@?") == name)
                    })
            });
        found.unwrap()["mapping"]["type"].clone()
    };
    let schema: Value = serde_json::from_str(&stdout_of(&["schema"])).unwrap();
    let mut count = 0;
    for part in schema["$defs"].as_object().unwrap().values() {
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            let of = property.get("items").unwrap_or(property);
            let time = of["format"] == "date-time";
            let (json, expected) = match of["type"].as_str() {
                Some("string") if time => ("string", "date_nanos"),
                Some("string") => ("string", "keyword"),
                Some("integer") => ("long", "long"),
                Some("boolean") => ("boolean", "boolean"),
                // An object of numbers, or a link to a part.
                _ => continue,
            };
            count += 1;
            assert_eq!(dynamic(name, json), expected, "{name}");
            let explicit = &mappings["properties"][name]["type"];
            assert!(explicit.is_null() || explicit == expected, "{name}");
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn the_journals_drop_in_changes_the_units_command_and_nothing_else() {
    let unit = text(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/packaging/systemd/sigtrail.service"
    ));
    let command = |text: &str| {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart="));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let drop_in = text(format!("{CONFIG}/journald/journald.conf"));
    let [run] = &command(&unit)[..] else {
        panic!("{unit}")
    };
    assert_eq!(
        command(&drop_in),
        [
            String::new(),
            format!("{run} --output stdout --queue-size 64M")
        ]
    );
    // Without both, bursts are dropped: 0 does not lift the limit.
    for setting in ["LogRateLimitIntervalSec=1s", "LogRateLimitBurst=1000000"] {
        assert!(unit.contains(&format!("\n{setting}\n")), "{setting}");
    }
}
