//! Without any tracepoint of a system call (`--attach light`), and here without
//! kprobes: what the witness alone knows of each call.

use std::fs;

use common::{
    Actor, EINVAL, EPERM, ESRCH, QUIET, Scene, Sender, Sigtrail, kill, now, tgkill, tkill,
};
use serde_json::{Value, json};

use crate::{
    KINDS, USR1, WINCH, as_call, as_witnessed, case, check, child_and_pidfd, queued, set_info,
    set_own_info, with,
};

const LIGHT: [&str; 2] = ["--attach", "light"];
const SYS: i64 = 31;

/// All recipients are in one line, a little later, since nobody says when the
/// call is over.
fn as_witnessed_group(line: Value) -> Value {
    with(as_witnessed(line), json!({ "late": true }))
}

/// The same line, were the signal pending before.
fn pending(mut line: Value) -> Value {
    for recipient in line["recipients"].as_array_mut().unwrap() {
        recipient["outcome"] = "already_pending".into();
    }
    line
}

/// The same call so many times without a pause: as many lines.
#[track_caller]
fn check_burst(scene: &mut Scene, actor: &mut Actor, call: &str, line: &Value) {
    const TIMES: i64 = 50;
    let before = now();
    assert_eq!(actor.get(&format!("burst {TIMES} {call}")), TIMES);
    let time = (before, now());
    for _ in 0..TIMES {
        scene.expect(line.clone(), time);
    }
}

/// What a process holds of the kernel: for each file, the values of these keys.
fn held<'a>(texts: &'a [String], key: &str) -> Vec<&'a str> {
    let mut values: Vec<_> = (texts.iter().flat_map(|text| text.lines()))
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .map(str::trim)
        .collect();
    values.sort_unstable();
    values
}

#[test]
fn no_tracepoint_of_a_system_call_is_attached() {
    // As the kernel numbers them.
    const TRACEPOINT: &str = "5";
    const TRACING: &str = "26";
    let mut sigtrail = Sigtrail::start(&[LIGHT, QUIET].concat());
    let pid = sigtrail.pid().as_raw_nonzero();
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    let texts: Vec<_> = files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap_or_default())
        .collect();
    // The one at a tracepoint is the OOM killer's.
    assert_eq!(
        held(&texts, "prog_type"),
        [TRACING, TRACING, TRACING, TRACING, TRACING, TRACEPOINT]
    );
    let hooks = held(&texts, "tp_name");
    assert_eq!(
        hooks,
        [
            "mark_victim",
            "sched_process_exec",
            "sched_process_exit",
            "sched_process_fork",
            "signal_generate",
            "signal_generate"
        ]
    );
    assert!(!sigtrail.has_ended());
    let ended = sigtrail.stop();
    let started = &ended.lines[0].value;
    assert_eq!(started["attach"], "light");
    let uncovered = json!([
        "calls that fail or send signal 0: not seen",
        "all other calls: witness only",
        "who arranged for signals: not all are remembered",
    ]);
    assert_eq!(started["uncovered"], uncovered);
}

#[test]
fn it_sees_that_it_sees() {
    let args = [&LIGHT[..], &QUIET, &["--status-interval", "1s"]].concat();
    let mut sigtrail = Sigtrail::start(&args);
    sigtrail.wait_for(|line| line["canaries"].as_u64() >= Some(3));
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert!(
        ended
            .lines
            .iter()
            .all(|line| line.value["state"] != "blind")
    );
    assert_eq!(ended.signals(), [] as [Value; 0]);
}

#[test]
fn each_signal_is_told_by_the_witness() {
    let mut actor = Actor::start();
    let target = child_and_pidfd(&mut actor);
    let pid = actor.pid;
    let thread = actor.get("thread");
    let mut scene = Scene::of(&[&actor], &LIGHT);
    for signal in [WINCH, USR1] {
        for kind in 0..KINDS {
            let (command, line) = case(&actor, kind, target, signal);
            let command = format!("call {command}");
            check(&mut scene, &mut actor, &command, 0, as_witnessed(line));
        }
    }
    let sender = Sender::of(&actor);
    for call in [
        tkill(thread, USR1),
        tgkill(pid, thread, USR1),
        kill(thread, USR1),
    ] {
        let line = as_witnessed(call.line(&sender, 0));
        let command = format!("call {}", call.command());
        check(&mut scene, &mut actor, &command, 0, line);
    }
    scene.finish();
}

#[test]
fn what_signals_nobody_has_no_line() {
    let mut actor = Actor::start();
    let target = child_and_pidfd(&mut actor);
    let (pid, child, gone) = (actor.pid, target.0, actor.get("gone"));
    let mut scene = Scene::of(&[&actor], &LIGHT);
    for kind in 0..KINDS {
        let (command, _) = case(&actor, kind, target, 0);
        assert_eq!(actor.get(&format!("call {command}")), 0);
    }
    for (call, ret) in [
        (kill(gone, USR1), ESRCH),
        (tkill(gone, USR1), ESRCH),
        (tgkill(pid, child, USR1), ESRCH),
        (kill(-gone, USR1), ESRCH),
        (kill(child, 65), EINVAL),
        (kill(pid, 0), 0),
    ] {
        assert_eq!(actor.get(&format!("call {}", call.command())), ret);
    }
    actor.make("deny tkill 1");
    let call = tkill(child, USR1).command();
    assert_eq!(actor.get(&format!("call {call}")), EPERM);
    // The next one is told of, and nothing of those before is in it.
    let line = as_witnessed(kill(child, USR1).line(&Sender::of(&actor), 0));
    let command = format!("call kill {child} {USR1}");
    check(&mut scene, &mut actor, &command, 0, line);
    scene.finish();
}

#[test]
fn a_signal_to_itself_may_claim_to_be_the_kernels() {
    let mut actor = Actor::start();
    let pid = actor.pid;
    let mut scene = Scene::of(&[&actor], &LIGHT);
    let sender = Sender::of(&actor);
    for (code, name) in [(0, Some("SI_USER")), (1, None), (0x80, Some("SI_KERNEL"))] {
        set_info(&mut actor, code, pid, 0, "7");
        for (syscall, args, call) in [
            ("rt_sigqueueinfo", format!("{pid}"), kill(pid, USR1)),
            (
                "rt_tgsigqueueinfo",
                format!("{pid} {pid}"),
                tgkill(pid, pid, USR1),
            ),
        ] {
            let line = as_witnessed(as_call(call.line(&sender, 0), syscall));
            let mut line = match code {
                0 => queued(line, &actor, 7),
                _ => with(line, json!({ "spoofed": true })),
            };
            line["si_code"] = code.into();
            if let Some(name) = name {
                line["si_code_name"] = name.into();
            }
            let command = format!("call {syscall} {args} {USR1} info");
            check(&mut scene, &mut actor, &command, 0, line);
        }
    }
    scene.finish();
}

#[test]
fn calls_to_one_process_without_a_pause_are_as_many_lines() {
    let mut actor = Actor::start();
    let child = actor.get("child");
    let mut scene = Scene::of(&[&actor], &LIGHT);
    let sender = Sender::of(&actor);
    for call in [kill(child, USR1), tgkill(child, child, USR1)] {
        let line = as_witnessed(call.line(&sender, 0));
        let command = format!("call {}", call.command());
        check(&mut scene, &mut actor, &command, 0, line);
        let line = as_witnessed(call.line(&sender, 0));
        check_burst(&mut scene, &mut actor, &call.command(), &line);
    }
    scene.finish();
}

#[test]
fn calls_to_a_group_are_one_line_each() {
    let mut actor = Actor::start();
    assert_eq!(actor.get("lead"), actor.pid);
    let mut scene = Scene::of(&[&actor], &LIGHT);
    let sender = Sender::of(&actor);
    for size in [1, 2, 3] {
        let leader = actor.ask(&format!("group {size}"))[0];
        let line = as_witnessed_group(kill(-leader, USR1).line(&sender, 0));
        assert_eq!(line["recipient_count"], size);
        let command = format!("call kill -{leader} {USR1}");
        check(&mut scene, &mut actor, &command, 0, line.clone());
        let call = format!("kill -{leader} {USR1}");
        check_burst(&mut scene, &mut actor, &call, &pending(line));
    }
    let line = as_witnessed_group(kill(0, USR1).line(&sender, 0));
    check(
        &mut scene,
        &mut actor,
        &format!("call kill 0 {USR1}"),
        0,
        line,
    );
    scene.finish();
}

#[test]
fn a_group_whose_members_leave_is_told_as_it_is() {
    let mut actor = Actor::start();
    let mut scene = Scene::of(&[&actor], &LIGHT);
    let sender = Sender::of(&actor);
    let members = actor.ask("group 4");
    let leader = members[0];
    // At either end of it, and in between.
    for (leaver, group) in [
        (members[3], members[3]),
        (members[0], members[3]),
        (members[2], members[2]),
    ] {
        let line = as_witnessed_group(kill(-leader, WINCH).line(&sender, 0));
        let command = format!("call kill -{leader} {WINCH}");
        check(&mut scene, &mut actor, &command, 0, line);
        assert_eq!(actor.get(&format!("join {leaver} {group}")), 0);
    }
    let line = as_witnessed_group(kill(-leader, WINCH).line(&sender, 0));
    assert_eq!(line["recipient_count"], 1);
    let command = format!("call kill -{leader} {WINCH}");
    check(&mut scene, &mut actor, &command, 0, line);
    scene.finish();
}

/// Those that were forked at the same moment cannot be told apart by their age.
#[test]
fn calls_to_every_process_are_one_line_each() {
    let mut actor = Actor::start_in_pid_namespace();
    let mut scene = Scene::of(&[&actor], &LIGHT);
    let sender = Sender::of(&actor);
    for more in [3, 1] {
        actor.make(&format!("many {more}"));
        let line = as_witnessed_group(kill(-1, WINCH).line(&sender, 0));
        let command = format!("call kill -1 {WINCH}");
        check(&mut scene, &mut actor, &command, 0, line.clone());
        let call = format!("kill -1 {WINCH}");
        check_burst(&mut scene, &mut actor, &call, &pending(line));
    }
    scene.finish();
}

#[test]
fn whoever_ends_by_what_seccomp_sends_has_one_line() {
    let mut actor = Actor::start();
    actor.make("unblock");
    let mut scene = Scene::of(&[&actor], &LIGHT);
    let line = as_witnessed(kill(actor.pid, SYS).line(&Sender::of(&actor), 0));
    let before = now();
    actor.tell(&format!("call kill {} {SYS}", actor.pid));
    assert_eq!(i64::from(actor.wait_for_death()), SYS);
    scene.expect(line, (before, now()));
    scene.finish();
}

#[test]
fn filters_hold_for_them() {
    let mut actor = Actor::start();
    let mut other = Actor::start();
    let (first, second) = (actor.get("child"), actor.get("child"));
    let to_second = second.to_string();
    set_own_info(&mut actor, -1, "7");
    for (filter, wanted) in [
        (["-t", &to_second], [false, true, true]),
        (["-s", "WINCH"], [true, true, false]),
        (["--syscall", "tgkill"], [true, true, true]),
    ] {
        let args = [&LIGHT[..], &filter].concat();
        let mut scene = Scene::of(&[&actor], &args);
        let sender = Sender::of(&actor);
        let cases = [(first, WINCH), (second, WINCH), (second, USR1)];
        for ((pid, signal), wanted) in cases.into_iter().zip(wanted) {
            assert_eq!(other.get(&format!("call kill {pid} {signal}")), 0);
            if filter[0] == "--syscall" {
                let command = format!("call rt_sigqueueinfo {pid} {signal} info");
                assert_eq!(actor.get(&command), 0);
            }
            let call = tgkill(pid, pid, signal);
            let command = format!("call {}", call.command());
            if wanted {
                let line = as_witnessed(call.line(&sender, 0));
                check(&mut scene, &mut actor, &command, 0, line);
            } else {
                assert_eq!(actor.get(&command), 0);
            }
        }
        scene.finish();
    }
}
