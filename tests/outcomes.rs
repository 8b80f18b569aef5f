//! What came of a signal: each outcome is made for real, and each line
//! compared as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use common::{Actor, Scene, Sender, kill, process, program, tkill};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

const ABRT: i64 = 6;
const KILL: i64 = 9;
const USR1: i64 = 10;
const TERM: i64 = 15;
const CONT: i64 = 18;
const STOP: i64 = 19;
const WINCH: i64 = 28;
const RT: i64 = 40;

/// A target's `outcome`, `disposition`, `blocked` and `fatal`, if that is decided.
type Fate = (&'static str, &'static str, bool, Option<bool>);

/// Each line as expected, and each target of this fate: the other tests
/// foretell fates from `/proc`, here they are known.
#[track_caller]
fn finish(scene: Scene, fates: &[Fate]) -> Vec<Value> {
    let lines = scene.finish().signals();
    assert_eq!(lines.len(), fates.len());
    for (line, (outcome, disposition, blocked, fatal)) in lines.iter().zip(fates) {
        let target = &line["target"];
        assert_eq!(target["outcome"], *outcome, "{line}");
        assert_eq!(target["disposition"], *disposition, "{line}");
        assert_eq!(target["blocked"] == true, *blocked, "{line}");
        assert_eq!(
            target.get("fatal"),
            fatal.map(Value::Bool).as_ref(),
            "{line}"
        );
        assert_eq!(target["source"], "kernel", "{line}");
    }
    lines
}

#[test]
fn a_signal_that_ends_a_process_is_fatal() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    for signal in [TERM, KILL, ABRT, RT] {
        let child = actor.get("make default 0");
        scene.call(&mut actor, kill(child, signal), 0);
        let status = actor.get(&format!("reap {child}"));
        assert_eq!(status & 0x7f, signal);
    }
    let fate = ("delivered", "default", false, Some(true));
    finish(scene, &[fate; 4]);
}

#[test]
fn a_handled_a_blocked_and_an_ignored_signal_end_nobody() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let handles = actor.get("make handle 10");
    let ignores = actor.get("make ignore 10");
    let blocks = actor.get("make block 10");
    let aborts = actor.get("make handle 6");
    scene.call(&mut actor, kill(handles, USR1), 0);
    scene.call(&mut actor, kill(ignores, USR1), 0);
    scene.call(&mut actor, kill(blocks, USR1), 0);
    scene.call(&mut actor, kill(blocks, USR1), 0);
    // The thread has a queue of its own.
    scene.call(&mut actor, tkill(blocks, USR1), 0);
    scene.call(&mut actor, tkill(blocks, USR1), 0);
    scene.call(&mut actor, kill(aborts, ABRT), 0);
    scene.call(&mut actor, kill(ignores, WINCH), 0);
    finish(
        scene,
        &[
            ("delivered", "handler", false, Some(false)),
            ("ignored", "ignore", false, Some(false)),
            ("delivered", "default", true, None),
            ("already_pending", "default", true, None),
            ("delivered", "default", true, None),
            ("already_pending", "default", true, None),
            ("delivered", "handler", false, Some(false)),
            ("ignored", "default", false, Some(false)),
        ],
    );
}

#[test]
fn a_real_time_signal_is_queued_twice() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let blocks = actor.get(&format!("make block {RT}"));
    scene.call(&mut actor, kill(blocks, RT), 0);
    scene.call(&mut actor, kill(blocks, RT), 0);
    finish(scene, &[("delivered", "default", true, None); 2]);
}

/// Its limit lets none be queued: the number arrives, who sent it does not.
#[test]
fn a_real_time_signal_beyond_the_limit_loses_its_information() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let blocks = actor.get(&format!("make block {RT}"));
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let pid = Pid::from_raw(i32::try_from(blocks).unwrap());
    prlimit(pid, Resource::Sigpending, none).unwrap();
    let mut line = kill(blocks, RT).line(&Sender::of(&actor), 0);
    line["target"]["outcome"] = json!("lost_info");
    let before = common::now();
    actor.make(&format!("call kill {blocks} {RT}"));
    scene.expect(line, (before, common::now()));
    finish(scene, &[("lost_info", "default", true, None)]);
}

#[test]
fn a_signal_to_sigtrail_itself_is_known_as_such() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let sigtrail = scene.sigtrail();
    let mut line = kill(sigtrail, WINCH).line(&Sender::of(&actor), 0);
    line["relation"]["to_sigtrail"] = json!(true);
    let before = common::now();
    actor.make(&format!("call kill {sigtrail} {WINCH}"));
    scene.expect(line, (before, common::now()));
    let lines = finish(scene, &[("ignored", "default", false, Some(false))]);
    assert_eq!(lines[0]["target"]["comm"], "sigtrail");
}

#[test]
fn a_process_is_stopped_and_continued_and_lives() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let child = actor.get("make default 0");
    let handles = actor.get(&format!("make handle {CONT}"));
    scene.call(&mut actor, kill(child, STOP), 0);
    common::wait_until("the stop", || process::stat(child).unwrap()[0] == "T");
    scene.call(&mut actor, kill(child, CONT), 0);
    scene.call(&mut actor, kill(handles, CONT), 0);
    finish(
        scene,
        &[
            ("delivered", "default", false, Some(false)),
            ("continued", "default", false, Some(false)),
            ("delivered", "handler", false, Some(false)),
        ],
    );
}

#[test]
fn a_zombie_ignores_even_sigkill_and_is_known_as_one() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let zombie = actor.get("zombie");
    scene.call(&mut actor, kill(zombie, KILL), 0);
    scene.call(&mut actor, kill(zombie, TERM), 0);
    let lines = finish(
        scene,
        &[
            ("ignored", "default", false, Some(false)),
            ("ignored", "default", false, Some(false)),
        ],
    );
    for line in lines {
        assert_eq!(line["target"]["zombie"], true);
        assert_eq!(line["target"]["exiting"], true);
        assert_eq!(line["target"]["exe"], program().to_str().unwrap());
    }
}

#[test]
fn a_thread_of_the_kernel_ignores_and_is_known_as_one() {
    const KTHREADD: i64 = 2;
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let mut line = kill(KTHREADD, WINCH).line(&Sender::of(&actor), 0);
    line["target"]["kernel_thread"] = json!(true);
    let before = common::now();
    actor.make(&format!("call kill {KTHREADD} {WINCH}"));
    scene.expect(line, (before, common::now()));
    let lines = finish(scene, &[("ignored", "ignore", false, Some(false))]);
    assert_eq!(lines[0]["target"]["comm"], "kthreadd");
}

/// From inside only what it handles reaches it; from outside SIGKILL does.
#[test]
fn process_1_of_a_namespace_is_protected_from_inside_only() {
    let mut actor = Actor::start();
    let mut init = Actor::start_in_pid_namespace();
    init.make("unblock");
    let mut scene = Scene::of(&[&actor, &init], &[]);
    scene.call(&mut init, kill(1, TERM), 0);
    scene.call(&mut init, kill(1, KILL), 0);
    scene.call(&mut actor, kill(init.pid, TERM), 0);
    scene.call(&mut actor, kill(init.pid, KILL), 0);
    let lines = finish(
        scene,
        &[
            ("ignored", "default", false, Some(false)),
            ("ignored", "default", false, Some(false)),
            ("ignored", "default", false, Some(false)),
            ("delivered", "default", false, Some(true)),
        ],
    );
    for line in lines {
        assert_eq!(line["target"]["ns_pid"], 1);
        assert_eq!(line["target"]["pid"], init.pid);
    }
}

#[test]
fn each_of_a_group_has_an_outcome_of_its_own() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let leader = actor.get("make default 0");
    let members = ["make handle 10", "make ignore 10", "make block 10"].map(|how| {
        let member = actor.get(how);
        actor.make(&format!("join {member} {leader}"));
        member
    });
    scene.call(&mut actor, kill(-leader, USR1), 0);
    let lines = scene.finish().signals();
    let fate_of = |pid: i64| {
        let recipients = lines[0]["recipients"].as_array().unwrap();
        let found = recipients.iter().find(|found| found["pid"] == pid).unwrap();
        (found["outcome"].clone(), found["fatal"].clone())
    };
    assert_eq!(fate_of(leader), ("delivered".into(), true.into()));
    assert_eq!(fate_of(members[0]), ("delivered".into(), false.into()));
    assert_eq!(fate_of(members[1]), ("ignored".into(), false.into()));
    assert_eq!(fate_of(members[2]), ("delivered".into(), Value::Null));
}
