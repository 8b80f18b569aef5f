//! The loop: poll -> drain -> correlate -> emit -> write.
//!
//! One thread does all of it. `poll` is only there to wake up: on a ring that is
//! a quarter full, on a signal, on an output that is writable again, or after
//! the poll interval. Each wake-up is one [`Run::cycle`], and the order of its
//! steps is what keeps the promises:
//!
//! 1. take a mark, the time now, and read all rings;
//! 2. learn the names that came, before the calls that need them; take those of
//!    containers, which a thread of its own looks up;
//! 3. correlate, then read the kernel's counters: a record that is missing in
//!    the rings is counted by now;
//! 4. release what is older than the mark less the slack, as lines;
//! 5. report losses, status and health, where they are due.
//!
//! Nothing here blocks but `poll`: the sink's worker thread and that of the names
//! do what would. For the names of a new container the loop waits, for at most 3 ms
//! a batch, or a tenth of a second where a filter depends on them.

mod cycle;
mod end;
mod reload;
mod wake;
mod watched;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::{
    event::{PollFd, PollFlags},
    process::setpriority_process,
};

pub use self::end::SinkLost;
use self::{cycle::Run, end::Stop, wake::Wake};
use crate::{
    clock::monotonic_ns,
    config::{Config, TraceArgs},
    correlate::SLACK_NS,
    emit::Emitter,
    health,
    identity::{Registry, Runtimes, Users},
    privilege,
    record::State,
    sink::Sink,
    trace::{Storage, Tracer},
    wait::wait,
};

/// The poller's nice value.
const NICE: i32 = -5;
/// How long the start waits for the names of the processes that are there already.
const SCAN_PATIENCE: Duration = Duration::from_secs(1);

/// Traces until it is told to stop, or the output's reader is gone.
///
/// # Errors
/// Why tracing could not start, or could not go on.
pub fn trace(args: TraceArgs, config: Config, users: Users) -> Result<ExitCode> {
    // Closing a terminal ends what runs in it.
    let wake = Wake::register(args.config.is_none() && io::stdin().is_terminal())?;
    let sink = Sink::open(config.sink())?;
    let emitter = Emitter::new(sink, &config);
    let runtimes = config.places().map(Runtimes::new).transpose()?;
    let processes = config.process_table as usize;
    let mut registry = Registry::new(users, processes, config.args.most()).with_runtimes(runtimes);
    registry.wait_for_names(config.name_filters().need_names());

    let mut storage = Storage::uninit();
    let mut tracer = Tracer::load(&mut storage, &config.tracing())?;
    if let Some(pid) = health::own_pid() {
        tracer.expect_canaries(pid);
    }
    // No call is older than the line that reports the start.
    let start_ns = monotonic_ns();
    tracer.attach()?;
    if let Some(why) = tracer.refusal() {
        let attach = tracer.attach_name();
        let _ = writeln!(
            io::stderr(),
            "sigtrail: kprobes were refused ({why}); --attach {attach} takes their place"
        );
    }
    // As auditd does: a flood must not keep the reader of the rings from
    // running. Where this is refused, losses are counted as always.
    let _ = setpriority_process(None, NICE);
    // Whoever takes over this process gets less. Where this is refused, nothing
    // is worse than before.
    let _ = privilege::drop_start_capabilities();
    registry.scan(SCAN_PATIENCE);
    tracer.start();
    Run::new(tracer, registry, emitter, args, config, start_ns).run(&wake)
}

impl Run<'_> {
    fn run(mut self, wake: &Wake) -> Result<ExitCode> {
        self.status(State::Started, None, self.mark_ns);
        self.health.service().ready();
        self.read_ns = Some(monotonic_ns());
        let stop = loop {
            if self.emitter.pump().is_err() {
                break Stop::OutputGone;
            }
            if self.is_over(wake) {
                break Stop::Asked;
            }
            if wake.take_reload() {
                self.reload();
            }
            if self.wait(wake)? {
                break Stop::OutputGone;
            }
            self.cycle(SLACK_NS)?;
        };
        self.end(stop)
    }

    fn is_over(&self, wake: &Wake) -> bool {
        wake.stopped()
            || self.is_complete()
            || self.deadline.is_some_and(|time| time <= Instant::now())
    }

    /// Whether `--count` has been reached, or all targets have ended.
    fn is_complete(&self) -> bool {
        let have_ended = self.watched.have_ended() && !self.emitter.awaits_causes();
        self.emitter.events() >= self.config.count || have_ended
    }

    /// Sleeps until there is something to do. True: the output hung up.
    fn wait(&mut self, wake: &Wake) -> Result<bool> {
        let now = Instant::now();
        let mut timeout = self.config.poll_interval.0;
        if self.correlator.is_holding() {
            timeout = timeout.min(Duration::from_nanos(SLACK_NS));
        }
        let sink = self.emitter.sink();
        for due in [
            sink.next_wake(now),
            self.deadline
                .map(|time| time.saturating_duration_since(now)),
        ] {
            timeout = timeout.min(due.unwrap_or(timeout));
        }
        let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
        for rings in self.tracer.fds() {
            fds.push(PollFd::from_borrowed_fd(rings, PollFlags::IN));
        }
        let sink_at = fds.len();
        if let Some(output) = sink.writable_fd() {
            fds.push(PollFd::from_borrowed_fd(output, PollFlags::OUT));
        }
        if let Err(error) = wait(&mut fds, timeout) {
            bail!("waiting for records: {}", io::Error::from(error));
        }
        Ok(fds
            .get(sink_at)
            .is_some_and(|output| output.revents().contains(PollFlags::ERR)))
    }
}
