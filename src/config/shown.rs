//! A configuration as the text of a file that makes it.

#[cfg(test)]
use toml::Table;
use toml::Value;

use super::{
    Config,
    values::{Destination, show_fsync, show_size, show_time},
};
use crate::event::Syscall;

/// The effective configuration, as a configuration file.
pub fn shown(config: &Config) -> String {
    (keys(config).into_iter())
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect()
}

/// As [`shown`], parsed.
#[cfg(test)]
pub fn table(config: &Config) -> Table {
    (keys(config).into_iter())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// The filters in force, in few words.
pub fn filters_shown(config: &Config) -> String {
    let shown = keys(config).into_iter().filter(|(key, value)| {
        FILTERS.contains(key)
            && match value {
                Value::Boolean(on) => *on,
                Value::Array(items) => !items.is_empty(),
                Value::String(text) => !text.is_empty(),
                _ => true,
            }
    });
    let shown = shown.map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        Value::Boolean(_) => key.to_owned(),
        Value::Array(items) => {
            let items = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            format!("{key}={}", items.collect::<Vec<_>>().join(","))
        }
        other => format!("{key}={other}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The keys in which two configurations differ.
pub fn differences(one: &Config, other: &Config) -> Vec<&'static str> {
    (keys(one).into_iter().zip(keys(other)))
        .filter(|(one, other)| one != other)
        .map(|((key, _), _)| key)
        .collect()
}

/// The keys of the filters.
pub const FILTERS: [&str; 14] = [
    "sender_pid",
    "target_pid",
    "signal",
    "failed",
    "fatal",
    "syscall",
    "sender_comm",
    "target_comm",
    "sender_uid",
    "target_uid",
    "unit",
    "container",
    "target_unit",
    "target_container",
];

fn keys(config: &Config) -> Vec<(&'static str, Value)> {
    let text = |text: String| Value::String(text);
    let size = |bytes: Option<u64>| text(show_size(bytes.unwrap_or(0)));
    let bytes = |bytes: usize| text(show_size(bytes as u64));
    let numbers =
        |list: &[u32]| Value::Array(list.iter().map(|&n| Value::Integer(n.into())).collect());
    let texts = |list: &[String]| Value::Array(list.iter().cloned().map(text).collect());
    let calls = |list: &[Syscall]| {
        Value::Array(
            list.iter()
                .map(|call| text(call.name().to_owned()))
                .collect(),
        )
    };
    let filters = &config.trace.filters;
    let names = &config.name_filters;
    let output = match &config.output {
        Destination::Stdout => "stdout".to_owned(),
        Destination::File(path) => path.to_string_lossy().into_owned(),
    };
    let metrics = config.metrics_file.as_deref().unwrap_or("".as_ref());
    vec![
        ("output", text(output)),
        ("rotate_size", size(config.rotation.max_size)),
        (
            "rotate_age",
            text(show_time(config.rotation.max_age.unwrap_or_default())),
        ),
        ("keep", Value::Integer(config.rotation.keep.into())),
        ("max_total", size(config.rotation.max_total)),
        ("compress", Value::Boolean(config.rotation.compress)),
        ("fsync", text(show_fsync(config.fsync))),
        ("metrics_file", text(metrics.to_string_lossy().into_owned())),
        ("sender_pid", numbers(&filters.sender_pids)),
        ("target_pid", numbers(&filters.target_pids)),
        ("signal", text(filters.signals.to_string())),
        ("failed", Value::Boolean(filters.failed)),
        ("fatal", Value::Boolean(filters.fatal)),
        ("syscall", calls(&filters.syscalls)),
        ("sender_comm", texts(&filters.sender_comms)),
        ("target_comm", texts(&filters.target_comms)),
        ("sender_uid", numbers(&filters.sender_uids)),
        ("target_uid", numbers(&filters.target_uids)),
        ("unit", texts(&names.units)),
        ("container", texts(&names.containers)),
        ("target_unit", texts(&names.target_units)),
        ("target_container", texts(&names.target_containers)),
        ("args", text(config.trace.args.name().to_owned())),
        ("poll_interval", text(show_time(config.poll_interval))),
        (
            "status_interval",
            text(show_time(config.status_interval.unwrap_or_default())),
        ),
        ("attach", text(config.trace.attach.name().to_owned())),
        ("queue_size", bytes(config.queue_bytes)),
        ("ring_size", bytes(config.trace.ring_bytes)),
    ]
}
