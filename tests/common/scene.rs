//! Calls that are made while sigtrail looks on, and what it must say of them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{Actor, Call, Ended, Sender, Sigtrail, assert_lines, time_of};

/// What two readings of the two clocks may be apart.
const CLOCK_ERROR_NS: i64 = 1_000_000;

/// Traces some actors.
pub struct Scene {
    sigtrail: Sigtrail,
    expected: Vec<Value>,
    /// Wall-clock time before and after each call.
    times: Vec<(i64, i64)>,
}

impl Scene {
    /// Traces what these send, with some more arguments.
    pub fn of(actors: &[&Actor], args: &[&str]) -> Self {
        let pids: Vec<_> = actors.iter().map(|actor| actor.pid.to_string()).collect();
        let pids = pids.join(",");
        Self {
            sigtrail: Sigtrail::start(&[&["-p", &pids], args].concat()),
            expected: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Who traces.
    pub fn sigtrail(&self) -> i64 {
        self.sigtrail.pid().as_raw_nonzero().get().into()
    }

    /// The actor makes the call from its main thread, with this result.
    #[track_caller]
    pub fn call(&mut self, actor: &mut Actor, call: Call, ret: i64) {
        let sender = Sender::of(actor);
        self.call_as(actor, &sender, call, ret);
    }

    /// As [`Self::call`], by an actor who is no longer as it was started.
    #[track_caller]
    pub fn call_as(&mut self, actor: &mut Actor, sender: &Sender, call: Call, ret: i64) {
        self.registers(actor, sender, &call.command(), call, ret);
    }

    /// As [`Self::call_as`], with registers that the kernel reads as `call`.
    #[track_caller]
    pub fn registers(
        &mut self,
        actor: &mut Actor,
        sender: &Sender,
        registers: &str,
        call: Call,
        ret: i64,
    ) {
        let line = call.line(sender, ret);
        let before = now();
        assert_eq!(actor.get(&format!("call {registers}")), ret, "{registers}");
        self.expect(line, (before, now()));
    }

    /// The actor makes the call from a thread of its own.
    #[track_caller]
    pub fn thread_call(&mut self, actor: &mut Actor, call: Call, ret: i64) {
        let mut line = call.line(&Sender::of(actor), ret);
        let before = now();
        let answer = actor.ask(&format!("threadcall {}", call.command()));
        let [made, tid] = answer.try_into().unwrap();
        assert_eq!(made, ret, "{call:?}");
        assert_ne!(tid, actor.pid);
        line["sender"]["tid"] = tid.into();
        self.expect(line, (before, now()));
    }

    /// The actor makes a call that it does not survive.
    #[track_caller]
    pub fn last_call(&mut self, mut actor: Actor, call: Call, death: i32) {
        let line = call.line(&Sender::of(&actor), 0);
        let before = now();
        actor.tell(&format!("call {}", call.command()));
        assert_eq!(actor.death(), death);
        self.expect(line, (before, now()));
    }

    /// A call that was made must come out as this line.
    pub fn expect(&mut self, line: Value, time: (i64, i64)) {
        self.expected.push(line);
        self.times.push(time);
    }

    /// All calls came out while it ran, each as it was made, and nothing else
    /// came.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        for _ in &self.expected {
            self.sigtrail.wait_for(|line| line["type"] == "signal");
        }
        let ended = self.sigtrail.stop();
        ended.assert_clean();
        let signals = ended.signals();
        assert_lines(&signals, &self.expected);
        for (line, (before, after)) in signals.iter().zip(self.times) {
            let allowed = before - CLOCK_ERROR_NS..=after + CLOCK_ERROR_NS;
            assert!(
                allowed.contains(&time_of(line)),
                "{line} not in {allowed:?}"
            );
        }
        ended
    }
}

/// The wall clock, in nanoseconds.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_nanos()).unwrap()
}
