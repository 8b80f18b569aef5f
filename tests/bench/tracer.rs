//! A tracer under test: started, seen to trace, measured, stopped, and its
//! output counted.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open},
};

/// Loading can take seconds where a compiler is started for it.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(5);
/// Some 80 lines fill the buffer that hides a peer's first ones.
const PROBES_A_TICK: u32 = 40;
/// A tracer that uses less than this of a core over a tick is done.
const QUIET: f64 = 0.05;
const QUIET_TICK: Duration = Duration::from_millis(60);
const QUIET_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How to find the sender in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// sigtrail's JSON.
    Json,
    /// The second word: `TIME PID COMM SIG TPID RESULT`.
    Columns,
}

/// How to start a tracer.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name in the tables.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// How to read what it prints.
    pub lines: Lines,
}

/// A tracer that is attached.
#[derive(Debug)]
pub struct Tracer {
    child: Child,
    exit: OwnedFd,
    out: PathBuf,
    lines: Lines,
}

impl Tracer {
    /// Starts it with its output in a file and returns when signals that this
    /// process sends to itself come out.
    ///
    /// # Errors
    /// It ended, or shows nothing for too long.
    pub fn start(spec: &Spec, directory: &Path) -> Result<Self> {
        let out = directory.join("out");
        let (program, args) = spec.command.split_first().context("an empty command")?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(directory.join("err"))?)
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        let pid = pid_of(&child)?;
        let mut tracer = Self {
            child,
            exit: pidfd_open(pid, PidfdFlags::empty())?,
            out,
            lines: spec.lines,
        };
        let deadline = Instant::now() + START_TIMEOUT;
        let own = getpid().as_raw_nonzero().get().unsigned_abs();
        while tracer.count(own)? == 0 {
            if tracer.exited_within(TICK)? || Instant::now() > deadline {
                let said = fs::read_to_string(directory.join("err"))?;
                tracer.stop()?;
                bail!("{} does not trace: {}", spec.name, said.trim());
            }
            for _ in 0..PROBES_A_TICK {
                kill_process(getpid(), Signal::WINCH)?;
            }
        }
        tracer.until_quiet()?;
        Ok(tracer)
    }

    /// Lines whose sender is this process.
    ///
    /// # Errors
    /// The output can't be read.
    pub fn count(&self, pid: u32) -> Result<u64> {
        let mut reader = BufReader::with_capacity(1 << 20, File::open(&self.out)?);
        let json = format!("\"sender\":{{\"pid\":{pid},");
        let word = pid.to_string();
        let (mut line, mut count) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            count += u64::from(match self.lines {
                Lines::Json => text.contains(&json),
                Lines::Columns => text.split_whitespace().nth(1) == Some(&word),
            });
            line.clear();
        }
        Ok(count)
    }

    /// Waits until it has worked off what it was given.
    ///
    /// # Errors
    /// It ended.
    pub fn until_quiet(&mut self) -> Result<()> {
        let deadline = Instant::now() + QUIET_TIMEOUT;
        while Instant::now() < deadline && self.busy(QUIET_TICK)? > QUIET {
            // The look itself took the time.
        }
        Ok(())
    }

    /// How much of a core it uses over the time to come.
    ///
    /// # Errors
    /// It ended.
    pub fn busy(&mut self, time: Duration) -> Result<f64> {
        let (start, before) = (Instant::now(), self.cpu_time()?);
        if self.exited_within(time)? {
            bail!("the tracer ended by itself");
        }
        let used = self.cpu_time()?.saturating_sub(before);
        Ok(used.as_secs_f64() / start.elapsed().as_secs_f64())
    }

    /// CPU time, user and kernel, of its threads so far.
    ///
    /// # Errors
    /// It ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut ns = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = task?.path().join("schedstat");
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let used = text.split_whitespace().next().unwrap_or_default();
            ns += used
                .parse::<u64>()
                .with_context(|| format!("in {}", path.display()))?;
        }
        Ok(Duration::from_nanos(ns))
    }

    /// The most memory it has had, in MiB.
    ///
    /// # Errors
    /// It ended.
    pub fn peak_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = (status.lines())
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .context("no VmHWM in /proc/PID/status")?;
        Ok(kib / 1024.0)
    }

    /// Ends it as Ctrl-C does and waits until its output is complete.
    ///
    /// # Errors
    /// It can't be waited for.
    pub fn stop(&mut self) -> Result<()> {
        let pid = pid_of(&self.child)?;
        if self.child.try_wait()?.is_none() {
            kill_process(pid, Signal::INT)?;
            if !self.exited_within(STOP_TIMEOUT)? {
                self.child.kill()?;
            }
        }
        self.child.wait()?;
        Ok(())
    }

    fn exited_within(&self, time: Duration) -> Result<bool> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            match poll(
                &mut [PollFd::new(&self.exit, PollFlags::IN)],
                Some(&timeout),
            ) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // After an error: leave nothing attached.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid_of(child: &Child) -> Result<Pid> {
    Pid::from_raw(i32::try_from(child.id())?).context("a process without a number")
}
