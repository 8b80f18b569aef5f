//! Who watches the watcher: the canary, the service manager's watchdog, and the
//! counters for Prometheus.

mod canary;
mod metrics;
mod service;
pub mod usage;

use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use self::canary::{Visibility, own_pid};
use self::{canary::Canary, metrics::Metrics, service::Service};
use crate::{
    config::Config,
    loss::Losses,
    record::{Gauges, State},
};

/// Knows whether the run works, and reports that to those who supervise it.
#[derive(Debug)]
pub struct Health {
    canary: Canary,
    service: Service,
    metrics: Option<Metrics>,
}

impl Health {
    /// As the configuration and the environment ask for, with this signal as the
    /// canary.
    pub fn new(config: &Config, signal: Option<Signal>, now: Instant) -> Self {
        let interval = config.status_interval.or_none();
        Self {
            canary: Canary::new(interval, signal, now),
            service: Service::from_env(),
            metrics: (config.metrics_path()).map(|path| Metrics::new(path, interval, now)),
        }
    }

    /// The service manager.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }

    /// Takes another time between status lines, which bounds the canary's.
    pub fn set_interval(&mut self, status_interval: Option<Duration>) {
        self.canary.set_interval(status_interval);
    }

    /// To be called after each reading of the rings, which brought so many
    /// canaries. Returns whether sigtrail has gone blind or sees again.
    pub fn check(&mut self, canaries: u64, now: Instant) -> Option<Visibility> {
        self.canary.check(canaries, now)
    }

    /// What the next status line reports.
    pub fn state(&self) -> State {
        match self.canary.visibility() {
            Visibility::Seeing => State::Running,
            Visibility::Blind => State::Blind,
        }
    }

    /// Reports to the service manager what is due.
    pub fn notify(&mut self, events: u64, losses: &Losses, now: Instant) {
        // A manager that restarts what hangs restarts what is blind, too.
        if self.canary.visibility() == Visibility::Seeing {
            self.service.alive(now);
        }
        self.service
            .status(now, || format!("{events} signals, {} lost", losses.total()));
    }

    /// Whether it is time to write the metrics.
    pub fn metrics_due(&self, now: Instant) -> bool {
        (self.metrics.as_ref()).is_some_and(|metrics| metrics.due(now))
    }

    /// Writes the metrics, if there is a file for them.
    pub fn write_metrics(&mut self, events: u64, losses: &Losses, gauges: &Gauges, now: Instant) {
        let blind = self.canary.visibility() == Visibility::Blind;
        if let Some(metrics) = &mut self.metrics {
            metrics.write(&metrics::text(events, losses, gauges, blind), now);
        }
    }
}
