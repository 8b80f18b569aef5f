//! A sigtrail that writes to a file, as a service does.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{command, wait_until};

pub fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a configuration in one step, as its owner would.
pub fn configure(directory: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join("sigtrail.toml");
    let fresh = directory.join("fresh");
    fs::write(&fresh, text).unwrap();
    fs::set_permissions(&fresh, PermissionsExt::from_mode(0o640)).unwrap();
    fs::rename(fresh, &path).unwrap();
    path
}

/// A running sigtrail. It is killed if a test forgets it.
#[derive(Debug)]
pub struct Daemon {
    child: Option<Child>,
    pub path: PathBuf,
}

impl Daemon {
    /// Traces what threads of this name send, into a file, and waits for the
    /// line that says so.
    pub fn start(path: &Path, comm: &str, more: &[&str]) -> Self {
        let mut run = command(&["--sender-comm", comm, "-o"]);
        run.arg(path).args(more);
        Self::run(path, &mut run)
    }

    /// As [`Self::start`], with any command that ends up as sigtrail.
    pub fn run(path: &Path, run: &mut Command) -> Self {
        let before = count(path, "started");
        let daemon = Self::spawn(path, run);
        daemon.wait_for("started", before + 1);
        daemon
    }

    pub fn spawn(path: &Path, run: &mut Command) -> Self {
        let child = run
            // Whatever becomes of the test, it ends.
            .args(["--duration", "2m"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child: Some(child),
            path: path.to_owned(),
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until its file has so many status lines of a state.
    pub fn wait_for(&self, state: &str, times: usize) {
        wait_until(state, || count(&self.path, state) >= times);
    }

    /// Ends it with a signal, and waits for that.
    pub fn end(mut self, signal: Signal) -> Output {
        self.signal(signal);
        self.child.take().unwrap().wait_with_output().unwrap()
    }

    /// Ends it well.
    #[track_caller]
    pub fn stop(self) {
        let output = self.end(Signal::TERM);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((said.as_ref(), output.status.code()), ("", Some(0)));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How many status lines have this state. The last line may be half there.
pub fn count(path: &Path, state: &str) -> usize {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.matches(&format!(r#""state":"{state}""#)).count()
}

/// All lines of a file, each of which must be one.
#[track_caller]
pub fn lines(path: &Path) -> Vec<Value> {
    let bytes = fs::read(path).unwrap();
    (bytes.split_inclusive(|&byte| byte == b'\n'))
        .map(|line| {
            assert!(line.ends_with(b"\n") && line.len() <= 4096, "{line:?}");
            let value = serde_json::from_slice(line);
            value.unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(line)))
        })
        .collect()
}

/// Calls that are lines, and calls that the lost lines count. Each line of the
/// run is there once, in order.
#[track_caller]
pub fn tally(lines: &[Value]) -> (u64, u64) {
    for (line, seq) in lines.iter().zip(1..) {
        assert_eq!(line["seq"], seq, "{line}");
    }
    let signals = lines.iter().filter(|line| line["type"] == "signal").count();
    let lost = lines.iter().filter(|line| line["type"] == "lost");
    let lost = lost.map(|line| line["count"].as_u64().unwrap()).sum();
    (signals as u64, lost)
}

/// The law: each call is a line or counted, and the end says the same.
#[track_caller]
pub fn assert_law(lines: &[Value], calls: u64) -> u64 {
    let (signals, lost) = tally(lines);
    println!("{calls} calls = {signals} lines + {lost} lost");
    assert_eq!(signals + lost, calls);
    let last = lines.last().unwrap();
    assert_eq!(last["state"], "stopped");
    assert_eq!(
        (&last["events"], &last["lost"]),
        (&signals.into(), &lost.into())
    );
    lost
}

/// The last status line of a state.
#[track_caller]
pub fn last_of(path: &Path, state: &str) -> Value {
    let text = fs::read_to_string(path).unwrap();
    let values = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = values.filter(|line| line["state"] == state);
    found.reduce(|_, later| later).unwrap()
}
