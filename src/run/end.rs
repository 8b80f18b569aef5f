//! How a run ends: what is in flight, the losses and the last line.

use std::{
    fmt,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags};

use super::cycle::Run;
use crate::{clock::monotonic_ns, record::State, sink::Patience, wait::wait};

/// How long a slow output may delay the end while it takes lines.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// As that, while it takes none.
const CLOSE_PAUSE: Duration = Duration::from_millis(500);

/// Why a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal, `--count` or `--duration`.
    Asked,
    /// The reader of stdout went away.
    OutputGone,
}

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
        self.health.service().stopping();
        self.tracer.detach();
        self.read_ns = None;
        if stop == Stop::OutputGone {
            return Ok(ExitCode::SUCCESS);
        }
        self.tracer.read_skips();
        self.cycle(0)?;
        self.correlator.finish(self.tracer.counters().probe_skipped);
        self.release(u64::MAX);
        self.emitter.settle_all_exits(&mut self.registry);
        let (counters, received) = (self.tracer.counters(), self.tracer.received());
        let losses = self.correlator.final_losses(&counters, received);
        self.emitter.account(losses, self.mark_ns);
        // A journal that is behind is worth waiting for. The manager waits longer
        // (`TimeoutStopSec`).
        let pause = match self.health.service().is_managed() {
            true => CLOSE_TIMEOUT,
            false => CLOSE_PAUSE,
        };
        let mut patience = Patience::new(Instant::now() + CLOSE_TIMEOUT, pause);
        self.make_room(&mut patience);
        let now_ns = monotonic_ns();
        self.emitter.report_losses(now_ns);
        self.status(State::Stopped, None, now_ns);
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

    /// Writes some of what waits, so that the last lines are not refused.
    fn make_room(&mut self, patience: &mut Patience) {
        while self.emitter.pump().is_ok() && !self.emitter.has_room() {
            let now = Instant::now();
            let sink = self.emitter.sink();
            let left = patience.left(sink.stats().bytes_written, now);
            if left.is_zero() {
                return;
            }
            let timeout = sink.next_wake(now).map_or(left, |wake| wake.min(left));
            let output = sink.writable_fd();
            let mut fds: Vec<_> = (output.into_iter())
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT))
                .collect();
            // Interrupted or not: the loop asks again.
            let _ = wait(&mut fds, timeout);
        }
    }
}
