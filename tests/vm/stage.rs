//! Where a scenario plays: actors, a tracer, and names for the numbers that
//! differ from run to run.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use common::{Actor, DEADLINE, EINVAL, Ended, Sigtrail, command, process, wait_until_within};
use serde_json::Value;

use crate::table::Cell;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// A scenario's means, and what comes of it.
///
/// Loading a tracer takes seconds in a virtual machine. So one tracer, without
/// filters, serves all scenarios that do not start their own.
#[derive(Debug, Default)]
pub struct Stage {
    /// What sigtrail said, in its order.
    pub lines: Vec<Value>,
    /// What to call a pid, or a namespace's inode, in a golden file.
    pub names: BTreeMap<i64, String>,
    /// What tells of each kind of call.
    pub cells: Vec<Cell>,
    /// Those that may be gone before `/proc` is read.
    pub doomed: Vec<i64>,
    /// Exits are to be compared, too.
    pub with_exits: bool,
    shared: Option<Sigtrail>,
    fence: Option<Actor>,
    own: Option<Sigtrail>,
    awaited: usize,
}

impl Stage {
    /// Gets ready for another scenario.
    pub fn clear(&mut self) {
        *self = Self {
            shared: self.shared.take(),
            fence: self.fence.take(),
            ..Self::default()
        };
        if self.shared.is_some() {
            self.lines_until_now();
        }
    }

    /// Starts the tracer that is shared.
    pub fn open(&mut self) {
        self.shared = Some(start(&[]));
    }

    /// Ends it: it must have lost nothing.
    pub fn close(&mut self) {
        if let Some(shared) = self.shared.take() {
            let ended = shared.stop();
            ended.assert_clean();
            let last = &ended.lines.last().unwrap().value;
            assert_eq!(last["lost"], 0, "{last}");
        }
    }

    /// What the shared tracer has to say of all that has happened: what comes
    /// before a call that nobody else makes.
    fn lines_until_now(&mut self) -> Vec<Value> {
        const NO_SIGNAL: i64 = 99;
        let fence = self.fence.get_or_insert_with(Actor::start);
        let call = format!("call kill {} {NO_SIGNAL}", fence.pid);
        assert_eq!(fence.get(&call), EINVAL);
        let shared = self.shared.as_mut().unwrap();
        shared.lines_until(|line| line["signal_number"] == NO_SIGNAL)
    }

    /// Names a number, and gives it back.
    #[track_caller]
    pub fn name(&mut self, number: i64, name: &str) -> i64 {
        assert!(number > 2, "{name} is {number}");
        let other = self.names.insert(number, name.to_owned());
        assert_eq!(other, None, "{number} is {name}, too");
        number
    }

    pub fn actor(&mut self, name: &str) -> Actor {
        let actor = Actor::start();
        self.name(actor.pid, name);
        actor
    }

    /// One that makes 32-bit calls.
    pub fn narrow_actor(&mut self, name: &str) -> Actor {
        let actor = Actor::start_narrow();
        self.name(actor.pid, name);
        actor
    }

    /// Process 1 of a pid namespace, which is called `NAME_ns`.
    pub fn actor_in_pid_namespace(&mut self, name: &str) -> Actor {
        let actor = Actor::start_in_pid_namespace();
        assert_eq!(actor.own_pid, 1);
        self.name(actor.pid, name);
        let space = process::pid_ns(actor.pid);
        self.name(i64::try_from(space).unwrap(), &format!("{name}_ns"));
        let shell = process::stat(actor.pid).unwrap()[1].parse().unwrap();
        self.name(shell, &format!("{name}_parent"));
        actor
    }

    /// Has the actor make a process, or another thing that has a number.
    #[track_caller]
    pub fn make(&mut self, actor: &mut Actor, name: &str, command: &str) -> i64 {
        let number = actor.get(command);
        self.name(number, name)
    }

    /// Traces with these arguments from now on.
    pub fn trace(&mut self, args: &[&str]) {
        self.own = Some(start(args));
    }

    /// The scenario's own tracer.
    pub fn own(&mut self) -> &mut Sigtrail {
        self.own.as_mut().unwrap()
    }

    /// A tracer whose lines are not checked: the scenario does that.
    pub fn unread(&mut self, args: &[&str]) -> Sigtrail {
        let sigtrail = Sigtrail::spawn_unread(&mut command(args));
        wait_until_within(START_DEADLINE, "the first line", || sigtrail.bytes() > 0);
        sigtrail
    }

    /// A tracer whose lines go to a file: those of a flood are many.
    pub fn write_to(&mut self, path: &Path, args: &[&str]) -> Sigtrail {
        let sigtrail = Sigtrail::spawn(command(args).arg("-o").arg(path));
        wait_until_within(START_DEADLINE, "the first line", || {
            fs::metadata(path).is_ok_and(|file| file.len() > 0)
        });
        sigtrail
    }

    /// The actor makes a call with this result, of which a line is to come.
    #[track_caller]
    pub fn call(&mut self, actor: &mut Actor, call: &str, ret: i64) {
        self.call_by("call", actor, call, ret);
    }

    /// As [`Self::call`], by this command of the actor's.
    #[track_caller]
    pub fn call_by(&mut self, command: &str, actor: &mut Actor, call: &str, ret: i64) {
        assert_eq!(actor.get(&format!("{command} {call}")), ret, "{call}");
        self.awaited += 1;
    }

    /// The actor makes a call that no line is to tell of.
    #[track_caller]
    pub fn unseen(&mut self, actor: &mut Actor, call: &str, ret: i64) {
        assert_eq!(actor.get(&format!("call {call}")), ret, "{call}");
    }

    /// A thread of the actor's own makes the call.
    #[track_caller]
    pub fn thread_call(&mut self, actor: &mut Actor, name: &str, call: &str, ret: i64) {
        let [made, tid] = actor.ask(&format!("threadcall {call}")).try_into().unwrap();
        assert_eq!(made, ret, "{call}");
        self.name(tid, name);
        self.awaited += 1;
    }

    /// The actor makes a call that it does not survive.
    #[track_caller]
    pub fn last_call(&mut self, mut actor: Actor, call: &str, death: i32) {
        actor.tell(&format!("call {call}"));
        assert_eq!(actor.death(), death, "{call}");
        self.awaited += 1;
    }

    /// Ends the scenario's own tracer when each call has its line.
    pub fn stop(&mut self) -> Ended {
        let ended = self.stop_unchecked();
        ended.assert_clean();
        ended
    }

    /// As [`Self::stop`], of one that may have had something to say.
    pub fn stop_unchecked(&mut self) -> Ended {
        let mut tracer = self.own.take().unwrap();
        for _ in 0..std::mem::take(&mut self.awaited) {
            tracer.wait_for(|line| line["type"] == "signal");
        }
        tracer.stop()
    }

    /// Each call has its line: all lines of those that have names, and no
    /// more than were awaited, are to be compared.
    #[track_caller]
    pub fn finish(&mut self) {
        let lines: Vec<_> = match self.own {
            Some(_) => {
                let lines = self.stop().lines;
                lines.into_iter().map(|line| line.value).collect()
            }
            None => self.awaited_lines(),
        };
        let with_exits = self.with_exits;
        let is_wanted = |line: &Value| with_exits || line["type"] != "exit";
        self.lines.extend(lines.into_iter().filter(is_wanted));
    }

    /// A line may be late if the host stops a virtual CPU for so long.
    #[track_caller]
    fn awaited_lines(&mut self) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        let awaited = std::mem::take(&mut self.awaited);
        let mut lines = Vec::new();
        loop {
            let more = self.lines_until_now();
            lines.extend(more.into_iter().filter(|line| self.is_of_this(line)));
            let signals = lines.iter().filter(|line| line["type"] == "signal").count();
            if signals == awaited {
                return lines;
            }
            assert!(
                signals < awaited && Instant::now() < deadline,
                "{signals} calls of {awaited}: {lines:#?}"
            );
        }
    }

    /// Others' are this process's, when it ends an actor, and the kernel's.
    fn is_of_this(&self, line: &Value) -> bool {
        let sender = line["sender"]["pid"].as_i64();
        line["type"] != "signal"
            || line["origin"] == "call" && sender.is_some_and(|pid| self.names.contains_key(&pid))
    }
}

/// A verifier that is emulated takes its time.
fn start(args: &[&str]) -> Sigtrail {
    let mut sigtrail = Sigtrail::spawn(&mut command(args));
    sigtrail.wait_for_within(START_DEADLINE, |line| line["state"] == "started");
    sigtrail
}
