//! What this process takes.

use std::fs;

use rustix::{
    param::page_size,
    time::{ClockId, clock_gettime},
};

/// Processor time since its start, in milliseconds.
pub fn cpu_ms() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let ms = time.tv_sec.saturating_mul(1000) + time.tv_nsec / 1_000_000;
    u64::try_from(ms).unwrap_or(0)
}

/// Resident memory, in KiB; 0 where `/proc` does not say.
pub fn rss_kib() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = (statm.split(' ').nth(1)).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * page_size() as u64 / 1024
}
