//! Lines for people: aligned columns, in colour where asked. Most fit into 80
//! columns; a long name moves what follows it, so that nothing is cut off.

use std::fmt::Write;

use crate::{
    record::{Exit, Lost, Process, Recipient, Signal, Status, Target},
    text::is_steering,
};

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
    /// Appends the line of a signal.
    pub fn signal(self, out: &mut Vec<u8>, line: &Signal<'_>) {
        let time = self.paint(DIM, &line.timestamp.as_str()[11..23]);
        let kills = line.signal_number == 9 || line.signal_number == 15;
        let signal = format!("{:<9}", line.signal.to_string());
        let signal = self.paint(if kills { BOLD } else { "" }, &signal);
        let (who, user) = line.sender.as_ref().map_or_else(
            // No user sent it; the terminal has room there.
            || ("kernel".to_owned(), terminal(line).unwrap_or_default()),
            |sender| {
                let process = &sender.process;
                let who = format!("{}[{}]", shown(&process.comm), sender.pid);
                let user = (process.user).map_or_else(|| process.uid.to_string(), shown);
                (who, user)
            },
        );
        let cause = line.syscall.unwrap_or(line.origin);
        let (whom, result) = (whom(&line.target), self.result(line));
        let notes = notes(line);
        let text = format!(
            "{time}  {signal} {who:<16} {user:<5} {cause:<6} -> {whom:<13} {result}{notes}\n"
        );
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends the line of an exit.
    pub fn exit(self, out: &mut Vec<u8>, line: &Exit<'_>) {
        let time = self.paint(DIM, &line.timestamp.as_str()[11..23]);
        let dead = &line.process;
        let who = format!("{}[{}]", shown(&dead.process.comm), dead.pid);
        let end = match (&line.signal, line.exit_code) {
            (Some(signal), _) => self.paint(RED, &format!("{} by {signal}", line.end)),
            (None, code) => format!("exited {}", code.unwrap_or_default()),
        };
        let cause = line.cause.as_ref().map_or_else(String::new, |cause| {
            let by_call = cause.sender_role.is_none();
            let sender = (cause.sender.as_ref())
                .filter(|sender| by_call || sender.pid != dead.pid)
                .map(|sender| format!("{}[{}]", shown(&sender.comm), sender.pid));
            let sender = match sender {
                Some(sender) if by_call => sender,
                Some(sender) => format!("{} {sender}", cause.origin),
                None => cause.origin.to_owned(),
            };
            // The end by a signal has named it already.
            let signal = match line.signal {
                Some(_) => String::new(),
                None => format!("{} ", cause.signal),
            };
            let after = cause
                .after_us
                .map_or_else(String::new, |us| format!(", {}", human_time(us)));
            format!(" <- {signal}{sender}{after}")
        });
        let text = format!("{time}  {:<9} {who:<16} {end}{cause}\n", "END");
        out.extend_from_slice(text.as_bytes());
    }

    /// What came of it.
    fn result(self, line: &Signal<'_>) -> String {
        if let Some(errno) = &line.errno {
            return self.paint(RED, &errno.to_string());
        }
        let known = line.target.recipient.as_ref();
        let fate = known.and_then(|known| fate(known, line.signal_number));
        match (fate, line.recipient_count) {
            (Some("ends it"), _) => self.paint(RED, "ends it"),
            (Some(fate), _) => fate.to_owned(),
            (None, Some(count)) => format!("reached {count}"),
            (None, None) if line.witness_only => "seen".to_owned(),
            // Who answered the call has sent nothing.
            (None, None) if line.signal_number != 0 => "ok, none seen".to_owned(),
            (None, None) => "ok".to_owned(),
        }
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

/// A time after a signal, as short as it stays honest.
fn human_time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us later"),
        1_000..1_000_000 => format!("{} ms later", us / 1_000),
        _ => format!("{} s later", us / 1_000_000),
    }
}

/// Whom a signal is for: the process, or what the call's arguments say.
fn whom(target: &Target<'_>) -> String {
    if let Some(known) = &target.recipient {
        let mut whom = format!("{}[{}]", shown(&known.process.comm), known.pid);
        if let Some(tid) = known.tid.filter(|&tid| tid != known.pid) {
            // Writing to a string cannot fail.
            let _ = write!(whom, "/{tid}");
        }
        return whom;
    }
    let arg = target.arg.unwrap_or_default();
    match (target.scope, target.arg_tid) {
        ("own_process_group", _) => "own group".to_owned(),
        ("every_process", _) => "everyone".to_owned(),
        // A group is a negative number, but to a pidfd.
        ("process_group", _) => format!("group {}", arg.unsigned_abs()),
        (_, Some(tid)) => format!("{arg}/{tid}"),
        _ => arg.to_string(),
    }
}

/// What becomes of a recipient, if it is known.
fn fate(recipient: &Recipient<'_>, signal: i32) -> Option<&'static str> {
    const SIGSTOP: i32 = 19;
    const SIGTSTP: i32 = 20;
    const SIGTTOU: i32 = 22;

    let outcome = recipient.outcome?;
    let disposition = recipient.disposition.unwrap_or_default();
    Some(match (outcome, disposition) {
        _ if recipient.fatal == Some(true) => "ends it",
        _ if recipient.pid_ns_init => "spared: init",
        _ if recipient.zombie => "was dead",
        ("ignored" | "overflow" | "continued", _) => outcome,
        _ if recipient.traced => "waits: traced",
        _ if recipient.stopped => "waits: stopped",
        _ if recipient.blocked => "waits: blocked",
        ("already_pending", _) => "was pending",
        (_, "handler") => "handled",
        (_, "default") if signal == SIGSTOP => "stops it",
        // Not if the process group is orphaned.
        (_, "default") if (SIGTSTP..=SIGTTOU).contains(&signal) => "may stop it",
        (_, "default") if recipient.fatal.is_none() => "may end it",
        _ => "delivered",
    })
}

/// The terminal that it came from.
fn terminal(line: &Signal<'_>) -> Option<String> {
    let name = line.details.tty.as_deref().filter(|name| !name.is_empty());
    name.map(shown)
}

/// The pod or the container of a process, if its name is known.
fn place(process: &Process<'_>) -> Option<String> {
    let names = &process.names;
    match (names.pod_namespace, names.pod) {
        (Some(namespace), Some(pod)) => Some(format!("{}/{}", shown(namespace), shown(pod))),
        (None, Some(pod)) => Some(shown(pod)),
        _ => names.container_name.map(shown),
    }
}

/// Where it comes from and goes to, if that is two places and one has a name.
fn places(line: &Signal<'_>) -> Option<String> {
    let from = line
        .sender
        .as_ref()
        .and_then(|sender| place(&sender.process));
    let to = (line.target.recipient.as_ref()).and_then(|target| place(&target.process));
    match (from, to) {
        (from, to) if from == to => None,
        (None, Some(to)) => Some(format!("to {to}")),
        (Some(from), None) => Some(format!("from {from}")),
        (from, to) => Some(format!(
            "{} to {}",
            from.unwrap_or_default(),
            to.unwrap_or_default()
        )),
    }
}

/// How the sender is behind it, its terminal, the limit, and places.
fn notes(line: &Signal<'_>) -> String {
    let details = &line.details;
    let target = line.target.recipient.as_ref().map(|known| known.pid);
    let is_other = line.sender.as_ref().map(|sender| sender.pid) != target;
    let notes: Vec<_> = [
        details.sender_role.filter(|_| is_other).map(str::to_owned),
        line.sender.as_ref().and_then(|_| terminal(line)),
        (details.limit.as_ref()).map(|limit| limit.name.to_owned()),
        places(line),
    ]
    .into_iter()
    .flatten()
    .collect();
    if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    }
}

/// A hostile name, so that it can neither move the cursor nor break the line.
fn shown(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        if is_steering(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_steer_the_terminal() {
        assert_eq!(shown("a\x1b[2J\n\u{202e}b"), r"a\u{1b}[2J\n\u{202e}b");
        assert_eq!(shown("\u{7f}\u{9b}2J"), r"\u{7f}\u{9b}2J");
        assert_eq!(shown("naïve sh"), "naïve sh");
    }
}
