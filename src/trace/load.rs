//! The programs, loaded: only those that are needed.

use std::mem::MaybeUninit;

use anyhow::{Context, Result};
use libbpf_rs::{
    OpenObject,
    skel::{OpenSkel, SkelBuilder},
};

use super::{
    arrange::Arrangements,
    attach::Plan,
    libbpf_log::explain,
    skel::{SigtrailSkel, SigtrailSkelBuilder},
};

/// Loads the programs that are to be attached.
///
/// # Errors
/// Why the kernel refused one.
pub(super) fn load<'obj>(
    storage: &'obj mut MaybeUninit<OpenObject>,
    plan: Plan,
    arrangements: Arrangements,
) -> Result<SigtrailSkel<'obj>> {
    let mut open = SigtrailSkelBuilder::default()
        .open(storage)
        .map_err(explain)
        .context("opening the BPF object")?;
    for mut program in open.open_object_mut().progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        program.set_autoload(plan.needs(&name) || arrangements.need(&name));
    }
    open.load()
        .map_err(explain)
        .context("loading the BPF programs into the kernel")
}
