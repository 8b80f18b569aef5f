//! Reads what the kernel side counted.

use std::os::fd::AsFd;

use libbpf_rs::skel::Skel;

use super::{
    Tracer,
    raw::{read_shared, recursion_misses},
};
use crate::loss::Counters;

impl Tracer<'_> {
    /// Adds up what the CPUs counted. `probe_skipped` is as of the last
    /// [`Self::read_skips`].
    pub fn counters(&self) -> Counters {
        let mut sum = Counters {
            probe_skipped: self.probe_skipped,
            ..Counters::default()
        };
        let bss = self.skel.maps.bss_data.iter();
        for cpu in bss.flat_map(|bss| bss.counters.iter().take(self.cpus)) {
            let cpu = read_shared(cpu);
            sum.tried += cpu.cpu_seq;
            sum.ring_full += cpu.ring_full;
            sum.ring_absent += cpu.ring_absent;
            sum.ring_error += cpu.ring_error;
            sum.entry_missing += cpu.entry_missing;
            sum.inflight_full += cpu.inflight_full;
            sum.other_refused += cpu.other_refused;
        }
        sum
    }

    /// Asks the kernel how often it skipped an exit probe. One system call a
    /// program, so about once a second is enough. A skipped entry loses
    /// nothing: its exit tells the call.
    pub fn read_skips(&mut self) {
        let skips = |wanted: &str| -> u64 {
            (self.skel.object().progs())
                .filter(|program| program.name() == wanted && program.autoload())
                .filter_map(|program| recursion_misses(program.as_fd()).ok())
                .sum()
        };
        let exits = skips("syscall_exit") + skips("raw_exit");
        let kprobe_exits = skips("kprobe_exit");
        // With kprobes two programs look out for each exit, and only what both
        // missed is lost. What was skipped is asked before what was seen: a
        // call in between must not count as lost.
        let (mut twice, mut missed) = (0, 0);
        let bss = || self.skel.maps.bss_data.iter();
        let cpus = || bss().flat_map(|bss| bss.counters.iter().take(self.cpus));
        for cpu in cpus().map(read_shared) {
            twice += cpu.exits_seen_twice;
            missed += cpu.kprobe_missed;
        }
        let by_kprobe: u64 = cpus().map(|cpu| read_shared(cpu).kprobe_exits).sum();
        let once = by_kprobe.saturating_sub(twice);
        let lost = exits.saturating_sub(once) + kprobe_exits.saturating_sub(missed);
        self.probe_skipped = self.probe_skipped.max(lost);
    }
}
