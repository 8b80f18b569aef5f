//! A line without what differs from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

use common::nanoseconds;

/// Keys whose numbers mean a process, a thread, a group or a namespace.
const NAMED: [&str; 9] = [
    "pid", "tid", "ppid", "arg", "tgid", "arg_tid", "ns_pid", "pid_ns", "si_pid",
];
const TIMES: [&str; 3] = ["timestamp", "start_time", "since"];
/// Measured, and not the same twice.
const MEASURED: [&str; 14] = [
    "age_ms",
    "after_us",
    "late",
    "lines_written",
    "bytes_written",
    "queue_bytes",
    "queue_bytes_max",
    "ring_bytes_max",
    "gap_ms_max",
    "canaries",
    "processes_known",
    "cgroups_cached",
    "cpu_ms",
    "rss_kib",
];
/// What is read of a target from `/proc` when it may be gone.
const READ_LATE: [&str; 3] = ["exe", "args", "exe_source"];

/// The lines of a scenario: numbers become their names, times `<time>`, and
/// recipients are in the order of their names, as the kernel has an order of
/// its own. Of those who end meanwhile, or are `doomed` to, it depends on who
/// is quicker what can be read of them.
pub fn normal(mut lines: Vec<Value>, names: &BTreeMap<i64, String>, doomed: &[i64]) -> Vec<Value> {
    put_in_order(&mut lines);
    let mut doomed: Vec<_> = doomed.iter().map(|&pid| Value::from(pid)).collect();
    let fatal = (lines.iter().flat_map(targets)).filter(|target| target["fatal"] == true);
    doomed.extend(fatal.map(|target| target["pid"].clone()));
    (lines.into_iter())
        .map(|mut line| {
            for target in targets_mut(&mut line) {
                if doomed.contains(&target["pid"]) {
                    forget(target);
                }
            }
            name_argument(&mut line, names);
            change(&mut line, names);
            if let Some(recipients) = line.get_mut("recipients").and_then(Value::as_array_mut) {
                recipients.sort_by_key(|recipient| recipient["pid"].to_string());
            }
            line
        })
        .collect()
}

/// A host that is busy may stop a virtual CPU for longer than lines wait for
/// their order; then one is late.
fn put_in_order(lines: &mut [Value]) {
    let mut late = false;
    for line in lines.iter_mut().filter(|line| line["type"] != "status") {
        late |= line.as_object_mut().unwrap().shift_remove("late").is_some();
    }
    if late {
        lines.sort_by_key(|line| line["timestamp"].to_string());
    }
}

fn targets(line: &Value) -> impl Iterator<Item = &Value> {
    let recipients = line["recipients"].as_array().into_iter().flatten();
    line.get("target").into_iter().chain(recipients)
}

fn targets_mut(line: &mut Value) -> impl Iterator<Item = &mut Value> {
    let line = line.as_object_mut().into_iter().flatten();
    line.filter(|(key, _)| *key == "target" || *key == "recipients")
        .flat_map(|(_, value)| match value {
            Value::Array(items) => items.iter_mut().collect(),
            one => vec![one],
        })
}

/// On arm64 the first argument stands for the result of a call for which
/// seccomp kills the caller.
fn name_argument(line: &mut Value, names: &BTreeMap<i64, String>) {
    let ret = line["ret"].as_i64();
    if ret == line["target"]["arg"].as_i64()
        && let Some(name) = ret.and_then(|ret| names.get(&ret))
    {
        line["ret"] = format!("<{name}>").into();
    }
}

fn change(value: &mut Value, names: &BTreeMap<i64, String>) {
    match value {
        Value::Object(object) => {
            for (key, field) in object {
                change_field(key, field, names);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, names)),
        _ => {}
    }
}

fn change_field(key: &str, field: &mut Value, names: &BTreeMap<i64, String>) {
    if NAMED.contains(&key)
        && let Some(number) = field.as_i64()
    {
        if let Some(name) = names.get(&number) {
            *field = format!("<{name}>").into();
        } else if let Some(name) = names.get(&number.saturating_neg()) {
            *field = format!("-<{name}>").into();
        }
    } else if TIMES.contains(&key) && field.as_str().and_then(nanoseconds).is_some() {
        *field = "<time>".into();
    } else if key == "version" && *field == env!("CARGO_PKG_VERSION") {
        *field = "<version>".into();
    } else if key == "seq" || key == "call_seq" {
        *field = "<seq>".into();
    } else if MEASURED.contains(&key) && field.is_u64() {
        *field = "<number>".into();
    } else if key == "filters" {
        *field = with_names(field.as_str().unwrap_or_default(), names).into();
    } else if key == "kernel" {
        *field = "<kernel>".into();
    } else {
        change(field, names);
    }
}

/// A text whose numbers are names where they have one.
fn with_names(text: &str, names: &BTreeMap<i64, String>) -> String {
    let mut named = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let number = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        match number.parse().ok().and_then(|number| names.get(&number)) {
            Some(name) => named += &format!("<{name}>{}", &part[number.len()..]),
            None => named += part,
        }
    }
    named
}

fn forget(target: &mut Value) {
    for key in READ_LATE {
        target.as_object_mut().unwrap().shift_remove(key);
    }
}
