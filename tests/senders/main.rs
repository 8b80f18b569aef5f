//! Every system call that sends a signal, and what a sender claims in it: each
//! line is compared as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all;
mod claims;
mod light;
#[cfg(target_arch = "x86_64")]
mod narrow;
mod pidfds;

use common::{Actor, Scene, Sender, kill, now, tgkill, tkill};
use serde_json::{Value, json};

const USR1: i64 = 10;
const WINCH: i64 = 28;

/// A line of [`common::Call::line`] as another system call makes it.
fn as_call(mut line: Value, syscall: &str) -> Value {
    line["syscall"] = syscall.into();
    line
}

fn with(mut line: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    line.as_object_mut().unwrap().extend(fields);
    line
}

/// The siginfo's fields of an honest sender.
fn queued(line: Value, sender: &Actor, value: i64) -> Value {
    with(
        line,
        json!({
            "si_code": -1, "si_code_name": "SI_QUEUE", "si_value": value,
            "si_pid": sender.own_pid, "si_uid": 0,
        }),
    )
}

/// What is left of a line where only the signal was seen.
fn as_witnessed(mut line: Value) -> Value {
    line["witness_only"] = true.into();
    let keys = line.as_object_mut().unwrap();
    keys.remove("ret").unwrap();
    line
}

const KINDS: usize = 7;

/// One of the six, to a child of the actor and with an honest siginfo; the
/// line is that of a call which comes next.
fn case(actor: &Actor, kind: usize, (child, fd): (i64, i64), signal: i64) -> (String, Value) {
    let sender = Sender::of(actor);
    let line = match kind {
        1 => tkill(child, signal).line(&sender, 0),
        2 | 4 => tgkill(child, child, signal).line(&sender, 0),
        _ => kill(child, signal).line(&sender, 0),
    };
    let by_pidfd = |mut line: Value| {
        line["target"]["arg"] = fd.into();
        as_call(line, "pidfd_send_signal")
    };
    match kind {
        0 => (format!("kill {child} {signal}"), line),
        1 => (format!("tkill {child} {signal}"), line),
        2 => (format!("tgkill {child} {child} {signal}"), line),
        3 => (
            format!("rt_sigqueueinfo {child} {signal} info"),
            queued(as_call(line, "rt_sigqueueinfo"), actor, 7),
        ),
        4 => (
            format!("rt_tgsigqueueinfo {child} {child} {signal} info"),
            queued(as_call(line, "rt_tgsigqueueinfo"), actor, 7),
        ),
        5 => (
            format!("pidfd_send_signal {fd} {signal} 0 0"),
            by_pidfd(line),
        ),
        _ => (
            format!("pidfd_send_signal {fd} {signal} info 0"),
            queued(by_pidfd(line), actor, 7),
        ),
    }
}

fn child_and_pidfd(actor: &mut Actor) -> (i64, i64) {
    set_own_info(actor, -1, "7");
    let child = actor.get("child");
    (child, actor.get(&format!("pidfd {child} 0")))
}

fn set_info(actor: &mut Actor, code: i64, pid: i64, uid: i64, value: &str) {
    actor.make(&format!("info {code} {pid} {uid} {value}"));
}

/// An honest one.
fn set_own_info(actor: &mut Actor, code: i64, value: &str) {
    let pid = actor.own_pid;
    set_info(actor, code, pid, 0, value);
}

/// The actor's command, with this result, comes out as this line.
#[track_caller]
fn check(scene: &mut Scene, actor: &mut Actor, command: &str, ret: i64, line: Value) {
    let before = now();
    assert_eq!(actor.get(command), ret, "{command}");
    scene.expect(line, (before, now()));
}
