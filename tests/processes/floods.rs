//! Floods of processes: no name is wrong, and no signal is lost.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::{
    DEADLINE, Daemon, Killed, Sigtrail, directory, last_of, lost, process, wait_until,
    wait_until_within,
};
use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use serde_json::{Value, json};

use crate::{canonical, count_of, helper, start};

/// A helper that waits for its start.
struct Flood(Killed);

impl Flood {
    fn new(args: &[&str]) -> Self {
        let mut command = Command::new(helper());
        command.args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(Killed(command.spawn().unwrap()))
    }

    fn pid(&self) -> String {
        self.0.0.id().to_string()
    }

    fn go(&mut self) {
        self.0.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    }

    /// The victims, by pid and number, once it has ended.
    fn victims(mut self) -> Vec<(i64, i64)> {
        let child: &mut Child = &mut self.0.0;
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let victims = (stdout.lines())
            .map(|line| {
                let line = line.unwrap();
                let (pid, number) = line.split_once(' ').unwrap();
                (pid.parse().unwrap(), number.parse().unwrap())
            })
            .collect();
        wait_until_within(5 * DEADLINE, "its end", || {
            child.try_wait().unwrap().is_some()
        });
        assert!(child.wait().unwrap().success());
        victims
    }
}

/// What was found of names in lines.
#[derive(Debug, Default)]
struct Names {
    right: usize,
    absent: usize,
    from_proc: usize,
}

/// Each victim has its line, in their order, with the right name or none.
#[track_caller]
fn check(path: &Path, victims: &[(i64, i64)], args: impl Fn(i64) -> Value) -> Names {
    let (mut lines, mut others) = (Vec::new(), Vec::new());
    common::check_file(path, |line| match line.value["type"] == "signal" {
        true => lines.push(line.value),
        false => others.push(line),
    });
    assert_eq!(lost(&others), 0);
    assert_eq!(lines.len(), victims.len());
    let exe = canonical(helper());
    let mut names = Names::default();
    for (line, (pid, number)) in lines.iter().zip(victims) {
        let target = &line["target"];
        assert_eq!(target["pid"], *pid, "{line}");
        if let Some(found) = target.get("exe") {
            assert_eq!(*found, exe.as_str(), "{line}");
        }
        match target.get("args") {
            Some(found) => assert_eq!(*found, args(*number), "{line}"),
            None => names.absent += 1,
        }
        names.right += usize::from(target.get("args").is_some());
        names.from_proc += usize::from(target["exe_source"] == "proc");
        if let Some(found) = line["sender"].get("exe") {
            assert_eq!(*found, exe.as_str(), "{line}");
        }
    }
    println!("{names:?}");
    names
}

fn victim(number: i64) -> Value {
    json!([helper(), "victim", number.to_string()])
}

/// A figure of a process's memory, in KiB.
fn memory(pid: Pid, figure: &str) -> u64 {
    let pid = pid.as_raw_nonzero().get().into();
    let value = process::status_field(pid, figure).unwrap();
    value.strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Numbers of processes are used again after at most 32,768 on most small machines.
#[test]
fn many_short_lives_make_no_name_wrong_and_take_no_more_memory() {
    const EVERY: usize = 30;
    /// What a table of 1024 entries has, texts included, is far less.
    const MORE_KIB: u64 = 16 << 10;
    let count = count_of("SIGTRAIL_TEST_LIVES", 30_000);
    let directory = directory();
    let path = directory.path().join("lines");
    let mut flood = Flood::new(&["storm", &count.to_string(), &EVERY.to_string()]);
    let pid = flood.pid();
    let daemon = Daemon::start(
        &path,
        &[
            "-p",
            &pid,
            "--process-table",
            "1024",
            "--status-interval",
            "1s",
        ],
    );
    let before = memory(daemon.pid(), "VmRSS");
    flood.go();
    let victims = flood.victims();
    assert_eq!(victims.len(), count / EVERY);
    let (after, most) = (memory(daemon.pid(), "VmRSS"), memory(daemon.pid(), "VmHWM"));
    println!("memory: {before} KiB before, {after} KiB after, {most} KiB at most");
    assert!(most <= before + MORE_KIB);
    daemon.finish();
    check(&path, &victims, victim);
    let text = fs::read_to_string(&path).unwrap();
    let known: Vec<_> = (text.lines())
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|line| line["processes_known"].as_u64())
        .collect();
    assert!(
        known.len() >= 2 && known.iter().all(|known| *known <= 1024),
        "{known:?}"
    );
    println!("known: {known:?}");
    println!("{}", last_of(&path, "stopped"));
}

/// Each other one executes nothing: it is what its parent is.
#[test]
fn a_number_that_is_used_again_never_has_the_old_name() {
    const COUNT: &str = "2000";
    let directory = directory();
    let path = directory.path().join("lines");
    let mut flood = Flood::new(&["reuse", COUNT]);
    let daemon = Daemon::start(&path, &["-p", &flood.pid()]);
    flood.go();
    let victims = flood.victims();
    assert!(victims.iter().all(|(pid, _)| *pid == victims[0].0));
    daemon.finish();
    let names = check(&path, &victims, |number| match number % 2 {
        0 => json!([helper(), "reuse", COUNT]),
        _ => victim(number),
    });
    assert_eq!(names.absent, 0);
}

/// A limit to how many processes there are.
struct Limit(PathBuf);

impl Limit {
    fn new(most: u32) -> Self {
        let root = [PathBuf::from("/sys/fs/cgroup/pids"), common::cgroup_root()]
            .into_iter()
            .find(|root| root.exists())
            .unwrap();
        // By its directory for temporary files tests/leftovers knows a run.
        let run = env::temp_dir();
        let run = run.file_name().unwrap().to_str().unwrap().to_owned();
        let path = root.join(format!("sigtrail-{run}-{}-limit", std::process::id()));
        fs::create_dir(&path).unwrap();
        let limit = Self(path);
        fs::write(limit.0.join("pids.max"), most.to_string())
            .expect("the controller pids is needed");
        limit
    }

    fn hold(&self, pid: &str) {
        fs::write(self.0.join("cgroup.procs"), pid).unwrap();
    }

    /// How often there was no room.
    fn refusals(&self) -> u64 {
        let events = fs::read_to_string(self.0.join("pids.events")).unwrap();
        let count = events.lines().find_map(|line| line.strip_prefix("max "));
        count.unwrap().parse().unwrap()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // They all end by themselves.
        let deadline = std::time::Instant::now() + DEADLINE;
        while fs::remove_dir(&self.0).is_err() && std::time::Instant::now() < deadline {
            crate::let_pass(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn a_fork_bomb_takes_no_line_from_others() {
    const KILLS: usize = 2000;
    let directory = directory();
    let path = directory.path().join("lines");
    let limit = Limit::new(2000);
    let mut bomb = Flood::new(&["bomb", "3"]);
    limit.hold(&bomb.pid());
    let mut innocent = Flood::new(&["kills", &KILLS.to_string()]);
    let daemon = Daemon::start(&path, &["-p", &innocent.pid()]);
    bomb.go();
    innocent.go();
    let victims = innocent.victims();
    assert_eq!(victims.len(), KILLS);
    assert_eq!(bomb.victims(), []);
    println!("{} forks refused", limit.refusals());
    daemon.finish();
    check(&path, &victims, victim);
    println!("{}", last_of(&path, "stopped"));
}

/// Starts a flood on one CPU, whose ring nobody reads, and then a shell. Neither has
/// been reported when it returns.
fn start_unnoticed(sigtrail: &Sigtrail, shell: &mut Command) -> Killed {
    sigtrail.suspend();
    let usual = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|&cpu| usual.is_set(cpu)).unwrap());
    sched_setaffinity(None, &one).unwrap();
    let mut flood = Flood::new(&["storm", "2000", "2001"]);
    flood.go();
    assert_eq!(flood.victims(), []);
    let shell = start(shell);
    sched_setaffinity(None, &usual).unwrap();
    sigtrail.signal(Signal::CONT);
    shell
}

/// A signal that ends it is too late to read of it.
#[test]
fn who_came_while_a_ring_was_full_is_known_before_its_first_signal() {
    const SCRIPT: &str = "while read -r pid; do /bin/kill -0 $pid; done";
    let args = ["/bin/sh", "-c", SCRIPT];
    let own = process::comm(rustix::thread::gettid().as_raw_nonzero().get().into());
    let mut sigtrail = Sigtrail::start(&[
        "--ring-size",
        "512K",
        "--sender-comm",
        "kill",
        "--sender-comm",
        &own,
    ]);
    let mut command = Command::new(args[0]);
    let mut shell = start_unnoticed(&sigtrail, command.args(&args[1..]).stdin(Stdio::piped()));
    let pid = shell.0.id();
    // As an ancestor, it is not read of.
    let mut stdin = shell.0.stdin.take().unwrap();
    wait_until("its name", || {
        writeln!(stdin, "{}", std::process::id()).unwrap();
        let line = sigtrail.wait_for(|line| line["sender"]["ppid"] == pid);
        let nearest = &line["sender"]["ancestors"][0];
        nearest["pid"] == pid && nearest["exe"] == canonical(args[0])
    });
    kill_process(Pid::from_child(&shell.0), Signal::KILL).unwrap();
    let line = sigtrail.wait_for(|line| line["target"]["pid"] == pid);
    let target = &line["target"];
    assert_eq!(target["exe"], canonical(args[0]), "{line}");
    assert_eq!(target["args"], json!(args), "{line}");
    assert_eq!(target["exe_source"], "proc", "{line}");
    sigtrail.stop().assert_clean();
}
