//! Where lines go. The only code that writes them; it knows nothing of events.
//!
//! The caller [pushes](Sink::push) whole lines into a bounded queue and [pumps](Sink::pump) the
//! queue into the output between two rounds of its own work. Neither blocks on a reader: a
//! reader that stops, a full disk or a failing one let the queue fill up, and then lines are
//! refused with the reason, for the caller to count. Compressing, fsync and freeing the blocks of
//! removed files happen on one worker thread; the poller only renames and opens. (Appending to
//! a regular file can still wait for the kernel when it throttles writers; one pump writes at
//! most 1 MiB and rotates at most once.)
//!
//! A line is never torn in mid-file: one that went out in part is continued in the same file, or
//! cut off (or ended with a newline) and written again as a whole.

mod archive;
mod checks;
mod compress;
mod config;
mod directory;
mod file;
mod patience;
mod pump;
mod queue;
mod rotate;
mod slot;
mod stream;
mod worker;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};

pub use self::config::{
    Closed, FileConfig, Fsync, Output, Refused, Rotation, SinkConfig, SinkGone, SinkStats,
};
use self::file::LogFile;
pub use self::patience::Patience;
pub use self::queue::LINE_MAX;
use self::queue::Queue;
use self::stream::Stream;
use crate::wait::wait;

/// How often an idle pipe is asked whether its reader is still there.
const WATCH: Duration = Duration::from_millis(500);
/// How soon a report of the worker is asked for again.
const REPORT: Duration = Duration::from_secs(1);

/// One output with its queue.
///
/// Not for sharing between threads. Dropping it leaves the queue unwritten: [`close`](Self::close)
/// is the orderly end.
#[derive(Debug)]
pub struct Sink {
    queue: Queue,
    out: Out,
    /// Set while writing fails.
    trouble: Option<Trouble>,
    /// The last write would have blocked.
    blocked: bool,
    /// After a failed rotation: when to try again, and how often it failed.
    rotation_retry: Option<(Instant, u32)>,
    /// When the reader was last seen.
    watched: Instant,
    gone: Option<SinkGone>,
    stats: SinkStats,
}

#[derive(Debug)]
enum Out {
    Stream(Stream),
    File(Box<LogFile>),
}

#[derive(Debug)]
struct Trouble {
    errno: i32,
    tries: u32,
    retry_at: Instant,
    /// Another descriptor may help.
    reopen: bool,
}

impl Sink {
    /// Opens the output.
    ///
    /// A file that ends inside a line (the writer before crashed) gets its newline at once, and
    /// [`SinkStats::torn_tail`] says so. From now on SIGXFSZ is caught in the whole process, so
    /// that the limit on file sizes is an error (EFBIG) like others; SIGPIPE is ignored by Rust's
    /// runtime already.
    ///
    /// # Errors
    ///
    /// Standard output is closed; the file can't be opened; it or its directory could be changed
    /// by others; another process writes it. Each message says what to do.
    pub fn open(config: SinkConfig) -> Result<Self> {
        catch_file_size_signal()?;
        let now = Instant::now();
        let out = match config.output {
            Output::Stdout => Out::Stream(Stream::stdout()?),
            Output::Descriptor(fd) => {
                Out::Stream(Stream::new(fd).context("cannot use the descriptor")?)
            }
            Output::File(file) => Out::File(Box::new(LogFile::open(file, now)?)),
        };
        let mut sink = Self {
            queue: Queue::new(config.queue_bytes),
            out,
            trouble: None,
            blocked: false,
            rotation_retry: None,
            watched: now,
            gone: None,
            stats: SinkStats::default(),
        };
        sink.stats.torn_tail = match &sink.out {
            Out::Stream(stream) => stream.torn,
            Out::File(file) => file.torn,
        };
        if let Err(error) = sink.write(0) {
            sink.fail(error, now);
        }
        Ok(sink)
    }

    /// Takes a line of 1 to [`LINE_MAX`] bytes, its newline included, or says why not.
    ///
    /// # Errors
    ///
    /// The queue has no room for it, because the reader is slow or because writing fails. It
    /// takes lines again as soon as something was written.
    pub fn push(&mut self, line: &[u8]) -> Result<(), Refused> {
        if !line.ends_with(b"\n") || line.len() > LINE_MAX {
            return Err(Refused::Malformed);
        }
        debug_assert!(
            !line[..line.len() - 1].contains(&b'\n'),
            "more than one line"
        );
        if self.queue.push(line) {
            return Ok(());
        }
        Err(self
            .trouble
            .as_ref()
            .map_or(Refused::Full, |trouble| Refused::Failing(trouble.errno)))
    }

    /// How many bytes the queue still takes. A line that fits is never refused.
    pub fn room(&self) -> usize {
        self.queue.room()
    }

    /// Writes what goes out without waiting, and does whatever else is due: another try after a
    /// failure, rotation, fsync.
    ///
    /// # Errors
    ///
    /// Nobody can read the output any more. Everything else is retried, and told by
    /// [`stats`](Self::stats) and [`push`](Self::push).
    pub fn pump(&mut self, now: Instant) -> Result<(), SinkGone> {
        self.collect();
        self.watch(now);
        if self.gone.is_none() && self.ready_to_write(now) {
            self.drain(now);
        }
        if let Some(gone) = self.gone {
            return Err(gone);
        }
        if let Out::File(file) = &mut self.out
            && file.sync_due().is_some_and(|due| due <= now)
        {
            file.sync(now);
        }
        Ok(())
    }

    /// The descriptor to wait on until it is writable, if that is what the queue waits for.
    pub fn writable_fd(&self) -> Option<BorrowedFd<'_>> {
        if !self.blocked || self.queue.is_empty() || self.trouble.is_some() || self.gone.is_some() {
            return None;
        }
        match &self.out {
            Out::Stream(stream) => stream.pollable().then(|| stream.as_fd()),
            Out::File(file) => file.pollable().then(|| file.as_fd()),
        }
    }

    /// In how long [`pump`](Self::pump) wants to be called at the latest, apart from
    /// [`writable_fd`](Self::writable_fd). Zero: there is more to do right now. None: never,
    /// unless a line is pushed.
    pub fn next_wake(&self, now: Instant) -> Option<Duration> {
        if self.gone.is_some() {
            return None;
        }
        let write = match &self.trouble {
            _ if self.queue.is_empty() => None,
            Some(trouble) => Some(trouble.retry_at),
            None if self.blocked && self.writable_fd().is_some() => None,
            None if self.blocked => Some(now + REPORT),
            None => Some(now),
        };
        let other = match &self.out {
            Out::Stream(stream) => [stream.pollable().then(|| self.watched + WATCH), None, None],
            Out::File(file) => {
                let retry = self.rotation_retry.map(|(retry, _)| retry);
                let busy = file.syncing > 0 || file.compressing;
                let rotate = file
                    .expires()
                    .map(|due| retry.map_or(due, |retry| retry.max(due)));
                [rotate, file.sync_due(), busy.then(|| now + REPORT)]
            }
        };
        let earliest = other.into_iter().chain([write]).flatten().min();
        earliest.map(|due| due.saturating_duration_since(now))
    }

    /// Opens a file (and its directory) again by its path, as external log rotation asks for
    /// with SIGHUP. A line that is partly written is not torn by it. Other outputs stay.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); then the file in use so far stays in use.
    pub fn reopen(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Out::File(file) = &mut self.out {
            let (lines, bytes) = file.reopen(&mut self.queue, now)?;
            self.stats.lines_written += lines;
            self.stats.bytes_written += bytes;
            if let Some(trouble) = &mut self.trouble {
                trouble.retry_at = now;
                trouble.reopen = false;
            }
            if let Err(error) = self.write(0) {
                self.fail(error, now);
            }
        }
        Ok(())
    }

    /// What has happened so far.
    pub fn stats(&self) -> SinkStats {
        let mut stats = self.stats.clone();
        stats.queued_lines = self.queue.lines();
        stats.queued_bytes = self.queue.len();
        stats.queued_bytes_max = self.queue.highest();
        if let Out::File(file) = &self.out {
            stats.torn_tails_repaired += file.repairs;
        }
        stats
    }

    /// Writes what waits, with `patience`, flushes it to the disk if that is configured, and
    /// ends. A line that is partly written to a file by then is cut off again.
    pub fn close(mut self, mut patience: Patience) -> Closed {
        if let Some(trouble) = &mut self.trouble {
            // The last chance comes now, not when the next try is due.
            trouble.retry_at = Instant::now();
        }
        loop {
            let now = Instant::now();
            let over = self.pump(now).is_err() || self.queue.is_empty();
            let left = patience.left(self.stats.bytes_written, now);
            if over || left.is_zero() {
                break;
            }
            self.wait(self.next_wake(now).map_or(left, |wake| wake.min(left)));
        }
        if let Out::File(file) = &mut self.out {
            file.cut_back(&mut self.queue);
            if file.wants_last_sync() {
                file.sync(Instant::now());
            }
        }
        let mut flushed = true;
        loop {
            let left = patience.left(self.stats.bytes_written, Instant::now());
            let Out::File(file) = &mut self.out else {
                break;
            };
            if file.syncing == 0 {
                flushed = !file.wants_last_sync();
                file.stop_worker(left);
                break;
            }
            let Some(report) = file.worker().and_then(|worker| worker.wait(left)) else {
                flushed = false;
                break;
            };
            self.take(report);
        }
        Closed {
            unwritten_lines: self.queue.lines(),
            unwritten_bytes: self.queue.len(),
            gone: self.gone,
            flushed: flushed && self.stats.fsync_errors == 0,
            stats: self.stats(),
        }
    }

    /// Waits until the output is writable or the time is over.
    fn wait(&self, time: Duration) {
        let mut fds = Vec::from_iter(
            self.writable_fd()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)),
        );
        // Woken early by a signal: the loop around it looks at the clock.
        let _ = wait(&mut fds, time);
    }
}

/// Without a handler SIGXFSZ would kill the process where a write should fail with EFBIG.
fn catch_file_size_signal() -> Result<()> {
    static CAUGHT: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if CAUGHT.get().is_none() {
        let flag = Arc::clone(CAUGHT.get_or_init(Arc::default));
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag)
            .context("cannot catch SIGXFSZ")?;
    }
    Ok(())
}
