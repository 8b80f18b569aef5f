//! Lines for people: aligned columns, in colour where asked.

use std::io::{self, Write};

use crate::record::{Lost, Signal, Status};

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
    /// Appends the line of a call.
    ///
    /// # Errors
    /// None when `out` is memory.
    pub fn signal(self, out: &mut Vec<u8>, line: &Signal<'_>) -> io::Result<()> {
        self.paint(out, DIM, &line.timestamp.as_str()[11..23])?;
        let kills = line.signal_number == 9 || line.signal_number == 15;
        write!(out, "  ")?;
        let name = format!("{:<11}", line.signal.to_string());
        self.paint(out, if kills { BOLD } else { "" }, &name)?;
        let sender = &line.sender.party;
        let who = format!("{}[{}]", shown(&sender.comm), line.sender.pid);
        let user = match sender.user {
            Some(name) => shown(name),
            None => sender.uid.to_string(),
        };
        write!(out, " {who:<24} {user:<10} ")?;
        let target = &line.target;
        let whom = match target.arg_tid {
            Some(tid) => format!("{}/{tid}", target.arg),
            None => target.arg.to_string(),
        };
        write!(out, "{:<7} -> {whom:<16} ", line.syscall)?;
        match &line.errno {
            Some(errno) => self.paint(out, RED, &errno.to_string())?,
            None if line.witness_only => write!(out, "seen")?,
            None => write!(out, "ok")?,
        }
        if target.scope != "process" && target.scope != "thread" {
            write!(out, " ({})", target.scope.replace('_', " "))?;
        }
        writeln!(out)
    }

    /// Appends the line of a loss.
    ///
    /// # Errors
    /// None when `out` is memory.
    pub fn lost(self, out: &mut Vec<u8>, line: &Lost<'_>) -> io::Result<()> {
        self.paint(out, DIM, &line.timestamp.as_str()[11..23])?;
        write!(out, "  ")?;
        let text = format!("LOST {} calls: {}", line.count, line.reason);
        self.paint(out, YELLOW, &text)?;
        writeln!(out)
    }

    /// Appends the line of a status.
    ///
    /// # Errors
    /// None when `out` is memory.
    pub fn status(self, out: &mut Vec<u8>, line: &Status<'_>) -> io::Result<()> {
        let text = format!(
            "{}  sigtrail {} {}: {} signals, {} lost",
            &line.timestamp.as_str()[11..23],
            line.version,
            line.state,
            line.events,
            line.lost
        ) + &(line.reason).map_or_else(String::new, |why| format!(" ({})", shown(why)));
        self.paint(out, DIM, &text)?;
        writeln!(out)
    }

    fn paint(self, out: &mut Vec<u8>, style: &str, text: &str) -> io::Result<()> {
        if self.colour && !style.is_empty() {
            write!(out, "\x1b[{style}m{text}\x1b[0m")
        } else {
            out.write_all(text.as_bytes())
        }
    }
}

/// A hostile name that may neither move the cursor nor break the line.
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
