//! One wake-up: read the rings, make lines, report what is due.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::Result;

use super::watched::Watched;
use crate::{
    clock::{boottime_ns, monotonic_ns},
    config::{Config, TraceArgs},
    correlate::{Correlator, Released},
    emit::{Coverage, Emitter, Report},
    health::{Health, Visibility, usage},
    identity::Registry,
    names::errno_name,
    record::{Gauges, State},
    trace::{Exits, Tracer},
};

/// Losses of one reason are reported at most this often while they go on.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);
/// How often rare changes are looked for: skipped probes, CPUs, names.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A run, from the first line to the last.
pub struct Run<'obj> {
    pub(super) tracer: Tracer<'obj>,
    pub(super) correlator: Correlator,
    pub(super) registry: Registry,
    pub(super) emitter: Emitter,
    pub(super) health: Health,
    pub(super) args: TraceArgs,
    pub(super) config: Config,
    pub(super) watched: Watched,
    /// When the rings were last read, by the kernel's clock.
    pub(super) mark_ns: u64,
    /// As that, or when the run began; none once nothing more is traced.
    pub(super) read_ns: Option<u64>,
    /// The longest time between two readings.
    pub(super) gap_ns_max: u64,
    /// The poller's own calls that came back.
    pub(super) canaries: u64,
    pub(super) deadline: Option<Instant>,
    pub(super) next_status: Option<Instant>,
    pub(super) next_upkeep: Instant,
    pub(super) losses_reported: Option<Instant>,
}

impl<'obj> Run<'obj> {
    pub(super) fn new(
        mut tracer: Tracer<'obj>,
        registry: Registry,
        mut emitter: Emitter,
        args: TraceArgs,
        config: Config,
        mark_ns: u64,
    ) -> Self {
        let now = Instant::now();
        let watched = args.target_pid.iter().flatten().map(|pid| pid.0);
        watched.clone().for_each(|pid| tracer.expect_end(pid));
        let watched = Watched::new(watched, boottime_ns());
        emitter.begin();
        Self {
            correlator: Correlator::new(tracer.is_skippable()),
            registry,
            emitter,
            health: Health::new(&config, tracer.canary(), now),
            tracer,
            watched,
            args,
            mark_ns,
            read_ns: None,
            gap_ns_max: 0,
            canaries: 0,
            deadline: now.checked_add(config.duration.0),
            next_status: (config.status_interval.or_none()).map(|time| now + time),
            next_upkeep: now + UPKEEP_INTERVAL,
            losses_reported: None,
            config,
        }
    }

    /// Reads the rings and makes lines of what is older than the slack.
    pub(super) fn cycle(&mut self, slack_ns: u64) -> Result<()> {
        let before_ns = self.mark_ns;
        self.mark_ns = monotonic_ns();
        let gaps = self.tracer.lifecycle_gaps();
        let (lifecycle, batch) = self.tracer.drain()?;
        self.registry.learn(lifecycle, gaps, Instant::now());
        self.registry.start_batch(Instant::now());
        (batch.cgroups.iter()).for_each(|cgroup| self.registry.learn_cgroup(cgroup));
        self.correlator.take(batch, self.mark_ns);
        if self.config.exits == Exits::All {
            self.correlator.take_ends(&lifecycle.ends);
        }
        let canaries = batch.canaries;
        self.registry.wait_for_new();
        self.canaries += canaries;
        self.registry.host_mnt_ns = self.tracer.host_mnt_ns();
        self.note_reading();
        // After the rings: what is missing in them is counted by now.
        let losses = (self.correlator).losses(&self.tracer.counters(), self.tracer.gaps());
        self.emitter.account(losses, before_ns);
        self.emitter.start_batch();

        let horizon_ns = (self.correlator).horizon(self.mark_ns.saturating_sub(slack_ns));
        self.release(horizon_ns);
        (self.emitter).settle_exits(&mut self.registry, horizon_ns);
        self.report(canaries, horizon_ns);
        self.registry.end_batch(Instant::now());
        if self.next_upkeep <= Instant::now() {
            self.next_upkeep = Instant::now() + UPKEEP_INTERVAL;
            self.upkeep();
        }
        Ok(())
    }

    /// Makes lines of the signals up to a time.
    pub(super) fn release(&mut self, horizon_ns: u64) {
        let (emitter, registry, count) = (&mut self.emitter, &mut self.registry, self.config.count);
        let watched = &mut self.watched;
        self.correlator.release(horizon_ns, |released, late| {
            if emitter.events() >= count {
                return;
            }
            match released {
                Released::Signal(signal, group) => emitter.signal(registry, signal, group, late),
                Released::Exit(exit) => {
                    emitter.exit(registry, exit, late);
                    watched.note(exit);
                }
            }
        });
    }

    /// Notes how long the rings were not read.
    fn note_reading(&mut self) {
        let Some(last_ns) = self.read_ns.replace(self.mark_ns) else {
            return;
        };
        self.gap_ns_max = (self.gap_ns_max).max(self.mark_ns.saturating_sub(last_ns));
    }

    /// Reports losses, status and health, where they are due.
    fn report(&mut self, canaries: u64, now_ns: u64) {
        let now = Instant::now();
        let is_due = |time: Instant| now.duration_since(time) >= LOSS_INTERVAL;
        if self.losses_reported.is_none_or(is_due)
            && self.emitter.losses().unreported().next().is_some()
        {
            self.losses_reported = Some(now);
            self.emitter.report_losses(now_ns);
        }
        if self.next_status.is_some_and(|time| time <= now) {
            let interval = self.config.status_interval.or_none();
            self.next_status = interval.map(|time| now + time);
            self.status(self.health.state(), None, now_ns);
        }
        if let Some(visibility) = self.health.check(canaries, now) {
            let why = "sigtrail's own calls do not come through the kernel any more";
            let reason = (visibility == Visibility::Blind).then_some(why);
            self.status(self.health.state(), reason, now_ns);
        }
        let (events, losses) = (self.emitter.events(), self.emitter.losses());
        self.health.notify(events, losses, now);
        if self.health.metrics_due(now) {
            self.write_metrics(now);
        }
    }

    pub(super) fn status(&mut self, state: State, reason: Option<&str>, now_ns: u64) {
        let coverage = (state == State::Started).then(|| Coverage {
            attach: self.tracer.attach_name(),
            uncovered: self.tracer.uncovered(),
        });
        let report = Report {
            state,
            reason,
            coverage: coverage.as_ref(),
            gauges: &self.gauges(),
        };
        self.emitter.status(&report, now_ns);
    }

    pub(super) fn write_metrics(&mut self, now: Instant) {
        let gauges = self.gauges();
        let (events, losses) = (self.emitter.events(), self.emitter.losses());
        self.health.write_metrics(events, losses, &gauges, now);
    }

    fn gauges(&mut self) -> Gauges {
        let stats = self.emitter.sink().stats();
        let errors = stats.errors.iter().map(|&(errno, count)| {
            let name = errno_name(errno.into()).to_string();
            (name, count)
        });
        Gauges {
            lines_written: stats.lines_written,
            bytes_written: stats.bytes_written,
            queue_bytes: stats.queued_bytes as u64,
            queue_bytes_max: stats.queued_bytes_max as u64,
            ring_bytes: self.config.ring_size.0,
            ring_bytes_max: self.tracer.ring_bytes_max(),
            gap_ms_max: self.gap_ns_max / 1_000_000,
            sink_errors: errors.collect(),
            rotations: stats.rotations,
            rotation_errors: stats.rotation_errors,
            fsync_errors: stats.fsync_errors,
            torn_tails_repaired: stats.torn_tails_repaired,
            canaries: self.canaries,
            processes_known: self.registry.processes_known() as u64,
            cgroups_cached: self.registry.cgroups_cached() as u64,
            cpu_ms: usage::cpu_ms(),
            rss_kib: usage::rss_kib(),
        }
    }

    /// About once a second.
    fn upkeep(&mut self) {
        // The count of a second ago: by now the witness has reported those of
        // the skipped exits that it saw.
        let probe_skipped = self.tracer.counters().probe_skipped;
        self.correlator.maintain(probe_skipped, self.mark_ns);
        self.tracer.read_skips();
        if self.registry.refresh(Instant::now()) {
            self.tracer.resend();
        }
        // Failing is not the end: the next time tries again, and what is sent
        // meanwhile is counted as lost.
        if let Err(error) = self.tracer.follow_cpus() {
            let _ = writeln!(io::stderr(), "sigtrail: {error:#}; trying again");
        }
    }
}
