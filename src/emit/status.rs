//! Lines about the stream itself: losses, and how the run is doing.

use std::collections::BTreeMap;

use super::emitter::Emitter;
use crate::{
    loss::{Reason, Unreported},
    record::{Gauges, Lost, State, Status},
};

/// Most bytes of a text that somebody else wrote: they leave room for the rest
/// of the line, whatever the text holds.
const TEXT_MAX: usize = 600;

/// How the system calls are hooked.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// By what.
    pub attach: &'static str,
    /// Calls that are not seen in full, and what is seen of them.
    pub uncovered: Vec<&'static str>,
}

/// What a status line reports.
#[derive(Debug)]
pub struct Report<'a> {
    /// How the run is doing.
    pub state: State,
    /// The reason, if there is one to give.
    pub reason: Option<&'a str>,
    /// How the system calls are hooked, once they are.
    pub coverage: Option<&'a Coverage>,
    /// The run's figures.
    pub gauges: &'a Gauges,
}

impl Emitter {
    /// Reports all losses that the stream has not reported yet, as found at
    /// `now_ns`.
    pub fn report_losses(&mut self, now_ns: u64) {
        for loss in self.losses.unreported() {
            if !self.lost(loss, now_ns) {
                break;
            }
            self.losses.mark_reported(loss);
        }
    }

    fn lost(&mut self, loss: Unreported, now_ns: u64) -> bool {
        let since = self.stamp.past(loss.since_ns);
        let head = self.stamp.stream(self.outlet.next_seq(), now_ns);
        let record = Lost::new(head, loss, since);
        self.encoder.lost(self.outlet.start_line(), &record);
        self.outlet.push().is_ok()
    }

    /// Reports how the run is doing at `now_ns`. If the sink refuses the line,
    /// nothing is lost: the next one has the same totals and newer ones.
    pub fn status(&mut self, report: &Report<'_>, now_ns: u64) {
        let reason = report.reason.map(shortened);
        let lost_by_reason: BTreeMap<_, _> = (Reason::ALL.into_iter())
            .map(|reason| (reason.name(), self.losses.total_for(reason)))
            .filter(|&(_, count)| count > 0)
            .collect();
        let filters = shortened(self.selection.shown());
        let head = self.stamp.stream(self.outlet.next_seq(), now_ns);
        let record = Status {
            timestamp: head.timestamp,
            r#type: "status",
            seq: head.seq,
            hostname: head.hostname,
            state: report.state.name(),
            reason: reason.as_deref(),
            version: env!("CARGO_PKG_VERSION"),
            kernel: &self.kernel,
            attach: report.coverage.map(|coverage| coverage.attach),
            uncovered: report.coverage.map_or(&[], |coverage| &coverage.uncovered),
            events: self.events,
            lost: self.losses.total(),
            lost_by_reason,
            late: self.late,
            gauges: report.gauges,
            filters: &filters,
        };
        self.encoder.status(self.outlet.start_line(), &record);
        let _ = self.outlet.push();
    }
}

fn shortened(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if short.len() + c.len_utf8() > TEXT_MAX {
            short.push_str("...");
            break;
        }
        short.push(c);
    }
    short
}
