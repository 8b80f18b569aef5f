//! Signals to this process, as the loop learns of them.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result};
use signal_hook::{
    SigId,
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::{self, pipe},
};

use crate::clock::monotonic_ns;

/// A second signal that comes at least so long after the first is a request of
/// its own.
const INSISTENCE_NS: u64 = 100_000_000;

/// Wakes the loop when a signal comes: a pipe ends its poll, a flag says why.
pub struct Wake {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    pipe: UnixStream,
}

impl Wake {
    /// Takes over the signals. With `hangup_stops`, SIGHUP ends the run, as it
    /// does for other programs when their terminal is closed.
    pub fn register(hangup_stops: bool) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let reload = Arc::new(AtomicBool::new(false));
        let (pipe, write) = UnixStream::pair().context("making the signal pipe")?;
        (pipe.set_nonblocking(true)).context("making the signal pipe")?;
        let first_ns = Arc::new(AtomicU64::new(0));
        for signal in [SIGINT, SIGTERM] {
            insist(signal, Arc::clone(&first_ns))
                .and_then(|_| flag::register(signal, Arc::clone(&stop)))
                .and_then(|_| pipe::register(signal, write.try_clone()?))
                .with_context(|| format!("handling signal {signal}"))?;
        }
        let hangup = if hangup_stops { &stop } else { &reload };
        flag::register(SIGHUP, Arc::clone(hangup))
            .and_then(|_| pipe::register(SIGHUP, write))
            .context("handling SIGHUP")?;
        Ok(Self { stop, reload, pipe })
    }

    /// Whether the end has been asked for.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether a reload has been asked for since this was last called.
    pub fn take_reload(&self) -> bool {
        if !self.reload.swap(false, Ordering::Relaxed) {
            return false;
        }
        // The flag is cleared already, so a signal that comes now is not missed.
        let mut bytes = [0; 64];
        while (&self.pipe).read(&mut bytes).is_ok_and(|read| read > 0) {}
        true
    }
}

/// Ends the process at the second signal. One that comes at once does not count:
/// timeout(1) sends two, one to the process and one to its group.
fn insist(signal: i32, first_ns: Arc<AtomicU64>) -> io::Result<SigId> {
    let action = move || {
        let now_ns = monotonic_ns();
        let first = first_ns.compare_exchange(0, now_ns, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_err_and(|first_ns| now_ns.saturating_sub(first_ns) >= INSISTENCE_NS) {
            low_level::exit(1);
        }
    };
    // SAFETY: it reads a clock, changes an atomic and calls _exit(2), which a
    // signal handler may do.
    unsafe { low_level::register(signal, action) }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
