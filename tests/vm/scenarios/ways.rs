//! The ways to hook the system calls (`--attach`), whichever of them this
//! kernel gets by itself.

use std::fs;

use rustix::mount::{UnmountFlags, mount_bind, unmount};

use crate::{programs, protocol::Message, stage::Stage};

const TYPE: &str = "/sys/bus/event_source/devices/kprobe/type";
const WRONG: &str = "/tmp/kprobe-type";
/// No kind of event has this number.
const NO_TYPE: &str = "9999\n";

pub fn each(stage: &mut Stage) {
    let mut wide = stage.actor("wide");
    let mut narrow = stage.narrow_actor("narrow");
    let child = stage.make(&mut wide, "child", "child");
    let senders = format!("{},{}", wide.pid, narrow.pid);
    for way in ["tracepoint", "kprobe", "raw"] {
        stage.trace(&["--attach", way, "-p", &senders]);
        // The verifier takes the programs of each way.
        programs::describe().iter().for_each(Message::say);
        stage.call(&mut wide, &format!("kill {child} 10"), 0);
        stage.call(&mut wide, &format!("kill {child} 0"), 0);
        // Without the kernel's word on its end, this is a line all the same.
        stage.call_by("call32", &mut narrow, &format!("kill {child} 10"), 0);
        stage.finish();
    }
}

/// What tells of a kprobe's kind is wrong: calls are hooked in another way, and
/// it is said why.
pub fn refused(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let mut narrow = stage.narrow_actor("narrow");
    let child = stage.make(&mut sender, "child", "child");
    fs::write(WRONG, NO_TYPE).unwrap();
    mount_bind(WRONG, TYPE).unwrap();
    stage.trace(&["-p", &format!("{},{}", sender.pid, narrow.pid)]);
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    stage.call_by("call32", &mut narrow, &format!("kill {child} 10"), 0);
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
