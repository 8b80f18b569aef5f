//! The ways to hook the system calls (`--attach`), whichever of them this
//! kernel gets by itself.

use crate::stage::Stage;

pub fn each(stage: &mut Stage) {
    let mut wide = stage.actor("wide");
    let mut narrow = stage.narrow_actor("narrow");
    let child = stage.make(&mut wide, "child", "child");
    let senders = format!("{},{}", wide.pid, narrow.pid);
    for way in ["tracepoint", "kprobe", "raw"] {
        stage.trace(&["--attach", way, "-p", &senders]);
        stage.call(&mut wide, &format!("kill {child} 10"), 0);
        stage.call(&mut wide, &format!("kill {child} 0"), 0);
        // Without the kernel's word on its end, this is a line all the same.
        stage.call_by("call32", &mut narrow, &format!("kill {child} 10"), 0);
        stage.finish();
    }
}
