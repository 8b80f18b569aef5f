//! The ways to hook system calls, and what is done where one is refused.

use std::fs;

use rustix::mount::{UnmountFlags, mount_bind, unmount};

use crate::{programs, protocol::Message, stage::Stage};

const TYPE: &str = "/sys/bus/event_source/devices/kprobe/type";
const WRONG: &str = "/tmp/kprobe-type";
/// No kind of event has this number.
const NO_TYPE: &str = "9999\n";

/// Each sees what it promises, and the kernel's verifier takes its programs.
pub fn each(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let child = stage.make(&mut sender, "child", "child");
    let pid = sender.pid.to_string();
    for attach in ["tracepoint", "kprobe", "raw"] {
        stage.trace(&["--attach", attach, "-p", &pid]);
        programs::describe().iter().for_each(Message::say);
        stage.call(&mut sender, &format!("kill {child} 10"), 0);
        stage.call_by("call32", &mut sender, &format!("kill {child} 10"), 0);
        stage.finish();
    }
}

/// What tells of a kprobe's kind is wrong: calls are hooked in another way, and
/// it is said why.
pub fn refused(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let child = stage.make(&mut sender, "child", "child");
    fs::write(WRONG, NO_TYPE).unwrap();
    mount_bind(WRONG, TYPE).unwrap();
    stage.trace(&["-p", &sender.pid.to_string()]);
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    stage.call_by("call32", &mut sender, &format!("kill {child} 10"), 0);
    let ended = stage.stop_unchecked();
    unmount(TYPE, UnmountFlags::empty()).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    stage.lines = (ended.lines.into_iter()).map(|line| line.value).collect();
    let raw = stage.lines[0]["attach"] == "raw";
    let said = ended.stderr.starts_with("sigtrail: kprobes were refused (")
        && ended
            .stderr
            .ends_with("); --attach raw takes their place\n");
    assert!(
        if raw { said } else { ended.stderr.is_empty() },
        "{}",
        ended.stderr
    );
}
