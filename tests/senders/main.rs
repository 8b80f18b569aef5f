//! Every system call that sends a signal, and what a sender claims in it: each
//! line is compared as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all;
mod claims;
#[cfg(target_arch = "x86_64")]
mod narrow;
mod pidfds;

use common::{Actor, Scene, now};
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
