//! One round of writing: what is written now, what later, and what follows a
//! failure.

use std::{io, time::Instant};

use anyhow::Error;
use rustix::io::Errno;

use super::{
    out::Out,
    retry::{Failure, Remedy, Retry},
    stats::{SinkGone, Written},
    worker::Report,
    writer::{READER_CHECK, Sink},
};

/// Most bytes written by one call of [`Sink::pump`]: the caller has other work.
const BUDGET: usize = 1 << 20;

impl Sink {
    pub(super) fn take_reports(&mut self) {
        while let Some(worker) = self.out.file().and_then(|file| file.worker())
            && let Some(report) = worker.report()
        {
            self.take_report(report);
        }
    }

    pub(super) fn take_report(&mut self, report: Report) {
        let Some(file) = self.out.file_mut() else {
            return;
        };
        match report {
            Report::Compressed { inode, result } => {
                if let Err(error) = file.finish_compression(inode, result) {
                    self.count_error(&error);
                }
            }
            Report::Synced(result) => {
                file.syncing = file.syncing.saturating_sub(1);
                if let Err(error) = result {
                    self.stats.fsync_errors += 1;
                    self.count_error(&Error::from(error).context("cannot flush to the disk"));
                }
            }
        }
    }

    /// Notices that the reader has gone while there is nothing to write.
    pub(super) fn check_reader(&mut self, now: Instant) {
        if let Out::Stream(stream) = &self.out
            && now.saturating_duration_since(self.reader_checked) >= READER_CHECK
        {
            self.reader_checked = now;
            if stream.hung_up() {
                self.gone = Some(SinkGone);
            }
        }
    }

    /// Whether to write now. After a failure, waits for the time of the next
    /// try, and then opens the file again if that can help.
    pub(super) fn prepare_write(&mut self, now: Instant) -> bool {
        let Some(failure) = &self.failure else {
            return true;
        };
        if now < failure.retry.at {
            return false;
        }
        if let (Remedy::Reopen, Out::File(file)) = (failure.remedy, &mut self.out) {
            match file.reopen(&mut self.queue, now) {
                Ok(written) => self.stats.add(written),
                Err(error) => {
                    self.retry_after(Remedy::Reopen, now);
                    self.count_error(&error.context("cannot open the output again"));
                    return false;
                }
            }
        }
        true
    }

    /// Writes until the queue is empty, the output would block, or the budget
    /// is used.
    pub(super) fn drain(&mut self, now: Instant) {
        self.blocked = false;
        let mut budget = BUDGET;
        let mut may_rotate = true;
        while budget > 0 {
            let mut max = BUDGET;
            match &self.out {
                Out::Stream(stream) => max = stream.batch,
                // Only the rest of a partly written line.
                Out::File(_) if self.queue.sent() > 0 => {}
                Out::File(file) => {
                    let expired = file.expires_at().is_some_and(|due| due <= now);
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
                Err(Errno::FBIG) if may_rotate && self.leave_full_file(now) => may_rotate = false,
                Err(error) => return self.fail(error, now),
            }
        }
    }

    /// Writes one batch of at most `max` bytes.
    fn write(&mut self, max: usize) -> Result<usize, Errno> {
        let batch = self.queue.batch(max);
        let count = self.out.write(batch)?;
        if count == 0 {
            // write(2) never returns 0 here, but some device might, and for
            // ever.
            return Err(Errno::IO);
        }
        if count == batch.len() {
            self.failure = None;
        }
        self.stats.add(Written {
            lines: self.queue.advance(count),
            bytes: count as u64,
        });
        Ok(count)
    }

    /// Rotates, unless it is not yet time for the next try. Returns false if
    /// writing goes on in the old file.
    fn rotate(&mut self, now: Instant) -> bool {
        let Out::File(file) = &mut self.out else {
            return false;
        };
        if self.rotation_retry.is_some_and(|retry| now < retry.at) {
            return false;
        }
        let ended = file.end_torn_line().map_err(Error::from);
        let Err(error) = ended.and_then(|()| file.rotate(now)) else {
            self.rotation_retry = None;
            self.stats.rotations += 1;
            return true;
        };
        self.rotation_retry = Some(Retry::later(self.rotation_retry, now));
        self.stats.rotation_errors += 1;
        self.count_error(&error.context("cannot rotate, still writing to the old file"));
        false
    }

    /// Rotates because the file may not grow any more, by the limit of the
    /// process or of the filesystem. Only this rotation can happen after a part
    /// of a line.
    fn leave_full_file(&mut self, now: Instant) -> bool {
        let Out::File(file) = &mut self.out else {
            return false;
        };
        if !file.rotates() || file.size == 0 {
            return false;
        }
        file.cut_partial_line(&mut self.queue);
        // If that failed, there is no room for a newline either: the torn line
        // stays at the end of the old file.
        let torn = std::mem::take(&mut file.torn);
        let rotated = self.rotate(now);
        if let (false, Out::File(file)) = (rotated, &mut self.out) {
            file.torn |= torn;
        }
        rotated
    }

    /// What follows a write that failed.
    pub(super) fn fail(&mut self, error: Errno, now: Instant) {
        if let Out::Stream(stream) = &self.out
            && stream.is_gone(error)
        {
            self.gone = Some(SinkGone);
            return;
        }
        // A new descriptor does not help if there is no space.
        let remedy = match error {
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Remedy::Wait,
            _ => Remedy::Reopen,
        };
        self.retry_after(remedy, now);
        self.count_error(&Error::from(error).context("cannot write"));
    }

    fn retry_after(&mut self, remedy: Remedy, now: Instant) {
        let retry = match remedy {
            Remedy::Wait => Retry::soon(now),
            Remedy::Reopen => Retry::later(self.failure.map(|failure| failure.retry), now),
        };
        self.failure = Some(Failure { retry, remedy });
    }

    /// Counts an error by its errno, and keeps its message.
    fn count_error(&mut self, error: &Error) {
        let errno = errno_of(error);
        let errors = &mut self.stats.errors;
        match errors.iter_mut().find(|(known, _)| *known == errno) {
            Some((_, count)) => *count += 1,
            None => errors.push((errno, 1)),
        }
        self.stats.last_error = Some(format!("{error:#}"));
    }
}

/// The errno at the root of an error, or 0 if there is none.
fn errno_of(error: &Error) -> i32 {
    let root = error.root_cause();
    let errno = (root.downcast_ref()).map(|errno: &Errno| errno.raw_os_error());
    errno
        .or_else(|| root.downcast_ref::<io::Error>()?.raw_os_error())
        .unwrap_or(0)
}
