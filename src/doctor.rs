//! `sigtrail doctor`: whether tracing works on this machine, and if not, what
//! would help.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags},
    process::{getpid, test_kill_process},
};

use crate::{
    event::Syscall,
    trace::{Args, Attach, Filters, Options, Storage, Tracer, preflight},
    wait::wait,
};

/// A small ring is enough for one signal. It does not test memory limits.
const RING_BYTES: usize = 64 << 10;
const CANARY_DEADLINE: Duration = Duration::from_secs(2);
/// How often to read the rings: a single record wakes nobody.
const DRAIN_INTERVAL: Duration = Duration::from_millis(1);

/// Prints one line for each check on stdout. Success means that all have
/// passed.
pub fn examine() -> ExitCode {
    let mut report = Report { failed: 0 };
    for need in preflight::NEEDS {
        report.line(need.name, (need.check)());
    }
    if report.failed == 0 {
        trace_canary(&mut report);
    }
    if report.failed == 0 {
        print("sigtrail works on this machine.");
        ExitCode::SUCCESS
    } else {
        print("sigtrail does not work here yet: see the lines that start with FAIL.");
        ExitCode::FAILURE
    }
}

/// Prints a line. If nobody reads it, the exit code has to do.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

struct Report {
    failed: usize,
}

impl Report {
    fn line(&mut self, name: &str, result: Result<String>) {
        match result {
            Ok(found) => print(&format!("ok    {name}: {found}")),
            Err(error) => {
                self.failed += 1;
                print(&format!("FAIL  {name}: {error:#}"));
            }
        }
    }
}

fn trace_canary(report: &mut Report) {
    let mut storage = Storage::uninit();
    let options = Options {
        filters: Filters {
            // By name, as the probes do not know this process's pid if it runs
            // in a pid namespace.
            sender_comms: own_comm().into_iter().collect(),
            ..Filters::default()
        },
        ring_bytes: RING_BYTES,
        args: Args::None,
        attach: Attach::Auto,
        arrangers: true,
    };
    let mut tracer = match Tracer::load(&mut storage, &options) {
        Ok(tracer) => tracer,
        Err(error) => return report.line("load", Err(error)),
    };
    report.line("load", Ok("the kernel took all BPF programs".to_owned()));
    for (program, result) in tracer.attach_each() {
        report.line("attach", result.map(|()| program));
    }
    tracer.start();
    if report.failed == 0 {
        report.line(
            "coverage",
            Ok(coverage(tracer.attach_name(), &tracer.uncovered())),
        );
        if let Ok((name, uncovered)) = Tracer::alternative(Attach::Light) {
            let found = coverage(name, &uncovered);
            print(&format!("      with --attach light: {found}"));
        }
        if let Some(why) = tracer.refusal() {
            print(&format!(
                "      kprobes would be better, but were refused: {why}"
            ));
        }
        report.line("canary", canary(&mut tracer));
    }
}

/// The way to hook the system calls, and what is not seen in full with it.
fn coverage(name: &str, uncovered: &[&str]) -> String {
    [&[name], uncovered].concat().join("; ")
}

fn own_comm() -> Option<String> {
    rustix::thread::name().ok()?.into_string().ok()
}

/// Sends signal 0 to this process and waits for the record of it.
fn canary(tracer: &mut Tracer<'_>) -> Result<String> {
    let (sent, own_pid) = (Instant::now(), getpid().as_raw_nonzero().get());
    test_kill_process(getpid()).context("sending signal 0 to itself")?;
    while sent.elapsed() < CANARY_DEADLINE {
        let mut fds: Vec<_> = (tracer.fds())
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        wait(&mut fds, DRAIN_INTERVAL).context("waiting for the rings")?;
        let (_, signals) = tracer.drain()?;
        let seen = (signals.calls.iter())
            .any(|call| call.syscall == Syscall::Kill && call.signal == 0 && call.arg == own_pid);
        if seen {
            return Ok(format!(
                "a signal to itself came back after {:.1} ms",
                sent.elapsed().as_secs_f64() * 1000.0
            ));
        }
    }
    bail!(
        "a signal to itself did not come back within {} s, although all programs are attached; \
         the counters say {:?}. Please report this with `uname -a`",
        CANARY_DEADLINE.as_secs(),
        tracer.counters()
    )
}
