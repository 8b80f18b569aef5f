//! Calls, other signals and exits that have no line: how many, why, and how many of them
//! the stream has reported.

/// What has no line. Each has books of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Calls.
    Calls,
    /// Signals that no call sent.
    Signals,
    /// Exits: ends of processes that have to do with a signal.
    Exits,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Calls, Self::Signals, Self::Exits];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Signals => "signals",
            Self::Exits => "exits",
        }
    }
}

/// Why a call or signal has no line.
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

/// An entry in the books: what is missing, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub what: What,
    /// Why.
    pub reason: Reason,
}

impl Entry {
    /// The entry of what is missing for a reason.
    pub const fn new(what: What, reason: Reason) -> Self {
        Self { what, reason }
    }

    /// All of them, in the order of their accounts.
    pub fn all() -> impl Iterator<Item = Self> {
        (What::ALL.into_iter()).flat_map(|what| Reason::ALL.map(|reason| Self::new(what, reason)))
    }

    const fn index(self) -> usize {
        self.what as usize * Reason::ALL.len() + self.reason as usize
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
    /// Signals that no call sent, lost: their CPU's ring was full.
    pub signals_full: u64,
    /// As those, lost: their CPU had no ring.
    pub signals_absent: u64,
    /// As those, lost: the ring refused them for another reason.
    pub signals_error: u64,
    /// Signals that an interrupt made and that no program saw because the kernel
    /// skipped it. How many of them were wanted is not known.
    pub signals_skipped: u64,
    /// Exits lost: their CPU's ring was full.
    pub exits_full: u64,
    /// Exits lost: their CPU had no ring.
    pub exits_absent: u64,
    /// Exits lost: the ring refused them for another reason.
    pub exits_error: u64,
    /// Ends of threads that the kernel skipped. How many of them were wanted exits is
    /// not known.
    pub exits_skipped: u64,
    /// Other records that the rings refused: a recipient of a group, which the
    /// line of its call counts, or an image or cgroup, which is sent again.
    pub other_refused: u64,
}

impl Counters {
    /// Records that the rings refused.
    pub const fn refused(&self) -> u64 {
        self.ring_full
            + self.ring_absent
            + self.ring_error
            + self.signals_full
            + self.signals_absent
            + self.signals_error
            + self.exits_full
            + self.exits_absent
            + self.exits_error
            + self.other_refused
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
    /// What, and why.
    pub entry: Entry,
    /// How many.
    pub count: u64,
    /// The first of these losses happened after this time (`CLOCK_MONOTONIC`).
    pub since_ns: u64,
}

/// The accounts: each loss is entered, and reported in the stream once.
#[derive(Debug, Default)]
pub struct Losses {
    accounts: [Account; What::ALL.len() * Reason::ALL.len()],
}

impl Losses {
    /// Enters `count` more, lost at some time after `since_ns`.
    pub fn add(&mut self, entry: Entry, count: u64, since_ns: u64) {
        if count == 0 {
            return;
        }
        if let Some(account) = self.accounts.get_mut(entry.index()) {
            if account.reported == account.total {
                account.since_ns = since_ns;
            }
            account.total += count;
        }
    }

    /// Enters by how much a counter has grown since the last time.
    pub fn raise_to(&mut self, entry: Entry, total: u64, since_ns: u64) {
        let known = self.total_of(entry);
        self.add(entry, total.saturating_sub(known), since_ns);
    }

    /// How many of this kind were lost for this reason.
    pub fn total_of(&self, entry: Entry) -> u64 {
        self.accounts
            .get(entry.index())
            .map_or(0, |account| account.total)
    }

    /// How many were lost for this reason, of all kinds.
    pub fn total_for(&self, reason: Reason) -> u64 {
        (What::ALL.iter())
            .map(|&what| self.total_of(Entry::new(what, reason)))
            .sum()
    }

    /// How many were lost, of all kinds.
    pub fn total(&self) -> u64 {
        self.accounts.iter().map(|account| account.total).sum()
    }

    /// The losses that the stream has not reported yet.
    pub fn unreported(&self) -> impl Iterator<Item = Unreported> + use<> {
        let accounts = self.accounts;
        Entry::all()
            .zip(accounts)
            .filter(|(_, account)| account.total > account.reported)
            .map(|(entry, account)| Unreported {
                entry,
                count: account.total - account.reported,
                since_ns: account.since_ns,
            })
    }

    /// Notes that the stream has reported these losses.
    pub fn mark_reported(&mut self, unreported: Unreported) {
        if let Some(account) = self.accounts.get_mut(unreported.entry.index()) {
            account.reported += unreported.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINK_FULL: Entry = Entry::new(What::Calls, Reason::SinkFull);
    const RING_FULL: Entry = Entry::new(What::Signals, Reason::RingFull);

    #[test]
    fn entries_index_their_accounts() {
        for (index, entry) in Entry::all().enumerate() {
            assert_eq!(entry.index(), index);
        }
        assert_eq!(Entry::all().count(), Losses::default().accounts.len());
    }

    #[test]
    fn a_loss_is_reported_once_with_the_time_of_its_first() {
        let mut losses = Losses::default();
        losses.add(SINK_FULL, 2, 100);
        losses.add(SINK_FULL, 3, 200);
        let unreported: Vec<_> = losses.unreported().collect();
        assert_eq!(
            unreported,
            [Unreported {
                entry: SINK_FULL,
                count: 5,
                since_ns: 100
            }]
        );
        losses.mark_reported(unreported[0]);
        assert_eq!(losses.unreported().count(), 0);
        losses.add(SINK_FULL, 1, 300);
        assert_eq!(losses.unreported().next().unwrap().since_ns, 300);
        assert_eq!(losses.total(), 6);
    }

    #[test]
    fn a_counter_enters_only_what_is_new() {
        let mut losses = Losses::default();
        losses.raise_to(RING_FULL, 7, 1);
        losses.raise_to(RING_FULL, 7, 2);
        losses.raise_to(RING_FULL, 9, 3);
        assert_eq!(losses.total_of(RING_FULL), 9);
        assert_eq!(
            losses.total_of(Entry::new(What::Calls, Reason::RingFull)),
            0
        );
        assert_eq!(losses.total_for(Reason::RingFull), 9);
        assert_eq!(losses.unreported().next().unwrap().count, 9);
    }
}
