//! The other system calls that send signals, and 32-bit callers.

use common::{ESRCH, process::global_id};

use crate::stage::Stage;

const EBADF: i64 = -9;

pub fn queued(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let pid = sender.pid;
    let child = stage.make(&mut sender, "child", "child");
    let gone = stage.make(&mut sender, "gone", "gone");
    sender.make(&format!("info -1 {pid} 0 42"));
    stage.call(&mut sender, &format!("rt_sigqueueinfo {child} 40 info"), 0);
    let to_thread = format!("rt_tgsigqueueinfo {child} {child} 40 info");
    stage.call(&mut sender, &to_thread, 0);
    stage.call(
        &mut sender,
        &format!("rt_sigqueueinfo {gone} 40 info"),
        ESRCH,
    );
    stage.call(&mut sender, &format!("rt_sigqueueinfo {child} 0 info"), 0);
    // It says that another has sent it.
    sender.make("info -1 1 1000 -5");
    stage.call(&mut sender, &format!("rt_sigqueueinfo {child} 40 info"), 0);
    stage.call(&mut sender, &to_thread, 0);
    stage.finish();
}

pub fn pidfds(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let pid = sender.pid;
    let child = stage.make(&mut sender, "child", "child");
    let mut init = stage.actor_in_pid_namespace("init");
    let inner = init.get("child");
    let inner = global_id(init.pid, inner).unwrap();
    stage.name(inner, "inner");
    let fd = sender.get(&format!("pidfd {child} 0"));
    let far = sender.get(&format!("pidfd {inner} 0"));
    sender.make(&format!("info -1 {pid} 0 7"));
    stage.call(&mut sender, &format!("pidfd_send_signal {fd} 10 0 0"), 0);
    stage.call(&mut sender, &format!("pidfd_send_signal {fd} 0 0 0"), 0);
    stage.call(&mut sender, &format!("pidfd_send_signal {fd} 40 info 0"), 0);
    stage.call(&mut sender, &format!("pidfd_send_signal {far} 10 0 0"), 0);
    stage.call(&mut sender, "pidfd_send_signal 9999 10 0 0", EBADF);
    stage.finish();
}

pub fn narrow(stage: &mut Stage) {
    let mut sender = stage.narrow_actor("sender");
    let pid = sender.pid;
    let child = stage.make(&mut sender, "child", "child");
    let gone = stage.make(&mut sender, "gone", "gone");
    let fd = sender.get(&format!("pidfd {child} 0"));
    sender.make(&format!("info -1 {pid} 0 42"));
    for call in [
        format!("kill {child} 10"),
        format!("kill {child} 0"),
        format!("kill -{child} 10"),
        format!("tkill {child} 10"),
        format!("tgkill {child} {child} 10"),
        format!("rt_sigqueueinfo {child} 40 info"),
        format!("rt_tgsigqueueinfo {child} {child} 40 info"),
        format!("pidfd_send_signal {fd} 12 0 0"),
    ] {
        stage.call_by("call32", &mut sender, &call, 0);
    }
    stage.call_by("call32", &mut sender, &format!("kill {gone} 10"), ESRCH);
    stage.finish();
}
