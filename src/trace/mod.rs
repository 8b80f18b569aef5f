//! Tracing: the programs in the kernel, and what this process does with them.
//! Nothing else in the crate sees libbpf.
//!
//! # Constraints
//!
//! The programs run in the context of whoever sends a signal, so a record must
//! leave the kernel without waiting: it is sent, or it is refused and counted.
//! Nothing may be lost without being counted.
//!
//! What costs most is to wake this process. The rings are therefore a perf
//! buffer, which takes a watermark in bytes: a ring asks to be read when a
//! quarter of it is full, and the caller reads all of them after a while in any
//! case. `ring.rs` has the details.
//!
//! The oldest kernel is 5.10, and kernels differ in what they let programs
//! attach to and in what they skip. [`preflight`] asks for what is missing
//! before it is tried, so that an error names it and its cure.
//!
//! # Start and end
//!
//! [`Tracer::load`] loads the programs and then makes the rings.
//! [`Tracer::attach`] comes after that, for a program that runs before there is
//! a ring has its records refused. Exits are attached before entries, because
//! an entry whose exit nobody sees looks like a call that never returned. The
//! programs that tell of processes then run at once, so that these can be read from
//! `/proc` without missing one. [`Tracer::start`] switches all on, by one variable.
//!
//! [`Tracer::detach`] goes the other way. The variable keeps new calls out
//! while those that were entered are still completed; then the programs are
//! detached. One more [`Tracer::drain`] brings the last records.
//!
//! # What is missing
//!
//! A call can be lost in the kernel in three ways, and each has its count in
//! [`Counters`]. A ring refuses its record (`ring_full`, `ring_absent`,
//! `ring_error`). Its entry was not seen and its arguments are gone
//! (`entry_missing`). Or the kernel skipped the exit program, which therefore
//! could count nothing itself (`probe_skipped`). Linux does not start a program
//! on a CPU where it is running already. From 7.2 on programs on the
//! tracepoints of single system calls can be preempted while they run, so
//! anyone can arrange for another call's exit to be skipped. The kernel counts
//! its skips, and `counters.rs` reads them. `sequence.rs` checks all of this
//! against the numbers of the records that came.
//!
//! # CPUs that come and go
//!
//! A ring belongs to a CPU. When the CPU goes off line the ring is gone for
//! good, and a CPU that comes on line has none, so its records are refused as
//! `ring_absent`. [`Tracer::follow_cpus`] notices both and makes all rings
//! again.

mod arrange;
mod attach;
mod attach_point;
mod counters;
mod coverage;
mod filter_sets;
mod globals;
mod libbpf_log;
mod load;
mod options;
pub mod preflight;
mod raw;
mod ring;
mod rings;
mod sequence;
mod skel;
mod wire;

use std::{mem::MaybeUninit, os::fd::BorrowedFd, thread};

use anyhow::{Context, Result};
use libbpf_rs::{Link, OpenObject, skel::Skel};
use rustix::process::Signal;

use self::{
    arrange::{Arrangements, UNSEEN},
    attach::Plan,
    coverage::Coverage,
    globals::Globals,
    libbpf_log::{capture_warnings, explain},
    load::load,
    rings::AllRings,
    skel::SigtrailSkel,
};
pub use self::{
    options::{Args, Attach, COMM_MAX, Exits, Filters, KernelSignals, Options},
    wire::decode,
};
use crate::{event::Batch, loss::Counters};

/// The tracer's memory; the caller owns it so that the tracer can borrow it.
pub type Storage = MaybeUninit<OpenObject>;

/// The programs in the kernel, and their rings.
pub struct Tracer<'obj> {
    // Dropped in this order: no program outlives the rings that it writes to.
    links: Vec<Link>,
    rings: AllRings,
    globals: Globals<'obj>,
    skel: SigtrailSkel<'obj>,
    plan: Plan,
    coverage: Coverage,
    /// Why the plan was given up for its fallback.
    refusal: Option<String>,
    arrangements: Arrangements,
    /// What is not seen of arrangements.
    unseen: Option<&'static str>,
    skips: counters::Skips,
}

impl<'obj> Tracer<'obj> {
    /// Loads the programs and makes the rings; nothing is traced yet.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub fn load(storage: &'obj mut Storage, options: &Options) -> Result<Self> {
        capture_warnings();
        preflight::check()?;
        let cpus = libbpf_rs::num_possible_cpus().map_err(explain)?;
        let plan = Plan::new(options.attach)?;
        let arrangements = Arrangements::choose(options);
        let mut skel = load(storage, plan, arrangements)?;
        let globals = Globals::new(skel.maps.bss_data.take(), cpus)?;
        let mut tracer = Self {
            links: Vec::new(),
            rings: AllRings::new(options.ring_bytes, cpus),
            globals,
            skel,
            plan,
            coverage: plan.coverage(false),
            refusal: None,
            arrangements,
            unseen: None,
            skips: counters::Skips::default(),
        };
        tracer.set_filters(&options.filters)?;
        tracer.globals.set_args(options.args);
        tracer.globals.set_plan(plan);
        tracer.follow_cpus()?;
        Ok(tracer)
    }

    /// Attaches every program. Those that tell of processes run from now on, the
    /// others from [`Self::start`] on.
    ///
    /// # Errors
    /// Names the attach point where the kernel refused a program.
    pub fn attach(&mut self) -> Result<()> {
        for (name, result) in self.attach_each() {
            result.with_context(|| format!("attaching the BPF program {name}"))?;
        }
        Ok(())
    }

    /// As [`Self::attach`], with the result for each attach point. Those for
    /// 32-bit callers are left out if they are refused: see
    /// [`Self::uncovered`]. If kprobes are refused that the caller has not
    /// asked for, other hooks replace them: see [`Self::refusal`].
    pub fn attach_each(&mut self) -> Vec<(String, Result<()>)> {
        let mut attached = self.plan.attach(self.skel.object_mut());
        let refusal = attached.results.iter().find_map(|(name, result)| {
            let why = result.as_ref().err()?;
            Some(format!("{name}: {why:#}"))
        });
        if let Some((refusal, plan)) = refusal.zip(self.plan.fallback()) {
            unlink(attached.links);
            self.plan = plan;
            self.refusal = Some(refusal);
            self.globals.set_plan(plan);
            attached = plan.attach(self.skel.object_mut());
        }
        self.links = attached.links;
        self.unseen = (self.arrangements).attach(self.skel.object_mut(), &mut self.links);
        self.coverage = attached.coverage;
        self.globals.set_exits_probed(self.coverage.exits_probed());
        self.globals.set_canary(self.canary());
        self.globals.prepare();
        attached.results
    }

    /// Switches tracing on.
    pub fn start(&mut self) {
        self.globals.start();
    }

    /// What another way to hook the system calls is called on this kernel, and
    /// what is not seen in full with it.
    ///
    /// # Errors
    /// When this kernel does not support it.
    pub fn alternative(attach: Attach) -> Result<(&'static str, Vec<&'static str>)> {
        let coverage = Plan::new(attach)?.coverage(true);
        let mut uncovered = coverage.uncovered();
        if coverage.is_witness_alone() {
            uncovered.push(UNSEEN);
        }
        Ok((coverage.name(), uncovered))
    }

    /// Why less is attached than would have been best.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// How the system calls are hooked.
    pub const fn attach_name(&self) -> &'static str {
        self.coverage.name()
    }

    /// What is not seen in full.
    pub fn uncovered(&self) -> Vec<&'static str> {
        let mut uncovered = self.coverage.uncovered();
        uncovered.extend(self.unseen);
        uncovered
    }

    /// The kernel may skip exit probes: see
    /// [`Counters::probe_skipped`](Counters).
    pub const fn is_skippable(&self) -> bool {
        self.coverage.is_skippable()
    }

    /// The signal to itself by which this process sees that calls are seen: none
    /// stands for signal 0. The witness alone sees none but real ones; this one
    /// is ignored.
    pub const fn canary(&self) -> Option<Signal> {
        match self.coverage.is_witness_alone() {
            true => Some(Signal::URG),
            false => None,
        }
    }

    /// Ends tracing. Calls that were entered are still completed: new ones are
    /// kept out at once, while detaching takes its time.
    pub fn detach(&mut self) {
        self.globals.drain();
        // Later, the links cannot be asked any more.
        self.read_skips();
        unlink(std::mem::take(&mut self.links));
    }

    /// Puts other filters in force, in one store: no call sees half of them.
    ///
    /// # Errors
    /// When a set has more members than the kernel's map takes.
    pub fn set_filters(&mut self, filters: &Filters) -> Result<()> {
        let bank = self.globals.spare_bank();
        filter_sets::replace(&self.skel.maps.filter_sets, bank, filters)?;
        self.globals.switch_filters(bank, filters);
        Ok(())
    }

    /// Lets this process's [canaries](Self::canary) through, whatever the
    /// filters: they are counted as [`Batch::canaries`]. `pid` is its number in the
    /// initial pid namespace.
    pub fn expect_canaries(&mut self, pid: u32) {
        self.globals.set_own_pid(pid);
    }

    /// Each becomes readable when a ring is a quarter full.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.fds()
    }

    /// Reads all rings. Gives forks, execs and ends, and then all else.
    ///
    /// # Errors
    /// When libbpf cannot read them.
    pub fn drain(&mut self) -> Result<(&Batch, &Batch)> {
        self.rings.drain()
    }

    /// Forks, execs and ends that did not come, as far as that is known.
    pub fn lifecycle_gaps(&self) -> u64 {
        self.rings.lifecycle.sequences().gaps()
    }

    /// Records that came through the rings, of all kinds.
    pub fn received(&self) -> u64 {
        self.rings.signals.sequences().received()
    }

    /// Records that a CPU tried to send and that did not come, up to the last
    /// that did.
    pub fn gaps(&self) -> u64 {
        self.rings.signals.sequences().gaps()
    }

    /// The most bytes that a drain ever found in one ring.
    pub fn ring_bytes_max(&self) -> u64 {
        self.rings.signals.sequences().ring_bytes_max()
    }

    /// Makes the rings again if a CPU has gone off line or come on line. To be
    /// called now and then, after a drain: what the old rings hold is lost.
    ///
    /// # Errors
    /// When the new rings are refused; the next call tries again.
    pub fn follow_cpus(&mut self) -> Result<()> {
        self.rings.follow_cpus(&self.skel.maps, &self.globals)
    }

    /// The end of this process is to be told at once, whatever leads to it.
    pub fn expect_end(&mut self, pid: u32) {
        self.globals.expect_end(pid);
    }

    /// What the CPUs counted. `probe_skipped` is as of the last
    /// [`Self::read_skips`].
    pub fn counters(&self) -> Counters {
        counters::sum(&self.globals, self.skips)
    }

    /// Asks the kernel how many exits no program saw because it skipped them:
    /// a few system calls, so about once a second is enough.
    pub fn read_skips(&mut self) {
        let missed = match self.coverage.has_kretprobes_alone() {
            true => counters::missed_by_kretprobes(&self.links),
            false => 0,
        };
        let skips = counters::skipped(self.skel.object(), &self.globals, missed);
        self.skips = self.skips.max(skips);
    }

    /// The inode of process 1's mount namespace; 0 before the first record.
    pub fn host_mnt_ns(&self) -> u32 {
        self.globals.host_mnt_ns()
    }

    /// Makes the programs send every cgroup once more.
    pub fn resend(&mut self) {
        self.globals.raise_epoch();
    }
}

/// Detaches programs. The kernel waits some 70 ms for the last run of each:
/// together, not one after the other.
fn unlink(links: Vec<Link>) {
    thread::scope(|scope| {
        for link in links {
            // Where no thread can be had, this drops the link itself.
            let _ = thread::Builder::new().spawn_scoped(scope, move || drop(link));
        }
    });
}
