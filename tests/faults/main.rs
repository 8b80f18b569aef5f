//! Faults, done for real: each call is a line or counted, exactly, and no line
//! is torn or there twice. What is tested elsewhere stands here too:
//!
//! | Fault | Test |
//! |---|---|
//! | disk full, and freed | `disk::a_full_disk_...`, `sink: a_full_disk_loses_and_tears_no_accepted_line_...` |
//! | disk full to the end | `disk::a_disk_that_stays_full_...`, `ending.rs: a_full_device_...` |
//! | no inode for the next file | `disk::without_an_inode_...`, `sink: without_an_inode_...` |
//! | EIO, recovery by reopening | `disk::a_dead_disk_...`, `sink: an_io_error_is_retried_...` |
//! | file system turns read-only | `disk::a_disk_that_turns_read_only_...` |
//! | EDQUOT | `disk::a_quota_...`: injected, for few kernels have quotas |
//! | `ulimit -f` | `disk::a_limit_on_file_sizes_...`, `sink: a_file_size_limit_...` |
//! | short writes | `disk::writes_that_end_anywhere_...`; 10,000 random cases: `src/sink/queue.rs` |
//! | reader gone | `ending.rs: a_reader_that_leaves_...`, `sink: a_reader_that_goes_away_...` |
//! | reader stopped | `process::a_reader_that_stops_...`, `sink: a_stopped_pipe_reader_...` |
//! | SIGTERM, SIGINT under load | `process::told_to_end_...`, `ending.rs: a_flooded_run_...` |
//! | 100 SIGHUPs under load | `service.rs: a_hundred_reloads_under_load_lose_nothing` |
//! | SIGKILL, restart | `process::killed_at_random_moments_...` |
//! | poller stopped | `process::a_poller_that_stops_...`, `law.rs: what_a_stopped_poller_missed_...` |
//! | inflight map full | `kernel::a_full_map_of_calls_...` |
//! | 500 processes in a cgroup | `kernel::a_storm_...` |
//! | directory swapped | `path::a_directory_that_is_swapped_...`, `sink: reopening_follows_...` |
//! | symlink, FIFO, hard link | `path::links_and_pipes_...`, `sink: what_stands_at_the_name_...` |
//! | garbage configuration | `garbage`, `service.rs: what_is_no_text_file_is_refused_at_once` |
//! | two instances | `path::a_second_writer_...`, `sink: a_second_writer_...` |
//! | clock stepped | `src/clock.rs: a_clock_that_is_set_at_will_...`; rotation by age has a clock that cannot be set |
//! | rotation under load, a follower | `rotation` |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod disk;
mod garbage;
mod kernel;
mod path;
mod process;
mod rotation;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::event::{Timespec, poll};

/// For faults that last a while; nothing else is waited for so.
fn last(time: Duration) {
    let pause = Timespec::try_from(time).unwrap();
    poll(&mut [], Some(&pause)).unwrap();
}

/// Tells a thread of its end, however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Numbers that are the same each time.
struct Random(u64);

impl Random {
    /// Below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

impl Default for Random {
    fn default() -> Self {
        Self(0x2545_f491_4f6c_dd1d)
    }
}
