//! A queue and the output that it goes to. Module `pump` has the writing.

use std::{
    os::fd::BorrowedFd,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use signal_hook::{consts::SIGXFSZ, flag};

use super::{
    config::SinkConfig,
    out::Out,
    patience::Patience,
    queue::{LINE_MAX, Queue},
    retry::{Failure, Remedy, Retry},
    stats::{Closed, Refused, SinkGone, SinkStats},
};
use crate::wait::wait;

/// How often to check that an idle pipe still has a reader.
pub(super) const READER_CHECK: Duration = Duration::from_millis(500);
/// How often to look for a report of the worker.
const REPORT_CHECK: Duration = Duration::from_secs(1);

/// One output with its queue.
///
/// If it is dropped, the lines in the queue are not written:
/// [`close`](Self::close) is the orderly end.
#[derive(Debug)]
pub struct Sink {
    pub(super) queue: Queue,
    pub(super) out: Out,
    /// Set while writing fails.
    pub(super) failure: Option<Failure>,
    /// The last write would have had to wait.
    pub(super) blocked: bool,
    /// Set while rotating fails.
    pub(super) rotation_retry: Option<Retry>,
    /// When the reader was last checked.
    pub(super) reader_checked: Instant,
    pub(super) gone: Option<SinkGone>,
    pub(super) stats: SinkStats,
}

impl Sink {
    /// Opens the output.
    ///
    /// If a file ends inside a line, because its last writer crashed, the line
    /// gets its newline at once. From now on SIGXFSZ is caught in the whole
    /// process, so that exceeding the limit on file sizes is an error (`EFBIG`)
    /// like others. Rust's runtime already ignores SIGPIPE.
    ///
    /// # Errors
    /// Standard output is closed; the file cannot be opened; others could
    /// change it or its directory; another process writes it. Each message says
    /// what to do.
    pub fn open(config: SinkConfig) -> Result<Self> {
        catch_file_size_signal()?;
        let now = Instant::now();
        let mut sink = Self {
            queue: Queue::new(config.queue_bytes),
            out: Out::open(config.output, now)?,
            failure: None,
            blocked: false,
            rotation_retry: None,
            reader_checked: now,
            gone: None,
            stats: SinkStats::default(),
        };
        sink.end_torn_line(now);
        Ok(sink)
    }

    /// Takes a line of 1 to 4096 bytes, including its newline.
    ///
    /// # Errors
    /// The queue has no room for the line, because the reader is slow or
    /// because writing fails. There is room again as soon as something was
    /// written.
    pub fn push(&mut self, line: &[u8]) -> Result<(), Refused> {
        if !line.ends_with(b"\n") || line.len() > LINE_MAX {
            return Err(Refused::Malformed);
        }
        debug_assert!(
            !line[..line.len() - 1].contains(&b'\n'),
            "more than one line"
        );
        if self.queue.push(line) {
            Ok(())
        } else if self.failure.is_some() {
            Err(Refused::Failing)
        } else {
            Err(Refused::Full)
        }
    }

    /// How many bytes fit into the queue. A line that fits is never refused.
    pub fn room(&self) -> usize {
        self.queue.room()
    }

    /// Writes what can be written without waiting, and does whatever else is
    /// due: another try after a failure, rotation, fsync.
    ///
    /// # Errors
    /// Nobody can read the output any more. Everything else is tried again, and
    /// shows in [`stats`](Self::stats) and [`push`](Self::push).
    pub fn pump(&mut self, now: Instant) -> Result<(), SinkGone> {
        self.take_reports();
        self.check_reader(now);
        if self.gone.is_none() && self.prepare_write(now) {
            self.drain(now);
        }
        if let Some(gone) = self.gone {
            return Err(gone);
        }
        if let Some(file) = self.out.file_mut()
            && file.sync_due().is_some_and(|due| due <= now)
        {
            file.sync(now);
        }
        Ok(())
    }

    /// The descriptor that must become writable, if the queue waits for that.
    pub fn writable_fd(&self) -> Option<BorrowedFd<'_>> {
        let waits =
            self.blocked && !self.queue.is_empty() && self.failure.is_none() && self.gone.is_none();
        self.out.pollable_fd().filter(|_| waits)
    }

    /// The longest time until [`pump`](Self::pump) must be called again, unless
    /// [`writable_fd`](Self::writable_fd) is writable before. Zero: there is
    /// more to do now. None: only after a push.
    pub fn next_wake(&self, now: Instant) -> Option<Duration> {
        if self.gone.is_some() {
            return None;
        }
        let write = match &self.failure {
            _ if self.queue.is_empty() => None,
            Some(failure) => Some(failure.retry.at),
            None if self.blocked && self.writable_fd().is_some() => None,
            None if self.blocked => Some(now + REPORT_CHECK),
            None => Some(now),
        };
        let other = match &self.out {
            Out::Stream(stream) => {
                let check = stream
                    .pollable()
                    .then(|| self.reader_checked + READER_CHECK);
                [check, None, None]
            }
            Out::File(file) => {
                let rotate = file.expires_at().map(|due| {
                    let retry = self.rotation_retry.map(|retry| retry.at);
                    retry.map_or(due, |retry| retry.max(due))
                });
                let busy = file.syncing > 0 || file.compressing;
                [rotate, file.sync_due(), busy.then(|| now + REPORT_CHECK)]
            }
        };
        let earliest = other.into_iter().chain([write]).flatten().min();
        earliest.map(|due| due.saturating_duration_since(now))
    }

    /// Opens a file and its directory again by their paths, as external log
    /// rotation requests with SIGHUP. A partly written line is not torn by it.
    /// Does nothing for other outputs.
    ///
    /// # Errors
    /// As [`open`](Self::open). The file in use then stays in use.
    pub fn reopen(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Out::File(file) = &mut self.out {
            let written = file.reopen(&mut self.queue, now)?;
            self.stats.add(written);
            if let Some(failure) = &mut self.failure {
                failure.retry.at = now;
                failure.remedy = Remedy::Wait;
            }
            self.end_torn_line(now);
        }
        Ok(())
    }

    fn end_torn_line(&mut self, now: Instant) {
        if let Err(error) = self.out.end_torn_line() {
            self.fail(error, now);
        }
    }

    /// What has happened so far.
    pub fn stats(&self) -> SinkStats {
        SinkStats {
            queued_bytes: self.queue.len(),
            queued_bytes_max: self.queue.highest(),
            torn_tails_repaired: self.out.repairs(),
            ..self.stats.clone()
        }
    }

    /// Writes the lines that wait, as far as `patience` allows, flushes them to
    /// the disk if that is configured, and ends. If a file then ends with a
    /// part of a line, that part is cut off.
    pub fn close(mut self, mut patience: Patience) -> Closed {
        if let Some(failure) = &mut self.failure {
            // There is no later try.
            failure.retry.at = Instant::now();
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
        self.finish_file(&mut patience);
        Closed {
            unwritten_lines: self.queue.lines(),
            gone: self.gone,
            stats: self.stats(),
        }
    }

    /// Cuts off a partly written line, and waits for the worker.
    fn finish_file(&mut self, patience: &mut Patience) {
        if let Out::File(file) = &mut self.out {
            file.cut_partial_line(&mut self.queue);
            if file.needs_last_sync() {
                file.sync(Instant::now());
            }
        }
        while let Some(file) = self.out.file_mut() {
            let left = patience.left(self.stats.bytes_written, Instant::now());
            if file.syncing == 0 {
                return file.stop_worker(left);
            }
            let Some(report) = file.worker().and_then(|worker| worker.wait(left)) else {
                return;
            };
            self.take_report(report);
        }
    }

    /// Waits until the output is writable or the time is over.
    fn wait(&self, timeout: Duration) {
        let fd = self.writable_fd().into_iter();
        let mut fds: Vec<_> = fd
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT))
            .collect();
        // If it fails or ends early, the caller looks at the clock.
        let _ = wait(&mut fds, timeout);
    }
}

/// Catches SIGXFSZ, which would end the process where a write should fail with
/// `EFBIG`.
fn catch_file_size_signal() -> Result<()> {
    static CAUGHT: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if CAUGHT.get().is_none() {
        let caught = Arc::clone(CAUGHT.get_or_init(Arc::default));
        flag::register(SIGXFSZ, caught).context("cannot catch SIGXFSZ")?;
    }
    Ok(())
}
