//! What the sink reports to its caller.

use std::{error::Error, fmt};

/// Why a line was not taken. The caller counts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The queue is full, because lines come faster than the reader takes them.
    Full,
    /// The queue is full, because writing fails.
    Failing,
    /// It is not one line of 1 to 4096 bytes that ends with a newline.
    Malformed,
}

/// Nobody can read the output any more: the reader of the pipe or socket has
/// closed it, or the terminal has hung up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SinkGone;

impl fmt::Display for SinkGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the output has gone")
    }
}

impl Error for SinkGone {}

/// What has happened so far.
#[derive(Clone, Debug, Default)]
pub struct SinkStats {
    /// Lines written completely.
    pub lines_written: u64,
    /// Bytes written. If a part of a line was written before the complete line,
    /// that part counts too.
    pub bytes_written: u64,
    /// Bytes of lines that wait.
    pub queued_bytes: usize,
    /// The most bytes that ever waited.
    pub queued_bytes_max: usize,
    /// Pairs of an errno and how often it occurred in writing, reopening,
    /// rotating or flushing, in the order of their first occurrence. The errno
    /// is 0 for an error without one. `EAGAIN` and `EINTR` are not counted.
    pub errors: Vec<(i32, u64)>,
    /// The message of the last error.
    pub last_error: Option<String>,
    /// Completed rotations.
    pub rotations: u64,
    /// Rotations that failed. Writing went on in the old file.
    pub rotation_errors: u64,
    /// Failed calls of fsync(2): lines that count as written may not be on the
    /// disk.
    pub fsync_errors: u64,
    /// Torn lines that were ended with a newline or cut off.
    pub torn_tails_repaired: u64,
}

/// What one write has written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Lines that are complete now.
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

impl SinkStats {
    pub(super) fn add(&mut self, written: Written) {
        self.lines_written += written.lines;
        self.bytes_written += written.bytes;
    }
}

/// How the sink ended.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Lines that were taken but not written. No part of them is in the output,
    /// unless the output is a stream, which may have the first bytes of one.
    pub unwritten_lines: u64,
    /// Set if nobody could read the output any more.
    pub gone: Option<SinkGone>,
    /// The final counters.
    pub stats: SinkStats,
}
