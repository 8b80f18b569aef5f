//! A configuration as the text of a file that makes it.

use toml::Value;

use super::{
    options::{Config, ROWS, Row, SAMPLE, TraceArgs},
    table::Change,
};

/// The effective configuration, as a configuration file.
pub fn shown(config: &Config) -> String {
    (in_order().into_iter())
        .map(|row| format!("{} = {}\n", row.key, (row.show)(config)))
        .collect()
}

/// The filters in force, in few words.
pub fn filters_shown(config: &Config) -> String {
    let usual = Config::with_defaults(TraceArgs::default());
    let filters = (in_order().into_iter()).filter(|row| row.change == Change::Filter);
    let changed = filters.filter(|row| (row.show)(config) != (row.show)(&usual));
    let shown = changed.filter_map(|row| in_short(row.key, (row.show)(config)));
    shown.collect::<Vec<_>>().join(" ")
}

/// The options as the sample file has them, so that what is shown can be compared
/// with it line by line.
pub fn in_order() -> Vec<&'static Row> {
    let mut rows: Vec<_> = ROWS.iter().collect();
    rows.sort_by_cached_key(|row| SAMPLE.find(&format!("\n{} = ", row.key)));
    rows
}

/// A filter, if it filters anything.
fn in_short(key: &str, value: Value) -> Option<String> {
    match value {
        Value::Boolean(on) => on.then(|| key.to_owned()),
        Value::Array(items) => {
            let items: Vec<_> = items.into_iter().map(text).collect();
            (!items.is_empty()).then(|| format!("{key}={}", items.join(",")))
        }
        value => {
            let text = text(value);
            (!text.is_empty()).then(|| format!("{key}={text}"))
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
