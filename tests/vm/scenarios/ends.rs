//! How processes end, and which signal led to it.

use common::{Actor, process::stat, wait_until};

use crate::stage::Stage;

/// Each end by a signal has a line of its own, after that of its cause.
pub fn by_signals(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    stage.trace(&["-p", &sender.pid.to_string()]);
    stage.with_exits = true;
    for (name, signal) in [("killed", 9), ("terminated", 15), ("real_time", 64)] {
        let child = stage.make(&mut sender, name, "make default 0");
        kill(&mut sender, child, signal);
        assert_eq!(sender.get(&format!("reap {child}")) & 0x7f, signal);
        stage.own().wait_for(|line| line["type"] == "exit");
    }
    let stopped = stage.make(&mut sender, "stopped", "make default 0");
    kill(&mut sender, stopped, 19);
    wait_until("the stop", || stat(stopped).unwrap()[0] == "T");
    for signal in [15, 18] {
        kill(&mut sender, stopped, signal);
    }
    assert_eq!(sender.get(&format!("reap {stopped}")) & 0x7f, 15);
    stage.own().wait_for(|line| line["type"] == "exit");
    stage.finish();
    // How the calls are hooked is not the subject.
    stage.lines.retain(|line| line["type"] != "status");
}

/// The line of the call is read with that of the end.
fn kill(sender: &mut Actor, pid: i64, signal: i64) {
    assert_eq!(sender.get(&format!("call kill {pid} {signal}")), 0);
}
