//! The ways to hook the system calls (`--attach`), whichever of them this
//! kernel gets by itself.

use std::{fs, time::Instant};

use rustix::{
    mount::{UnmountFlags, mount_bind, unmount},
    process::getppid,
};

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
    let untraced = getppid_ns();
    for way in ["tracepoint", "kprobe", "raw", "light"] {
        stage.trace(&["--attach", way, "-p", &senders]);
        // The verifier takes the programs of each way.
        programs::describe().iter().for_each(Message::say);
        let text = format!(
            "getppid beside --attach {way}: {:.2} of untraced",
            getppid_ns() / untraced
        );
        Message::Note { text }.say();
        stage.call(&mut wide, &format!("kill {child} 10"), 0);
        stage.call(&mut wide, &format!("kill {child} 0"), 0);
        // Without the kernel's word on its end, this is a line all the same.
        stage.call_by("call32", &mut narrow, &format!("kill {child} 10"), 0);
        stage.finish();
    }
}

/// What a system call takes that nobody traces: the least of a few rounds. Where
/// a CPU is emulated, this says little.
fn getppid_ns() -> f64 {
    const CALLS: u32 = 20_000;
    let rounds = (0..7).map(|_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            std::hint::black_box(getppid());
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// What tells of a kprobe's kind is wrong: calls are hooked in another way, and
/// it is said why.
pub fn refused(stage: &mut Stage) {
    let mut lines = Vec::new();
    for (args, instead) in [(&[][..], "raw"), (&["--attach", "light"], "light")] {
        let names = std::mem::take(&mut stage.names);
        refused_to(stage, args, instead);
        lines.append(&mut stage.lines);
        stage.names.extend(names);
    }
    stage.lines = lines;
}

fn refused_to(stage: &mut Stage, args: &[&str], instead: &str) {
    let mut sender = stage.actor("sender");
    let mut narrow = stage.narrow_actor("narrow");
    let child = stage.make(&mut sender, "child", "child");
    fs::write(WRONG, NO_TYPE).unwrap();
    mount_bind(WRONG, TYPE).unwrap();
    let senders = format!("{},{}", sender.pid, narrow.pid);
    stage.trace(&[args, &["-p", &senders]].concat());
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    stage.call_by("call32", &mut narrow, &format!("kill {child} 10"), 0);
    let ended = stage.stop_unchecked();
    unmount(TYPE, UnmountFlags::empty()).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    stage.lines = (ended.lines.into_iter()).map(|line| line.value).collect();
    let replaced = stage.lines[0]["attach"] == instead;
    let end = format!("); --attach {instead} takes their place\n");
    let said = ended.stderr.starts_with("sigtrail: kprobes were refused (")
        && ended.stderr.ends_with(&end);
    assert!(
        if replaced {
            said
        } else {
            ended.stderr.is_empty()
        },
        "{}",
        ended.stderr
    );
}
