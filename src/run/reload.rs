//! SIGHUP: the output is opened again, the configuration read again.

use std::time::Instant;

use super::cycle::Run;
use crate::{config::Config, correlate::SLACK_NS, identity::Users, record::State};

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
        let now_ns = (self.correlator).horizon(self.mark_ns.saturating_sub(SLACK_NS));
        self.status(state, reason.as_deref(), now_ns);
        self.health.service().ready();
    }

    /// All of the file or nothing of it. Ok: what has to wait for a restart.
    fn read_again(&mut self) -> Result<Option<String>, String> {
        if self.args.config.is_none() {
            return Ok(None);
        }
        let new =
            Config::new(&self.args, &Users::system()).map_err(|invalid| invalid.to_string())?;
        (self.tracer.set_filters(&new.filters())).map_err(|error| format!("{error:#}"))?;
        let status_interval = self.config.status_interval;
        let waiting = self.config.adopt(&new);
        self.emitter.set_filters(&self.config);
        (self.registry).wait_for_names(self.config.name_filters().need_names());
        if self.config.status_interval != status_interval {
            let interval = self.config.status_interval.or_none();
            self.next_status = interval.map(|time| Instant::now() + time);
            self.health.set_interval(interval);
        }
        Ok((!waiting.is_empty())
            .then(|| format!("until a restart these stay: {}", waiting.join(", "))))
    }
}
