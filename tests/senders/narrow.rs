//! Who calls as a 32-bit program does, on a 64-bit kernel.

use common::{Actor, EINVAL, EPERM, ESRCH, Scene, Sender, kill, tgkill, tkill};
use serde_json::{Value, json};

use crate::{KINDS, USR1, WINCH, case, check, child_and_pidfd, with};

/// Tracepoints of system calls never see them.
const BY_WITNESS: [&str; 2] = ["--attach", "tracepoint"];
const RAW: [&str; 2] = ["--attach", "raw"];

fn as_i386(mut line: Value) -> Value {
    line["abi"] = "i386".into();
    line
}

/// What is left of a line where only the signal was seen.
fn as_witnessed(line: Value) -> Value {
    as_i386(super::as_witnessed(line))
}

#[test]
fn their_signals_are_told_by_the_witness() {
    let mut actor = Actor::start();
    let target = child_and_pidfd(&mut actor);
    let child = target.0;
    let mut scene = Scene::of(&[&actor], &BY_WITNESS);
    for signal in [WINCH, USR1] {
        for kind in 0..KINDS {
            let (command, line) = case(&actor, kind, target, signal);
            let command = format!("call32 {command}");
            check(&mut scene, &mut actor, &command, 0, as_witnessed(line));
        }
    }
    // Nobody sees what signals nobody.
    let gone = actor.get("gone");
    assert_eq!(actor.get(&format!("call32 kill {gone} {USR1}")), ESRCH);
    assert_eq!(actor.get(&format!("call32 kill {child} 0")), 0);
    let line = kill(child, USR1).line(&Sender::of(&actor), 0);
    let command = format!("call kill {child} {USR1}");
    check(&mut scene, &mut actor, &command, 0, line);
    scene.finish();
}

/// All of it in one line, a little later, since nobody says when it is over.
#[test]
fn their_signals_to_a_group_are_one_line() {
    let mut actor = Actor::start();
    let pids = actor.ask("group 3");
    let mut scene = Scene::of(&[&actor], &BY_WITNESS);
    let sender = Sender::of(&actor);
    let late = |line| with(as_witnessed(line), json!({ "late": true }));
    let line = late(kill(-pids[0], WINCH).line(&sender, 0));
    assert_eq!(line["recipient_count"], 3);
    let command = format!("call32 kill -{} {WINCH}", pids[0]);
    check(&mut scene, &mut actor, &command, 0, line);
    // Another call, though it is just like the first.
    let line = late(kill(-pids[0], WINCH).line(&sender, 0));
    check(&mut scene, &mut actor, &command, 0, line);
    scene.finish();
}

#[test]
fn raw_sees_them_as_it_sees_the_others() {
    let mut actor = Actor::start();
    let target = child_and_pidfd(&mut actor);
    let child = target.0;
    let [leader, _, _] = actor.ask("group 3").try_into().unwrap();
    let gone = actor.get("gone");
    let mut scene = Scene::of(&[&actor], &RAW);
    let sender = Sender::of(&actor);
    for signal in [0, WINCH, USR1] {
        for kind in 0..KINDS {
            let (command, line) = case(&actor, kind, target, signal);
            let command = format!("call {command}");
            check(&mut scene, &mut actor, &command, 0, line);
            let (command, line) = case(&actor, kind, target, signal);
            let command = format!("call32 {command}");
            check(&mut scene, &mut actor, &command, 0, as_i386(line));
        }
    }
    let cases = [
        (kill(gone, USR1), ESRCH),
        (tgkill(child, gone, USR1), ESRCH),
        (tkill(child, 65), EINVAL),
        (kill(-leader, WINCH), 0),
        (kill(-leader, 0), 0),
    ];
    for (call, ret) in cases {
        let command = format!("call {}", call.command());
        let line = call.line(&sender, ret);
        check(&mut scene, &mut actor, &command, ret, line);
        let line = call.line(&sender, ret);
        let command = format!("call32 {}", call.command());
        check(&mut scene, &mut actor, &command, ret, as_i386(line));
    }
    scene.finish();
}

#[test]
fn raw_sees_what_seccomp_refuses_to_either() {
    let mut actor = Actor::start();
    let child = actor.get("child");
    let mut scene = Scene::of(&[&actor], &RAW);
    let sender = Sender::of(&actor);
    // The filter goes by the number alone, which is another call's as well.
    for (deny, command, abi) in [("kill", "call", None), ("37", "call32", Some("i386"))] {
        actor.make(&format!("deny {deny} 1"));
        let mut line = kill(child, USR1).line(&sender, EPERM);
        line["entry_missing"] = true.into();
        if let Some(abi) = abi {
            line["abi"] = abi.into();
        }
        let command = format!("{command} kill {child} {USR1}");
        check(&mut scene, &mut actor, &command, EPERM, line);
    }
    scene.finish();
}

#[test]
fn filters_hold_for_them() {
    let mut actor = Actor::start();
    let mut other = Actor::start();
    let (first, second) = (actor.get("child"), actor.get("child"));
    let to_second = second.to_string();
    for attach in [BY_WITNESS, RAW] {
        for (filter, wanted) in [
            (["-t", &to_second], [false, true, true]),
            (["-s", "WINCH"], [true, true, false]),
            (["--syscall", "tgkill"], [true, true, true]),
        ] {
            let args = [&attach[..], &filter].concat();
            let mut scene = Scene::of(&[&actor], &args);
            let sender = Sender::of(&actor);
            let cases = [(first, WINCH), (second, WINCH), (second, USR1)];
            for ((pid, signal), wanted) in cases.into_iter().zip(wanted) {
                assert_eq!(other.get(&format!("call32 kill {pid} {signal}")), 0);
                if filter[0] == "--syscall" {
                    assert_eq!(actor.get(&format!("call32 kill {pid} {signal}")), 0);
                }
                let call = tgkill(pid, pid, signal);
                let command = format!("call32 {}", call.command());
                if !wanted {
                    assert_eq!(actor.get(&command), 0);
                    continue;
                }
                let line = call.line(&sender, 0);
                let line = if attach == RAW {
                    as_i386(line)
                } else {
                    as_witnessed(line)
                };
                check(&mut scene, &mut actor, &command, 0, line);
            }
            scene.finish();
        }
    }
}
