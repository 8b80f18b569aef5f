//! What every line must be, whichever test reads it.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::LazyLock,
};

use chrono::DateTime;
use jsonschema::Validator;
use serde_json::Value;

/// A line's text and its parsed form.
#[derive(Debug, Clone)]
pub struct Line {
    pub text: String,
    pub value: Value,
}

/// Longest line, its newline included.
const LINE_MAX: usize = 4096;
/// Larger numbers are rounded by readers that know only doubles.
const NUMBER_MAX: i64 = 1 << 53;

/// So many lines of a run are validated, and from then on one in ten times so many.
const VALIDATED: u64 = 100;

/// Checks the lines of one run, in their order.
#[derive(Debug, Default)]
pub struct Checker {
    seq: u64,
    last_timestamp: String,
    /// What the last line that was not of recipients says of that.
    call_is_late: Value,
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
        if let Some(raw) = body.chars().find(|c| c.is_control() || is_bidi(*c)) {
            return Err(format!("{raw:?} is not escaped"));
        }
        let value: Value =
            serde_json::from_str(body).map_err(|error| format!("no JSON: {error}"))?;
        self.check_head(body, &value)?;
        check_body(&value)?;
        // A flood's lines are alike, and this takes as long as many others.
        if self.seq <= VALIDATED
            || self.seq.is_multiple_of(10 * VALIDATED)
            || value["type"] != "signal"
        {
            check_schema(&value)?;
        }
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
        if value["type"] == "recipients" {
            if value["late"] != self.call_is_late {
                return Err(format!(
                    "late is not {}, as that of its call",
                    self.call_is_late
                ));
            }
        } else {
            self.call_is_late = value["late"].clone();
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

/// Whether a character turns the direction of the text after it.
fn is_bidi(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The lines of a run, too many to keep each.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many are signals.
    pub signals: u64,
    /// How many of these only the witness has seen.
    pub witness_only: u64,
    /// The others.
    pub others: Vec<Line>,
}

impl Tally {
    pub fn add(&mut self, line: Line) {
        if line.value["type"] == "signal" {
            self.signals += 1;
            self.witness_only += u64::from(line.value["witness_only"] == true);
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

/// What the schema does not say.
fn check_body(value: &Value) -> Result<(), String> {
    if value["call_seq"].as_u64() >= value["seq"].as_u64() {
        return Err("call_seq is not before seq".to_owned());
    }
    let is_one = ["process", "thread"].contains(&value["target"]["scope"].as_str().unwrap_or(""));
    let both_known = value["target"].get("pid").is_some() && value.get("sender").is_some();
    if (is_one && both_known) != value.get("relation").is_some() {
        return Err("relation is there if both sides are known processes".to_owned());
    }
    Ok(())
}

/// Against the published schema, with the reasons of the type that it claims:
/// `oneOf` itself says no more than that nothing fits.
fn check_schema(value: &Value) -> Result<(), String> {
    static OF_TYPE: LazyLock<HashMap<String, Validator>> = LazyLock::new(validators);
    let kind = value["type"].as_str().unwrap_or_default();
    let validator = OF_TYPE.get(kind).ok_or("unknown type")?;
    let why: Vec<String> = (validator.iter_errors(value))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    match why.is_empty() {
        true => Ok(()),
        false => Err(why.join("; ")),
    }
}

/// Of a schema of draft 2020-12, which is one; formats are looked at.
pub fn validator(schema: &Value) -> Validator {
    assert!(jsonschema::draft202012::meta::is_valid(schema));
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

/// One for each type of line.
fn validators() -> HashMap<String, Validator> {
    let mut schema = sigtrail::schema();
    let one_of = schema.as_object_mut().unwrap().remove("oneOf").unwrap();
    let types = one_of.as_array().unwrap().iter();
    types
        .map(|one| {
            let name = one["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            let mut schema = schema.clone();
            schema["$ref"] = one["$ref"].clone();
            (name.to_owned(), validator(&schema))
        })
        .collect()
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
