//! Flags -> one validated configuration.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Result, bail};

use crate::{
    cli::TraceArgs,
    event::Syscall,
    identity::Users,
    select::Places,
    trace::{Filters, Options},
};

/// What a run does. All values are in range.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the probes do.
    pub trace: Options,
    /// Where senders and targets must run.
    pub places: Places,
    /// Longest time between two readings of the rings.
    pub poll_interval: Duration,
    /// Time between status lines.
    pub status_interval: Option<Duration>,
    /// Signal lines to stop after.
    pub count: Option<u64>,
    /// Time to stop after.
    pub duration: Option<Duration>,
    /// A file to append to instead of stdout.
    pub output: Option<PathBuf>,
    /// What a line looks like.
    pub format: Format,
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON object.
    Json,
    /// Columns for people.
    Pretty {
        /// With terminal escapes.
        colour: bool,
    },
}

impl Config {
    /// Resolves what the flags left open.
    ///
    /// # Errors
    /// A user name that `/etc/passwd` does not have.
    pub fn new(args: TraceArgs, users: &Users) -> Result<Self> {
        let uids = |option, texts: &[String]| {
            (texts.iter().map(|text| uid(option, text, users))).collect::<Result<_>>()
        };
        let syscalls = (args.syscall.iter())
            .filter_map(|name| Syscall::from_name(name))
            .collect();
        let colour = args.output.is_none()
            && io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Ok(Self {
            trace: Options {
                filters: Filters {
                    sender_uids: uids("--sender-uid", &args.sender_uid)?,
                    target_uids: uids("--target-uid", &args.target_uid)?,
                    sender_pids: args.sender_pid,
                    target_pids: args.target_pid,
                    sender_comms: args.sender_comm,
                    target_comms: args.target_comm,
                    signals: args.signal.unwrap_or_default(),
                    syscalls,
                    failed: args.failed,
                    fatal: args.fatal,
                },
                ring_bytes: args.ring_size,
                args: args.args,
            },
            places: Places {
                units: args.unit,
                containers: args.container,
                target_units: args.target_unit,
                target_containers: args.target_container,
            },
            poll_interval: args.poll_interval,
            status_interval: Some(args.status_interval).filter(|time| !time.is_zero()),
            count: args.count,
            duration: args.duration,
            output: args.output,
            format: if args.pretty {
                Format::Pretty { colour }
            } else {
                Format::Json
            },
        })
    }
}

fn uid(option: &str, text: &str, users: &Users) -> Result<u32> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    match users.uid_of(text) {
        Some(uid) => Ok(uid),
        None => bail!(
            "{option} {text}: no such user in /etc/passwd; give a user id or a name from there"
        ),
    }
}
