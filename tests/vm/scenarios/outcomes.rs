//! What the kernel did with a signal.

use common::{Actor, process::stat, wait_until};

use crate::stage::Stage;

const KTHREADD: i64 = 2;

pub fn signals(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let handles = stage.make(&mut sender, "handles", "make handle 10");
    let ignores = stage.make(&mut sender, "ignores", "make ignore 10");
    let blocks = stage.make(&mut sender, "blocks", "make block 10");
    let falls = stage.make(&mut sender, "falls", "make default 0");
    let dumps = stage.make(&mut sender, "dumps", "make default 0");
    stage.call(&mut sender, &format!("kill {handles} 10"), 0);
    stage.call(&mut sender, &format!("kill {ignores} 10"), 0);
    // By default.
    stage.call(&mut sender, &format!("kill {ignores} 28"), 0);
    stage.call(&mut sender, &format!("kill {blocks} 10"), 0);
    // Merged with the first.
    stage.call(&mut sender, &format!("kill {blocks} 10"), 0);
    // The thread has a queue of its own.
    stage.call(&mut sender, &format!("tkill {blocks} 10"), 0);
    stage.call(&mut sender, &format!("kill {falls} 15"), 0);
    assert_eq!(sender.get(&format!("reap {falls}")) & 0x7f, 15);
    stage.call(&mut sender, &format!("kill {dumps} 6"), 0);
    assert_eq!(sender.get(&format!("reap {dumps}")) & 0x7f, 6);
    stage.call(&mut sender, &format!("kill {KTHREADD} 28"), 0);
    stage.finish();
}

pub fn real_time(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let blocks = stage.make(&mut sender, "blocks", "make block 40");
    let falls = stage.make(&mut sender, "falls", "make default 0");
    // Queued twice.
    stage.call(&mut sender, &format!("kill {blocks} 40"), 0);
    stage.call(&mut sender, &format!("kill {blocks} 40"), 0);
    stage.call(&mut sender, &format!("tgkill {blocks} {blocks} 40"), 0);
    for signal in [32, 34, 64] {
        let call = format!("kill {} {signal}", sender.pid);
        stage.call(&mut sender, &call, 0);
    }
    stage.call(&mut sender, &format!("kill {falls} 64"), 0);
    assert_eq!(sender.get(&format!("reap {falls}")) & 0x7f, 64);
    stage.finish();
}

pub fn dead_and_stopped(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let zombie = stage.make(&mut sender, "zombie", "zombie");
    let stops = stage.make(&mut sender, "stops", "make default 0");
    stage.doomed.push(stops);
    stage.call(&mut sender, &format!("kill {zombie} 0"), 0);
    stage.call(&mut sender, &format!("kill {zombie} 15"), 0);
    stage.call(&mut sender, &format!("kill {zombie} 9"), 0);
    stage.call(&mut sender, &format!("kill {stops} 19"), 0);
    wait_until("the stop", || stat(stops).unwrap()[0] == "T");
    // Waits until it goes on.
    stage.call(&mut sender, &format!("kill {stops} 15"), 0);
    assert_eq!(stat(stops).unwrap()[0], "T");
    stage.call(&mut sender, &format!("kill {stops} 18"), 0);
    assert_eq!(sender.get(&format!("reap {stops}")) & 0x7f, 15);
    stage.finish();
}

pub fn group(stage: &mut Stage) {
    const STRANGER: u32 = 65534;
    let mut sender = stage.actor("sender");
    let leader = stage.make(&mut sender, "leader", "make handle 10");
    let join = |stage: &mut Stage, sender: &mut Actor, name: &str, how: &str| {
        let member = stage.make(sender, name, how);
        sender.make(&format!("join {member} {leader}"));
    };
    join(stage, &mut sender, "ignores", "make ignore 10");
    join(stage, &mut sender, "blocks", "make block 10");
    let strange = format!("make block 10 {STRANGER}");
    join(stage, &mut sender, "strange", &strange);
    stage.call(&mut sender, &format!("kill -{leader} 10"), 0);
    sender.make(&format!("ids {STRANGER} {STRANGER}"));
    // Only those that it may signal.
    stage.call(&mut sender, &format!("kill -{leader} 10"), 0);
    stage.finish();
}
