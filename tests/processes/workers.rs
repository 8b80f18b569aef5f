//! Servers whose workers execute nothing, and say by their titles what they are.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Killed, Sigtrail, directory, process, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{by_target, canonical, children_titled, let_pass, start, strings};

/// What a line must say of a server's process.
struct Worker {
    pid: i64,
    signal: Signal,
    title: Option<&'static str>,
}

struct Server {
    process: Killed,
    args: Vec<String>,
    killed: Vec<Worker>,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let words = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let args = words
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self {
            process: start(quiet.stderr(Stdio::null())),
            args,
            killed: Vec::new(),
        }
    }

    fn pid(&self) -> i64 {
        self.process.0.id().into()
    }

    fn wait_for_worker(&self, title: &str) -> i64 {
        let mut found = None;
        wait_until(title, || {
            found = children_titled(self.pid(), title).pop();
            found.is_some()
        });
        found.unwrap()
    }

    fn kill_worker(&mut self, title: &'static str, signal: Signal) {
        self.wait_for_worker(title);
        // Titles are read a second after the fork.
        let_pass(Duration::from_millis(3000));
        let pid = self.wait_for_worker(title);
        self.kill(pid, signal, Some(title));
        wait_until("its end", || process::stat(pid).is_none());
    }

    fn kill_master(&mut self, signal: Signal, title: Option<&'static str>) {
        self.kill(self.pid(), signal, title);
        wait_until("its end", || self.process.0.try_wait().unwrap().is_some());
    }

    fn kill(&mut self, pid: i64, signal: Signal, title: Option<&'static str>) {
        let number = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(number, signal).unwrap();
        self.killed.push(Worker { pid, signal, title });
    }

    /// Each has its line. If sigtrail is `older` than the server, it has seen what was
    /// executed; if not, a title is all that is left of the arguments.
    #[track_caller]
    fn check(&self, sigtrail: Sigtrail, older: bool) {
        let ended = sigtrail.stop();
        ended.assert_clean();
        let lines = by_target(ended.signals());
        for worker in &self.killed {
            let own = |line: &&Value| line["sender"]["pid"] == std::process::id();
            let line = lines[&worker.pid].iter().find(own).unwrap();
            let target = &line["target"];
            assert_eq!(line["signal_number"], worker.signal.as_raw());
            assert_eq!(target["exe"], canonical(&self.args[0]), "{line}");
            let title = target["title"].as_str();
            assert_eq!(title.is_some(), worker.title.is_some(), "{line}");
            let is_it = |title: &str| title.starts_with(worker.title.unwrap());
            assert!(title.is_none_or(is_it), "{line}");
            let source = (!older).then_some("proc");
            assert_eq!(target["exe_source"].as_str(), source, "{line}");
        }
        // What the server's processes did to each other, too.
        for line in lines.values().flatten() {
            for side in [&line["sender"], &line["target"]] {
                self.check_args(line, side, older);
            }
        }
    }

    #[track_caller]
    fn check_args(&self, line: &Value, side: &Value, older: bool) {
        if side["exe"].as_str() != Some(&canonical(&self.args[0])) {
            return;
        }
        match side.get("args") {
            Some(args) => assert_eq!(strings(args), self.args, "{line}"),
            None => assert!(!older && side["title"].is_string(), "{line}"),
        }
    }
}

/// By what the sender or target is, so that other tests' are left out.
fn trace(comm: &str) -> Sigtrail {
    Sigtrail::start(&["--target-comm", comm])
}

fn postgres() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("postgresql is needed");
    let version = versions.map(|entry| entry.unwrap().path()).max().unwrap();
    version.join("bin")
}

#[test]
fn workers_of_postgresql_have_arguments_and_titles() {
    let directory = directory();
    let path = directory.path();
    let owner = user("postgres");
    std::os::unix::fs::chown(path, Some(owner.0), Some(owner.1)).unwrap();
    let data = path.join("data");
    let command = |name: &str| {
        let mut command = Command::new(postgres().join(name));
        command.uid(owner.0).gid(owner.1).current_dir(path);
        command.arg("-D").arg(&data);
        command
    };
    let output = common::output_of(command("initdb").args(["-A", "trust", "-N"]));
    assert!(output.status.success(), "{output:?}");

    let older = trace("postgres");
    let mut server = Server::start(command("postgres").args(["-h", "", "-k"]).arg(path));
    server.wait_for_worker("postgres: logical replication launcher");
    let younger = trace("postgres");
    server.kill_worker("postgres: logical replication launcher", Signal::TERM);
    // The master ends the others, and starts new ones.
    server.kill_worker("postgres: walwriter", Signal::KILL);
    server.wait_for_worker("postgres: walwriter");
    server.wait_for_worker("postgres: logical replication launcher");
    server.kill_worker("postgres: checkpointer", Signal::KILL);
    server.wait_for_worker("postgres: walwriter");
    server.kill_master(Signal::INT, None);
    server.check(older, true);
    server.check(younger, false);
}

/// Number and group of a user.
fn user(name: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let found = users.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        (fields[0] == name).then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    });
    found.unwrap_or_else(|| panic!("{name} is needed"))
}

#[test]
fn workers_of_nginx_have_arguments_and_titles() {
    const MASTER: &str = "nginx: master process";
    const WORKER: &str = "nginx: worker process";
    let directory = directory();
    let path = directory.path().to_str().unwrap();
    let conf = format!("{path}/conf");
    let text = format!("daemon off;\nworker_processes 2;\npid {path}/pid;\nevents {{}}\n");
    fs::write(&conf, text).unwrap();
    let log = format!("{path}/log");
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-e", &log, "-c", &conf]);

    let older = trace("nginx");
    let mut server = Server::start(&mut command);
    server.wait_for_worker(WORKER);
    let younger = trace("nginx");
    server.kill_worker(WORKER, Signal::TERM);
    server.kill_worker(WORKER, Signal::KILL);
    server.wait_for_worker(WORKER);
    server.kill_worker(WORKER, Signal::KILL);
    // Its workers outlive it if it is killed.
    let mut workers = Vec::new();
    wait_until("two workers", || {
        workers = children_titled(server.pid(), WORKER);
        workers.len() == 2
    });
    let_pass(Duration::from_millis(3000));
    server.kill_master(Signal::KILL, Some(MASTER));
    for worker in workers {
        server.kill(worker, Signal::TERM, Some(WORKER));
        wait_until("its end", || {
            process::stat(worker).is_none_or(|stat| stat[0] == "Z")
        });
    }
    server.check(older, true);
    server.check(younger, false);
}
