//! What the line of a way must say.

use serde_json::Value;

use super::{Way, is_said};
use crate::differences::Differences;

/// How much of the truth lines are to tell.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// Whether an arranger is known.
    pub arrangers: bool,
}

impl Way {
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
        self.compare_detail(line, &mut wrong);
        let others = [self.check_code_name(line), self.check_tty(truth, line)];
        wrong.0.extend(others.into_iter().filter_map(Result::err));
        wrong.0
    }

    fn compare_detail(&self, line: &Value, wrong: &mut Differences) {
        if let Some((path, must)) = self.detail.and_then(|detail| detail.split_once('=')) {
            let is = path.split('.').fold(line, |value, key| &value[key]);
            let is = match is {
                Value::Null => "absent".to_owned(),
                Value::String(word) => word.clone(),
                other => other.to_string(),
            };
            wrong.must(path, &is.into(), must);
        }
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
        let arranger = self.arranger.filter(|_| told.arrangers);
        let (sender, role) = match arranger {
            Some("sender") => ("arranger", Some("arranger")),
            _ => (self.sender, is_said(self.role)),
        };
        for field in ["pid", "uid"] {
            let must = match arranger {
                Some("aside") => truth["arranger"][field].clone(),
                _ => Value::Null,
            };
            let is = &line["arranged_by"][field];
            wrong.must(&format!("arranged_by.{field}"), is, must);
        }
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

fn listed(lines: &[&Value]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| format!("\n  {line}")).collect();
    match lines.is_empty() {
        true => "none of the victim's".to_owned(),
        false => lines.concat(),
    }
}
