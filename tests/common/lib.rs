//! Runs sigtrail, reads its lines and checks each of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actor;
mod cgroup;
mod check;
mod daemon;
mod differences;
pub mod ends;
mod expect;
mod fate;
pub mod process;
mod recording;
mod scene;
pub mod ways;
mod words;

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use jsonschema::Validator;
use rustix::{
    event::{Timespec, poll},
    io::ioctl_fionread,
    process::{Pid, Signal, kill_process, setpriority_process},
};
use serde_json::Value;

pub use self::{
    actor::{Actor, compiled_folder, copy_executable, own_comm, program, timed},
    cgroup::{Cgroup, root as cgroup_root},
    check::{
        Checker, Line, Tally, check_file, check_lines, nanoseconds, tally_file, tally_lines,
        validator,
    },
    daemon::{Daemon, Run, configure, count, count_in_files, directory, files, last_of},
    expect::*,
    fate::{recipient, recipients, set_fate},
    recording::record,
    scene::{Scene, now},
    words::options,
};

/// For whatever should happen at once. It is this long because no test passes by
/// waiting so long, while a machine that does much else may be late by any time.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The filter of a run that has nothing to say: no thread is called that.
pub const QUIET: [&str; 2] = ["--sender-comm", "st-nobody"];

/// A process of a test's, which is killed if the test forgets it.
#[derive(Debug)]
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running sigtrail whose lines come through a pipe, and are checked and kept
/// as they come. It is killed if a test forgets it. For lines in files there is
/// [`Daemon`].
#[derive(Debug)]
pub struct Sigtrail {
    child: Child,
    /// Until somebody reads it.
    unread: Option<ChildStdout>,
    lines: Receiver<Result<Line, String>>,
    seen: Vec<Line>,
    stderr: Option<JoinHandle<String>>,
}

/// What a run left.
#[derive(Debug)]
pub struct Ended {
    /// All lines.
    pub lines: Vec<Line>,
    pub status: ExitStatus,
    pub stderr: String,
}

impl Sigtrail {
    /// Traces to a pipe, and waits for the line that says it has started.
    pub fn start<S: AsRef<str>>(args: &[S]) -> Self {
        let mut sigtrail = Self::spawn(&mut command(args));
        sigtrail.wait_for(|line| line["state"] == "started");
        sigtrail
    }

    /// Runs a command that ends up as sigtrail.
    pub fn spawn(command: &mut Command) -> Self {
        let mut sigtrail = Self::spawn_unread(command);
        sigtrail.read();
        sigtrail
    }

    /// As [`Self::spawn`], but nobody reads the pipe yet.
    pub fn spawn_unread(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        Self {
            unread: child.stdout.take(),
            child,
            lines: channel().1,
            seen: Vec::new(),
            stderr: Some(thread::spawn(move || text_of(stderr))),
        }
    }

    /// Waits until so many bytes wait in the pipe that nobody reads.
    pub fn wait_for_bytes(&self, wanted: u64) {
        wait_until("lines in the pipe", || self.bytes() >= wanted);
    }

    /// How many bytes wait in the pipe that nobody reads.
    pub fn bytes(&self) -> u64 {
        ioctl_fionread(self.unread.as_ref().unwrap()).unwrap()
    }

    /// Reads all that is left, and checks nothing: as fast as can be.
    pub fn read_raw(&mut self) -> Vec<u8> {
        let mut pipe = self.unread.take().unwrap();
        promptly(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        })
    }

    /// Reads all that is left, with a pause before each half of a pipe.
    #[allow(clippy::disallowed_methods)] // The pause is no wait: it is the pace.
    pub fn read_slowly(&mut self, pause: Duration) -> Vec<u8> {
        let mut pipe = self.unread.take().unwrap();
        promptly(move || {
            let mut bytes = Vec::new();
            loop {
                thread::sleep(pause);
                if (&mut pipe).take(32 << 10).read_to_end(&mut bytes).unwrap() == 0 {
                    return bytes;
                }
            }
        })
    }

    /// Reads all that comes, in another thread, and keeps only what a law is
    /// about: for floods.
    pub fn tally(&mut self) -> JoinHandle<Tally> {
        let pipe = self.unread.take().unwrap();
        thread::spawn(move || tally_lines(BufReader::new(pipe)))
    }

    /// Reads from now on.
    pub fn read(&mut self) {
        self.lines = read_lines(self.unread.take().unwrap());
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Stops it until it is sent SIGCONT.
    pub fn suspend(&self) {
        suspend(self.pid());
    }

    /// The first line, from where the last wait ended, that is as wanted.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_within(DEADLINE, wanted)
    }

    pub fn wait_for_within(&mut self, time: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + time;
        loop {
            let line = self.next_line(deadline);
            if wanted(&line) {
                return line;
            }
        }
    }

    /// The next line, if it comes so soon.
    pub fn try_next(&mut self, time: Duration) -> Option<Value> {
        let line = self.lines.recv_timeout(time).ok()?;
        let line = line.unwrap_or_else(|why| panic!("{why}"));
        self.seen.push(line.clone());
        Some(line.value)
    }

    /// The lines, from where the last wait ended, before one that is as wanted.
    pub fn lines_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = Vec::new();
        loop {
            let line = self.next_line(deadline);
            if wanted(&line) {
                return lines;
            }
            lines.push(line);
        }
    }

    fn next_line(&mut self, deadline: Instant) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = match self.lines.recv_timeout(left) {
            Ok(line) => line.unwrap_or_else(|why| panic!("{why}")),
            Err(error) => panic!("no such line ({error}) after {:#?}", self.seen),
        };
        self.seen.push(line.clone());
        line.value
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it with SIGTERM.
    pub fn stop(mut self) -> Ended {
        assert!(!self.has_ended(), "somebody else has stopped it");
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for its own end.
    pub fn end(mut self) -> Ended {
        let mut status = None;
        wait_until("sigtrail's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // The reader ends with the pipe.
        let rest = self.lines.iter();
        (self.seen).extend(rest.map(|line| line.unwrap_or_else(|why| panic!("{why}"))));
        Ended {
            lines: std::mem::take(&mut self.seen),
            status: status.unwrap(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }
}

impl Drop for Sigtrail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It ended well and said nothing but lines.
    pub fn assert_clean(&self) {
        assert_eq!(self.stderr, "");
        assert_eq!(self.status.code(), Some(0));
        let last = self.lines.last().map(|line| &line.value);
        assert_eq!(last.unwrap()["state"], "stopped");
    }

    pub fn signals(&self) -> Vec<Value> {
        signals(&self.lines)
    }
}

pub fn of_type(lines: &[Line], wanted: &str) -> Vec<Value> {
    (lines.iter())
        .filter(|line| line.value["type"] == wanted)
        .map(|line| line.value.clone())
        .collect()
}

pub fn signals(lines: &[Line]) -> Vec<Value> {
    of_type(lines, "signal")
}

/// Calls that the `lost` lines count.
pub fn lost(lines: &[Line]) -> u64 {
    (of_type(lines, "lost").iter())
        .map(|line| line["count"].as_u64().unwrap())
        .sum()
}

pub fn command<S: AsRef<str>>(args: &[S]) -> Command {
    let mut command = Command::new(sigtrail());
    command.args(args.iter().map(AsRef::as_ref));
    command
}

/// As [`Command::output`], but it has a deadline. What it prints must fit into a
/// pipe.
#[track_caller]
pub fn output_of(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    wait_until("its end", || child.0.try_wait().unwrap().is_some());
    let (stdout, stderr) = (child.0.stdout.take(), child.0.stderr.take());
    let read = |mut from: Box<dyn Read>| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    };
    Output {
        status: child.0.wait().unwrap(),
        stdout: read(Box::new(stdout.unwrap())),
        stderr: read(Box::new(stderr.unwrap())),
    }
}

/// What the binary prints on stdout.
pub fn stdout_of(args: &[&str]) -> String {
    let output = command(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The program under test; elsewhere than here where the tests are taken to.
fn sigtrail() -> OsString {
    env::var_os("SIGTRAIL_PROGRAM").unwrap_or_else(|| built().join("sigtrail").into())
}

/// Where cargo puts programs; tests are in a directory below.
fn built() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// Waits until the file has a line.
pub fn wait_for_file(path: &Path) {
    wait_until("the first line in the file", || {
        fs::read(path).is_ok_and(|bytes| bytes.contains(&b'\n'))
    });
}

/// Asks again and again; for what nobody can be told of.
pub fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    wait_until_within(DEADLINE, what, is_so);
}

pub fn wait_until_within(time: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 2_000_000,
    };
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        poll(&mut [], Some(&pause)).unwrap();
    }
}

/// In a thread that hardly waits for others: for readers who are given up if
/// they are late.
fn promptly<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(|| {
        // This thread's alone.
        setpriority_process(None, -20).unwrap();
        read()
    });
    thread.join().unwrap()
}

/// Stops a process and waits until it has.
pub fn suspend(pid: Pid) {
    kill_process(pid, Signal::STOP).unwrap();
    let number = pid.as_raw_nonzero().get().into();
    wait_until("the stop", || process::stat(number).unwrap()[0] == "T");
}

fn read_lines(from: impl Read + Send + 'static) -> Receiver<Result<Line, String>> {
    let (send, lines) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut checker = Checker::default();
        loop {
            let mut raw = Vec::new();
            match from.read_until(b'\n', &mut raw) {
                Ok(0) => return,
                Ok(_) if send.send(checker.check(&raw)).is_ok() => {}
                _ => return,
            }
        }
    });
    lines
}

fn text_of(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}
