//! The sequence numbers of each CPU's records.
//!
//! A CPU numbers each record that it tries to send, from 1. So the last number
//! that came, less the records that came, is what is missing up to there.

use crate::event::RecordNumber;

/// event.h's `MAX_CPUS`: numbers above it are those of interrupts.
pub(super) const MAX_CPUS: usize = 1024;

/// What came from each CPU since the start.
#[derive(Debug)]
pub(super) struct Sequences {
    /// CPUs first, then their interrupts, which count apart.
    cpus: Vec<Cpu>,
    count: usize,
    ring_bytes_max: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cpu {
    /// The highest number that came.
    last: u64,
    received: u64,
    /// Bytes that this drain found in its ring.
    bytes: u64,
}

impl Sequences {
    /// Nothing has come yet. `cpus` is how many CPUs the machine can have.
    pub(super) fn new(cpus: usize) -> Self {
        Self {
            cpus: vec![Cpu::default(); 2 * cpus],
            count: cpus,
            ring_bytes_max: 0,
        }
    }

    /// Counts a record that filled `bytes` of its ring.
    pub(super) fn note(&mut self, number: RecordNumber, bytes: usize) {
        let index = match (number.cpu as usize).checked_sub(MAX_CPUS) {
            Some(interrupts) => self.count + interrupts,
            None => number.cpu as usize,
        };
        if let Some(cpu) = self.cpus.get_mut(index) {
            cpu.last = cpu.last.max(number.seq);
            cpu.received += 1;
            cpu.bytes += bytes as u64;
            self.ring_bytes_max = self.ring_bytes_max.max(cpu.bytes);
        }
    }

    /// To be called before each drain.
    pub(super) fn start_drain(&mut self) {
        self.cpus.iter_mut().for_each(|cpu| cpu.bytes = 0);
    }

    /// The most bytes that a drain ever found in one ring.
    pub(super) const fn ring_bytes_max(&self) -> u64 {
        self.ring_bytes_max
    }

    /// Records that a CPU tried to send and that did not come, up to the last
    /// that did.
    pub(super) fn gaps(&self) -> u64 {
        (self.cpus.iter())
            .map(|cpu| cpu.last.saturating_sub(cpu.received))
            .sum()
    }

    /// Records that came.
    pub(super) fn received(&self) -> u64 {
        self.cpus.iter().map(|cpu| cpu.received).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_a_sequence_is_a_loss() {
        let mut sequences = Sequences::new(3);
        for (cpu, seq) in [(0, 1), (0, 5), (2, 3), (u32::MAX, 9)] {
            sequences.note(RecordNumber { cpu, seq }, 8);
        }
        assert_eq!(sequences.gaps(), 3 + 2);
        assert_eq!(sequences.received(), 3);
        let cpu = MAX_CPUS as u32;
        sequences.note(RecordNumber { cpu, seq: 2 }, 8);
        assert_eq!(sequences.gaps(), 3 + 2 + 1);
        assert_eq!(sequences.received(), 4);
    }

    #[test]
    fn the_fullest_ring_is_that_of_one_drain() {
        let mut sequences = Sequences::new(2);
        for (cpu, seq) in [(0, 1), (1, 1), (1, 2)] {
            sequences.note(RecordNumber { cpu, seq }, 100);
        }
        sequences.start_drain();
        sequences.note(RecordNumber { cpu: 1, seq: 3 }, 100);
        assert_eq!(sequences.ring_bytes_max(), 200);
    }
}
