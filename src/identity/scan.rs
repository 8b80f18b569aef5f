//! All processes that are there at the start, read on a thread of its own.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::setpriority_process;

use super::proc::{self, Scanned};

/// How many processes may wait to be taken.
const WAITING: usize = 1024;
/// It gives way to all that is urgent.
const NICE: i32 = 10;

/// Processes that are being read.
#[derive(Debug)]
pub struct Scan(Receiver<Scanned>);

impl Scan {
    /// Begins to read. None if there can be no thread: then each process is read when
    /// it is asked for.
    pub fn start(args: usize, cgroup_root: Option<PathBuf>) -> Option<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let read = move || {
            // Of this thread alone.
            let _ = setpriority_process(None, NICE);
            for pid in proc::pids() {
                let scanned = proc::scan(pid, args, cgroup_root.as_deref());
                if scanned.is_some_and(|scanned| sender.send(scanned).is_err()) {
                    break;
                }
            }
        };
        (thread::Builder::new().name("scan".into()).spawn(read)).ok()?;
        Some(Self(receiver))
    }

    /// The next process, if one comes before `deadline`. The second is whether there
    /// may be more.
    pub fn next(&self, deadline: Instant) -> (Option<Scanned>, bool) {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        let left = deadline.saturating_duration_since(Instant::now());
        match self.0.recv_timeout(left.max(Duration::ZERO)) {
            Ok(scanned) => (Some(scanned), true),
            Err(Timeout) => (None, true),
            Err(Disconnected) => (None, false),
        }
    }
}
