//! File and flags -> one validated configuration.

mod file;
mod shown;
pub mod values;

use std::{fmt, path::PathBuf, time::Duration};

pub use self::shown::{FILTERS, differences, filters_shown, shown};
use self::values::Destination;
use crate::{
    cli::TraceArgs,
    event::Syscall,
    identity::Users,
    select::NameFilters,
    sink::{FileConfig, Fsync, Output, Rotation, SinkConfig},
    trace::{Filters, Options},
};

/// Where packages install the file. Only the unit reads it from there.
pub const INSTALLED: &str = "/etc/sigtrail/sigtrail.toml";

const RING_BYTES: usize = 4 << 20;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const STATUS_INTERVAL: Duration = Duration::from_secs(60);
const KEEP: u32 = 10;

/// A configuration that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// What a run does. All values are in range.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the probes do.
    pub trace: Options,
    /// What senders and targets must run in.
    pub name_filters: NameFilters,
    /// Longest time between two readings of the rings.
    pub poll_interval: Duration,
    /// Time between status lines.
    pub status_interval: Option<Duration>,
    /// Signal lines to stop after.
    pub count: Option<u64>,
    /// Time to stop after.
    pub duration: Option<Duration>,
    /// Where lines go.
    pub output: Destination,
    /// When the output file is replaced, if it ever is.
    pub rotation: Rotation,
    /// When the output file is flushed to the disk.
    pub fsync: Fsync,
    /// Bytes of lines that may wait.
    pub queue_bytes: usize,
    /// Where Prometheus finds the counters.
    pub metrics_file: Option<PathBuf>,
    /// Aligned lines for people instead of JSON.
    pub pretty: bool,
}

impl Config {
    /// The defaults, overridden by the file that the command line names,
    /// overridden by the command line.
    ///
    /// # Errors
    /// [`Invalid`]: what is wrong with which value.
    pub fn new(args: &TraceArgs, users: &Users) -> Result<Self, Invalid> {
        let given = match &args.config {
            Some(path) => file::read(path)?,
            None => TraceArgs::default(),
        };
        Self::of(args.clone().over(given), users)
    }

    /// What a configuration file of these bytes makes by itself.
    ///
    /// # Errors
    /// [`Invalid`]: what is wrong with which value.
    pub fn from_bytes(bytes: &[u8], users: &Users) -> Result<Self, Invalid> {
        Self::of(file::from_bytes(bytes.to_vec())?, users)
    }

    fn of(args: TraceArgs, users: &Users) -> Result<Self, Invalid> {
        let uids = |option, texts: &[String]| {
            (texts.iter().map(|text| uid(option, text, users))).collect::<Result<_, _>>()
        };
        let syscalls = (args.syscall.iter())
            .filter_map(|name| Syscall::from_name(name))
            .collect();
        let limit = |bytes: Option<u64>| bytes.filter(|&bytes| bytes > 0);
        Ok(Self {
            trace: Options {
                filters: Filters {
                    sender_uids: uids("sender-uid", &args.sender_uid)?,
                    target_uids: uids("target-uid", &args.target_uid)?,
                    sender_pids: args.sender_pid,
                    target_pids: args.target_pid,
                    sender_comms: args.sender_comm,
                    target_comms: args.target_comm,
                    signals: args.signal.unwrap_or_default(),
                    syscalls,
                    failed: args.failed,
                    fatal: args.fatal,
                },
                ring_bytes: args.ring_size.unwrap_or(RING_BYTES),
                args: args.args.unwrap_or_default(),
                attach: args.attach.unwrap_or_default(),
            },
            name_filters: NameFilters {
                units: args.unit,
                containers: args.container,
                target_units: args.target_unit,
                target_containers: args.target_container,
            },
            poll_interval: args.poll_interval.unwrap_or(POLL_INTERVAL),
            status_interval: Some(args.status_interval.unwrap_or(STATUS_INTERVAL))
                .filter(|time| !time.is_zero()),
            count: args.count,
            duration: args.duration,
            output: args.output.unwrap_or_default(),
            rotation: Rotation {
                max_size: limit(args.rotate_size),
                max_age: args.rotate_age.filter(|time| !time.is_zero()),
                keep: args.keep.unwrap_or(KEEP),
                max_total: limit(args.max_total),
                compress: args.compress.unwrap_or(true),
            },
            fsync: args.fsync.unwrap_or(Fsync::Never),
            queue_bytes: args.queue_size.unwrap_or(SinkConfig::QUEUE_BYTES),
            metrics_file: (args.metrics_file).filter(|path| !path.as_os_str().is_empty()),
            pretty: args.pretty,
        })
    }

    /// How the output is opened.
    pub fn sink(&self) -> SinkConfig {
        let output = match self.output.file() {
            None => Output::Stdout,
            Some(path) => {
                let rotates = self.rotation.max_size.is_some() || self.rotation.max_age.is_some();
                Output::File(FileConfig {
                    rotation: rotates.then(|| self.rotation.clone()),
                    fsync: self.fsync,
                    ..FileConfig::append(path)
                })
            }
        };
        SinkConfig {
            output,
            queue_bytes: self.queue_bytes,
        }
    }
}

fn uid(option: &str, text: &str, users: &Users) -> Result<u32, Invalid> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    users.uid_of(text).ok_or_else(|| {
        Invalid(format!(
            "{option} {text}: no such user in /etc/passwd; give a user id or a name from there"
        ))
    })
}
