//! What records are made from, and what they share.

use crate::{
    clock::{Clock, Timestamp},
    event::{self, Signal},
    identity::{Names, Users},
};

/// What every line starts with, its type aside.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// When, in UTC.
    pub timestamp: Timestamp,
    /// +1 for each line of a run, from 1.
    pub seq: u64,
    /// The machine's node name.
    pub hostname: &'a str,
}

/// A signal with all that its record needs to name what its numbers mean.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The signal.
    pub signal: &'a Signal,
    /// It comes after younger lines.
    pub late: bool,
    /// The process behind it, if there is one.
    pub sender: Option<(&'a event::Process, &'a Names)>,
    /// Who arranged for it, if that is not the sender.
    pub arranged_by: Option<(&'a event::Process, &'a Names)>,
    /// The one process that it is for, if it is one and is known.
    pub target: Option<(&'a event::Recipient, &'a Names)>,
    /// The machine.
    pub machine: Machine<'a>,
    /// sigtrail's own process id.
    pub own_pid: u32,
}

/// What the machine calls things.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// Names of users.
    pub users: &'a Users,
    /// The inode of process 1's mount namespace.
    pub host_mnt_ns: u32,
    /// Turns start times into UTC.
    pub clock: &'a Clock,
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn is_zero(value: &u32) -> bool {
    *value == 0
}
