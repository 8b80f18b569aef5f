//! What the kernel does with a signal, from what `/proc` shows of the target
//! before it is sent.

use serde_json::{Value, json};

use super::process::{
    every_process, numbers, pid_ns_if_there, process_fields, process_group, stat, status_field,
};

const KILL: i64 = 9;
const CONT: i64 = 18;
const STOP: i64 = 19;
/// Those that end nobody by default: CHLD, CONT, URG, WINCH are ignored, and
/// STOP, TSTP, TTIN, TTOU stop.
const IGNORED: [i64; 4] = [17, 18, 23, 28];
const STOPPING: [i64; 4] = [19, 20, 21, 22];

fn has(tid: i64, set: &str, signal: i64) -> bool {
    let set = status_field(tid, set).unwrap();
    u64::from_str_radix(&set, 16).unwrap() >> (signal - 1) & 1 != 0
}

/// `outcome`, `disposition`, `fatal` and what makes a signal wait, of a signal that thread
/// `tid` may be sent; `to_process` by kill().
pub fn set_fate(target: &mut Value, sender: i64, tid: i64, signal: i64, to_process: bool) {
    let disposition = match () {
        () if has(tid, "SigIgn", signal) => "ignore",
        () if has(tid, "SigCgt", signal) => "handler",
        () => "default",
    };
    let takers = if to_process { threads(tid) } else { vec![tid] };
    let blocked = signal != KILL && takers.iter().all(|&tid| has(tid, "SigBlk", signal));
    let stopped = stat(tid).unwrap()[0] == "T" && signal != KILL;
    let traced = status_field(tid, "TracerPid").unwrap() != "0" && signal != KILL;
    let dead = stat(tid).unwrap()[0] == "Z";
    let by_default = disposition == "default";
    let levels = numbers(tid, "NSpid");
    // Process 1 of a namespace, but for the parents' KILL and STOP.
    let own_namespace = levels.len() == numbers(sender, "NSpid").len();
    let forced = !own_namespace && [KILL, STOP].contains(&signal);
    let protected = levels.last() == Some(&1) && by_default && !forced;
    let ignores = disposition == "ignore" || by_default && IGNORED.contains(&signal);
    let queue = if to_process { "ShdPnd" } else { "SigPnd" };
    let outcome = if stopped && signal == CONT && by_default {
        "continued"
    } else if dead || !blocked && (ignores || protected) {
        "ignored"
    } else if signal < 32 && has(tid, queue, signal) {
        "already_pending"
    } else {
        "delivered"
    };
    let harmless = IGNORED.contains(&signal) || STOPPING.contains(&signal);
    target["outcome"] = outcome.into();
    target["disposition"] = disposition.into();
    let spared = levels.last() == Some(&1) && by_default && !forced && !harmless && !dead;
    let waits = !["ignored", "continued"].contains(&outcome) && (blocked || stopped || traced);
    // It is decided now, unless the signal waits.
    let fatal = match () {
        () if harmless || spared || outcome == "ignored" => Some(false),
        () if waits => None,
        () => Some(by_default),
    };
    if let Some(fatal) = fatal {
        target["fatal"] = fatal.into();
    }
    let flags = [
        ("blocked", blocked && waits),
        ("stopped", stopped && waits),
        ("traced", traced && waits),
        ("pid_ns_init", spared),
    ];
    for (name, _) in flags.into_iter().filter(|&(_, holds)| holds) {
        target[name] = true.into();
    }
}

fn threads(pid: i64) -> Vec<i64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| task.unwrap().file_name();
    tasks
        .map(|task| name(task).to_str().unwrap().parse().unwrap())
        .collect()
}

/// The recipients of a call to a group, by pid, each as it must come out.
pub fn recipients(sender: i64, target: i64, signal: i64) -> Vec<Value> {
    let ns = |pid| numbers(pid, "NSpid");
    let level = ns(sender).len();
    let group = match target {
        0 => process_group(sender),
        _ if level == 1 => Some(-target),
        _ => None,
    };
    let mut members: Vec<i64> = match target {
        -1 => {
            assert!(level > 1, "not to every process of the machine");
            let space = pid_ns_if_there(sender);
            let is_other = |&pid: &i64| {
                pid != sender
                    && ns(pid).get(level - 1).is_some_and(|&number| number > 1)
                    && pid_ns_if_there(pid) == space
            };
            every_process().filter(is_other).collect()
        }
        _ => (every_process())
            .filter(|&pid| process_group(pid) == group)
            .collect(),
    };
    members.sort_unstable();
    (members.into_iter())
        .map(|pid| recipient(sender, pid, signal))
        .collect()
}

/// One of a group.
pub fn recipient(sender: i64, pid: i64, signal: i64) -> Value {
    let mut value = process_fields(pid);
    value.as_object_mut().unwrap().remove("ancestors");
    value["comm"] = super::process::comm(pid).into();
    value["source"] = json!("kernel");
    value["pid"] = pid.into();
    set_fate(&mut value, sender, pid, signal, true);
    value
}
