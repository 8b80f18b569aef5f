//! What holds for all of the six, and that the kernel's own signals are no calls.

use common::{Actor, EPERM, Scene, Sender, kill, tgkill};

use crate::{USR1, WINCH, as_call, check, queued, set_own_info};

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
            format!("{child} {USR1} info"),
            kill(child, USR1),
        ),
        (
            "rt_tgsigqueueinfo",
            format!("{child} {child} {USR1} info"),
            tgkill(child, child, USR1),
        ),
        (
            "pidfd_send_signal",
            format!("{fd} {USR1} info 0"),
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
                ("rt_sigqueueinfo", format!("{pid} {signal} info"), pid, fd),
                (
                    "rt_tgsigqueueinfo",
                    format!("{pid} {pid} {signal} info"),
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
