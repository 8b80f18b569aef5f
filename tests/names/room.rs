//! Where a test has a real runtime: a directory for all of its files, control groups
//! for its containers, and a mount namespace that hides from it what is the machine's.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Instant,
};

use common::{DEADLINE, Killed, directory};
use rustix::event::{Timespec, poll};
use tempfile::TempDir;

pub struct Room {
    directory: TempDir,
    /// The control group of all of its containers, in every hierarchy.
    pub parent: String,
}

impl Room {
    pub fn new(runtime: &str) -> Self {
        // By its directory for temporary files tests/leftovers knows a run.
        let run = std::env::temp_dir();
        let run = run.file_name().unwrap().to_str().unwrap().to_owned();
        let number = std::process::id();
        Self {
            directory: directory(),
            parent: format!("sigtrail-{run}-{number}-{runtime}.slice"),
        }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// As text, for arguments.
    pub fn name(&self, name: &str) -> String {
        self.at(name).into_os_string().into_string().unwrap()
    }

    /// A directory with the program of the containers, and nothing else.
    pub fn context(&self) -> PathBuf {
        const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/names/kills.c");
        let context = self.at("context");
        fs::create_dir(&context).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-static", "-Wall", "-Werror", SOURCE, "-o"]);
        let status = compiler.arg(context.join("kills")).status();
        assert!(status.unwrap().success());
        context
    }

    /// Who is in a control group of a container, `below` the parent of all.
    pub fn members(&self, below: &str) -> Vec<i64> {
        let path = common::cgroup_root().join(&self.parent).join(below);
        let members = fs::read_to_string(path.join("cgroup.procs")).unwrap();
        members.lines().map(|pid| pid.parse().unwrap()).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let roots = mounts.lines().filter(|line| line.contains(" cgroup"));
        let roots = roots.filter_map(|line| line.split(' ').nth(1));
        let deadline = Instant::now() + DEADLINE;
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: 2_000_000,
        };
        for path in roots.map(|root| Path::new(root).join(&self.parent)) {
            // What a runtime has left in it is on its way out. No `wait_until`, which
            // would panic where a test has failed.
            while path.exists() && Instant::now() < deadline {
                remove_cgroup(&path);
                let _ = poll(&mut [], Some(&pause));
            }
        }
    }
}

/// Removes the deepest first.
fn remove_cgroup(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(path);
}

/// Runtimes write to places that no option moves. Those are empty here, and gone with
/// the last process.
const ELSEWHERE: &str = r#"cp -a /etc "$0/etc"
mount --bind "$0/etc" /etc
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir "$0/lib" /var/lib/containers
mount --bind "$0/lib" /var/lib/containers
echo ready
exec sleep 1000000"#;

/// A process that keeps a mount namespace. What is in `lib` of its room, is in
/// `/var/lib/containers` there.
pub struct Namespace(Killed);

impl Namespace {
    pub fn new(room: &Room) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", ELSEWHERE]);
        command.arg(room.directory.path()).stdin(Stdio::null());
        let mut holder = Killed(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut ready = String::new();
        let stdout = holder.0.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self(holder)
    }

    /// A program in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.0.0.id()));
        command.args(["--", program]).stdin(Stdio::null());
        command
    }
}

/// What a command prints that succeeds.
#[track_caller]
pub fn printed_by(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {said}");
    String::from_utf8(stdout).unwrap().trim().to_owned()
}
