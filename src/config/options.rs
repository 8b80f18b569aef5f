//! The table of options. A row holds all that the command line, the configuration
//! file, `check-config`, a reload and the man pages know of an option. A new option
//! needs a row, code that uses it, and an entry in the sample file that explains
//! it.
//!
//! A row has
//! - the help text, as a doc comment;
//! - what the command line needs besides the name, as clap's `arg`;
//! - the key and the type of its values (`values.rs` and `amounts.rs`);
//! - `default`;
//! - for an option that the file can have, too:
//!   - `file`: the form of the value there, for the error about any other;
//!   - `parse`, if the type alone allows too much: a parser that holds values to
//!     a range, on the command line and in the file;
//!   - `change`: what it takes to change the option of a running sigtrail.

use std::path::PathBuf;

use clap::{ValueHint, value_parser};

use super::{
    amounts::{Size, Time, number_within, power_of_two_within, within, zero_or_within},
    table::options,
    values::{Destination, Pid, ThreadName, User, absolute},
};
use crate::{
    event::Syscall,
    names::SignalSet,
    select::{ContainerPattern, PodPattern, UnitPattern},
    sink::{Fsync, SinkConfig},
    trace::{Args, Attach, Exits, KernelSignals},
};

/// The sample file: each key with its default, explained.
pub const SAMPLE: &str = include_str!("../../config/sigtrail.toml");

/// The form in the file of an option that can be given more than once.
const LIST: &str = "a list, such as [\"a\", \"b\"]";

options! {
    "Output" {
        /// Read this configuration file; options override it. SIGHUP reads it again
        #[arg(value_name = "PATH")]
        config: PathBuf { default: PathBuf::new() }

        /// Append lines to this file instead of stdout
        #[arg(short, value_name = "PATH", value_hint = ValueHint::FilePath)]
        output: Destination {
            default: Destination::Stdout,
            file: "a path, or \"stdout\"",
            change: Restart,
        }

        /// Rotate before the file exceeds this size [4K or more, or 0: never]
        /// [default: 0]
        #[arg(value_name = "SIZE")]
        rotate_size: Size {
            default: Size(0),
            file: "a size such as \"64M\"",
            parse: zero_or_within(Size::kib(4)..=Size::gib(1 << 20)),
            change: Restart,
        }

        /// Rotate when the file reaches this age [1s or more, or 0: never]
        /// [default: 0]
        #[arg(value_name = "TIME")]
        rotate_age: Time {
            default: Time::ZERO,
            file: "a time such as \"24h\"",
            parse: zero_or_within(Time::secs(1)..=Time::days(3650)),
            change: Restart,
        }

        /// Rotated files to keep [0 to 100000] [default: 10]
        #[arg(value_name = "N")]
        keep: u32 {
            default: 10,
            file: "a number of files",
            parse: number_within("files", 0..=100_000),
            change: Restart,
        }

        /// Remove the oldest rotated files when all together exceed this size [4K
        /// or more, or 0: no limit] [default: 0]
        #[arg(value_name = "SIZE")]
        max_total: Size {
            default: Size(0),
            file: "a size such as \"1G\"",
            parse: zero_or_within(Size::kib(4)..=Size::gib(1 << 20)),
            change: Restart,
        }

        /// gzip rotated files from the second on [true or false] [default: true]
        #[arg(value_name = "BOOL")]
        compress: bool { default: true, file: "true or false", change: Restart }

        /// When to flush the file to the disk [never, rotation, or an interval from
        /// 100ms to 1h] [default: never]
        #[arg(value_name = "WHEN")]
        fsync: Fsync {
            default: Fsync::Never,
            file: "\"never\", \"rotation\" or a time",
            change: Restart,
        }

        /// Write counters to this file, for Prometheus's textfile collector
        #[arg(value_name = "PATH")]
        metrics_file: PathBuf { default: PathBuf::new(), file: "a path", change: Restart }

        /// Print aligned lines for people instead of JSON; in colour on a terminal,
        /// unless NO_COLOR is set
        #[arg(num_args = 0, default_missing_value = "true")]
        pretty: bool { default: false }
    }

    "Filters" {
        /// Only signals sent by these processes [pid, repeatable, or a comma list]
        #[arg(short = 'p', value_name = "PID", value_delimiter = ',')]
        sender_pid: Vec<Pid> { default: vec![], file: LIST, change: Filter }

        /// Only signals sent to these processes, also if the call fails; on the command
        /// line, also stop when all of them have ended [pid, repeatable, or a comma
        /// list]
        #[arg(short = 't', value_name = "PID", value_delimiter = ',')]
        target_pid: Vec<Pid> { default: vec![], file: LIST, change: Filter }

        /// Only these signals: a comma list of names (KILL, SIGTERM, SIGRTMIN+3)
        /// and numbers (0 to 64); ! excludes (!URG)
        #[arg(short, value_name = "LIST", allow_hyphen_values = true)]
        signal: SignalSet {
            default: SignalSet::ALL,
            file: "a comma list of signals",
            change: Filter,
        }

        /// Only calls that failed
        #[arg(short = 'x', num_args = 0, default_missing_value = "true")]
        failed: bool { default: false, file: "true or false", change: Filter }

        /// Only these system calls [comma list]
        #[arg(value_name = "LIST", value_delimiter = ',')]
        syscall: Vec<Syscall> { default: vec![], file: LIST, change: Filter }

        /// Only senders whose thread has this name [at most 15 bytes, repeatable]
        #[arg(value_name = "NAME")]
        sender_comm: Vec<ThreadName> { default: vec![], file: LIST, change: Filter }

        /// Only senders with this real user id [number or name, repeatable, or a
        /// comma list]
        #[arg(value_name = "UID", value_delimiter = ',')]
        sender_uid: Vec<User> { default: vec![], file: LIST, change: Filter }

        /// Only targets with this name [at most 15 bytes, repeatable]
        #[arg(value_name = "NAME")]
        target_comm: Vec<ThreadName> { default: vec![], file: LIST, change: Filter }

        /// Only targets with this real user id [number or name, repeatable, or a
        /// comma list]
        #[arg(value_name = "UID", value_delimiter = ',')]
        target_uid: Vec<User> { default: vec![], file: LIST, change: Filter }

        /// Only signals that end a process, or may: it is not always decided at once
        #[arg(num_args = 0, default_missing_value = "true")]
        fatal: bool { default: false, file: "true or false", change: Filter }

        /// Which signals to record that no call sent: from the kernel, for faults,
        /// terminals, timers and so on [default: deadly]
        #[arg(value_name = "WHICH")]
        kernel_signals: KernelSignals {
            default: KernelSignals::Deadly,
            file: "\"none\", \"deadly\" or \"all\"",
            change: Filter,
        }

        /// Which ends of processes to record: by a signal (killed), or also those of
        /// processes that were asked to end [default: all]
        #[arg(value_name = "WHICH")]
        exits: Exits {
            default: Exits::All,
            file: "\"none\", \"killed\" or \"all\"",
            change: Filter,
        }

        /// Only senders in this systemd unit [.service may be omitted; * and ? are
        /// wildcards; repeatable]
        #[arg(value_name = "UNIT")]
        unit: Vec<UnitPattern> { default: vec![], file: LIST, change: Filter }

        /// Only senders in this container [id, its first 6 or more digits, or name;
        /// * and ? are wildcards; repeatable]
        #[arg(value_name = "CONTAINER")]
        container: Vec<ContainerPattern> { default: vec![], file: LIST, change: Filter }

        /// Only senders in this Kubernetes pod [name, NAMESPACE/NAME or uid; * and ?
        /// are wildcards; repeatable]
        #[arg(value_name = "POD")]
        pod: Vec<PodPattern> { default: vec![], file: LIST, change: Filter }

        /// Only targets in this systemd unit [as --unit]
        #[arg(value_name = "UNIT")]
        target_unit: Vec<UnitPattern> { default: vec![], file: LIST, change: Filter }

        /// Only targets in this container [as --container]
        #[arg(value_name = "CONTAINER")]
        target_container: Vec<ContainerPattern> { default: vec![], file: LIST, change: Filter }

        /// Only targets in this Kubernetes pod [as --pod]
        #[arg(value_name = "POD")]
        target_pod: Vec<PodPattern> { default: vec![], file: LIST, change: Filter }
    }

    "Privacy" {
        /// How much of processes' arguments to record; they may hold secrets
        /// [default: full]
        #[arg(value_name = "WHAT")]
        args: Args {
            default: Args::Full,
            file: "\"full\", \"first\" or \"none\"",
            change: Restart,
        }
    }

    "Names" {
        /// Look for the names of containers and pods in files of their runtimes and
        /// the kubelet [true or false] [default: true]
        #[arg(value_name = "BOOL")]
        names: bool { default: true, file: "true or false", change: Restart }

        /// The root directory of the host, below which these files are; for a
        /// container that has it mounted elsewhere [default: /]
        #[arg(value_name = "PATH", value_hint = ValueHint::DirPath)]
        names_root: PathBuf {
            default: PathBuf::from("/"),
            file: "a path",
            parse: absolute,
            change: Restart,
        }

        /// Look here, too: a data root of Docker, a state directory of containerd, a
        /// root of containers/storage, or a directory with the kubelet's `pods` and
        /// `containers` [repeatable, or a comma list]
        #[arg(value_name = "PATH", value_delimiter = ',', value_hint = ValueHint::DirPath)]
        names_dir: Vec<PathBuf> { default: vec![], file: LIST, change: Restart }
    }

    "Ending" {
        /// Stop after this many signal lines
        #[arg(short = 'n', value_name = "N", value_parser = value_parser!(u64).range(1..))]
        count: u64 { default: u64::MAX }

        /// Stop after this time [such as 90s, 5m or 1h 30m]
        #[arg(value_name = "TIME", value_parser = within(Time::ms(1)..=Time::days(10_000)))]
        duration: Time { default: Time::MAX }
    }

    "Tuning" {
        /// Longest delay before lines are written [1ms to 1s] [default: 50ms]
        #[arg(value_name = "TIME")]
        poll_interval: Time {
            default: Time::ms(50),
            file: "a time such as \"50ms\"",
            parse: within(Time::ms(1)..=Time::secs(1)),
            change: Reload,
        }

        /// Time between status lines [1s to 24h, or 0 for none]
        /// [default: 1m]
        #[arg(value_name = "TIME")]
        status_interval: Time {
            default: Time::secs(60),
            file: "a time such as \"1m\"",
            parse: zero_or_within(Time::secs(1)..=Time::days(1)),
            change: Reload,
        }

        /// How to hook the system calls; auto is right unless you know better
        /// [default: auto]
        #[arg(value_name = "HOW")]
        attach: Attach {
            default: Attach::Auto,
            file: "\"auto\", \"tracepoint\", \"kprobe\", \"raw\" or \"light\"",
            change: Restart,
        }

        /// Remember who arranges for signals that come later: the owners of files,
        /// limits of other processes, tracers [true or false] [default: true]
        #[arg(value_name = "BOOL")]
        arrangers: bool { default: true, file: "true or false", change: Restart }

        /// Signals that ask a process to end: a comma list
        /// [default: SIGHUP,SIGINT,SIGQUIT,SIGTERM]
        #[arg(value_name = "LIST", allow_hyphen_values = true)]
        asking: SignalSet {
            default: SignalSet::ASKING,
            file: "a comma list of signals",
            change: Reload,
        }

        /// How long after such a signal the end of a process still counts as its
        /// answer [1s to 24h] [default: 5m]
        #[arg(value_name = "TIME")]
        exit_after: Time {
            default: Time::secs(300),
            file: "a time such as \"5m\"",
            parse: within(Time::secs(1)..=Time::days(1)),
            change: Reload,
        }

        /// Size of each CPU's ring buffer [a power of two from 4K to 64M]
        /// [default: 4M]
        #[arg(value_name = "SIZE")]
        ring_size: Size {
            default: Size::mib(4),
            file: "a size such as \"4M\"",
            parse: power_of_two_within(Size::kib(4)..=Size::mib(64)),
            change: Restart,
        }

        /// Processes whose names are kept: executable, arguments and descent [1024 to
        /// 4194304] [default: 65536]
        #[arg(value_name = "N")]
        process_table: u32 {
            default: 65_536,
            file: "a number of processes",
            parse: number_within("processes", 1024..=4_194_304),
            change: Restart,
        }

        /// Size of the queue for lines while the output is slow or fails [64K to 1G]
        /// [default: 8M]
        #[arg(value_name = "SIZE")]
        queue_size: Size {
            default: Size(SinkConfig::QUEUE_BYTES as u64),
            file: "a size such as \"8M\"",
            parse: within(Size::kib(64)..=Size::gib(1)),
            change: Restart,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;

    #[test]
    fn each_option_has_one_name_and_filters_are_under_their_heading() {
        let command = TraceArgs::augment_args(Command::new("sigtrail"));
        let mut keys = Vec::new();
        for option in command.get_arguments() {
            let key = option.get_id().as_str();
            assert_eq!(option.get_long().unwrap(), key.replace('_', "-"));
            let row = ROWS.iter().find(|row| row.key == key);
            let is_filter = row.is_some_and(|row| row.change == Change::Filter);
            assert_eq!(
                is_filter,
                option.get_help_heading() == Some("Filters"),
                "{key}"
            );
            keys.extend(row.map(|row| row.key));
        }
        assert!(keys.iter().eq(ROWS.iter().map(|row| &row.key)), "{keys:?}");
    }

    #[test]
    fn the_help_says_the_default() {
        let command = TraceArgs::augment_args(Command::new("sigtrail"));
        let config = Config::with_defaults(TraceArgs::default());
        let mut count = 0;
        for row in ROWS {
            let option = (command.get_arguments()).find(|option| option.get_id() == row.key);
            let help = option.unwrap().get_help().unwrap().to_string();
            let Some((_, stated)) = help.split_once("[default: ") else {
                continue;
            };
            let default = (row.show)(&config).to_string();
            assert_eq!(
                stated.trim_end_matches(']'),
                default.trim_matches('"'),
                "{}",
                row.key
            );
            count += 1;
        }
        assert!(count >= 10, "{count}");
    }

    #[test]
    fn what_is_given_first_counts() {
        let args = |output: &str, pids: &[u32]| TraceArgs {
            output: Some(output.parse().unwrap()),
            sender_pid: (!pids.is_empty()).then(|| pids.iter().copied().map(Pid).collect()),
            ..TraceArgs::default()
        };
        let config = Config::with_defaults(args("/a", &[]).over(args("/b", &[1, 2])));
        assert_eq!(config.output, "/a".parse().unwrap());
        assert_eq!(config.sender_pid, [Pid(1), Pid(2)]);
        let config = Config::with_defaults(args("/a", &[3]).over(args("/b", &[1, 2])));
        assert_eq!(config.sender_pid, [Pid(3)]);
        assert_eq!((config.keep, config.count), (10, u64::MAX));
    }
}
