//! What one drain of the rings brought.

use super::{
    call::{Call, GroupRecipient},
    exit::Exit,
    generated::{Arranger, Generated, OomVictim},
    lifecycle::{Descent, End, Ended, Exec},
    process::CgroupPath,
};

/// The events of one drain, by kind. Those of one CPU are in the order in which
/// it sent them, and the CPUs follow one another.
#[derive(Debug, Default)]
pub struct Batch {
    /// Calls that returned, and calls of which only the signal will be seen.
    pub calls: Vec<Call>,
    /// Calls as seen at their signals. Their own records may or may not follow.
    pub witnesses: Vec<Call>,
    /// Recipients of calls to groups.
    pub recipients: Vec<GroupRecipient>,
    /// Signals that no call sent.
    pub generated: Vec<Generated>,
    /// Who arranged for signals. Each came before its signal's record.
    pub arrangers: Vec<Arranger>,
    /// The OOM killer's victims.
    pub oom_victims: Vec<OomVictim>,
    /// Programs that were executed.
    pub execs: Vec<Exec>,
    /// Processes that were forked.
    pub forks: Vec<Descent>,
    /// Processes that ended, and may have been asked to.
    pub ends: Vec<End>,
    /// Processes that ended without having been asked to, a while later.
    pub unasked_ends: Vec<Ended>,
    /// Processes that a signal has ended.
    pub exits: Vec<Exit>,
    /// Paths of cgroups that appeared for the first time.
    pub cgroups: Vec<CgroupPath>,
    /// How many calls of sigtrail's own came through.
    pub canaries: u64,
    /// How many records could not be decoded. Zero unless something is badly
    /// wrong.
    pub malformed: u64,
}

impl Batch {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.calls.clear();
        self.witnesses.clear();
        self.recipients.clear();
        self.generated.clear();
        self.arrangers.clear();
        self.oom_victims.clear();
        self.execs.clear();
        self.forks.clear();
        self.ends.clear();
        self.unasked_ends.clear();
        self.exits.clear();
        self.cgroups.clear();
        self.canaries = 0;
        self.malformed = 0;
    }
}
