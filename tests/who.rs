//! Who sent a signal and who was meant, however short they live and whatever
//! they turn into.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Child, Command},
};

use common::{
    Actor, Daemon, Scene, Sender, Sigtrail, directory, kill, lost, nanoseconds, now, of_type,
    process, program, set_fate, set_relation, tkill,
};
use serde_json::{Value, json};

const USR1: i64 = 10;
const TERM: i64 = 15;
const NOBODY: i64 = 65534;

fn exe_of(path: &str) -> String {
    let path = fs::canonicalize(path).unwrap();
    String::from_utf8(path.as_os_str().as_bytes().to_vec()).unwrap()
}

/// Runs the commands one after the other and compares what each sent to the
/// target, as a whole.
#[track_caller]
fn check_short_lived(times: usize, exe: &str, target: &Actor, args: &[&str]) {
    let pid = target.pid.to_string();
    let own = i64::from(std::process::id());
    let mut sigtrail = Sigtrail::start(&["-t", &pid, "-s", "TERM"]);
    let mut expected = Vec::new();
    for _ in 0..times {
        let mut target_value = process::process_fields(target.pid);
        set_fate(&mut target_value, own, target.pid, TERM, true);
        let before = now();
        let mut child: Child = Command::new(args[0]).args(&args[1..]).spawn().unwrap();
        assert!(child.wait().unwrap().success());
        let name = Path::new(args[0]).file_name().unwrap();
        expected.push((i64::from(child.id()), name, target_value, before, now()));
    }
    for _ in 0..times {
        sigtrail.wait_for(|line| line["type"] == "signal");
    }
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_eq!(lost(&ended.lines), 0);
    let lines = ended.signals();
    assert_eq!(lines.len(), times);
    let template = process::process_fields(own);
    for (mut line, (pid, name, reached, before, after)) in lines.into_iter().zip(expected) {
        let start = line["sender"].as_object_mut().unwrap().remove("start_time");
        let start = nanoseconds(start.unwrap().as_str().unwrap()).unwrap();
        let slack = 1_000_000;
        assert!(before - slack <= start && start <= after + slack);
        let mut sender = template.clone();
        sender.as_object_mut().unwrap().remove("start_time");
        sender["pid"] = pid.into();
        sender["tid"] = pid.into();
        sender["comm"] = name.to_str().into();
        sender["exe"] = exe.into();
        sender["args"] = json!(args);
        sender["ancestors"] = process::with_parent(own, &template["ancestors"]);
        sender["ppid"] = own.into();
        sender["parent_comm"] = process::comm(own).into();
        let mut must = json!({
            "type": "signal", "hostname": common::hostname(), "origin": "call", "syscall": "kill",
            "signal": "SIGTERM", "signal_number": TERM, "ret": 0,
            "sender": sender, "target": reached,
        });
        must["target"]["scope"] = "process".into();
        must["target"]["arg"] = target.pid.into();
        must["target"]["pid"] = target.pid.into();
        must["target"]["comm"] = process::comm(target.pid).into();
        must["target"]["source"] = "kernel".into();
        set_relation(&mut must);
        // It was the child of this process, whose session the target is in.
        must["relation"]["same_session"] = true.into();
        // Alive all the time, so it can be read.
        assert_eq!(line["target"]["exe"], must["target"]["exe"]);
        common::assert_line(&line, &must);
    }
}

#[test]
fn a_thousand_kill_commands_are_each_known() {
    let target = Actor::start();
    let args = ["/bin/kill", "-TERM", &target.pid.to_string()];
    check_short_lived(1000, &exe_of(args[0]), &target, &args);
}

#[test]
fn shells_and_pkill_are_known() {
    let mut target = Actor::start();
    let script = format!("kill -TERM {}", target.pid);
    let args = ["/bin/sh", "-c", &script];
    check_short_lived(100, &exe_of(args[0]), &target, &args);
    let name = format!("st{}", target.pid);
    target.set_comm(name.as_bytes());
    let args = ["/usr/bin/pkill", "-TERM", "-x", &name];
    check_short_lived(50, &exe_of(args[0]), &target, &args);
}

/// Numbers of three namespaces: the line has what the sender said, what the
/// machine says, and what the process itself would say.
#[test]
fn numbers_of_namespaces_are_told_apart() {
    let mut outer = Actor::start_in_pid_namespace();
    let child = outer.get("child");
    let sender = Sender::of(&outer);
    let mut nested = Command::new("unshare");
    nested
        .args(["--pid", "--fork", "--kill-child"])
        .args(["unshare", "--pid", "--fork", "--kill-child"])
        .arg(program());
    let mut inner = Actor::spawn(&mut nested);
    let inner_child = inner.get("child");
    let inner_sender = Sender::of(&inner);
    assert_eq!((child, inner.own_pid, inner_child), (2, 1, 2));
    assert_eq!(process::numbers(inner.pid, "NSpid").len(), 3);

    let mut scene = Scene::of(&[&outer, &inner], &[]);
    for signal in [USR1, 0] {
        scene.call_as(&mut outer, &sender, kill(child, signal), 0);
        scene.call_as(&mut outer, &sender, tkill(child, signal), 0);
        scene.call_as(&mut inner, &inner_sender, kill(inner_child, signal), 0);
        scene.call_as(&mut inner, &inner_sender, kill(1, signal), 0);
    }
    // A parent's call, to a process with three numbers.
    let mut actor = Actor::start();
    let global = process::global_id(inner.pid, inner_child).unwrap();
    let lines = scene.finish().signals();
    for line in &lines {
        let (sender, target) = (&line["sender"], &line["target"]);
        assert_eq!(
            (&sender["ns_pid"], &target["ns_pid"]),
            (&json!(1), &target["arg"])
        );
        assert_eq!(sender["pid_ns"], target["pid_ns"]);
        assert_ne!(target["pid"], target["arg"]);
    }
    let mut scene = Scene::of(&[&actor], &[]);
    scene.call(&mut actor, kill(global, USR1), 0);
    let lines = scene.finish().signals();
    assert_eq!(lines[0]["target"]["ns_pid"], 2);
    assert_eq!(lines[0]["target"]["arg"], global);
    assert_eq!(lines[0]["sender"]["ns_pid"], Value::Null);
}

/// As after a setuid program: the human is the real one.
#[test]
fn real_and_effective_user_are_both_told() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    let child = actor.get("make default 0");
    actor.make(&format!("realuid {NOBODY}"));
    let sender = Sender::seen(&actor);
    scene.call_as(&mut actor, &sender, kill(child, 0), 0);
    let line = scene.finish().signals().remove(0);
    let sender = &line["sender"];
    assert_eq!(
        (&sender["uid"], &sender["euid"]),
        (&json!(NOBODY), &json!(0))
    );
    assert_eq!(
        (&sender["user"], &sender["effective_user"]),
        (&json!("nobody"), &json!("root"))
    );
}

#[test]
fn who_logged_in_stays_known_whoever_it_becomes() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &[]);
    actor.make(&format!("login {NOBODY}"));
    let sender = Sender::seen(&actor);
    let pid = actor.pid;
    scene.call_as(&mut actor, &sender, kill(pid, USR1), 0);
    let child = actor.get("child");
    actor.make("ids 3999000004 3999000004");
    let sender = Sender::seen(&actor);
    scene.call_as(&mut actor, &sender, kill(child, USR1), common::EPERM);
    for line in scene.finish().signals() {
        for side in ["sender", "target"] {
            assert_eq!(line[side]["loginuid"], NOBODY);
            assert_eq!(line[side]["login_user"], "nobody");
            assert!(line[side]["session"].as_u64().is_some());
        }
    }
}

#[test]
fn a_user_changed_by_runuser_is_told() {
    let target = Actor::start();
    let pid = target.pid.to_string();
    let mut sigtrail = Sigtrail::start(&["-t", &pid]);
    for tool in [
        ["runuser", "-u", "nobody", "--", "/bin/kill", "-0", &pid].as_slice(),
        &[
            "su",
            "-s",
            "/bin/sh",
            "nobody",
            "-c",
            &format!("exec /bin/kill -0 {pid}"),
        ],
    ] {
        let output = Command::new(tool[0]).args(&tool[1..]).output().unwrap();
        assert!(!output.status.success());
        let line = sigtrail.wait_for(|line| line["type"] == "signal");
        assert_eq!(line["errno"], "EPERM");
        let sender = &line["sender"];
        assert_eq!(
            (&sender["uid"], &sender["euid"]),
            (&json!(NOBODY), &json!(NOBODY))
        );
        assert_eq!(sender["user"], "nobody");
        assert_eq!(sender["args"], json!(["/bin/kill", "-0", pid]));
        assert_eq!(sender["parent_comm"], tool[0]);
        assert_eq!(line["target"]["pid"], target.pid);
        assert_eq!(line["target"]["uid"], 0);
    }
    sigtrail.stop().assert_clean();
}

#[test]
fn a_number_that_is_used_again_is_another_process() {
    let mut actor = Actor::start();
    let pid = actor.pid;
    let number = actor.get("gone");
    let directory = directory();
    let mut sigtrail = Sigtrail::start(&["-p", &number.to_string()]);
    let mut lines = Vec::new();
    for name in ["st-first", "st-second"] {
        actor.set_comm(name.as_bytes());
        let before = now();
        let made = actor.get(&format!("callas {number} kill {pid} {USR1}"));
        assert_eq!(made, number);
        let line = sigtrail.wait_for(|line| line["type"] == "signal");
        let start = nanoseconds(line["sender"]["start_time"].as_str().unwrap()).unwrap();
        assert!((before - 1_000_000..now() + 1_000_000).contains(&start));
        assert_eq!(line["sender"]["comm"], name);
        assert_eq!(line["sender"]["parent_comm"], name);
        lines.push((line, start));
        // A different image for the second.
        let other = directory.path().join(name);
        common::copy_executable(program(), &other);
        actor.exec(other.to_str().unwrap(), ["again", "x"]);
        fs::remove_file(&other).unwrap();
    }
    sigtrail.stop().assert_clean();
    let [(first, first_start), (second, second_start)] = lines.try_into().unwrap();
    assert!(first_start < second_start);
    assert_eq!(first["sender"]["exe"], program().to_str().unwrap());
    assert_eq!(first["sender"]["args"], json!([program()]));
    assert_eq!(second["sender"]["args"], json!(["again", "x"]));
    assert_eq!(second["sender"]["exe_deleted"], true);
}

#[test]
fn an_exec_between_two_calls_gives_a_new_image() {
    let mut actor = Actor::start();
    let pid = actor.pid;
    let mut scene = Scene::of(&[&actor], &[]);
    scene.call(&mut actor, kill(pid, USR1), 0);
    let directory = directory();
    for (name, args) in [("one", ["a", "b"]), ("two", ["c", "d"])] {
        let path = directory.path().join(name);
        common::copy_executable(program(), &path);
        actor.exec(path.to_str().unwrap(), args);
        let sender = Sender::seen(&actor);
        scene.call_as(&mut actor, &sender, kill(pid, USR1), 0);
    }
    let lines = scene.finish().signals();
    let args = |line: &Value| line["sender"]["args"].clone();
    assert_eq!(args(&lines[1]), json!(["a", "b"]));
    assert_eq!(args(&lines[2]), json!(["c", "d"]));
    let last = directory.path().join("two");
    assert_eq!(lines[2]["sender"]["exe"], last.to_str().unwrap());
}

/// Identity comes in records of its own: they cost no call, and no memory
/// that grows with the senders.
#[test]
fn many_senders_are_lines_or_counted_and_leave_no_trace() {
    const SENDERS: usize = 20_000;
    const MOST_KB: i64 = 32 << 10;
    let mut actor = Actor::named("turns");
    let directory = directory();
    let path = directory.path().join("lines");
    let daemon = Daemon::of(&actor, &path, &[]);
    actor.tell(&format!("turns {SENDERS}"));
    let made = actor.answer_within(6 * common::DEADLINE);
    assert_eq!(made, [i64::try_from(SENDERS).unwrap()]);
    let pid = i64::from(daemon.pid().as_raw_nonzero().get());
    let resident = process::status_field(pid, "VmRSS").unwrap();
    daemon.finish();
    let (mut lines, mut others) = (0, Vec::new());
    common::check_file(&path, |line| match line.value["type"] == "signal" {
        true => {
            let sender = &line.value["sender"];
            assert_eq!(sender["ppid"], actor.pid);
            assert_eq!(sender["parent_comm"], actor.comm);
            assert_eq!(sender["args"], json!([program()]));
            lines += 1;
        }
        false => others.push(line),
    });
    assert_eq!(lines + lost(&others), u64::try_from(SENDERS).unwrap());
    assert_eq!(of_type(&others, "status").last().unwrap()["events"], lines);
    println!("{lines} lines, {resident} resident");
    let kilobytes: i64 = resident.trim_end_matches(" kB").trim().parse().unwrap();
    assert!(kilobytes < MOST_KB, "{resident}");
}
