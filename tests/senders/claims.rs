//! What a sender claims in the siginfo that it queues.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, process::Command};

use common::{Actor, EPERM, ESRCH, Scene, Sender, kill, tgkill};
use serde_json::json;

use crate::{USR1, WINCH, as_call, check, queued, set_info, set_own_info, with};

#[test]
fn a_queued_signal_has_its_code_and_its_value() {
    let mut actor = Actor::start();
    let (pid, child) = (actor.pid, actor.get("child"));
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    for (value, int, pointer) in [
        ("42", 42, None),
        ("-5", -5, None),
        ("0xfffffffb", -5, None),
        ("0x7fff12345678", 0x1234_5678, Some("0x7fff12345678")),
        ("0x8000000000000000", 0, Some("0x8000000000000000")),
    ] {
        set_info(&mut actor, -1, pid, 0, value);
        let line = as_call(kill(child, USR1).line(&sender, 0), "rt_sigqueueinfo");
        let mut line = queued(line, &actor, int);
        if let Some(pointer) = pointer {
            line["si_ptr"] = pointer.into();
        }
        let command = format!("call rt_sigqueueinfo {child} {USR1} info");
        check(&mut scene, &mut actor, &command, 0, line);
        let call = tgkill(child, child, USR1);
        let line = as_call(call.line(&sender, 0), "rt_tgsigqueueinfo");
        let mut line = queued(line, &actor, int);
        if let Some(pointer) = pointer {
            line["si_ptr"] = pointer.into();
        }
        let command = format!("call rt_tgsigqueueinfo {child} {child} {USR1} info");
        check(&mut scene, &mut actor, &command, 0, line);
    }
    scene.finish();
}

#[test]
fn a_queued_signal_that_fails_says_why_and_what_it_held() {
    let mut actor = Actor::start();
    let gone = actor.get("gone");
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    set_own_info(&mut actor, -1, "7");
    for (signal, ret) in [(0, ESRCH), (USR1, ESRCH)] {
        let line = as_call(kill(gone, signal).line(&sender, ret), "rt_sigqueueinfo");
        let line = queued(line, &actor, 7);
        let command = format!("call rt_sigqueueinfo {gone} {signal} info");
        check(&mut scene, &mut actor, &command, ret, line);
        let line = tgkill(gone, gone, signal).line(&sender, ret);
        let line = queued(as_call(line, "rt_tgsigqueueinfo"), &actor, 7);
        let command = format!("call rt_tgsigqueueinfo {gone} {gone} {signal} info");
        check(&mut scene, &mut actor, &command, ret, line);
    }
    // The kernel's own codes are not for others.
    set_own_info(&mut actor, 0, "7");
    let child = actor.get("child");
    let line = as_call(kill(child, USR1).line(&sender, EPERM), "rt_sigqueueinfo");
    let fields = json!({
        "si_code": 0, "si_code_name": "SI_USER", "si_value": 7,
        "si_pid": actor.pid, "si_uid": 0,
    });
    let command = format!("call rt_sigqueueinfo {child} {USR1} info");
    check(&mut scene, &mut actor, &command, EPERM, with(line, fields));
    // Nobody can read that, the kernel included.
    let mut line = as_call(kill(child, USR1).line(&sender, ESRCH), "rt_sigqueueinfo");
    (line["ret"], line["errno"]) = (json!(-14), json!("EFAULT"));
    let command = format!("call rt_sigqueueinfo {child} {USR1} 8");
    check(&mut scene, &mut actor, &command, -14, line);
    scene.finish();
}

#[test]
fn who_claims_to_be_another_is_found_out() {
    let mut actor = Actor::start();
    let (pid, child) = (actor.pid, actor.get("child"));
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    let rest = json!({ "si_value": 3, "si_pid": pid, "si_uid": 0 });
    let cases = [
        (-1, "SI_QUEUE", 1, 0, true),
        (-1, "SI_QUEUE", pid, 1000, true),
        (-1, "SI_QUEUE", 0, 0, true),
        (-4, "SI_ASYNCIO", pid, 0, false),
        (-3, "SI_MESGQ", pid, 0, false),
        (-60, "SI_ASYNCNL", 1, 0, true),
    ];
    for (code, name, claimed_pid, claimed_uid, spoofed) in cases {
        set_info(&mut actor, code, claimed_pid, claimed_uid, "3");
        let line = as_call(kill(child, USR1).line(&sender, 0), "rt_sigqueueinfo");
        let mut line = with(line, rest.clone());
        (line["si_code"], line["si_code_name"]) = (code.into(), name.into());
        (line["si_pid"], line["si_uid"]) = (claimed_pid.into(), claimed_uid.into());
        if spoofed {
            line["spoofed"] = true.into();
        }
        let command = format!("call rt_sigqueueinfo {child} {USR1} info");
        check(&mut scene, &mut actor, &command, 0, line);
    }
    // It says that no process has sent it.
    for (code, name) in [(-2, "SI_TIMER"), (-5, "SI_SIGIO")] {
        set_info(&mut actor, code, pid, 0, "3");
        let line = as_call(kill(child, USR1).line(&sender, 0), "rt_sigqueueinfo");
        let fields = json!({ "si_code": code, "si_code_name": name, "spoofed": true });
        let command = format!("call rt_sigqueueinfo {child} {USR1} info");
        check(&mut scene, &mut actor, &command, 0, with(line, fields));
    }
    scene.finish();
}

#[test]
fn in_a_namespace_a_sender_is_honest_by_its_number_there() {
    let mut init = Actor::start_in_pid_namespace();
    let child = init.get("child");
    let mut scene = Scene::of(&[&init], &[]);
    let sender = Sender::of(&init);
    for (claimed, spoofed) in [(init.own_pid, false), (init.pid, true)] {
        set_info(&mut init, -1, claimed, 0, "3");
        let line = as_call(kill(child, USR1).line(&sender, 0), "rt_sigqueueinfo");
        let mut line = queued(line, &init, 3);
        line["si_pid"] = claimed.into();
        if spoofed {
            line["spoofed"] = true.into();
        }
        let command = format!("call rt_sigqueueinfo {child} {USR1} info");
        check(&mut scene, &mut init, &command, 0, line);
    }
    scene.finish();
}

/// The kernel shows such a target 0 for a sender that it cannot see.
#[test]
fn to_a_namespace_below_a_sender_is_honest_by_its_own_number() {
    let mut actor = Actor::start();
    let init = Actor::start_in_pid_namespace();
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    for (claimed, spoofed) in [(actor.pid, false), (1, true)] {
        set_info(&mut actor, -1, claimed, 0, "3");
        let line = as_call(kill(init.pid, WINCH).line(&sender, 0), "rt_sigqueueinfo");
        let mut line = queued(line, &actor, 3);
        line["si_pid"] = claimed.into();
        if spoofed {
            line["spoofed"] = true.into();
        }
        let command = format!("call rt_sigqueueinfo {} {WINCH} info", init.pid);
        check(&mut scene, &mut actor, &command, 0, line);
    }
    scene.finish();
}

#[test]
fn in_a_user_namespace_a_sender_is_honest_by_its_user_id_there() {
    // Where it was built, another user may not go.
    let room = (tempfile::Builder::new().permissions(Permissions::from_mode(0o755)))
        .tempdir()
        .unwrap();
    let program = room.path().join("actor");
    common::copy_executable(common::program(), &program);
    let mut unshare = Command::new("setpriv");
    unshare
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .args(["unshare", "--user", "--map-root-user"])
        .arg(&program);
    let mut actor = Actor::spawn(&mut unshare);
    let pid = actor.pid;
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::seen(&actor);
    assert_eq!(sender.uid, 65534);
    for (claimed, spoofed) in [(0, false), (65534, true)] {
        set_info(&mut actor, -1, pid, claimed, "3");
        let line = as_call(kill(pid, USR1).line(&sender, 0), "rt_sigqueueinfo");
        let mut line = queued(line, &actor, 3);
        line["si_uid"] = claimed.into();
        if spoofed {
            line["spoofed"] = true.into();
        }
        let command = format!("call rt_sigqueueinfo {pid} {USR1} info");
        check(&mut scene, &mut actor, &command, 0, line);
    }
    scene.finish();
}
