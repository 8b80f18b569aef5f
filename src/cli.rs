//! The command line. Doc comments are the help text.

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgAction, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser},
};
use serde::Deserialize;

use crate::{
    config::values::{self, Destination, from_file},
    event::Syscall,
    names::SignalSet,
    sink::Fsync,
    trace::{Args, Attach},
};

const AFTER_HELP: &str = "\
Exit status: 0 after a clean end (also when the reader of stdout goes away), \
1 when tracing cannot start or go on, 2 for a wrong command line or \
configuration, 3 when the output is lost for good: it did not take the last \
lines.

Examples:
  sigtrail | jq 'select(.type==\"signal\")'      everything, as JSON
  sigtrail --pretty -s KILL,TERM               who ends what, for people
  sigtrail -t 4711 -n 1                        who signals process 4711 next
  sigtrail -s '!URG,!CHLD' -o signals.jsonl    all but two signals, to a file";

/// Records every signal that one process sends another with a system call (kill,
/// tgkill and their like), one JSON line each, on stdout.
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
    /// Print the configuration that a file makes, or say what is wrong with it
    CheckConfig {
        /// The file
        #[arg(value_name = "FILE", default_value = crate::config::INSTALLED)]
        file: PathBuf,
    },
    /// Print the JSON Schema of all lines
    Schema {
        /// As tables for people
        #[arg(long)]
        markdown: bool,
    },
    /// Print a man page, or the completions of a shell
    Generate {
        /// What to print
        what: What,
    },
}

/// What can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// sigtrail(8), the command
    #[value(name = "sigtrail.8")]
    Command,
    /// sigtrail.toml(5), the configuration file
    #[value(name = "sigtrail.toml.5")]
    File,
    /// sigtrail-events(7), the lines
    #[value(name = "sigtrail-events.7")]
    Events,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

/// Options of a traced run: those of the command line, of which most can stand
/// in a configuration file, too, by the same names.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceArgs {
    /// Read a configuration file; options override it. SIGHUP reads it again
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Append lines to this file instead of stdout
    #[arg(short, long, value_name = "PATH",
          value_parser = OsStringValueParser::new().try_map(Destination::named),
          value_hint = ValueHint::FilePath, help_heading = "Output")]
    #[serde(deserialize_with = "from_file::output")]
    pub output: Option<Destination>,

    /// Start a new file before this one exceeds this size [4K and more, or 0:
    /// never] [default: 0]
    #[arg(long, value_name = "SIZE", value_parser = values::file_size, help_heading = "Output")]
    #[serde(deserialize_with = "from_file::rotate_size")]
    pub rotate_size: Option<u64>,

    /// Start a new file when this one is so old [1s and more, or 0: never]
    /// [default: 0]
    #[arg(long, value_name = "TIME", value_parser = values::rotate_age, help_heading = "Output")]
    #[serde(deserialize_with = "from_file::rotate_age")]
    pub rotate_age: Option<Duration>,

    /// Rotated files to keep [0 to 100000] [default: 10]
    #[arg(long, value_name = "N", value_parser = values::keep, help_heading = "Output")]
    #[serde(deserialize_with = "from_file::keep")]
    pub keep: Option<u32>,

    /// Remove the oldest rotated files when together they exceed this size [4K
    /// and more, or 0: no limit] [default: 0]
    #[arg(long, value_name = "SIZE", value_parser = values::file_size, help_heading = "Output")]
    #[serde(deserialize_with = "from_file::max_total")]
    pub max_total: Option<u64>,

    /// gzip rotated files from the second on [true or false] [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Output")]
    #[serde(deserialize_with = "from_file::compress")]
    pub compress: Option<bool>,

    /// When to flush the file to the disk [never, rotation, or so often: 100ms
    /// to 1h] [default: never]
    #[arg(long, value_name = "WHEN", value_parser = values::fsync, help_heading = "Output")]
    #[serde(deserialize_with = "from_file::fsync")]
    pub fsync: Option<Fsync>,

    /// Keep counters in this file, for Prometheus's textfile collector
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    #[serde(deserialize_with = "from_file::metrics_file")]
    pub metrics_file: Option<PathBuf>,

    /// Aligned lines for people instead of JSON; in colour on a terminal,
    /// unless NO_COLOR is set
    #[arg(long, help_heading = "Output")]
    #[serde(skip)]
    pub pretty: bool,

    /// Only signals that these processes send [pid, repeatable, or a comma list]
    #[arg(short = 'p', long, value_name = "PID", value_delimiter = ',', action = ArgAction::Append,
          value_parser = values::pid, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::pids")]
    pub sender_pid: Vec<u32>,

    /// Only signals that reach these processes, or would have [pid, repeatable,
    /// or a comma list]
    #[arg(short = 't', long, value_name = "PID", value_delimiter = ',', action = ArgAction::Append,
          value_parser = values::pid, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::pids")]
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
    #[serde(deserialize_with = "from_file::signal")]
    pub signal: Option<SignalSet>,

    /// Only calls that failed
    #[arg(short = 'x', long, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::flag")]
    pub failed: bool,

    /// Only these system calls [comma list]
    #[arg(long, value_name = "LIST", value_delimiter = ',', action = ArgAction::Append,
          value_parser = PossibleValuesParser::new(Syscall::ALL.map(Syscall::name)),
          help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::syscalls")]
    pub syscall: Vec<String>,

    /// Only senders whose thread has this name [at most 15 bytes, repeatable]
    #[arg(long, value_name = "NAME", action = ArgAction::Append, value_parser = values::comm,
          help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::comms")]
    pub sender_comm: Vec<String>,

    /// Only senders with this real user id [number or name, repeatable, or a
    /// comma list]
    #[arg(long, value_name = "UID", value_delimiter = ',', action = ArgAction::Append,
          help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::list")]
    pub sender_uid: Vec<String>,

    /// Only targets with this name [at most 15 bytes, repeatable]
    #[arg(long, value_name = "NAME", action = ArgAction::Append, value_parser = values::comm,
          help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::comms")]
    pub target_comm: Vec<String>,

    /// Only targets with this real user id [number or name, repeatable, or a
    /// comma list]
    #[arg(long, value_name = "UID", value_delimiter = ',', action = ArgAction::Append,
          help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::list")]
    pub target_uid: Vec<String>,

    /// Only signals that end a process
    #[arg(long, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::flag")]
    pub fatal: bool,

    /// Only senders in this systemd unit [.service may be left out, repeatable]
    #[arg(long, value_name = "UNIT", action = ArgAction::Append, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::list")]
    pub unit: Vec<String>,

    /// Only senders in this container [id, its first 6 or more digits, or a
    /// name; repeatable]
    #[arg(long, value_name = "ID", action = ArgAction::Append, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::list")]
    pub container: Vec<String>,

    /// Only targets in this systemd unit [as --unit]
    #[arg(long, value_name = "UNIT", action = ArgAction::Append, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::list")]
    pub target_unit: Vec<String>,

    /// Only targets in this container [as --container]
    #[arg(long, value_name = "ID", action = ArgAction::Append, help_heading = "Filters")]
    #[serde(deserialize_with = "from_file::list")]
    pub target_container: Vec<String>,

    /// What of processes' arguments is recorded; they may hold secrets
    /// [default: full]
    #[arg(long, value_name = "WHAT", help_heading = "Privacy")]
    #[serde(deserialize_with = "from_file::args")]
    pub args: Option<Args>,

    /// Stop after this many signal lines
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
          help_heading = "Ending")]
    #[serde(skip)]
    pub count: Option<u64>,

    /// Stop after this time [such as 90s, 5m or 1h 30m]
    #[arg(long, value_name = "TIME", value_parser = values::run_time, help_heading = "Ending")]
    #[serde(skip)]
    pub duration: Option<Duration>,

    /// Longest wait before lines are written [1ms to 1s] [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = values::poll_interval,
          help_heading = "Tuning")]
    #[serde(deserialize_with = "from_file::poll_interval")]
    pub poll_interval: Option<Duration>,

    /// Time between status lines [1s to 24h, or 0 for none]
    /// [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = values::status_interval,
          help_heading = "Tuning")]
    #[serde(deserialize_with = "from_file::status_interval")]
    pub status_interval: Option<Duration>,

    /// How to hook the system calls; auto is right unless you know better
    /// [default: auto]
    #[arg(long, value_name = "HOW", help_heading = "Tuning")]
    #[serde(deserialize_with = "from_file::attach")]
    pub attach: Option<Attach>,

    /// Ring buffer of each CPU [a power of two from 4K to 64M]
    /// [default: 4M]
    #[arg(long, value_name = "SIZE", value_parser = values::ring_size,
          help_heading = "Tuning")]
    #[serde(deserialize_with = "from_file::ring_size")]
    pub ring_size: Option<usize>,

    /// Lines that may wait while the output is slow or fails [64K to 1G]
    /// [default: 8M]
    #[arg(long, value_name = "SIZE", value_parser = values::queue_size, help_heading = "Tuning")]
    #[serde(deserialize_with = "from_file::queue_size")]
    pub queue_size: Option<usize>,
}

impl TraceArgs {
    /// These, and where they say nothing, those of the file.
    #[must_use]
    pub fn over(self, file: Self) -> Self {
        Self {
            config: self.config,
            output: self.output.or(file.output),
            rotate_size: self.rotate_size.or(file.rotate_size),
            rotate_age: self.rotate_age.or(file.rotate_age),
            keep: self.keep.or(file.keep),
            max_total: self.max_total.or(file.max_total),
            compress: self.compress.or(file.compress),
            fsync: self.fsync.or(file.fsync),
            metrics_file: self.metrics_file.or(file.metrics_file),
            pretty: self.pretty,
            sender_pid: either(self.sender_pid, file.sender_pid),
            target_pid: either(self.target_pid, file.target_pid),
            signal: self.signal.or(file.signal),
            failed: self.failed || file.failed,
            syscall: either(self.syscall, file.syscall),
            sender_comm: either(self.sender_comm, file.sender_comm),
            sender_uid: either(self.sender_uid, file.sender_uid),
            target_comm: either(self.target_comm, file.target_comm),
            target_uid: either(self.target_uid, file.target_uid),
            fatal: self.fatal || file.fatal,
            unit: either(self.unit, file.unit),
            container: either(self.container, file.container),
            target_unit: either(self.target_unit, file.target_unit),
            target_container: either(self.target_container, file.target_container),
            args: self.args.or(file.args),
            count: self.count,
            duration: self.duration,
            poll_interval: self.poll_interval.or(file.poll_interval),
            status_interval: self.status_interval.or(file.status_interval),
            attach: self.attach.or(file.attach),
            ring_size: self.ring_size.or(file.ring_size),
            queue_size: self.queue_size.or(file.queue_size),
        }
    }
}

fn either<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
    if first.is_empty() { second } else { first }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
