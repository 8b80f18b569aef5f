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
    loss::{Losses, Reason},
    record::Gauges,
};

/// Prometheus asks about as often.
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

    /// Writes it, whole or not at all. A failure is said once, on stderr.
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
        // One that a crash left; nobody else makes files of this name.
        match fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // New, so that no link is followed.
        let mut options = OpenOptions::new();
        let mut file: File =
            (options.write(true).create_new(true).mode(0o644)).open(&self.fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&self.fresh, &self.path)
    }
}

/// The counters in Prometheus's text format.
pub fn text(events: u64, losses: &Losses, gauges: &Gauges, blind: bool) -> String {
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, values: &[(String, u64)]| {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "# HELP sigtrail_{name} {help}\n# TYPE sigtrail_{name} {kind}"
        );
        for (labels, value) in values {
            let _ = writeln!(text, "sigtrail_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    let lost: Vec<_> = (Reason::ALL.into_iter())
        .map(|reason| {
            let label = format!("{{reason=\"{}\"}}", reason.name());
            (label, losses.total_of(reason))
        })
        .collect();
    let errors: Vec<_> = (gauges.sink_errors.iter())
        .map(|(errno, &count)| (format!("{{errno=\"{errno}\"}}"), count))
        .collect();
    put("events_total", "counter", "Signal lines.", &one(events));
    put("lost_total", "counter", "Calls without a line.", &lost);
    put(
        "lines_written_total",
        "counter",
        "Lines written.",
        &one(gauges.lines_written),
    );
    put(
        "bytes_written_total",
        "counter",
        "Bytes written.",
        &one(gauges.bytes_written),
    );
    put(
        "sink_errors_total",
        "counter",
        "Failures of the output.",
        &errors,
    );
    put(
        "rotations_total",
        "counter",
        "Files finished.",
        &one(gauges.rotations),
    );
    let repaired = one(gauges.torn_tails_repaired);
    put(
        "torn_tails_repaired_total",
        "counter",
        "Torn lines ended or cut off.",
        &repaired,
    );
    put(
        "canaries_total",
        "counter",
        "Own calls that came back.",
        &one(gauges.canaries),
    );
    put(
        "cpu_milliseconds_total",
        "counter",
        "Processor time.",
        &one(gauges.cpu_ms),
    );
    put(
        "queue_bytes",
        "gauge",
        "Bytes that wait for the output.",
        &one(gauges.queue_bytes),
    );
    put(
        "queue_bytes_max",
        "gauge",
        "The most that waited.",
        &one(gauges.queue_bytes_max),
    );
    put(
        "ring_bytes",
        "gauge",
        "Bytes of each CPU's ring.",
        &one(gauges.ring_bytes),
    );
    put(
        "ring_bytes_max",
        "gauge",
        "The most that a reading found in one of them.",
        &one(gauges.ring_bytes_max),
    );
    put(
        "gap_milliseconds_max",
        "gauge",
        "The longest time between two readings of the rings.",
        &one(gauges.gap_ms_max),
    );
    put(
        "images_cached",
        "gauge",
        "Executables kept in memory.",
        &one(gauges.images_cached),
    );
    put(
        "cgroups_cached",
        "gauge",
        "Control groups kept in memory.",
        &one(gauges.cgroups_cached),
    );
    put(
        "resident_kibibytes",
        "gauge",
        "Resident memory.",
        &one(gauges.rss_kib),
    );
    put(
        "blind",
        "gauge",
        "1 while its own calls do not come back.",
        &one(blind.into()),
    );
    text
}
