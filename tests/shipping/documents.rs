//! Documents of the Elastic Common Schema: how they are made, and what its
//! published field types ask of them.

use std::{fmt::Write, fs, path::Path, process::Command};

use serde_json::{Map, Value};
use tempfile::TempDir;

const ECS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/ecs");

/// The fields that are used, with their types in ECS, which are the same from
/// 9.0 to 9.4 (generated/ecs/ecs_flat.yml); `[]` after a type means that values
/// are always in an array.
pub const TYPES: [(&str, &str); 52] = [
    ("@timestamp", "date"),
    ("agent.type", "keyword"),
    ("agent.version", "keyword"),
    ("container.id", "keyword"),
    ("container.image.name", "keyword"),
    ("container.name", "keyword"),
    ("container.runtime", "keyword"),
    ("ecs.version", "keyword"),
    ("error.code", "keyword"),
    ("event.action", "keyword"),
    ("event.category", "keyword[]"),
    ("event.code", "keyword"),
    ("event.dataset", "keyword"),
    ("event.kind", "keyword"),
    ("event.module", "keyword"),
    ("event.outcome", "keyword"),
    ("event.provider", "keyword"),
    ("event.sequence", "long"),
    ("event.type", "keyword[]"),
    ("host.hostname", "keyword"),
    ("host.name", "keyword"),
    ("host.os.kernel", "keyword"),
    ("message", "match_only_text"),
    ("orchestrator.namespace", "keyword"),
    ("orchestrator.resource.name", "keyword"),
    ("orchestrator.resource.type", "keyword"),
    ("orchestrator.type", "keyword"),
    ("process.args", "keyword[]"),
    ("process.args_count", "long"),
    ("process.command_line", "wildcard"),
    ("process.end", "date"),
    ("process.entity_id", "keyword"),
    ("process.executable", "keyword"),
    ("process.exit_code", "long"),
    ("process.group.id", "keyword"),
    ("process.name", "keyword"),
    ("process.parent.args", "keyword[]"),
    ("process.parent.executable", "keyword"),
    ("process.parent.name", "keyword"),
    ("process.parent.pid", "long"),
    ("process.pid", "long"),
    ("process.real_group.id", "keyword"),
    ("process.real_user.id", "keyword"),
    ("process.real_user.name", "keyword"),
    ("process.start", "date"),
    ("process.thread.id", "long"),
    ("process.title", "keyword"),
    ("process.user.id", "keyword"),
    ("process.user.name", "keyword"),
    ("process.vpid", "long"),
    ("related.hosts", "keyword[]"),
    ("related.user", "keyword[]"),
];

/// The values that these fields may have.
const VALUES: [(&str, &[&str]); 4] = [
    ("event.kind", &["event", "state"]),
    ("event.category", &["process"]),
    // Those that the category of processes allows.
    ("event.type", &["access", "change", "end", "info", "start"]),
    ("event.outcome", &["success", "failure", "unknown"]),
];

/// What fluent-bit does with the filter: a table in, a table out.
const DRIVER: &str = r#"
dofile(arg[1])
local function quoted(text)
    return '"' .. text:gsub('[%c"\\\127]', function(c)
        return string.format("\\u%04x", c:byte())
    end) .. '"'
end
local function json(value)
    if type(value) == "string" then return quoted(value) end
    if type(value) ~= "table" then return tostring(value) end
    local parts = {}
    if #value > 0 then
        for _, one in ipairs(value) do parts[#parts + 1] = json(one) end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    for key, one in pairs(value) do
        parts[#parts + 1] = quoted(key) .. ":" .. json(one)
    end
    return "{" .. table.concat(parts, ",") .. "}"
end
for line in io.lines(arg[2]) do
    local code, time, record = sigtrail_ecs("sigtrail", 1.5, load("return " .. line)())
    assert(code == 2 and time == 1.5)
    print(json(record))
end
"#;

/// What jq makes of a file's lines.
pub fn by_jq(lines: &Path) -> Vec<Value> {
    let program = format!("{ECS}/ecs.jq");
    run(Command::new("jq").args(["-c", "-f", &program]).arg(lines))
}

/// What the filter of fluent-bit makes of lines.
pub fn by_lua(lines: &[Value]) -> Vec<Value> {
    let room = TempDir::new().unwrap();
    let (driver, tables) = (room.path().join("driver.lua"), room.path().join("tables"));
    fs::write(&driver, DRIVER).unwrap();
    let text: String = lines.iter().map(|line| table(line) + "\n").collect();
    fs::write(&tables, text).unwrap();
    let lua = ["lua5.4", "lua"].into_iter().find(|lua| {
        let version = Command::new(lua).arg("-v").output();
        version.is_ok_and(|version| version.status.success())
    });
    let mut command = Command::new(lua.expect("lua5.4 is needed"));
    run(command
        .arg(driver)
        .arg(format!("{ECS}/ecs.lua"))
        .arg(tables))
}

fn run(command: &mut Command) -> Vec<Value> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let values = text.lines().map(|line| serde_json::from_str(line).unwrap());
    values.collect()
}

/// A value as Lua's source.
fn table(value: &Value) -> String {
    let list = |parts: Vec<String>| format!("{{{}}}", parts.join(","));
    match value {
        Value::String(text) => {
            text.bytes().fold(String::from("\""), |mut out, byte| {
                let _ = write!(out, "\\{byte:03}");
                out
            }) + "\""
        }
        Value::Array(all) => list(all.iter().map(table).collect()),
        Value::Object(all) => {
            let part = |(key, value): (&String, &Value)| format!("[\"{key}\"]={}", table(value));
            list(all.iter().map(part).collect())
        }
        other => other.to_string(),
    }
}

/// Each field is one of the schema's, with a value of its type.
#[track_caller]
pub fn check(document: &Value) {
    let fields = document.as_object().unwrap();
    for key in [
        "@timestamp",
        "ecs",
        "event",
        "host",
        "message",
        "agent",
        "sigtrail",
    ] {
        assert!(fields.contains_key(key), "no {key} in {document:#}");
    }
    for (key, value) in fields {
        match key.as_str() {
            "sigtrail" => {}
            "Target" => check_fields("process", &value["process"]),
            key => check_fields(key, value),
        }
    }
}

#[track_caller]
fn check_fields(name: &str, value: &Value) {
    if let Value::Object(fields) = value {
        assert!(!fields.is_empty(), "{name} is empty");
        for (key, value) in fields {
            check_fields(&format!("{name}.{key}"), value);
        }
        return;
    }
    let kind = TYPES.iter().find(|(known, _)| *known == name);
    let (_, kind) = kind.unwrap_or_else(|| panic!("{name} is no field of ECS"));
    let one = kind.trim_end_matches("[]");
    let values = match value {
        Value::Array(all) if one != *kind => all.iter().collect(),
        _ => {
            assert_eq!(one, *kind, "{name} must be an array");
            vec![value]
        }
    };
    for value in values {
        let right = match one {
            "keyword" | "wildcard" | "match_only_text" => value.is_string(),
            "long" => value.is_i64(),
            "date" => value
                .as_str()
                .is_some_and(|text| text.len() == 30 && text.ends_with('Z')),
            _ => false,
        };
        assert!(right, "{name} is no {one}: {value}");
        if let Some((_, allowed)) = VALUES.iter().find(|(known, _)| *known == name) {
            let value = value.as_str().unwrap();
            assert!(allowed.contains(&value), "{name}: {value}");
        }
    }
}

/// Each value of a line is somewhere in its document.
#[track_caller]
pub fn check_nothing_is_missing(line: &Value, document: &Value) {
    let mut there = Vec::new();
    leaves(document, &mut there);
    let mut wanted = Vec::new();
    leaves(line, &mut wanted);
    for leaf in wanted {
        let as_text = Value::String(leaf.to_string());
        assert!(
            there.contains(&leaf) || there.contains(&as_text),
            "{leaf} is missing"
        );
    }
    // And what is not mapped is under its old name.
    let rest = document["sigtrail"].as_object().unwrap();
    for (key, value) in rest
        .iter()
        .filter(|(key, _)| !["sender", "target", "process"].contains(&key.as_str()))
    {
        assert_eq!(&line[key], value, "{key}");
    }
    let empty = Map::new();
    for part in ["sender", "target", "process"] {
        let rest = rest.get(part).and_then(Value::as_object).unwrap_or(&empty);
        for (key, value) in rest {
            assert_eq!(&line[part][key], value, "{part}.{key}");
        }
    }
}

fn leaves(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(all) => all.values().for_each(|value| leaves(value, found)),
        Value::Array(all) => all.iter().for_each(|value| leaves(value, found)),
        leaf => found.push(leaf.clone()),
    }
}
