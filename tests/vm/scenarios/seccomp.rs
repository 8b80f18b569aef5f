//! Calls that seccomp does not let in: their exits come without an entry.

use common::EPERM;

use crate::stage::Stage;

const SIGSYS: i32 = 31;

/// By the end each has its line or is counted, so no line is awaited.
pub fn refused(stage: &mut Stage) {
    let mut refused = stage.actor("refused");
    let mut killed = stage.actor("killed");
    let mut killed_too = stage.actor("killed_too");
    let child = stage.make(&mut refused, "child", "child");
    let senders = format!("{},{},{}", refused.pid, killed.pid, killed_too.pid);
    // Of a process that a filter kills, some kernels make a signal.
    stage.trace(&["-p", &senders, "--kernel-signals", "none"]);
    for call in ["kill", "tkill", "tgkill"] {
        refused.make(&format!("deny {call} 1"));
    }
    stage.unseen(&mut refused, &format!("kill {child} 9"), EPERM);
    stage.unseen(&mut refused, &format!("tkill {child} 9"), EPERM);
    stage.unseen(&mut refused, &format!("tgkill {child} {child} 9"), EPERM);
    killed.make("unblock");
    killed.make("forbid kill");
    killed.tell(&format!("call kill {child} 9"));
    assert_eq!(killed.death(), SIGSYS);
    // On arm64 its argument stands where the result would: like a success.
    killed_too.make("unblock");
    killed_too.make("forbid kill");
    killed_too.tell("call kill 0 10");
    assert_eq!(killed_too.death(), SIGSYS);
    stage.finish();
}
