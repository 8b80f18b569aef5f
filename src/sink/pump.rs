//! One round of writing: what goes out, what is put off, and how failures are answered.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::worker::Report;
use super::{Out, Sink, SinkGone, Trouble, WATCH};

/// Most bytes written by one call of [`Sink::pump`]: the caller has other things to do.
const BUDGET: usize = 1 << 20;
/// How soon a failed write is tried again where space is missing, and else at first.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

impl Sink {
    /// Takes the worker's reports.
    pub(super) fn collect(&mut self) {
        while let Out::File(file) = &self.out
            && let Some(report) = file.worker().and_then(|worker| worker.report())
        {
            self.take(report);
        }
    }

    pub(super) fn take(&mut self, report: Report) {
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
    pub(super) fn watch(&mut self, now: Instant) {
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
    pub(super) fn ready_to_write(&mut self, now: Instant) -> bool {
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

    pub(super) fn drain(&mut self, now: Instant) {
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
    pub(super) fn write(&mut self, max: usize) -> Result<usize, Errno> {
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

    pub(super) fn fail(&mut self, error: Errno, now: Instant) {
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
