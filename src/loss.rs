//! Calls that have no line: how many, why, and how many of them the stream has
//! reported.

/// Why a call has no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its CPU's ring was full.
    RingFull,
    /// Its CPU had no ring.
    RingAbsent,
    /// Its CPU's ring refused it for another reason.
    RingError,
    /// Its entry was not seen and its arguments could not be recovered.
    EntryMissing,
    /// The kernel skipped an exit probe.
    ProbeSkipped,
    /// Its record could not be decoded.
    Malformed,
    /// A gap in a CPU's sequence numbers that no counter explains.
    Unexplained,
    /// The output took lines too slowly and the queue was full.
    SinkFull,
    /// Writing failed and the queue was full.
    SinkError,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RingFull,
        Self::RingAbsent,
        Self::RingError,
        Self::EntryMissing,
        Self::ProbeSkipped,
        Self::Malformed,
        Self::Unexplained,
        Self::SinkFull,
        Self::SinkError,
    ];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::RingAbsent => "ring_absent",
            Self::RingError => "ring_error",
            Self::EntryMissing => "entry_missing",
            Self::ProbeSkipped => "probe_skipped",
            Self::Malformed => "malformed",
            Self::Unexplained => "unexplained",
            Self::SinkFull => "sink_full",
            Self::SinkError => "sink_error",
        }
    }
}

/// What the kernel side counted since it was loaded: how much was tried, and
/// what did not arrive, cause by cause.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Records that the exit probes tried to send.
    pub tried: u64,
    /// Calls lost: their CPU's ring was full.
    pub ring_full: u64,
    /// Calls lost: their CPU had no ring, because it had just come on line.
    pub ring_absent: u64,
    /// Calls lost: the ring refused them for another reason.
    pub ring_error: u64,
    /// Calls lost: the entry was not seen, and the arguments could not be read
    /// at the exit.
    pub entry_missing: u64,
    /// Calls lost: the kernel skipped an exit probe. With `--attach raw` it may
    /// have been the exit of another system call.
    pub probe_skipped: u64,
    /// Entries that found no slot. Their exits still send the calls.
    pub inflight_full: u64,
    /// Other records that the rings refused: a recipient of a group, which the
    /// line of its call counts, or an image or cgroup, which is sent again.
    pub other_refused: u64,
}

impl Counters {
    /// Records that the rings refused.
    pub const fn refused(&self) -> u64 {
        self.ring_full + self.ring_absent + self.ring_error + self.other_refused
    }
}

/// Losses of one reason.
#[derive(Debug, Default, Clone, Copy)]
struct Account {
    total: u64,
    reported: u64,
    since_ns: u64,
}

/// Losses that the stream has not reported yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreported {
    /// Why.
    pub reason: Reason,
    /// Calls.
    pub count: u64,
    /// The first of these losses happened after this time (`CLOCK_MONOTONIC`).
    pub since_ns: u64,
}

/// The accounts: each loss is entered, and reported in the stream once.
#[derive(Debug, Default)]
pub struct Losses {
    accounts: [Account; Reason::ALL.len()],
}

impl Losses {
    /// Enters `count` more calls, lost at some time after `since_ns`.
    pub fn add(&mut self, reason: Reason, count: u64, since_ns: u64) {
        if count == 0 {
            return;
        }
        if let Some(account) = self.accounts.get_mut(reason as usize) {
            if account.reported == account.total {
                account.since_ns = since_ns;
            }
            account.total += count;
        }
    }

    /// Enters by how much a counter has grown since the last time.
    pub fn raise_to(&mut self, reason: Reason, total: u64, since_ns: u64) {
        let known = self.total_of(reason);
        self.add(reason, total.saturating_sub(known), since_ns);
    }

    /// Calls lost for a reason.
    pub fn total_of(&self, reason: Reason) -> u64 {
        self.accounts
            .get(reason as usize)
            .map_or(0, |account| account.total)
    }

    /// Calls lost.
    pub fn total(&self) -> u64 {
        self.accounts.iter().map(|account| account.total).sum()
    }

    /// The losses that the stream has not reported yet.
    pub fn unreported(&self) -> impl Iterator<Item = Unreported> + use<> {
        let accounts = self.accounts;
        Reason::ALL
            .into_iter()
            .zip(accounts)
            .filter(|(_, account)| account.total > account.reported)
            .map(|(reason, account)| Unreported {
                reason,
                count: account.total - account.reported,
                since_ns: account.since_ns,
            })
    }

    /// Notes that the stream has reported these losses.
    pub fn mark_reported(&mut self, unreported: Unreported) {
        if let Some(account) = self.accounts.get_mut(unreported.reason as usize) {
            account.reported += unreported.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_index_their_accounts() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn a_loss_is_reported_once_with_the_time_of_its_first() {
        let mut losses = Losses::default();
        losses.add(Reason::SinkFull, 2, 100);
        losses.add(Reason::SinkFull, 3, 200);
        let unreported: Vec<_> = losses.unreported().collect();
        assert_eq!(
            unreported,
            [Unreported {
                reason: Reason::SinkFull,
                count: 5,
                since_ns: 100
            }]
        );
        losses.mark_reported(unreported[0]);
        assert_eq!(losses.unreported().count(), 0);
        losses.add(Reason::SinkFull, 1, 300);
        assert_eq!(losses.unreported().next().unwrap().since_ns, 300);
        assert_eq!(losses.total(), 6);
    }

    #[test]
    fn a_counter_enters_only_what_is_new() {
        let mut losses = Losses::default();
        losses.raise_to(Reason::RingFull, 7, 1);
        losses.raise_to(Reason::RingFull, 7, 2);
        losses.raise_to(Reason::RingFull, 9, 3);
        assert_eq!(losses.total_of(Reason::RingFull), 9);
        assert_eq!(losses.unreported().next().unwrap().count, 9);
    }
}
