//! A long run: calls at a steady rate, lines into files that are rotated and
//! compressed. Fails unless each call is a line or counted, the files that are
//! left are one run of lines, and memory stays flat; says how long the rings
//! were ever left alone.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use flate2::read::GzDecoder;
use rustix::{
    event::{Timespec, poll},
    process::{Pid, Signal, geteuid, getpid, kill_process, test_kill_process},
};
use serde_json::Value;

const CALLERS: u64 = 2;
const NAME: &str = "st-soak";
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Queue, rings and caches have filled by then.
const WARM_UP: Duration = Duration::from_secs(10);
const MOST_GROWTH_KIB: u64 = 4 << 10;
const MOST_GAP_MS: u64 = 100;

/// Runs sigtrail under a steady load. Needs root: `make soak` sees to that.
#[derive(Debug, Parser)]
struct Options {
    /// How long
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Calls a second; 0: as many as can be
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Size at which files are rotated
    #[arg(long, default_value = "16M")]
    rotate_size: String,
    /// What cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(
        geteuid().is_root(),
        "tracing needs root: `make soak` runs this through sudo"
    );
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("lines");
    let mut traced = Traced::start(&path, &options)?;
    let start = Instant::now();
    let calls = AtomicU64::new(0);
    let samples = load(&options, &calls, &traced)?;
    let took = start.elapsed();
    traced.stop()?;
    let calls = calls.load(Ordering::Relaxed);

    let (end, kept) = read(&files(&path)?)?;
    let number = |key: &str| {
        end[key]
            .as_u64()
            .with_context(|| format!("no {key} in {end}"))
    };
    let (events, lost, gap_ms) = (number("events")?, number("lost")?, number("gap_ms_max")?);
    let rate = calls as f64 / took.as_secs_f64();
    println!("calls           {calls} in {took:.1?}: {rate:.0} a second");
    println!(
        "lines           {events}, and {lost} lost {}",
        end["lost_by_reason"]
    );
    println!(
        "files           {} rotated; {kept} lines in those kept",
        number("rotations")?
    );
    println!("longest gap     {gap_ms} ms between two readings of the rings (most: {MOST_GAP_MS})");
    println!(
        "rings, queue    at most {} KiB of {}, {} KiB",
        number("ring_bytes_max")? / 1024,
        number("ring_bytes")? / 1024,
        number("queue_bytes_max")? / 1024
    );
    let cpu = number("cpu_ms")? as f64 / 1000.0 / took.as_secs_f64();
    println!("processor       {:.0} % of one", cpu * 100.0);
    let (least, most) = (samples.iter().min(), samples.iter().max());
    let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
    println!(
        "memory          {least} to {most} KiB in {} looks",
        samples.len()
    );

    ensure!(
        events + lost == calls,
        "{calls} calls are not {events} lines + {lost} lost"
    );
    ensure!(most - least <= MOST_GROWTH_KIB, "memory is not flat");
    Ok(())
}

/// Calls for as long as was asked for; gives the resident memory, second by second.
fn load(options: &Options, calls: &AtomicU64, traced: &Traced) -> Result<Vec<u64>> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            let caller = thread::Builder::new().name(NAME.to_owned());
            caller.spawn_scoped(scope, || call(options.rate / CALLERS, calls, &stop))?;
        }
        let start = Instant::now();
        let warm_up = WARM_UP.min(options.duration / 2);
        let mut samples = Vec::new();
        let result = loop {
            if start.elapsed() >= options.duration {
                break Ok(samples);
            }
            wait((options.duration - start.elapsed()).min(Duration::from_secs(1)));
            match traced.resident_kib() {
                Ok(kib) if start.elapsed() > warm_up => samples.push(kib),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn call(rate: u64, calls: &AtomicU64, stop: &AtomicBool) {
    const BURST: u64 = 100;
    let (start, mut made) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let due = start.elapsed().as_micros() as u64 * rate / 1_000_000;
        if rate > 0 && made >= due {
            wait(Duration::from_millis(1));
            continue;
        }
        for _ in 0..BURST {
            // It exists; the call is what counts.
            let _ = test_kill_process(getpid());
        }
        made += BURST;
        calls.fetch_add(BURST, Ordering::Relaxed);
    }
}

fn wait(time: Duration) {
    let timeout = Timespec {
        tv_sec: time.as_secs() as i64,
        tv_nsec: time.subsec_nanos().into(),
    };
    // A signal ends it early, which does no harm.
    let _ = poll(&mut [], Some(&timeout));
}

struct Traced {
    child: Child,
}

impl Traced {
    fn start(path: &Path, options: &Options) -> Result<Self> {
        let longest = options.duration + 4 * START_TIMEOUT;
        let child = Command::new(env!("CARGO_BIN_EXE_sigtrail"))
            .args(["--sender-comm", NAME, "--keep", "5", "--fsync", "1s"])
            .args(["--rotate-size", &options.rotate_size])
            // Whatever becomes of this process, it ends.
            .args(["--duration", &format!("{}s", longest.as_secs())])
            .arg("-o")
            .arg(path)
            .stdin(Stdio::null())
            .spawn()
            .context("starting sigtrail")?;
        let mut traced = Self { child };
        let start = Instant::now();
        while fs::metadata(path).map_or(0, |data| data.len()) == 0 {
            ensure!(start.elapsed() < START_TIMEOUT, "sigtrail does not start");
            if let Some(status) = traced.child.try_wait()? {
                bail!("sigtrail ended: {status}");
            }
            wait(Duration::from_millis(5));
        }
        Ok(traced)
    }

    fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        (status.lines())
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .context("no VmRSS in /proc/PID/status")
    }

    fn stop(&mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "sigtrail ended with {status}");
        Ok(())
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The files that are left, oldest first.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .context("a path")?;
    let mut found = Vec::new();
    for entry in fs::read_dir(path.parent().context("a path")?)? {
        let path = entry?.path();
        let rest = path
            .file_name()
            .and_then(|found| found.to_str()?.strip_prefix(name));
        let Some(rest) = rest else { continue };
        let number = rest.trim_start_matches('.').trim_end_matches(".gz");
        found.push((number.parse::<u32>().unwrap_or(0), path));
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

/// The last line of all, and how many there are. Each is one, and the next one.
fn read(files: &[PathBuf]) -> Result<(Value, u64)> {
    let (mut last, mut count) = (None::<Value>, 0);
    for path in files {
        let file = File::open(path)?;
        let file: Box<dyn Read> = if path.extension().is_some_and(|it| it == "gz") {
            Box::new(GzDecoder::new(file))
        } else {
            Box::new(file)
        };
        for line in BufReader::new(file).lines() {
            let line: Value =
                serde_json::from_str(&line?).with_context(|| format!("in {}", path.display()))?;
            let seq = line["seq"].as_u64();
            if let Some(before) = &last {
                let expected = before["seq"].as_u64().map(|seq| seq + 1);
                ensure!(
                    seq == expected,
                    "{seq:?} is not {expected:?} in {}",
                    path.display()
                );
            }
            count += 1;
            last = Some(line);
        }
    }
    Ok((last.context("no lines")?, count))
}
