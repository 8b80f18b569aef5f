//! Lines for people.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs::File,
    io::{ErrorKind, Read},
    process::{Command, Stdio},
};

use common::{Actor, Killed, command, wait_for_file, wait_until};
use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// What it prints to a file while the actor makes these calls.
fn printed(command: &mut Command, actor: &mut Actor, calls: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    let out = File::create(&path).unwrap();
    let mut child = Killed(command.stdout(out).spawn().unwrap());
    wait_for_file(&path);
    for call in calls {
        actor.ask(&format!("call {call}"));
    }
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    std::fs::read_to_string(&path).unwrap()
}

/// A line without its time, which is checked for its form.
#[track_caller]
fn untimed(line: &str) -> &str {
    let (time, rest) = line.split_at("hh:mm:ss.mmm".len());
    let form: String = (time.chars())
        .map(|c| if c.is_ascii_digit() { 'd' } else { c })
        .collect();
    assert_eq!(form, "dd:dd:dd.ddd", "{line}");
    rest
}

#[test]
fn each_call_is_a_line_of_aligned_columns() {
    let mut actor = Actor::start();
    actor.set_comm(b"st-pretty");
    let pid = actor.pid;
    let gone = actor.get("gone");
    let calls = [
        format!("kill {pid} 10"),
        format!("tgkill {pid} {pid} 37"),
        format!("tkill {gone} 0"),
        "kill 0 23".to_owned(),
        format!("kill -{gone} 15"),
    ];
    let calls = calls.each_ref().map(String::as_str);
    actor.get("lead");
    let mut command = command(&["--pretty", "-p", &pid.to_string()]);
    let text = printed(&mut command, &mut actor, &calls);

    let who = format!("{:<24} root       ", format!("st-pretty[{pid}]"));
    let whom = |text: String| format!("{text:<16}");
    let expected = [
        format!(
            "  SIGUSR1     {who}kill    -> {} ok",
            whom(format!("{pid}"))
        ),
        format!(
            "  SIGRTMIN+3  {who}tgkill  -> {} ok",
            whom(format!("{pid}/{pid}"))
        ),
        format!(
            "  0           {who}tkill   -> {} ESRCH",
            whom(format!("{gone}"))
        ),
        format!(
            "  SIGURG      {who}kill    -> {} ok (own process group)",
            whom("0".into())
        ),
        format!(
            "  SIGTERM     {who}kill    -> {} ESRCH (process group)",
            whom(format!("-{gone}"))
        ),
    ];
    let version = env!("CARGO_PKG_VERSION");
    let mut lines: Vec<_> = text.lines().map(untimed).collect();
    let last = lines.pop().unwrap();
    assert_eq!(
        last,
        format!("  sigtrail {version} stopped: 5 signals, 0 lost")
    );
    let first = lines.remove(0);
    assert_eq!(
        first,
        format!("  sigtrail {version} started: 0 signals, 0 lost")
    );
    assert_eq!(lines, expected);
}

#[test]
fn a_hostile_name_stays_in_its_column() {
    let mut actor = Actor::start();
    actor.set_comm(b"\x1b[2J\n\xff\xe2\x80\xae!");
    let pid = actor.pid.to_string();
    let call = format!("kill {pid} 0");
    let text = printed(
        &mut command(&["--pretty", "-p", &pid]),
        &mut actor,
        &[&call],
    );
    assert_eq!(text.lines().count(), 3, "{text}");
    let line = untimed(text.lines().nth(1).unwrap()).to_owned();
    let name = format!(r"  0           \u{{1b}}[2J\n\xff\u{{202e}}![{pid}] root ");
    assert!(line.starts_with(&name), "{line}");
}

/// What it prints on a terminal until it ends by itself.
fn printed_on_terminal(command: &mut Command, actor: &mut Actor, call: &str) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut child = Killed(
        command
            .stdin(Stdio::null())
            .stdout(terminal)
            .spawn()
            .unwrap(),
    );
    // The command keeps a copy of the terminal.
    command.stdout(Stdio::null());
    let mut screen = Vec::new();
    let mut master = File::from(master);
    let mut more = |screen: &mut Vec<u8>| {
        let mut part = [0; 4096];
        match master.read(&mut part) {
            Ok(count) => screen.extend(&part[..count]),
            // How a terminal says that its last user has left it.
            Err(error) if error.raw_os_error() == Some(5) => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
        true
    };
    while !screen.contains(&b'\n') {
        more(&mut screen);
    }
    actor.ask(call);
    while more(&mut screen) {}
    wait_until("its end", || child.0.try_wait().unwrap().is_some());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    String::from_utf8(screen).unwrap()
}

#[test]
fn colour_is_for_terminals_only_and_can_be_refused() {
    let mut actor = Actor::start();
    let pid = actor.pid.to_string();
    let gone = actor.get("gone");
    let call = format!("kill {gone} 9");
    let mut tool = command(&["--pretty", "-p", &pid, "-n", "1"]);

    let screen = printed_on_terminal(
        tool.env_remove("NO_COLOR"),
        &mut actor,
        &format!("call {call}"),
    );
    assert!(screen.contains("\x1b[1mSIGKILL    \x1b[0m"), "{screen:?}");
    assert!(screen.contains("\x1b[31mESRCH\x1b[0m"), "{screen:?}");
    // An empty NO_COLOR counts as none.
    let screen = printed_on_terminal(
        tool.env("NO_COLOR", ""),
        &mut actor,
        &format!("call {call}"),
    );
    assert!(screen.contains("\x1b[1mSIGKILL"), "{screen:?}");
    let screen = printed_on_terminal(
        tool.env("NO_COLOR", "1"),
        &mut actor,
        &format!("call {call}"),
    );
    assert!(
        screen.contains("SIGKILL") && !screen.contains('\x1b'),
        "{screen:?}"
    );

    let mut tool = command(&["--pretty", "-p", &pid]);
    let text = printed(tool.env_remove("NO_COLOR"), &mut actor, &[&call]);
    assert!(
        text.contains("SIGKILL") && !text.contains('\x1b'),
        "{text:?}"
    );
}

#[test]
fn json_on_a_terminal_has_no_colour() {
    let mut actor = Actor::start();
    let pid = actor.pid.to_string();
    let mut tool = command(&["-p", &pid, "-n", "1"]);
    tool.env_remove("NO_COLOR");
    let screen = printed_on_terminal(&mut tool, &mut actor, &format!("call kill {pid} 0"));
    let mut checker = common::Checker::default();
    let lines = screen
        .split_inclusive("\r\n")
        .map(|line| line.replace("\r\n", "\n"));
    let types: Vec<_> = lines
        .map(|line| checker.check(line.as_bytes()).unwrap().value["type"].clone())
        .collect();
    assert_eq!(types, ["status", "signal", "status"]);
}
