//! The command line. Doc comments are the help text.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Parser, Subcommand, builder::PossibleValuesParser};

use crate::{
    event::Syscall,
    names::SignalSet,
    trace::{Args, COMM_MAX},
};

const AFTER_HELP: &str = "\
Exit status: 0 after a clean end (also when the reader of stdout goes away), \
1 when tracing cannot start or go on, 2 for a wrong command line.

Examples:
  sigtrail | jq 'select(.type==\"signal\")'      everything, as JSON
  sigtrail --pretty -s KILL,TERM               who ends what, for people
  sigtrail -t 4711 -n 1                        who signals process 4711 next
  sigtrail -s '!URG,!CHLD' -o signals.jsonl    all but two signals, to a file";

/// Records every signal that one process sends another with kill, tkill and
/// tgkill, one JSON line each, on stdout.
///
/// Traces until it is stopped. Needs root, or CAP_BPF, CAP_PERFMON and
/// CAP_DAC_READ_SEARCH; `sigtrail doctor` says what is missing.
#[derive(Debug, Parser)]
#[command(
    name = "sigtrail",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do instead of tracing.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What to trace and where to write it.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// Something other than tracing.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check whether tracing works here, and say how to repair what does not
    Doctor,
}

/// Options of a traced run.
#[derive(Debug, clap::Args)]
pub struct TraceArgs {
    /// Append lines to this file instead of stdout
    #[arg(short, long, value_name = "PATH", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Aligned lines for people instead of JSON; in colour on a terminal,
    /// unless NO_COLOR is set
    #[arg(long, help_heading = "Output")]
    pub pretty: bool,

    /// Only signals that these processes send [pid, repeatable, or a comma list]
    #[arg(short = 'p', long, value_name = "PID", value_delimiter = ',', action = ArgAction::Append,
          value_parser = clap::value_parser!(u32).range(1..=PID_MAX), help_heading = "Filters")]
    pub sender_pid: Vec<u32>,

    /// Only signals that reach these processes, or would have [pid, repeatable,
    /// or a comma list]
    #[arg(short = 't', long, value_name = "PID", value_delimiter = ',', action = ArgAction::Append,
          value_parser = clap::value_parser!(u32).range(1..=PID_MAX), help_heading = "Filters")]
    pub target_pid: Vec<u32>,

    /// Only these signals: a comma list of names (KILL, SIGTERM, SIGRTMIN+3)
    /// and numbers (0 to 64); ! excludes (!URG)
    #[arg(
        short,
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        help_heading = "Filters"
    )]
    pub signal: Option<SignalSet>,

    /// Only calls that failed
    #[arg(short = 'x', long, help_heading = "Filters")]
    pub failed: bool,

    /// Only these system calls [comma list]
    #[arg(long, value_name = "LIST", value_delimiter = ',', action = ArgAction::Append,
          value_parser = PossibleValuesParser::new(Syscall::ALL.map(Syscall::name)),
          help_heading = "Filters")]
    pub syscall: Vec<String>,

    /// Only senders whose thread has this name [at most 15 bytes, repeatable]
    #[arg(long, value_name = "NAME", action = ArgAction::Append, value_parser = comm,
          help_heading = "Filters")]
    pub sender_comm: Vec<String>,

    /// Only senders with this real user id [number or name, repeatable, or a
    /// comma list]
    #[arg(long, value_name = "UID", value_delimiter = ',', action = ArgAction::Append,
          help_heading = "Filters")]
    pub sender_uid: Vec<String>,

    /// Only targets with this name [at most 15 bytes, repeatable]
    #[arg(long, value_name = "NAME", action = ArgAction::Append, value_parser = comm,
          help_heading = "Filters")]
    pub target_comm: Vec<String>,

    /// Only targets with this real user id [number or name, repeatable, or a
    /// comma list]
    #[arg(long, value_name = "UID", value_delimiter = ',', action = ArgAction::Append,
          help_heading = "Filters")]
    pub target_uid: Vec<String>,

    /// Only signals that end a process
    #[arg(long, help_heading = "Filters")]
    pub fatal: bool,

    /// Only senders in this systemd unit [.service may be left out, repeatable]
    #[arg(long, value_name = "UNIT", action = ArgAction::Append, help_heading = "Filters")]
    pub unit: Vec<String>,

    /// Only senders in this container [id, its first 6 or more digits, or a
    /// name; repeatable]
    #[arg(long, value_name = "ID", action = ArgAction::Append, help_heading = "Filters")]
    pub container: Vec<String>,

    /// Only targets in this systemd unit [as --unit]
    #[arg(long, value_name = "UNIT", action = ArgAction::Append, help_heading = "Filters")]
    pub target_unit: Vec<String>,

    /// Only targets in this container [as --container]
    #[arg(long, value_name = "ID", action = ArgAction::Append, help_heading = "Filters")]
    pub target_container: Vec<String>,

    /// What of processes' arguments is recorded; they may hold secrets
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "full",
        help_heading = "Privacy"
    )]
    pub args: Args,

    /// Stop after this many signal lines
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
          help_heading = "Ending")]
    pub count: Option<u64>,

    /// Stop after this time [such as 90s, 5m or 1h 30m]
    #[arg(long, value_name = "TIME", value_parser = run_time, help_heading = "Ending")]
    pub duration: Option<Duration>,

    /// Longest wait before lines are written [1ms to 1s]
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = poll_interval,
          help_heading = "Tuning")]
    pub poll_interval: Duration,

    /// Time between status lines [1s to 24h, or 0 for none]
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = status_interval,
          help_heading = "Tuning")]
    pub status_interval: Duration,

    /// Ring buffer of each CPU [a power of two from 4K to 64M]
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = ring_size,
          help_heading = "Tuning")]
    pub ring_size: usize,
}

/// The kernel's own limit (`PID_MAX_LIMIT`).
const PID_MAX: i64 = 4 << 20;

fn comm(text: &str) -> Result<String, String> {
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

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn run_time(text: &str) -> Result<Duration, String> {
    time_between(text, Duration::from_millis(1), 10_000 * DAY)
}

fn poll_interval(text: &str) -> Result<Duration, String> {
    time_between(text, Duration::from_millis(1), Duration::from_secs(1))
}

fn status_interval(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Ok(Duration::ZERO),
        _ => time_between(text, Duration::from_secs(1), DAY)
            .map_err(|error| format!("{error}, or 0 for none")),
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

fn ring_size(text: &str) -> Result<usize, String> {
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

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
}
