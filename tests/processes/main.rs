//! What runs in a process, and who started it, also if it has ended by the time
//! its line is written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ancestry;
mod floods;
mod server;
mod victims;
mod workers;

use std::{
    collections::HashMap, env, fs, os::unix::ffi::OsStrExt, path::PathBuf, process::Command,
    sync::OnceLock, thread, time::Duration,
};

use common::{Killed, process, wait_until};
use serde_json::Value;

/// Floods of processes run beside the other tests. What is read from `/proc` instead of a
/// record that a full ring refused may lack arguments.
const ROOM: [&str; 2] = ["--ring-size", "16M"];

/// The program of these tests, which needs no library.
fn helper() -> &'static str {
    static HELPER: OnceLock<PathBuf> = OnceLock::new();
    let helper = HELPER.get_or_init(|| common::compiled_folder("processes", &["-static"]));
    helper.to_str().unwrap()
}

/// How many of something a test makes: what this variable says, if it is set.
fn count_of(variable: &str, usual: usize) -> usize {
    env::var(variable).map_or(usual, |count| count.parse().expect("a number is needed"))
}

fn own_pid() -> String {
    std::process::id().to_string()
}

/// Links aside, as lines have it.
fn canonical(path: &str) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|why| panic!("{path}: {why}"));
    String::from_utf8(path.as_os_str().as_bytes().to_vec()).unwrap()
}

/// Starts a command, and waits until it runs its program: until its arguments are
/// there, which is the last that an exec changes.
fn start(command: &mut Command) -> Killed {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let args: Vec<_> = words
        .flat_map(|arg| [arg.as_bytes(), b"\0"].concat())
        .collect();
    let child = Killed(command.spawn().unwrap());
    let pid = child.0.id().into();
    wait_until("its exec", || {
        process::read_proc(pid, "cmdline").is_some_and(|found| found.starts_with(&args))
    });
    child
}

/// Lets time pass where a test is about time itself.
#[allow(clippy::disallowed_methods)] // This is no wait for anything.
fn let_pass(time: Duration) {
    thread::sleep(time);
}

fn strings(value: &Value) -> Vec<&str> {
    let values = value.as_array().into_iter().flatten();
    values.map(|value| value.as_str().unwrap()).collect()
}

/// Lines by the process that they say was signalled.
fn by_target(lines: Vec<Value>) -> HashMap<i64, Vec<Value>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for line in lines {
        if let Some(pid) = line["target"]["pid"].as_i64() {
            found.entry(pid).or_default().push(line);
        }
    }
    found
}

/// The children of a process whose command lines start like that now.
fn children_titled(parent: i64, title: &str) -> Vec<i64> {
    let parent = parent.to_string();
    let is_it = |pid: &i64| {
        process::stat(*pid).is_some_and(|stat| stat[1] == parent)
            && process::read_proc(*pid, "cmdline")
                .is_some_and(|text| text.starts_with(title.as_bytes()))
    };
    process::every_process().filter(is_it).collect()
}
