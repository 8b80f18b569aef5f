//! Lines for people: aligned columns, in colour where asked.

use crate::record::{Lost, Signal, Status, Target};

const DIM: &str = "2";
const RED: &str = "31";
const YELLOW: &str = "33";
const BOLD: &str = "1";

/// Writes records as columns.
#[derive(Debug, Clone, Copy)]
pub struct Pretty {
    /// With terminal escapes.
    pub colour: bool,
}

impl Pretty {
    /// What becomes of the target of a signal that no call sent.
    fn fate(self, target: &Target<'_>) -> String {
        let known = target.recipient.as_ref();
        if known.is_some_and(|known| known.fatal == Some(true)) {
            return self.paint(RED, "ends it");
        }
        (known.and_then(|known| known.outcome))
            .unwrap_or_default()
            .replace('_', " ")
    }

    /// Appends the line of a signal.
    pub fn signal(self, out: &mut Vec<u8>, line: &Signal<'_>) {
        let time = self.paint(DIM, &line.timestamp.as_str()[11..23]);
        let kills = line.signal_number == 9 || line.signal_number == 15;
        let signal = format!("{:<11}", line.signal.to_string());
        let signal = self.paint(if kills { BOLD } else { "" }, &signal);
        let (who, user) = line.sender.as_ref().map_or_else(
            || ("kernel".to_owned(), String::new()),
            |sender| {
                let process = &sender.process;
                let who = format!("{}[{}]", shown(&process.comm), sender.pid);
                let user = (process.user).map_or_else(|| process.uid.to_string(), shown);
                (who, user)
            },
        );
        let (target, cause) = (&line.target, line.syscall.unwrap_or(line.origin));
        let target_arg = match (target.arg, target.arg_tid, &target.recipient) {
            (Some(arg), Some(tid), _) => format!("{arg}/{tid}"),
            (Some(arg), None, _) => arg.to_string(),
            (None, _, Some(known)) => {
                format!("{}[{}]", shown(&known.process.comm), known.pid)
            }
            (None, _, None) => String::new(),
        };
        let result = match &line.errno {
            Some(errno) => self.paint(RED, &errno.to_string()),
            None if line.witness_only => "seen".to_owned(),
            None if line.syscall.is_some() => "ok".to_owned(),
            None => self.fate(target),
        };
        let group = match target.scope {
            "process" | "thread" => String::new(),
            scope => format!(" ({})", scope.replace('_', " ")),
        };
        let text = format!(
            "{time}  {signal} {who:<24} {user:<10} {cause:<7} -> {target_arg:<16} {result}{group}\n"
        );
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends the line of a loss.
    pub fn lost(self, out: &mut Vec<u8>, line: &Lost<'_>) {
        let time = self.paint(DIM, &line.timestamp.as_str()[11..23]);
        let text = format!("LOST {} {}: {}", line.count, line.what, line.reason);
        let text = format!("{time}  {}\n", self.paint(YELLOW, &text));
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends the line of a status.
    pub fn status(self, out: &mut Vec<u8>, line: &Status<'_>) {
        let text = format!(
            "{}  sigtrail {} {}: {} signals, {} lost",
            &line.timestamp.as_str()[11..23],
            line.version,
            line.state,
            line.events,
            line.lost
        ) + &(line.reason).map_or_else(String::new, |why| format!(" ({})", shown(why)));
        let text = self.paint(DIM, &text) + "\n";
        out.extend_from_slice(text.as_bytes());
    }

    fn paint(self, style: &str, text: &str) -> String {
        if self.colour && !style.is_empty() {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A hostile name, so that it can neither move the cursor nor break the line.
fn shown(name: &str) -> String {
    name.chars()
        .flat_map(|c| {
            let escape = c.is_control()
                || matches!(c, '\u{200b}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
            let escaped = escape.then(|| c.escape_default());
            let plain = (!escape).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_steer_the_terminal() {
        assert_eq!(shown("a\x1b[2J\n\u{202e}b"), r"a\u{1b}[2J\n\u{202e}b");
        assert_eq!(shown("naïve sh"), "naïve sh");
    }
}
