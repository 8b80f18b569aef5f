//! What tracing costs: sigtrail beside no tracer, bcc's sigsnoop and
//! bpftrace's killsnoop. All are measured in turn, round by round, so that
//! whatever else the machine does meets all of them.
//!
//! It reports and never fails for a missed target.

mod flood;
mod others;
mod table;
mod tracer;

use std::{
    collections::BTreeMap,
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
    flood::{Call, Flood, Flooder},
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

const WORST_RATIO: f64 = 1.0 / 7.0;
const WORST_RATIO_REACHED: f64 = 1.0 / 4.0;
const MOST_CPU_US: f64 = 1.5;
const MOST_IDLE: f64 = 0.002;
const MOST_MIB: f64 = 16.0;

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

/// What all rounds found of a row.
#[derive(Debug, Default)]
struct Row {
    name: String,
    peer: bool,
    /// ns a call, of those of [`Call::ALL`].
    ns: BTreeMap<Call, Vec<f64>>,
    share: Vec<f64>,
    cpu_us: Vec<f64>,
    mib: Vec<f64>,
}

impl Row {
    fn add(&mut self, call: Call, flood: Flood) {
        self.ns.entry(call).or_default().push(flood.ns_per_call);
    }

    fn ns(&self, call: Call) -> &[f64] {
        self.ns.get(&call).map_or(&[], Vec::as_slice)
    }

    /// Round by round, for the machine's mood changes in between.
    fn added(&self, call: Call, untraced: &Self) -> f64 {
        let pairs = self.ns(call).iter().zip(untraced.ns(call));
        median(
            &pairs
                .map(|(traced, plain)| traced - plain)
                .collect::<Vec<_>>(),
        )
    }
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
            .map(|(index, spec)| Row {
                name: spec.name.clone(),
                peer: index >= first_peer,
                ..Row::default()
            })
            .collect();
        let mut untraced = Row {
            name: "untraced".to_owned(),
            ..Row::default()
        };
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

fn one_in(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 1.0 {
        format!("1/{:.1}", 1.0 / ratio)
    } else {
        number(ratio)
    }
}

fn report(untraced: &Row, rows: &[Row], idle: f64, idle_lines: u64, idle_time: Duration) {
    let cheapest = (rows.iter().filter(|row| row.peer))
        .map(|row| row.added(Call::Exists, untraced))
        .fold(f64::INFINITY, f64::min);
    let heading = [
        "",
        "ns/kill",
        "±",
        "ns added",
        "of cheapest peer's",
        "calls as lines",
        "CPU µs/event",
        "RSS MiB",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.push(vec![
        untraced.name.clone(),
        number(median(untraced.ns(Call::Exists))),
        percent(spread(untraced.ns(Call::Exists))),
    ]);
    for row in rows {
        let added = row.added(Call::Exists, untraced);
        cells.push(vec![
            row.name.clone(),
            number(median(row.ns(Call::Exists))),
            percent(spread(row.ns(Call::Exists))),
            number(added),
            one_in(added / cheapest),
            percent(mean(&row.share)),
            number(median(&row.cpu_us)),
            number(median(&row.mib)),
        ]);
    }
    print(&cells);

    println!("\nOther calls, ns each and (ns added):\n");
    let heading = [
        "",
        "getppid",
        "kill, ignored",
        "kill, blocked",
        "kill, handled",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    for row in [untraced].into_iter().chain(rows) {
        let mut line = vec![row.name.clone()];
        for call in Call::ALL.into_iter().filter(|&call| call != Call::Exists) {
            let ns = number(median(row.ns(call)));
            line.push(if row.share.is_empty() {
                ns
            } else {
                format!("{ns} ({})", number(row.added(call, untraced)))
            });
        }
        cells.push(line);
    }
    print(&cells);

    println!("\nTargets:\n");
    let [own, excluded, ..] = rows else { return };
    let added = own.added(Call::Exists, untraced);
    let added_excluded = excluded.added(Call::Exists, untraced);
    let cpu_us = median(&own.cpu_us);
    let mib = median(&own.mib);
    let verdict = |met: bool| if met { "ok" } else { "MISSED" }.to_owned();
    print(&[
        vec![
            "ns added, at most 1/7 of the cheaper peer's".to_owned(),
            one_in(added / cheapest),
            verdict(added / cheapest <= WORST_RATIO),
        ],
        vec![
            "likewise with a recipient recorded, at most 1/4".to_owned(),
            one_in(own.added(Call::Ignored, untraced) / cheapest),
            verdict(own.added(Call::Ignored, untraced) / cheapest <= WORST_RATIO_REACHED),
        ],
        vec![
            "ns added to an excluded call, less than to an included one".to_owned(),
            one_in(added_excluded / added),
            verdict(added_excluded < added),
        ],
        vec![
            "every call of the flood has a line".to_owned(),
            percent(mean(&own.share)),
            verdict(own.share.iter().all(|&share| share >= 1.0)),
        ],
        vec![
            "tracer's CPU, at most 1.5 µs an event".to_owned(),
            format!("{} µs", number(cpu_us)),
            verdict(cpu_us <= MOST_CPU_US),
        ],
        vec![
            format!(
                "CPU while idle ({} s, {idle_lines} lines came), below 0.2 % of a core",
                idle_time.as_secs()
            ),
            format!("{:.3} %", idle * 100.0),
            verdict(idle < MOST_IDLE),
        ],
        vec![
            "RSS, at most 16 MiB".to_owned(),
            format!("{} MiB", number(mib)),
            verdict(mib <= MOST_MIB),
        ],
    ]);
}
