//! A CPU goes off line and comes back: its ring does not survive that.

use std::{fs, time::Duration};

use common::{Actor, lost, signals, wait_until};
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_setaffinity},
};
use serde_json::Value;

use crate::stage::Stage;

const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";
const RINGS_AGAIN: Duration = Duration::from_secs(30);

/// All calls have lines or are counted, and after a while those on that CPU
/// have lines again: if it was away for long, and if only for a moment.
pub fn come_and_go(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    stage.trace(&["-p", &sender.pid.to_string()]);
    let mut made = 0;
    let mut kept = Vec::new();
    pin(&sender);
    kept.push(call_until_seen(stage, &mut sender, &mut made));

    set_online(false);
    kept.push(call_until_seen(stage, &mut sender, &mut made));
    set_online(true);
    pin(&sender);
    kept.push(call_until_seen(stage, &mut sender, &mut made));

    set_online(false);
    set_online(true);
    pin(&sender);
    kept.push(call_until_seen(stage, &mut sender, &mut made));

    let ended = stage.stop();
    let lines = signals(&ended.lines).len() as u64;
    let lost = lost(&ended.lines);
    assert_eq!(lines + lost, made, "{lines} lines and {lost} lost");
    let last = &ended.lines.last().unwrap().value;
    assert_eq!(
        (&last["events"], &last["lost"]),
        (&lines.into(), &lost.into())
    );
    stage.lines = kept;
}

/// One call after the other, until one that was made alone has its line.
fn call_until_seen(stage: &mut Stage, sender: &mut Actor, made: &mut u64) -> Value {
    const PATIENCE: Duration = Duration::from_millis(200);
    let mut line = None;
    common::wait_until_within(RINGS_AGAIN, "a call on that CPU to be seen", || {
        let call = format!("kill {} 10", sender.pid);
        stage.unseen(sender, &call, 0);
        *made += 1;
        while let Some(next) = stage.own().try_next(PATIENCE) {
            if next["type"] == "signal" {
                line = Some(next);
            }
        }
        line.is_some()
    });
    line.unwrap()
}

fn set_online(online: bool) {
    let value = if online { "1" } else { "0" };
    wait_until("the CPU", || fs::write(ONLINE, value).is_ok());
    assert_eq!(fs::read_to_string(ONLINE).unwrap().trim(), value);
}

/// To the CPU that comes and goes.
fn pin(actor: &Actor) {
    let mut cpus = CpuSet::new();
    cpus.set(1);
    let pid = Pid::from_raw(i32::try_from(actor.pid).unwrap());
    sched_setaffinity(pid, &cpus).unwrap();
}
