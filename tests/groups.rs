//! Calls to many processes: every one that was reached is there once, and the
//! count is exact.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use common::{
    Actor, Scene, Sender, Sigtrail, assert_line, kill, lost, of_type, process, recipient,
    wait_until,
};
use serde_json::{Value, json};

const USR1: i64 = 10;
const STRANGER: u32 = 3_999_000_003;

#[test]
fn a_whole_group_and_the_own_one_are_reached() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    assert_eq!(actor.get("lead"), actor.pid);
    let members = actor.ask("group 3");
    let mate = actor.get("make ignore 10");
    actor.make(&format!("join {mate} {}", actor.pid));

    scene.call(&mut actor, kill(-members[0], USR1), 0);
    scene.call(&mut actor, kill(0, USR1), 0);
    scene.call(&mut actor, kill(-members[0], 0), 0);
    let lines = scene.finish().signals();
    let pids = |line: &Value| {
        let recipients = line["recipients"].as_array().unwrap();
        let pids = recipients
            .iter()
            .map(|found| found["pid"].as_i64().unwrap());
        pids.collect::<BTreeSet<_>>()
    };
    assert_eq!(pids(&lines[0]), members.into_iter().collect());
    assert_eq!(lines[0]["recipient_count"], 3);
    assert_eq!(pids(&lines[1]), [actor.pid, mate].into());
    assert_eq!(lines[1]["recipient_count"], 2);
    // Signal 0 reaches nobody.
    assert_eq!(lines[2]["recipient_count"], Value::Null);
}

#[test]
fn of_a_mixed_group_only_those_who_may_be_signalled_are_reached() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let leader = actor.get("make default 0");
    let own = [0; 2].map(|_| {
        let member = actor.get(&format!("make handle 10 {STRANGER}"));
        actor.make(&format!("join {member} {leader}"));
        member
    });
    actor.make(&format!("ids {STRANGER} {STRANGER}"));
    let sender = Sender::seen(&actor);
    assert_eq!(sender.uid, STRANGER);
    let mut line = kill(-leader, USR1).line(&sender, 0);
    line["recipients"] = json!(own.map(|pid| recipient(actor.pid, pid, USR1)));
    line["recipient_count"] = json!(2);
    // Whom it meant and did not reach.
    line["spared_count"] = json!(1);
    let mut target = process::process_fields(leader);
    target["scope"] = json!("process_group");
    target["arg"] = json!(-leader);
    target["source"] = json!("kernel");
    target["pid"] = json!(leader);
    target["comm"] = json!(process::comm(leader));
    line["target"] = target;
    let before = common::now();
    actor.make(&format!("call kill -{leader} {USR1}"));
    scene.expect(line, (before, common::now()));
    scene.finish();
}

/// Two thousand do not fit into a line; nobody is told of twice or lost.
#[test]
fn two_thousand_processes_of_a_namespace_are_told_in_many_lines() {
    const PROCESSES: usize = 2000;
    let mut actor = Actor::start_in_pid_namespace();
    actor.make(&format!("many {PROCESSES}"));
    let space = process::pid_ns_if_there(actor.pid);
    let is_member = |pid: &i64| {
        *pid != actor.pid
            && process::numbers(*pid, "NSpid").len() > 1
            && process::pid_ns_if_there(*pid) == space
    };
    let members: Vec<i64> = process::every_process().filter(is_member).collect();
    assert_eq!(members.len(), PROCESSES);
    let mut expected: BTreeMap<i64, Value> = (members.iter())
        .map(|&pid| (pid, recipient(actor.pid, pid, USR1)))
        .collect();
    let sender = Sender::of(&actor);

    let mut sigtrail = Sigtrail::start(&["-p", &actor.pid.to_string()]);
    actor.make(&format!("call kill -1 {USR1}"));
    let line = sigtrail.wait_for(|line| line["type"] == "signal");
    let mut found = line["recipients"].as_array().unwrap().clone();
    while found.len() < PROCESSES {
        let more = sigtrail.wait_for(|line| line["type"] == "recipients");
        assert_eq!(more["call_seq"], line["seq"]);
        assert_eq!(more["timestamp"], line["timestamp"]);
        found.extend(more["recipients"].as_array().unwrap().clone());
    }
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_eq!(lost(&ended.lines), 0);
    let in_lines: usize = (of_type(&ended.lines, "recipients").iter())
        .chain([&line])
        .map(|line| line["recipients"].as_array().unwrap().len())
        .sum();
    assert_eq!(in_lines, PROCESSES);

    // The call's own line, its recipients aside, and each of them as a line.
    let mut head = json!({
        "type": "signal", "hostname": common::hostname(), "origin": "call", "syscall": "kill",
        "signal": "SIGUSR1", "signal_number": USR1, "ret": 0, "sender": sender.value(),
        "target": { "scope": "every_process", "arg": -1 }, "recipient_count": PROCESSES,
    });
    for recipient in found {
        let pid = recipient["pid"].as_i64().unwrap();
        let Some(must) = expected.remove(&pid) else {
            panic!("{pid} twice or from elsewhere");
        };
        let mut one = line.clone();
        one["recipients"] = json!([recipient]);
        head["recipients"] = json!([must]);
        assert_line(&one, &head);
    }
    assert!(expected.is_empty());
    drop(actor);
    wait_until("the end of all", || {
        members.iter().all(|&pid| process::stat(pid).is_none())
    });
}
