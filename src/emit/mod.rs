//! Records -> lines -> sink. Numbers the lines, and keeps the books of what
//! the sink refused.

mod fit;
mod pieces;
mod pretty;
mod usage;

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::value::RawValue;

use self::{
    fit::{fitting, push_fitting, recipient_json, room},
    pieces::Pieces,
    pretty::Pretty,
};
use crate::{
    clock::{Clock, Timestamp, boottime_ns, monotonic_ns},
    config::{Config, Format, filters_shown},
    event::{Call, Recipient},
    identity::{Names, Registry, Users},
    loss::{Losses, Reason, Unsaid},
    names::errno_name,
    record::{
        Gauges, Head, LINE_MAX, Limits, Lost, Recipients, Sides, Signal, Status, Told, push_line,
    },
    select::{Places, wants_undecided},
    sink::{Closed, Patience, Refused, Sink, SinkGone},
    trace::{Args, Filters, preflight},
};

/// Bytes that a queue must have free before lines flow again after it refused
/// one: half of it would be fair to a reader that caught up, and is more than
/// the lost lines need.
const fn enough_room(queue_bytes: usize) -> usize {
    queue_bytes / 2
}

/// Bytes of lines after which the output is offered some within a batch.
const PUMP_AT: usize = 256 << 10;

/// A text that leaves room for the rest of its line, whatever is in it.
fn shortened(text: &str) -> String {
    const MOST: usize = 600;
    let mut short = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if short.len() + c.len_utf8() > MOST {
            short.push_str("...");
            break;
        }
        short.push(c);
    }
    short
}

/// Makes lines and hands them to the sink.
pub struct Emitter {
    sink: Sink,
    queue_bytes: usize,
    clock: Clock,
    /// What numbers stand for.
    pub registry: Registry,
    filters: Filters,
    places: Places,
    own_pid: u32,
    format: Format,
    hostname: String,
    kernel: String,
    line: Vec<u8>,
    pieces: Pieces,
    /// Bytes of lines since the output was offered some.
    unpumped: usize,
    seq: u64,
    events: u64,
    late: u64,
    /// Why the sink refused a line; until there is room and the loss was said.
    choked: Option<Reason>,
    /// The time of the line before, for lines about the stream itself.
    last_ns: u64,
    /// How the system calls are hooked, and what is not seen in full that way.
    pub hooks: Option<(&'static str, Vec<&'static str>)>,
    /// What was lost so far.
    pub losses: Losses,
    /// The poller's own calls that came back.
    pub canaries: u64,
    /// The most that a reading found in one ring.
    pub ring_bytes_max: u64,
    /// The longest time between two readings.
    pub gap_ns_max: u64,
    ring_bytes: usize,
    filters_shown: String,
}

impl Emitter {
    /// An emitter into a sink with a queue of `queue_bytes`.
    pub fn new(sink: Sink, queue_bytes: usize, config: &Config, users: Users) -> Self {
        let name = rustix::system::uname();
        Self {
            sink,
            queue_bytes,
            clock: Clock::new(),
            registry: Registry::new(users, config.trace.args == Args::Full),
            filters: config.trace.filters.clone(),
            places: config.places.clone(),
            own_pid: std::process::id(),
            format: config.format,
            hostname: name.nodename().to_string_lossy().into_owned(),
            kernel: preflight::release(),
            line: Vec::with_capacity(4096),
            pieces: Pieces::default(),
            unpumped: 0,
            seq: 0,
            events: 0,
            late: 0,
            choked: None,
            last_ns: 0,
            hooks: None,
            losses: Losses::default(),
            canaries: 0,
            ring_bytes_max: 0,
            gap_ns_max: 0,
            ring_bytes: config.trace.ring_bytes,
            filters_shown: shortened(&filters_shown(config)),
        }
    }

    /// Applies other filters from now on.
    pub fn set_filters(&mut self, config: &Config) {
        self.filters = config.trace.filters.clone();
        self.places = config.places.clone();
        self.filters_shown = shortened(&filters_shown(config));
    }

    /// Where the lines go.
    pub fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    /// Whether the queue takes lines again that must not be refused.
    pub fn has_room(&self) -> bool {
        self.sink.room() >= enough_room(self.queue_bytes)
    }

    /// Signal lines so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Before each batch: the wall clock may have been set, and names may have
    /// been learned since.
    pub fn start_batch(&mut self) {
        self.clock.sync();
        self.pieces.forget();
    }

    /// Makes a call's line, or enters the call into the books as lost.
    /// `group` is whom a call to a group reached. A call whose names a filter
    /// does not want is passed over.
    ///
    /// # Errors
    /// None that can occur: see [`push_line`].
    pub fn signal(&mut self, call: &Call, group: &[Recipient], late: bool) -> Result<()> {
        if let Some(reason) = self.choked {
            self.unchoke()?;
            if self.choked.is_some() {
                self.losses.add(reason, 1, call.time_ns);
                return Ok(());
            }
        }
        let sender = self.registry.sender(&call.sender);
        let looked_up = match call.recipient {
            None if !call.scope().is_group() => {
                let age_ns = monotonic_ns().saturating_sub(call.time_ns);
                let boottime_ns = boottime_ns().saturating_sub(age_ns);
                self.registry.look_up(call, boottime_ns)
            }
            known => known,
        };
        let target = looked_up
            .as_ref()
            .map(|recipient| (recipient, self.registry.target(&recipient.process)));
        let group: Vec<(&Recipient, Names)> = (group.iter())
            .map(|recipient| (recipient, self.registry.target(&recipient.process)))
            .collect();
        let wanted = self.places.wants_sender(&sender)
            && (self.places).wants_targets(target.iter().chain(&group).map(|(_, names)| names))
            && (!call.undecided
                || wants_undecided(
                    &self.filters,
                    call,
                    looked_up.as_ref().map(|found| &found.process),
                ));
        if !wanted {
            return Ok(());
        }

        let timestamp = if late {
            self.clock.late_timestamp(call.time_ns)
        } else {
            self.last_ns = call.time_ns;
            self.clock.timestamp(call.time_ns)
        };
        let head = Head {
            timestamp,
            seq: self.seq + 1,
            hostname: &self.hostname,
        };
        let told = Told {
            call,
            late,
            sender: &sender,
            target: target
                .as_ref()
                .map(|(recipient, names)| (*recipient, names)),
            users: &self.registry.users,
            clock: &self.clock,
            own_pid: self.own_pid,
        };
        let group = group
            .iter()
            .map(|(recipient, names)| recipient_json(told, recipient, names))
            .collect::<Result<Vec<_>>>()?;
        let mut rest = &group[..];
        match self.format {
            Format::Json => {
                let room = push_fitting(&mut self.line, &mut self.pieces, head, told, &[])?;
                if !rest.is_empty() {
                    let (here, later) = rest.split_at(fitting(rest, room));
                    push_fitting(&mut self.line, &mut self.pieces, head, told, here)?;
                    rest = later;
                }
            }
            Format::Pretty { colour } => {
                let sides = Sides::new(told, Limits::STEPS[1]);
                let record = Signal::new(head, told, sides, &[]);
                self.line.clear();
                Pretty { colour }.signal(&mut self.line, &record)?;
                rest = &[];
            }
        }
        match self.push() {
            Ok(()) => {
                self.events += 1;
                self.late += u64::from(late);
                self.more_recipients(timestamp, rest)?;
            }
            Err(reason) => {
                self.choked = Some(reason);
                self.losses.add(reason, 1, call.time_ns);
            }
        }
        Ok(())
    }

    /// What a call's line had no room for. Refused lines are not counted as
    /// lost calls: the call's line says how many recipients there were.
    fn more_recipients(&mut self, timestamp: Timestamp, mut rest: &[Box<RawValue>]) -> Result<()> {
        let call_seq = self.seq;
        while !rest.is_empty() {
            let mut record = Recipients {
                timestamp,
                r#type: "recipients",
                seq: self.seq + 1,
                hostname: &self.hostname,
                call_seq,
                recipients: &[],
            };
            self.line.clear();
            push_line(&mut self.line, &record)?;
            let (here, later) = rest.split_at(fitting(rest, room(&self.line)).max(1));
            record.recipients = here;
            self.line.clear();
            push_line(&mut self.line, &record)?;
            rest = later;
            if self.push().is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Tells the stream of all losses that it does not know of yet, as found
    /// at `now_ns`.
    ///
    /// # Errors
    /// None that can occur: see [`push_line`].
    pub fn say_losses(&mut self, now_ns: u64) -> Result<()> {
        self.last_ns = self.last_ns.max(now_ns);
        for unsaid in self.losses.unsaid() {
            if !self.lost(unsaid)? {
                break;
            }
            self.losses.mark_said(unsaid);
        }
        Ok(())
    }

    fn unchoke(&mut self) -> Result<()> {
        if self.has_room() {
            self.choked = None;
            self.say_losses(self.last_ns)?;
        }
        Ok(())
    }

    fn lost(&mut self, unsaid: Unsaid) -> Result<bool> {
        let head = Head {
            timestamp: self.clock.timestamp(self.last_ns),
            seq: self.seq + 1,
            hostname: &self.hostname,
        };
        let since = self.clock.late_timestamp(unsaid.since_ns);
        let record = Lost::new(head, unsaid, since);
        self.line.clear();
        match self.format {
            Format::Json => push_line(&mut self.line, &record)?,
            Format::Pretty { colour } => Pretty { colour }.lost(&mut self.line, &record)?,
        }
        Ok(self.push().is_ok())
    }

    /// Signals that became lines, calls that were lost, and the rest.
    pub fn gauges(&self) -> Gauges {
        let stats = self.sink.stats();
        let errors = stats.errors.iter().map(|&(errno, count)| {
            let name = errno_name(errno.into()).to_string();
            (name, count)
        });
        Gauges {
            lines_written: stats.lines_written,
            bytes_written: stats.bytes_written,
            queue_bytes: stats.queued_bytes as u64,
            queue_bytes_max: stats.queued_bytes_max as u64,
            ring_bytes: self.ring_bytes as u64,
            ring_bytes_max: self.ring_bytes_max,
            gap_ms_max: self.gap_ns_max / 1_000_000,
            sink_errors: errors.collect(),
            rotations: stats.rotations,
            torn_tails_repaired: stats.torn_tails_repaired,
            canaries: self.canaries,
            images_cached: self.registry.images_cached() as u64,
            cgroups_cached: self.registry.cgroups_cached() as u64,
            cpu_ms: usage::cpu_ms(),
            rss_kib: usage::rss_kib(),
        }
    }

    /// Says where the run stands, at `now_ns`, and why. A status that the sink refuses
    /// is not missed: the next one has the same totals and newer ones.
    ///
    /// # Errors
    /// None that can occur: see [`push_line`].
    pub fn status(&mut self, state: &'static str, reason: Option<&str>, now_ns: u64) -> Result<()> {
        let gauges = self.gauges();
        let reason = reason.map(shortened);
        self.last_ns = self.last_ns.max(now_ns);
        let lost_by_reason: BTreeMap<_, _> = (Reason::ALL.into_iter())
            .map(|reason| (reason.name(), self.losses.total_of(reason)))
            .filter(|&(_, count)| count > 0)
            .collect();
        let hooks = (self.hooks.as_ref()).filter(|_| state == "started");
        let record = Status {
            timestamp: self.clock.timestamp(self.last_ns),
            r#type: "status",
            seq: self.seq + 1,
            hostname: &self.hostname,
            state,
            reason: reason.as_deref(),
            version: env!("CARGO_PKG_VERSION"),
            kernel: &self.kernel,
            attach: hooks.map(|(attach, _)| *attach),
            uncovered: hooks.map_or(&[], |(_, uncovered)| uncovered),
            events: self.events,
            lost: self.losses.total(),
            lost_by_reason,
            late: self.late,
            gauges: &gauges,
            filters: &self.filters_shown,
        };
        self.line.clear();
        match self.format {
            Format::Json => push_line(&mut self.line, &record)?,
            Format::Pretty { colour } => Pretty { colour }.status(&mut self.line, &record)?,
        }
        // Refused: nothing is lost with it.
        let _ = self.push();
        Ok(())
    }

    fn push(&mut self) -> Result<(), Reason> {
        // A turn can bring more than the queue holds, to an output that would
        // take it; and what it takes at once need not be kept in memory. If
        // that is gone, the next pump says so again.
        if self.unpumped >= PUMP_AT || self.sink.room() < LINE_MAX {
            self.unpumped = 0;
            let _ = self.pump();
        }
        match self.sink.push(&self.line) {
            Ok(()) => {
                self.unpumped += self.line.len();
                self.seq += 1;
                Ok(())
            }
            Err(Refused::Full) => Err(Reason::SinkFull),
            Err(Refused::Failing(_)) => Err(Reason::SinkError),
            Err(Refused::Malformed) => Err(Reason::Malformed),
        }
    }

    /// Writes what the output takes now.
    ///
    /// # Errors
    /// When nothing can be written to it any more.
    pub fn pump(&mut self) -> Result<(), SinkGone> {
        self.sink.pump(std::time::Instant::now())
    }

    /// Writes the rest.
    pub fn close(self, patience: Patience) -> Closed {
        self.sink.close(patience)
    }
}
