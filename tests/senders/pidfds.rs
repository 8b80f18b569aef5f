//! Calls that mean a process by a file descriptor.

use common::{Actor, EINVAL, ESRCH, Scene, Sender, kill, process, set_relation, tkill};
use serde_json::Value;

use crate::{USR1, WINCH, as_call, check, queued, set_info, set_own_info};

const EBADF: i64 = -9;

/// To the process that the kernel knows by `pid`, by way of a pidfd.
fn by_pidfd(actor: &Actor, pid: i64, fd: i64, signal: i64, ret: i64) -> Value {
    let sender = Sender::of(actor);
    let mut line = as_call(kill(pid, signal).line(&sender, ret), "pidfd_send_signal");
    line["target"]["arg"] = fd.into();
    line
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
    let command = format!("call pidfd_send_signal {fd} {USR1} info 0");
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
    let inner = process::global_id(init.pid, inner).unwrap();
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
    let ns_pid = process::numbers(inner, "NSpid")[1];
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
