//! The system calls, whom they mean, and what they return.

use common::{EINVAL, EPERM, ESRCH, process::global_id};

use crate::stage::Stage;

pub fn processes_and_threads(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let pid = sender.pid;
    let child = stage.make(&mut sender, "child", "child");
    let thread = stage.make(&mut sender, "thread", "thread");
    stage.call(&mut sender, &format!("kill {pid} 10"), 0);
    stage.call(&mut sender, &format!("kill {child} 0"), 0);
    stage.call(&mut sender, &format!("kill {child} 10"), 0);
    stage.call(&mut sender, &format!("tkill {child} 10"), 0);
    stage.call(&mut sender, &format!("tgkill {child} {child} 10"), 0);
    stage.call(&mut sender, &format!("tkill {thread} 12"), 0);
    stage.call(&mut sender, &format!("tgkill {pid} {thread} 12"), 0);
    stage.call(&mut sender, &format!("tgkill {pid} {thread} 0"), 0);
    // A thread's id means its process here.
    stage.call(&mut sender, &format!("kill {thread} 10"), 0);
    stage.thread_call(&mut sender, "caller", &format!("kill {pid} 10"), 0);
    // The kernel reads the lower halves of registers.
    let dirty = format!("kill {:#x} 0xdeadbeef0000000a", child | 0x1_0000_0000);
    stage.call(&mut sender, &dirty, 0);
    stage.finish();
}

pub fn groups(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    assert_eq!(sender.get("lead"), sender.pid);
    let group = sender.ask("group 3");
    for (member, name) in group.iter().zip(["leader", "second", "third"]) {
        stage.name(*member, name);
    }
    let mut init = stage.actor_in_pid_namespace("init");
    let leader = group[0];
    stage.call(&mut sender, "kill 0 10", 0);
    stage.call(&mut sender, &format!("kill -{leader} 0"), 0);
    stage.call(&mut sender, &format!("kill -{leader} 10"), 0);
    stage.call(&mut init, "kill -1 10", ESRCH);
    for name in ["inner", "another"] {
        let child = init.get("child");
        let pid = global_id(init.pid, child).unwrap();
        stage.name(pid, name);
    }
    stage.call(&mut init, "kill -1 10", 0);
    stage.call(&mut sender, &format!("kill -{leader} 9"), 0);
    for member in group {
        assert_eq!(sender.get(&format!("reap {member}")), 9);
    }
    stage.finish();
}

pub fn failures(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let (child, gone) = (
        stage.make(&mut sender, "child", "child"),
        stage.make(&mut sender, "gone", "gone"),
    );
    let mut stranger = stage.actor("stranger");
    stranger.make("ids 65534 65533");
    let pid = sender.pid;
    for call in [
        format!("kill {gone} 15"),
        format!("kill {gone} 0"),
        format!("tkill {gone} 15"),
        format!("tgkill {gone} {gone} 15"),
        format!("tgkill {pid} {child} 15"),
        format!("kill -{gone} 15"),
        format!("kill {} 15", i32::MIN),
    ] {
        stage.call(&mut sender, &call, ESRCH);
    }
    for call in [
        format!("kill {child} 65"),
        format!("kill {child} -1"),
        format!("tkill {child} 65"),
        "tkill 0 15".to_owned(),
        format!("tgkill {child} -1 15"),
    ] {
        stage.call(&mut sender, &call, EINVAL);
    }
    for call in [
        format!("kill {child} 0"),
        format!("kill {child} 9"),
        format!("tkill {child} 9"),
        format!("tgkill {child} {child} 9"),
        format!("kill -{child} 9"),
    ] {
        stage.call(&mut stranger, &call, EPERM);
    }
    stage.finish();
}

pub fn last_words(stage: &mut Stage) {
    let names = ["kills", "terminates", "tkills", "tgkills", "leads"];
    let mut actors = names.map(|name| stage.actor(name));
    for actor in &mut actors {
        actor.make("unblock");
    }
    let [kills, terminates, tkills, tgkills, mut leads] = actors;
    let call = format!("kill {} 9", kills.pid);
    stage.last_call(kills, &call, 9);
    let call = format!("kill {} 15", terminates.pid);
    stage.last_call(terminates, &call, 15);
    let call = format!("tkill {} 9", tkills.pid);
    stage.last_call(tkills, &call, 9);
    let call = format!("tgkill {0} {0} 15", tgkills.pid);
    stage.last_call(tgkills, &call, 15);
    assert_eq!(leads.get("lead"), leads.pid);
    stage.last_call(leads, "kill 0 9", 9);
    stage.finish();
}
