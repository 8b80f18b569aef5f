//! Readers and pollers that stop, and ends that come at any moment.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::{
    Actor, Daemon, Killed, QUIET, Run, command, count, directory, own_comm, suspend, timed,
    wait_until,
};
use rustix::process::{Pid, Signal, getpid, kill_process, test_kill_process};
use serde_json::Value;
use sigtrail::monotonic_ns;

use super::{Random, Stop, last};

#[test]
fn a_reader_that_stops_for_ten_seconds_stops_nothing_else() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("slow");
    let mut run = command(&actor.filter());
    run.args(["--queue-size", "64K", "--duration", "20m"]);
    let mut tracer = Killed(run.stdout(Stdio::piped()).spawn().unwrap());
    let mut cat = Command::new("cat");
    cat.stdin(tracer.0.stdout.take().unwrap())
        .stdout(fs::File::create(&path).unwrap());
    let mut reader = Killed(cat.spawn().unwrap());
    // The command has a copy of the pipe.
    drop(cat);
    wait_until("the start", || count(&path, "started") == 1);
    let reader_pid = Pid::from_child(&reader.0);
    suspend(reader_pid);
    let mut calls = actor.flood(1, 1, 2000);
    last(Duration::from_secs(10));
    // The rings were emptied meanwhile: what was lost was lost behind them.
    calls += actor.flood(1, 1, 10);
    kill_process(reader_pid, Signal::CONT).unwrap();
    wait_until("the loss in the stream", || {
        let text = fs::read_to_string(&path).unwrap();
        text.contains(r#""reason":"sink_full""#)
    });
    calls += actor.flood(1, 1, 5);
    kill_process(Pid::from_child(&tracer.0), Signal::TERM).unwrap();
    assert_eq!(tracer.0.wait().unwrap().code(), Some(0));
    reader.0.wait().unwrap();
    let run = Run::read([&path]);
    run.assert_law(calls).assert_lost_by("sink_full");
}

#[test]
fn a_poller_that_stops_for_two_seconds_counts_what_the_rings_refused() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("stopped");
    let daemon = Daemon::of(&actor, &path, &["--ring-size", "64K"]);
    daemon.suspend();
    let calls = actor.flood(1, 1, 20_000);
    last(Duration::from_secs(2));
    daemon.signal(Signal::CONT);
    wait_until("the loss in the file", || {
        fs::read_to_string(&path).is_ok_and(|text| text.contains(r#""reason":"ring_full""#))
    });
    let run = daemon.stop();
    run.assert_law(calls).assert_lost_by("ring_full");
    // It was as full as a ring can be, but for a record.
    let fullest = run.end()["ring_bytes_max"].as_u64().unwrap();
    assert!((60 << 10..=64 << 10).contains(&fullest), "{fullest}");
}

/// Calls ten thousand times a second, as long as `work` takes. It is given the
/// arguments by which only these calls are traced, and their number so far.
fn pace<T>(base: &str, work: impl FnOnce(&[&str], &AtomicU64) -> T) -> T {
    const BURST: u64 = 50;
    let name = own_comm(base, std::process::id().into());
    let (calls, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let caller = thread::Builder::new().name(name.clone());
        let caller = caller.spawn_scoped(scope, || {
            let start = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let due = (start.elapsed().as_millis() as u64) * 10;
                while calls.load(Ordering::Relaxed) < due {
                    for _ in 0..BURST {
                        test_kill_process(getpid()).unwrap();
                    }
                    calls.fetch_add(BURST, Ordering::Relaxed);
                }
                last(Duration::from_millis(5));
            }
        });
        let _stop = Stop(&stop);
        caller.unwrap();
        work(&["--sender-comm", &name], &calls)
    })
}

#[test]
fn told_to_end_under_ten_thousand_calls_a_second_it_ends_while_they_go_on() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = directory();
        let path = directory.path().join("lines");
        pace("paced", |filter, calls| {
            let made = || calls.load(Ordering::Relaxed);
            let daemon = Daemon::start(&path, filter);
            let started = made();
            wait_until("ten thousand calls", || made() > started + 10_000);
            let before = made() - started;
            let (output, took) = timed(|| daemon.end(signal));
            let after = made();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            println!("ended after {took:?}");
            let run = Run::read([&path]);
            run.assert_totals();
            // Before the first reading it traced already, and some were under way at the end.
            let known = run.signals + run.lost;
            assert!(
                (before - 50..=after).contains(&known),
                "{before}, {known}, {after}"
            );
        });
    }
}

/// Two hundred in all take ten runs: each costs a start and an end.
#[test]
fn killed_at_random_moments_it_leaves_whole_lines_and_goes_on() {
    const ROUNDS: u64 = 20;
    let directory = directory();
    let path = directory.path().join("lines");
    let mut random = Random::default();
    // Other moments each time.
    random.0 ^= monotonic_ns();
    pace("killed", |filter, _| {
        for round in 0..ROUNDS {
            let daemon = Daemon::start(&path, filter);
            last(Duration::from_micros(random.below(50_000)));
            let output = daemon.end(Signal::KILL);
            assert_eq!(output.status.signal(), Some(9), "{output:?}");
            // Every second time as a crash of the machine would leave it.
            if round % 2 == 0 {
                let file = fs::File::options().write(true).open(&path).unwrap();
                let length = file.metadata().unwrap().len();
                file.set_len(length - random.below(200)).unwrap();
            }
        }
    });
    Daemon::start(&path, &QUIET).finish();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n'));
    let (mut torn, mut runs, mut seq) = (0, 0, 0);
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            torn += 1;
            continue;
        };
        let found = value["seq"].as_u64().unwrap();
        assert!(found == seq + 1 || found == 1, "{found} after {seq}");
        runs += u64::from(found == 1);
        seq = found;
    }
    // A crash may take a run's only line.
    assert!(
        torn <= ROUNDS && runs <= ROUNDS + 1,
        "{torn} torn, {runs} runs"
    );
    assert!(torn > 0 && runs > ROUNDS / 2, "{torn} torn, {runs} runs");
    assert_eq!(count(&path, "stopped"), 1);
}
