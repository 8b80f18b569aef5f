//! Every system call that sends a signal, and what a sender claims in it: each
//! line is compared as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs::Permissions, os::unix::fs::PermissionsExt, process::Command};

use common::{
    Actor, EINVAL, EPERM, ESRCH, Scene, Sender, kill, now, party, set_relation, tgkill, tkill,
};
use serde_json::{Value, json};

const EBADF: i64 = -9;
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

/// To the process that the kernel knows by `pid`, by way of a pidfd.
fn by_pidfd(actor: &Actor, pid: i64, fd: i64, signal: i64, ret: i64) -> Value {
    let sender = Sender::of(actor);
    let mut line = as_call(kill(pid, signal).line(&sender, ret), "pidfd_send_signal");
    line["target"]["arg"] = fd.into();
    line
}

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
        let command = format!("call rt_sigqueueinfo {child} {USR1} @");
        check(&mut scene, &mut actor, &command, 0, line);
        let call = tgkill(child, child, USR1);
        let line = as_call(call.line(&sender, 0), "rt_tgsigqueueinfo");
        let mut line = queued(line, &actor, int);
        if let Some(pointer) = pointer {
            line["si_ptr"] = pointer.into();
        }
        let command = format!("call rt_tgsigqueueinfo {child} {child} {USR1} @");
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
        let command = format!("call rt_sigqueueinfo {gone} {signal} @");
        check(&mut scene, &mut actor, &command, ret, line);
        let line = tgkill(gone, gone, signal).line(&sender, ret);
        let line = queued(as_call(line, "rt_tgsigqueueinfo"), &actor, 7);
        let command = format!("call rt_tgsigqueueinfo {gone} {gone} {signal} @");
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
    let command = format!("call rt_sigqueueinfo {child} {USR1} @");
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
        let command = format!("call rt_sigqueueinfo {child} {USR1} @");
        check(&mut scene, &mut actor, &command, 0, line);
    }
    // It says that no process has sent it.
    for (code, name) in [(-2, "SI_TIMER"), (-5, "SI_SIGIO")] {
        set_info(&mut actor, code, pid, 0, "3");
        let line = as_call(kill(child, USR1).line(&sender, 0), "rt_sigqueueinfo");
        let fields = json!({ "si_code": code, "si_code_name": name, "spoofed": true });
        let command = format!("call rt_sigqueueinfo {child} {USR1} @");
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
        let command = format!("call rt_sigqueueinfo {child} {USR1} @");
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
        let command = format!("call rt_sigqueueinfo {} {WINCH} @", init.pid);
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
        let command = format!("call rt_sigqueueinfo {pid} {USR1} @");
        check(&mut scene, &mut actor, &command, 0, line);
    }
    scene.finish();
}

#[test]
fn a_pidfd_says_whom_it_stands_for() {
    let mut actor = Actor::start();
    let child = actor.get("child");
    let fd = actor.get(&format!("pidfd {child} 0"));
    let directory = actor.get(&format!("open /proc/{child}"));
    let mut scene = Scene::of(&[&actor], &[]);
    for fd in [fd, directory] {
        for signal in [0, USR1, WINCH] {
            let line = by_pidfd(&actor, child, fd, signal, 0);
            let command = format!("call pidfd_send_signal {fd} {signal} 0 0");
            check(&mut scene, &mut actor, &command, 0, line);
        }
    }
    set_own_info(&mut actor, -1, "11");
    let line = queued(by_pidfd(&actor, child, fd, USR1, 0), &actor, 11);
    let command = format!("call pidfd_send_signal {fd} {USR1} @ 0");
    check(&mut scene, &mut actor, &command, 0, line);
    set_info(&mut actor, -1, 1, 0, "11");
    let mut line = queued(by_pidfd(&actor, child, fd, USR1, 0), &actor, 11);
    (line["si_pid"], line["spoofed"]) = (1.into(), true.into());
    check(&mut scene, &mut actor, &command, 0, line);
    scene.finish();
}

#[test]
fn a_pidfd_reaches_into_another_namespace() {
    let mut actor = Actor::start();
    let mut init = Actor::start_in_pid_namespace();
    let inner = init.get("child");
    let inner = party::global_id(init.pid, inner).unwrap();
    let fds = [init.pid, inner].map(|pid| actor.get(&format!("pidfd {pid} 0")));
    // Not one of its own namespace.
    let outer = init.get(&format!("open /proc/{}", actor.pid));
    let own = init.get(&format!("open /proc/{inner}"));
    let mut scene = Scene::of(&[&actor, &init], &[]);
    for (fd, pid) in fds.into_iter().zip([init.pid, inner]) {
        for signal in [0, WINCH] {
            let line = by_pidfd(&actor, pid, fd, signal, 0);
            assert_eq!(line["target"]["pid"], pid);
            assert!(line["target"]["ns_pid"].as_i64() > Some(0));
            let command = format!("call pidfd_send_signal {fd} {signal} 0 0");
            check(&mut scene, &mut actor, &command, 0, line);
        }
    }
    let ns_pid = party::numbers(inner, "NSpid")[1];
    for signal in [0, WINCH] {
        let line = by_pidfd(&init, ns_pid, own, signal, 0);
        assert_eq!(line["target"]["pid"], inner);
        let command = format!("call pidfd_send_signal {own} {signal} 0 0");
        check(&mut scene, &mut init, &command, 0, line);
    }
    let mut line = by_pidfd(&init, 1, outer, WINCH, EINVAL);
    let mut target = kill(actor.pid, WINCH).line(&Sender::of(&actor), EINVAL)["target"].clone();
    target["arg"] = outer.into();
    line["target"] = target;
    set_relation(&mut line);
    let command = format!("call pidfd_send_signal {outer} {WINCH} 0 0");
    check(&mut scene, &mut init, &command, EINVAL, line);
    scene.finish();
}

/// PIDFD_SIGNAL_THREAD is 1, _THREAD_GROUP 2, _PROCESS_GROUP 4.
#[test]
fn flags_of_a_pidfd_call_say_whom_it_means() {
    let mut actor = Actor::start();
    let child = actor.get("child");
    let [leader, member] = actor.ask("group 2").try_into().unwrap();
    let fd = actor.get(&format!("pidfd {child} 0"));
    // PIDFD_THREAD
    let thread_fd = actor.get(&format!("pidfd {child} {}", 0o200));
    let group_fd = actor.get(&format!("pidfd {leader} 0"));
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    for (fd, flags, to_thread) in [
        (fd, 0, false),
        (fd, 1, true),
        (fd, 2, false),
        (thread_fd, 0, true),
        (thread_fd, 1, true),
        (thread_fd, 2, false),
    ] {
        let call = if to_thread {
            tkill(child, WINCH)
        } else {
            kill(child, WINCH)
        };
        let mut line = as_call(call.line(&sender, 0), "pidfd_send_signal");
        line["target"]["arg"] = fd.into();
        if flags != 0 {
            line["target"]["flags"] = flags.into();
        }
        let command = format!("call pidfd_send_signal {fd} {WINCH} 0 {flags}");
        check(&mut scene, &mut actor, &command, 0, line);
    }
    let mut line = as_call(kill(-leader, WINCH).line(&sender, 0), "pidfd_send_signal");
    assert_eq!(line["recipient_count"], 2);
    assert_eq!(line["recipients"][1]["pid"], member.max(leader));
    line["target"]["arg"] = group_fd.into();
    line["target"]["flags"] = 4.into();
    let command = format!("call pidfd_send_signal {group_fd} {WINCH} 0 4");
    check(&mut scene, &mut actor, &command, 0, line);
    let mut line = by_pidfd(&actor, child, fd, WINCH, EINVAL);
    line["target"]["flags"] = 3.into();
    let command = format!("call pidfd_send_signal {fd} {WINCH} 0 3");
    check(&mut scene, &mut actor, &command, EINVAL, line);
    scene.finish();
}

#[test]
fn a_pidfd_call_that_reaches_nobody_says_why() {
    let mut actor = Actor::start();
    let zombie = actor.get("zombie");
    let fd = actor.get(&format!("pidfd {zombie} 0"));
    actor.get(&format!("reap {zombie}"));
    let gone = actor.get("gone");
    let file = actor.get("open /etc/passwd");
    let stat = actor.get("open /proc/self/stat");
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    for (fd, ret, errno) in [
        (fd, ESRCH, "ESRCH"),
        (file, EBADF, "EBADF"),
        (stat, EBADF, "EBADF"),
        (999, EBADF, "EBADF"),
        (-1, EBADF, "EBADF"),
    ] {
        // Nobody is known of.
        let mut line = as_call(kill(gone, USR1).line(&sender, ESRCH), "pidfd_send_signal");
        line["target"]["arg"] = fd.into();
        (line["ret"], line["errno"]) = (ret.into(), errno.into());
        let command = format!("call pidfd_send_signal {fd} {USR1} 0 0");
        check(&mut scene, &mut actor, &command, ret, line);
    }
    scene.finish();
}

#[test]
fn what_seccomp_refuses_of_any_kind_is_told() {
    let mut actor = Actor::start();
    let child = actor.get("child");
    let fd = actor.get(&format!("pidfd {child} 0"));
    let mut scene = Scene::of(&[&actor], &[]);
    let sender = Sender::of(&actor);
    set_own_info(&mut actor, -1, "7");
    let cases = [
        (
            "rt_sigqueueinfo",
            format!("{child} {USR1} @"),
            kill(child, USR1),
        ),
        (
            "rt_tgsigqueueinfo",
            format!("{child} {child} {USR1} @"),
            tgkill(child, child, USR1),
        ),
        (
            "pidfd_send_signal",
            format!("{fd} {USR1} @ 0"),
            kill(child, USR1),
        ),
    ];
    for (syscall, args, call) in cases {
        actor.make(&format!("deny {syscall} 1"));
        let line = as_call(call.line(&sender, EPERM), syscall);
        let mut line = queued(line, &actor, 7);
        line["entry_missing"] = true.into();
        if syscall == "pidfd_send_signal" {
            line["target"]["arg"] = fd.into();
        }
        let command = format!("call {syscall} {args}");
        check(&mut scene, &mut actor, &command, EPERM, line);
    }
    scene.finish();
}

#[test]
fn filters_hold_for_all_of_them() {
    let mut actor = Actor::start();
    let (first, second) = (actor.get("child"), actor.get("child"));
    let fds = [first, second].map(|pid| actor.get(&format!("pidfd {pid} 0")));
    let sender = Sender::of(&actor);
    set_own_info(&mut actor, -1, "7");
    let calls = |signal: i64| {
        let one = [first, second].into_iter().zip(fds);
        one.flat_map(move |(pid, fd)| {
            [
                ("kill", format!("{pid} {signal}"), pid, fd),
                ("rt_sigqueueinfo", format!("{pid} {signal} @"), pid, fd),
                (
                    "rt_tgsigqueueinfo",
                    format!("{pid} {pid} {signal} @"),
                    pid,
                    fd,
                ),
                ("pidfd_send_signal", format!("{fd} {signal} 0 0"), pid, fd),
            ]
        })
    };
    type Wanted<'a> = &'a dyn Fn(&str, i64, i64) -> bool;
    let to_second = second.to_string();
    let filters: [(&[&str], Wanted<'_>); 4] = [
        (&["-t", &to_second], &|_, pid, _| pid == second),
        (&["-s", "WINCH"], &|_, _, signal| signal == WINCH),
        (
            &["--syscall", "rt_sigqueueinfo,pidfd_send_signal"],
            &|syscall, _, _| ["rt_sigqueueinfo", "pidfd_send_signal"].contains(&syscall),
        ),
        (&["--syscall", "rt_tgsigqueueinfo"], &|syscall, _, _| {
            syscall == "rt_tgsigqueueinfo"
        }),
    ];
    for (args, wanted) in filters {
        let mut scene = Scene::of(&[&actor], args);
        for signal in [0, USR1, WINCH] {
            for (syscall, words, pid, fd) in calls(signal) {
                let call = match syscall {
                    "rt_tgsigqueueinfo" => tgkill(pid, pid, signal),
                    _ => kill(pid, signal),
                };
                let mut line = as_call(call.line(&sender, 0), syscall);
                match syscall {
                    "kill" => {}
                    "pidfd_send_signal" => line["target"]["arg"] = fd.into(),
                    _ => line = queued(line, &actor, 7),
                }
                let command = format!("call {syscall} {words}");
                if wanted(syscall, pid, signal) {
                    check(&mut scene, &mut actor, &command, 0, line);
                } else {
                    assert_eq!(actor.get(&command), 0);
                }
            }
        }
        scene.finish();
    }
}

/// Who calls as a 32-bit program does, on a 64-bit kernel.
#[cfg(target_arch = "x86_64")]
mod narrow {
    use super::*;

    /// Tracepoints of system calls never see them.
    const BY_WITNESS: [&str; 2] = ["--attach", "tracepoint"];
    const RAW: [&str; 2] = ["--attach", "raw"];

    fn as_i386(mut line: Value) -> Value {
        line["abi"] = "i386".into();
        line
    }

    /// What is left of a line where only the signal was seen.
    fn as_witnessed(mut line: Value) -> Value {
        line["witness_only"] = true.into();
        let keys = line.as_object_mut().unwrap();
        keys.remove("ret").unwrap();
        as_i386(line)
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
                format!("rt_sigqueueinfo {child} {signal} @"),
                queued(as_call(line, "rt_sigqueueinfo"), actor, 7),
            ),
            4 => (
                format!("rt_tgsigqueueinfo {child} {child} {signal} @"),
                queued(as_call(line, "rt_tgsigqueueinfo"), actor, 7),
            ),
            5 => (
                format!("pidfd_send_signal {fd} {signal} 0 0"),
                by_pidfd(line),
            ),
            _ => (
                format!("pidfd_send_signal {fd} {signal} @ 0"),
                queued(by_pidfd(line), actor, 7),
            ),
        }
    }

    fn child_and_pidfd(actor: &mut Actor) -> (i64, i64) {
        set_own_info(actor, -1, "7");
        let child = actor.get("child");
        (child, actor.get(&format!("pidfd {child} 0")))
    }

    #[test]
    fn their_signals_are_told_by_the_witness() {
        let mut actor = Actor::start();
        let target = child_and_pidfd(&mut actor);
        let child = target.0;
        let mut scene = Scene::of(&[&actor], &BY_WITNESS);
        for signal in [WINCH, USR1] {
            for kind in 0..KINDS {
                let (command, line) = case(&actor, kind, target, signal);
                let command = format!("call32 {command}");
                check(&mut scene, &mut actor, &command, 0, as_witnessed(line));
            }
        }
        // Nobody sees what signals nobody.
        let gone = actor.get("gone");
        assert_eq!(actor.get(&format!("call32 kill {gone} {USR1}")), ESRCH);
        assert_eq!(actor.get(&format!("call32 kill {child} 0")), 0);
        let line = kill(child, USR1).line(&Sender::of(&actor), 0);
        let command = format!("call kill {child} {USR1}");
        check(&mut scene, &mut actor, &command, 0, line);
        scene.finish();
    }

    /// All of it in one line, a little later, since nobody says when it is over.
    #[test]
    fn their_signals_to_a_group_are_one_line() {
        let mut actor = Actor::start();
        let pids = actor.ask("group 3");
        let mut scene = Scene::of(&[&actor], &BY_WITNESS);
        let sender = Sender::of(&actor);
        let late = |line| with(as_witnessed(line), json!({ "late": true }));
        let line = late(kill(-pids[0], WINCH).line(&sender, 0));
        assert_eq!(line["recipient_count"], 3);
        let command = format!("call32 kill -{} {WINCH}", pids[0]);
        check(&mut scene, &mut actor, &command, 0, line);
        // Another call, though it is just like the first.
        let line = late(kill(-pids[0], WINCH).line(&sender, 0));
        check(&mut scene, &mut actor, &command, 0, line);
        scene.finish();
    }

    #[test]
    fn raw_sees_them_as_it_sees_the_others() {
        let mut actor = Actor::start();
        let target = child_and_pidfd(&mut actor);
        let child = target.0;
        let [leader, _, _] = actor.ask("group 3").try_into().unwrap();
        let gone = actor.get("gone");
        let mut scene = Scene::of(&[&actor], &RAW);
        let sender = Sender::of(&actor);
        for signal in [0, WINCH, USR1] {
            for kind in 0..KINDS {
                let (command, line) = case(&actor, kind, target, signal);
                let command = format!("call {command}");
                check(&mut scene, &mut actor, &command, 0, line);
                let (command, line) = case(&actor, kind, target, signal);
                let command = format!("call32 {command}");
                check(&mut scene, &mut actor, &command, 0, as_i386(line));
            }
        }
        let cases = [
            (kill(gone, USR1), ESRCH),
            (tgkill(child, gone, USR1), ESRCH),
            (tkill(child, 65), EINVAL),
            (kill(-leader, WINCH), 0),
            (kill(-leader, 0), 0),
        ];
        for (call, ret) in cases {
            let command = format!("call {}", call.command());
            let line = call.line(&sender, ret);
            check(&mut scene, &mut actor, &command, ret, line);
            let line = call.line(&sender, ret);
            let command = format!("call32 {}", call.command());
            check(&mut scene, &mut actor, &command, ret, as_i386(line));
        }
        scene.finish();
    }

    #[test]
    fn raw_sees_what_seccomp_refuses_to_either() {
        let mut actor = Actor::start();
        let child = actor.get("child");
        let mut scene = Scene::of(&[&actor], &RAW);
        let sender = Sender::of(&actor);
        // The filter goes by the number alone, which is another call's as well.
        for (deny, command, abi) in [("kill", "call", None), ("37", "call32", Some("i386"))] {
            actor.make(&format!("deny {deny} 1"));
            let mut line = kill(child, USR1).line(&sender, EPERM);
            line["entry_missing"] = true.into();
            if let Some(abi) = abi {
                line["abi"] = abi.into();
            }
            let command = format!("{command} kill {child} {USR1}");
            check(&mut scene, &mut actor, &command, EPERM, line);
        }
        scene.finish();
    }

    #[test]
    fn filters_hold_for_them() {
        let mut actor = Actor::start();
        let mut other = Actor::start();
        let (first, second) = (actor.get("child"), actor.get("child"));
        let to_second = second.to_string();
        for attach in [BY_WITNESS, RAW] {
            for (filter, wanted) in [
                (["-t", &to_second], [false, true, true]),
                (["-s", "WINCH"], [true, true, false]),
                (["--syscall", "tgkill"], [true, true, true]),
            ] {
                let args = [&attach[..], &filter].concat();
                let mut scene = Scene::of(&[&actor], &args);
                let sender = Sender::of(&actor);
                let cases = [(first, WINCH), (second, WINCH), (second, USR1)];
                for ((pid, signal), wanted) in cases.into_iter().zip(wanted) {
                    assert_eq!(other.get(&format!("call32 kill {pid} {signal}")), 0);
                    if filter[0] == "--syscall" {
                        assert_eq!(actor.get(&format!("call32 kill {pid} {signal}")), 0);
                    }
                    let call = tgkill(pid, pid, signal);
                    let command = format!("call32 {}", call.command());
                    if !wanted {
                        assert_eq!(actor.get(&command), 0);
                        continue;
                    }
                    let line = call.line(&sender, 0);
                    let line = if attach == RAW {
                        as_i386(line)
                    } else {
                        as_witnessed(line)
                    };
                    check(&mut scene, &mut actor, &command, 0, line);
                }
                scene.finish();
            }
        }
    }
}

/// Timers and the like come in any context, and with codes of their own.
#[test]
fn what_the_kernel_sends_of_itself_is_no_line() {
    for attach in ["tracepoint", "raw"] {
        let mut actor = Actor::start();
        let mut scene = Scene::of(&[&actor], &["--attach", attach]);
        let codes = actor.ask("have");
        // SI_KERNEL, SI_TIMER, a pipe's SI_USER, CLD_EXITED
        assert_eq!(codes, [0x80, -2, 0, 1]);
        let pid = actor.pid;
        let line = kill(pid, 0).line(&Sender::of(&actor), 0);
        check(
            &mut scene,
            &mut actor,
            &format!("call kill {pid} 0"),
            0,
            line,
        );
        scene.finish();
    }
}
