//! Decoded events. As in the man pages, a pid names a process (the kernel's
//! tgid) and a tid a thread. They are numbers of the initial pid namespace,
//! unless a field says otherwise.

mod batch;
mod call;
mod exit;
mod fate;
mod generated;
mod lifecycle;
mod origin;
mod process;
#[cfg(test)]
pub mod samples;
mod signal;

pub use self::{
    batch::Batch,
    call::{Abi, Call, CallKey, GroupRecipient, Pidfd, Scope, SentInfo, Syscall},
    exit::{EndedBy, Exit},
    fate::{Disposition, Fate, Outcome, Recipient},
    generated::{Arranger, Generated, Limit, OomFigures, OomVictim},
    lifecycle::{Descent, End, Ended, Exec, Image},
    origin::{Origin, Role},
    process::{CgroupPath, Comm, ImageKey, Process, Source},
    signal::Signal,
};

/// One decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// A call that returned, or a call of which only the signal will be seen.
    Call(Call),
    /// A call as seen at its signal. Its own record may or may not follow.
    Witness(Call),
    /// One recipient of a call to a group.
    Recipient(GroupRecipient),
    /// A signal that no call sent.
    Generated(Generated),
    /// Who arranged for the signal or call whose record follows.
    Arranger(Arranger),
    /// The OOM killer marked a victim.
    Oom(OomVictim),
    /// A process has executed a program.
    Exec(Exec),
    /// A process has a new child.
    Fork(Descent),
    /// A process has ended.
    End(End),
    /// Processes have ended that were not asked to.
    Ends(Vec<Ended>),
    /// A signal has ended a process.
    Exit(Exit),
    /// A cgroup's path.
    Cgroup(CgroupPath),
    /// A call that sigtrail made itself, to see that calls come through.
    Canary,
}

/// The number of a record, which no other record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordNumber {
    /// The CPU that sent it. Interrupts of a CPU count apart, as another CPU.
    pub cpu: u32,
    /// +1 for each record that the CPU tried to send, from 1.
    pub seq: u64,
}
