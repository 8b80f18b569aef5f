//! Which calls the probes send, in the form that they read.

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags, MapImpl};

use super::skel::types;
use crate::{event::Syscall, names::SignalSet};

/// A call must pass all of them. An empty set lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Processes whose calls are wanted.
    pub sender_pids: Vec<u32>,
    /// Processes that must be reached, or would have been.
    pub target_pids: Vec<u32>,
    /// Real user ids of senders.
    pub sender_uids: Vec<u32>,
    /// Thread names of senders: bytes, at most 15.
    pub sender_comms: Vec<String>,
    /// Signals; by default all, other numbers included.
    pub signals: SignalSet,
    /// System calls.
    pub syscalls: Vec<Syscall>,
    /// Only calls that failed.
    pub failed: bool,
    /// Real user ids of targets.
    pub target_uids: Vec<u32>,
    /// Names of targets: bytes, at most 15.
    pub target_comms: Vec<String>,
    /// Only calls that end a process.
    pub fatal: bool,
}

/// Longest thread name that the kernel keeps, in bytes.
pub const COMM_MAX: usize = 15;

impl Filters {
    pub(super) fn to_wire(&self) -> types::filters {
        let syscalls = if self.syscalls.is_empty() {
            &Syscall::ALL[..]
        } else {
            &self.syscalls
        };
        let sets = self
            .keys()
            .fold(0, |bits, (kind, _)| bits | (1_u32 << kind.0));
        types::filters {
            signals: self.signals.mask,
            sets,
            signal_zero: self.signals.zero.into(),
            signal_other: self.signals.other.into(),
            syscalls: syscalls
                .iter()
                .fold(0, |bits, &call| bits | (1 << call as u8)),
            failed_only: self.failed.into(),
            fatal_only: self.fatal.into(),
            ..Default::default()
        }
    }

    fn keys(&self) -> impl Iterator<Item = (types::filter_kind, [u8; 16])> {
        use types::filter_kind as Kind;
        let numbers = [
            (Kind::FILTER_SENDER_PID, &self.sender_pids),
            (Kind::FILTER_TARGET_PID, &self.target_pids),
            (Kind::FILTER_SENDER_UID, &self.sender_uids),
            (Kind::FILTER_TARGET_UID, &self.target_uids),
        ];
        let numbers = numbers.into_iter().flat_map(|(kind, set)| {
            set.iter()
                .map(move |number| (kind, padded(&number.to_ne_bytes())))
        });
        let comms = [
            (Kind::FILTER_SENDER_COMM, &self.sender_comms),
            (Kind::FILTER_TARGET_COMM, &self.target_comms),
        ];
        let comms = comms
            .into_iter()
            .flat_map(|(kind, set)| set.iter().map(move |comm| (kind, padded(comm.as_bytes()))));
        numbers.chain(comms)
    }
}

fn padded(bytes: &[u8]) -> [u8; 16] {
    let mut value = [0; 16];
    for (to, from) in value.iter_mut().zip(bytes.iter().take(COMM_MAX)) {
        *to = *from;
    }
    value
}

fn key_bytes(bank: u32, kind: types::filter_kind, value: [u8; 16]) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..4].copy_from_slice(&bank.to_ne_bytes());
    bytes[4..8].copy_from_slice(&kind.0.to_ne_bytes());
    bytes[8..].copy_from_slice(&value);
    bytes
}

/// Fills a bank's sets, which are not in force yet.
pub(super) fn replace_sets(map: &MapImpl<'_>, bank: u32, filters: &Filters) -> Result<()> {
    let stale: Vec<Vec<u8>> = map
        .keys()
        .filter(|key| key.starts_with(&bank.to_ne_bytes()))
        .collect();
    for key in stale {
        map.delete(&key).context("emptying a filter's set")?;
    }
    for (kind, value) in filters.keys() {
        map.update(&key_bytes(bank, kind, value), &[1], MapFlags::ANY)
            .context("filling a filter's set (8192 values at most, all filters together)")?;
    }
    Ok(())
}
