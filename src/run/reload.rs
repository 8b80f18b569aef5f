//! SIGHUP: the output is opened again, the configuration read again.

use super::cycle::Run;
use crate::{
    config::{Config, FILTERS, differences},
    correlate::SLACK_NS,
    identity::Users,
    record::State,
};

/// What a reload puts in force beside the filters; all else waits for a restart.
const APPLIED: [&str; 2] = ["poll_interval", "status_interval"];

impl Run<'_> {
    /// Does both, as far as possible, and reports it in the stream.
    pub(super) fn reload(&mut self) {
        self.health.service().reloading();
        let read = self.read_again();
        let reopened = self.emitter.sink().reopen();
        let (state, reason) = match (read, reopened) {
            (Ok(kept), Ok(())) => (State::Reloaded, kept),
            (Err(why), Ok(())) => (State::ReloadFailed, Some(why)),
            (Ok(_), Err(why)) => {
                let why = format!("the output stays as it was: {why:#}");
                (State::ReloadFailed, Some(why))
            }
            (Err(one), Err(other)) => (State::ReloadFailed, Some(format!("{one}; {other:#}"))),
        };
        // Calls that are held back come after it, and are not older.
        let now_ns = self.mark_ns.saturating_sub(SLACK_NS);
        self.status(state, reason.as_deref(), now_ns);
        self.health.service().ready();
    }

    /// All of the file or nothing of it. Ok: what has to wait for a restart.
    fn read_again(&mut self) -> Result<Option<String>, String> {
        if self.args.config.is_none() {
            return Ok(None);
        }
        let mut new =
            Config::new(&self.args, &Users::system()).map_err(|invalid| invalid.to_string())?;
        (self.tracer.set_filters(&new.trace.filters)).map_err(|error| format!("{error:#}"))?;
        self.emitter.set_filters(&new);
        let kept: Vec<_> = (differences(&self.config, &new).into_iter())
            .filter(|key| !FILTERS.contains(key) && !APPLIED.contains(key))
            .collect();
        if new.status_interval != self.config.status_interval {
            self.next_status = new
                .status_interval
                .map(|time| std::time::Instant::now() + time);
            self.health.set_interval(new.status_interval);
        }
        std::mem::swap(&mut self.config, &mut new);
        // What is in force, for the next comparison.
        let old = new;
        self.config.trace.ring_bytes = old.trace.ring_bytes;
        self.config.trace.args = old.trace.args;
        self.config.trace.attach = old.trace.attach;
        self.config.output = old.output;
        self.config.rotation = old.rotation;
        self.config.fsync = old.fsync;
        self.config.queue_bytes = old.queue_bytes;
        self.config.metrics_file = old.metrics_file;
        Ok((!kept.is_empty()).then(|| format!("until a restart these stay: {}", kept.join(", "))))
    }
}
