//! The map that holds the members of the filters' sets.

use anyhow::{Context, Result};
use libbpf_rs::{MapCore, MapFlags, MapImpl};

use super::{options::Filters, wire};

/// Replaces the members of one bank. It must not be the bank in force, because
/// the members change one by one.
pub(super) fn replace(map: &MapImpl<'_>, bank: u8, filters: &Filters) -> Result<()> {
    let stale: Vec<Vec<u8>> = (map.keys())
        .filter(|key| wire::bank_of(key) == Some(bank.into()))
        .collect();
    for key in stale {
        map.delete(&key).context("emptying a filter's set")?;
    }
    for key in wire::filter_keys(filters, bank) {
        map.update(wire::bytes_of(&key), &[1], MapFlags::ANY)
            .context("filling a filter's set (8192 values at most, all filters together)")?;
    }
    Ok(())
}
