//! Attacks on what is said of calls: senders that try to have their calls taken for
//! something else, or to have no line at all. What they really did, they say themselves:
//! `main.c`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod infos;
mod mixture;
mod noise;
mod reuse;
mod timers;
mod waits;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::{
    DEADLINE, Daemon, Killed, check_file, compiled_folder, directory, own_comm, wait_until_within,
};
use serde_json::Value;
use tempfile::TempDir;

/// So much that nothing is lost in it.
const RING: [&str; 2] = ["--ring-size", "64M"];
const ATTACH: [[&str; 2]; 2] = [["--attach", "tracepoint"], ["--attach", "raw"]];

/// Lines of a run, beside what really happened.
struct Recording {
    truth: Vec<Value>,
    directory: TempDir,
}

/// Has the program do this while it is traced, and nothing else is.
#[track_caller]
fn record(words: &str, args: &[&[&str]]) -> Recording {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let directory = directory();
    let number = RUNS.fetch_add(1, Ordering::Relaxed) % 10_000;
    let comm = own_comm(&format!("ev{number}"), process::id().into());
    let args = [&args.concat(), &["--sender-comm", &comm][..]].concat();
    let daemon = Daemon::start(&lines_in(&directory), &[&args, &RING[..]].concat());
    let truth = perform(words, &comm, &directory);
    daemon.finish();
    Recording { truth, directory }
}

fn lines_in(directory: &TempDir) -> PathBuf {
    directory.path().join("lines")
}

/// Gives what the program says.
#[track_caller]
fn perform(words: &str, comm: &str, directory: &TempDir) -> Vec<Value> {
    let said = directory.path().join("said");
    let mut words = words.split(' ');
    let child = Command::new(program())
        .arg(words.next().unwrap())
        .arg(comm)
        .args(words)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut status = None;
    wait_until_within(5 * DEADLINE, "its end", || {
        status = child.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{status:?}");
    let said = fs::read_to_string(said).unwrap();
    (said.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

impl Recording {
    /// Takes each line of a call, and each that belongs to one. Gives how many calls
    /// were lost.
    #[track_caller]
    fn each(&self, mut take: impl FnMut(Value)) -> u64 {
        let mut lost = 0;
        let mut last = Value::Null;
        check_file(&lines_in(&self.directory), |line| {
            let line = line.value;
            match line["type"].as_str().unwrap() {
                "lost" if line["what"] == "calls" => lost += line["count"].as_u64().unwrap(),
                "signal" | "recipients" => take(line),
                _ => last = line,
            }
        });
        assert_eq!(last["state"], "stopped");
        lost
    }

    /// The lines of calls, of which none was lost. Their recipients are with them.
    #[track_caller]
    fn calls(&self) -> Vec<Value> {
        let mut calls: Vec<Value> = Vec::new();
        let lost = self.each(|line| match line["type"].as_str() {
            Some("recipients") => {
                let call = calls.iter_mut().rev();
                let mut call = call.filter(|call| call["seq"] == line["call_seq"]);
                let known = call.next().unwrap()["recipients"].as_array_mut().unwrap();
                known.extend(line["recipients"].as_array().unwrap().clone());
            }
            _ => calls.push(line),
        });
        assert_eq!(lost, 0);
        calls
    }
}

/// Compares each call with what its sender did, in order.
#[track_caller]
fn assert_each(lines: &[Value], truth: &[&Value], wrong: impl Fn(&Value, &Value) -> bool) {
    let both = lines.iter().zip(truth);
    let wrong: Vec<_> = (both.filter(|(line, truth)| wrong(line, truth)))
        .map(|(line, truth)| format!("{truth}: {line}"))
        .collect();
    let first = wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} are wrong:\n{first}", wrong.len());
    assert_eq!(lines.len(), truth.len());
}

/// Whether a line is of a call that succeeded, and its entry was seen where it can be.
fn is_whole(line: &Value, narrow: bool) -> bool {
    let seen = match narrow {
        true => line["abi"] == "i386" && (line["witness_only"] == true || line["ret"] == 0),
        false => line["ret"] == 0 && line["entry_missing"].is_null() && line["abi"].is_null(),
    };
    seen && line["origin"] == "call"
}

/// The processes that a call reached, in the order of their numbers.
fn recipients(line: &Value) -> Vec<i64> {
    let recipients = line["recipients"].as_array().unwrap();
    let pid = |recipient: &Value| recipient["pid"].as_i64().unwrap();
    let mut pids: Vec<_> = recipients.iter().map(pid).collect();
    pids.sort_unstable();
    pids
}

fn members(truth: &Value) -> Vec<i64> {
    let members = truth["members"].as_array().unwrap().iter();
    let mut members: Vec<_> = members.map(|member| member.as_i64().unwrap()).collect();
    members.sort_unstable();
    members
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compiled_folder("evasions", &[]))
}
