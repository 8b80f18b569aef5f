//! Golden files: what a scenario must make sigtrail say, on which kernels it
//! says something else, and why.

use std::{collections::BTreeMap, fmt::Write, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::Arch;

/// Exceptions that hold for every scenario.
const COMMON: &str = "exceptions";

/// A kernel's version, its first two numbers.
pub type Version = (u32, u32);

/// Where a scenario was played.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    kernel: Version,
    arch: Arch,
}

impl Machine {
    /// That with a kernel of this release.
    pub fn of(release: &str, arch: Arch) -> Option<Self> {
        version(release).map(|kernel| Self { kernel, arch })
    }
}

/// A scenario's file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    #[serde(default)]
    lines: Vec<Value>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// What differs on some kernels.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// Such as `5.10`, `<6.2` or `>=7.3`; else on every kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernels: Option<String>,
    /// `amd64` or `arm64`; else on both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arch: Option<Arch>,
    /// Why it is so, for the reader.
    why: String,
    /// The line's number, from 1 on; else every line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The lines that have these fields (null: that lack them).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    only: BTreeMap<String, Value>,
    /// What these fields are instead (null: not there).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    set: BTreeMap<String, Value>,
    /// What stands in the line's place; none: it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instead: Option<Vec<Value>>,
}

impl Exception {
    fn holds_on(&self, machine: Machine) -> Result<bool, String> {
        if self.arch.is_some_and(|arch| arch != machine.arch) {
            return Ok(false);
        }
        let Some(text) = &self.kernels else {
            return Ok(true);
        };
        let kernel = machine.kernel;
        let number = text.trim_start_matches(['<', '>', '=']);
        let version = version(number).ok_or_else(|| format!("no kernels: {text}"))?;
        match &text[..text.len() - number.len()] {
            "" => Ok(kernel == version),
            "<" => Ok(kernel < version),
            ">=" => Ok(kernel >= version),
            _ => Err(format!("no kernels: {text}")),
        }
    }

    fn applies_to(&self, number: usize, line: &Value) -> bool {
        self.line.is_none_or(|wanted| wanted == number)
            && (self.only.iter()).all(|(path, value)| at(line, path) == value)
    }

    fn apply(&self, line: &mut Value) {
        for (path, value) in &self.set {
            put(line, path, value);
        }
    }
}

/// The first two numbers of a kernel's release.
pub fn version(release: &str) -> Option<Version> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

fn put(line: &mut Value, path: &str, value: &Value) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let Some(parent) = line.pointer_mut(parent).and_then(Value::as_object_mut) else {
        return;
    };
    if value.is_null() {
        parent.shift_remove(key);
    } else {
        parent.insert(key.to_owned(), value.clone());
    }
}

fn path_of(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vm/golden")
        .join(format!("{name}.json"))
}

fn read(name: &str) -> Result<Golden, String> {
    let path = path_of(name);
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a kernel must say in a scenario.
fn expected(name: &str, machine: Machine) -> Result<Vec<Value>, String> {
    let golden = read(name)?;
    let mut exceptions = Vec::new();
    for (one, own) in [(read(COMMON)?, false), (golden_exceptions(&golden), true)] {
        for exception in one.exceptions {
            if exception.holds_on(machine)? {
                exceptions.push((exception, own));
            }
        }
    }
    let mut places: Vec<_> = golden.lines.into_iter().map(|line| vec![line]).collect();
    for (exception, own) in exceptions {
        let mut used = false;
        for (at, place) in places.iter_mut().enumerate() {
            let Some(line) = place
                .first_mut()
                .filter(|line| exception.applies_to(at + 1, line))
            else {
                continue;
            };
            used = true;
            match &exception.instead {
                Some(lines) => place.clone_from(lines),
                None => exception.apply(line),
            }
        }
        if own && !used {
            return Err(format!("no line for the exception: {}", exception.why));
        }
    }
    Ok(places.into_iter().flatten().collect())
}

fn golden_exceptions(golden: &Golden) -> Golden {
    Golden {
        lines: Vec::new(),
        exceptions: golden.exceptions.clone(),
    }
}

/// What is not as the golden file has it; nothing if all is.
pub fn differences(name: &str, machine: Machine, lines: &[Value]) -> Vec<String> {
    let expected = match expected(name, machine) {
        Ok(expected) => expected,
        Err(why) => return vec![why],
    };
    let mut found = Vec::new();
    for (at, (is, must)) in lines.iter().zip(&expected).enumerate() {
        compare(&format!("line {}: ", at + 1), is, must, &mut found);
    }
    for (what, more) in [
        ("unexpected", lines.get(expected.len()..)),
        ("missing", expected.get(lines.len()..)),
    ] {
        for line in more.unwrap_or_default() {
            found.push(format!("{what} line: {line}"));
        }
    }
    found
}

fn compare(path: &str, is: &Value, must: &Value, found: &mut Vec<String>) {
    match (is, must) {
        (Value::Object(is), Value::Object(must)) => {
            let more = must.keys().filter(|key| !is.contains_key(*key));
            for key in is.keys().chain(more) {
                let value = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or_default()
                };
                compare(&format!("{path}/{key}"), &value(is), &value(must), found);
            }
        }
        (Value::Array(is), Value::Array(must)) if is.len() == must.len() => {
            for (at, (is, must)) in is.iter().zip(must).enumerate() {
                compare(&format!("{path}/{at}"), is, must, found);
            }
        }
        _ if is == must => {}
        _ => found.push(format!("{path} is {is}, must be {must}")),
    }
}

/// Makes these lines the golden ones; exceptions stay.
pub fn bless(name: &str, lines: &[Value]) {
    let exceptions = read(name).unwrap_or_default().exceptions;
    let mut text = String::from("{\n  \"lines\": [");
    for (at, line) in lines.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(text, "{comma}\n    {line}").unwrap();
    }
    let exceptions = serde_json::to_string_pretty(&exceptions).unwrap();
    let exceptions = exceptions.replace('\n', "\n  ");
    write!(text, "\n  ],\n  \"exceptions\": {exceptions}\n}}\n").unwrap();
    fs::write(path_of(name), text).unwrap();
}
