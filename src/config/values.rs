//! Values of options: read from the command line and from the configuration
//! file in the same way, and written as they are read.

use std::{
    ffi::OsString,
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::ValueEnum;
use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    event::Syscall,
    names::SignalSet,
    sink::Fsync,
    trace::{Args, Attach, COMM_MAX},
};

/// The kernel's own limit (`PID_MAX_LIMIT`).
const PID_MAX: u32 = 4 << 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where lines go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    #[default]
    Stdout,
    /// A file to append to.
    File(PathBuf),
}

impl Destination {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path),
        }
    }
}

impl Destination {
    /// The destination of that name.
    ///
    /// # Errors
    /// For an empty name.
    pub fn named(name: impl Into<OsString>) -> Result<Self, String> {
        let name = name.into();
        match name.to_str() {
            Some("") => Err("give a path, or stdout".to_owned()),
            Some("stdout" | "-") => Ok(Self::Stdout),
            _ => Ok(Self::File(name.into())),
        }
    }
}

/// A process id.
pub fn pid(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(number) => u32::try_from(number)
            .ok()
            .filter(|pid| (1..=PID_MAX).contains(pid))
            .ok_or_else(|| format!("{number} is not in 1..={PID_MAX}")),
        Err(_) => Err("a process id is a number".to_owned()),
    }
}

/// A system call's name.
pub fn syscall(text: &str) -> Result<String, String> {
    match Syscall::from_name(text) {
        Some(call) => Ok(call.name().to_owned()),
        None => {
            let names = Syscall::ALL.map(Syscall::name).join(", ");
            Err(format!("{text:?} is none of {names}"))
        }
    }
}

/// A thread's name.
pub fn comm(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("a thread's name is not empty".to_owned()),
        len if len > COMM_MAX => Err(format!(
            "the kernel keeps {COMM_MAX} bytes of a thread's name and this has {len}; \
             give the first {COMM_MAX}"
        )),
        _ => Ok(text.to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; give a number with a unit, such as 50ms, 10s, 5m or 1h"))
}

fn time_between(text: &str, from: Duration, to: Duration) -> Result<Duration, String> {
    let found = time(text)?;
    if found < from || found > to {
        return Err(format!(
            "give a time from {} to {}",
            humantime::format_duration(from),
            humantime::format_duration(to)
        ));
    }
    Ok(found)
}

fn time_or_none(text: &str, from: Duration, to: Duration) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Ok(Duration::ZERO),
        _ => time_between(text, from, to).map_err(|error| format!("{error}, or 0 for none")),
    }
}

/// How long to run.
pub fn run_time(text: &str) -> Result<Duration, String> {
    time_between(text, Duration::from_millis(1), 10_000 * DAY)
}

/// How long lines may wait.
pub fn poll_interval(text: &str) -> Result<Duration, String> {
    time_between(text, Duration::from_millis(1), Duration::from_secs(1))
}

/// Time between status lines; zero for none.
pub fn status_interval(text: &str) -> Result<Duration, String> {
    time_or_none(text, Duration::from_secs(1), DAY)
}

/// How old a file may get; zero for any age.
pub fn rotate_age(text: &str) -> Result<Duration, String> {
    time_or_none(text, Duration::from_secs(1), 3650 * DAY)
}

/// When to flush to the disk.
pub fn fsync(text: &str) -> Result<Fsync, String> {
    match text {
        "never" => Ok(Fsync::Never),
        "rotation" => Ok(Fsync::Rotation),
        time => time_between(time, Duration::from_millis(100), Duration::from_secs(3600))
            .map(Fsync::Every)
            .map_err(|error| format!("{error}, or never, or rotation")),
    }
}

/// Bytes, with K, M and G as powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" | "k" => 1 << 10,
        "M" | "MiB" | "m" => 1 << 20,
        "G" | "GiB" | "g" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}: use K, M or G")),
    };
    (digits.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "give a number of bytes, such as 65536, 64K or 1M".to_owned())
}

/// Bytes of each CPU's ring.
pub fn ring_size(text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    if !bytes.is_power_of_two() || !(4 << 10..=64 << 20).contains(&bytes) {
        return Err(
            "give a power of two from 4K to 64M, such as 256K or 1M: it is the size of each \
             CPU's ring in bytes"
                .to_owned(),
        );
    }
    usize::try_from(bytes).map_err(|error| error.to_string())
}

/// Bytes of lines that may wait.
pub fn queue_size(text: &str) -> Result<usize, String> {
    let bytes = size(text)?;
    if !(64 << 10..=1 << 30).contains(&bytes) {
        return Err("give a size from 64K to 1G".to_owned());
    }
    usize::try_from(bytes).map_err(|error| error.to_string())
}

/// Bytes of a file, or of all of them; zero for any number.
pub fn file_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes == 0 || (4 << 10..=1 << 50).contains(&bytes) => Ok(bytes),
        _ => Err("give a size from 4K to 1048576G, or 0 for no limit".to_owned()),
    }
}

/// A number of files.
pub fn keep(text: &str) -> Result<u32, String> {
    (text.parse().ok())
        .filter(|&files| files <= 100_000)
        .ok_or_else(|| "give a number of files from 0 to 100000".to_owned())
}

/// What of processes' arguments is recorded.
pub fn args(text: &str) -> Result<Args, String> {
    Args::from_str(text, false).map_err(|_| format!("{text:?} is none of full, first, none"))
}

/// How the system calls are hooked.
pub fn attach(text: &str) -> Result<Attach, String> {
    Attach::from_str(text, false)
        .map_err(|_| format!("{text:?} is none of auto, tracepoint, kprobe, raw"))
}

/// yes or no.
pub fn yes(text: &str) -> Result<bool, String> {
    (text.parse()).map_err(|_| "give true or false".to_owned())
}

/// A time as it is read.
pub fn show_time(time: Duration) -> String {
    if time.is_zero() {
        "0".to_owned()
    } else {
        humantime::format_duration(time).to_string()
    }
}

/// Bytes as they are read.
pub fn show_size(bytes: u64) -> String {
    for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// When to flush, as it is read.
pub fn show_fsync(fsync: Fsync) -> String {
    match fsync {
        Fsync::Never => "never".to_owned(),
        Fsync::Rotation => "rotation".to_owned(),
        Fsync::Every(time) => show_time(time),
    }
}

/// A value in the file: what needs no quotes may have none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    String(String),
    Number(i64),
    Flag(bool),
}

impl Text {
    fn text(self) -> String {
        match self {
            Self::String(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

/// Readers of the file's values that share the flags' parsers.
macro_rules! from_file {
    ($($name:ident: $type:ty = $wanted:literal, $parse:expr;)*) => {
        /// For serde's `deserialize_with`.
        pub mod from_file {
            use super::*;

            $(
                #[doc = concat!("A value of the file: ", $wanted, ".")]
                pub fn $name<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                    let text = Text::deserialize(from)
                        .map_err(|_| D::Error::custom(concat!("give ", $wanted)))?;
                    let parse = $parse;
                    parse(&text.text()).map_err(D::Error::custom)
                }
            )*

            /// A list of the file.
            pub fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
                Vec::<Text>::deserialize(from)
                    .map(|items| items.into_iter().map(Text::text).collect())
                    .map_err(|_| D::Error::custom("give a list, such as [\"a\", \"b\"]"))
            }

            /// A list of process ids.
            pub fn pids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
                each(list(from)?, pid)
            }

            /// A list of thread names.
            pub fn comms<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
                each(list(from)?, comm)
            }

            /// A list of system calls.
            pub fn syscalls<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
                each(list(from)?, syscall)
            }
        }
    };
}

fn each<T, E: Error>(
    items: Vec<String>,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, E> {
    (items.iter())
        .map(|item| parse(item).map_err(E::custom))
        .collect()
}

fn some<T, E: Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| parse(text).map(Some).map_err(|error| error.to_string())
}

from_file! {
    output: Option<Destination> = "a path, or \"stdout\"", some(|name: &str| Destination::named(name));
    rotate_size: Option<u64> = "a size such as \"64M\"", some(file_size);
    max_total: Option<u64> = "a size such as \"1G\"", some(file_size);
    rotate_age: Option<Duration> = "a time such as \"24h\"", some(super::rotate_age);
    keep: Option<u32> = "a number of files", some(super::keep);
    compress: Option<bool> = "true or false", some(yes);
    fsync: Option<Fsync> = "\"never\", \"rotation\" or a time", some(super::fsync);
    queue_size: Option<usize> = "a size such as \"8M\"", some(super::queue_size);
    ring_size: Option<usize> = "a size such as \"4M\"", some(super::ring_size);
    poll_interval: Option<Duration> = "a time such as \"50ms\"", some(super::poll_interval);
    status_interval: Option<Duration> = "a time such as \"1m\"", some(super::status_interval);
    args: Option<Args> = "\"full\", \"first\" or \"none\"", some(super::args);
    metrics_file: Option<PathBuf> = "a path", some(PathBuf::from_str);
    attach: Option<Attach> = "\"auto\", \"tracepoint\", \"kprobe\" or \"raw\"", some(super::attach);
    flag: bool = "true or false", yes;
    signal: Option<SignalSet> = "a comma list of signals", |text: &str| match text {
        "" => Ok(None),
        list => SignalSet::from_str(list).map(Some),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(ring_size("4096"), Ok(4096));
        assert_eq!(ring_size("64K"), Ok(65536));
        assert_eq!(ring_size("1MiB"), Ok(1 << 20));
        for bad in [
            "3",
            "",
            "K",
            "5K",
            "128M",
            "1X",
            "99999999999999999999G",
            "-4K",
        ] {
            assert!(ring_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_units_and_ranges() {
        assert_eq!(poll_interval("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(run_time("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(status_interval("0"), Ok(Duration::ZERO));
        for bad in ["0", "50", "2s", "", "1y", "-1s"] {
            assert!(poll_interval(bad).is_err(), "{bad}");
        }
        assert!(status_interval("10ms").is_err());
    }

    #[test]
    fn a_comm_longer_than_the_kernels_is_refused() {
        assert!(comm("fifteen bytes !").is_ok());
        assert!(comm("sixteen bytes !!").is_err());
        assert!(comm("").is_err());
    }

    #[test]
    fn what_is_shown_reads_as_it_was() {
        for text in ["0", "4K", "1M", "3G", "5000", "1025K"] {
            assert_eq!(show_size(size(text).unwrap()), text);
        }
        for text in ["0", "50ms", "1m", "1day", "1h 30m"] {
            assert_eq!(show_time(time(text).unwrap()), text);
        }
        for text in ["never", "rotation", "1s"] {
            assert_eq!(show_fsync(fsync(text).unwrap()), text);
        }
    }
}
