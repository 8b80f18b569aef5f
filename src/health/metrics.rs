//! The counters as a file for Prometheus's textfile collector.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    loss::{Entry, Losses},
    record::{GaugeKind, GaugeValue, Gauges},
};

/// About as often as Prometheus asks.
const INTERVAL: Duration = Duration::from_secs(15);

/// A file of counters.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    fresh: PathBuf,
    interval: Duration,
    next: Instant,
    failed: bool,
}

impl Metrics {
    /// The file is written first at `now`, then each status interval or 15 s.
    pub fn new(path: &Path, status_interval: Option<Duration>, now: Instant) -> Self {
        // The collector reads only names that end in .prom.
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".new");
        Self {
            path: path.to_owned(),
            fresh: path.with_file_name(name),
            interval: status_interval.unwrap_or(INTERVAL).min(INTERVAL),
            next: now,
            failed: false,
        }
    }

    /// Whether it is time to write it.
    pub fn due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Writes it, whole or not at all. The first of several failures is reported
    /// on stderr.
    pub fn write(&mut self, text: &str, now: Instant) {
        self.next = now + self.interval;
        let result = self.replace(text);
        if let Err(error) = &result
            && !self.failed
        {
            let path = self.path.display();
            let _ = writeln!(
                io::stderr(),
                "sigtrail: cannot write the metrics file {path}: {error}; trying again"
            );
        }
        self.failed = result.is_err();
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        // A crash may have left one. Nobody else makes files of this name.
        match fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A new file, so that no link is followed.
        let mut options = OpenOptions::new();
        let mut file: File =
            (options.write(true).create_new(true).mode(0o644)).open(&self.fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&self.fresh, &self.path)
    }
}

/// The counters in Prometheus's text format.
pub fn text(events: u64, losses: &Losses, gauges: &Gauges, blind: bool) -> String {
    let mut text = Text::default();
    text.head("events_total", GaugeKind::Counter, "Signal lines.");
    text.sample("events_total", "", events);
    let help = "Calls, and other signals, without a line.";
    text.head("lost_total", GaugeKind::Counter, help);
    for entry in Entry::all() {
        let (what, reason) = (entry.what.name(), entry.reason.name());
        let label = format!("{{what=\"{what}\",reason=\"{reason}\"}}");
        text.sample("lost_total", &label, losses.total_of(entry));
    }
    for gauge in gauges.all() {
        text.head(gauge.name, gauge.kind, gauge.help);
        match gauge.value {
            GaugeValue::Number(value) => text.sample(gauge.name, "", value),
            GaugeValue::ByErrno(values) => {
                for (errno, &value) in values {
                    text.sample(gauge.name, &format!("{{errno=\"{errno}\"}}"), value);
                }
            }
        }
    }
    let help = "1 while sigtrail's own calls do not come back.";
    text.head("blind", GaugeKind::Gauge, help);
    text.sample("blind", "", blind.into());
    text.0
}

/// Lines of Prometheus's text format. Writing to a string does not fail.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: GaugeKind, help: &str) {
        let (kind, help) = (kind.name(), help.trim());
        let _ = writeln!(self.0, "# HELP sigtrail_{name} {help}");
        let _ = writeln!(self.0, "# TYPE sigtrail_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: u64) {
        let _ = writeln!(self.0, "sigtrail_{name}{labels} {value}");
    }
}
