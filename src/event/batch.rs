//! What one drain of the rings brought.

use super::{
    call::{Call, GroupRecipient},
    process::{CgroupPath, Image},
};

/// The events of one drain, kind by kind. Those of one CPU are in the order in
/// which it sent them; CPUs follow one another.
#[derive(Debug, Default)]
pub struct Batch {
    /// Calls that returned, and calls of which only the signal will be seen.
    pub calls: Vec<Call>,
    /// Calls as their signals show them, whose own records may follow.
    pub witnesses: Vec<Call>,
    /// Recipients of calls to groups.
    pub recipients: Vec<GroupRecipient>,
    /// What runs in processes that the poller did not know yet.
    pub images: Vec<Image>,
    /// Paths of cgroups that the poller did not know yet.
    pub cgroups: Vec<CgroupPath>,
    /// The poller's own calls.
    pub canaries: u64,
    /// Records that could not be decoded. Zero unless something is badly wrong.
    pub malformed: u64,
}

impl Batch {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.witnesses.clear();
        self.recipients.clear();
        self.images.clear();
        self.cgroups.clear();
        self.canaries = 0;
        self.malformed = 0;
    }
}
