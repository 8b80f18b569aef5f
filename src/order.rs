//! Per-CPU streams -> one stream in the order of time; gaps in a CPU's
//! sequence numbers -> loss.
//!
//! Each CPU's records arrive in order, but one CPU's ring is read before
//! another's. So records are held until all rings were read after a mark, and
//! those older than the mark less [`SLACK_NS`] are released.

use crate::event::Call;

/// How long a record may take from its timestamp into its ring.
pub const SLACK_NS: u64 = 10_000_000;

/// Holds records back until their order is certain.
#[derive(Debug, Default)]
pub struct Orderer {
    held: Vec<Call>,
    /// (time, place in `held`): smaller to sort than the records.
    keys: Vec<(u64, u32)>,
    spare: Vec<Call>,
    released_ns: u64,
    late: u64,
    streams: Vec<Stream>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Stream {
    last_seq: u64,
    received: u64,
}

impl Orderer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a record, in the order of its CPU's ring.
    pub fn push(&mut self, call: Call) {
        let cpu = call.cpu as usize;
        if cpu >= self.streams.len() {
            self.streams.resize(cpu + 1, Stream::default());
        }
        if let Some(stream) = self.streams.get_mut(cpu) {
            stream.last_seq = stream.last_seq.max(call.cpu_seq);
            stream.received += 1;
        }
        self.held.push(call);
    }

    /// Hands out, oldest first, all records up to `horizon_ns`. One that is
    /// older than what was handed out before is flagged as late.
    pub fn release(&mut self, horizon_ns: u64, mut each: impl FnMut(&Call, bool)) {
        self.keys.clear();
        self.keys.extend(
            self.held
                .iter()
                .zip(0_u32..)
                .map(|(call, place)| (call.time_ns, place)),
        );
        // Places break ties, so one CPU's equal times stay in its order.
        self.keys.sort_unstable();
        let ready = self.keys.partition_point(|&(time, _)| time <= horizon_ns);
        for &(time_ns, place) in &self.keys[..ready] {
            let late = time_ns < self.released_ns;
            if late {
                self.late += 1;
            } else {
                self.released_ns = time_ns;
            }
            each(&self.held[place as usize], late);
        }
        self.spare.clear();
        self.spare.extend(
            self.keys[ready..]
                .iter()
                .map(|&(_, place)| self.held[place as usize]),
        );
        std::mem::swap(&mut self.held, &mut self.spare);
        // Lines made between two releases stand at the horizon.
        self.released_ns = self.released_ns.max(horizon_ns);
    }

    /// Records that wait for their release.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Records that came after younger ones had been released.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Records that a CPU sent and that did not come, up to the last that did.
    pub fn gaps(&self) -> u64 {
        self.streams
            .iter()
            .map(|stream| stream.last_seq.saturating_sub(stream.received))
            .sum()
    }

    /// Records received.
    pub fn received(&self) -> u64 {
        self.streams.iter().map(|stream| stream.received).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Process, Syscall};

    fn call(cpu: u32, cpu_seq: u64, time_ns: u64) -> Call {
        Call {
            time_ns,
            cpu,
            cpu_seq,
            syscall: Syscall::Kill,
            entry_missing: false,
            sender: Process {
                pid: 1,
                tid: 1,
                uid: 0,
                gid: 0,
                comm: [0; 16],
            },
            arg: 1,
            arg_tid: 0,
            signal: 0,
            ret: 0,
        }
    }

    fn released(orderer: &mut Orderer, horizon_ns: u64) -> Vec<(u64, bool)> {
        let mut out = Vec::new();
        orderer.release(horizon_ns, |call, late| out.push((call.time_ns, late)));
        out
    }

    #[test]
    fn two_cpus_become_one_stream() {
        let mut orderer = Orderer::new();
        for (cpu, seq, time) in [(0, 1, 10), (0, 2, 30), (1, 1, 20), (1, 2, 40)] {
            orderer.push(call(cpu, seq, time));
        }
        assert_eq!(
            released(&mut orderer, 30),
            [(10, false), (20, false), (30, false)]
        );
        assert_eq!(orderer.held(), 1);
        assert_eq!(released(&mut orderer, 100), [(40, false)]);
        assert_eq!(orderer.late(), 0);
    }

    #[test]
    fn one_that_comes_too_late_is_flagged_and_counted() {
        let mut orderer = Orderer::new();
        orderer.push(call(0, 1, 50));
        assert_eq!(released(&mut orderer, 60), [(50, false)]);
        orderer.push(call(1, 1, 55));
        orderer.push(call(0, 2, 61));
        assert_eq!(released(&mut orderer, 70), [(55, true), (61, false)]);
        assert_eq!(orderer.late(), 1);
    }

    #[test]
    fn a_gap_in_a_sequence_is_a_loss() {
        let mut orderer = Orderer::new();
        orderer.push(call(0, 1, 1));
        orderer.push(call(0, 5, 2));
        orderer.push(call(2, 3, 3));
        assert_eq!(orderer.gaps(), 3 + 2);
        assert_eq!(orderer.received(), 3);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_once_and_in_order(
            times in proptest::collection::vec((0_u32..4, 0_u64..1000), 0..200),
            horizons in proptest::collection::vec(0_u64..1000, 0..5),
        ) {
            let mut orderer = Orderer::new();
            let mut out = Vec::new();
            for (seq, &(cpu, time)) in times.iter().enumerate() {
                orderer.push(call(cpu, seq as u64 + 1, time));
            }
            let mut horizons = horizons;
            horizons.sort_unstable();
            for horizon in horizons.into_iter().chain([u64::MAX]) {
                out.extend(released(&mut orderer, horizon));
            }
            let mut expected: Vec<u64> = times.iter().map(|&(_, time)| time).collect();
            expected.sort_unstable();
            prop_assert_eq!(out.iter().map(|&(time, _)| time).collect::<Vec<_>>(), expected);
            prop_assert!(out.iter().all(|&(_, late)| !late));
        }
    }
}
