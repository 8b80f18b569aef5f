//! From a process's end to its line, which names the signal that led to it.

use super::{
    emitter::{Emitter, machine},
    named::NamedSignal,
    waiting::{PATIENCE_NS, Waiting},
};
use crate::{
    event::{EndedBy, Exit, Recipient},
    identity::Registry,
    loss::{Entry, Reason, What},
    record::{ExitContext, Head, Past},
};

impl Emitter {
    /// Makes the line of an exit, if one is wanted, or enters it as lost. If its cause is
    /// not known, it waits for it.
    pub fn exit(&mut self, registry: &mut Registry, exit: &Exit, late: bool) {
        if self.causes.know(exit) || !Waiting::is_open(exit) {
            self.exit_line(registry, exit, late);
        } else if let Some(oldest) = self.waiting.push(*exit) {
            self.exit_after_waiting(registry, &oldest);
        }
    }

    /// Makes the lines of exits whose cause has not come in its time. `now_ns` is in
    /// `CLOCK_MONOTONIC`.
    pub fn settle_exits(&mut self, registry: &mut Registry, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(PATIENCE_NS);
        while let Some(exit) = self.waiting.overdue(before_ns) {
            self.exit_after_waiting(registry, &exit);
        }
    }

    /// As that, of all that wait.
    pub fn settle_all_exits(&mut self, registry: &mut Registry) {
        while let Some(exit) = self.waiting.overdue(u64::MAX) {
            self.exit_after_waiting(registry, &exit);
        }
    }

    /// Whether ends by a signal wait for their causes.
    pub fn awaits_causes(&self) -> bool {
        self.waiting.holds_ends_by_signals()
    }

    /// Keeps a signal for the exits that it may lead to. Its line has this number.
    pub(super) fn remember(&mut self, seq: u64, named: &NamedSignal<'_>) {
        let signal = named.signal;
        let past = |recipient: &Recipient| Past {
            seq,
            time_ns: signal.time_ns(),
            origin: signal.origin(),
            signal: signal.number(),
            sender: (named.sender.as_ref()).map(|(sender, names)| (**sender, names.clone())),
            role: signal.role(),
            threads: recipient.fate.map_or(0, |fate| fate.threads),
        };
        for recipient in named.recipients() {
            (self.causes).note(signal.number(), recipient, || past(recipient));
        }
    }

    /// Makes the lines of exits that have waited for this signal.
    pub(super) fn exits_after(&mut self, registry: &mut Registry, named: &NamedSignal<'_>) {
        for recipient in named.recipients() {
            let causes = &self.causes;
            if let Some(exit) = self.waiting.take(recipient, |exit| causes.know(exit)) {
                self.exit_after_waiting(registry, &exit);
            }
        }
    }

    fn exit_after_waiting(&mut self, registry: &mut Registry, exit: &Exit) {
        let late = exit.end.time_ns < self.stamp.last_ns();
        self.exit_line(registry, exit, late);
    }

    fn exit_line(&mut self, registry: &mut Registry, exit: &Exit, late: bool) {
        // That no signal came is known only if none was left out or lost, or came before.
        let sees_all = self.selection.wants_all_signals()
            && self.losses.total() == 0
            && exit.end.start_ns > self.since_ns;
        let exit = &Exit {
            by: (exit.by).filter(|&by| by != EndedBy::Tracer || sees_all),
            ..*exit
        };
        let found = self.causes.take(exit);
        let Some(process) = exit.process.or(found.process) else {
            return;
        };
        let names = registry.target(&process);
        let has_cause = found.cause.is_some();
        if !(self.selection).wants_exit(exit, &process, &names, has_cause) {
            return;
        }
        let pushed = match self.refusal() {
            Some(reason) => Err(reason),
            None => {
                let head = Head {
                    timestamp: self.stamp.signal(exit.end.time_ns, late),
                    seq: self.outlet.next_seq(),
                    hostname: self.stamp.hostname(),
                };
                let context = ExitContext {
                    exit,
                    late,
                    process: (&process, &names),
                    cause: found.cause.as_ref(),
                    earlier: &found.earlier,
                    machine: machine(registry, &self.stamp),
                };
                (self.encoder).exit(self.outlet.start_line(), head, context);
                self.outlet.push()
            }
        };
        self.note_exit(exit, late, pushed);
    }

    fn note_exit(&mut self, exit: &Exit, late: bool, pushed: Result<(), Reason>) {
        match pushed {
            Ok(()) => self.late += u64::from(late),
            Err(reason) => {
                self.refusal = Some(reason);
                let entry = Entry::new(What::Exits, reason);
                self.losses.add(entry, 1, exit.end.time_ns);
            }
        }
    }
}
