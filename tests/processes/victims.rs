//! Processes that the first signal of their life ends.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use common::{Killed, Sigtrail, lost, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{ROOM, by_target, canonical, count_of, helper, let_pass, own_pid, start, strings};

const EACH: usize = 60;
/// One of these takes as much of the machine as ten others.
const HEAVY: usize = 20;

/// How many victims of a kind there are.
fn number_of(usual: usize) -> usize {
    count_of("SIGTRAIL_TEST_VICTIMS", usual)
}

struct Victim {
    process: Killed,
    exe: String,
    args: Vec<String>,
    signal: Signal,
}

impl Victim {
    fn start(args: &[&str], signal: Signal) -> Self {
        let mut command = Command::new(args[0]);
        command.args(&args[1..]).stdin(Stdio::null());
        Self {
            process: start(&mut command),
            exe: canonical(args[0]),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            signal,
        }
    }

    fn kill(&mut self) {
        let child: &mut Child = &mut self.process.0;
        kill_process(Pid::from_child(child), self.signal).unwrap();
        child.wait().unwrap();
    }
}

/// Programs of each kind that only a signal ends.
fn programs() -> Vec<(usize, Vec<&'static str>)> {
    let scripted = ["/usr/bin/node", "/usr/bin/perl"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("node or perl is needed");
    let script = match scripted {
        "/usr/bin/node" => "setTimeout(() => {}, 1e9)",
        _ => "sleep 1000000",
    };
    vec![
        (number_of(EACH), vec!["/bin/sleep", "1000000"]),
        (
            number_of(EACH),
            vec!["/usr/bin/python3", "-c", "import time; time.sleep(1e6)"],
        ),
        (number_of(HEAVY), vec![scripted, "-e", script]),
        (number_of(EACH), vec![helper(), "victim"]),
    ]
}

fn of_program(count: usize, args: &[&str]) -> impl Iterator<Item = Victim> {
    (0..count).map(move |number| {
        let signal = [Signal::KILL, Signal::TERM][number % 2];
        Victim::start(&[args, &[&number.to_string()]].concat(), signal)
    })
}

/// Each has one line, and that is right.
#[track_caller]
fn check(sigtrail: Sigtrail, victims: &[Victim], source: &Value) {
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_eq!(lost(&ended.lines), 0);
    let lines = by_target(ended.signals());
    let is_wrong = |victim: &&Victim| {
        let [line] = lines[&i64::from(victim.process.0.id())].as_slice() else {
            panic!("more than one line: {lines:?}");
        };
        let target = &line["target"];
        let is_right = line["signal_number"] == victim.signal.as_raw()
            && target["exe"] == victim.exe
            && strings(&target["args"]) == victim.args
            && target["exe_source"] == *source
            && target["title"] == Value::Null;
        if !is_right {
            println!("{:?}, but {line}", victim.args);
        }
        !is_right
    };
    let wrong = victims.iter().filter(is_wrong).count();
    println!("{wrong} of {} victims wrong", victims.len());
    assert_eq!(wrong, 0);
}

fn trace() -> Sigtrail {
    Sigtrail::start(&[&ROOM[..], &["-p", &own_pid()]].concat())
}

#[test]
fn a_victim_is_known_a_moment_after_its_exec() {
    let sigtrail = trace();
    let mut victims = Vec::new();
    for (count, args) in programs() {
        for mut victim in of_program(count, &args) {
            let_pass(Duration::from_millis(50));
            victim.kill();
            victims.push(victim);
        }
    }
    check(sigtrail, &victims, &Value::Null);
}

/// Nothing passes between exec and kill but what the test itself takes.
#[test]
fn a_victim_is_known_at_its_exec() {
    let sigtrail = trace();
    let mut victims = Vec::new();
    for (count, args) in programs() {
        for mut victim in of_program(count, &args) {
            victim.kill();
            victims.push(victim);
        }
    }
    check(sigtrail, &victims, &Value::Null);
}

#[test]
fn a_victim_is_known_after_a_while() {
    let sigtrail = trace();
    let mut victims: Vec<_> = (programs().iter())
        .flat_map(|(count, args)| of_program(*count, args))
        .collect();
    let_pass(Duration::from_secs(2));
    victims.iter_mut().for_each(Victim::kill);
    check(sigtrail, &victims, &Value::Null);
}

#[test]
fn a_victim_older_than_sigtrail_is_known() {
    let mut victims: Vec<_> = (programs().iter())
        .flat_map(|(count, args)| of_program(*count, args))
        .collect();
    let sigtrail = trace();
    victims.iter_mut().for_each(Victim::kill);
    check(sigtrail, &victims, &"proc".into());
}

#[test]
fn a_victim_that_handles_its_signal_and_ends_is_known() {
    // A signal that comes just before a sleep is handled after it.
    const PYTHON: &str = "import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
print('ready', flush=True)
while True: time.sleep(.05)";
    let sigtrail = trace();
    let mut victims = Vec::new();
    for args in [
        [helper(), "handler", "x"].as_slice(),
        &["/usr/bin/python3", "-c", PYTHON],
    ] {
        for _ in 0..number_of(EACH) {
            let mut command = Command::new(args[0]);
            let child = (command.args(&args[1..]))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut victim = Victim {
                process: Killed(child),
                exe: canonical(args[0]),
                args: args.iter().map(|&arg| arg.to_owned()).collect(),
                signal: Signal::TERM,
            };
            let stdout = victim.process.0.stdout.take().unwrap();
            wait_until("the handler", || {
                rustix::io::ioctl_fionread(&stdout).unwrap() > 0
            });
            victim.kill();
            let status = victim.process.0.wait().unwrap();
            assert_eq!(status.code(), Some(7));
            victims.push(victim);
        }
    }
    check(sigtrail, &victims, &Value::Null);
}
