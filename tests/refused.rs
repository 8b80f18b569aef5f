//! Calls for which seccomp kills: they return to nobody, and each is told once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use common::{Actor, Call, ENOSYS, Scene, Sender, kill, now, tgkill};
use serde_json::Value;

const USR1: i64 = 10;
const SIGSYS: i32 = 31;

const TRACEPOINT: [&str; 2] = ["--attach", "tracepoint"];
const RAW: [&str; 2] = ["--attach", "raw"];
const LIGHT: [&str; 2] = ["--attach", "light"];

/// That seccomp ends the caller is another test's.
const CALLS_ALONE: [&str; 2] = ["--kernel-signals", "none"];

fn scene(actor: &Actor, args: &[&str]) -> Scene {
    let args = [args, &CALLS_ALONE].concat();
    Scene::of(&[actor], &args)
}

/// What is told of such a call.
fn refused(call: Call, actor: &Actor) -> Value {
    let mut line = call.line(&Sender::of(actor), ENOSYS);
    line["entry_missing"] = true.into();
    line
}

/// The actor does not survive the command, which is to come out as this line.
#[track_caller]
fn check(scene: &mut Scene, actor: &mut Actor, command: &str, line: Value) {
    let before = now();
    actor.tell(command);
    assert_eq!(actor.wait_for_death(), SIGSYS);
    scene.expect(line, (before, now()));
}

fn mortal() -> Actor {
    let mut actor = Actor::start();
    actor.make("unblock");
    actor
}

#[test]
fn a_process_that_seccomp_kills_has_called() {
    for attach in [TRACEPOINT, RAW, LIGHT] {
        let (mut first, mut second) = (mortal(), mortal());
        let target = Actor::start();
        let args = [&attach[..], &CALLS_ALONE].concat();
        let mut scene = Scene::of(&[&first, &second], &args);
        let call = kill(target.pid, USR1);
        let line = refused(call, &first);
        first.make("forbid kill");
        let command = format!("call {}", call.command());
        check(&mut scene, &mut first, &command, line);
        let call = tgkill(target.pid, target.pid, USR1);
        let line = refused(call, &second);
        second.make("forbid tgkill");
        let command = format!("call {}", call.command());
        check(&mut scene, &mut second, &command, line);
        scene.finish();
    }
}

/// The kernel ends it at once: no exit is traced.
#[test]
fn a_thread_that_seccomp_kills_has_called() {
    for attach in [TRACEPOINT, RAW, LIGHT] {
        let (mut actor, target) = (Actor::start(), Actor::start());
        let mut scene = scene(&actor, &attach);
        let call = kill(target.pid, USR1);
        let mut line = refused(call, &actor);
        actor.make("forbid kill thread");
        let before = now();
        let answer = actor.ask(&format!("threadcall {}", call.command()));
        let [ret, tid] = answer.try_into().unwrap();
        assert!(ret == 0 && tid != actor.pid, "{ret}, {tid}");
        line["sender"]["tid"] = tid.into();
        scene.expect(line, (before, now()));
        scene.finish();
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_caller_that_seccomp_kills_has_called() {
    for attach in [TRACEPOINT, RAW, LIGHT] {
        let (mut actor, target) = (mortal(), Actor::start());
        let mut scene = scene(&actor, &attach);
        let call = kill(target.pid, USR1);
        let mut line = refused(call, &actor);
        line["abi"] = "i386".into();
        actor.make("forbid 32:kill");
        let command = format!("call32 {}", call.command());
        check(&mut scene, &mut actor, &command, line);
        scene.finish();
    }
}

#[test]
fn whoever_ends_by_that_signal_otherwise_has_one_line() {
    for attach in [TRACEPOINT, RAW] {
        let actor = mortal();
        let mut scene = scene(&actor, &attach);
        let call = kill(actor.pid, SIGSYS.into());
        scene.last_call(actor, call, SIGSYS);
        scene.finish();
    }
}

#[test]
fn filters_hold_for_them() {
    let target = Actor::start();
    let call = kill(target.pid, USR1);
    let to_target = target.pid.to_string();
    let forms: [(&[&str], bool); 6] = [
        (&["-x"], true),
        (&["-s", "USR1"], true),
        (&["-s", "!USR1"], false),
        (&["-t", &to_target], true),
        (&["-t", "1"], false),
        (&["--fatal"], false),
    ];
    for (filter, wanted) in forms {
        let mut actor = mortal();
        let mut scene = scene(&actor, filter);
        let line = refused(call, &actor);
        actor.make("forbid kill");
        let command = format!("call {}", call.command());
        if wanted {
            check(&mut scene, &mut actor, &command, line);
        } else {
            actor.tell(&command);
            assert_eq!(actor.wait_for_death(), SIGSYS);
        }
        scene.finish();
    }
}
