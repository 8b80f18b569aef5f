//! What tracing costs: sigtrail beside no tracer, bcc's sigsnoop and
//! bpftrace's killsnoop. All are measured in turn, round by round, so that
//! whatever else the machine does meets all of them.
//!
//! It reports and never fails for a missed target.

mod flood;
mod others;
mod report;
mod table;
mod tracer;

use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
    process,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use rustix::{process::geteuid, thread::sched_getaffinity};
use tempfile::TempDir;

use crate::{
    flood::{Call, Flooder},
    report::{Row, report},
    table::{mean, median, number, percent, print, spread},
    tracer::{Lines, Spec, Tracer},
};

const KILLSNOOP: [&str; 2] = [
    "/usr/sbin/killsnoop.bt",
    "/usr/share/bpftrace/tools/killsnoop.bt",
];
/// bcc's libbpf tools, as Debian and as Fedora call it.
const SIGSNOOP: [&str; 3] = [
    "/usr/sbin/sigsnoop",
    "/usr/sbin/bpf-sigsnoop",
    "/usr/bin/bpf-sigsnoop",
];
const RING_SIZES: [&str; 7] = ["32K", "64K", "128K", "256K", "512K", "1M", "4M"];

/// The one that is to cost no other system call anything.
const LIGHT: &str = "sigtrail --attach light";

const IDLE_TRIES: usize = 3;

/// Measures what tracing costs. Needs root, sigsnoop and killsnoop.bt:
/// `make bench` sees to that.
#[derive(Debug, Parser)]
struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Instead of the peers, compare sizes of sigtrail's rings
    #[arg(long)]
    rings: bool,
    /// Instead of the peers, measure only what other system calls pay
    #[arg(long)]
    others: bool,
    /// One more row: sigtrail with these options [repeatable]
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    with: Vec<String>,
    /// Rounds
    #[arg(long)]
    rounds: Option<usize>,
    /// What cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if !geteuid().is_root() {
        bail!("tracing needs root: `make bench` runs this through sudo");
    }
    let bench = Bench::new(&options)?;
    if options.rings {
        bench.rings()
    } else if options.others {
        bench.others()
    } else {
        bench.peers(&options.with)
    }
}

struct Bench {
    rounds: usize,
    flood_time: Duration,
    idle_time: Duration,
    cpus: Vec<usize>,
    flooder: Flooder,
    directory: TempDir,
}

impl Bench {
    fn new(options: &Options) -> Result<Self> {
        let set = sched_getaffinity(None)?;
        let cpus: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|&cpu| set.is_set(cpu))
            .collect();
        // A disk would be what is measured.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            TempDir::new_in(memory)
        } else {
            TempDir::new()
        }?;
        Ok(Self {
            rounds: (options.rounds)
                .unwrap_or(if options.quick { 3 } else { 9 })
                .max(1),
            flood_time: Duration::from_millis(if options.quick { 300 } else { 500 }),
            idle_time: Duration::from_secs(if options.quick { 3 } else { 10 }),
            cpus,
            flooder: Flooder::compile(directory.path())?,
            directory,
        })
    }

    /// The flooder's CPU. The tracers run where the scheduler puts them.
    fn cpu(&self) -> usize {
        self.cpus.last().copied().unwrap_or(0)
    }

    fn say_how(&self) {
        println!(
            "sigtrail {}, kernel {}, {} CPUs. One flooder calls kill(self, 0) without a pause on \
             CPU {};\ntracers run where the scheduler puts them and write to a file in {}.\n\
             Medians of {} interleaved rounds of {} ms each.\n",
            env!("CARGO_PKG_VERSION"),
            rustix::system::uname().release().to_string_lossy(),
            self.cpus.len(),
            self.cpu(),
            self.directory
                .path()
                .parent()
                .unwrap_or(Path::new("/"))
                .display(),
            self.rounds,
            self.flood_time.as_millis(),
        );
    }

    /// For whoever is waiting; after the last round, nothing.
    fn say_round(&self, round: usize) {
        if !io::stderr().is_terminal() {
            return;
        }
        if round < self.rounds {
            eprint!("\rround {} of {} ", round + 1, self.rounds);
        } else {
            eprint!("\r{:20}\r", "");
        }
    }

    fn peers(&self, with: &[String]) -> Result<()> {
        let own = process::id().to_string();
        let mut specs = vec![
            sigtrail("sigtrail", &[]),
            sigtrail("sigtrail, excluded by -s '!0'", &["-s", "!0"]),
            sigtrail("sigtrail, excluded by -p PID", &["-p", &own]),
            sigtrail("sigtrail --attach raw", &["--attach", "raw"]),
            sigtrail(LIGHT, &["--attach", "light"]),
        ];
        for options in with {
            let words: Vec<&str> = options.split_whitespace().collect();
            specs.push(sigtrail(&format!("sigtrail {options}"), &words));
        }
        let first_peer = specs.len();
        specs.push(peer("bcc sigsnoop -k", &[], &SIGSNOOP, &["-k"])?);
        specs.push(peer(
            "bpftrace killsnoop.bt",
            &["bpftrace"],
            &KILLSNOOP,
            &[],
        )?);

        let mut rows: Vec<Row> = (specs.iter().enumerate())
            .map(|(index, spec)| Row::new(&spec.name, index >= first_peer))
            .collect();
        let mut untraced = Row::new("untraced", false);
        self.say_how();
        for round in 0..self.rounds {
            self.say_round(round);
            self.flood_all(&mut untraced)?;
            for step in 0..specs.len() {
                // Nobody always comes first.
                let index = (round + step) % specs.len();
                if let (Some(spec), Some(row)) = (specs.get(index), rows.get_mut(index)) {
                    self.measure(spec, row)
                        .with_context(|| spec.name.to_owned())?;
                }
            }
        }
        self.say_round(self.rounds);
        let (idle, lines) = self.idle()?;
        report(&untraced, &rows, idle, lines, self.idle_time);
        println!();
        self.others()
    }

    fn flood_all(&self, row: &mut Row) -> Result<()> {
        for call in Call::ALL {
            let flood = self.flooder.run(call, self.cpu(), self.flood_time)?;
            row.add(call, flood);
        }
        Ok(())
    }

    fn measure(&self, spec: &Spec, row: &mut Row) -> Result<()> {
        let mut tracer = Tracer::start(spec, self.directory.path())?;
        let before = tracer.cpu_time()?;
        let flood = self
            .flooder
            .run(Call::Exists, self.cpu(), self.flood_time)?;
        tracer.until_quiet()?;
        let used = tracer.cpu_time()?.saturating_sub(before);
        row.cpu_us
            .push(used.as_secs_f64() * 1e6 / flood.calls as f64);
        for call in Call::ALL {
            if call == Call::Exists {
                row.add(call, flood);
                continue;
            }
            let flood = self.flooder.run(call, self.cpu(), self.flood_time)?;
            row.add(call, flood);
            tracer.until_quiet()?;
        }
        row.mib.push(tracer.peak_mib()?);
        tracer.stop()?;
        row.share
            .push(tracer.count(flood.pid)? as f64 / flood.calls as f64);
        Ok(())
    }

    /// Share of a core without a flood, and the lines that came all the same:
    /// the quietest of a few tries, for others may send signals.
    fn idle(&self) -> Result<(f64, u64)> {
        let mut quietest = None;
        for _ in 0..IDLE_TRIES {
            let mut tracer = Tracer::start(&sigtrail("sigtrail", &[]), self.directory.path())?;
            let before = newlines(self.directory.path())?;
            let busy = tracer.busy(self.idle_time)?;
            let lines = newlines(self.directory.path())? - before;
            tracer.stop()?;
            if quietest.is_none_or(|(_, fewest)| lines < fewest) {
                quietest = Some((busy, lines));
            }
            if lines == 0 {
                break;
            }
        }
        quietest.context("never idle")
    }

    /// The smallest ring that keeps the price and loses nothing is the one to
    /// choose.
    fn rings(&self) -> Result<()> {
        let time = self.flood_time * 4;
        let specs = RING_SIZES.map(|size| sigtrail(size, &["--ring-size", size]));
        let mut rows = RING_SIZES.map(|_| Row::default());
        let mut shares = RING_SIZES.map(|_| Vec::new());
        self.say_how();
        for round in 0..self.rounds {
            self.say_round(round);
            for ((spec, row), shares) in specs.iter().zip(&mut rows).zip(&mut shares) {
                self.measure(spec, row)?;
                let mut tracer = Tracer::start(spec, self.directory.path())?;
                let floods = self.flooder.run_on_all(Call::Exists, &self.cpus, time)?;
                tracer.until_quiet()?;
                tracer.stop()?;
                let (mut lines, mut calls) = (0, 0);
                for flood in floods {
                    lines += tracer.count(flood.pid)?;
                    calls += flood.calls;
                }
                shares.push(lines as f64 / calls as f64);
            }
        }
        self.say_round(self.rounds);
        let heading = [
            "--ring-size",
            "ns/kill",
            "±",
            "lines",
            "lines, all CPUs flooded",
            "CPU µs/event",
            "RSS MiB",
        ];
        let mut cells = vec![heading.map(str::to_owned).to_vec()];
        for ((spec, row), shares) in specs.iter().zip(&rows).zip(&shares) {
            cells.push(vec![
                spec.name.clone(),
                number(median(row.ns(Call::Exists))),
                percent(spread(row.ns(Call::Exists))),
                percent(mean(&row.share)),
                percent(mean(shares)),
                number(median(&row.cpu_us)),
                number(median(&row.mib)),
            ]);
        }
        print(&cells);
        Ok(())
    }
}

fn sigtrail(name: &str, options: &[&str]) -> Spec {
    let program = env!("CARGO_BIN_EXE_sigtrail");
    Spec {
        name: name.to_owned(),
        command: ([program].iter().chain(options))
            .map(|&word| word.to_owned())
            .collect(),
        lines: Lines::Json,
    }
}

fn peer(name: &str, before: &[&str], places: &[&str], after: &[&str]) -> Result<Spec> {
    let place = (places.iter())
        .find(|place| Path::new(place).exists())
        .with_context(|| format!("{name} is not installed: `make bench` installs it"))?;
    Ok(Spec {
        name: name.to_owned(),
        command: (before.iter().chain([place]).chain(after))
            .map(|&word| word.to_owned())
            .collect(),
        lines: Lines::Columns,
    })
}

fn newlines(directory: &Path) -> Result<u64> {
    let text = fs::read(directory.join("out"))?;
    Ok(text.iter().filter(|&&byte| byte == b'\n').count() as u64)
}
