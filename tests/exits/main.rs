//! Lines of type `exit`: who ended a process, by the word of wait(2) and of whoever
//! sent the signals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowds;
mod daemons;
mod scripted;
mod servers;

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use common::{
    Daemon, check_file, directory,
    ends::{Played, program, run},
    own_comm,
};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

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
