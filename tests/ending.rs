//! How a run ends: in time, with whole lines, nothing lost, and the right
//! exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs::{self, File},
    os::unix::{net::UnixDatagram, process::ExitStatusExt},
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use common::{
    Actor, Daemon, Line, QUIET, Sigtrail, check_file, command, constant_part, directory, lost,
    output_of, signals, tally_file, tally_lines, timed, wait_until,
};
use rustix::process::Signal;
use tempfile::TempDir;

/// A pipe takes 64 KiB, less what whole lines leave free on each page.
const PIPE_NEARLY_FULL: u64 = 30_000;

fn read(path: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    check_file(path, |line| lines.push(line));
    lines
}

/// Floods without end, under a name of its own.
fn flooder(name: &str) -> Actor {
    let mut actor = Actor::named(name);
    actor.start_flood(1, 1, 0);
    actor
}

/// Runs it in a shell, as a user would, with `sigtrail` as its first argument.
fn shell(script: &str, more: &[&str]) -> Output {
    let program = command::<&str>(&[]).get_program().to_owned();
    output_of(
        Command::new("bash")
            .args(["-c", script])
            .arg(program)
            .args(more),
    )
}

#[test]
fn a_quiet_run_ends_when_it_is_told_to() {
    for signal in [Signal::INT, Signal::TERM] {
        let sigtrail = Sigtrail::start(&QUIET);
        sigtrail.signal(signal);
        let ended = sigtrail.end();
        ended.assert_clean();
        assert_eq!(ended.lines.len(), 2);
    }
}

#[test]
fn a_flooded_run_ends_when_it_is_told_to() {
    let actor = flooder("load");
    for signal in [Signal::INT, Signal::TERM] {
        let mut sigtrail = Sigtrail::start(&actor.filter());
        sigtrail.wait_for(|line| line["type"] == "signal");
        sigtrail.signal(signal);
        sigtrail.end().assert_clean();
    }
}

/// A run whose lines nobody reads, while the pipe is full.
fn stuck(command: &mut Command) -> Sigtrail {
    let sigtrail = Sigtrail::spawn_unread(command);
    sigtrail.wait_for_bytes(PIPE_NEARLY_FULL);
    sigtrail
}

/// What a service manager listens at. It makes sigtrail wait longer for a reader
/// that takes nothing: ten seconds.
struct Manager {
    room: TempDir,
    _socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let room = directory();
        let _socket = UnixDatagram::bind(room.path().join("notify")).unwrap();
        Self { room, _socket }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("NOTIFY_SOCKET", self.room.path().join("notify"));
        command
    }
}

/// It is given up long before a service gives its reader up, although that was
/// told to end before.
#[test]
fn a_reader_that_has_stopped_does_not_hold_up_the_end() {
    let actor = flooder("stuck");
    let manager = Manager::new();
    let mut service = stuck(&mut manager.command(&actor.filter()));
    let sigtrail = stuck(&mut command(&actor.filter()));
    service.signal(Signal::TERM);
    let ended = sigtrail.stop();
    assert!(!service.has_ended());
    assert_eq!(ended.status.code(), Some(3));
    let said = ended.stderr;
    assert!(said.starts_with("sigtrail: "), "{said}");
    assert!(said.contains(" lines could not be written"), "{said}");
}

/// As long as it takes something, it is waited for.
#[test]
fn a_slow_reader_gets_the_last_lines() {
    const CALLS: u64 = 2000;
    let mut actor = Actor::named("slow");
    let mut sigtrail = Sigtrail::spawn_unread(&mut command(&actor.filter()));
    sigtrail.wait_for_bytes(1);
    actor.flood(1, 1, CALLS);
    sigtrail.signal(Signal::TERM);
    let (bytes, took) = timed(|| sigtrail.read_slowly(Duration::from_millis(20)));
    let tally = tally_lines(bytes.as_slice());
    assert_eq!((tally.signals, lost(&tally.others)), (CALLS, 0));
    // One that takes nothing is given up after half a second.
    assert!(took > Duration::from_secs(1), "{took:?}");
    let ended = sigtrail.end();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
}

/// A journal that is behind is waited for, also where it takes nothing for a while.
#[test]
fn a_service_is_more_patient_with_its_reader() {
    const CALLS: u64 = 80;
    let manager = Manager::new();
    let mut actor = Actor::named("patient");
    let mut sigtrail = Sigtrail::spawn_unread(&mut manager.command(&actor.filter()));
    sigtrail.wait_for_bytes(1);
    actor.flood(1, 1, CALLS);
    sigtrail.signal(Signal::TERM);
    // Longer than others are waited for.
    let bytes = sigtrail.read_slowly(Duration::from_millis(900));
    let tally = tally_lines(bytes.as_slice());
    assert_eq!((tally.signals, lost(&tally.others)), (CALLS, 0));
    let ended = sigtrail.end();
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
}

#[test]
fn a_second_signal_waits_for_nothing() {
    let actor = flooder("second");
    let manager = Manager::new();
    let mut sigtrail = stuck(&mut manager.command(&actor.filter()));
    // One after the other, as by somebody who loses patience; what comes at
    // once, as the two of timeout(1), is one.
    wait_until("the end", || {
        sigtrail.signal(Signal::INT);
        sigtrail.has_ended()
    });
    let ended = sigtrail.end();
    // It did not even say what could not be written.
    assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(1)));
}

#[test]
fn a_run_ends_by_itself_after_its_duration() {
    let args = [&QUIET[..], &["--duration", "300ms"]].concat();
    let sigtrail = Sigtrail::start(&args);
    let ended = sigtrail.end();
    ended.assert_clean();
    let ms = |line: &Line| common::time_of(&line.value) / 1_000_000;
    let between = ms(&ended.lines[1]) - ms(&ended.lines[0]);
    assert!(between >= 290, "{between} ms");
}

#[test]
fn a_run_in_a_flood_gives_exactly_as_many_lines_as_were_asked_for() {
    let actor = flooder("count");
    for count in ["1", "7", "5000"] {
        let ended = Sigtrail::start(&[&actor.filter()[..], &["-n", count]].concat()).end();
        ended.assert_clean();
        assert_eq!(ended.signals().len().to_string(), count);
        let last = &ended.lines.last().unwrap().value;
        assert_eq!(last["events"].to_string(), count);
    }
}

#[test]
fn the_last_of_the_lines_asked_for_ends_the_run_by_itself() {
    let mut actor = Actor::start();
    let pid = actor.pid.to_string();
    let mut sigtrail = Sigtrail::start(&["-p", &pid, "--count", "2"]);
    actor.make(&format!("call kill {pid} 0"));
    sigtrail.wait_for(|line| line["type"] == "signal");
    actor.make(&format!("call tkill {pid} 0"));
    let ended = sigtrail.end();
    ended.assert_clean();
    let made: Vec<_> = ended
        .signals()
        .iter()
        .map(|line| line["syscall"].clone())
        .collect();
    assert_eq!(made, ["kill", "tkill"]);
}

#[test]
fn jq_gets_the_one_line_asked_for() {
    let actor = flooder("jq");
    let script = r#"set -o pipefail; "$0" "$@" -n 1 | jq -sce 'map([.type, .sender.comm])'"#;
    let output = shell(script, &actor.filter());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = format!(
        r#"[["status",null],["signal","{}"],["status",null]]"#,
        actor.comm
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), lines);
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_reader_that_leaves_ends_a_run_in_which_nothing_more_happens() {
    let script = r#""$0" "$@" | head -1; echo "${PIPESTATUS[0]}""#;
    let output = shell(script, &QUIET);
    let text = String::from_utf8(output.stdout).unwrap();
    let (line, code) = text.split_once('\n').unwrap();
    let line = common::Checker::default().check(format!("{line}\n").as_bytes());
    assert_eq!(line.unwrap().value["state"], "started");
    assert_eq!((code, output.stderr.as_slice()), ("0\n", &b""[..]));
}

#[test]
fn a_reader_that_leaves_ends_a_flooded_run_quietly() {
    let actor = flooder("head");
    let script = r#""$0" "$@" | head -1000 | wc -l; echo "${PIPESTATUS[0]}""#;
    let output = shell(script, &actor.filter());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1000\n0\n");
    assert_eq!(output.stderr, b"");
}

#[test]
fn timeout_leaves_a_file_of_whole_lines() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("time");
    // Each line is read again.
    actor.make("pace 10000");
    actor.start_flood(1, 1, 0);
    let args = [&actor.filter()[..], &["-o", path.to_str().unwrap()]].concat();
    // More time where that is not enough to start in.
    for time in ["2", "8", "32"] {
        let script = format!(r#"exec timeout {time} "$0" "$@""#);
        let output = shell(&script, &args);
        // timeout's own code for a time that ran out.
        assert_eq!(output.status.code(), Some(124), "{output:?}");
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.as_slice()),
            (&b""[..], &b""[..])
        );
        let tally = tally_file(&path);
        if tally.signals > 0 {
            assert_eq!(tally.others.last().unwrap().value["state"], "stopped");
            return;
        }
        fs::remove_file(&path).unwrap();
    }
    panic!("it did not start in time");
}

/// Every line is there, although none had been written when it was stopped.
#[test]
fn a_redirected_run_that_is_terminated_loses_nothing() {
    const CALLS: u64 = 300;
    let directory = directory();
    let mut actor = Actor::named("file");
    let slowly = ["--poll-interval", "1s"];
    let redirected = directory.path().join("redirected");
    let named = directory.path().join("named");
    for path in [&redirected, &named] {
        let daemon = if path == &named {
            Daemon::of(&actor, path, &slowly)
        } else {
            let script = r#"exec "$0" "$@" > "$OUT""#;
            let program = command::<&str>(&[]).get_program().to_owned();
            let mut bash = Command::new("bash");
            bash.args(["-c", script])
                .arg(program)
                .args([actor.filter(), slowly].concat())
                .env("OUT", path);
            Daemon::run(path, &mut bash)
        };
        assert_eq!(actor.flood(1, 1, CALLS), CALLS);
        daemon.finish();
        let lines = read(path);
        assert_eq!((signals(&lines).len() as u64, lost(&lines)), (CALLS, 0));
        assert_eq!(lines.last().unwrap().value["state"], "stopped");
    }
}

#[test]
fn a_file_is_appended_to_run_by_run() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let args = ["-o", path.to_str().unwrap(), "--duration", "1ms"];
        let ended = Sigtrail::spawn(&mut command(&[&args[..], &QUIET].concat())).end();
        assert_eq!((ended.stderr.as_str(), ended.status.code()), ("", Some(0)));
        sizes.push(fs::metadata(&path).unwrap().len() as usize);
    }
    // Each run counts its lines by itself.
    let bytes = fs::read(&path).unwrap();
    let second = directory.path().join("second");
    fs::write(&second, &bytes[sizes[0]..]).unwrap();
    fs::write(&path, &bytes[..sizes[0]]).unwrap();
    let [first, second] = [path, second].map(|path| read(&path));
    let constant = |lines: Vec<Line>| -> Vec<_> {
        lines
            .iter()
            .map(|line| constant_part(&line.value))
            .collect()
    };
    assert_eq!((first.len(), constant(first)), (2, constant(second)));
}

#[test]
fn a_full_device_is_an_error_and_not_a_success() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let args = [&QUIET[..], &["--duration", "100ms"]].concat();
    let output = command(&args).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 lines could not be written"), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
}

/// A group gets Ctrl-C as a whole: the reader goes first, sigtrail still ends
/// well.
#[test]
fn an_interrupt_of_the_whole_pipeline_is_a_clean_end() {
    let script = r#"trap : INT; "$0" "$@" | { read -r first; kill -INT 0; cat >/dev/null; }; echo "${PIPESTATUS[0]}""#;
    let mut command = Command::new("setsid");
    let program = common::command::<&str>(&[]).get_program().to_owned();
    command
        .args(["--wait", "bash", "-c", script])
        .arg(program)
        .args(QUIET);
    let output = output_of(&mut command);
    assert_eq!(output.status.signal(), None);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
}
