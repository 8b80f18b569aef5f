//! A server that tests run, and end process by process.

use std::process::{Command, Stdio};

use common::{Killed, Sigtrail, process, wait_until};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::{by_target, canonical, children_titled, strings};

/// What a line must say of a server's process.
struct Worker {
    pid: i64,
    signal: Signal,
    title: Option<&'static str>,
}

/// Those that record what is done to a server's processes. If sigtrail is older than
/// the server, it has seen what was executed; if not, a title is all that is left of
/// the arguments.
pub struct Witnesses {
    pub older: Sigtrail,
    pub younger: Sigtrail,
}

impl Witnesses {
    /// Asks a process whether it is there, until each has seen its title.
    pub fn wait_for_title(&mut self, pid: i64, title: &str) {
        for sigtrail in [&mut self.older, &mut self.younger] {
            wait_until(title, || {
                test_kill_process(number(pid)).unwrap();
                let line = sigtrail.wait_for(|line| {
                    line["target"]["pid"] == pid && line["signal_number"] == 0 && is_own(line)
                });
                let found = line["target"]["title"].as_str();
                found.is_some_and(|found| found.starts_with(title))
            });
        }
    }
}

fn number(pid: i64) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// Whether the test itself is the sender.
fn is_own(line: &Value) -> bool {
    line["sender"]["pid"] == std::process::id()
}

pub struct Server {
    process: Killed,
    exe: String,
    args: Vec<String>,
    killed: Vec<Worker>,
}

impl Server {
    /// Does not wait for its exec: a server may have its title before anybody looks.
    pub fn start(command: &mut Command) -> Self {
        let args = words(command);
        Self::start_with(args, command)
    }

    /// One that is a script: its interpreter is what runs.
    pub fn start_script(interpreter: &str, command: &mut Command) -> Self {
        let args = [vec![interpreter.to_owned()], words(command)].concat();
        Self::start_with(args, command)
    }

    fn start_with(args: Vec<String>, command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self {
            process: Killed(quiet.stderr(Stdio::null()).spawn().unwrap()),
            exe: canonical(&args[0]),
            args,
            killed: Vec::new(),
        }
    }

    pub fn pid(&self) -> i64 {
        self.process.0.id().into()
    }

    pub fn wait_for_worker(&self, title: &str) -> i64 {
        let mut found = None;
        wait_until(title, || {
            found = children_titled(self.pid(), title).pop();
            found.is_some()
        });
        found.unwrap()
    }

    pub fn kill_worker(&mut self, witnesses: &mut Witnesses, title: &'static str, signal: Signal) {
        let pid = self.wait_for_worker(title);
        witnesses.wait_for_title(pid, title);
        self.kill(pid, signal, Some(title));
        wait_until("its end", || process::stat(pid).is_none());
    }

    pub fn kill_master(&mut self, signal: Signal, title: Option<&'static str>) {
        self.kill(self.pid(), signal, title);
        wait_until("its end", || self.process.0.try_wait().unwrap().is_some());
    }

    pub fn kill(&mut self, pid: i64, signal: Signal, title: Option<&'static str>) {
        kill_process(number(pid), signal).unwrap();
        self.killed.push(Worker { pid, signal, title });
    }

    #[track_caller]
    pub fn check(&self, witnesses: Witnesses) {
        self.check_lines(witnesses.older, true);
        self.check_lines(witnesses.younger, false);
    }

    /// Each has its line, and that is right.
    #[track_caller]
    fn check_lines(&self, sigtrail: Sigtrail, older: bool) {
        let ended = sigtrail.stop();
        ended.assert_clean();
        let lines = by_target(ended.signals());
        for worker in &self.killed {
            let signal = worker.signal.as_raw();
            let is_it = |line: &&Value| is_own(line) && line["signal_number"] == signal;
            let line = lines[&worker.pid].iter().find(is_it).unwrap();
            self.check_killed(line, worker, older);
        }
        // What the server's processes did to each other, too.
        for line in lines.values().flatten() {
            for side in [&line["sender"], &line["target"]] {
                // Another server of this kind may run.
                if side["pid"] == self.pid() || side["ppid"] == self.pid() {
                    self.check_args(line, side, older);
                }
            }
        }
    }

    #[track_caller]
    fn check_killed(&self, line: &Value, worker: &Worker, older: bool) {
        let target = &line["target"];
        assert_eq!(target["exe"], self.exe, "{line}");
        self.check_args(line, target, older);
        let source = (!older).then_some("proc");
        assert_eq!(target["exe_source"].as_str(), source, "{line}");
        let title = target["title"].as_str();
        assert_eq!(title.is_some(), worker.title.is_some(), "{line}");
        let is_it = |title: &str| title.starts_with(worker.title.unwrap());
        assert!(title.is_none_or(is_it), "{line}");
        assert_eq!(target["outcome"], "delivered", "{line}");
        let is_killed = worker.signal == Signal::KILL;
        assert!(!is_killed || target["fatal"] == true, "{line}");
        // The master is the test's child, and the workers are the master's.
        let parent = match worker.pid == self.pid() {
            true => std::process::id().into(),
            false => self.pid(),
        };
        let nearest = &target["ancestors"][0];
        assert_eq!(nearest["pid"], parent, "{line}");
        if parent == self.pid() {
            assert_eq!(nearest["exe"], self.exe, "{line}");
            let args = strings(&nearest["args"]);
            let is_start = (args.iter().zip(&self.args)).all(|(shown, arg)| arg.starts_with(shown));
            assert!(is_start && (!older || !args.is_empty()), "{line}");
        }
    }

    #[track_caller]
    fn check_args(&self, line: &Value, side: &Value, older: bool) {
        if side["exe"].as_str() != Some(&self.exe) {
            return;
        }
        match side.get("args") {
            Some(args) => assert_eq!(strings(args), self.args, "{line}"),
            None => assert!(!older && side["title"].is_string(), "{line}"),
        }
    }
}

fn words(command: &Command) -> Vec<String> {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    words
        .map(|word| word.to_str().unwrap().to_owned())
        .collect()
}
