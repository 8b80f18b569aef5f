//! A signal, whatever made it.

use super::{
    call::{Call, Scope},
    fate::Recipient,
    generated::Generated,
    origin::{Origin, Role},
    process::Process,
};

/// A signal: a call that sent one, or tried to, or a signal that no call sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum Signal {
    /// A call.
    Call(Call),
    /// A signal that no call sent.
    Generated(Generated),
}

impl Signal {
    /// When it was made, in nanoseconds of `CLOCK_MONOTONIC`.
    pub const fn time_ns(&self) -> u64 {
        match self {
            Self::Call(call) => call.time_ns,
            Self::Generated(generated) => generated.time_ns,
        }
    }

    /// What made it.
    pub const fn origin(&self) -> Origin {
        match self {
            Self::Call(_) => Origin::Call,
            Self::Generated(generated) => generated.origin,
        }
    }

    /// Its number.
    pub const fn number(&self) -> i32 {
        match self {
            Self::Call(call) => call.signal,
            Self::Generated(generated) => generated.signal,
        }
    }

    /// The call, if it is one.
    pub const fn call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            Self::Generated(_) => None,
        }
    }

    /// What it is addressed to.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Call(call) => call.scope(),
            Self::Generated(generated) if generated.to_thread => Scope::Thread,
            Self::Generated(_) => Scope::Process,
        }
    }

    /// The process behind it, if there is one.
    pub fn sender(&self) -> Option<&Process> {
        match self {
            Self::Call(call) => Some(&call.sender),
            Self::Generated(generated) => generated.sender.as_ref().map(|(_, sender)| sender),
        }
    }

    /// How the process behind it is behind it, if no call sent it.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Call(_) => None,
            Self::Generated(generated) => generated.sender.as_ref().map(|(role, _)| *role),
        }
    }

    /// Whether the process behind it ran when it was made.
    pub fn sender_ran(&self) -> bool {
        match self {
            Self::Call(_) => true,
            Self::Generated(generated) => (generated.sender.as_ref())
                .is_some_and(|(role, _)| !matches!(role, Role::Itself | Role::Arranger)),
        }
    }

    /// Who arranged for it, if that is not the sender.
    pub const fn arranged_by(&self) -> Option<&Process> {
        match self {
            Self::Call(call) => call.arranged_by.as_ref(),
            Self::Generated(generated) => generated.arranged_by.as_ref(),
        }
    }

    /// The process that it is for, if that is one and is known.
    pub const fn recipient(&self) -> Option<&Recipient> {
        match self {
            Self::Call(call) => call.recipient.as_ref(),
            Self::Generated(generated) => Some(&generated.recipient),
        }
    }
}
