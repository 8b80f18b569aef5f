//! The thread that does what can take long: compressing, fsync, and closing big
//! files.
//!
//! The only name in the directory that it creates or removes is that of the
//! hidden temporary file. All renames stay with the poller, and need no lock.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::Builder,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::io::Errno;

use super::compress::{Compression, Source, Step};
use crate::privilege::drop_start_capabilities;

/// Taken from the poller and from what is traced only if there is some to
/// spare.
const NICE: i32 = 10;

#[derive(Debug)]
pub(super) enum Job {
    /// Compress a file. The next such job may follow the report of this one.
    Compress(Source),
    /// Flush the file, and the directory if one is given.
    Sync {
        file: Arc<OwnedFd>,
        directory: Option<Arc<OwnedFd>>,
    },
    /// Close the last descriptor of a removed file, which frees its blocks.
    Close(Arc<OwnedFd>),
}

#[derive(Debug)]
pub(super) enum Report {
    /// The file with this inode number is compressed in the temporary file, or
    /// not.
    Compressed {
        inode: u64,
        result: Result<()>,
    },
    Synced(Result<(), Errno>),
}

/// The handle to the thread. Dropping it lets the thread end after its current
/// chunk.
#[derive(Debug)]
pub(super) struct Worker {
    /// None after [`Self::stop`].
    jobs: Option<Sender<Job>>,
    reports: Receiver<Report>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    pub(super) fn start() -> Result<Self> {
        let (jobs, todo) = channel();
        let (done, reports) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = Thread {
            jobs: todo,
            reports: done,
            stop: Arc::clone(&stop),
            compression: None,
        };
        Builder::new()
            .name("sink".into())
            .spawn(move || thread.run())
            .context("cannot start the thread that compresses and flushes files")?;
        Ok(Self {
            jobs: Some(jobs),
            reports,
            stop,
        })
    }

    pub(super) fn give(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread only ends once this sender is gone.
            let _ = jobs.send(job);
        }
    }

    /// The next report, if there is one.
    pub(super) fn report(&self) -> Option<Report> {
        self.reports.try_recv().ok()
    }

    /// Waits for the next report. None if it took too long.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Report> {
        self.reports.recv_timeout(timeout).ok()
    }

    /// Abandons a compression, and waits until everything else is done.
    pub(super) fn stop(mut self, timeout: Duration) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        let start = Instant::now();
        // The thread drops its sender when it ends.
        while (self.reports)
            .recv_timeout(timeout.saturating_sub(start.elapsed()))
            .is_ok()
        {}
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What the thread has.
struct Thread {
    jobs: Receiver<Job>,
    reports: Sender<Report>,
    stop: Arc<AtomicBool>,
    compression: Option<Compression>,
}

impl Thread {
    fn run(mut self) {
        // The thread may start before the process has dropped its capabilities.
        let _ = drop_start_capabilities();
        let _ = rustix::process::nice(NICE);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                self.abandon();
            }
            match self.next_job() {
                Ok(job) => self.begin(job),
                Err(TryRecvError::Empty) => self.compress_chunk(),
                Err(TryRecvError::Disconnected) => return self.abandon(),
            }
        }
    }

    /// Waits for a job unless a file is being compressed.
    fn next_job(&self) -> Result<Job, TryRecvError> {
        if self.compression.is_some() {
            self.jobs.try_recv()
        } else {
            self.jobs.recv().map_err(|_| TryRecvError::Disconnected)
        }
    }

    fn begin(&mut self, job: Job) {
        match job {
            Job::Compress(source) => {
                let inode = source.inode;
                match Compression::start(source) {
                    Ok(compression) => self.compression = Some(compression),
                    Err(error) => self.report_compressed(inode, Err(error)),
                }
            }
            Job::Sync { file, directory } => {
                let result = rustix::fs::fsync(file);
                let result = result.and(directory.map_or(Ok(()), rustix::fs::fsync));
                let _ = self.reports.send(Report::Synced(result));
            }
            Job::Close(file) => drop(file),
        }
    }

    fn compress_chunk(&mut self) {
        let Some(mut compression) = self.compression.take() else {
            return;
        };
        let inode = compression.inode;
        match compression.step() {
            Ok(Step::Chunk) => self.compression = Some(compression),
            Ok(Step::End) => self.report_compressed(inode, compression.finish()),
            Err(error) => {
                compression.abandon();
                self.report_compressed(inode, Err(error));
            }
        }
    }

    fn report_compressed(&self, inode: u64, result: Result<()>) {
        let _ = self.reports.send(Report::Compressed { inode, result });
    }

    fn abandon(&mut self) {
        if let Some(compression) = self.compression.take() {
            compression.abandon();
        }
    }
}
