//! Which calls become lines, as far as the probes could not decide it.

use super::named::NamedCall;
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

    /// Whether a call passes.
    pub fn wants(&self, call: &NamedCall<'_>) -> bool {
        self.name_filters.wants_sender(&call.sender)
            && self.name_filters.wants_targets(call.target_names())
            && (!call.call.undecided
                || wants_undecided(&self.filters, call.call, call.target_process()))
    }
}
