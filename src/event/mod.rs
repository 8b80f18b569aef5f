//! The decoded event, in the field's own words: pid is the process (the
//! kernel's tgid), tid the thread.

mod batch;
mod call;
mod fate;
mod process;
#[cfg(test)]
pub mod samples;

pub use self::{
    batch::Batch,
    call::{Abi, Call, CallKey, GroupRecipient, Pidfd, Scope, SentInfo, Syscall},
    fate::{Disposition, Fate, Outcome, Recipient},
    process::{CgroupPath, Comm, Image, ImageKey, Process, Source},
};

/// Any record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// A call that returned, or of which only the signal will be seen.
    Call(Call),
    /// A call as its signal tells; its own record may follow, or may not.
    Witness(Call),
    /// A recipient of a call to a group.
    Recipient(GroupRecipient),
    /// What runs in a process.
    Image(Image),
    /// A cgroup's path.
    Cgroup(CgroupPath),
    /// The poller's own call.
    Canary,
}

/// Numbers a record: which CPU sent it, as which of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordNumber {
    /// The CPU.
    pub cpu: u32,
    /// +1 for each record tried on that CPU, from 1.
    pub seq: u64,
}
