//! Which signals become lines, as far as the probes could not decide it.

use super::named::NamedSignal;
use crate::{
    config::{Config, filters_shown},
    select::{NameFilters, wants_undecided},
    trace::Filters,
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
