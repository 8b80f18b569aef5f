//! Both sets of rings: for signals, and for what becomes of processes, so that a flood
//! of processes takes no room from signals.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Result;

use super::{globals::Globals, ring::Rings, skel::SigtrailMaps};
use crate::event::Batch;

/// The rings of all CPUs.
#[derive(Debug)]
pub(super) struct AllRings {
    pub(super) signals: Rings,
    pub(super) lifecycle: Rings,
}

impl AllRings {
    /// No rings yet. Each ring for signals will have `bytes`; `cpus` is how many CPUs
    /// the machine can have.
    pub(super) fn new(bytes: usize, cpus: usize) -> Self {
        const LEAST: usize = 64 << 10;
        Self {
            signals: Rings::new(bytes, cpus),
            lifecycle: Rings::new((bytes / 8).max(LEAST), cpus),
        }
    }

    /// Makes those that do not fit the CPUs that are on line.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn follow_cpus(
        &mut self,
        maps: &SigtrailMaps<'_>,
        globals: &Globals<'_>,
    ) -> Result<()> {
        self.signals.follow_cpus(maps.events.as_fd(), || {
            (globals.counters())
                .map(|cpu| cpu.ring_absent + cpu.signals_absent)
                .sum()
        })?;
        self.lifecycle.follow_cpus(maps.lifecycle.as_fd(), || {
            globals.counters().map(|cpu| cpu.lifecycle_absent).sum()
        })
    }

    /// Each becomes readable when a ring is a quarter full.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.signals.fd().into_iter().chain(self.lifecycle.fd())
    }

    /// Reads all of them: what became of processes, and signals. The former are read
    /// last, so what was before a signal has been read with it.
    ///
    /// # Errors
    /// When libbpf cannot read a ring.
    pub(super) fn drain(&mut self) -> Result<(&Batch, &Batch)> {
        let signals = self.signals.drain()?;
        Ok((self.lifecycle.drain()?, signals))
    }
}
