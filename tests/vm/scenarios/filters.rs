//! Filters: calls that pass and calls that do not.

use common::ESRCH;

use crate::stage::Stage;

pub fn all(stage: &mut Stage) {
    let mut sender = stage.actor("sender");
    let wanted = stage.make(&mut sender, "wanted", "make handle 10");
    let other = stage.make(&mut sender, "other", "make handle 10 65534");
    let gone = stage.make(&mut sender, "gone", "gone");
    sender.set_comm(b"sender");
    let pid = sender.pid.to_string();

    let wanted_pid = wanted.to_string();
    stage.trace(&[
        "-s",
        "USR1",
        "--sender-comm",
        "sender",
        "-t",
        &wanted_pid,
        "--syscall",
        "kill,tkill",
    ]);
    stage.call(&mut sender, &format!("kill {wanted} 10"), 0);
    stage.call(&mut sender, &format!("tkill {wanted} 10"), 0);
    stage.unseen(&mut sender, &format!("tgkill {wanted} {wanted} 10"), 0);
    stage.unseen(&mut sender, &format!("kill {wanted} 0"), 0);
    stage.unseen(&mut sender, &format!("kill {other} 10"), 0);
    sender.set_comm(b"another");
    stage.unseen(&mut sender, &format!("kill {wanted} 10"), 0);
    stage.finish();

    stage.trace(&["-x", "-p", &pid]);
    stage.unseen(&mut sender, &format!("kill {wanted} 10"), 0);
    stage.call(&mut sender, &format!("kill {gone} 10"), ESRCH);
    stage.finish();

    stage.trace(&["--fatal", "--target-uid", "65534", "-p", &pid]);
    stage.unseen(&mut sender, &format!("kill {other} 10"), 0);
    stage.unseen(&mut sender, &format!("kill {wanted} 9"), 0);
    stage.call(&mut sender, &format!("kill {other} 9"), 0);
    stage.finish();
}
