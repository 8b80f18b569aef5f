//! A short life of signals, recorded to a file.

use std::{fs, path::Path};

use super::{Actor, Daemon, kill, tgkill, tkill, wait_until};

const TERM: i64 = 15;
const USR1: i64 = 10;

/// Records calls of each kind and with each kind of result to `path`, while
/// nothing else is recorded. Gives how many there were.
pub fn record(path: &Path) -> usize {
    let mut actor = Actor::start();
    let (pid, child, gone) = (actor.pid, actor.get("child"), actor.get("gone"));
    // The test is in the group that the actor starts in.
    assert_eq!(actor.get("lead"), pid);
    let _ = actor.get("child");
    let mut victim = Actor::start();
    victim.make("unblock");

    let daemon = Daemon::start(path, &["-p", &pid.to_string()]);
    let calls = [
        kill(child, 0),
        kill(child, USR1),
        kill(child, USR1),
        tkill(child, 34),
        tgkill(pid, pid, USR1),
        tgkill(child, pid, USR1),
        kill(gone, TERM),
        kill(child, 65),
        kill(0, USR1),
        kill(-pid, 0),
        kill(victim.pid, TERM),
    ];
    for call in calls {
        actor.get(&format!("call {}", call.command()));
    }
    assert_eq!(victim.death(), 15);
    wait_until("all lines", || signal_lines(path) >= calls.len());
    daemon.finish();
    assert_eq!(signal_lines(path), calls.len());
    calls.len()
}

fn signal_lines(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    text.matches(r#""type":"signal""#).count()
}
