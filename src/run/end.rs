//! How a run ends: what is in flight, the losses and the last line.

use std::{
    fmt,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Run, Stop};
use crate::{clock::monotonic_ns, loss::Reason, sink::Patience};

/// How long a slow output may delay the end while it takes lines.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// As that, while it takes none.
const CLOSE_PAUSE: Duration = Duration::from_millis(500);

/// The output is lost for good: it did not take the last lines.
#[derive(Debug)]
pub struct SinkLost(String);

impl fmt::Display for SinkLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SinkLost {}

impl Run<'_> {
    pub(super) fn end(mut self, stop: Stop) -> Result<ExitCode> {
        self.service.stopping();
        self.tracer.detach();
        self.read_ns = None;
        if stop == Stop::OutputGone {
            return Ok(ExitCode::SUCCESS);
        }
        self.tracer.read_skips();
        self.turn(0)?;
        for call in self.evidence.overdue(self.mark_ns, true) {
            self.orderer.push(self.joiner.complete(call));
        }
        self.skips_settled = self.tracer.counters().probe_skipped;
        for call in self.joiner.overdue() {
            self.orderer.push(call);
        }
        self.release(u64::MAX)?;
        self.account_for_all();
        // A journal that is behind is worth waiting for, and the manager waits
        // longer (`TimeoutStopSec`).
        let pause = match self.service.is_managed() {
            true => CLOSE_TIMEOUT,
            false => CLOSE_PAUSE,
        };
        let mut patience = Patience::new(Instant::now() + CLOSE_TIMEOUT, pause);
        self.make_room(&mut patience);
        let now_ns = monotonic_ns();
        self.emitter.say_losses(now_ns)?;
        self.emitter.status("stopped", None, now_ns)?;
        self.write_metrics(Instant::now());
        let closed = self.emitter.close(patience);
        if closed.unwritten_lines > 0 && closed.gone.is_none() {
            let why = closed.stats.last_error.as_deref();
            let lost = SinkLost(format!(
                "{} lines could not be written: {}",
                closed.unwritten_lines,
                why.unwrap_or("the output did not take them in time")
            ));
            return Err(lost.into());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Writes some of what waits, for the last words are never to be refused.
    fn make_room(&mut self, patience: &mut Patience) {
        while self.emitter.pump().is_ok() && !self.emitter.has_room() {
            let now = Instant::now();
            let sink = self.emitter.sink();
            let left = patience.left(sink.stats().bytes_written, now);
            if left.is_zero() {
                return;
            }
            let timeout = sink.next_wake(now).map_or(left, |wake| wake.min(left));
            let timeout = Timespec {
                tv_sec: timeout.as_secs() as i64,
                tv_nsec: i64::from(timeout.subsec_nanos()),
            };
            let output = sink.writable_fd();
            let mut fds: Vec<_> = (output.into_iter())
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT))
                .collect();
            // Interrupted or not: the next turn asks again.
            let _ = poll(&mut fds, Some(&timeout));
        }
    }

    /// Nothing is sent any more and the rings are empty: each record that was
    /// tried has come, or was refused and counted.
    fn account_for_all(&mut self) {
        let counters = self.tracer.counters();
        let explained = self.tracer.received() + counters.refused() + self.malformed;
        let unexplained = counters.tried.saturating_sub(explained);
        self.enter_losses(counters, 0, self.mark_ns);
        (self.emitter.losses).raise_to(Reason::Unexplained, unexplained, self.mark_ns);
    }
}
