//! Real calls: each field of each line is as the call was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::Write,
    process::{Command, Stdio},
};

use common::{
    Actor, EINVAL, EPERM, ESRCH, Line, Scene, Sender, kill, of_type, tgkill, tkill, user_name,
};
use serde_json::Value;

const USR1: i64 = 10;

#[test]
fn each_system_call_is_recorded_with_its_arguments() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let (pid, child) = (actor.pid, actor.get("child"));
    let thread = actor.get("thread");

    scene.call(&mut actor, kill(child, 0), 0);
    scene.call(&mut actor, kill(child, USR1), 0);
    scene.call(&mut actor, tkill(child, USR1), 0);
    scene.call(&mut actor, tgkill(child, child, USR1), 0);
    scene.call(&mut actor, tkill(thread, USR1), 0);
    scene.call(&mut actor, tgkill(pid, thread, USR1), 0);
    // A thread's id means its process here.
    scene.call(&mut actor, kill(thread, USR1), 0);
    scene.finish();
}

#[test]
fn a_thread_that_is_not_the_leader_is_the_sender() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let pid = actor.pid;
    let thread = actor.get("thread");

    scene.thread_call(&mut actor, kill(pid, USR1), 0);
    scene.thread_call(&mut actor, tkill(thread, USR1), 0);
    scene.thread_call(&mut actor, tgkill(pid, thread, USR1), 0);
    scene.thread_call(&mut actor, tgkill(pid, pid, 0), 0);
    scene.finish();
}

#[test]
fn a_call_that_fails_says_why() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let (pid, child, gone) = (actor.pid, actor.get("child"), actor.get("gone"));

    for signal in [0, USR1, 65] {
        scene.call(&mut actor, kill(gone, signal), ESRCH);
        scene.call(&mut actor, tkill(gone, signal), ESRCH);
        scene.call(&mut actor, tgkill(gone, gone, signal), ESRCH);
        // Alive, but not a thread of that process.
        scene.call(&mut actor, tgkill(pid, child, signal), ESRCH);
        scene.call(&mut actor, kill(-gone, signal), ESRCH);
        scene.call(&mut actor, kill(i64::from(i32::MIN), signal), ESRCH);
    }
    for signal in [65, -1, 1000, i64::from(i32::MAX), i64::from(i32::MIN)] {
        scene.call(&mut actor, kill(child, signal), EINVAL);
        scene.call(&mut actor, tkill(child, signal), EINVAL);
        scene.call(&mut actor, tgkill(child, child, signal), EINVAL);
    }
    for none in [0, -1, -child] {
        scene.call(&mut actor, tkill(none, USR1), EINVAL);
        scene.call(&mut actor, tgkill(none, child, USR1), EINVAL);
        scene.call(&mut actor, tgkill(child, none, USR1), EINVAL);
    }
    scene.finish();
}

#[test]
fn another_user_is_named_and_refused() {
    // One that /etc/passwd knows, and one that it does not.
    for (uid, gid) in [(65534, 65533), (4_000_000_000, 4_000_000_001)] {
        let (mut actor, target) = (Actor::start(), Actor::start());
        let mut scene = Scene::of(&[&actor], &[]);
        actor.make(&format!("ids {uid} {gid}"));
        let sender = Sender {
            uid,
            gid,
            ..Sender::of(&actor)
        };
        assert_eq!(user_name(uid).is_some(), uid == 65534);

        scene.call_as(&mut actor, &sender, kill(target.pid, 0), EPERM);
        scene.call_as(&mut actor, &sender, kill(target.pid, 9), EPERM);
        scene.call_as(&mut actor, &sender, tkill(target.pid, 9), EPERM);
        let call = tgkill(target.pid, target.pid, 9);
        scene.call_as(&mut actor, &sender, call, EPERM);
        scene.finish();
    }
}

#[test]
fn every_signal_has_its_number_and_name() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    for signal in 0..=64 {
        let child = actor.get("child");
        scene.call(&mut actor, kill(child, signal), 0);
        if signal == 9 {
            assert_eq!(actor.get(&format!("reap {child}")), 9);
        }
    }
    scene.finish();
}

#[test]
fn a_group_is_recorded_as_it_was_asked_for() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let members = actor.ask("group 3");
    let own_group = actor.get("lead");
    assert_eq!(own_group, actor.pid);

    scene.call(&mut actor, kill(0, USR1), 0);
    scene.call(&mut actor, kill(-members[0], USR1), 0);
    scene.call(&mut actor, kill(-members[0], 9), 0);
    for member in members {
        assert_eq!(actor.get(&format!("reap {member}")), 9);
    }
    scene.finish();
}

#[test]
fn every_process_of_a_pid_namespace_is_one_call() {
    let mut actor = Actor::start_in_pid_namespace();
    assert_eq!(actor.own_pid, 1);
    let mut scene = Scene::of(&[&actor], &[]);

    scene.call(&mut actor, kill(-1, USR1), ESRCH);
    let child = actor.get("child");
    assert_eq!(child, 2);
    // The argument is the namespace's number, the sender's is the machine's.
    scene.call(&mut actor, kill(child, USR1), 0);
    scene.call(&mut actor, kill(1, USR1), 0);
    scene.call(&mut actor, kill(-1, USR1), 0);
    scene.call(&mut actor, kill(-1, 9), 0);
    assert_eq!(actor.get(&format!("reap {child}")), 9);
    scene.finish();
}

#[test]
fn the_upper_halves_of_registers_are_ignored_as_the_kernel_does() {
    const DIRT: [u64; 3] = [0x1_0000_0000, 0xdead_beef_0000_0000, 0xffff_ffff_0000_0000];
    fn dirty(value: i64, dirt: u64) -> String {
        format!("{:#x}", value as u64 & 0xffff_ffff | dirt)
    }
    let mut actor = Actor::start();
    let sender = Sender::of(&actor);
    let mut scene = Scene::of(&[&actor], &[]);
    let child = actor.get("child");
    for dirt in DIRT {
        let reg = |value| dirty(value, dirt);
        for (target, signal, ret) in [
            (child, USR1, 0),
            (child, 0, 0),
            (-child, USR1, 0),
            (child, -1, EINVAL),
        ] {
            let registers = format!("kill {} {}", reg(target), reg(signal));
            let call = kill(target, signal);
            scene.registers(&mut actor, &sender, &registers, call, ret);
        }
        let registers = format!("tkill {} {}", reg(child), reg(USR1));
        let call = tkill(child, USR1);
        scene.registers(&mut actor, &sender, &registers, call, 0);
        let registers = format!("tgkill {0} {0} {1}", reg(child), reg(USR1));
        let call = tgkill(child, child, USR1);
        scene.registers(&mut actor, &sender, &registers, call, 0);
        let registers = format!("tgkill {} {} {}", reg(-1), reg(-1), reg(-1));
        let call = tgkill(-1, -1, -1);
        scene.registers(&mut actor, &sender, &registers, call, EINVAL);
    }
    scene.finish();
}

#[test]
fn a_call_that_its_sender_does_not_survive_is_recorded() {
    let mut actors: [Actor; 5] = std::array::from_fn(|_| Actor::start());
    let mut scene = Scene::of(&actors.each_ref(), &[]);
    for actor in &mut actors {
        actor.make("unblock");
    }
    let [kills, terminates, tkills, tgkills, leads] = actors;
    let call = kill(kills.pid, 9);
    scene.last_call(kills, call, 9);
    let call = kill(terminates.pid, 15);
    scene.last_call(terminates, call, 15);
    let call = tkill(tkills.pid, 9);
    scene.last_call(tkills, call, 9);
    let call = tgkill(tgkills.pid, tgkills.pid, 15);
    scene.last_call(tgkills, call, 15);
    let mut leads = leads;
    assert_eq!(leads.get("lead"), leads.pid);
    scene.last_call(leads, kill(0, 9), 9);
    scene.finish();
}

#[test]
fn no_name_breaks_a_line() {
    let names: [(&[u8], &str); 16] = [
        (b"new\nline", "new\nline"),
        (b"\n", "\n"),
        (b"quo\"te", "quo\"te"),
        (b"back\\slash", "back\\slash"),
        (b"end\\", "end\\"),
        (b"\x01\x02\x1f\x7f", "\u{1}\u{2}\u{1f}\u{7f}"),
        (b"\x1b[2J\r\x08", "\u{1b}[2J\r\u{8}"),
        (b"\xff", r"\xff"),
        (b"\xff\xfe\x80 a", r"\xff\xfe\x80 a"),
        (b"cut \xf0\x9f\xa6", r"cut \xf0\x9f\xa6"),
        (b"\xed\xa0\x80\xc0\xaf", r"\xed\xa0\x80\xc0\xaf"),
        (br"\xff", r"\x5cxff"),
        (
            "gr\u{f6}\u{df}e \u{1f980}".as_bytes(),
            "gr\u{f6}\u{df}e \u{1f980}",
        ),
        (br#"{"pid":1}"#, r#"{"pid":1}"#),
        (b"", ""),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            &r"\xff".repeat(15),
        ),
    ];
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    for (bytes, text) in names {
        actor.set_comm(bytes);
        let sender = Sender {
            comm: text.to_owned(),
            ..Sender::of(&actor)
        };
        let call = kill(actor.pid, USR1);
        scene.call_as(&mut actor, &sender, call, 0);
    }
    let ended = scene.finish();
    assert_jq_agrees(&ended.lines);
}

/// jq reads the text as we do.
fn assert_jq_agrees(lines: &[Line]) {
    let mut jq = Command::new("jq")
        .args(["-e", "--unbuffered", "-c", "."])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("jq is needed: apt-get install jq");
    let mut input = jq.stdin.take().unwrap();
    for line in lines {
        writeln!(input, "{}", line.text).unwrap();
    }
    drop(input);
    let output = jq.wait_with_output().unwrap();
    assert!(output.status.success());
    let read = String::from_utf8(output.stdout).unwrap();
    let read: Vec<Value> = (read.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ours: Vec<Value> = lines.iter().map(|line| line.value.clone()).collect();
    assert_eq!(read, ours);
}

#[test]
fn a_quiet_run_says_when_it_starts_and_stops() {
    let actor = Actor::start();
    let ended = Scene::of(&[&actor], &[]).finish();
    let states = of_type(&ended.lines, "status");
    assert_eq!(ended.lines.len(), states.len());
    let [started, stopped] = states.try_into().unwrap();
    for (line, state) in [(started, "started"), (stopped, "stopped")] {
        let mut expected = serde_json::json!({
            "type": "status", "hostname": common::hostname(), "state": state,
            "version": env!("CARGO_PKG_VERSION"), "kernel": kernel_release(),
            "filters": format!("sender_pid={}", actor.pid),
            "events": 0, "lost": 0, "late": 0,
            "ring_bytes": 4 << 20, "rotations": 0, "torn_tails_repaired": 0,
        });
        let mut line = common::constant_part(&line);
        // The kernel decides, and doctor has tests of its own.
        if state == "started" {
            let attach = line["attach"].take();
            assert!(attach.as_str().is_some(), "{line}");
            let uncovered = line["uncovered"].take();
            assert!(uncovered.is_array() || uncovered.is_null(), "{line}");
            expected["attach"] = Value::Null;
            expected["uncovered"] = Value::Null;
        }
        assert_eq!(line, expected);
    }
}

fn kernel_release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    release.trim_end().to_owned()
}
