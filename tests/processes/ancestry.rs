//! Who started a sender, also if those in between are gone.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use common::{Actor, DEADLINE, Sigtrail, directory, process};
use serde_json::{Value, json};

use crate::{ROOM, canonical, helper, strings};

const KILL: &str = "/bin/kill";

/// Runs a command, waits for its end and for the line of whoever it made signal the
/// actor.
fn line_of(actor: &Actor, command: &mut Command) -> (i64, Value) {
    let mut sigtrail =
        Sigtrail::start(&[&ROOM[..], &["-t", &actor.pid.to_string(), "-s", "USR1"]].concat());
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let line = sigtrail.wait_for_within(3 * DEADLINE, |line| line["type"] == "signal");
    sigtrail.stop().assert_clean();
    (child.id().into(), line)
}

#[track_caller]
fn check_kill(line: &Value, pid: i64) {
    let sender = &line["sender"];
    assert_eq!(sender["exe"], canonical(KILL), "{line}");
    assert_eq!(
        sender["args"],
        json!([KILL, "-USR1", pid.to_string()]),
        "{line}"
    );
    assert_eq!(sender["exe_source"], Value::Null, "{line}");
}

#[track_caller]
fn check_ancestor(ancestor: &Value, exe: &str, args: &[&str]) {
    assert_eq!(ancestor["exe"], canonical(exe), "{ancestor}");
    assert_eq!(strings(&ancestor["args"]), args, "{ancestor}");
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).unwrap();
}

/// Each waits until its parent has ended before it goes on.
#[test]
fn ancestors_that_have_all_ended_are_named() {
    let actor = Actor::start();
    let directory = directory();
    let path = directory.path();
    let gone = "while [ -d /proc/$1 ]; do :; done";
    write(path, "first", "sh second $$ $1 &\n");
    write(path, "second", &format!("{gone}\nsh third $$ $2 &\n"));
    write(path, "third", &format!("{gone}\nexec {KILL} -USR1 $2\n"));
    let pid = actor.pid.to_string();
    let mut command = Command::new("/bin/sh");
    command.args(["first", &pid]).current_dir(path);
    let (first, line) = line_of(&actor, &mut command);
    check_kill(&line, actor.pid);
    let ancestors = line["sender"]["ancestors"].as_array().unwrap();
    assert_eq!(ancestors[1]["pid"], first, "{line}");
    check_ancestor(&ancestors[1], "/bin/sh", &["/bin/sh", "first", &pid]);
    let (second, first) = (ancestors[0]["pid"].to_string(), first.to_string());
    check_ancestor(&ancestors[0], "/bin/sh", &["sh", "second", &first, &pid]);
    assert!(!Path::new("/proc").join(second).exists());
    assert_eq!(ancestors[0]["comm"], "sh");
    assert_eq!(ancestors[2]["pid"], std::process::id(), "{line}");
    // Nobody's child by now.
    assert_ne!(line["sender"]["ppid"], ancestors[0]["pid"], "{line}");
}

/// The script's shell, and what it descends from, up to the tool.
#[track_caller]
fn check_descends_from(line: &Value, tool: &str, args: &[&str]) -> Value {
    let ancestors = line["sender"]["ancestors"].as_array().unwrap();
    let exe = canonical(tool);
    let is_tool = |ancestor: &&Value| ancestor["exe"] == exe.as_str();
    let found = (ancestors.iter()).rfind(is_tool);
    let found = found.unwrap_or_else(|| panic!("{line}"));
    check_ancestor(found, tool, args);
    let comm = Path::new(tool).file_name().unwrap().to_str();
    assert_eq!(found["comm"].as_str(), comm);
    found.clone()
}

#[test]
fn a_script_of_logrotate_has_it_as_its_ancestor() {
    const LOGROTATE: &str = "/usr/sbin/logrotate";
    let actor = Actor::start();
    let directory = directory();
    let path = directory.path();
    write(path, "log", "text\n");
    let conf = format!(
        "{}/log {{\nsu root root\nrotate 1\npostrotate\n{KILL} -USR1 {}\ntrue\nendscript\n}}\n",
        path.display(),
        actor.pid
    );
    write(path, "conf", &conf);
    let args = [LOGROTATE, "-f", "-s", "state", "conf"];
    let mut command = Command::new(args[0]);
    command.args(&args[1..]).current_dir(path);
    let (pid, line) = line_of(&actor, &mut command);
    check_kill(&line, actor.pid);
    let found = check_descends_from(&line, LOGROTATE, &args[..4]);
    assert_eq!(found["pid"], pid);
}

/// With tables and files of its own. It runs what is due at the next minute.
#[test]
fn a_job_of_cron_has_it_as_its_ancestor() {
    const CRON: &str = "/usr/sbin/cron";
    const MOUNTS: &str = "set -e
mkdir empty run
mount --bind crontab /etc/crontab
mount --bind empty /etc/cron.d
mount --bind empty /var/spool/cron/crontabs
mount --bind run /run
exec /usr/sbin/cron -f";
    let actor = Actor::start();
    let directory = directory();
    let path = directory.path();
    let job = format!("* * * * * root {KILL} -USR1 {}\n", actor.pid);
    write(path, "crontab", &job);
    let mut sigtrail =
        Sigtrail::start(&[&ROOM[..], &["-t", &actor.pid.to_string(), "-s", "USR1"]].concat());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", MOUNTS]);
    command.current_dir(path).stdin(Stdio::null());
    let cron = common::Killed(command.spawn().unwrap());
    let line = sigtrail.wait_for_within(3 * DEADLINE, |line| line["type"] == "signal");
    sigtrail.stop().assert_clean();
    check_kill(&line, actor.pid);
    let found = check_descends_from(&line, CRON, &[CRON, "-f"]);
    assert_eq!(found["pid"], cron.0.id());
}

#[test]
fn a_chain_of_execs_has_the_last_program() {
    let actor = Actor::start();
    let script = format!("exec env nice -n 0 {KILL} -USR1 {}", actor.pid);
    let mut command = Command::new("/bin/sh");
    let (pid, line) = line_of(&actor, command.args(["-c", &script]));
    check_kill(&line, actor.pid);
    assert_eq!(line["sender"]["pid"], pid);
    assert_eq!(line["sender"]["ancestors"][0]["pid"], std::process::id());
}

#[test]
fn a_program_that_a_thread_executes_is_that_of_its_process() {
    let actor = Actor::start();
    let mut command = Command::new(helper());
    command.args(["thread", KILL, "-USR1", &actor.pid.to_string()]);
    let (pid, line) = line_of(&actor, &mut command);
    check_kill(&line, actor.pid);
    assert_eq!(line["sender"]["pid"], pid);
    assert_eq!(line["sender"]["tid"], pid);
}

#[test]
fn a_spawned_program_is_known_and_so_is_who_spawned_it() {
    let actor = Actor::start();
    let pid = actor.pid.to_string();
    let mut command = Command::new(helper());
    command.args(["spawn", KILL, "-USR1", &pid]);
    let (parent, line) = line_of(&actor, &mut command);
    check_kill(&line, actor.pid);
    let ancestor = &line["sender"]["ancestors"][0];
    assert_eq!(ancestor["pid"], parent);
    check_ancestor(ancestor, helper(), &[helper(), "spawn", KILL, "-USR1"]);
    assert!(process::stat(parent).is_none());
}
