//! Calls by those who know how to make the kernel skip probes: from 7.2 on,
//! whoever is preempted in one on a system call's tracepoint hides the next.

use std::{fs, path::Path};

use common::{Actor, Tally, lost, tally_file};

use crate::{golden, stage::Stage};

/// Blocked, so that the flooder survives it; each sending of it is witnessed.
const USR1: i64 = 10;
const NOBODY: i64 = 65534;
/// Room for all of it: what this is about is not what a full ring refuses.
const RING_SIZE: &str = "16M";

/// The first kernel that skips.
const SKIPPING: golden::Version = (7, 2);

/// The first kernel that tells what kretprobes have missed.
const COUNTING: golden::Version = (6, 7);

const LINES: &str = "/tmp/lines";

/// Threads that preempt each other.
const THREADS: u64 = 8;
/// Processes that everybody preempts.
const EVADERS: u64 = 4;

/// No call is missing; and where the way of hooking allows some to be, each is
/// counted, and if it signals somebody, the witness tells of it.
pub fn preempted(stage: &mut Stage) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let skips = golden::version(&release) >= Some(SKIPPING);
    for attach in ["auto", "tracepoint"] {
        for signal in [USR1, 0] {
            // 24,000 and 500 calls; fewer, where there is nothing to skip.
            let share = if skips { 1 } else { 40 };
            let (made, tally) = trace(stage, attach, signal, share);
            let (lost, witnessed) = (lost(&tally.others), tally.witness_only);
            let what = format!(
                "--attach {attach}, signal {signal}: {} lines, {witnessed} of them by the witness \
                 alone, {lost} counted as lost",
                tally.signals
            );
            assert_eq!(tally.signals + lost, made, "{what}");
            let can_skip = skips && attach == "tracepoint";
            for (of, count) in [(USR1, witnessed), (0, lost)] {
                let skipped = can_skip && of == signal;
                // Otherwise the test would test nothing. arm64 skips rarely.
                assert!(
                    count > 0 || !skipped || cfg!(target_arch = "aarch64"),
                    "{what}"
                );
                assert!(count == 0 || skipped, "{what}");
            }
            for line in &tally.others {
                let reason = &line.value["reason"];
                assert!(
                    reason.is_null() || reason == "probe_skipped",
                    "{what}: {reason}"
                );
            }
            stage.lines.push(tally.others[0].value.clone());
        }
    }
}

/// Threads that are in one function at a time: of so many, `--attach light` sees
/// few exits. What signals somebody is told of by the witness, the rest is
/// counted where the kernel counts it.
pub fn crowded(stage: &mut Stage) {
    const CROWD: u64 = 64;
    /// Most that a kretprobe watches on two CPUs.
    const WATCHED: u64 = 10;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let counts = golden::version(&release) >= Some(COUNTING);
    let args = ["--attach", "light", "--sender-comm", "crowd"];
    for signal in [USR1, 0] {
        let mut actor = Actor::start();
        let child = actor.get("child");
        actor.set_comm(b"crowd");
        actor.make(&format!("info -1 {} 0 7", actor.pid));
        let tracer = stage.write_to(Path::new(LINES), &args);
        actor.make(&format!(
            "gather {CROWD} rt_sigqueueinfo {child} {signal} info"
        ));
        // Another that is missed.
        assert_eq!(
            actor.get(&format!("call rt_sigqueueinfo {child} {signal} info")),
            0
        );
        assert_eq!(actor.get("disperse"), i64::try_from(CROWD).unwrap());
        // Its kretprobe is free.
        assert_eq!(actor.get(&format!("call kill {child} {signal}")), 0);
        let ended = tracer.stop();
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
        let tally = tally_file(Path::new(LINES));
        fs::remove_file(LINES).unwrap();
        let (lost, witnessed) = (lost(&tally.others), tally.witness_only);
        let what = format!(
            "signal {signal}: {} lines, {witnessed} of them by the witness alone, {lost} counted \
             as lost",
            tally.signals
        );
        let missed = CROWD + 1 - WATCHED..=CROWD + 1;
        if signal == 0 {
            assert!((1..=WATCHED + 1).contains(&tally.signals), "{what}");
            assert_eq!(
                lost,
                if counts { CROWD + 2 - tally.signals } else { 0 },
                "{what}"
            );
        } else {
            assert_eq!(tally.signals, CROWD + 2, "{what}");
            assert!(missed.contains(&witnessed), "{what}");
        }
        stage.lines.push(tally.others[0].value.clone());
    }
}

fn trace(stage: &mut Stage, attach: &str, signal: i64, share: u64) -> (u64, Tally) {
    let mut flooder = Actor::start();
    flooder.set_comm(b"flooder");
    let mut evader = Actor::start();
    evader.set_comm(b"evader");
    evader.make(&format!("ids {NOBODY} {NOBODY}"));
    let mut args = vec!["--attach", attach, "--ring-size", RING_SIZE];
    args.extend(["--sender-comm", "flooder", "--sender-comm", "evader"]);
    let tracer = stage.write_to(Path::new(LINES), &args);
    evader.make(&format!("evade 1 {EVADERS} {} {signal}", 125 / share));
    let evasions = evader.end_flood();
    assert_eq!(evasions, EVADERS * (125 / share));
    flooder.make(&format!("flood 1 {THREADS} {} {signal}", 3000 / share));
    let floods = flooder.end_flood();
    assert_eq!(floods, THREADS * (3000 / share));
    let ended = tracer.stop();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""));
    let tally = tally_file(Path::new(LINES));
    fs::remove_file(LINES).unwrap();
    (evasions + floods, tally)
}
