//! The configuration file: who may have written it, and what it says.

use std::{fs::File, io::Read, os::unix::fs::MetadataExt, path::Path};

use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};

use super::Invalid;
use crate::cli::TraceArgs;

/// No configuration is this long.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a configuration file.
pub fn read(path: &Path) -> Result<TraceArgs, Invalid> {
    let shown = path.display();
    let refused = |why: String| Invalid(format!("cannot use the configuration {shown}: {why}"));
    let text = bytes(path).and_then(text).map_err(refused)?;
    parse(&text).map_err(|(line, why)| Invalid(format!("{shown}:{line}: {why}")))
}

/// What a file of these bytes says, whosever it is.
pub fn from_bytes(bytes: Vec<u8>) -> Result<TraceArgs, Invalid> {
    let text = text(bytes).map_err(Invalid)?;
    parse(&text).map_err(|(line, why)| Invalid(format!("line {line}: {why}")))
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    // Without blocking: a FIFO would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty())
        .map_err(|errno| std::io::Error::from(errno).to_string())?;
    let file = File::from(file);
    let found = file.metadata().map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if found.uid() != 0 && found.uid() != geteuid().as_raw() {
        return Err(format!(
            "it belongs to user {}, who could say what is recorded; chown it to root",
            found.uid()
        ));
    }
    if found.mode() & 0o022 != 0 {
        return Err(format!(
            "others can write it (mode {:04o}); chmod it to 0644",
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
        return Err("it starts with a byte order mark; save it without".to_owned());
    }
    if let Some(place) = bytes.iter().position(|&byte| byte == 0) {
        let line = line_at(&bytes, place);
        return Err(format!("line {line} has a NUL byte"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
        format!("line {line} is not UTF-8")
    })
}

/// Reads the text of a configuration file. An error says where.
fn parse(text: &str) -> Result<TraceArgs, (usize, String)> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        // The rest of it lists all keys there are, or is the line itself.
        let why = error.message().lines().collect::<Vec<_>>().join(", ");
        let why = why.split(", expected one of").next().unwrap_or(&why);
        let why = why.replace("unknown field", "unknown key");
        let key = key_at(text, start).map_or(String::new(), |key| format!("{key}: "));
        (line_at(text.as_bytes(), start), format!("{key}{why}"))
    })
}

fn line_at(bytes: &[u8], place: usize) -> usize {
    1 + bytes
        .iter()
        .take(place)
        .filter(|&&byte| byte == b'\n')
        .count()
}

/// The key whose value stands there.
fn key_at(text: &str, place: usize) -> Option<&str> {
    let lines = text.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some((start, line))
    });
    let before: Vec<_> = lines.take_while(|&(start, _)| start <= place).collect();
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
    use clap::CommandFactory;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        cli::Cli,
        config::{Config, shown::table},
        identity::Users,
    };

    const DEFAULT: &str = include_str!("../../config/sigtrail.toml");
    /// What only a command line can ask for.
    const FLAGS_ONLY: [&str; 6] = ["config", "count", "duration", "help", "pretty", "version"];

    #[test]
    fn the_installed_file_says_the_defaults() {
        let found: toml::Table = toml::from_str(DEFAULT).unwrap();
        let config = Config::new(&TraceArgs::default(), &Users::system()).unwrap();
        assert_eq!(found, table(&config));
        // And it means what it says.
        parse(DEFAULT).unwrap();
    }

    #[test]
    fn the_installed_file_has_every_option_and_describes_it() {
        let found: toml::Table = toml::from_str(DEFAULT).unwrap();
        let mut options: Vec<_> = Cli::command()
            .get_arguments()
            .filter_map(|option| option.get_long().map(|name| name.replace('-', "_")))
            .filter(|name| !FLAGS_ONLY.contains(&name.as_str()))
            .collect();
        options.sort_unstable();
        let mut keys: Vec<_> = found.keys().cloned().collect();
        keys.sort_unstable();
        assert_eq!(keys, options);
        let mut described = false;
        for line in DEFAULT.lines() {
            let is_key = keys.iter().any(|key| line.starts_with(&format!("{key} =")));
            assert!(!is_key || described, "{line}");
            described = line.starts_with('#');
        }
    }

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
            let (at, said) = parse(text).unwrap_err();
            assert!(said.contains(why), "{text:?}: {said}");
            assert_eq!(at, line, "{text:?}: {said}");
            assert!(!said.contains('\n'), "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(text in "\\PC{0,80}", at in 0..DEFAULT.len(), to: char) {
            let _ = parse(&text);
            let mut mutated: Vec<char> = DEFAULT.chars().collect();
            let at = at.min(mutated.len() - 1);
            mutated[at] = to;
            let _ = parse(&mutated.into_iter().collect::<String>());
        }
    }
}
