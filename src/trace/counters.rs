//! Reads what the kernel side counted.

use std::os::fd::AsFd;

use libbpf_rs::{
    Link, Object,
    query::{LinkTypeInfo, PerfEventType},
};

use super::{globals::Globals, raw::recursion_misses};
use crate::loss::Counters;

/// What the kernel skipped, as far as it is not made up for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Skips {
    /// Calls whose exits no program saw.
    calls: u64,
    /// Signals of interrupts that no program saw.
    signals: u64,
    /// Ends of threads that no program saw.
    exits: u64,
}

impl Skips {
    /// The larger numbers of two readings: one may be a little behind.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            calls: self.calls.max(other.calls),
            signals: self.signals.max(other.signals),
            exits: self.exits.max(other.exits),
        }
    }
}

/// Adds up what the CPUs counted. `skips` comes from [`skipped`].
pub(super) fn sum(globals: &Globals<'_>, skips: Skips) -> Counters {
    let mut sum = Counters {
        probe_skipped: skips.calls,
        signals_skipped: skips.signals,
        exits_skipped: skips.exits,
        ..Counters::default()
    };
    for cpu in globals.counters() {
        sum.tried += cpu.cpu_seq;
        sum.ring_full += cpu.ring_full;
        sum.ring_absent += cpu.ring_absent;
        sum.ring_error += cpu.ring_error;
        sum.entry_missing += cpu.entry_missing;
        sum.inflight_full += cpu.inflight_full;
        sum.signals_full += cpu.signals_full;
        sum.signals_absent += cpu.signals_absent;
        sum.signals_error += cpu.signals_error;
        sum.exits_full += cpu.exits_full;
        sum.exits_absent += cpu.exits_absent;
        sum.exits_error += cpu.exits_error;
        sum.other_refused += cpu.other_refused;
    }
    sum
}

/// Exits that kretprobes have missed: of a function, only so many threads can be
/// watched at a time. Kernels tell from 6.7 on.
pub(super) fn missed_by_kretprobes(links: &[Link]) -> u64 {
    (links.iter())
        .filter_map(|link| match link.info().ok()?.info {
            LinkTypeInfo::PerfEvent(event) => Some(event.event_type),
            _ => None,
        })
        .map(|event| match event {
            PerfEventType::Kprobe {
                is_retprobe: true,
                missed,
                ..
            } => missed,
            _ => 0,
        })
        .sum()
}

/// Asks the kernel what no program saw because it was skipped. A skipped entry
/// loses nothing, because the exit sends the call. `missed` are exits that no
/// program was started for.
pub(super) fn skipped(object: &Object, globals: &Globals<'_>, missed: u64) -> Skips {
    let skips = |wanted: &str| -> u64 {
        (object.progs())
            .filter(|program| program.name() == wanted && program.autoload())
            .filter_map(|program| recursion_misses(program.as_fd()).ok())
            .sum()
    };
    // With kprobes, two programs watch each exit, and only what both missed is
    // lost. Skips are read before sightings: a call that returns in between is
    // then taken as seen, and never as lost.
    let (exits, kprobe_exits) = (
        skips("syscall_exit") + skips("raw_exit"),
        skips("kprobe_exit"),
    );
    let (mut seen_twice, mut kprobe_missed) = (0, 0);
    for cpu in globals.counters() {
        seen_twice += cpu.exits_seen_twice;
        kprobe_missed += cpu.kprobe_missed;
    }
    let nested: u64 = (globals.counters()).map(|cpu| cpu.nested).sum();
    let seen_by_kprobe: u64 = (globals.counters()).map(|cpu| cpu.kprobe_exits).sum();

    let seen_by_kprobe_only = seen_by_kprobe.saturating_sub(seen_twice);
    // What the first of the two programs at a signal missed, the second has taken.
    Skips {
        calls: missed
            + exits.saturating_sub(seen_by_kprobe_only)
            + kprobe_exits.saturating_sub(kprobe_missed),
        signals: skips("signal_interrupt").saturating_sub(nested),
        exits: skips("thread_death") + skips("kprobe_death"),
    }
}
