//! Which signals become lines, as far as the probes could not decide it.

use super::named::NamedSignal;
use crate::{
    config::{Config, filters_shown},
    event::{Exit, Process},
    identity::Names,
    names::SignalSet,
    select::{NameFilters, Within, wants_target, wants_undecided},
    trace::{Exits, Filters, KernelSignals},
};

/// The filters in force.
#[derive(Debug)]
pub struct Selection {
    filters: Filters,
    name_filters: NameFilters,
    shown: String,
}

impl Selection {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            filters: config.filters(),
            name_filters: config.name_filters(),
            shown: filters_shown(config),
        }
    }

    /// In few words.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether no signal that may end a process is left out.
    pub fn wants_all_signals(&self) -> bool {
        let filters = &self.filters;
        filters.kernel_signals != KernelSignals::None
            && filters.signals == SignalSet::ALL
            && !filters.asks_for_cause()
            && self.name_filters.senders == Within::default()
    }

    /// Whether any ends of processes are wanted.
    pub fn wants_exits(&self) -> bool {
        self.filters.exits != Exits::None
    }

    /// Whether the end of a process passes. `cause` is whether a signal that has a line
    /// led to it.
    pub fn wants_exit(&self, exit: &Exit, process: &Process, names: &Names, cause: bool) -> bool {
        let filters = &self.filters;
        let wanted = match filters.exits {
            Exits::None => false,
            Exits::Killed => exit.signal().is_some(),
            Exits::All => exit.signal().is_some() || cause,
        };
        // Filters on senders and calls are about the cause.
        let of_cause = filters.asks_for_cause() || self.name_filters.senders != Within::default();
        wanted
            && (cause || !of_cause)
            && exit
                .signal()
                .is_none_or(|signal| filters.signals.contains(signal))
            && wants_target(filters, process)
            && self.name_filters.wants_targets([names].into_iter())
    }

    /// Whether a signal passes.
    pub fn wants(&self, named: &NamedSignal<'_>) -> bool {
        let undecided = named.signal.call().filter(|call| call.undecided);
        let sender = named.sender.as_ref().map(|(_, names)| names);
        self.name_filters.wants_sender(sender)
            && self.name_filters.wants_targets(named.target_names())
            && undecided
                .is_none_or(|call| wants_undecided(&self.filters, call, named.target_process()))
    }
}
