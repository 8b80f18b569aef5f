//! The one thread that does what may take long: gzip, fsync, and giving up big files.
//!
//! It never changes a name in the directory except for the hidden temporary file of its own, so
//! that all renames stay with the poller and need no lock.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::Builder;
use std::time::Duration;

use crate::privilege::drop_those_of_the_start;
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Bytes compressed between two looks at the other jobs: some milliseconds.
const CHUNK: usize = 256 * 1024;

pub(super) enum Job {
    /// Compress `source` into the new file `temporary`, with the source's mode, group and times.
    Compress {
        directory: Arc<OwnedFd>,
        source: OwnedFd,
        temporary: OsString,
    },
    /// Flush the file, and the directory if one is given; then report.
    Sync {
        file: Arc<OwnedFd>,
        directory: Option<Arc<OwnedFd>>,
    },
    /// Close the last descriptor of a removed file, which frees its blocks.
    Close(Arc<OwnedFd>),
}

pub(super) enum Report {
    /// The file with this inode number is compressed in the temporary file.
    Compressed {
        inode: u64,
        result: Result<()>,
    },
    Synced(Result<(), Errno>),
}

/// The handle to the thread. Dropping it lets the thread end after its current chunk.
#[derive(Debug)]
pub(super) struct Worker {
    /// None once it is told to stop.
    jobs: Option<Sender<Job>>,
    reports: Receiver<Report>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    pub(super) fn start() -> Result<Self> {
        let (jobs, todo) = channel();
        let (done, reports) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        Builder::new()
            .name("sink".into())
            .spawn(move || {
                // It is there before the probes are, and needs none of it.
                let _ = drop_those_of_the_start();
                work(&todo, &done, &stopped);
            })
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

    /// The next report, waited for; None when it took too long.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Report> {
        self.reports.recv_timeout(timeout).ok()
    }

    /// Abandons a compression and waits for the thread to have finished everything else.
    pub(super) fn stop(mut self, timeout: Duration) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        let until = std::time::Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            match self.reports.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A compression under way. Others' fsyncs go between its chunks.
struct Compressing {
    directory: Arc<OwnedFd>,
    temporary: OsString,
    source: File,
    inode: u64,
    into: GzEncoder<File>,
}

fn work(todo: &Receiver<Job>, done: &Sender<Report>, stop: &AtomicBool) {
    // Compressing must not take the processor from the poller or from what is being traced.
    let _ = rustix::process::nice(10);
    let mut waiting = VecDeque::new();
    let mut current: Option<Compressing> = None;
    let mut chunk = vec![0; CHUNK];
    loop {
        if stop.load(Ordering::Relaxed) {
            if let Some(job) = current.take() {
                job.abandon();
            }
            waiting.clear();
        }
        let next = if current.is_none() && waiting.is_empty() {
            todo.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            todo.try_recv()
        };
        match next {
            Ok(Job::Sync { file, directory }) => {
                let result = rustix::fs::fsync(file);
                let result = result.and(directory.map_or(Ok(()), rustix::fs::fsync));
                let _ = done.send(Report::Synced(result));
                continue;
            }
            Ok(Job::Close(file)) => {
                drop(file);
                continue;
            }
            Ok(Job::Compress {
                directory,
                source,
                temporary,
            }) => {
                waiting.push_back((directory, source, temporary));
                continue;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                if let Some(job) = current.take() {
                    job.abandon();
                }
                return;
            }
        }
        if current.is_none()
            && let Some((directory, source, temporary)) = waiting.pop_front()
        {
            let inode = rustix::fs::fstat(&source).map_or(0, |stat| stat.st_ino);
            match Compressing::start(directory, source, temporary) {
                Ok(job) => current = Some(job),
                Err(error) => {
                    let _ = done.send(Report::Compressed {
                        inode,
                        result: Err(error),
                    });
                }
            }
        }
        if let Some(mut job) = current.take() {
            let inode = job.inode;
            match job.step(&mut chunk) {
                Ok(true) => current = Some(job),
                Ok(false) => {
                    let result = job.finish();
                    let _ = done.send(Report::Compressed { inode, result });
                }
                Err(error) => {
                    job.abandon();
                    let _ = done.send(Report::Compressed {
                        inode,
                        result: Err(error),
                    });
                }
            }
        }
    }
}

impl Compressing {
    fn start(directory: Arc<OwnedFd>, source: OwnedFd, temporary: OsString) -> Result<Self> {
        let stat = rustix::fs::fstat(&source)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            anyhow::bail!("a rotated file is not a regular file");
        }
        // What a crash or a failure left behind.
        match rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error).context("cannot remove an old temporary file"),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let into = rustix::fs::openat(&directory, &temporary, flags, Mode::from_raw_mode(0o600))
            .context("cannot create a compressed file")?;
        let into = GzEncoder::new(File::from(into), Compression::default());
        Ok(Self {
            directory,
            temporary,
            source: File::from(source),
            inode: stat.st_ino,
            into,
        })
    }

    /// Compresses one chunk; false at the end of the file.
    fn step(&mut self, chunk: &mut [u8]) -> Result<bool> {
        let count = self
            .source
            .read(chunk)
            .context("cannot read a rotated file")?;
        self.into
            .write_all(&chunk[..count])
            .context("cannot write a compressed file")?;
        Ok(count > 0)
    }

    fn finish(self) -> Result<()> {
        let Self {
            directory,
            temporary,
            source,
            into,
            ..
        } = self;
        let seal = || -> Result<()> {
            let into = into.finish()?;
            let stat = rustix::fs::fstat(&source)?;
            let ours = rustix::fs::fstat(&into)?;
            if stat.st_gid != ours.st_gid {
                let group = rustix::fs::Gid::from_raw(stat.st_gid);
                rustix::fs::fchown(&into, None, Some(group))?;
            }
            rustix::fs::fchmod(&into, Mode::from_raw_mode(stat.st_mode))?;
            let written = source.metadata()?.modified()?;
            into.set_modified(written)?;
            // The plain file is removed next: this one must be on the disk by then.
            into.sync_all()?;
            Ok(())
        };
        let sealed = seal().context("cannot finish a compressed file");
        if sealed.is_err() {
            let _ = rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty());
        }
        sealed
    }

    fn abandon(self) {
        let _ = rustix::fs::unlinkat(&self.directory, &self.temporary, AtFlags::empty());
    }
}
