//! On the host: reads what the guests said, compares it and prints the result.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    golden,
    normal::normal,
    protocol::{Arch, Message},
    scenarios,
    table::{self, Cell},
};

/// The document whose tables are compared.
const KERNELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/KERNELS.md");
/// The last lines of a console that a failure shows.
const CONSOLE_LINES: usize = 40;
const SCENARIO_LENGTH: usize = 34;

/// What a kernel made of all scenarios.
#[derive(Debug, Default)]
struct Kernel {
    release: String,
    arch: Arch,
    boot_seconds: f64,
    doctor: Vec<String>,
    doctor_success: bool,
    programs: BTreeMap<String, (Option<u32>, u32)>,
    /// By scenario: how long it took, and what is wrong.
    results: BTreeMap<String, (f64, Vec<String>)>,
    cells: Vec<Cell>,
    /// As those, with `--attach light`.
    light_cells: Vec<Cell>,
    problems: Vec<String>,
    notes: Vec<String>,
    ended: bool,
}

/// `DIRECTORY [--bless] [SCENARIO,...]`: the directory has a console's text
/// for each kernel, `NAME.console`. With `--bless` the scenarios' golden files
/// are written anew from the only kernel there; with `--table` the tables
/// of KERNELS.md are printed.
pub fn main(args: &[String]) -> ExitCode {
    let bless = args.iter().any(|arg| arg == "--bless");
    let mut words = args.iter().filter(|arg| !arg.starts_with("--"));
    let directory = words.next().expect("a directory");
    let wanted: Vec<&str> = words.flat_map(|word| word.split(',')).collect();
    let wanted: Vec<&str> = (scenarios::ALL
        .iter()
        .chain(scenarios::ALONE)
        .map(|&(name, _)| name))
    .filter(|name| wanted.is_empty() || wanted.iter().any(|start| name.starts_with(start)))
    .chain([scenarios::END])
    .collect();

    let consoles = consoles(directory.as_ref());
    assert!(!consoles.is_empty(), "no console in {directory}");
    assert!(!bless || consoles.len() == 1, "--bless takes one kernel");
    let document = fs::read_to_string(KERNELS).unwrap();
    let mut success = true;
    let mut kernels = Vec::new();
    for path in &consoles {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let name = path.file_stem().unwrap().to_string_lossy();
        let mut kernel = Kernel::of(&text, bless, &wanted);
        for (scenario, cells, column) in [
            (scenarios::COVERAGE, &kernel.cells, name.to_string()),
            (
                scenarios::COVERAGE_OF_LIGHT,
                &kernel.light_cells,
                light_column(&name),
            ),
        ] {
            if !cells.is_empty() {
                let wrong = table::differences(&document, &column, cells);
                let result = kernel.results.entry(scenario.to_owned());
                result.or_default().1.extend(wrong);
            }
        }
        success &= kernel.print(&name, &text, wanted.len());
        kernels.push(kernel);
    }
    print_programs(&kernels);
    if args.iter().any(|arg| arg == "--table") {
        let kinds = kernels.iter().map(|kernel| kernel.cells.len()).max();
        println!("\n{}", table::rule(kinds.unwrap_or_default()));
        for arch in [Arch::Amd64, Arch::Arm64] {
            let columns: Vec<_> = (consoles.iter().zip(&kernels))
                .filter(|(_, kernel)| kernel.arch == arch)
                .map(|(path, kernel)| (path.file_stem().unwrap().to_string_lossy(), &*kernel.cells))
                .collect();
            let light: Vec<_> = (consoles.iter().zip(&kernels))
                .filter(|(_, kernel)| kernel.arch == arch && !kernel.light_cells.is_empty())
                .map(|(path, kernel)| {
                    let name = path.file_stem().unwrap().to_string_lossy();
                    (light_column(&name), &*kernel.light_cells)
                })
                .collect();
            if !columns.is_empty() {
                println!("\n{}", table::of(&columns));
            }
            if !light.is_empty() {
                println!("\n{}", table::of(&light));
            }
        }
    }
    if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A kernel's column in the table for `--attach light`.
fn light_column(name: &str) -> String {
    format!("{name}, light")
}

fn consoles(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = (files.map(|file| file.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|kind| kind == "console"))
        .collect();
    // 5.10 before 6.1 before 6.12; the newest is called 7.
    paths.sort_by_key(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (golden::version(&name).unwrap_or((u32::MAX, 0)), name)
    });
    paths
}

impl Kernel {
    fn of(console: &str, bless: bool, wanted: &[&str]) -> Self {
        let mut kernel = Self::default();
        for line in console.lines() {
            match Message::heard(line) {
                None => {}
                Some(Ok(message)) => kernel.take(message, bless),
                Some(Err(why)) => kernel.problems.push(format!("a mangled message: {why}")),
            }
        }
        for name in wanted {
            if !kernel.results.contains_key(*name) {
                kernel.problems.push(format!("{name} was not played"));
            }
        }
        if !kernel.ended {
            kernel.problems.push("it did not come to its end".into());
        }
        if !kernel.doctor_success {
            let doctor = kernel.doctor.join("\n  ");
            (kernel.problems).push(format!("sigtrail doctor fails:\n  {doctor}"));
        }
        if kernel.programs.is_empty() {
            (kernel.problems).push("no BPF program was seen".to_owned());
        }
        kernel
    }

    fn take(&mut self, message: Message, bless: bool) {
        match message {
            Message::Booted {
                release,
                arch,
                seconds,
            } => {
                self.release = release;
                self.arch = arch;
                self.boot_seconds = seconds;
            }
            Message::Doctor { line } => self.doctor.push(line),
            Message::DoctorEnded { success } => self.doctor_success = success,
            Message::Program {
                name,
                verified,
                instructions,
            } => {
                self.programs.insert(name, (verified, instructions));
            }
            Message::Played {
                scenario,
                lines,
                names,
                doomed,
                cells,
                seconds,
            } => {
                match scenario == scenarios::COVERAGE_OF_LIGHT {
                    true => self.light_cells.extend(cells),
                    false => self.cells.extend(cells),
                }
                let lines = normal(lines, &names, &doomed);
                let no_golden = [
                    scenarios::END,
                    scenarios::COVERAGE,
                    scenarios::COVERAGE_OF_LIGHT,
                ];
                let is_compared = !no_golden.contains(&scenario.as_str());
                if bless && is_compared {
                    golden::bless(&scenario, &lines);
                }
                let wrong = match golden::Machine::of(&self.release, self.arch) {
                    _ if !is_compared => Vec::new(),
                    Some(machine) => golden::differences(&scenario, machine, &lines),
                    None => vec![format!("{:?} is no release", self.release)],
                };
                self.results.insert(scenario, (seconds, wrong));
            }
            Message::Note { text } => self.notes.push(text),
            Message::Failed { scenario, why } => {
                self.results.insert(scenario, (0.0, vec![why]));
            }
            Message::Ended => self.ended = true,
        }
    }

    /// Prints how it went; true: well.
    fn print(&self, name: &str, console: &str, scenarios: usize) -> bool {
        let failed = (self.results.iter()).filter(|(_, (_, wrong))| !wrong.is_empty());
        for (scenario, (_, wrong)) in failed.clone() {
            println!("FAIL  {name} ({}): {scenario}", self.release);
            for why in wrong {
                println!("  {}", why.replace('\n', "\n  "));
            }
        }
        for problem in &self.problems {
            println!("FAIL  {name} ({}): {problem}", self.release);
        }
        let failed = failed.count();
        let success = failed == 0 && self.problems.is_empty();
        if !self.problems.is_empty() {
            println!("  The console ends:");
            let lines: Vec<_> = (console.lines())
                .filter(|line| !line.trim().is_empty())
                .collect();
            for line in &lines[lines.len().saturating_sub(CONSOLE_LINES)..] {
                println!("  | {}", line.chars().take(300).collect::<String>());
            }
        }
        let seconds: f64 = self.results.values().map(|(seconds, _)| seconds).sum();
        println!(
            "{}  {name:9} {:30} {} of {scenarios} scenarios in {seconds:.0} s, booted in {:.1} s",
            if success { "ok  " } else { "FAIL" },
            self.release,
            self.results.len() - failed,
            self.boot_seconds
        );
        if std::env::var_os("VERBOSE").is_some() {
            for (scenario, (seconds, _)) in &self.results {
                println!("      {scenario:SCENARIO_LENGTH$} {seconds:6.2} s");
            }
            let more = self.notes.iter().chain(&self.doctor);
            more.for_each(|line| println!("      {line}"));
        }
        success
    }
}

/// What each kernel's verifier went through for each program; in brackets the
/// program's length where the kernel does not tell.
fn print_programs(kernels: &[Kernel]) {
    let mut names: Vec<_> = kernels.iter().flat_map(|k| k.programs.keys()).collect();
    names.sort();
    names.dedup();
    println!("\nInstructions verified (in brackets: the program's own, where that is not told)");
    print!("{:16}", "");
    for kernel in kernels {
        let short = kernel.release.split(['-', '+']).next().unwrap_or_default();
        let arch = match kernel.arch {
            Arch::Amd64 => "",
            Arch::Arm64 => "-arm64",
        };
        let rt = if kernel.release.contains("-rt-") {
            "-rt"
        } else {
            ""
        };
        print!(" {:>14}", format!("{short}{rt}{arch}"));
    }
    println!();
    for name in names {
        print!("{name:16}");
        for kernel in kernels {
            let count = match kernel.programs.get(name) {
                Some((Some(verified), _)) => verified.to_string(),
                Some((None, instructions)) => format!("({instructions})"),
                None => "-".to_owned(),
            };
            print!(" {count:>14}");
        }
        println!();
    }
}
