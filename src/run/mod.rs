//! The loop: poll -> drain -> order -> emit -> write.

mod end;
mod reload;
mod wake;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::setpriority_process,
};

pub use self::end::SinkLost;
use self::wake::Wake;
use crate::{
    cli::TraceArgs,
    clock::monotonic_ns,
    config::Config,
    correlate::{
        join::Joiner,
        order::{Orderer, SLACK_NS},
        witness::Evidence,
    },
    emit::Emitter,
    health::{
        canary::{self, Canary, Sight},
        metrics::{self, Metrics},
        service::Service,
    },
    identity::Users,
    loss::{Counters, Reason},
    privilege,
    sink::Sink,
    trace::{Storage, Tracer},
};

/// Losses of one cause are said at most this often while they go on.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);
/// How often what changes rarely is looked at: skipped probes, CPUs, names.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The poller's nice value.
const NICE: i32 = -5;

/// Traces until it is told to stop, or the output's reader is gone.
///
/// # Errors
/// Why tracing could not start, or could not go on.
pub fn trace(args: TraceArgs, config: Config, users: Users) -> Result<ExitCode> {
    // Who closes a terminal wants what runs in it to end.
    let wake = Wake::register(args.config.is_none() && io::stdin().is_terminal())?;
    let sink = Sink::open(config.sink())?;
    let emitter = Emitter::new(sink, config.queue_bytes, &config, users);

    let mut storage = Storage::uninit();
    let mut tracer = Tracer::load(&mut storage, &config.trace)?;
    if let Some(pid) = canary::own_pid() {
        tracer.expect_canaries(pid);
    }
    // No call is older than the line that says it has started.
    let start_ns = monotonic_ns();
    tracer.attach()?;
    if let Some(why) = tracer.refusal() {
        let attach = tracer.attach_name();
        let _ = writeln!(
            io::stderr(),
            "sigtrail: kprobes were refused ({why}); --attach {attach} takes their place"
        );
    }
    // As auditd does: who floods must not keep the reader of the rings from
    // running. Where it is refused, losses are counted as ever.
    let _ = setpriority_process(None, NICE);
    // Whoever takes over this process gets less. Where it is refused, it is no
    // worse than before.
    let _ = privilege::drop_those_of_the_start();
    Run::new(tracer, emitter, args, config, start_ns).run(&wake)
}

/// Why a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// A signal, `--count` or `--duration`.
    Asked,
    /// The reader of stdout went away.
    OutputGone,
}

struct Run<'obj> {
    tracer: Tracer<'obj>,
    joiner: Joiner,
    evidence: Evidence,
    /// Skipped exits, as counted when all of them that the witness can tell of
    /// were told.
    skips_settled: u64,
    orderer: Orderer,
    emitter: Emitter,
    args: TraceArgs,
    config: Config,
    service: Service,
    canary: Canary,
    metrics: Option<Metrics>,
    malformed: u64,
    /// When the rings were last read, by the kernel's clock.
    mark_ns: u64,
    /// As that, or when the run began; none once nothing more is traced.
    read_ns: Option<u64>,
    deadline: Option<Instant>,
    next_status: Option<Instant>,
    next_upkeep: Instant,
    losses_said: Option<Instant>,
}

impl<'obj> Run<'obj> {
    fn new(
        tracer: Tracer<'obj>,
        emitter: Emitter,
        args: TraceArgs,
        config: Config,
        mark_ns: u64,
    ) -> Self {
        let now = Instant::now();
        Self {
            evidence: Evidence::new(tracer.is_skippable()),
            skips_settled: 0,
            tracer,
            joiner: Joiner::default(),
            orderer: Orderer::new(),
            emitter,
            args,
            service: Service::from_env(),
            canary: Canary::new(config.status_interval, now),
            metrics: (config.metrics_file.as_deref())
                .map(|path| Metrics::new(path, config.status_interval, now)),
            malformed: 0,
            mark_ns,
            read_ns: None,
            deadline: config.duration.and_then(|time| now.checked_add(time)),
            next_status: config.status_interval.map(|time| now + time),
            next_upkeep: now + UPKEEP_INTERVAL,
            losses_said: None,
            config,
        }
    }

    fn run(mut self, wake: &Wake) -> Result<ExitCode> {
        let (attach, uncovered) = (self.tracer.attach_name(), self.tracer.uncovered());
        self.emitter.hooks = Some((attach, uncovered));
        self.emitter.status("started", None, self.mark_ns)?;
        self.service.ready();
        self.read_ns = Some(monotonic_ns());
        let stop = loop {
            if self.emitter.pump().is_err() {
                break Stop::OutputGone;
            }
            if self.is_over(wake) {
                break Stop::Asked;
            }
            if wake.take_reload() {
                self.reload()?;
            }
            if self.wait(wake)? {
                break Stop::OutputGone;
            }
            self.turn(SLACK_NS)?;
        };
        self.end(stop)
    }

    fn is_over(&self, wake: &Wake) -> bool {
        wake.stopped()
            || self.is_complete()
            || self.deadline.is_some_and(|time| time <= Instant::now())
    }

    /// Has `--count` been reached?
    fn is_complete(&self) -> bool {
        (self.config.count).is_some_and(|count| self.emitter.events() >= count)
    }

    /// Sleeps until there is something to do. True: the output hung up.
    fn wait(&mut self, wake: &Wake) -> Result<bool> {
        let now = Instant::now();
        let mut timeout = self.config.poll_interval;
        if self.orderer.held() > 0 {
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
        // Rounded up: the timers behind are exact, and a turn too early is one
        // for nothing.
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
        if let Some(rings) = self.tracer.fd() {
            fds.push(PollFd::from_borrowed_fd(rings, PollFlags::IN));
        }
        let sink_at = fds.len();
        if let Some(output) = sink.writable_fd() {
            fds.push(PollFd::from_borrowed_fd(output, PollFlags::OUT));
        }
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => bail!("waiting for records: {}", io::Error::from(error)),
        }
        Ok(fds
            .get(sink_at)
            .is_some_and(|output| output.revents().contains(PollFlags::ERR)))
    }

    /// Reads the rings and makes lines of what is older than the slack.
    fn turn(&mut self, slack_ns: u64) -> Result<()> {
        let before_ns = self.mark_ns;
        self.mark_ns = monotonic_ns();
        let batch = self.tracer.drain()?;
        self.malformed += batch.malformed;
        let registry = &mut self.emitter.registry;
        batch
            .images
            .iter()
            .for_each(|new| registry.learn_image(new));
        (batch.cgroups.iter()).for_each(|new| registry.learn_cgroup(new));
        for recipient in &batch.recipients {
            self.joiner.push(*recipient);
        }
        for call in self.joiner.overdue() {
            self.orderer.push(call);
        }
        self.evidence.start_batch();
        (batch.witnesses.iter()).for_each(|call| self.evidence.hold(*call));
        for call in &batch.calls {
            let call = self.evidence.offer(*call);
            if let Some(call) = call.and_then(|call| self.joiner.offer(call)) {
                self.orderer.push(call);
            }
        }
        for call in self.evidence.overdue(self.mark_ns, false) {
            self.orderer.push(self.joiner.complete(call));
        }
        let canaries = batch.canaries;
        self.emitter.canaries += canaries;
        let gaps = self.tracer.gaps();
        self.emitter.ring_bytes_max = self.tracer.ring_bytes_max();
        let last_ns = self.read_ns.replace(self.mark_ns).unwrap_or(self.mark_ns);
        let gap_ns = self.mark_ns.saturating_sub(last_ns);
        self.emitter.gap_ns_max = self.emitter.gap_ns_max.max(gap_ns);
        // After the rings: what is missing in them is counted by now.
        let counters = self.tracer.counters();
        self.enter_losses(counters, gaps, before_ns);
        self.emitter.start_batch();

        let horizon_ns = self.mark_ns.saturating_sub(slack_ns);
        self.release(horizon_ns)?;
        let now = Instant::now();
        if self
            .losses_said
            .is_none_or(|time| now.duration_since(time) >= LOSS_INTERVAL)
            && self.emitter.losses.unsaid().next().is_some()
        {
            self.losses_said = Some(now);
            self.emitter.say_losses(horizon_ns)?;
        }
        if self.next_status.is_some_and(|time| time <= now) {
            self.next_status = self.config.status_interval.map(|time| now + time);
            let state = match self.canary.sight() {
                Sight::Seeing => "running",
                Sight::Blind => "blind",
            };
            self.emitter.status(state, None, horizon_ns)?;
        }
        self.tell(canaries, horizon_ns, now)?;
        self.emitter.registry.tend(now);
        if self.next_upkeep <= now {
            self.next_upkeep = now + UPKEEP_INTERVAL;
            // What was skipped a second ago, the witness has told of by now.
            self.skips_settled = counters.probe_skipped;
            self.tracer.read_skips();
            self.joiner.forget_orphans(self.mark_ns);
            if self.emitter.registry.refresh() {
                self.tracer.tell_again();
            }
            // Failing is not the end: the next turn tries again, and what is
            // sent meanwhile is counted as lost.
            if let Err(error) = self.tracer.follow_cpus() {
                let _ = writeln!(io::stderr(), "sigtrail: {error:#}; trying again");
            }
        }
        Ok(())
    }

    /// Tells those who watch of this turn.
    fn tell(&mut self, canaries: u64, now_ns: u64, now: Instant) -> Result<()> {
        match self.canary.tend(canaries, now) {
            Some(Sight::Blind) => {
                let why = "sigtrail's own calls do not come through the kernel any more";
                self.emitter.status("blind", Some(why), now_ns)?;
            }
            Some(Sight::Seeing) => self.emitter.status("running", None, now_ns)?,
            None => {}
        }
        let blind = self.canary.sight() == Sight::Blind;
        // Who restarts what hangs restarts what sees nothing, too.
        if !blind {
            self.service.alive(now);
        }
        let (events, lost) = (self.emitter.events(), self.emitter.losses.total());
        self.service
            .say(now, || format!("{events} signals, {lost} lost"));
        if self
            .metrics
            .as_ref()
            .is_some_and(|metrics| metrics.due(now))
        {
            self.write_metrics(now);
        }
        Ok(())
    }

    fn write_metrics(&mut self, now: Instant) {
        if let Some(metrics) = &mut self.metrics {
            let blind = self.canary.sight() == Sight::Blind;
            let (events, gauges) = (self.emitter.events(), self.emitter.gauges());
            let text = metrics::text(events, &self.emitter.losses, &gauges, blind);
            metrics.write(&text, now);
        }
    }

    fn release(&mut self, horizon_ns: u64) -> Result<()> {
        let mut result = Ok(());
        let (emitter, joiner, count) = (&mut self.emitter, &mut self.joiner, self.config.count);
        self.orderer.release(horizon_ns, |call, late| {
            let complete = count.is_some_and(|count| emitter.events() >= count);
            if result.is_ok() && !complete {
                result = emitter.signal(call, &joiner.take(call), late);
            }
        });
        result
    }

    fn enter_losses(&mut self, counters: Counters, gaps: u64, since_ns: u64) {
        let losses = &mut self.emitter.losses;
        for (reason, total) in [
            (Reason::RingFull, counters.ring_full),
            (Reason::RingAbsent, counters.ring_absent),
            (Reason::RingError, counters.ring_error),
            (Reason::EntryMissing, counters.entry_missing),
            (
                Reason::ProbeSkipped,
                (self.skips_settled).saturating_sub(self.evidence.skipped()),
            ),
            (Reason::Malformed, self.malformed),
        ] {
            losses.raise_to(reason, total, since_ns);
        }
        // A gap in a CPU's sequence that no counter explains.
        let explained = counters.refused() + self.malformed;
        let unexplained = gaps.saturating_sub(explained);
        losses.raise_to(Reason::Unexplained, unexplained, since_ns);
    }
}
