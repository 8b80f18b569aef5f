//! What becomes of each kind of call: the table of KERNELS.md.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    common::{Actor, EPERM},
    stage::Stage,
};

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

/// A kind of call, and what tells of it.
pub type Cell = (String, String);

pub fn all(stage: &mut Stage) {
    stage.trace(&[]);
    for call in CALLS {
        for (kind, command) in [("64-bit", "call"), ("32-bit", "call32")] {
            let mut sender = Actor::start();
            let args = prepare(&mut sender, call);
            assert_eq!(sender.get(&format!("{command} {call} {args}")), 0);
            note(stage, format!("`{call}`, {kind}"), &sender);
        }
        let mut sender = Actor::start();
        let args = prepare(&mut sender, call);
        sender.make(&format!("deny {call} 1"));
        assert_eq!(sender.get(&format!("call {call} {args}")), EPERM);
        note(stage, format!("`{call}`, refused by seccomp"), &sender);

        let mut sender = Actor::start();
        let args = prepare(&mut sender, call);
        sender.make("unblock");
        sender.make(&format!("forbid {call}"));
        sender.tell(&format!("call {call} {args}"));
        assert_eq!(sender.wait_for_death(), SIGSYS);
        note(stage, format!("`{call}`, for which seccomp kills"), &sender);
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
        "rt_sigqueueinfo" => format!("{child} 40 @"),
        "rt_tgsigqueueinfo" => format!("{child} {child} 40 @"),
        _ => format!("{} 10 0 0", sender.get(&format!("pidfd {child} 0"))),
    }
}

fn note(stage: &mut Stage, kind: String, sender: &Actor) {
    let deadline = Instant::now() + PATIENCE;
    let mut how = "not seen";
    while how == "not seen" {
        let left = deadline.saturating_duration_since(Instant::now());
        match stage.own().try_next(left) {
            Some(line) => how = meaning(&line, sender),
            None => break,
        }
    }
    stage.cells.push((kind, how.to_owned()));
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
