//! The ways to signal a process without a call that sends: the program that goes
//! them (`tests/ways/`), and what a line must say of each.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{actor::compiled, output_of};

const TABLE: &str = include_str!("../ways/table.tsv");
const EXCEPTIONS: &str = include_str!("../ways/exceptions.tsv");
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
    /// Whether somebody has arranged for it, who is to be named instead.
    arranged: bool,
    /// What else befalls the victim: `origin:SIGNAL`.
    also: Vec<&'static str>,
}

/// How much of the truth lines are to tell.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// Whether an arranger is known.
    pub arrangers: bool,
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
            arranged: arranger == "yes",
            also: is_said(also)
                .into_iter()
                .flat_map(|also| also.split(','))
                .collect(),
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

    /// The one line of all that tells of it; and what is wrong with that.
    pub fn line<'a>(&self, truth: &Value, lines: &'a [Value]) -> Result<&'a Value, String> {
        let mine: Vec<_> = (lines.iter())
            .filter(|line| line["target"]["pid"] == truth["victim"]["pid"])
            .filter(|line| line["target"]["comm"] == truth["comm"])
            .collect();
        let found: Vec<_> = (mine.iter().copied())
            .filter(|line| self.is_told_by(line, truth))
            .collect();
        match found[..] {
            [line] => Ok(line),
            _ => Err(format!(
                "{}: {} lines with {} and {} for {truth}, among {}",
                self.name,
                found.len(),
                self.origin,
                self.signal,
                listed(&mine)
            )),
        }
    }

    fn is_told_by(&self, line: &Value, truth: &Value) -> bool {
        line["signal_number"] == truth["signal_number"]
            && line["origin"] == self.origin
            && line["target"]["outcome"] == "delivered"
            && self.code.is_none_or(|code| line["si_code"] == code)
    }

    /// What the line says, and should not; with the line.
    pub fn wrong(&self, truth: &Value, line: &Value, told: Told) -> Option<String> {
        let wrong = self.differences(truth, line, told).join("; ");
        (!wrong.is_empty()).then(|| format!("{}: {wrong}, for {truth}, in {line}", self.name))
    }

    fn differences(&self, truth: &Value, line: &Value, told: Told) -> Vec<String> {
        let mut wrong = Differences::default();
        wrong.must("signal", &line["signal"], self.signal);
        if self.origin != "call" {
            wrong.must("syscall", &line["syscall"], Value::Null);
            wrong.must("ret", &line["ret"], Value::Null);
        }
        self.compare_target(&truth["victim"], &line["target"], &mut wrong);
        self.compare_sender(truth, line, told, &mut wrong);
        let others = [self.check_code_name(line), self.check_tty(truth, line)];
        wrong.0.extend(others.into_iter().filter_map(Result::err));
        wrong.0
    }

    fn compare_target(&self, victim: &Value, target: &Value, wrong: &mut Differences) {
        wrong.must("target.uid", &target["uid"], victim["uid"].clone());
        wrong.must("target.scope", &target["scope"], self.scope);
        wrong.must("target.source", &target["source"], "kernel");
        wrong.must(
            "target.disposition",
            &target["disposition"],
            self.disposition,
        );
        let (fatal, why) = match self.fatal {
            "true" => (true.into(), None),
            "false" => (false.into(), None),
            why => (Value::Null, Some(why)),
        };
        wrong.must("target.fatal", &target["fatal"], fatal);
        if let Some(why) = why {
            wrong.must(&format!("target.{why}"), &target[why], true);
        }
    }

    fn compare_sender(&self, truth: &Value, line: &Value, told: Told, wrong: &mut Differences) {
        let (sender, role) = match self.arranged && told.arrangers {
            true => ("arranger", Some("arranger")),
            false => (self.sender, is_said(self.role)),
        };
        wrong.must("sender_role", &line["sender_role"], role);
        for field in ["pid", "uid", "tid"] {
            let (is, must) = (&line["sender"][field], &truth[sender][field]);
            // Whoever has more than one thread says which it was.
            if field != "tid" || !must.is_null() {
                wrong.must(&format!("sender.{field}"), is, must.clone());
            }
        }
    }

    /// One number means one thing for a child and another for a fault.
    fn check_code_name(&self, line: &Value) -> Result<(), String> {
        let starts: &[&str] = match self.origin {
            "child" => &["CLD_"],
            "async_io" => &["POLL_", "SI_SIGIO"],
            "timer" => &["SI_TIMER"],
            _ => return Ok(()),
        };
        match line["si_code_name"].as_str() {
            Some(name) if !starts.iter().any(|start| name.starts_with(start)) => {
                Err(format!("si_code_name is {name}"))
            }
            _ => Ok(()),
        }
    }

    /// The terminal is the one that was used, where the kernel still knows it.
    fn check_tty(&self, truth: &Value, line: &Value) -> Result<(), String> {
        let used = truth["pty"].as_i64().map(|number| format!("pts{number}"));
        let said = line["tty"].as_str().map(|name| name.replace('/', ""));
        let must = self.origin == "tty";
        match &said {
            None if !must => Ok(()),
            Some(_) if said == used && (must || self.origin == "hangup") => Ok(()),
            _ => Err(format!("tty is {}, and {used:?} was used", line["tty"])),
        }
    }

    /// Lines of the victim's that nothing here explains.
    pub fn unexplained(&self, truth: &Value, lines: &[Value]) -> Vec<String> {
        (lines.iter())
            .filter(|line| line["target"]["pid"] == truth["victim"]["pid"])
            .filter(|line| line["target"]["comm"] == truth["comm"])
            .filter(|line| line["target"]["outcome"] == "delivered")
            .filter(|line| {
                let word = |key: &str| line[key].as_str().unwrap_or_default();
                let what = format!("{}:{}", word("origin"), word("signal"));
                let own = line["signal"] == self.signal && line["origin"] == self.origin;
                !own && !self.also.contains(&&*what)
            })
            .map(|line| format!("{}: not in the table: {line}", self.name))
            .collect()
    }
}

#[derive(Debug, Default)]
struct Differences(Vec<String>);

impl Differences {
    fn must(&mut self, field: &str, is: &Value, must: impl Into<Value>) {
        let must = must.into();
        if *is != must {
            self.0.push(format!("{field} is {is}, must be {must}"));
        }
    }
}

fn listed(lines: &[&Value]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| format!("\n  {line}")).collect();
    match lines.is_empty() {
        true => "none of the victim's".to_owned(),
        false => lines.concat(),
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
    PROGRAM.get_or_init(|| env::var_os("SIGTRAIL_WAYS").map_or_else(compile, PathBuf::from))
}

fn compile() -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("ways");
    let mut sources: Vec<_> = (fs::read_dir(directory).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|kind| kind == "c" || kind == "h")
        })
        .collect();
    sources.sort();
    // Its victims execute it, wherever they are.
    compiled("ways", &sources, &["-static"])
}
