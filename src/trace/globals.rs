//! The global variables that the programs and this process share.

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::{
    attach::Plan,
    options::{Args, Filters},
    raw::{read_shared, write_shared},
    sequence::MAX_CPUS,
    skel::types,
    wire,
};
use crate::event::Abi;

/// The object's `.bss`, which libbpf maps into this process. The programs may
/// read and write it at any moment, so each access is volatile, and of whole
/// variables.
pub(super) struct Globals<'obj> {
    bss: &'obj mut types::bss,
    /// How many CPUs this machine can have.
    cpus: usize,
}

impl<'obj> Globals<'obj> {
    /// # Errors
    /// When the machine can have more CPUs than there are counters.
    pub(super) fn new(bss: Option<&'obj mut types::bss>, cpus: usize) -> Result<Self> {
        let bss = bss.context("the BPF object has no .bss")?;
        let _: &[types::counters; 2 * MAX_CPUS] = &bss.counters;
        if cpus > MAX_CPUS {
            bail!("this machine can have {cpus} CPUs and sigtrail has room for {MAX_CPUS}");
        }
        Ok(Self { bss, cpus })
    }

    /// Lets the programs tell of processes that come and go.
    pub(super) fn prepare(&mut self) {
        write_shared(
            &mut self.bss.trace_state,
            types::trace_state::TRACE_PROCESSES,
        );
    }

    /// Lets the programs record new calls.
    pub(super) fn start(&mut self) {
        write_shared(&mut self.bss.trace_state, types::trace_state::TRACE_ON);
    }

    /// Lets the programs complete the calls that were entered, and no others.
    pub(super) fn drain(&mut self) {
        write_shared(&mut self.bss.trace_state, types::trace_state::TRACE_DRAIN);
    }

    /// The end of this process is to be told at once.
    pub(super) fn expect_end(&mut self, pid: u32) {
        let index = pid as usize % self.bss.asked.len();
        write_shared(&mut self.bss.asked[index], 1);
    }

    /// Which arguments of processes leave the kernel.
    pub(super) fn set_args(&mut self, args: Args) {
        write_shared(&mut self.bss.args_mode, wire::args_mode(args));
    }

    /// How the programs are attached.
    pub(super) fn set_plan(&mut self, plan: Plan) {
        write_shared(&mut self.bss.attach_mode, wire::attach_mode(plan.mode()));
        write_shared(&mut self.bss.exits_skippable, plan.is_skippable().into());
    }

    /// The calls whose exits are probed. Others are sent by the witness.
    pub(super) fn set_exits_probed(&mut self, abis: impl Iterator<Item = Abi>) {
        write_shared(&mut self.bss.exits_probed, wire::abi_bits(abis));
    }

    /// This process's pid in the initial pid namespace. Canaries are its signals
    /// to itself.
    pub(super) fn set_own_pid(&mut self, pid: u32) {
        write_shared(&mut self.bss.own_pid, pid);
    }

    /// The inode of process 1's mount namespace; 0 before the first record.
    pub(super) fn host_mnt_ns(&self) -> u32 {
        read_shared(&self.bss.host_mnt_ns)
    }

    /// Which signals to itself are canaries.
    pub(super) fn set_canary(&mut self, signal: Option<Signal>) {
        let number = signal.map_or(0, Signal::as_raw);
        write_shared(&mut self.bss.canary_sig, number);
    }

    /// Makes the programs forget which cgroups they have sent.
    pub(super) fn raise_epoch(&mut self) {
        let epoch = read_shared(&self.bss.epoch);
        write_shared(&mut self.bss.epoch, epoch.wrapping_add(1));
    }

    /// The bank of filters that is not in force.
    pub(super) fn spare_bank(&self) -> u8 {
        u8::from(read_shared(&self.bss.filter_bank) == 0)
    }

    /// Fills a bank and puts it in force. Its sets must be filled already.
    pub(super) fn switch_filters(&mut self, bank: u8, filters: &Filters) {
        if let Some(room) = self.bss.filters.get_mut(usize::from(bank)) {
            write_shared(room, wire::filters(filters, bank));
        }
        write_shared(&mut self.bss.filter_bank, bank.into());
    }

    /// Each CPU's counters, as they are now, and those of its interrupts.
    pub(super) fn counters(&self) -> impl Iterator<Item = types::counters> {
        let (own, interrupts) = self.bss.counters.split_at(MAX_CPUS);
        let cpus = own.iter().take(self.cpus);
        cpus.chain(interrupts.iter().take(self.cpus))
            .map(read_shared)
    }
}
