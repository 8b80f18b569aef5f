//! A file that lines are appended to. Module `archive` has its rotation.

use std::{
    mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
use rustix::{
    fs::{AtFlags, StatxFlags},
    io::Errno,
};

use super::{
    config::{FileConfig, Fsync, Rotation},
    directory::{Current, FileId, LogDirectory, Opened},
    queue::Queue,
    stats::Written,
    worker::{Job, Worker},
};

/// Most bytes in one write: some hundred microseconds of copying.
const BATCH: u64 = 256 * 1024;

#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) config: FileConfig,
    pub(super) directory: LogDirectory,
    fd: Arc<OwnedFd>,
    pub(super) id: FileId,
    device: bool,
    /// Bytes in the file, of which this process is the only writer.
    pub(super) size: u64,
    /// From when its age counts.
    pub(super) born: Instant,
    /// The file ends inside a line that will not be continued.
    pub(super) torn: bool,
    /// Torn lines that were ended or cut off.
    pub(super) repairs: u64,
    /// Something was written since the last fsync was requested.
    dirty: bool,
    /// When the last fsync was requested.
    synced: Instant,
    /// Fsyncs that are requested and not done.
    pub(super) syncing: u32,
    worker: Option<Worker>,
    /// The worker has a file to compress.
    pub(super) compressing: bool,
}

impl LogFile {
    /// Opens the file, and cleans up after a crash, see [`Self::clean_up`].
    pub(super) fn open(config: FileConfig, now: Instant) -> Result<Self> {
        let directory = LogDirectory::open(&config, None)?;
        let opened = directory.open_log(&config, None)?;
        let born = born(&opened.fd, now);
        let torn = ends_torn(&opened);
        let mut file = Self {
            config,
            directory,
            fd: Arc::new(opened.fd),
            id: opened.id,
            device: opened.device,
            size: opened.size,
            born,
            torn,
            repairs: 0,
            dirty: false,
            synced: now,
            syncing: 0,
            worker: None,
            compressing: false,
        };
        file.clean_up();
        Ok(file)
    }

    /// Appends some of `bytes`, after a torn line is ended.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        self.end_torn_line()?;
        self.append(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let count = rustix::io::write(&*self.fd, bytes)?;
        self.size += count as u64;
        self.dirty |= count > 0;
        Ok(count)
    }

    pub(super) fn end_torn_line(&mut self) -> Result<(), Errno> {
        if self.torn {
            self.append(b"\n")?;
            self.torn = false;
            self.repairs += 1;
        }
        Ok(())
    }

    /// How many bytes the next write may have. None if the file must be rotated
    /// before the next line, which has `line` bytes.
    pub(super) fn batch(&self, line: usize) -> Option<usize> {
        let max_size = self.rotation().and_then(|rotation| rotation.max_size);
        let left = max_size
            .map_or(BATCH, |most| most.saturating_sub(self.size))
            .min(BATCH);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        // An empty file takes any line.
        (left >= line || self.size == 0).then_some(left)
    }

    pub(super) fn rotation(&self) -> Option<&Rotation> {
        self.config.rotation.as_ref().filter(|_| !self.device)
    }

    pub(super) fn rotates(&self) -> bool {
        self.rotation().is_some()
    }

    /// When the file is old enough to be rotated. An empty one never is.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        let age = self.rotation()?.max_age?;
        if self.size == 0 {
            None
        } else {
            self.born.checked_add(age)
        }
    }

    pub(super) fn pollable(&self) -> bool {
        self.device
    }

    /// Opens directory and file again by their paths: after SIGHUP, or when
    /// writing fails.
    ///
    /// If a line was partly written, either the rest is written to the old
    /// file, which is returned, or the part is cut off and the line will be
    /// written again.
    pub(super) fn reopen(&mut self, queue: &mut Queue, now: Instant) -> Result<Written> {
        let directory = LogDirectory::open(&self.config, Some(&self.directory))?;
        let current = Current {
            fd: &self.fd,
            id: self.id,
        };
        let opened = directory.open_log(&self.config, Some(current))?;
        let same = opened.id == self.id;
        let mut written = Written::default();
        if !same || opened.device {
            written = self.finish_line(queue);
            self.cut_partial_line(queue);
            self.torn = false;
        }
        let same_directory = directory.id() == self.directory.id();
        self.directory = directory;
        let born = if same {
            self.born
        } else {
            born(&opened.fd, now)
        };
        if same && !self.device {
            self.resolve_partial_line(queue, &opened);
        } else {
            self.torn = ends_torn(&opened);
        }
        self.switch_to(opened, now);
        self.born = born;
        if !same_directory {
            self.clean_up();
        }
        Ok(written)
    }

    /// Writes the rest of a partly written line.
    fn finish_line(&mut self, queue: &mut Queue) -> Written {
        if queue.sent() == 0 {
            return Written::default();
        }
        let rest = queue.batch(0).to_vec();
        let count = self.append(&rest).unwrap_or(0);
        Written {
            lines: queue.advance(count),
            bytes: count as u64,
        }
    }

    /// Decides what to do about a partly written line, after the same file was
    /// opened again. If it ends with exactly our part, the line is continued.
    /// The part could be cut off instead, but a follower that has read it would
    /// take the shorter file for a new one and read all of it again.
    fn resolve_partial_line(&mut self, queue: &mut Queue, opened: &Opened) {
        let sent = queue.sent() as u64;
        let complete = self.size.saturating_sub(sent);
        if sent > 0 && opened.size == self.size {
            let mut tail = vec![0; queue.sent()];
            let read = rustix::io::pread(&opened.fd, &mut tail, complete);
            if read == Ok(tail.len()) && queue.front().starts_with(&tail) {
                return;
            }
        }
        if sent > 0 && opened.size > complete && opened.size <= self.size {
            self.cut_partial_line(queue);
            return;
        }
        queue.rewind();
        self.torn = ends_torn(opened);
    }

    /// Cuts off a partly written line, which the queue will then send from its
    /// start. If that fails, the file counts as torn.
    pub(super) fn cut_partial_line(&mut self, queue: &mut Queue) {
        let sent = queue.sent() as u64;
        if sent == 0 {
            return;
        }
        queue.rewind();
        let complete = self.size.saturating_sub(sent);
        if !self.device && rustix::fs::ftruncate(&*self.fd, complete).is_ok() {
            self.size = complete;
            self.repairs += 1;
        } else {
            self.torn = true;
        }
    }

    /// Continues with another descriptor. The worker flushes and closes the old
    /// one.
    pub(super) fn switch_to(&mut self, opened: Opened, now: Instant) {
        let old = mem::replace(&mut self.fd, Arc::new(opened.fd));
        let flush = self.dirty && self.config.fsync != Fsync::Never;
        self.id = opened.id;
        self.device = opened.device;
        if !opened.device {
            self.size = rustix::fs::fstat(&*self.fd)
                .map_or(opened.size, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        }
        self.dirty = false;
        self.synced = now;
        if flush {
            let directory = Some(Arc::clone(&self.directory.fd));
            if self.give(Job::Sync {
                file: old,
                directory,
            }) {
                self.syncing += 1;
            }
        } else {
            self.give(Job::Close(old));
        }
    }

    /// When the next periodic fsync is due.
    pub(super) fn sync_due(&self) -> Option<Instant> {
        match self.config.fsync {
            Fsync::Every(period) if self.dirty && self.syncing == 0 && !self.device => {
                self.synced.checked_add(period)
            }
            _ => None,
        }
    }

    /// Lets the worker flush the file.
    pub(super) fn sync(&mut self, now: Instant) {
        let file = Arc::clone(&self.fd);
        if self.give(Job::Sync {
            file,
            directory: None,
        }) {
            self.syncing += 1;
            self.dirty = false;
        }
        self.synced = now;
    }

    /// Whether the file must be flushed when it is closed.
    pub(super) fn needs_last_sync(&self) -> bool {
        self.config.fsync != Fsync::Never && self.dirty && !self.device
    }

    pub(super) fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref()
    }

    /// Ends the worker. A compression in progress is abandoned, and the next
    /// start begins it again.
    pub(super) fn stop_worker(&mut self, timeout: Duration) {
        if let Some(worker) = self.worker.take() {
            worker.stop(timeout);
        }
    }

    /// Gives a job to the worker, which is started for the first one. If no
    /// thread can be started, returns false and leaves the job undone.
    pub(super) fn give(&mut self, job: Job) -> bool {
        if self.worker.is_none() {
            self.worker = Worker::start().ok();
        }
        let Some(worker) = &self.worker else {
            return false;
        };
        worker.give(job);
        true
    }
}

impl AsFd for LogFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// From when a file's age counts: its creation if the filesystem has that, else
/// now.
fn born(fd: &OwnedFd, now: Instant) -> Instant {
    let age = || {
        let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
        let seconds = u64::try_from(stat.stx_btime.tv_sec).ok()?;
        if stat.stx_mask & StatxFlags::BTIME.bits() == 0 || seconds == 0 {
            return None;
        }
        let birth = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        SystemTime::now().duration_since(birth).ok()
    };
    age().and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// Whether a file does not end with a newline.
fn ends_torn(opened: &Opened) -> bool {
    if opened.device || opened.size == 0 {
        return false;
    }
    let mut last = [0];
    let read = rustix::io::pread(&opened.fd, &mut last, opened.size - 1);
    matches!(read, Ok(1)) && last != *b"\n"
}
