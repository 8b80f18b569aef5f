//! What the sink is told and what it tells.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where lines go and how many may wait.
#[derive(Debug)]
pub struct SinkConfig {
    /// Where lines go.
    pub output: Output,
    /// How many bytes of lines may wait while the output is slow or failing (default 8 MiB, at
    /// least 4096).
    pub queue_bytes: usize,
}

impl SinkConfig {
    /// Default for [`queue_bytes`](Self::queue_bytes): 8 MiB.
    pub const QUEUE_BYTES: usize = 8 << 20;

    /// The given output with a queue of the default size.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            queue_bytes: Self::QUEUE_BYTES,
        }
    }
}

/// Where lines go.
#[derive(Debug)]
pub enum Output {
    /// Whatever fd 1 is. It stays open and its flags stay as they are.
    Stdout,
    /// A descriptor that is already open for writing, treated as fd 1 would be.
    Descriptor(std::os::fd::OwnedFd),
    /// A file opened by name.
    File(FileConfig),
}

/// A file to append to.
#[derive(Clone, Debug)]
pub struct FileConfig {
    /// Its path. The last component is never followed if it is a symbolic link.
    pub path: PathBuf,
    /// None: append for ever, as `-o FILE` does, with looser rules for the directory.
    pub rotation: Option<Rotation>,
    /// When to make the disk keep what was written.
    pub fsync: Fsync,
}

impl FileConfig {
    /// As with `-o FILE`: no rotation and no fsync.
    pub fn append(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            rotation: None,
            fsync: Fsync::Never,
        }
    }
}

/// When a file is replaced by the next one, and what becomes of it.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// Rotate before the file would exceed so many bytes. A longer single line still goes in.
    pub max_size: Option<u64>,
    /// Rotate a file that is not empty when it is so old, counted from its creation. Once open
    /// the clock that can't be set is used.
    pub max_age: Option<Duration>,
    /// How many rotated files to keep. 0: the file is replaced and nothing is kept.
    pub keep: u32,
    /// Remove the oldest rotated files while all of them together exceed so many bytes. The one
    /// just rotated is kept even if it alone is larger.
    pub max_total: Option<u64>,
    /// gzip rotated files from the second on (the first may still have a reader).
    pub compress: bool,
}

/// When to call fsync(2), always off the caller's thread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fsync {
    /// Leave it to the kernel.
    Never,
    /// When a file is rotated, reopened or closed.
    Rotation,
    /// Also this often while something was written.
    Every(Duration),
}

/// Why a line was not taken. It is the caller's to count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The queue is full because the reader is slower than the lines come.
    Full,
    /// The queue is full because writing fails with this errno.
    Failing(i32),
    /// Not one line of 1 to 4096 bytes that ends in a newline.
    Malformed,
}

impl Refused {
    /// The cause as the `lost` record names it.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Full => "sink_full",
            Self::Failing(_) => "sink_error",
            Self::Malformed => "malformed",
        }
    }

    /// The errno that keeps the output from being written, if that is why.
    pub fn errno(self) -> Option<i32> {
        match self {
            Self::Failing(errno) => Some(errno),
            Self::Full | Self::Malformed => None,
        }
    }
}

/// The output is lost for good; nothing can be written to it any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SinkGone {
    /// The reader of the pipe or socket has closed it, or the terminal hung up.
    Closed,
}

impl std::fmt::Display for SinkGone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the reader of the output has gone")
    }
}

impl std::error::Error for SinkGone {}

/// What has happened so far.
#[derive(Clone, Debug, Default)]
pub struct SinkStats {
    /// Lines written as a whole.
    pub lines_written: u64,
    /// Bytes of lines written. A line that is written again as a whole counts its part again.
    pub bytes_written: u64,
    /// Lines waiting, one that is partly written included.
    pub queued_lines: u64,
    /// Bytes waiting.
    pub queued_bytes: usize,
    /// The most bytes that ever waited.
    pub queued_bytes_max: usize,
    /// Failed writes, reopenings, rotations and fsyncs by errno (0: no errno), in the order of
    /// their first appearance. `EAGAIN` and `EINTR` are no failures.
    pub errors: Vec<(i32, u64)>,
    /// The last of them in words.
    pub last_error: Option<String>,
    /// Since when every write fails; None while the output works.
    pub failing_since: Option<Instant>,
    /// Rotations done.
    pub rotations: u64,
    /// Rotations that failed; writing went on in the old file.
    pub rotation_errors: u64,
    /// Rotated files compressed.
    pub compressed: u64,
    /// fsync calls that failed: lines counted as written may not be on the disk.
    pub fsync_errors: u64,
    /// The file ended inside a line when it was opened.
    pub torn_tail: bool,
    /// Torn lines that were ended with a newline or cut off, that one included.
    pub torn_tails_repaired: u64,
}

/// How the sink ended.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Lines that were taken but are not written. None of them stands there in part, unless the
    /// output is a stream that already took the first bytes of one.
    pub unwritten_lines: u64,
    /// Their bytes.
    pub unwritten_bytes: usize,
    /// The output was lost.
    pub gone: Option<SinkGone>,
    /// False: an fsync that was asked for failed or did not end in time.
    pub flushed: bool,
    /// The last counters.
    pub stats: SinkStats,
}
