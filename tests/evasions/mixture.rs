//! A mixture at random of all that callers do, held against what each has counted.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::{members, record};

const SECONDS: u32 = 60;

/// Process, system call, whether it was a 32-bit one, and result.
type Kind = (i64, String, bool, i64);

/// What the callers say.
#[derive(Default)]
struct Truth {
    calls: BTreeMap<Kind, i64>,
    /// By the group's number.
    groups: HashMap<i64, Vec<i64>>,
    /// By the process that opened it.
    pidfds: HashMap<(i64, i64), i64>,
}

impl Truth {
    fn new(said: &[Value]) -> Self {
        let mut truth = Self::default();
        for row in said {
            let pid = number(&row["pid"]);
            if let Some(calls) = row["calls"].as_i64() {
                let syscall = row["syscall"].as_str().unwrap().to_owned();
                let narrow = row["narrow"] == true;
                *truth
                    .calls
                    .entry((pid, syscall, narrow, number(&row["ret"])))
                    .or_default() += calls;
                continue;
            }
            let targets: Vec<_> = row["members"]
                .as_array()
                .unwrap()
                .iter()
                .map(number)
                .collect();
            let fds = row["fds"].as_array().unwrap().iter().map(number);
            let pidfds = fds.zip(&targets).map(|(fd, &target)| ((pid, fd), target));
            truth.pidfds.extend(pidfds);
            truth.groups.insert(-targets[0], members(row));
        }
        truth
    }

    /// Whom a line's arguments mean, as process or thread: it need not be there.
    fn meant(&self, line: &Value) -> i64 {
        let (target, sender) = (&line["target"], &line["sender"]);
        let arg = number(&target["arg"]);
        match line["syscall"].as_str() {
            Some("tgkill" | "rt_tgsigqueueinfo") => number(&target["arg_tid"]),
            // The opener's, or its child's.
            Some("pidfd_send_signal") => ["pid", "ppid"]
                .iter()
                .find_map(|&key| self.pidfds.get(&(number(&sender[key]), arg)))
                .copied()
                .unwrap_or(-1),
            _ => arg,
        }
    }

    /// What is wrong with a line to a process or thread.
    fn wrong(&self, line: &Value) -> Option<&'static str> {
        let target = &line["target"];
        let found = target.get("tid").or(target.get("pid"));
        if found.is_some_and(|found| number(found) != self.meant(line)) {
            return Some("it is another's target");
        }
        let told = target["outcome"].is_string() && found.is_some();
        match (has_signalled(line), told, target.get("outcome")) {
            (true, false, _) => Some("nothing tells what came of it"),
            (false, _, Some(_)) => Some("it has signalled nobody"),
            _ => None,
        }
    }

    /// What is wrong with those that a group's line and its companions name.
    fn wrong_group(&self, reached: &Reached) -> Option<&'static str> {
        let Reached { arg, sender, .. } = *reached;
        let mut pids = reached.pids.clone();
        pids.sort_unstable();
        let twice = pids.windows(2).any(|two| two[0] == two[1]);
        let right = match self.groups.get(&arg) {
            Some(members) => *members == pids,
            // With its forks, if it has any.
            None => arg == 0 && pids.contains(&sender),
        };
        if !right || twice {
            Some("it reached others")
        } else if !reached.told {
            Some("nothing tells what came of it")
        } else {
            (pids.len() as i64 != reached.count).then_some("it reached more or less")
        }
    }
}

/// Whom a call to a group has reached.
struct Reached {
    arg: i64,
    sender: i64,
    count: i64,
    pids: Vec<i64>,
    /// Each has an outcome.
    told: bool,
}

impl Reached {
    fn add(&mut self, line: &Value) {
        for recipient in line["recipients"].as_array().into_iter().flatten() {
            self.pids.push(number(&recipient["pid"]));
            self.told &= recipient["outcome"].is_string();
        }
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn has_succeeded(line: &Value) -> bool {
    line["ret"].as_i64().unwrap_or(0) == 0
}

fn has_signalled(line: &Value) -> bool {
    has_succeeded(line) && line["signal_number"] != 0
}

#[test]
fn whatever_callers_do_each_call_is_a_line_or_counted() {
    let recording = record(&format!("mixture {SECONDS}"), &[&["--args", "none"]]);
    let truth = Truth::new(&recording.truth);
    let mut calls: BTreeMap<Kind, i64> = BTreeMap::new();
    let mut groups: HashMap<u64, Reached> = HashMap::new();
    let mut wrong = Vec::new();
    let lost = recording.each(|line| {
        if let Some(seq) = line["call_seq"].as_u64() {
            groups.get_mut(&seq).unwrap().add(&line);
            return;
        }
        // A victim may die of a terminal's or a timer's.
        if line["origin"] != "call" {
            return;
        }
        let sender = number(&line["sender"]["pid"]);
        let narrow = line["abi"] == "i386";
        // Where they are seen in full, more of them are seen.
        if narrow && !has_signalled(&line) {
            return;
        }
        let syscall = line["syscall"].as_str().unwrap().to_owned();
        let ret = line["ret"].as_i64().unwrap_or(0);
        *calls.entry((sender, syscall, narrow, ret)).or_default() += 1;
        let scope = line["target"]["scope"].as_str().unwrap();
        if !scope.ends_with("group") {
            wrong.extend(truth.wrong(&line).map(|why| format!("{why}: {line}")));
        } else if has_signalled(&line) {
            let mut reached = Reached {
                arg: number(&line["target"]["arg"]),
                sender,
                count: line["recipient_count"].as_i64().unwrap_or(0),
                pids: Vec::new(),
                told: true,
            };
            reached.add(&line);
            groups.insert(line["seq"].as_u64().unwrap(), reached);
        }
    });
    for (seq, reached) in &groups {
        let why = truth.wrong_group(reached);
        wrong.extend(why.map(|why| format!("{why}: {} to {:?}, {seq}", reached.arg, reached.pids)));
    }
    let first = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} are wrong:\n{first}", wrong.len());
    assert_counts(&truth.calls, &calls, lost);
    assert!(groups.len() > 100);
}

/// Each kind of call has no more lines than calls, and what lacks was lost.
#[track_caller]
fn assert_counts(made: &BTreeMap<Kind, i64>, told: &BTreeMap<Kind, i64>, lost: u64) {
    let total: i64 = made.values().sum();
    let lines: i64 = told.values().sum();
    println!(
        "{total} calls of {} kinds: {lines} lines, {lost} lost",
        made.len()
    );
    let kinds = made.keys().chain(told.keys());
    let more: Vec<_> = kinds
        .filter(|kind| told.get(kind) > made.get(kind))
        .map(|kind| (kind, told.get(kind), made.get(kind)))
        .collect();
    assert!(more.is_empty(), "more lines than calls: {more:?}");
    let less: Vec<_> = (made.iter())
        .filter(|(kind, calls)| told.get(kind) != Some(calls))
        .take(20)
        .collect();
    assert_eq!(
        lines + lost as i64,
        total,
        "fewer lines than calls: {less:?}"
    );
    assert!(total > 1000 && made.len() > 100);
}
