//! Lines of type `exit`: who ended a process, by the word of wait(2) and of whoever
//! sent the signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowds;
mod daemons;
mod scripted;
mod servers;
mod truth;

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use common::{Daemon, Killed, check_file, compiled_folder, directory, own_comm};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// The program whose processes end.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    // Some of its victims execute it again.
    PROGRAM.get_or_init(|| compiled_folder("exits", &["-static"]))
}

/// What a run of the program said, and the lines that were written meanwhile of
/// processes that have its name.
struct Played {
    comm: String,
    said: Vec<Value>,
    lines: Vec<Value>,
}

/// Runs one of the program's programs beside a recording with some more arguments.
fn play(name: &str, words: &[&str], args: &[&str]) -> Played {
    play_before(name, words, args, false)
}

/// As [`play`]; if it is to be `blind`, nobody reads the rings meanwhile.
fn play_before(name: &str, words: &[&str], args: &[&str], blind: bool) -> Played {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let comm = own_comm(&format!("ex{number}"), std::process::id().into());
    let directory = directory();
    let path = directory.path().join("lines");
    let mut command = Command::new(program());
    command.args([name, &comm]).args(words);
    let filter = ["--target-comm", &comm, "--exits", "all"];
    let daemon = Daemon::start(&path, &[&filter, args].concat());
    if blind {
        daemon.suspend();
    }
    let said = run(command.current_dir(directory.path()));
    if blind {
        daemon.signal(Signal::CONT);
    }
    daemon.finish();
    let lines = read(&path);
    Played { comm, said, lines }
}

/// Runs the program to its end, and gives what it said. It needs no deadline of its
/// own: whoever it waits for ends with it, and it with the test.
fn run(command: &mut Command) -> Vec<Value> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    child.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = BufReader::new(child.0.stdout.take().unwrap());
    let said = (output.lines())
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(child.0.wait().unwrap().success());
    said
}

/// All lines of a run that has ended, each of which is checked.
fn read(path: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    check_file(path, |line| lines.push(line.value));
    lines
}

/// For the files of servers, which may be others than root.
fn open_directory() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    directory
}
