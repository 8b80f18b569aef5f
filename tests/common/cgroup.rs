//! Control groups of a test's own.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use rustix::{
    event::{Timespec, poll},
    process::{Pid, Signal, kill_process},
};
use sigtrail::Cgroups;

use super::DEADLINE;

/// A control group with all that was made for it, which goes with its handle:
/// whoever is still in it is killed.
#[derive(Debug)]
pub struct Cgroup {
    /// The outermost first.
    made: Vec<PathBuf>,
    /// Where it was made last, as lines have it.
    pub path: String,
}

impl Cgroup {
    /// `below` one whose name nobody else has, other runs of the tests included.
    pub fn new(below: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // By its directory for temporary files tests/leftovers knows a run.
        let run = env::temp_dir();
        let run = run.file_name().and_then(OsStr::to_str).unwrap_or("tests");
        let path = format!("/sigtrail-{run}-{}-{number}.slice{below}", process::id());
        let mut cgroup = Self {
            made: Vec::new(),
            path: path.clone(),
        };
        let mut at = root();
        for name in path.split('/').skip(1) {
            at.push(name);
            fs::create_dir(&at).unwrap();
            cgroup.made.push(at.clone());
        }
        cgroup
    }

    /// Makes another one below the outermost.
    pub fn add(&mut self, name: &OsStr) -> PathBuf {
        let path = self.made[0].join(name);
        fs::create_dir(&path).unwrap();
        self.made.push(path.clone());
        path
    }

    pub fn directory(&self) -> &Path {
        self.made.last().unwrap()
    }

    /// As if it were dropped, and is sure of it.
    pub fn remove(self) {
        let outermost = self.made[0].clone();
        drop(self);
        assert!(!outermost.exists(), "{}", outermost.display());
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: 2_000_000,
        };
        for path in self.made.iter().rev() {
            // No `wait_until`, which would panic where a test has failed.
            while fs::remove_dir(path).is_err() && Instant::now() < deadline {
                kill_members(path);
                let _ = poll(&mut [], Some(&pause));
            }
        }
    }
}

/// The hierarchy whose paths the lines have.
pub fn root() -> PathBuf {
    let cgroups = Cgroups::system();
    cgroups.root().expect("cgroups are needed").to_owned()
}

fn kill_members(cgroup: &Path) {
    let members = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    // Those of another pid namespace are 0 here.
    for pid in members
        .lines()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
    {
        let _ = kill_process(pid, Signal::KILL);
    }
}
