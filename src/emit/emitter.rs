//! From a signal to its line, step by step.

use serde_json::value::RawValue;

use super::{
    causes::Causes,
    encode::Encoder,
    fit::{fitting, recipient_json, room},
    format::Format,
    named::NamedSignal,
    outlet::Outlet,
    selection::Selection,
    stamp::Stamp,
    waiting::Waiting,
};
use crate::{
    clock::{Timestamp, boottime_ns},
    config::Config,
    event::{Recipient, Signal},
    identity::Registry,
    loss::{Entry, Losses, Reason, What},
    record::{Context, Head, Machine, Recipients, push_line},
    sink::{Closed, Patience, Sink, SinkGone},
    trace::preflight,
};

/// Makes lines and hands them to the sink.
#[derive(Debug)]
pub struct Emitter {
    pub(super) outlet: Outlet,
    pub(super) stamp: Stamp,
    pub(super) encoder: Encoder,
    pub(super) selection: Selection,
    pub(super) causes: Causes,
    pub(super) waiting: Waiting,
    /// Since when all is seen, in `CLOCK_BOOTTIME`.
    pub(super) since_ns: u64,
    pub(super) losses: Losses,
    /// Why the sink refused a line, until it has room and the loss is reported.
    pub(super) refusal: Option<Reason>,
    pub(super) events: u64,
    pub(super) late: u64,
    own_pid: u32,
    pub(super) kernel: String,
}

impl Emitter {
    /// An emitter into a sink.
    pub fn new(sink: Sink, config: &Config) -> Self {
        let name = rustix::system::uname();
        Self {
            outlet: Outlet::new(sink, config.queue_size.in_memory()),
            stamp: Stamp::new(name.nodename().to_string_lossy().into_owned()),
            encoder: Encoder::new(Format::of(config)),
            selection: Selection::new(config),
            causes: Causes::new(config.asking, config.exit_after.0),
            waiting: Waiting::default(),
            since_ns: boottime_ns(),
            losses: Losses::default(),
            refusal: None,
            events: 0,
            late: 0,
            own_pid: std::process::id(),
            kernel: preflight::release(),
        }
    }

    /// Applies other filters from now on.
    pub fn set_filters(&mut self, config: &Config) {
        self.selection = Selection::new(config);
        self.causes.set(config.asking, config.exit_after.0);
    }

    /// From now on all is seen.
    pub fn begin(&mut self) {
        self.since_ns = boottime_ns();
    }

    /// Where the lines go.
    pub fn sink(&mut self) -> &mut Sink {
        self.outlet.sink()
    }

    /// Whether the queue takes lines again that must not be refused.
    pub fn has_room(&self) -> bool {
        self.outlet.has_room()
    }

    /// Signal lines so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// What was lost so far.
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Enters what was lost before it came here: the totals so far, by reason.
    /// None of what is new was lost before `since_ns`.
    pub fn account(&mut self, losses: impl IntoIterator<Item = (Entry, u64)>, since_ns: u64) {
        let wants_exits = self.selection.wants_exits();
        let is_wanted = |entry: &Entry| entry.what != What::Exits || wants_exits;
        for (entry, total) in losses.into_iter().filter(|(entry, _)| is_wanted(entry)) {
            self.losses.raise_to(entry, total, since_ns);
        }
    }

    /// To be called before each batch: the wall clock may have been set, and
    /// names may have been learned since the last one.
    pub fn start_batch(&mut self) {
        self.stamp.sync();
        self.encoder.forget();
    }

    /// Makes a signal's line, or enters the signal as lost. `group` are the
    /// processes that a call to a group reached. A signal that a filter does not
    /// want is passed over.
    pub fn signal(
        &mut self,
        registry: &mut Registry,
        signal: &Signal,
        group: &[Recipient],
        late: bool,
    ) {
        if let Some(reason) = self.refusal() {
            self.lose(signal, reason);
            return;
        }
        let named = NamedSignal::new(registry, signal, group);
        if !self.selection.wants(&named) {
            return;
        }
        let timestamp = self.stamp.signal(signal.time_ns(), late);
        let context = Context {
            signal,
            late,
            sender: (named.sender.as_ref()).map(|(sender, names)| (*sender, names)),
            arranged_by: (named.arranged_by.as_ref()).map(|(by, names)| (*by, names)),
            target: (named.target.as_ref()).map(|(recipient, names)| (recipient, names)),
            machine: machine(registry, &self.stamp),
            own_pid: self.own_pid,
        };
        let group: Vec<_> = (named.group.iter())
            .map(|(recipient, names)| recipient_json(context, recipient, names))
            .collect();
        let head = Head {
            timestamp,
            seq: self.outlet.next_seq(),
            hostname: self.stamp.hostname(),
        };
        let line = self.outlet.start_line();
        let rest = self.encoder.signal(line, head, context, &group);
        match self.outlet.push() {
            Ok(()) => {
                self.events += 1;
                self.late += u64::from(late);
                let seq = self.outlet.last_seq();
                self.more_recipients(timestamp, late, rest);
                if self.selection.wants_exits() {
                    self.remember(seq, &named);
                    if late {
                        self.exits_after(registry, &named);
                    }
                }
            }
            Err(reason) => {
                self.refusal = Some(reason);
                self.lose(signal, reason);
            }
        }
    }

    fn lose(&mut self, signal: &Signal, reason: Reason) {
        let what = match signal {
            Signal::Call(_) => What::Calls,
            Signal::Generated(_) => What::Signals,
        };
        (self.losses).add(Entry::new(what, reason), 1, signal.time_ns());
    }

    /// Recipients that a call's line had no room for. Lines of them that are
    /// refused are not counted as lost calls: the call's line says how many
    /// recipients there were.
    fn more_recipients(&mut self, timestamp: Timestamp, late: bool, mut rest: &[Box<RawValue>]) {
        let call_seq = self.outlet.last_seq();
        while !rest.is_empty() {
            let mut record = Recipients {
                timestamp,
                r#type: "recipients",
                seq: self.outlet.next_seq(),
                hostname: self.stamp.hostname(),
                call_seq,
                late,
                recipients: &[],
            };
            let line = self.outlet.start_line();
            push_line(line, &record);
            let (here, later) = rest.split_at(fitting(rest, room(line)).max(1));
            record.recipients = here;
            push_line(self.outlet.start_line(), &record);
            rest = later;
            if self.outlet.push().is_err() {
                break;
            }
        }
    }

    /// Why no lines are made now, if none are.
    pub(super) fn refusal(&mut self) -> Option<Reason> {
        if self.refusal.is_some() && self.outlet.has_room() {
            self.refusal = None;
            self.report_losses(self.stamp.last_ns());
        }
        self.refusal
    }

    /// Writes what the output takes now.
    ///
    /// # Errors
    /// When nothing can be written to it any more.
    pub fn pump(&mut self) -> Result<(), SinkGone> {
        self.outlet.pump()
    }

    /// Writes the rest.
    pub fn close(self, patience: Patience) -> Closed {
        self.outlet.close(patience)
    }
}

pub(super) const fn machine<'a>(registry: &'a Registry, stamp: &'a Stamp) -> Machine<'a> {
    Machine {
        users: &registry.users,
        host_mnt_ns: registry.host_mnt_ns,
        clock: stamp.clock(),
    }
}
