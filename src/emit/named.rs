//! A signal with the names behind its numbers.

use crate::{
    clock::{boottime_ns, monotonic_ns},
    event::{Process, Recipient, Role, Signal},
    identity::{Names, Registry},
};

/// A signal with the names of its sender and of those that it was for.
#[derive(Debug)]
pub struct NamedSignal<'a> {
    /// The signal.
    pub signal: &'a Signal,
    /// The process behind it, and its names.
    pub sender: Option<(&'a Process, Names)>,
    /// Who arranged for it, if that is not the sender.
    pub arranged_by: Option<(&'a Process, Names)>,
    /// The one process that it was for, if it was one and is known.
    pub target: Option<(Recipient, Names)>,
    /// The processes that a call to a group reached.
    pub group: Vec<(&'a Recipient, Names)>,
}

impl<'a> NamedSignal<'a> {
    /// Looks the names up. A target that the kernel could not name is looked up
    /// by its number.
    pub fn new(registry: &mut Registry, signal: &'a Signal, group: &'a [Recipient]) -> Self {
        let sender = match signal {
            // Of a target that an interrupt signals, nothing was sent on its own.
            Signal::Generated(generated)
                if generated
                    .sender
                    .is_some_and(|(role, _)| role == Role::Itself) =>
            {
                (signal.sender()).map(|sender| (sender, registry.target(sender)))
            }
            _ => (signal.sender()).map(|sender| (sender, registry.sender(sender))),
        };
        let target = match signal {
            Signal::Call(call) if call.recipient.is_none() && !call.scope().is_group() => {
                let age_ns = monotonic_ns().saturating_sub(call.time_ns);
                registry.look_up(call, boottime_ns().saturating_sub(age_ns))
            }
            _ => signal.recipient().copied(),
        };
        Self {
            signal,
            sender,
            arranged_by: (signal.arranged_by())
                .map(|arranger| (arranger, registry.sender(arranger))),
            target: target.map(|recipient| (recipient, registry.target(&recipient.process))),
            group: (group.iter())
                .map(|recipient| {
                    // There is no room for the ancestors of many.
                    let names = registry.target(&recipient.process);
                    (recipient, Names { near: 0, ..names })
                })
                .collect(),
        }
    }

    /// The one process that it meant.
    pub fn target_process(&self) -> Option<&Process> {
        (self.target.as_ref()).map(|(recipient, _)| &recipient.process)
    }

    /// All that it was for.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        let target = self.target.iter().map(|(recipient, _)| recipient);
        target.chain(self.group.iter().map(|(recipient, _)| *recipient))
    }

    /// The names of all that it was for.
    pub fn target_names(&self) -> impl Iterator<Item = &Names> {
        let target = self.target.iter().map(|(_, names)| names);
        target.chain(self.group.iter().map(|(_, names)| names))
    }
}
