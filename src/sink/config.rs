//! How an output is opened and kept.

use std::{os::fd::OwnedFd, path::PathBuf, time::Duration};

/// Where lines go, and how many may wait.
#[derive(Debug)]
pub struct SinkConfig {
    /// Where lines go.
    pub output: Output,
    /// How many bytes of lines may wait while the output is slow or fails: at
    /// least 4096.
    pub queue_bytes: usize,
}

impl SinkConfig {
    /// The default of [`queue_bytes`](Self::queue_bytes): 8 MiB.
    pub const QUEUE_BYTES: usize = 8 << 20;
}

/// Where lines go.
#[derive(Debug)]
pub enum Output {
    /// Descriptor 1. It stays open, and its flags stay as they are.
    Stdout,
    /// A descriptor that is open for writing, which is treated as descriptor 1.
    Descriptor(OwnedFd),
    /// A file that is opened by its name.
    File(FileConfig),
}

/// A file to append to.
#[derive(Clone, Debug)]
pub struct FileConfig {
    /// Its path. If the last component is a symbolic link, it is not followed.
    pub path: PathBuf,
    /// None: no rotation, and looser rules for the directory.
    pub rotation: Option<Rotation>,
    /// When to flush what was written to the disk.
    pub fsync: Fsync,
}

impl FileConfig {
    /// A file that is neither rotated nor flushed.
    pub fn append(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            rotation: None,
            fsync: Fsync::Never,
        }
    }
}

/// When a file is replaced by the next one, and what is kept.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// Rotate before a line would make the file larger than this. An empty file
    /// takes any line.
    pub max_size: Option<u64>,
    /// Rotate when a file that is not empty reaches this age, counted from its
    /// creation. From when it was opened on, setting the clock has no effect.
    pub max_age: Option<Duration>,
    /// How many rotated files to keep. With 0, the next file replaces the old
    /// one.
    pub keep: u32,
    /// Remove the oldest rotated files while all of them together have more
    /// bytes than this. The newest is kept even if it alone is larger.
    pub max_total: Option<u64>,
    /// Compress rotated files with gzip, except the newest, which may still
    /// have a reader.
    pub compress: bool,
}

/// When to call fsync(2), always on another thread than the caller's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fsync {
    /// Leave it to the kernel.
    Never,
    /// When a file is rotated, reopened or closed.
    Rotation,
    /// As [`Self::Rotation`], and also this often while lines are written.
    Every(Duration),
}
