//! Servers of Debian that somebody stops: the exit's line names who that was.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Instant,
};

use common::{DEADLINE, Killed, Sigtrail, cgroup_root, directory, wait_until};
use serde_json::Value;

use crate::{
    open_directory,
    servers::{Running, Server, canonical},
};

/// Who stops a server.
enum Stop {
    /// A command, as the server's user.
    Command(Vec<String>),
    /// `timeout`, which has started it.
    Timeout,
    /// Somebody at its terminal.
    Keyboard,
    /// The OOM killer, when it does what this command wants.
    Memory(Vec<String>),
}

/// Who stopped it, as its line must say.
struct Culprit {
    origin: &'static str,
    /// Of the sender, if there is one.
    pid: Option<i64>,
    exe: PathBuf,
    args: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What can stop any server, once it is known.
fn usual_stops(server: &Server, path: &Path) -> Vec<Stop> {
    let pid_file = server.pid_file.display();
    let script = path.join("stop.sh");
    let text = format!("read -r pid < {pid_file}\nkill $pid\n");
    fs::write(&script, text).unwrap();
    let last = path.display();
    let patterns = match server.comm {
        "postgres" => format!("{last}/data"),
        "cron" => format!("{last}/cron"),
        "redis-server" => format!("{last}/socket"),
        _ => format!("{last}/conf"),
    };
    vec![
        Stop::Command(words(&format!("/bin/sh {}", script.display()))),
        Stop::Command(words(&format!("/usr/bin/pkill -f {patterns}"))),
        // As a supervisor does, and Debian's init scripts.
        Stop::Command(words(&format!(
            "/sbin/start-stop-daemon --stop --pidfile {pid_file}"
        ))),
        Stop::Timeout,
        Stop::Keyboard,
    ]
}

/// Runs a command that is to end well, and gives its pid.
fn run(mut command: Command) -> i64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = Killed(command.spawn().unwrap());
    let mut status = None;
    wait_until("a command", || {
        status = child.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{command:?}");
    child.0.id().into()
}

/// Starts a server and stops it. Gives who it was, and how it ended.
fn stop(server: &Server, stop: &Stop) -> (Running, Culprit, ExitStatus) {
    let wrapper: &[&str] = match stop {
        Stop::Timeout => &["timeout", "--preserve-status", "2"],
        _ => &[],
    };
    let mut running = server.start(wrapper);
    let none = Culprit {
        origin: "call",
        pid: None,
        exe: PathBuf::new(),
        args: Vec::new(),
    };
    let mut memory = None;
    let culprit = match stop {
        Stop::Command(words) => Culprit {
            pid: Some(run(server.as_owner(words))),
            exe: canonical(&words[0]),
            args: words.clone(),
            ..none
        },
        Stop::Timeout => Culprit {
            pid: Some(running.started.0.id().into()),
            exe: canonical("/usr/bin/timeout"),
            args: wrapper.iter().map(|&word| word.to_owned()).collect(),
            ..none
        },
        Stop::Keyboard => {
            running.interrupt();
            Culprit {
                origin: "tty",
                ..none
            }
        }
        Stop::Memory(words) => {
            memory = Some(Memory::new(&running));
            let mut command = server.as_owner(words);
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            Culprit {
                origin: "oom",
                pid: Some(running.pid),
                exe: server.exe.clone(),
                args: server.command.clone(),
            }
        }
    };
    let status = running.end();
    drop(memory);
    (running, culprit, status)
}

/// Each stop has one line, which is right.
#[track_caller]
fn check(server: &Server, stops: &[Stop]) {
    let filter = ["--target-comm", server.comm, "--exits", "all"];
    let mut sigtrail = Sigtrail::start(&filter);
    let mut pids = Vec::new();
    for way in stops {
        let (running, culprit, status) = stop(server, way);
        let is_it = |line: &Value| line["type"] == "exit" && line["process"]["pid"] == running.pid;
        let line = sigtrail.wait_for(is_it);
        check_line(
            &line,
            server,
            &culprit,
            status,
            matches!(way, Stop::Timeout),
        );
        pids.push(running.pid);
    }
    let ended = sigtrail.stop();
    ended.assert_clean();
    for pid in &pids {
        let is_it = |value: &Value| value["type"] == "exit" && value["process"]["pid"] == *pid;
        let lines = ended.lines.iter().filter(|line| is_it(&line.value));
        assert_eq!(lines.count(), 1, "{pid}");
    }
}

#[track_caller]
fn check_line(
    line: &Value,
    server: &Server,
    culprit: &Culprit,
    status: ExitStatus,
    is_wrapped: bool,
) {
    let process = &line["process"];
    assert_eq!(process["comm"], server.comm, "{line}");
    assert_eq!(process["exe"].as_str(), server.exe.to_str(), "{line}");
    let signal = line["signal_number"].as_i64();
    let code = line["exit_code"].as_i64();
    match is_wrapped {
        // It says both in one number.
        true => {
            let said = signal.map_or(code, |signal| Some(128 + signal));
            assert_eq!(said, status.code().map(i64::from), "{line}");
        }
        false => {
            assert_eq!(signal, status.signal().map(i64::from), "{line}");
            assert_eq!(code, status.code().map(i64::from), "{line}");
        }
    }
    let cause = &line["cause"];
    let sender = &cause["sender"];
    assert_eq!(cause["origin"], culprit.origin, "{line}");
    assert_eq!(sender["pid"].as_i64(), culprit.pid, "{line}");
    if culprit.pid.is_none() {
        return;
    }
    assert_eq!(sender["exe"].as_str(), culprit.exe.to_str(), "{line}");
    let args = sender["args"].as_array().unwrap();
    assert!(!args.is_empty(), "{line}");
    for (is, must) in args.iter().zip(&culprit.args) {
        // The last one may have been shortened.
        assert!(must.starts_with(is.as_str().unwrap()), "{line}");
    }
}

/// A control group whose memory is nearly used up.
struct Memory(PathBuf);

impl Memory {
    /// With that process.
    fn new(running: &Running) -> Self {
        let old = PathBuf::from("/sys/fs/cgroup/memory");
        let (root, limit) = match old.exists() {
            true => (old, "memory.limit_in_bytes"),
            false => (cgroup_root(), "memory.max"),
        };
        // By its directory for temporary files tests/leftovers knows a run.
        let run = env::temp_dir();
        let run = run.file_name().unwrap().to_str().unwrap().to_owned();
        let memory = Self(root.join(format!("sigtrail-{run}-{}-memory", std::process::id())));
        fs::create_dir(&memory.0).unwrap();
        fs::write(memory.0.join(limit), "33554432").expect("the controller memory is needed");
        fs::write(memory.0.join("cgroup.procs"), running.pid.to_string()).unwrap();
        // The test may have been started by who is not to be killed.
        fs::write(format!("/proc/{}/oom_score_adj", running.pid), "0").unwrap();
        memory
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

#[test]
fn who_stopped_nginx_is_told() {
    let directory = open_directory();
    let path = directory.path();
    let server = Server::nginx(path);
    let mut stops = usual_stops(&server, path);
    let [_, files @ ..] = &server.command[..] else {
        panic!("no command");
    };
    for how in ["stop", "quit"] {
        let tool = words(&format!("/usr/sbin/nginx -s {how} {}", files.join(" ")));
        stops.push(Stop::Command(tool));
    }
    check(&server, &stops);
}

#[test]
fn who_stopped_sshd_is_told() {
    let directory = open_directory();
    let server = Server::sshd(directory.path());
    check(&server, &usual_stops(&server, directory.path()));
}

#[test]
fn who_stopped_postgresql_is_told() {
    let directory = open_directory();
    let path = directory.path();
    let server = Server::postgres(path);
    let mut stops = usual_stops(&server, path);
    let tool = Path::new(&server.command[0]).with_file_name("pg_ctl");
    for how in ["fast", "smart", "immediate"] {
        let tool = format!(
            "{} stop -D {}/data -m {how}",
            tool.display(),
            path.display()
        );
        stops.push(Stop::Command(words(&tool)));
    }
    check(&server, &stops);
}

#[test]
fn who_stopped_redis_is_told() {
    let directory = directory();
    let path = directory.path();
    let server = Server::redis(path);
    let mut stops = usual_stops(&server, path);
    let ask = format!(
        "/usr/bin/redis-cli -s {}/socket setrange key 400000000 x",
        path.display()
    );
    stops.push(Stop::Memory(words(&ask)));
    check(&server, &stops);
}

/// Its own tool asks by its socket: no signal has to do with it.
#[test]
fn redis_that_ends_by_itself_has_no_line() {
    let directory = directory();
    let path = directory.path();
    let server = Server::redis(path);
    let sigtrail = Sigtrail::start(&["--target-comm", server.comm, "--exits", "all"]);
    let ask = format!("/usr/bin/redis-cli -s {}/socket shutdown", path.display());
    let (running, _, status) = stop(&server, &Stop::Command(words(&ask)));
    assert!(status.success());
    let ended = sigtrail.stop();
    ended.assert_clean();
    let is_it = |line: &Value| line["process"]["pid"] == running.pid;
    assert!(ended.lines.iter().all(|line| !is_it(&line.value)));
}

#[test]
fn who_stopped_cron_is_told() {
    let directory = open_directory();
    let server = Server::cron(directory.path());
    check(&server, &usual_stops(&server, directory.path()));
}
