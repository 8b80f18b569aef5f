//! A process that sends signals as a test tells it: see `tests/actor.c`.

use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{DEADLINE, built, wait_until};

/// A running actor. It ends with its last handle.
#[derive(Debug)]
pub struct Actor {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// In the initial pid namespace.
    pub pid: i64,
    /// In its own.
    pub own_pid: i64,
    /// As it was started: see [`Self::named`].
    pub comm: String,
}

impl Actor {
    pub fn start() -> Self {
        Self::spawn(&mut Command::new(program()))
    }

    /// One that, with its children, is known by its name: a filter for that
    /// lets through what they send and nothing else, whatever other tests, or
    /// the same ones in another directory, do on this machine.
    pub fn named(base: &str) -> Self {
        let mut actor = Self::start();
        actor.comm = own_comm(base, actor.pid);
        actor.set_comm(actor.comm.clone().as_bytes());
        actor
    }

    /// The arguments by which only it, and its children, are traced.
    pub fn filter(&self) -> [&str; 2] {
        ["--sender-comm", &self.comm]
    }

    /// As process 1 of a pid namespace of its own.
    pub fn start_in_pid_namespace() -> Self {
        let mut unshare = Command::new("unshare");
        Self::spawn(
            unshare
                .args(["--pid", "--fork", "--kill-child"])
                .arg(program()),
        )
    }

    /// One that makes 32-bit calls (`call32`): another program, where that is
    /// the only way.
    pub fn start_narrow() -> Self {
        match env::var_os("SIGTRAIL_NARROW_ACTOR") {
            Some(path) => Self::spawn(Command::new(path).arg0(program())),
            None => Self::start(),
        }
    }

    /// As whatever the command makes of it.
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = None;
        // A child of another test that has not executed its own yet may still
        // have this executable open for writing.
        wait_until("the executable", || match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => false,
            spawned => child.replace(spawned.unwrap()).is_none(),
        });
        let mut child = child.unwrap();
        let mut actor = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            pid: 0,
            own_pid: 0,
            comm: "actor".to_owned(),
        };
        let [pid, own_pid] = actor.answer().try_into().unwrap();
        (actor.pid, actor.own_pid) = (pid, own_pid);
        actor
    }

    /// Executes another file, which is an actor too.
    pub fn exec(&mut self, path: &str, args: [&str; 2]) {
        let answer = self.ask(&format!("exec {path} {} {}", args[0], args[1]));
        assert_eq!(answer, [self.pid, self.own_pid]);
    }

    /// Gives a command and does not wait for its answer.
    pub fn tell(&mut self, command: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{command}").unwrap();
    }

    /// The answer to a command, within the usual deadline.
    pub fn answer(&mut self) -> Vec<i64> {
        self.answer_within(DEADLINE)
    }

    pub fn answer_within(&mut self, time: Duration) -> Vec<i64> {
        if self.output.buffer().is_empty() {
            let mut fds = [PollFd::new(self.output.get_ref(), PollFlags::IN)];
            let timeout = Timespec::try_from(time).unwrap();
            assert_eq!(poll(&mut fds, Some(&timeout)), Ok(1), "the actor is silent");
        }
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the actor has ended: {line:?}");
        (line.split_whitespace())
            .map(|word| word.parse().unwrap())
            .collect()
    }

    pub fn ask(&mut self, command: &str) -> Vec<i64> {
        self.tell(command);
        self.answer()
    }

    /// Gives a command whose answer is one number.
    pub fn get(&mut self, command: &str) -> i64 {
        let [number] = self.ask(command).try_into().unwrap();
        number
    }

    /// Gives a command that must work.
    pub fn make(&mut self, command: &str) {
        assert_eq!(self.get(command), 0, "{command}");
    }

    pub fn set_comm(&mut self, name: &[u8]) {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        self.make(&format!("comm {hex}"));
    }

    /// Floods from so many processes and threads; gives the calls made.
    pub fn flood(&mut self, processes: u64, threads: u64, calls: u64) -> u64 {
        self.start_flood(processes, threads, calls);
        self.end_flood()
    }

    /// Returns while it runs; 0 calls: for as long as the actor lives.
    pub fn start_flood(&mut self, processes: u64, threads: u64, calls: u64) {
        self.make(&format!("flood {processes} {threads} {calls}"));
    }

    /// As [`Self::start_flood`], but it begins with [`Self::release_flood`].
    /// All of its processes and threads are there.
    pub fn hold_flood(&mut self, processes: u64, threads: u64, calls: u64) {
        self.make(&format!("hold {processes} {threads} {calls}"));
    }

    /// Returns while it runs.
    pub fn release_flood(&mut self) {
        self.make("go");
    }

    /// Waits for the end of a flood; gives the calls made.
    pub fn end_flood(&mut self) -> u64 {
        let [made] = self.answer_within(6 * DEADLINE).try_into().unwrap();
        made.unsigned_abs()
    }

    /// Goes to another cgroup.
    pub fn enter(&self, cgroup: &Path) {
        fs::write(cgroup.join("cgroup.procs"), self.pid.to_string()).unwrap();
    }

    /// Waits until a signal has ended it, and says which.
    pub fn death(mut self) -> i32 {
        self.wait_for_death()
    }

    /// As [`Self::death`], for who asks more of it.
    pub fn wait_for_death(&mut self) -> i32 {
        let mut status = None;
        wait_until("the actor's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().signal().unwrap()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A name that no other process has, as long as one of this number lives.
pub fn own_comm(base: &str, pid: i64) -> String {
    let comm = format!("{base}.{pid}");
    // With the largest number that a process can have.
    assert!(base.len() + ".4194304".len() <= 15, "{base} is too long");
    comm
}

/// The actor's executable, compiled once a change of its source; or what was
/// compiled before, where the tests are taken to another machine.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| env::var_os("SIGTRAIL_ACTOR").map_or_else(compile, PathBuf::from))
}

fn compile() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("actor.c");
    compiled("actor", &[source], &[])
}

/// Compiles the program whose sources are the folder of that name in `tests/`.
pub fn compiled_folder(name: &str, options: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(name);
    let is_source = |path: &PathBuf| {
        path.extension()
            .is_some_and(|kind| kind == "c" || kind == "h")
    };
    let mut sources: Vec<_> = (fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(is_source)
        .collect();
    sources.sort();
    compiled(name, &sources, options)
}

/// Compiles a program, unless that was done since its sources have changed.
/// Headers are among these so that a change of theirs counts.
fn compiled(name: &str, sources: &[PathBuf], options: &[&str]) -> PathBuf {
    let program = built().join(name);
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    if let Ok(built) = changed(&program)
        && (sources.iter()).all(|source| changed(source).unwrap() < built)
    {
        return program;
    }
    let units = (sources.iter()).filter(|path| path.extension().is_some_and(|kind| kind == "c"));
    let fresh = program.with_extension(std::process::id().to_string());
    let status = Command::new("cc")
        .args([
            "-std=gnu11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
            "-o",
        ])
        .arg(&fresh)
        .args(options)
        .args(units)
        .status()
        .expect("a C compiler is needed: apt-get install gcc libc6-dev");
    assert!(status.success());
    fs::rename(fresh, &program).unwrap();
    program
}

/// Copies an executable. Another process does it: a file that is open for
/// writing is not executed, and what this one has open its children have, too,
/// until they execute something else.
pub fn copy_executable(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let mut cp = Command::new("cp");
    let status = cp.arg(from.as_ref()).arg(to.as_ref()).status().unwrap();
    assert!(status.success());
}

/// How long something took, for a message.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (work(), start.elapsed())
}
