//! How processes end, and which signal led to it.

use std::{
    collections::{BTreeMap, HashSet},
    process::Command,
};

use common::{
    Actor, check_file, directory,
    ends::{Played, program, run},
    process::stat,
    wait_until,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use crate::{guest::option, protocol::Message, stage::Stage};

/// Each kind of end is there at least once.
const PLAYS: &str = "120";
const COMM: &str = "ends";

/// Each end by a signal has a line of its own, after that of its cause.
pub fn by_signals(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    stage.trace(&["-p", &sender.pid.to_string()]);
    stage.with_exits = true;
    for (name, signal) in [("killed", 9), ("terminated", 15), ("real_time", 64)] {
        let child = stage.make(&mut sender, name, "make default 0");
        kill(&mut sender, child, signal);
        assert_eq!(sender.get(&format!("reap {child}")) & 0x7f, signal);
        stage.own().wait_for(|line| line["type"] == "exit");
    }
    let stopped = stage.make(&mut sender, "stopped", "make default 0");
    kill(&mut sender, stopped, 19);
    wait_until("the stop", || stat(stopped).unwrap()[0] == "T");
    for signal in [15, 18] {
        kill(&mut sender, stopped, signal);
    }
    assert_eq!(sender.get(&format!("reap {stopped}")) & 0x7f, 15);
    stage.own().wait_for(|line| line["type"] == "exit");
    stage.finish();
    // How the calls are hooked is not the subject.
    stage.lines.retain(|line| line["type"] != "status");
}

/// The line of the call is read with that of the end.
fn kill(sender: &mut Actor, pid: i64, signal: i64) {
    assert_eq!(sender.get(&format!("call kill {pid} {signal}")), 0);
}

/// Ends of all kinds at random, as `tests/exits/` has them: each line is compared with
/// what wait(2) said, and the golden file has the kinds of which there are lines.
///
/// All of it runs on one CPU. The one thread that emulates both may leave one of them
/// for long in the middle of a probe, and lines would come late.
pub fn of_each_kind(stage: &mut Stage) {
    let usual = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set(0);
    sched_setaffinity(None, &one).unwrap();
    let directory = directory();
    let path = directory.path().join("lines");
    // Here it takes seconds to check as many lines.
    let tracer = stage.write_to(&path, &["--target-comm", COMM, "--ring-size", "4M"]);
    let plays = option("plays").unwrap_or_else(|| PLAYS.to_owned());
    let mut command = Command::new(program());
    command.args(["scripted", COMM, "1", &plays]);
    let said = run(command.current_dir(directory.path()));
    let ended = tracer.stop();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
    sched_setaffinity(None, &usual).unwrap();
    let mut lines = Vec::new();
    check_file(&path, |line| lines.push(line.value));
    let have_lines: HashSet<_> = (lines.iter())
        .filter(|line| line["type"] == "exit")
        .map(|line| line["process"]["pid"].clone())
        .collect();
    let kinds: BTreeMap<_, _> = (said.iter())
        .map(|truth| {
            let found = have_lines.contains(&truth["pid"]);
            (truth["kind"].as_str().unwrap().to_owned(), found)
        })
        .collect();
    let played = Played {
        comm: COMM.to_owned(),
        said,
        lines,
    };
    let text = format!("ends of {plays} plays: {}", played.assert_right());
    Message::Note { text }.say();
    let golden = (kinds.into_iter()).map(|(kind, line)| json!({ "kind": kind, "line": line }));
    stage.lines.extend(golden);
}
