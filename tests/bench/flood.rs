//! The flooder: compiled here, run once for each measurement.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// What the flooder does over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// A system call that nobody traces.
    Getppid,
    /// Fork, exec, exit and wait of a program that does nothing.
    Process,
    /// `kill(self, 0)`: checks for existence, nothing is delivered.
    Exists,
    /// A signal that the recipient ignores.
    Ignored,
    /// A signal that is blocked, and pending already but for the first time.
    Pending,
    /// A signal with a handler, which runs each time.
    Handled,
}

impl Call {
    /// Those that are made in a flood of calls.
    pub const ALL: [Self; 5] = [
        Self::Getppid,
        Self::Exists,
        Self::Ignored,
        Self::Pending,
        Self::Handled,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Getppid => "getppid",
            Self::Process => "process",
            Self::Exists => "exists",
            Self::Ignored => "ignored",
            Self::Pending => "pending",
            Self::Handled => "handled",
        }
    }
}

/// What a flood was.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    /// The flooder.
    pub pid: u32,
    /// All its calls, warm-up and all.
    pub calls: u64,
    /// What one took, warm-up aside.
    pub ns_per_call: f64,
}

/// The compiled program.
#[derive(Debug)]
pub struct Flooder {
    program: PathBuf,
}

impl Flooder {
    /// Compiles it into a directory.
    ///
    /// # Errors
    /// No C compiler.
    pub fn compile(directory: &Path) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/flood.c");
        let program = directory.join("flood");
        let status = Command::new("cc")
            .args(["-O2", "-Wall", "-Wextra", "-o"])
            .args([&program, &source])
            .status()
            .context("running cc")?;
        if !status.success() {
            bail!("cc could not compile {}", source.display());
        }
        Ok(Self { program })
    }

    /// Floods on one CPU for so long, after a third of it to warm up: where the
    /// tracer slept before, the first milliseconds are no measure.
    ///
    /// # Errors
    /// The flooder failed.
    pub fn run(&self, call: Call, cpu: usize, time: Duration) -> Result<Flood> {
        Self::result(self.start(call, cpu, time)?)
    }

    /// One flood on each of these CPUs at the same time.
    ///
    /// # Errors
    /// A flooder failed.
    pub fn run_on_all(&self, call: Call, cpus: &[usize], time: Duration) -> Result<Vec<Flood>> {
        let started: Vec<_> = (cpus.iter())
            .map(|&cpu| self.start(call, cpu, time))
            .collect::<Result<_>>()?;
        started.into_iter().map(Self::result).collect()
    }

    fn start(&self, call: Call, cpu: usize, time: Duration) -> Result<Child> {
        Command::new(&self.program)
            .arg(call.name())
            .arg(cpu.to_string())
            .arg((time / 3).as_millis().to_string())
            .arg(time.as_millis().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the flooder")
    }

    fn result(flooder: Child) -> Result<Flood> {
        let pid = flooder.id();
        let output = flooder.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<u64> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let &[calls, timed, ns] = numbers.as_slice() else {
            bail!("the flooder failed ({}): {text:?}", output.status);
        };
        Ok(Flood {
            pid,
            calls,
            ns_per_call: ns as f64 / timed as f64,
        })
    }
}
