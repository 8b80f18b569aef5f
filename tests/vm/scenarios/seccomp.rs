//! Calls that seccomp does not let in: their exits come without an entry.

use crate::{common::EPERM, stage::Stage};

const SIGSYS: i32 = 31;

/// By the end each has its line or is counted, so no line is awaited.
pub fn refused(stage: &mut Stage) {
    let mut refused = stage.actor("refused");
    let mut killed = stage.actor("killed");
    let child = stage.make(&mut refused, "child", "child");
    stage.trace(&["-p", &format!("{},{}", refused.pid, killed.pid)]);
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
    stage.finish();
}
