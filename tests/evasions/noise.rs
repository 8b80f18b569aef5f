//! Of signals that no call sent, none but the deadly ones is a line unasked: not on an
//! idle machine, and not while much is built on it.

use std::{fmt::Write, fs, process::Command};

use common::{Daemon, Sigtrail, check_file, command, directory, output_of};
use serde_json::Value;

const STOPPING: [&str; 4] = ["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"];

/// Whether a line is one that only those want who ask for all signals.
fn is_noise(line: &Value) -> bool {
    let target = &line["target"];
    // One that waits may yet end it.
    let may_end = target["outcome"] != "ignored" && target["fatal"] != false;
    let stops = STOPPING.map(Value::from).contains(&line["signal"]);
    let crosses = |key: &Value| !key.is_null() && *key != target["uid"];
    line["type"] == "signal"
        && line["origin"] != "call"
        && !may_end
        && !stops
        && !crosses(&line["sender"]["uid"])
        && !crosses(&line["tty_uid"])
}

#[test]
fn an_idle_machine_makes_no_noise() {
    let mut idle = command(&["--duration", "5s"]);
    let ended = Sigtrail::spawn(&mut idle).end();
    ended.assert_clean();
    let signals = ended.signals();
    let noise: Vec<_> = signals.iter().filter(|line| is_noise(line)).collect();
    assert!(noise.is_empty(), "{noise:#?}");
}

/// Real compilers, many at a time, whose ends are many signals.
fn build() -> u64 {
    const UNITS: usize = 24;
    let room = directory();
    let mut rules = String::from("all:");
    for unit in 0..UNITS {
        let path = room.path().join(format!("unit{unit}.c"));
        fs::write(path, format!("int unit{unit}(void) {{ return {unit}; }}\n")).unwrap();
        write!(rules, " unit{unit}.o").unwrap();
    }
    rules += "\n%.o: %.c\n\t@for i in 1 2 3; do true | cat; (exit 1); done; cc -c -o $@ $<\n";
    fs::write(room.path().join("Makefile"), rules).unwrap();
    let mut make = Command::new("make");
    let output = output_of(make.args(["-s", "-j4", "-C"]).arg(room.path()));
    assert!(output.status.success(), "{output:?}");
    UNITS as u64
}

#[test]
fn a_build_makes_no_noise() {
    let room = directory();
    let lines = room.path().join("lines");
    let all = room.path().join("all");
    let count = |path| {
        let mut noise = Vec::new();
        check_file(path, |line| {
            if is_noise(&line.value) {
                noise.push(line.text);
            }
        });
        noise
    };
    let quiet = Daemon::start(&lines, &[]);
    let loud = Daemon::start(&all, &["--kernel-signals", "all"]);
    let units = build();
    quiet.finish();
    loud.finish();
    let noise = count(&lines);
    assert!(noise.is_empty(), "{noise:#?}");
    // There was something to be silent about: at least a shell and a compiler a unit.
    assert!(count(&all).len() as u64 >= 2 * units);
}
