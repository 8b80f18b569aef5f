//! Per-CPU streams -> one stream in the order of time.
//!
//! Each CPU's records arrive in order, but one CPU's ring is read before
//! another's. So records are held until all rings were read after a mark, and
//! those older than the mark less [`SLACK_NS`] are released.

/// How long a record may take from its timestamp into its ring.
pub const SLACK_NS: u64 = 10_000_000;

/// What has a place in the order.
pub trait Timed: Copy {
    /// When it happened, in nanoseconds of `CLOCK_MONOTONIC`.
    fn time_ns(&self) -> u64;
}

/// Holds records back until their order is certain.
#[derive(Debug)]
pub struct Orderer<T> {
    held: Vec<T>,
    /// (time, index in `held`): smaller to sort than the records.
    keys: Vec<(u64, u32)>,
    released_ns: u64,
}

impl<T: Timed> Orderer<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            held: Vec::new(),
            keys: Vec::new(),
            released_ns: 0,
        }
    }

    /// Takes a record, in the order of its CPU's ring.
    pub fn push(&mut self, record: T) {
        self.held.push(record);
    }

    /// Hands out, oldest first, all records up to `horizon_ns`. One that is
    /// older than what was handed out before is flagged as late.
    pub fn release(&mut self, horizon_ns: u64, mut each: impl FnMut(&T, bool)) {
        self.keys.clear();
        self.keys.extend(
            self.held
                .iter()
                .zip(0_u32..)
                .map(|(record, index)| (record.time_ns(), index)),
        );
        // Indices break ties, so one CPU's equal times stay in its order.
        self.keys.sort_unstable();
        let ready = self.keys.partition_point(|&(time, _)| time <= horizon_ns);
        for &(time_ns, index) in &self.keys[..ready] {
            let late = time_ns < self.released_ns;
            if !late {
                self.released_ns = time_ns;
            }
            each(&self.held[index as usize], late);
        }
        // Those left move towards the front, each over one that has gone or
        // over itself.
        self.keys.drain(..ready);
        self.keys.sort_unstable_by_key(|&(_, index)| index);
        for (to, &(_, index)) in self.keys.iter().enumerate() {
            self.held[to] = self.held[index as usize];
        }
        self.held.truncate(self.keys.len());
        // Lines that we make ourselves between two releases carry the horizon's
        // time, so nothing older may be released after them.
        self.released_ns = self.released_ns.max(horizon_ns);
    }

    /// Records that wait for their release.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Timed for u64 {
        fn time_ns(&self) -> u64 {
            *self
        }
    }

    fn released(orderer: &mut Orderer<u64>, horizon_ns: u64) -> Vec<(u64, bool)> {
        let mut out = Vec::new();
        orderer.release(horizon_ns, |&time_ns, late| out.push((time_ns, late)));
        out
    }

    #[test]
    fn two_cpus_become_one_stream() {
        let mut orderer = Orderer::new();
        for time in [10, 30, 20, 40] {
            orderer.push(time);
        }
        assert_eq!(
            released(&mut orderer, 30),
            [(10, false), (20, false), (30, false)]
        );
        assert_eq!(orderer.held(), 1);
        assert_eq!(released(&mut orderer, 100), [(40, false)]);
    }

    #[test]
    fn one_that_comes_too_late_is_flagged() {
        let mut orderer = Orderer::new();
        orderer.push(50);
        assert_eq!(released(&mut orderer, 60), [(50, false)]);
        orderer.push(55);
        orderer.push(61);
        assert_eq!(released(&mut orderer, 70), [(55, true), (61, false)]);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_once_and_in_order(
            times in proptest::collection::vec(0_u64..1000, 0..200),
            horizons in proptest::collection::vec(0_u64..1000, 0..5),
        ) {
            let mut orderer = Orderer::new();
            let mut out = Vec::new();
            for &time in &times {
                orderer.push(time);
            }
            let mut horizons = horizons;
            horizons.sort_unstable();
            for horizon in horizons.into_iter().chain([u64::MAX]) {
                out.extend(released(&mut orderer, horizon));
            }
            let mut expected = times;
            expected.sort_unstable();
            prop_assert_eq!(out.iter().map(|&(time, _)| time).collect::<Vec<_>>(), expected);
            prop_assert!(out.iter().all(|&(_, late)| !late));
        }
    }
}
