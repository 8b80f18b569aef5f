//! The processes of `tests/exits/`, which end in all ways, and what the lines of their
//! ends must say.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};

use super::{Killed, actor::compiled_folder, differences::Differences, nanoseconds};

/// The program whose processes end.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    // Some of its victims execute it again.
    let compile = || compiled_folder("exits", &["-static"]);
    PROGRAM.get_or_init(|| env::var_os("SIGTRAIL_ENDS").map_or_else(compile, PathBuf::from))
}

/// Runs the program to its end, and gives what it said. It needs no deadline of its
/// own: whoever it waits for ends with it, and it with the test.
pub fn run(command: &mut Command) -> Vec<Value> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    child.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = BufReader::new(child.0.stdout.take().unwrap());
    let said = (output.lines())
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(child.0.wait().unwrap().success());
    said
}

/// What a run of the program said, and the lines that were written meanwhile of
/// processes that have its name.
#[derive(Debug)]
pub struct Played {
    /// The name.
    pub comm: String,
    /// By the program, one for each process that ended.
    pub said: Vec<Value>,
    /// All lines.
    pub lines: Vec<Value>,
}

/// Two readings of the two clocks may be so far apart.
const CLOCK_ERROR_NS: i64 = 2_000_000;

/// The lines of a run, by what is asked of them.
struct Lines<'a> {
    by_seq: HashMap<u64, &'a Value>,
    /// The pids that a call's line and those behind it list.
    recipients: HashMap<u64, HashSet<u64>>,
}

impl<'a> Lines<'a> {
    fn of(lines: &'a [Value]) -> Self {
        let mut recipients: HashMap<_, HashSet<_>> = HashMap::new();
        for line in lines {
            let seq = line.get("call_seq").unwrap_or(&line["seq"]).as_u64();
            let group = line["target"].get("recipients").or(line.get("recipients"));
            let group = group.into_iter().chain(line.get("recipients"));
            let listed = group.filter_map(Value::as_array).flatten();
            let all = listed.chain(line.get("target"));
            let pids = all.filter_map(|process| process["pid"].as_u64());
            recipients.entry(seq.unwrap()).or_default().extend(pids);
        }
        let by_seq = lines
            .iter()
            .map(|line| (line["seq"].as_u64().unwrap(), line));
        Self {
            by_seq: by_seq.collect(),
            recipients,
        }
    }
}

/// A number that stands for nobody is nothing in a line.
fn known(number: &Value) -> Value {
    match number.as_i64() {
        Some(0) => Value::Null,
        _ => number.clone(),
    }
}

impl Played {
    /// Each end has its line, with nothing wrong in it, and there is no other; what the
    /// books say. Gives how many there were.
    ///
    /// # Panics
    /// It is not so.
    #[track_caller]
    pub fn assert_right(&self) -> usize {
        let lines = Lines::of(&self.lines);
        let is_exit = |line: &&Value| line["type"] == "exit";
        let exits: Vec<_> = self.lines.iter().filter(is_exit).collect();
        let told: Vec<_> = (self.said.iter())
            .filter(|truth| truth["signal"].as_i64().is_some_and(|signal| signal > 0))
            .collect();
        // A number may have been used again, in the same order.
        let mut by_pid: HashMap<_, VecDeque<_>> = HashMap::new();
        for exit in &exits {
            let pid = exit["process"]["pid"].as_u64();
            by_pid.entry(pid).or_default().push_back(*exit);
        }
        let mut wrong = Vec::new();
        for truth in &told {
            let own = by_pid.get_mut(&truth["pid"].as_u64());
            match own.and_then(VecDeque::pop_front) {
                Some(exit) => {
                    let found = self.differences(truth, exit, &lines);
                    if !found.is_empty() {
                        let found = found.join("; ");
                        let sent = self.sent_to(truth);
                        wrong.push(format!("{found}, for {truth}, in {exit}, after {sent:?}"));
                    }
                }
                None => wrong.push(format!("no line of {truth}")),
            }
        }
        for exit in by_pid.values().flatten() {
            wrong.push(format!("nothing asked for {exit}"));
        }
        let is_lost = |line: &&Value| line["type"] == "lost";
        let lost: Vec<_> = self.lines.iter().filter(is_lost).collect();
        assert!(
            wrong.is_empty() && lost.is_empty(),
            "{} of {} ends, {} lines, lost {lost:?}:\n{}",
            wrong.len(),
            told.len(),
            self.lines.len(),
            wrong[..wrong.len().min(20)].join("\n")
        );
        assert_once(&exits);
        exits.len()
    }

    /// The lines of signals to the process.
    fn sent_to(&self, truth: &Value) -> Vec<&Value> {
        let is_it = |line: &&Value| line["target"]["pid"] == truth["pid"];
        self.lines.iter().filter(is_it).collect()
    }

    fn differences(&self, truth: &Value, exit: &Value, lines: &Lines<'_>) -> Vec<String> {
        let mut wrong = Differences::default();
        let exited = truth["end"] == "exited";
        let status = |is: bool| match is {
            true => truth["status"].clone(),
            false => Value::Null,
        };
        wrong.must("end", &exit["end"], truth["end"].clone());
        wrong.must("signal_number", &exit["signal_number"], status(!exited));
        wrong.must("exit_code", &exit["exit_code"], status(exited));
        // It is late if its cause's call took long to return.
        wrong.check([Value::Null, true.into()].contains(&exit["late"]), "late");
        wrong.must(
            "threads",
            &exit["threads"],
            match truth["unmade"] == true {
                true => Value::Null,
                false => truth["threads"].clone(),
            },
        );
        wrong.must("process.comm", &exit["process"]["comm"], self.comm.clone());
        wrong.check(exit["signal"].is_string() != exited, "signal");
        let age_ns = exit["age_ms"].as_i64().unwrap() * 1_000_000;
        let least_ns = truth["after_us"].as_i64().unwrap_or(0) * 1000;
        wrong.check(age_ns >= least_ns, "age_ms is too short");
        let lived = time_of(exit) - nanoseconds_of(&exit["process"]["start_time"]);
        // Starts are told by the clock tick.
        let apart = (lived - age_ns).abs();
        wrong.check(apart < 12_000_000, "age_ms is not since start_time");
        self.compare_cause(truth, exit, lines, &mut wrong);
        self.compare_earlier(truth, exit, lines, &mut wrong);
        wrong.0
    }

    fn compare_cause(
        &self,
        truth: &Value,
        exit: &Value,
        lines: &Lines<'_>,
        wrong: &mut Differences,
    ) {
        let cause = &exit["cause"];
        wrong.must("cause.origin", &cause["origin"], truth["origin"].clone());
        if truth["unmade"] == true {
            wrong.must("cause.signal_number", &cause["signal_number"], {
                truth["signal"].clone()
            });
            wrong.must("cause.seq", &cause["seq"], Value::Null);
            wrong.must("cause.sender", &cause["sender"], Value::Null);
            return;
        }
        let must = [&truth["signal"], &truth["sender"]];
        self.compare_signal("cause", must, cause, exit, lines, wrong);
        let least_us = truth["after_us"].as_i64().unwrap_or(0);
        let after_us = cause["after_us"].as_i64();
        wrong.check(after_us >= Some(least_us), "cause.after_us is too short");
        let role = match truth["origin"] == "call" {
            true => cause["sender_role"].is_null(),
            false => cause["sender_role"].is_string(),
        };
        wrong.check(role, "cause.sender_role");
    }

    fn compare_earlier(
        &self,
        truth: &Value,
        exit: &Value,
        lines: &Lines<'_>,
        wrong: &mut Differences,
    ) {
        let none = json!([]);
        let list = |value| Value::as_array(value).unwrap().clone();
        let must = list(truth.get("earlier").unwrap_or(&none));
        let is = list(exit.get("earlier").unwrap_or(&none));
        wrong.must("how many earlier", &is.len().into(), must.len());
        for (is, must) in is.iter().zip(&must) {
            let must = [&must[0], &must[1]];
            self.compare_signal("earlier", must, is, exit, lines, wrong);
        }
    }

    /// A signal that an exit's line repeats: `must` are its number and who sent it. Its
    /// own line comes before, and says the same.
    fn compare_signal(
        &self,
        what: &str,
        must: [&Value; 2],
        is: &Value,
        exit: &Value,
        lines: &Lines<'_>,
        wrong: &mut Differences,
    ) {
        let sender = &is["sender"];
        let number = format!("{what}.signal_number");
        wrong.must(&number, &is["signal_number"], must[0].clone());
        wrong.must(
            &format!("{what}.sender.pid"),
            &sender["pid"],
            known(must[1]),
        );
        if !sender.is_null() {
            let comm = format!("{what}.sender.comm");
            wrong.must(&comm, &sender["comm"], self.comm.clone());
        }
        let seq = is["seq"].as_u64();
        let line = seq.and_then(|seq| lines.by_seq.get(&seq));
        let Some(line) = line else {
            wrong.check(false, &format!("{what}.seq leads to no line"));
            return;
        };
        for field in ["origin", "signal", "signal_number", "sender_role"] {
            wrong.must(&format!("{what}.{field}"), &is[field], line[field].clone());
        }
        for field in ["pid", "comm", "uid"] {
            let must = line["sender"][field].clone();
            wrong.must(&format!("{what}.sender.{field}"), &sender[field], must);
        }
        let is_of = &lines.recipients[&seq.unwrap()];
        let reached = is_of.contains(&exit["process"]["pid"].as_u64().unwrap());
        wrong.check(reached, &format!("{what}.seq is of others: {line}"));
        wrong.check(seq < exit["seq"].as_u64(), &format!("{what} comes after"));
        let after_ns = is["after_us"].as_i64().unwrap_or(-1) * 1000;
        let apart = (time_of(exit) - time_of(line) - after_ns).abs();
        wrong.check(apart < CLOCK_ERROR_NS, &format!("{what}.after_us"));
    }
}

fn nanoseconds_of(value: &Value) -> i64 {
    nanoseconds(value.as_str().unwrap()).unwrap()
}

fn time_of(line: &Value) -> i64 {
    nanoseconds_of(&line["timestamp"])
}

/// A process ends once.
#[track_caller]
fn assert_once(exits: &[&Value]) {
    let mut seen = HashSet::new();
    for exit in exits {
        let process = &exit["process"];
        let (pid, start) = (process["pid"].as_u64(), process["start_time"].as_str());
        assert!(start.is_some() && seen.insert((pid, start)), "{exit}");
    }
}
