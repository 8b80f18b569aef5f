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

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        path::PathBuf,
        time::{Duration, Instant},
    };

    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;
    use crate::{
        config::Config,
        event::Origin,
        event::{
            Call, Disposition, Signal,
            samples::{call, exit, generated},
        },
        identity::Users,
        sink::{Output, Patience, Sink, SinkConfig},
    };

    const TERM: u32 = 15;

    /// An emitter into a file.
    struct Stage {
        emitter: Emitter,
        registry: Registry,
        path: PathBuf,
        _directory: TempDir,
    }

    impl Stage {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("lines");
            let sink = Sink::open(SinkConfig {
                output: Output::Descriptor(File::create(&path).unwrap().into()),
                queue_bytes: SinkConfig::QUEUE_BYTES,
            });
            let users = Users::system();
            let config = Config::from_bytes(b"", &users).unwrap();
            Self {
                emitter: Emitter::new(sink.unwrap(), &config),
                registry: Registry::new(users, 16, usize::MAX),
                path,
                _directory: directory,
            }
        }

        fn exit(&mut self, time_ns: u64, status: u32) {
            let exit = exit(time_ns, 2, status);
            self.emitter.exit(&mut self.registry, &exit, false);
        }

        /// A call to process 2, which ends it or which it handles.
        fn late_call(&mut self, time_ns: u64, disposition: Disposition) {
            let mut recipient = generated(time_ns, Origin::Fault, 2).recipient;
            if let Some(fate) = &mut recipient.fate {
                fate.disposition = disposition;
                fate.fatal = Some(disposition == Disposition::Default);
            }
            let call = Call {
                recipient: Some(recipient),
                ..call(time_ns)
            };
            (self.emitter).signal(&mut self.registry, &Signal::Call(call), &[], true);
        }

        fn settle(&mut self, now_ns: u64) {
            self.emitter.settle_exits(&mut self.registry, now_ns);
        }

        /// The lines so far, by type and what they say of a cause and of lateness.
        fn lines(self) -> Value {
            let pause = Duration::from_secs(60);
            let closed = self
                .emitter
                .close(Patience::new(Instant::now() + pause, pause));
            assert_eq!(closed.unwritten_lines, 0);
            let text = fs::read_to_string(self.path).unwrap();
            let said = |line: &str| {
                let line: Value = serde_json::from_str(line).unwrap();
                json!([line["type"], line["cause"]["seq"], line["late"]])
            };
            text.lines().map(said).collect()
        }
    }

    #[test]
    fn an_end_waits_for_the_line_of_the_call_that_led_to_it() {
        for (status, disposition) in [(TERM, Disposition::Default), (0, Disposition::Handler)] {
            let mut stage = Stage::new();
            stage.exit(20, status);
            stage.settle(30);
            stage.late_call(10, disposition);
            assert!(!stage.emitter.awaits_causes());
            let expected = json!([["signal", null, true], ["exit", 1, null]]);
            assert_eq!(stage.lines(), expected);
        }
    }

    #[test]
    fn an_end_without_a_cause_waits_no_longer_than_it_must() {
        let mut stage = Stage::new();
        stage.exit(20, TERM);
        stage.settle(20 + PATIENCE_NS);
        assert!(stage.emitter.awaits_causes());
        stage.settle(21 + PATIENCE_NS);
        assert!(!stage.emitter.awaits_causes());
        stage.late_call(10, Disposition::Default);
        let expected = json!([["exit", null, null], ["signal", null, true]]);
        assert_eq!(stage.lines(), expected);
    }

    #[test]
    fn an_end_that_nobody_asked_for_has_no_line() {
        let mut stage = Stage::new();
        stage.exit(20, 0);
        assert!(!stage.emitter.awaits_causes());
        stage.emitter.settle_all_exits(&mut stage.registry);
        assert_eq!(stage.lines(), json!([]));
    }

    #[test]
    fn an_end_that_waited_is_late_if_a_younger_line_was_written() {
        let mut stage = Stage::new();
        stage.exit(20, TERM);
        let other = generated(30, Origin::Fault, 3);
        let signal = Signal::Generated(other);
        (stage.emitter).signal(&mut stage.registry, &signal, &[], false);
        stage.late_call(10, Disposition::Default);
        assert_eq!(stage.lines()[2], json!(["exit", 2, true]));
    }
}
