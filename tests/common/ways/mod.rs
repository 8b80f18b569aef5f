//! The ways to signal a process without a call that sends: the program that goes
//! them (`tests/ways/`), and what a line must say of each.

mod line;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

pub use self::line::Told;
use super::{actor::compiled_folder, output_of};

const TABLE: &str = include_str!("../../ways/table.tsv");
const EXCEPTIONS: &str = include_str!("../../ways/exceptions.tsv");
/// What stands in the table where there is nothing to say.
const NOTHING: &str = "-";

/// A row of `tests/ways/table.tsv`: how the line of a way must be.
#[derive(Debug, Clone)]
pub struct Way {
    pub name: &'static str,
    /// What not every kernel or machine has.
    needs: &'static str,
    pub signal: &'static str,
    /// `no_line` if the kernel generates no signal.
    origin: &'static str,
    code: Option<i64>,
    /// `none`, `victim` or `culprit`.
    sender: &'static str,
    role: &'static str,
    scope: &'static str,
    disposition: &'static str,
    /// `true` or `false`, or why that is not decided: `stopped`, `traced`.
    fatal: &'static str,
    /// Where the arranger is named, if there is one: as the `sender`, or `aside`.
    arranger: Option<&'static str>,
    /// What else befalls the victim: `origin:SIGNAL`.
    also: Vec<&'static str>,
    /// What the line tells of the reason: `path=value`.
    detail: Option<&'static str>,
}

/// The rows of a table, its head apart.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    (table.lines().skip(1)).map(|line| line.split('\t').collect())
}

fn is_said(cell: &'static str) -> Option<&'static str> {
    (cell != NOTHING).then_some(cell)
}

impl Way {
    fn of(cells: &[&'static str]) -> Self {
        let [
            name,
            needs,
            signal,
            origin,
            code,
            sender,
            role,
            scope,
            disposition,
            fatal,
            arranger,
            also,
            detail,
            _,
        ] = *cells
        else {
            panic!("so many columns: {cells:?}");
        };
        Self {
            name,
            needs,
            signal,
            origin,
            code: is_said(code).map(|code| code.parse().unwrap()),
            sender,
            role,
            scope,
            disposition,
            fatal,
            arranger: is_said(arranger),
            also: is_said(also)
                .into_iter()
                .flat_map(|also| also.split(','))
                .collect(),
            detail: is_said(detail),
        }
    }

    /// All of them, as they are on the kernel that runs.
    pub fn all() -> Vec<Self> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let kernel = version(&release);
        let mut ways: Vec<_> = rows(TABLE).map(|cells| Self::of(&cells)).collect();
        for cells in rows(EXCEPTIONS) {
            let [name, below, field, value, _] = *cells else {
                panic!("so many columns: {cells:?}");
            };
            let way = ways.iter_mut().find(|way| way.name == name).unwrap();
            if kernel < version(below) {
                match field {
                    "origin" => way.origin = value,
                    "sender" => way.sender = value,
                    "sender_role" => way.role = value,
                    "detail" => way.detail = is_said(value),
                    _ => panic!("no exception for {field}"),
                }
            }
        }
        ways
    }

    /// Goes it, and gives what really happened: nothing if it cannot be gone
    /// here, and need not.
    pub fn go(&self) -> Option<Value> {
        let output = output_of(Command::new(program()).args(["run", self.name]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            self.name
        );
        let truth: Value = serde_json::from_slice(&output.stdout).unwrap();
        if let Some(why) = truth.get("skipped") {
            assert!(self.needs != NOTHING, "{} was skipped: {why}", self.name);
            return None;
        }
        Some(truth)
    }

    pub fn has_line(&self) -> bool {
        self.origin != "no_line"
    }

    /// Whether the signal ends or stops the victim, and has a line.
    pub fn is_deadly(&self) -> bool {
        const STOPPING: [&str; 4] = ["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"];
        self.has_line()
            && (["true", "stopped"].contains(&self.fatal) || STOPPING.contains(&self.signal))
    }

    /// Whether it crosses from a user to another.
    pub fn crosses(&self) -> bool {
        self.name.starts_with("x_")
    }
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || {
        numbers
            .find(|text| !text.is_empty())
            .unwrap()
            .parse()
            .unwrap()
    };
    (number(), number())
}

/// The names that the program knows.
pub fn known() -> Vec<String> {
    let output = output_of(Command::new(program()).arg("list"));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    // Its victims execute it, wherever they are.
    let compile = || compiled_folder("ways", &["-static"]);
    PROGRAM.get_or_init(|| env::var_os("SIGTRAIL_WAYS").map_or_else(compile, PathBuf::from))
}
