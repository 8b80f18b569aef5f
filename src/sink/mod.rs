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

mod config;
mod file;
mod place;
mod queue;
mod rotate;
mod stream;
mod worker;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub use self::config::{
    Closed, FileConfig, Fsync, Output, Refused, Rotation, SinkConfig, SinkGone, SinkStats,
};
use self::file::LogFile;
pub use self::queue::LINE_MAX;
use self::queue::Queue;
use self::stream::Stream;
use self::worker::Report;

/// Most bytes written by one call of [`Sink::pump`]: the caller has other things to do.
const BUDGET: usize = 1 << 20;
/// How often an idle pipe is asked whether its reader is still there.
const WATCH: Duration = Duration::from_millis(500);
/// How soon a report of the worker is asked for again.
const REPORT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

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

    /// Writes what waits until `deadline`, flushes it to the disk if that is configured, and
    /// ends. A line that is partly written to a file by then is cut off again.
    pub fn close(mut self, deadline: Instant) -> Closed {
        loop {
            let now = Instant::now();
            if self.pump(now).is_err() || self.queue.is_empty() || now >= deadline {
                break;
            }
            let left = deadline.saturating_duration_since(now);
            self.wait(self.next_wake(now).map_or(left, |wake| wake.min(left)));
        }
        if let Out::File(file) = &mut self.out {
            file.cut_back(&mut self.queue);
            if file.wants_last_sync() {
                file.sync(Instant::now());
            }
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Out::File(file) = &mut self.out else {
                break;
            };
            if file.syncing == 0 {
                file.stop_worker(left);
                break;
            }
            let Some(report) = file.worker().and_then(|worker| worker.wait(left)) else {
                break;
            };
            self.take(report);
        }
        Closed {
            unwritten_lines: self.queue.lines(),
            unwritten_bytes: self.queue.len(),
            gone: self.gone,
            stats: self.stats(),
        }
    }

    /// Waits until the output is writable or the time is over.
    fn wait(&self, time: Duration) {
        let mut fds = Vec::from_iter(
            self.writable_fd()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)),
        );
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        // Woken early by a signal: the loop around it looks at the clock.
        let _ = poll(&mut fds, Some(&time));
    }

    /// Takes the worker's reports.
    fn collect(&mut self) {
        while let Out::File(file) = &self.out
            && let Some(report) = file.worker().and_then(|worker| worker.report())
        {
            self.take(report);
        }
    }

    fn take(&mut self, report: Report) {
        let Out::File(file) = &mut self.out else {
            return;
        };
        match report {
            Report::Compressed { inode, result } => match file.compressed(inode, result) {
                Ok(done) => self.stats.compressed += u64::from(done),
                Err(error) => self.note(&error),
            },
            Report::Synced(result) => {
                file.syncing = file.syncing.saturating_sub(1);
                if let Err(error) = result {
                    self.stats.fsync_errors += 1;
                    self.note(&anyhow::Error::from(error).context("cannot flush to the disk"));
                }
            }
        }
    }

    /// Notices a reader that went away while there was nothing to write.
    fn watch(&mut self, now: Instant) {
        if let Out::Stream(stream) = &self.out
            && now.saturating_duration_since(self.watched) >= WATCH
        {
            self.watched = now;
            if stream.hung_up() {
                self.gone = Some(SinkGone::Closed);
            }
        }
    }

    /// False while waiting for the next try after a failure.
    fn ready_to_write(&mut self, now: Instant) -> bool {
        let Some(trouble) = &self.trouble else {
            return true;
        };
        if now < trouble.retry_at {
            return false;
        }
        if let (true, Out::File(file)) = (trouble.reopen, &mut self.out) {
            match file.reopen(&mut self.queue, now) {
                Ok((lines, bytes)) => {
                    self.stats.lines_written += lines;
                    self.stats.bytes_written += bytes;
                }
                Err(error) => {
                    let error = error.context("cannot open the output again");
                    self.put_off(errno_of(&error), true, now);
                    self.note(&error);
                    return false;
                }
            }
        }
        true
    }

    fn drain(&mut self, now: Instant) {
        self.blocked = false;
        let mut budget = BUDGET;
        let mut may_rotate = true;
        while budget > 0 {
            let mut max = BUDGET;
            match &self.out {
                Out::Stream(stream) => max = stream.batch,
                // In mid-line the rest of the line is all that may come.
                Out::File(_) if self.queue.sent() > 0 => {}
                Out::File(file) => {
                    let expired = file.expires().is_some_and(|due| due <= now);
                    let batch = file.batch(self.queue.front().len());
                    if expired || batch.is_none() {
                        if !may_rotate {
                            return;
                        }
                        if self.rotate(now) {
                            may_rotate = false;
                            continue;
                        }
                    }
                    max = batch.unwrap_or(max);
                }
            }
            if self.queue.is_empty() {
                return;
            }
            match self.write(max) {
                Ok(count) => budget = budget.saturating_sub(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.blocked = true;
                    return;
                }
                Err(error) => {
                    if !(error == Errno::FBIG && may_rotate && self.leave_full_file(now)) {
                        self.fail(error, now);
                        return;
                    }
                    may_rotate = false;
                }
            }
        }
    }

    /// Writes one batch of at most `max` bytes; with 0 and an empty queue only what a torn line
    /// needs.
    fn write(&mut self, max: usize) -> Result<usize, Errno> {
        let batch = self.queue.batch(max);
        let count = match &mut self.out {
            Out::File(file) if batch.is_empty() => return file.mend().map(|()| 0),
            Out::File(file) => file.write(batch)?,
            Out::Stream(stream) => {
                if stream.torn && stream.write(b"\n")? == 1 {
                    stream.torn = false;
                    self.stats.torn_tails_repaired += 1;
                }
                if batch.is_empty() {
                    return Ok(0);
                }
                stream.write(batch)?
            }
        };
        if count == 0 {
            // write(2) doesn't do that; a device of its own kind might, for ever.
            return Err(Errno::IO);
        }
        if count == batch.len() {
            self.trouble = None;
            self.stats.failing_since = None;
        }
        self.stats.bytes_written += count as u64;
        self.stats.lines_written += self.queue.advance(count);
        Ok(count)
    }

    /// Rotates unless a failed rotation has to wait; false: go on in the old file.
    fn rotate(&mut self, now: Instant) -> bool {
        let Out::File(file) = &mut self.out else {
            return false;
        };
        if self.rotation_retry.is_some_and(|(retry, _)| now < retry) {
            return false;
        }
        let result = file
            .mend()
            .map_err(Into::into)
            .and_then(|()| file.rotate(now));
        let Err(error) = result else {
            self.rotation_retry = None;
            self.stats.rotations += 1;
            return true;
        };
        let tries = self.rotation_retry.map_or(0, |(_, tries)| tries);
        self.rotation_retry = Some((now + back_off(tries), tries.saturating_add(1)));
        self.stats.rotation_errors += 1;
        self.note(&error.context("cannot rotate; going on in the old file"));
        false
    }

    /// The file may not grow any more (the limit of the process or of the filesystem): the next
    /// one may. This is the only rotation that can meet a partly written line.
    fn leave_full_file(&mut self, now: Instant) -> bool {
        let Out::File(file) = &mut self.out else {
            return false;
        };
        if !file.rotates() || file.size == 0 {
            return false;
        }
        file.cut_back(&mut self.queue);
        // Nor does it take a newline then: the torn line ends with the file.
        let torn = std::mem::take(&mut file.torn);
        let rotated = self.rotate(now);
        if let (false, Out::File(file)) = (rotated, &mut self.out) {
            file.torn |= torn;
        }
        rotated
    }

    fn fail(&mut self, error: Errno, now: Instant) {
        if let Out::Stream(stream) = &self.out
            && stream.is_gone(error)
        {
            self.gone = Some(SinkGone::Closed);
            return;
        }
        // Where space is missing a new descriptor is no help, and space may be back any moment.
        let space = matches!(error, Errno::NOSPC | Errno::DQUOT | Errno::FBIG);
        self.put_off(error.raw_os_error(), !space, now);
        self.note(&anyhow::Error::from(error).context("cannot write"));
    }

    /// Sets the time of the next try.
    fn put_off(&mut self, errno: i32, reopen: bool, now: Instant) {
        let tries = self.trouble.as_ref().map_or(0, |trouble| trouble.tries);
        let wait = if reopen { back_off(tries) } else { RETRY };
        let tries = if reopen { tries.saturating_add(1) } else { 0 };
        self.trouble = Some(Trouble {
            errno,
            tries,
            retry_at: now + wait,
            reopen,
        });
        self.stats.failing_since.get_or_insert(now);
    }

    /// Counts an error by its errno and keeps it in words.
    fn note(&mut self, error: &anyhow::Error) {
        let errno = errno_of(error);
        match self
            .stats
            .errors
            .iter_mut()
            .find(|(number, _)| *number == errno)
        {
            Some((_, count)) => *count += 1,
            None => self.stats.errors.push((errno, 1)),
        }
        self.stats.last_error = Some(format!("{error:#}"));
    }
}

/// 1, 2, 4 ... 60 seconds.
fn back_off(tries: u32) -> Duration {
    RETRY.saturating_mul(1 << tries.min(6)).min(RETRY_MAX)
}

/// The errno at the root of an error, 0 if there is none.
fn errno_of(error: &anyhow::Error) -> i32 {
    let io = || {
        error
            .root_cause()
            .downcast_ref::<std::io::Error>()?
            .raw_os_error()
    };
    let errno = error
        .root_cause()
        .downcast_ref::<Errno>()
        .map(|errno| errno.raw_os_error());
    errno.or_else(io).unwrap_or(0)
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
