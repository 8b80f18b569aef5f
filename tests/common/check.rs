//! What every line must be, whichever test reads it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use chrono::DateTime;
use serde_json::{Map, Value};

/// A line's text and its parsed form.
#[derive(Debug, Clone)]
pub struct Line {
    pub text: String,
    pub value: Value,
}

/// Keys that an object may have; those with a `?` may be absent.
struct Keys {
    object: &'static str,
    keys: &'static [&'static str],
}

const HEAD: Keys = Keys {
    object: "line",
    keys: &["timestamp", "type", "seq", "hostname"],
};
const SIGNAL: Keys = Keys {
    object: "signal",
    keys: &[
        "syscall",
        "signal",
        "signal_number",
        "ret",
        "errno?",
        "entry_missing?",
        "late?",
        "truncated?",
        "sender",
        "target",
        "relation?",
        "recipient_count?",
        "recipients_lost?",
        "recipients?",
    ],
};
const RECIPIENTS: Keys = Keys {
    object: "recipients",
    keys: &["call_seq", "recipients"],
};
const PARTY: Keys = Keys {
    object: "party",
    keys: &[
        "comm",
        "exe?",
        "exe_deleted?",
        "args?",
        "exe_source?",
        "tty?",
        "uid",
        "user?",
        "euid",
        "effective_user?",
        "gid",
        "egid?",
        "loginuid?",
        "login_user?",
        "session?",
        "ppid",
        "parent_comm",
        "start_time",
        "ns_pid?",
        "pid_ns?",
        "cgroup?",
        "unit?",
        "user_unit?",
        "container?",
        "container_runtime?",
        "pod_uid?",
        "pod_qos?",
    ],
};
const SENDER: Keys = Keys {
    object: "sender",
    keys: &["pid", "tid"],
};
/// Of a target, whether or not it is known who that is.
const TARGET: Keys = Keys {
    object: "target",
    keys: &["scope", "arg", "tgid?", "arg_tid?"],
};
const REACHED: Keys = Keys {
    object: "recipient",
    keys: &[
        "source",
        "pid",
        "tid?",
        "outcome?",
        "disposition?",
        "blocked?",
        "fatal?",
        "exiting?",
        "zombie?",
        "kernel_thread?",
    ],
};
const RELATION: Keys = Keys {
    object: "relation",
    keys: &[
        "same_process?",
        "same_user?",
        "same_unit?",
        "same_container?",
        "target_is_child?",
        "target_is_parent?",
        "to_sigtrail?",
    ],
};
const LOST: Keys = Keys {
    object: "lost",
    keys: &["count", "reason", "since"],
};
const STATUS: Keys = Keys {
    object: "status",
    keys: &[
        "state",
        "version",
        "kernel",
        "events",
        "lost",
        "lost_by_reason?",
        "late",
    ],
};

/// Longest line, its newline included.
const LINE_MAX: usize = 4096;
/// Larger numbers are rounded by readers that know only doubles.
const NUMBER_MAX: i64 = 1 << 53;

/// Checks the lines of one run, in their order.
#[derive(Debug, Default)]
pub struct Checker {
    seq: u64,
    last_timestamp: String,
}

impl Checker {
    /// Checks the next line, newline included.
    pub fn check(&mut self, raw: &[u8]) -> Result<Line, String> {
        self.checked(raw)
            .map_err(|why| format!("{why}, in the line {:?}", String::from_utf8_lossy(raw)))
    }

    fn checked(&mut self, raw: &[u8]) -> Result<Line, String> {
        let text = str::from_utf8(raw).map_err(|error| format!("no UTF-8: {error}"))?;
        let body = text.strip_suffix('\n').ok_or("no newline at the end")?;
        if raw.len() > LINE_MAX {
            return Err(format!("{} bytes", raw.len()));
        }
        if body.contains('\n') {
            return Err("more than one line".to_owned());
        }
        let value: Value =
            serde_json::from_str(body).map_err(|error| format!("no JSON: {error}"))?;
        self.check_head(body, &value)?;
        check_body(&value)?;
        check_numbers(&value)?;
        Ok(Line {
            text: body.to_owned(),
            value,
        })
    }

    /// The four first keys, in their order and form.
    fn check_head(&mut self, body: &str, value: &Value) -> Result<(), String> {
        let timestamp = value["timestamp"].as_str().ok_or("no timestamp")?;
        self.check_timestamp(timestamp)?;
        let seq = value["seq"].as_u64().ok_or("no seq")?;
        let start = format!(
            r#"{{"timestamp":"{timestamp}","type":{},"seq":{seq},"hostname":{},"#,
            value["type"], value["hostname"]
        );
        if !body.starts_with(&start) {
            return Err(format!("does not start with {start}"));
        }
        self.seq += 1;
        if seq != self.seq {
            return Err(format!("seq is not {}", self.seq));
        }
        if value["late"] != true {
            if *timestamp < *self.last_timestamp {
                return Err(format!("is before {}", self.last_timestamp));
            }
            timestamp.clone_into(&mut self.last_timestamp);
        }
        Ok(())
    }

    /// Parsing the date takes as long as all the rest, and it rarely changes.
    fn check_timestamp(&self, timestamp: &str) -> Result<(), String> {
        const SECOND: usize = "dddd-dd-ddTdd:dd:dd".len();
        let second = timestamp.get(..SECOND);
        if second.is_some() && second == self.last_timestamp.get(..SECOND) && has_form(timestamp) {
            return Ok(());
        }
        check_timestamp(timestamp)
    }
}

/// The lines of a run, too many to keep each.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many are signals.
    pub signals: u64,
    /// The others.
    pub others: Vec<Line>,
}

impl Tally {
    pub fn add(&mut self, line: Line) {
        if line.value["type"] == "signal" {
            self.signals += 1;
        } else {
            self.others.push(line);
        }
    }
}

/// As [`check_file`], and counts the calls: a flood's lines fill the memory.
pub fn tally_file(path: &Path) -> Tally {
    tally_lines(BufReader::new(File::open(path).unwrap()))
}

/// As [`check_lines`], and counts the calls.
pub fn tally_lines(from: impl BufRead) -> Tally {
    let mut tally = Tally::default();
    check_lines(from, |line| tally.add(line));
    tally
}

/// Checks all lines of a run that has ended.
pub fn check_file(path: &Path, take: impl FnMut(Line)) {
    check_lines(BufReader::new(File::open(path).unwrap()), take);
}

/// Checks all lines of a run.
pub fn check_lines(mut from: impl BufRead, mut take: impl FnMut(Line)) {
    let mut checker = Checker::default();
    let mut raw = Vec::new();
    while from.read_until(b'\n', &mut raw).unwrap() > 0 {
        take(checker.check(&raw).unwrap_or_else(|why| panic!("{why}")));
        raw.clear();
    }
}

fn has_form(timestamp: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
    timestamp.len() == form.len()
        && (timestamp.bytes().zip(form.bytes())).all(|(is, must)| match must {
            b'd' => is.is_ascii_digit(),
            _ => is == must,
        })
}

/// RFC 3339, UTC, nine digits and `Z`; in nanoseconds since 1970.
pub fn nanoseconds(timestamp: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(timestamp).ok()?;
    time.timestamp_nanos_opt().filter(|_| has_form(timestamp))
}

fn check_timestamp(timestamp: &str) -> Result<(), String> {
    match nanoseconds(timestamp) {
        Some(_) => Ok(()),
        None => Err(format!("{timestamp:?} is no timestamp")),
    }
}

/// The place for a check against the published schema, once there is one.
fn check_body(value: &Value) -> Result<(), String> {
    let line = value.as_object().ok_or("no object")?;
    match value["type"].as_str() {
        Some("signal") => {
            check_keys(line, &[&HEAD, &SIGNAL])?;
            let (sender, target) = (object(value, "sender")?, object(value, "target")?);
            check_keys(sender, &[&SENDER, &PARTY])?;
            check_start(sender)?;
            if target.contains_key("pid") {
                check_keys(target, &[&TARGET, &REACHED, &PARTY])?;
                check_start(target)?;
                check_keys(object(value, "relation")?, &[&RELATION])?;
            } else {
                check_keys(target, &[&TARGET])?;
            }
            check_recipients(value)
        }
        Some("recipients") => {
            check_keys(line, &[&HEAD, &RECIPIENTS])?;
            if value["call_seq"].as_u64() >= value["seq"].as_u64() {
                return Err("call_seq is not before seq".to_owned());
            }
            check_recipients(value)
        }
        Some("lost") => {
            check_keys(line, &[&HEAD, &LOST])?;
            check_timestamp(value["since"].as_str().unwrap_or_default())
        }
        Some("status") => check_keys(line, &[&HEAD, &STATUS]),
        _ => Err("unknown type".to_owned()),
    }
}

fn check_recipients(line: &Value) -> Result<(), String> {
    let recipients = line["recipients"].as_array();
    for recipient in recipients.into_iter().flatten() {
        let recipient = recipient.as_object().ok_or("a recipient is no object")?;
        check_keys(recipient, &[&REACHED, &PARTY])?;
        check_start(recipient)?;
    }
    Ok(())
}

fn check_start(party: &Map<String, Value>) -> Result<(), String> {
    check_timestamp(party["start_time"].as_str().unwrap_or_default())
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Map<String, Value>, String> {
    let object = value[key].as_object();
    object.ok_or_else(|| format!("{key} is no object"))
}

fn check_keys(object: &Map<String, Value>, known: &[&Keys]) -> Result<(), String> {
    let name = known.last().map_or("", |keys| keys.object);
    let all = || known.iter().flat_map(|keys| keys.keys);
    if let Some(missing) = all().find(|key| !key.ends_with('?') && !object.contains_key(**key)) {
        return Err(format!("{name} has no {missing}"));
    }
    let is_known = |key: &str| all().any(|known| known.trim_end_matches('?') == key);
    match object.keys().find(|key| !is_known(key)) {
        Some(unknown) => Err(format!("{name} has the unknown key {unknown}")),
        None => Ok(()),
    }
}

fn check_numbers(value: &Value) -> Result<(), String> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(number) if (-NUMBER_MAX..=NUMBER_MAX).contains(&number) => Ok(()),
            _ => Err(format!("the number {number} is too large or no integer")),
        },
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(items) => items.values().try_for_each(check_numbers),
        _ => Ok(()),
    }
}
