//! The JSON of both sides of a signal, kept: the same process calls again, and
//! encoding its part of the line takes most of the time of a line.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    event::{Pidfd, Process, Recipient, Scope, Syscall},
    record::{Context, Cutter, Endpoints, Limits, Sender, Target, to_json},
};

/// Entries for each side, found by pid: 64 KB at most, 8 typically.
const ENTRIES: usize = 16;

/// All that the JSON of a target depends on, names aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TargetKey {
    recipient: Recipient,
    scope: Scope,
    asked: Option<Asked>,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    syscall: Syscall,
    arg: i32,
    arg_tid: i32,
    pidfd: Option<Pidfd>,
}

/// The JSON that was encoded lately.
#[derive(Debug, Default)]
pub struct JsonCache {
    senders: Entries<Process>,
    targets: Entries<TargetKey>,
    /// A target that is not worth keeping.
    other: Option<Box<RawValue>>,
}

impl JsonCache {
    /// Both sides of a signal with all of their texts. Names are those of the
    /// first signal of the same process since the last [`Self::forget`].
    pub fn endpoints<'a>(&mut self, context: Context<'a>) -> Endpoints<'a, &RawValue, &RawValue> {
        let mut cutter = Cutter::new(Limits::STEPS[0]);
        let arranged_by = Endpoints::<(), ()>::arranger(context, &mut cutter);
        let sender = context.sender.map(|(sender, names)| {
            (self.senders).get(sender.pid, *sender, |cutter| {
                Sender::new(sender, names, context, cutter)
            })
        });
        let asked = context.signal.call().map(|call| Asked {
            syscall: call.syscall,
            arg: call.arg,
            arg_tid: call.arg_tid,
            pidfd: call.pidfd,
        });
        let make_target = |cutter: &mut Cutter| Target::new(context, cutter);
        let (target, target_cut) = match context.target {
            Some((&recipient, _)) => {
                let key = TargetKey {
                    recipient,
                    scope: context.signal.scope(),
                    asked,
                };
                (self.targets).get(recipient.process.pid, key, make_target)
            }
            None => {
                let (target, cut) = encode(make_target);
                (&**self.other.insert(target), cut)
            }
        };
        Endpoints {
            sender: sender.map(|(sender, _)| sender),
            arranged_by,
            target,
            truncated: sender.is_some_and(|(_, cut)| cut) || target_cut || cutter.has_cut(),
        }
    }

    /// Names may have changed.
    pub fn forget(&mut self) {
        self.senders.0.clear();
        self.targets.0.clear();
    }
}

/// One entry for each remainder of a pid.
#[derive(Debug)]
struct Entries<K>(Vec<Option<Entry<K>>>);

#[derive(Debug, Clone)]
struct Entry<K> {
    key: K,
    json: Box<RawValue>,
    cut: bool,
}

impl<K> Default for Entries<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq + Clone> Entries<K> {
    fn get<T: Serialize>(
        &mut self,
        pid: u32,
        key: K,
        make: impl FnOnce(&mut Cutter) -> T,
    ) -> (&RawValue, bool) {
        self.0.resize(ENTRIES, None);
        let entry = &mut self.0[pid as usize % ENTRIES];
        if entry.as_ref().is_none_or(|entry| entry.key != key) {
            *entry = None;
        }
        let entry = entry.get_or_insert_with(|| {
            let (json, cut) = encode(make);
            Entry { key, json, cut }
        });
        (&entry.json, entry.cut)
    }
}

/// The JSON, and whether some text in it is incomplete.
fn encode<T: Serialize>(make: impl FnOnce(&mut Cutter) -> T) -> (Box<RawValue>, bool) {
    let mut cutter = Cutter::new(Limits::STEPS[0]);
    let json = to_json(&make(&mut cutter));
    (json, cutter.has_cut())
}
