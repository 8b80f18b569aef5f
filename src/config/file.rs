//! The configuration file: who may have written it, and what it says.

use std::{collections::BTreeMap, fmt, fs::File, io::Read, os::unix::fs::MetadataExt, path::Path};

use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Table, Value};

use super::options::{ROWS, TraceArgs};

/// A configuration that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// Longer than any configuration is.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a configuration file.
pub fn read(path: &Path) -> Result<TraceArgs, Invalid> {
    let shown = path.display();
    let refused = |why: String| Invalid(format!("cannot use the configuration {shown}: {why}"));
    let text = bytes(path).and_then(text).map_err(refused)?;
    parse(&text).map_err(|(line, why)| Invalid(format!("{shown}:{line}: {why}")))
}

/// What a file of these bytes says, whoever owns it.
pub fn from_bytes(bytes: Vec<u8>) -> Result<TraceArgs, Invalid> {
    let text = text(bytes).map_err(Invalid)?;
    parse(&text).map_err(|(line, why)| Invalid(format!("line {line}: {why}")))
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    // Without blocking: opening a FIFO would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty())
        .map_err(|errno| std::io::Error::from(errno).to_string())?;
    let file = File::from(file);
    let found = file.metadata().map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if found.uid() != 0 && found.uid() != geteuid().as_raw() {
        return Err(format!(
            "it is owned by uid {}, who could then decide what is recorded: chown it to root",
            found.uid()
        ));
    }
    if found.mode() & 0o022 != 0 {
        return Err(format!(
            "others can write to it (mode {:04o}): chmod it to 0644",
            found.mode() & 0o7777
        ));
    }
    let mut bytes = Vec::new();
    (file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("it is longer than 1 MiB".to_owned());
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err("it starts with a byte order mark: save it without one".to_owned());
    }
    if let Some(position) = bytes.iter().position(|&byte| byte == 0) {
        let line = line_at(&bytes, position);
        return Err(format!("line {line} has a NUL byte"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
        format!("line {line} is not UTF-8")
    })
}

/// Reads the text of a configuration file. An error has the line.
fn parse(text: &str) -> Result<TraceArgs, (usize, String)> {
    let refused = |at: usize, why: &str| {
        let why = why.lines().collect::<Vec<_>>().join(", ");
        let key = key_at(text, at).map_or(String::new(), |key| format!("{key}: "));
        (line_at(text.as_bytes(), at), format!("{key}{why}"))
    };
    let values: BTreeMap<Spanned<String>, Spanned<AnyValue>> =
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            refused(start, error.message())
        })?;
    let mut args = TraceArgs::default();
    for (key, value) in values {
        let (start, key) = (key.span().start, key.into_inner());
        let row = (ROWS.iter().find(|row| row.key == key))
            .ok_or_else(|| refused(start, &format!("unknown key `{key}`")))?;
        let (start, value) = (value.span().start, value.into_inner().0);
        (row.read)(&mut args, &value).map_err(|why| refused(start, &why))?;
    }
    Ok(args)
}

/// A value of the file, whatever it is.
struct AnyValue(Value);

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A number too large for TOML is no better than a table, which no option
        // takes.
        let value = Value::deserialize(from).unwrap_or_else(|_| Table::new().into());
        Ok(Self(value))
    }
}

fn line_at(bytes: &[u8], position: usize) -> usize {
    1 + bytes
        .iter()
        .take(position)
        .filter(|&&byte| byte == b'\n')
        .count()
}

/// The key whose value stands there.
fn key_at(text: &str, position: usize) -> Option<&str> {
    let lines = text.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some((start, line))
    });
    let before: Vec<_> = lines.take_while(|&(start, _)| start <= position).collect();
    // A list can go over many lines.
    (before.iter().rev()).find_map(|(_, line)| {
        let (key, _) = line.split_once('=')?;
        let key = key.trim();
        let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        (!key.is_empty() && key.chars().all(is_key)).then_some(key)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::options::SAMPLE;

    #[test]
    fn a_refusal_names_line_and_key() {
        let cases: [(&str, usize, &str); 14] = [
            ("\nnonsense = 1", 2, "nonsense: unknown key `nonsense`"),
            ("count = 1", 1, "count: unknown key `count`"),
            ("ring_size = \"3\"", 1, "ring_size: give a power of two"),
            ("ring_size = [1]", 1, "ring_size: give a size such as"),
            ("keep = -1", 1, "keep: give a number of files"),
            ("keep = 1.5", 1, "keep: give a number of files"),
            (
                "# a\n\nfsync = \"1h 1s\"",
                3,
                "fsync: give a time from 100ms to 1h",
            ),
            ("poll_interval = 50", 1, "poll_interval: "),
            (
                "sender_pid = [\n 1,\n 0\n]",
                1,
                "sender_pid: 0 is not in 1..=",
            ),
            ("failed = \"maybe\"", 1, "failed: give true or false"),
            (
                "syscall = [\"exit\"]",
                1,
                "syscall: \"exit\" is none of kill",
            ),
            ("unit = \"a\"", 1, "unit: give a list"),
            ("keep = 1\nkeep = 2", 2, "keep: duplicate key"),
            ("[table]\nkeep = 1", 1, "unknown key `table`"),
        ];
        for (text, line, why) in cases {
            let (at, message) = parse(text).unwrap_err();
            assert!(message.contains(why), "{text:?}: {message}");
            assert_eq!(at, line, "{text:?}: {message}");
            assert!(!message.contains('\n'), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(text in "\\PC{0,80}", at in 0..SAMPLE.len(), to: char) {
            let _ = parse(&text);
            let mut mutated: Vec<char> = SAMPLE.chars().collect();
            let at = at.min(mutated.len() - 1);
            mutated[at] = to;
            let _ = parse(&mutated.into_iter().collect::<String>());
        }
    }
}
