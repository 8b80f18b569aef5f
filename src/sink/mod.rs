//! Where lines go. The only code that writes them; it knows nothing of events.
//!
//! The caller [pushes](Sink::push) complete lines into a bounded queue, and
//! [pumps](Sink::pump) the queue into the output between two rounds of its own
//! work. Neither waits for a reader. If a reader stops, or a disk is full or
//! fails, the queue fills up, and further lines are refused with the reason,
//! for the caller to count. Compressing, fsync and freeing the blocks of
//! removed files happen on one worker thread, so that the poller only renames
//! and opens. (Only the kernel can delay it: by throttling those who append to
//! files. One pump writes at most 1 MiB and rotates at most once.)
//!
//! A line is never torn in the middle of a file. If only a part of a line was
//! written, it is continued in the same file; or the part is cut off, or ended
//! with a newline, and the complete line is written again.

mod archive;
mod checks;
mod compress;
mod config;
mod directory;
mod file;
mod out;
mod patience;
mod pump;
mod queue;
mod retry;
mod rotate;
mod slot;
mod stats;
mod stream;
mod worker;
mod writer;

pub use self::{
    config::{FileConfig, Fsync, Output, Rotation, SinkConfig},
    patience::Patience,
    stats::{Closed, Refused, SinkGone},
    writer::Sink,
};
