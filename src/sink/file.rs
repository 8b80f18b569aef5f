//! A file that lines are appended to. Its rotation is in the module `archive`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use rustix::fs::{AtFlags, StatxFlags};
use rustix::io::Errno;

use super::config::{FileConfig, Fsync, Rotation};
use super::directory::{Current, FileId, LogDirectory, Opened};
use super::queue::Queue;
use super::worker::{Job, Worker};

/// Most bytes in one write: some hundred microseconds of copying.
const BATCH: u64 = 256 * 1024;

#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) config: FileConfig,
    pub(super) directory: LogDirectory,
    fd: Arc<OwnedFd>,
    pub(super) id: FileId,
    device: bool,
    /// Bytes in the file, as far as we know: we are its only writer.
    pub(super) size: u64,
    /// When its age began.
    pub(super) born: Instant,
    /// The file ends inside a line that will not be continued.
    pub(super) torn: bool,
    /// Torn lines ended or cut off.
    pub(super) repairs: u64,
    /// Written since the last fsync was asked for.
    pub(super) dirty: bool,
    synced: Instant,
    /// fsyncs that have not been reported yet.
    pub(super) syncing: u32,
    worker: Option<Worker>,
    /// The worker has a file to compress.
    pub(super) compressing: bool,
}

impl LogFile {
    /// Opens the file, and puts right what a crash may have left: see [`Self::tidy`].
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
        file.tidy();
        Ok(file)
    }

    /// Appends some of `bytes`; a torn line before them is ended first.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        self.mend()?;
        self.append(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let count = rustix::io::write(&*self.fd, bytes)?;
        self.size += count as u64;
        self.dirty |= count > 0;
        Ok(count)
    }

    /// Ends a torn last line now rather than before the next line.
    pub(super) fn mend(&mut self) -> Result<(), Errno> {
        if self.torn {
            self.append(b"\n")?;
            self.torn = false;
            self.repairs += 1;
        }
        Ok(())
    }

    /// How many bytes of whole lines may be written before a rotation; None if the next line,
    /// this long, calls for one first.
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

    /// When the file is old enough to be rotated; an empty one never is.
    pub(super) fn expires(&self) -> Option<Instant> {
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

    /// Opens directory and file again by their paths: after SIGHUP, or when writing fails.
    ///
    /// A line that was partly written is finished, or cut off and written again as a whole.
    /// Returns the lines and bytes that were finished in the old file.
    pub(super) fn reopen(&mut self, queue: &mut Queue, now: Instant) -> Result<(u64, u64)> {
        let directory = LogDirectory::open(&self.config, Some(&self.directory))?;
        let current = Current {
            fd: &self.fd,
            id: self.id,
        };
        let opened = directory.open_log(&self.config, Some(current))?;
        let mut finished = (0, 0);
        if opened.id != self.id || opened.device {
            if queue.sent() > 0 {
                let rest = queue.batch(0).to_vec();
                let count = self.append(&rest).unwrap_or(0);
                finished = (queue.advance(count), count as u64);
            }
            self.cut_back(queue);
            self.torn = false;
        }
        let same = opened.id == self.id;
        let same_directory = directory.id() == self.directory.id();
        self.directory = directory;
        let born = if same {
            self.born
        } else {
            born(&opened.fd, now)
        };
        if same && !self.device {
            self.settle(queue, &opened);
        } else {
            self.torn = ends_torn(&opened);
        }
        self.switch(opened, now);
        self.born = born;
        if !same_directory {
            self.tidy();
        }
        Ok(finished)
    }

    /// Decides about a partly written line in the file that was opened again: if exactly our
    /// bytes stand at its end they are continued. Cutting them off would do too, but a follower
    /// that has read them takes a file that shrinks for a new one and reads it all again.
    fn settle(&mut self, queue: &mut Queue, opened: &Opened) {
        let sent = queue.sent() as u64;
        let whole = self.size.saturating_sub(sent);
        if sent > 0 && opened.size == self.size {
            let mut tail = vec![0; queue.sent()];
            let read = rustix::io::pread(&opened.fd, &mut tail, whole);
            if read == Ok(tail.len()) && queue.front().starts_with(&tail) {
                return;
            }
        }
        if sent > 0 && opened.size > whole && opened.size <= self.size {
            self.cut_back(queue);
            return;
        }
        queue.rewind();
        self.torn = ends_torn(opened);
    }

    /// Undoes a partly written line: the file ends with a whole line again, or knows that it is
    /// torn, and the queue will send the line from its start.
    pub(super) fn cut_back(&mut self, queue: &mut Queue) {
        let sent = queue.sent() as u64;
        if sent == 0 {
            return;
        }
        queue.rewind();
        let whole = self.size.saturating_sub(sent);
        if !self.device && rustix::fs::ftruncate(&*self.fd, whole).is_ok() {
            self.size = whole;
            self.repairs += 1;
        } else {
            self.torn = true;
        }
    }

    /// Goes on with another descriptor. The old one is flushed and closed by the worker.
    pub(super) fn switch(&mut self, opened: Opened, now: Instant) {
        let old = std::mem::replace(&mut self.fd, Arc::new(opened.fd));
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

    /// Has the worker flush the file.
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

    /// Whether the end of the file has to be flushed when it is closed.
    pub(super) fn wants_last_sync(&self) -> bool {
        self.config.fsync != Fsync::Never && self.dirty && !self.device
    }

    pub(super) fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref()
    }

    /// Ends the worker; a compression under way is begun anew at the next start.
    pub(super) fn stop_worker(&mut self, timeout: Duration) {
        if let Some(worker) = self.worker.take() {
            worker.stop(timeout);
        }
    }

    /// Hands a job to the worker, which is started for the first one. Without a thread (the
    /// process limit is reached) the job is left undone and the next occasion tries again.
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

/// When the file's age began: at its creation if the filesystem knows, else now.
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

fn ends_torn(opened: &Opened) -> bool {
    if opened.device || opened.size == 0 {
        return false;
    }
    let mut last = [0];
    let read = rustix::io::pread(&opened.fd, &mut last, opened.size - 1);
    matches!(read, Ok(1)) && last != *b"\n"
}
