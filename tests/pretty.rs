//! Lines for people.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use common::{Actor, Killed, command, wait_for_file, wait_until};
use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// What it prints to a file while this happens.
fn printed_while(command: &mut Command, happen: impl FnOnce(&dyn Fn(&str))) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    let out = File::create(&path).unwrap();
    let mut child = Killed(command.stdout(out).spawn().unwrap());
    wait_for_file(&path);
    happen(&|text| wait_until(text, || fs::read_to_string(&path).unwrap().contains(text)));
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    fs::read_to_string(&path).unwrap()
}

/// What it prints to a file while the actor makes these calls.
fn printed(command: &mut Command, actor: &mut Actor, calls: &[&str]) -> String {
    printed_while(command, |_| {
        for call in calls {
            actor.ask(&format!("call {call}"));
        }
    })
}

/// The lines between the first and the last, without their times, but for ends.
fn signals(text: &str) -> Vec<&str> {
    let lines: Vec<_> = text.lines().map(untimed).collect();
    let between = lines[1..lines.len() - 1].iter().copied();
    between.filter(|line| !line.starts_with("  END")).collect()
}

/// The lines of ends, without their times and how long after their signals they came.
fn ends(text: &str) -> Vec<&str> {
    let lines = text.lines().map(untimed);
    let ends = lines.filter(|line| line.starts_with("  END"));
    ends.map(|line| line.rsplit_once(", ").unwrap().0).collect()
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

/// As many columns as there are, with `end` after the last.
fn row(signal: &str, who: &str, user: &str, cause: &str, whom: &str, end: &str) -> String {
    format!("  {signal:<9} {who:<16} {user:<5} {cause:<6} -> {whom:<13} {end}")
}

#[test]
fn each_call_is_a_line_of_aligned_columns() {
    let mut actor = Actor::start();
    actor.set_comm(b"st-pretty");
    let pid = actor.pid;
    let gone = actor.get("gone");
    actor.get("lead");
    let made = ["block", "handle", "ignore", "default"].map(|how| {
        let child = actor.get(&format!("make {how} 15 0"));
        (how, child)
    });
    let mut calls = vec![
        format!("tgkill {pid} {pid} 37"),
        format!("tkill {gone} 0"),
        format!("kill {pid} 0"),
        "kill 0 23".to_owned(),
        format!("kill -{gone} 15"),
        "kill -1 65".to_owned(),
    ];
    calls.extend(made.iter().map(|(_, child)| format!("kill {child} 15")));
    let stopped = actor.get("make default 15 0");
    calls.extend([19, 15, 18].map(|signal| format!("kill {stopped} {signal}")));
    let is_stopped = || {
        let stat = fs::read_to_string(format!("/proc/{stopped}/stat")).unwrap();
        stat.contains(") T ")
    };
    let mut command = command(&["--pretty", "-p", &pid.to_string()]);
    let text = printed_while(&mut command, |wait_for| {
        for call in &calls {
            actor.ask(&format!("call {call}"));
            if call.ends_with(" 19") {
                wait_until("the stop", is_stopped);
            }
        }
        for pid in [made[3].1, stopped] {
            let who = format!("st-pretty[{pid}]");
            wait_for(&format!("END       {who:<16} killed"));
        }
    });

    let who = format!("st-pretty[{pid}]");
    let is = |signal: &str, cause: &str, whom: &str, end: &str| {
        row(signal, &who, "root", cause, whom, end)
    };
    let child = |index: usize| format!("st-pretty[{}]", made[index].1);
    let stopped = format!("st-pretty[{stopped}]");
    let expected = [
        is("SIGRTMIN+3", "tgkill", &who, "waits: blocked"),
        is("0", "tkill", &gone.to_string(), "ESRCH"),
        is("0", "kill", &who, "ok"),
        is("SIGURG", "kill", "own group", "reached 1"),
        is("SIGTERM", "kill", &format!("group {gone}"), "ESRCH"),
        is("65", "kill", "everyone", "EINVAL"),
        is("SIGTERM", "kill", &child(0), "waits: blocked"),
        is("SIGTERM", "kill", &child(1), "handled"),
        is("SIGTERM", "kill", &child(2), "ignored"),
        is("SIGTERM", "kill", &child(3), "ends it"),
        is("SIGSTOP", "kill", &stopped, "stops it"),
        is("SIGTERM", "kill", &stopped, "waits: stopped"),
        is("SIGCONT", "kill", &stopped, "continued"),
    ];
    assert_eq!(signals(&text), expected);
    let end = |whom: &str| format!("  END       {whom:<16} killed by SIGTERM <- {who}");
    assert_eq!(ends(&text), [end(&child(3)), end(&stopped)]);
    let version = env!("CARGO_PKG_VERSION");
    let state = |state: &str| format!("  sigtrail {version} {state} signals, 0 lost");
    let mut lines = text.lines().map(untimed);
    assert_eq!(lines.next(), Some(&*state("started: 0")));
    assert_eq!(lines.next_back(), Some(&*state("stopped: 13")));
}

#[test]
fn what_the_kernel_sends_reads_as_what_a_process_sends() {
    let mut yes = Command::new("yes");
    let mut yes = Killed(yes.stdout(Stdio::piped()).spawn().unwrap());
    let (master, terminal, name) = terminal();
    let mut master = File::from(master);
    let mut typed = Command::new("setsid");
    typed.args(["-c", "sleep", "600"]).stdin(terminal);
    let mut typed = Killed(typed.spawn().unwrap());
    let pids = [yes.0.id(), typed.0.id()];
    let comm = format!("/proc/{}/comm", pids[1]);
    wait_until("sleep", || fs::read_to_string(&comm).unwrap() == "sleep\n");

    let mut command = command(&["--pretty", "-t", &format!("{},{}", pids[0], pids[1])]);
    let text = printed_while(&mut command, |wait_for| {
        drop(yes.0.stdout.take());
        wait_for("SIGPIPE");
        master.write_all(b"\x03").unwrap();
        wait_for("by SIGINT");
    });
    let (yes, sleep) = (format!("yes[{}]", pids[0]), format!("sleep[{}]", pids[1]));
    let typed_on = name.strip_prefix("/dev/").unwrap().replace('/', "");
    let expected = [
        row("SIGPIPE", &yes, "root", "pipe", &yes, "ends it"),
        row("SIGINT", "kernel", &typed_on, "tty", &sleep, "ends it"),
    ];
    assert_eq!(signals(&text), expected);
    let end = |whom: &str, how: &str| format!("  END       {whom:<16} killed by {how}");
    assert_eq!(
        ends(&text),
        [end(&yes, "SIGPIPE <- pipe"), end(&sleep, "SIGINT <- tty")]
    );
    for line in text.lines() {
        assert!(line.len() <= 80 || pids[0] > 99_999, "{line}");
    }
    let _ = typed.0.wait();
}

#[test]
fn a_hostile_name_stays_in_its_column() {
    let mut actor = Actor::start();
    for (comm, shown) in [
        (
            &b"\x1b[2J\n\xff\xe2\x80\xae!"[..],
            r"\u{1b}[2J\n\xff\u{202e}!",
        ),
        (
            "\x7f\u{9b}2J\u{85}\u{2066}".as_bytes(),
            r"\u{7f}\u{9b}2J\u{85}\u{2066}",
        ),
    ] {
        actor.set_comm(comm);
        let pid = actor.pid.to_string();
        let call = format!("kill {pid} 0");
        let text = printed(
            &mut command(&["--pretty", "-p", &pid]),
            &mut actor,
            &[&call],
        );
        let who = format!("{shown}[{pid}]");
        let expected = row("0", &who, "root", "kill", &who, "ok");
        assert_eq!(signals(&text), [expected]);
    }
}

/// A terminal's two ends, and its path.
fn terminal() -> (OwnedFd, OwnedFd, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(&name, flags, Mode::empty()).unwrap();
    (master, terminal, name.into_string().unwrap())
}

/// What it prints on a terminal until it ends by itself.
fn printed_on_terminal(command: &mut Command, actor: &mut Actor, call: &str) -> String {
    let (master, terminal, _) = terminal();
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
    assert!(screen.contains("\x1b[1mSIGKILL  \x1b[0m"), "{screen:?}");
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
