//! The wall clock is set while sigtrail traces.

use common::{nanoseconds, now};
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};
use serde_json::Value;

use crate::stage::Stage;

const HOUR: i64 = 3600;
/// Two readings of clocks on a machine that is emulated.
const CLOCK_ERROR_NS: i64 = 20_000_000;

/// Each call has the time that it was when it was made, and the lines are in
/// the order of the calls, although the clock goes forward and back.
pub fn set(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let mut tracer = stage.unread(&["-p", &sender.pid.to_string()]);
    let mut times = Vec::new();
    for step in [0, HOUR, -2 * HOUR, HOUR] {
        set_forward(step);
        let written = tracer.bytes();
        let before = now();
        let call = format!("kill {} 10", sender.pid);
        stage.unseen(&mut sender, &call, 0);
        times.push((before, now()));
        // Its line must be made before the clock is set again.
        tracer.wait_for_bytes(written + 1);
    }
    tracer.signal(rustix::process::Signal::TERM);
    let text = tracer.read_raw();
    assert_eq!(tracer.end().status.code(), Some(0));

    let mut lines: Vec<Value> = (text.split(|&byte| byte == b'\n'))
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    for (at, line) in lines.iter_mut().enumerate() {
        assert_eq!(line["seq"], at + 1, "{line}");
        // Their times are not in order, so a late one must not be put into it.
        if line["type"] != "status" {
            line.as_object_mut().unwrap().shift_remove("late");
        }
    }
    let signals = lines.iter().filter(|line| line["type"] == "signal");
    for (line, (before, after)) in signals.zip(times) {
        let time = nanoseconds(line["timestamp"].as_str().unwrap()).unwrap();
        let allowed = before - CLOCK_ERROR_NS..=after + CLOCK_ERROR_NS;
        assert!(allowed.contains(&time), "{time} is not in {allowed:?}");
    }
    stage.lines = lines;
}

fn set_forward(seconds: i64) {
    let now = clock_gettime(ClockId::Realtime);
    let time = Timespec {
        tv_sec: now.tv_sec + seconds,
        ..now
    };
    clock_settime(ClockId::Realtime, time).unwrap();
}
