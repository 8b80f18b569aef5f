//! Runs fluent-bit, where there is one. Where there is none, `settings` and
//! `rules` are what can be said, and each test that would run it says so.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{Killed, nanoseconds, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{CONFIG, files, replace, text, values};

pub const FORMS: [&str; 2] = ["conf", "yaml"];

/// What the outputs take from the environment.
const ENVIRONMENT: [(&str, &str); 12] = [
    ("ELASTICSEARCH_HOST", "127.0.0.1"),
    ("ELASTICSEARCH_PASSWORD", "secret"),
    ("ELASTICSEARCH_USER", "sigtrail"),
    ("FORWARD_HOST", "127.0.0.1"),
    ("HOSTNAME", "web-1"),
    ("KAFKA_BROKERS", "127.0.0.1:9"),
    ("LOKI_HOST", "127.0.0.1"),
    ("OPENSEARCH_HOST", "127.0.0.1"),
    ("OPENSEARCH_PASSWORD", "secret"),
    ("OPENSEARCH_USER", "sigtrail"),
    ("SPLUNK_HOST", "127.0.0.1"),
    ("SPLUNK_TOKEN", "token"),
];

/// Whether there is one to try.
pub fn is_there() -> bool {
    let version = Command::new("fluent-bit")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if version.is_err() {
        println!("no fluent-bit on PATH: only our side of its rules was checked");
    }
    version.is_ok()
}

pub fn command(directory: &Path) -> Command {
    let mut command = Command::new("fluent-bit");
    command
        .envs(ENVIRONMENT)
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

/// The shipped files of one form as a user copies them, with an output, in a
/// directory of their own.
pub struct Settings {
    pub room: TempDir,
    form: &'static str,
}

impl Settings {
    /// Reads a log in this directory.
    pub fn new(form: &'static str, log: &str, output: &str) -> Self {
        let room = tempfile::tempdir().unwrap();
        let place = room.path().display().to_string();
        for name in files("fluent-bit", form) {
            let mut file = text(format!("{CONFIG}/fluent-bit/{name}"));
            if name.starts_with("tail") {
                file = replace(
                    &file,
                    &[
                        ("/var/log/sigtrail", log.to_owned()),
                        ("/var/lib/fluent-bit", place.clone()),
                    ],
                );
                // It is waited for often.
                file = file.replace("    Flush         1\n", "    Flush         0.05\n");
                file = file.replace("  flush: 1\n", "  flush: 0.05\n");
                assert!(file.contains("0.05"), "{file}");
            }
            fs::write(room.path().join(name), file).unwrap();
        }
        let script = text(format!("{CONFIG}/ecs/ecs.lua"));
        fs::write(room.path().join("ecs.lua"), script).unwrap();
        let settings = Self { room, form };
        settings.set_output(output);
        settings
    }

    pub fn set_output(&self, output: &str) {
        fs::write(self.path(&format!("output.{}", self.form)), output).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// What fluent-bit has printed, in all of its runs.
    pub fn printed(&self) -> String {
        text(self.path("stdout"))
    }

    pub fn start(&self) -> FluentBit {
        let open = |name| {
            let mut options = File::options();
            options.create(true).append(true);
            options.open(self.path(name)).unwrap()
        };
        let child = command(self.room.path())
            .args(["-c", &format!("tail.{}", self.form)])
            .stdout(open("stdout"))
            .stderr(open("stderr"))
            .spawn()
            .unwrap();
        FluentBit(Killed(child))
    }

    /// What it said itself, if that is not only of its life.
    pub fn assert_no_errors(&self) {
        let said = text(self.path("stderr"));
        let mut errors = said.lines().filter(|line| line.contains("[error]"));
        assert_eq!(errors.next(), None, "{said}");
    }
}

pub struct FluentBit(pub Killed);

impl FluentBit {
    pub fn end(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.0.0), signal).unwrap();
        wait_until("fluent-bit's end", || {
            self.0.0.try_wait().unwrap().is_some()
        });
    }
}

pub fn output(name: &str, form: &str) -> String {
    text(format!("{CONFIG}/fluent-bit/outputs/{name}.{form}"))
}

/// The filter for ECS, before an output.
pub fn with_ecs(form: &str, output: &str) -> String {
    if form == "conf" {
        return format!("@INCLUDE ecs.conf\n{output}");
    }
    let filter = text(format!("{CONFIG}/fluent-bit/ecs.yaml"));
    let (_, filter) = filter.split_once("pipeline:\n").unwrap();
    format!("{output}{filter}")
}

/// A line of its output `file`: the record's time in nanoseconds, and the record.
pub fn dated(line: &str) -> (i64, Value) {
    let line = line.strip_prefix("sigtrail: [").unwrap();
    let (time, record) = line.strip_suffix(']').unwrap().split_once(", ").unwrap();
    let (seconds, fraction) = time.split_once('.').unwrap();
    assert_eq!(fraction.len(), 9, "{time}");
    let time = format!("{seconds}{fraction}").parse().unwrap();
    (time, serde_json::from_str(record).unwrap())
}

/// What was printed as JSON, and not as a log.
pub fn documents_of(printed: &str) -> Vec<Value> {
    let lines = printed.lines().filter(|line| line.starts_with('{'));
    values(&lines.collect::<Vec<_>>().join("\n"))
}

/// It reads fractions as floating point numbers.
#[track_caller]
pub fn assert_is_time_of(time: i64, record: &Value) {
    let timestamp = record["timestamp"].as_str().unwrap();
    let off = nanoseconds(timestamp).unwrap() - time;
    assert!((0..=1).contains(&off), "{timestamp} became {time}");
}

/// Runs it until this is so.
pub fn run_until(settings: &Settings, what: &str, is_so: impl FnMut() -> bool) {
    let fluent_bit = settings.start();
    wait_until(what, is_so);
    fluent_bit.end(Signal::TERM);
    settings.assert_no_errors();
}
