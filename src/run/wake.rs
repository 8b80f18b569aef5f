//! Signals to this process, as the loop learns of them.

use std::{
    io::Read,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag,
    low_level::pipe,
};

/// Tells the loop of signals: a pipe ends its poll, a flag says why.
pub struct Wake {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    pipe: UnixStream,
}

impl Wake {
    /// Takes over the signals. With `hangup_stops`, SIGHUP is the end, as it
    /// is for what runs in a terminal that is closed.
    pub fn register(hangup_stops: bool) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let reload = Arc::new(AtomicBool::new(false));
        let (pipe, write) = UnixStream::pair().context("making the signal pipe")?;
        (pipe.set_nonblocking(true)).context("making the signal pipe")?;
        for signal in [SIGINT, SIGTERM] {
            // The second one does not wait for anything.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
                .and_then(|_| flag::register(signal, Arc::clone(&stop)))
                .and_then(|_| pipe::register(signal, write.try_clone()?))
                .with_context(|| format!("handling signal {signal}"))?;
        }
        let hangup = if hangup_stops { &stop } else { &reload };
        flag::register(SIGHUP, Arc::clone(hangup))
            .and_then(|_| pipe::register(SIGHUP, write))
            .context("handling SIGHUP")?;
        // A file-size limit is an error of write(2), not a death.
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).context("handling SIGXFSZ")?;
        Ok(Self { stop, reload, pipe })
    }

    /// Has the end been asked for?
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Has a reload been asked for, since this was last called?
    pub fn take_reload(&self) -> bool {
        if !self.reload.swap(false, Ordering::Relaxed) {
            return false;
        }
        // The flag is down already: a signal that comes now is not missed.
        let mut bytes = [0; 64];
        while (&self.pipe).read(&mut bytes).is_ok_and(|read| read > 0) {}
        true
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
