//! What is seen of each kind of call: the tables of KERNELS.md.

use std::time::{Duration, Instant};

use common::{Actor, EINVAL, EPERM};
use serde_json::Value;

use crate::stage::Stage;

const SIGSYS: i32 = 31;
/// Losses are said within a second.
const PATIENCE: Duration = Duration::from_secs(4);

const CALLS: [&str; 6] = [
    "kill",
    "tkill",
    "tgkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_send_signal",
];

/// Whose calls seccomp refuses: in the table, as the actor's command and its
/// number's prefix, and how that actor starts.
type Refused = (&'static str, &'static str, &'static str, fn() -> Actor);
const SECCOMP: [Refused; 2] = [
    ("", "call", "", Actor::start),
    ("32-bit, ", "call32", "32:", Actor::start_narrow),
];

pub fn all(stage: &mut Stage) {
    note_all(stage, &[]);
}

pub fn light(stage: &mut Stage) {
    note_all(stage, &["--attach", "light"]);
}

fn note_all(stage: &mut Stage, args: &[&str]) {
    stage.trace(args);
    for call in CALLS {
        for (kind, command, start) in [
            ("64-bit", "call", Actor::start as fn() -> Actor),
            ("32-bit", "call32", Actor::start_narrow),
        ] {
            let mut sender = start();
            let args = prepare(&mut sender, call);
            assert_eq!(sender.get(&format!("{command} {call} {args}")), 0);
            note(stage, format!("`{call}`, {kind}"), &sender);
        }
        for (kind, command, number, start) in SECCOMP {
            let mut sender = start();
            let args = prepare(&mut sender, call);
            sender.make(&format!("deny {number}{call} 1"));
            assert_eq!(sender.get(&format!("{command} {call} {args}")), EPERM);
            let kind = format!("`{call}`, {kind}refused by seccomp");
            let another = if call == "tkill" { "kill" } else { "tkill" };
            note_before_another(stage, kind, &mut sender, another);
        }
        for (kind, command, number, start) in SECCOMP {
            let mut sender = start();
            let args = prepare(&mut sender, call);
            sender.make("unblock");
            sender.make(&format!("forbid {number}{call}"));
            sender.tell(&format!("{command} {call} {args}"));
            assert_eq!(sender.wait_for_death(), SIGSYS);
            let kind = format!("`{call}`, {kind}for which seccomp kills");
            note(stage, kind, &sender);
        }
        let mut sender = Actor::start();
        let args = prepare(&mut sender, call);
        sender.make(&format!("forbid {call} thread"));
        let [made, tid] = (sender.ask(&format!("threadcall {call} {args}")).try_into()).unwrap();
        assert!(made == 0 && tid != sender.pid, "{made}, {tid}");
        let kind = format!("`{call}`, for which seccomp kills a thread");
        note(stage, kind, &sender);
    }
    let ended = stage.stop();
    assert_eq!(ended.lines.last().unwrap().value["state"], "stopped");
}

/// Makes a target; gives the arguments that mean it.
fn prepare(sender: &mut Actor, call: &str) -> String {
    let child = sender.get("child");
    sender.make(&format!("info -1 {} 0 42", sender.pid));
    match call {
        "kill" | "tkill" => format!("{child} 10"),
        "tgkill" => format!("{child} {child} 10"),
        "rt_sigqueueinfo" => format!("{child} 40 info"),
        "rt_tgsigqueueinfo" => format!("{child} {child} 40 info"),
        _ => format!("{} 10 0 0", sender.get(&format!("pidfd {child} 0"))),
    }
}

fn note(stage: &mut Stage, kind: String, sender: &Actor) {
    let how = told_of(stage, sender, |_| false);
    stage.cells.push((kind, how.to_owned()));
}

/// Where nothing is to be expected, the line of another call ends the wait.
fn note_before_another(stage: &mut Stage, kind: String, sender: &mut Actor, another: &str) {
    const NO_SIGNAL: i64 = 99;
    let call = format!("call {another} {} {NO_SIGNAL}", sender.pid);
    assert_eq!(sender.get(&call), EINVAL);
    let how = told_of(stage, sender, |line| line["signal_number"] == NO_SIGNAL);
    stage.cells.push((kind, how.to_owned()));
}

fn told_of(stage: &mut Stage, sender: &Actor, ends: impl Fn(&Value) -> bool) -> &'static str {
    let deadline = Instant::now() + PATIENCE;
    let mut how = "not seen";
    while how == "not seen" {
        let left = deadline.saturating_duration_since(Instant::now());
        match stage.own().try_next(left) {
            Some(line) if !ends(&line) => how = meaning(&line, sender),
            _ => break,
        }
    }
    how
}

fn meaning(line: &Value, sender: &Actor) -> &'static str {
    if line["type"] == "lost" {
        "counted"
    } else if line["type"] != "signal" || line["sender"]["pid"] != sender.pid {
        "not seen"
    } else if line["witness_only"] == true {
        "witness only"
    } else {
        "in full"
    }
}
