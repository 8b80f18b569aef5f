//! Who the two sides are.

use std::fs;

use common::{EPERM, process::global_id};

use crate::stage::Stage;

pub fn users(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let child = stage.make(&mut sender, "child", "make block 10 65534");
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    sender.make("login 65534");
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    // Its effective user is as it was.
    sender.make("realuid 65534");
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    sender.make("ids 4000000000 4000000001");
    stage.call(&mut sender, &format!("kill {child} 10"), EPERM);
    let call = format!("kill {} 10", sender.pid);
    stage.call(&mut sender, &call, 0);
    stage.finish();
}

pub fn exec(stage: &mut Stage) {
    const OTHER: &str = "/tmp/other";
    fs::copy("/bin/actor", OTHER).unwrap();
    let mut sender = stage.actor("sender");
    let call = format!("kill {} 10", sender.pid);
    stage.call(&mut sender, &call, 0);
    sender.exec(OTHER, ["first", "second"]);
    stage.call(&mut sender, &call, 0);
    sender.set_comm(b"a\"\xff\n");
    stage.call(&mut sender, &call, 0);
    fs::remove_file(OTHER).unwrap();
    stage.call(&mut sender, &call, 0);
    stage.finish();
}

pub fn pid_namespace(stage: &mut Stage) {
    let mut outside = stage.actor("outside");
    let mut init = stage.actor_in_pid_namespace("init");
    let child = init.get("child");
    init.make("unblock");
    let inner = global_id(init.pid, child).unwrap();
    stage.name(inner, "inner");
    // With its process 1.
    stage.doomed.push(inner);
    stage.call(&mut init, &format!("kill {child} 10"), 0);
    stage.call(&mut init, &format!("tgkill {child} {child} 0"), 0);
    // From inside it is protected.
    stage.call(&mut init, "kill 1 15", 0);
    stage.call(&mut init, "kill 1 9", 0);
    stage.call(&mut init, "kill -1 10", 0);
    stage.call(&mut outside, &format!("kill {inner} 10"), 0);
    stage.call(&mut outside, &format!("kill {} 15", init.pid), 0);
    stage.call(&mut outside, &format!("kill {} 9", init.pid), 0);
    stage.finish();
}

pub fn unit(stage: &mut Stage) {
    const SLICE: &str = "/sys/fs/cgroup/system.slice";
    const UNIT: &str = "/sys/fs/cgroup/system.slice/worker.service";
    fs::create_dir_all(UNIT).unwrap();
    let mut sender = stage.actor("sender");
    let target = stage.actor("target");
    let call = format!("kill {} 10", target.pid);
    stage.call(&mut sender, &call, 0);
    target.enter(UNIT.as_ref());
    stage.call(&mut sender, &call, 0);
    sender.enter(UNIT.as_ref());
    stage.call(&mut sender, &call, 0);
    stage.finish();
    drop((sender, target));
    for group in [UNIT, SLICE] {
        common::wait_until("an empty cgroup", || fs::remove_dir(group).is_ok());
    }
}
