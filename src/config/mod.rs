//! File and flags -> one validated configuration.

mod amounts;
mod file;
mod options;
mod shown;
mod table;
mod values;

use std::path::Path;

pub use self::{
    file::Invalid,
    options::{Config, SAMPLE, TraceArgs},
    shown::{filters_shown, shown},
};
use self::{
    options::ROWS,
    shown::in_order,
    table::Change,
    values::{Pid, ThreadName, User},
};
use crate::{
    identity::{Places, Users},
    select::{NameFilters, Within},
    sink::{FileConfig, Output, Rotation, SinkConfig},
    trace::{Filters, Options},
};

/// Where packages install the file. Only the unit reads it from there.
pub const INSTALLED: &str = "/etc/sigtrail/sigtrail.toml";

impl Config {
    /// The defaults, overridden by the file that the command line names,
    /// overridden by the command line.
    ///
    /// # Errors
    /// [`Invalid`]: what is wrong with which value.
    pub fn new(args: &TraceArgs, users: &Users) -> Result<Self, Invalid> {
        let file = match &args.config {
            Some(path) => file::read(path)?,
            None => TraceArgs::default(),
        };
        Self::of(args.clone().over(file), users)
    }

    /// What a configuration file of these bytes makes by itself.
    ///
    /// # Errors
    /// [`Invalid`]: what is wrong with which value.
    pub fn from_bytes(bytes: &[u8], users: &Users) -> Result<Self, Invalid> {
        Self::of(file::from_bytes(bytes.to_vec())?, users)
    }

    fn of(args: TraceArgs, users: &Users) -> Result<Self, Invalid> {
        let mut config = Self::with_defaults(args);
        for row in ROWS {
            (row.resolve)(&mut config, users)
                .map_err(|why| Invalid(format!("{} {why}", row.key.replace('_', "-"))))?;
        }
        Ok(config)
    }

    /// Takes from a configuration that was read again what a reload can change.
    /// Returns the keys of what it would change, too, but only a restart can.
    pub fn adopt(&mut self, new: &Self) -> Vec<&'static str> {
        let mut waiting = Vec::new();
        for row in in_order() {
            match row.change {
                Change::Reload | Change::Filter => (row.adopt)(self, new),
                Change::Restart if (row.show)(self) != (row.show)(new) => waiting.push(row.key),
                Change::Restart => {}
            }
        }
        waiting
    }

    /// How calls are traced.
    pub fn tracing(&self) -> Options {
        Options {
            filters: self.filters(),
            ring_bytes: self.ring_size.in_memory(),
            args: self.args,
            attach: self.attach,
            arrangers: self.arrangers,
        }
    }

    /// The filters that the probes apply.
    pub fn filters(&self) -> Filters {
        let pids = |pids: &[Pid]| pids.iter().map(|pid| pid.0).collect();
        let uids = |users: &[User]| users.iter().filter_map(User::uid).collect();
        let comms = |names: &[ThreadName]| names.iter().map(|name| name.0.clone()).collect();
        Filters {
            sender_pids: pids(&self.sender_pid),
            target_pids: pids(&self.target_pid),
            sender_uids: uids(&self.sender_uid),
            target_uids: uids(&self.target_uid),
            sender_comms: comms(&self.sender_comm),
            target_comms: comms(&self.target_comm),
            signals: self.signal,
            syscalls: self.syscall.clone(),
            failed: self.failed,
            fatal: self.fatal,
            kernel_signals: self.kernel_signals,
            exits: self.exits,
            asking: self.asking,
        }
    }

    /// What senders and targets must run in.
    pub fn name_filters(&self) -> NameFilters {
        NameFilters {
            senders: Within {
                units: self.unit.clone(),
                containers: self.container.clone(),
                pods: self.pod.clone(),
            },
            targets: Within {
                units: self.target_unit.clone(),
                containers: self.target_container.clone(),
                pods: self.target_pod.clone(),
            },
        }
    }

    /// Where names of containers are looked for, if they are.
    pub fn places(&self) -> Option<Places> {
        self.names.then(|| Places {
            root: self.names_root.clone(),
            more: self.names_dir.clone(),
        })
    }

    /// How the output is opened.
    pub fn sink(&self) -> SinkConfig {
        let output = match self.output.file() {
            None => Output::Stdout,
            Some(path) => Output::File(FileConfig {
                rotation: self.rotation(),
                fsync: self.fsync,
                ..FileConfig::append(path)
            }),
        };
        SinkConfig {
            output,
            queue_bytes: self.queue_size.in_memory(),
        }
    }

    /// When the output file is replaced, if it ever is.
    fn rotation(&self) -> Option<Rotation> {
        let rotation = Rotation {
            max_size: self.rotate_size.or_none(),
            max_age: self.rotate_age.or_none(),
            keep: self.keep,
            max_total: self.max_total.or_none(),
            compress: self.compress,
        };
        (rotation.max_size.is_some() || rotation.max_age.is_some()).then_some(rotation)
    }

    /// Where Prometheus finds the counters, if anywhere.
    pub fn metrics_path(&self) -> Option<&Path> {
        Some(self.metrics_file.as_path()).filter(|path| !path.as_os_str().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::from_bytes(text.as_bytes(), &Users::system()).unwrap()
    }

    #[test]
    fn the_sample_file_has_each_option_with_its_default_and_explains_it() {
        let is_setting = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let settings = SAMPLE.lines().filter(is_setting);
        let settings: String = settings.map(|line| format!("{line}\n")).collect();
        assert_eq!(settings, shown(&config("")));
        assert_eq!(settings, shown(&config(SAMPLE)));
        for (before, line) in SAMPLE.lines().zip(SAMPLE.lines().skip(1)) {
            assert!(!is_setting(&line) || before.starts_with("# "), "{line}");
        }
    }

    #[test]
    fn a_reload_takes_filters_and_intervals_and_names_what_waits() {
        let live = "poll_interval = \"5ms\"\nsignal = \"KILL\"\nunit = [\"a\"]\n";
        let mut running = config("keep = 3");
        let new = config(&format!("{live}keep = 4\nring_size = \"64K\""));
        for _ in 0..2 {
            assert_eq!(running.adopt(&new), ["keep", "ring_size"]);
            assert_eq!(shown(&running), shown(&config(&format!("{live}keep = 3"))));
        }
        assert_eq!(running.adopt(&config("")), ["keep"]);
        assert_eq!(shown(&running), shown(&config("keep = 3")));
    }

    #[test]
    fn filters_are_shown_in_few_words() {
        let text = "keep = 1\nunit = [\"a b\", 2]\nfatal = true\nsignal = \"kill,15\"";
        assert_eq!(
            filters_shown(&config(text)),
            "signal=SIGKILL,SIGTERM fatal unit=a b,2"
        );
        assert_eq!(filters_shown(&config("")), "");
    }

    #[test]
    fn users_are_numbers_once_the_options_are_read() {
        let config = config("sender_uid = [\"root\", 5]");
        assert_eq!(config.filters().sender_uids, [0, 5]);
        let refusal = Config::from_bytes(b"target_uid = [\"no one\"]", &Users::system());
        let refusal = refusal.unwrap_err().to_string();
        assert!(
            refusal.starts_with("target-uid no one: no such user"),
            "{refusal}"
        );
    }
}
