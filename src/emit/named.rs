//! A call with the names behind its numbers.

use crate::{
    clock::{boottime_ns, monotonic_ns},
    event::{Call, Process, Recipient},
    identity::{Names, Registry},
};

/// A call with the names of its sender and of those that it was for.
#[derive(Debug)]
pub struct NamedCall<'a> {
    /// The call.
    pub call: &'a Call,
    /// The sender's names.
    pub sender: Names,
    /// The one process that it meant, if it meant one and it is known.
    pub target: Option<(Recipient, Names)>,
    /// The processes that a call to a group reached.
    pub group: Vec<(&'a Recipient, Names)>,
}

impl<'a> NamedCall<'a> {
    /// Looks the names up. A target that the kernel could not name is looked up
    /// by its number.
    pub fn new(registry: &mut Registry, call: &'a Call, group: &'a [Recipient]) -> Self {
        let sender = registry.sender(&call.sender);
        let target = match call.recipient {
            None if !call.scope().is_group() => {
                let age_ns = monotonic_ns().saturating_sub(call.time_ns);
                registry.look_up(call, boottime_ns().saturating_sub(age_ns))
            }
            known => known,
        };
        Self {
            call,
            sender,
            target: target.map(|recipient| (recipient, registry.target(&recipient.process))),
            group: (group.iter())
                .map(|recipient| (recipient, registry.target(&recipient.process)))
                .collect(),
        }
    }

    /// The one process that it meant.
    pub fn target_process(&self) -> Option<&Process> {
        (self.target.as_ref()).map(|(recipient, _)| &recipient.process)
    }

    /// The names of all that it was for.
    pub fn target_names(&self) -> impl Iterator<Item = &Names> {
        let target = self.target.iter().map(|(_, names)| names);
        target.chain(self.group.iter().map(|(_, names)| names))
    }
}
