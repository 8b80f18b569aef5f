//! The names of signals, and sets of signals.
//!
//! The numbers are Linux's generic ones, which hold on every architecture that
//! sigtrail runs on (MIPS, SPARC, Alpha and PA-RISC have others). The real-time
//! range is glibc's: `SIGRTMIN` is 34, because glibc keeps 32 and 33 for
//! itself. Those two have no name and are written in decimal.

use std::{error::Error, fmt, str::FromStr};

use super::name::Name;

/// The first real-time signal that glibc gives to programs; the kernel's first
/// is 32.
const SIGRTMIN: i32 = 34;
/// The last real-time signal, and the last signal.
pub const SIGRTMAX: i32 = 64;

/// The output's names of 0..=64. All real-time signals count up from
/// `SIGRTMIN`, 64 too, as systemd prints them: each signal has one spelling, so
/// a filter on the lines needs one string.
#[rustfmt::skip]
static SIGNALS: [&str; 65] = [
    "0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
    "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT",
    "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
    "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS", "32", "33",
    "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+3", "SIGRTMIN+4", "SIGRTMIN+5",
    "SIGRTMIN+6", "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9", "SIGRTMIN+10", "SIGRTMIN+11",
    "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+16", "SIGRTMIN+17",
    "SIGRTMIN+18", "SIGRTMIN+19", "SIGRTMIN+20", "SIGRTMIN+21", "SIGRTMIN+22", "SIGRTMIN+23",
    "SIGRTMIN+24", "SIGRTMIN+25", "SIGRTMIN+26", "SIGRTMIN+27", "SIGRTMIN+28", "SIGRTMIN+29",
    "SIGRTMIN+30",
];

/// Other names that manuals and old programs use: accepted, never written.
const ALIASES: [(&str, i32); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];

/// The name of a signal: `SIGTERM`, `SIGRTMIN+3`.
pub fn signal_name(number: i32) -> Name {
    usize::try_from(number)
        .ok()
        .and_then(|index| SIGNALS.get(index))
        .map_or(Name::Number(i64::from(number)), |name| Name::Known(name))
}

/// Why a text is not a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalError {
    /// No signal has this name.
    Unknown(String),
    /// A number, or a real-time offset, outside 0..=64.
    OutOfRange(String),
    /// There is nothing between two commas, or nothing after `!`.
    Empty,
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ACCEPTED: &str = "use a name such as TERM or SIGRTMIN+3, or a number from 0 to 64";
        match self {
            // Debug quotes and escapes the text, which may be hostile.
            Self::Unknown(text) => write!(f, "unknown signal {text:?}: {ACCEPTED}"),
            Self::OutOfRange(text) => write!(f, "signal {text:?} is out of range: {ACCEPTED}"),
            Self::Empty => write!(
                f,
                "empty item in the list of signals: {ACCEPTED}, separated by commas, \
                 with ! before those to leave out"
            ),
        }
    }
}

impl Error for SignalError {}

/// Reads a signal: a name with or without `SIG`, in any case; a real-time
/// signal counted from either end (`RTMIN+3`, `SIGRTMAX-2`); or a number from 0
/// to 64.
///
/// # Errors
/// Says which text is refused, why, and what is accepted.
fn parse_signal(text: &str) -> Result<i32, SignalError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SignalError::Empty);
    }
    let out_of_range = || SignalError::OutOfRange(text.to_owned());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if is_decimal(unsigned) {
        // A sign is refused too: in kill(1), -9 is an option and not a number.
        return match text.parse() {
            Ok(number @ 0..=SIGRTMAX) if text == unsigned => Ok(number),
            _ => Err(out_of_range()),
        };
    }

    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return real_time(text, SIGRTMIN, '+', offset);
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        return real_time(text, SIGRTMAX, '-', offset);
    }
    let plain = (1..).zip(SIGNALS.iter().skip(1).take(31));
    let listed = plain.map(|(number, name)| (name.trim_start_matches("SIG"), number));
    listed
        .chain(ALIASES)
        .find(|(known, _)| *known == name)
        .map(|(_, number)| number)
        .ok_or_else(|| SignalError::Unknown(text.to_owned()))
}

/// Reads what follows the name of one `end` of the real-time range: nothing, or
/// `sign` and a distance.
fn real_time(text: &str, end: i32, sign: char, offset: &str) -> Result<i32, SignalError> {
    if offset.is_empty() {
        return Ok(end);
    }
    let digits = offset
        .strip_prefix(sign)
        .filter(|digits| is_decimal(digits))
        .ok_or_else(|| SignalError::Unknown(text.to_owned()))?;
    digits
        .parse::<i32>()
        .ok()
        .and_then(|distance| {
            if sign == '+' {
                end.checked_add(distance)
            } else {
                end.checked_sub(distance)
            }
        })
        .filter(|number| (SIGRTMIN..=SIGRTMAX).contains(number))
        .ok_or_else(|| SignalError::OutOfRange(text.to_owned()))
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A set of signal numbers, in the form that the BPF filters use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalSet {
    /// Signals 1 to 64: bit n-1 is signal n, as in the kernel's `sigset_t`.
    pub mask: u64,
    /// Signal 0, which only tests whether a signal could be sent.
    pub zero: bool,
    /// All numbers outside 0..=64. The kernel refuses them, but a caller may
    /// try.
    pub other: bool,
}

impl SignalSet {
    /// Every number, valid or not: the default.
    pub const ALL: Self = Self {
        mask: u64::MAX,
        zero: true,
        other: true,
    };
    /// HUP, INT, QUIT and TERM: whoever sends one asks a process to end.
    pub const ASKING: Self = Self {
        mask: 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14,
        ..Self::EMPTY
    };
    /// No number.
    const EMPTY: Self = Self {
        mask: 0,
        zero: false,
        other: false,
    };

    /// Whether `number` is in the set.
    pub fn contains(&self, number: i32) -> bool {
        match number {
            0 => self.zero,
            1..=64 => self.mask & bit(number) != 0,
            _ => self.other,
        }
    }

    /// Whether no number is in the set, as after `KILL,!KILL`.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    fn insert(&mut self, number: i32) {
        match number {
            0 => self.zero = true,
            _ => self.mask |= bit(number),
        }
    }

    fn remove(&mut self, number: i32) {
        match number {
            0 => self.zero = false,
            _ => self.mask &= !bit(number),
        }
    }
}

impl Default for SignalSet {
    fn default() -> Self {
        Self::ALL
    }
}

/// The bit of a number in 1..=64; 0 for any other.
fn bit(number: i32) -> u64 {
    u32::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1))
        .and_then(|shift| 1_u64.checked_shl(shift))
        .unwrap_or(0)
}

impl fmt::Display for SignalSet {
    /// Writes the list that reads as this set; nothing for all of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only a list that includes nothing by name has the other numbers, too.
        let sign = if self.other { "!" } else { "" };
        let listed = (0..=SIGRTMAX).filter(|&number| self.contains(number) != self.other);
        for (index, number) in listed.enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{sign}{}", signal_name(number))?;
        }
        Ok(())
    }
}

impl FromStr for SignalSet {
    type Err = SignalError;

    /// Reads a comma list such as `KILL,9,SIGRTMIN+3` or `!URG`: all signals
    /// that are named, or every number if none is, without those after a `!`.
    /// The order does not matter.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let (mut included, mut excluded) = (Self::EMPTY, Self::EMPTY);
        for item in list.split(',') {
            let item = item.trim();
            match item.strip_prefix('!') {
                Some(item) => excluded.insert(parse_signal(item)?),
                None => included.insert(parse_signal(item)?),
            }
        }
        let mut set = if included.is_empty() {
            Self::ALL
        } else {
            included
        };
        (0..=SIGRTMAX)
            .filter(|&number| excluded.contains(number))
            .for_each(|number| set.remove(number));
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(number: i32) -> String {
        signal_name(number).to_string()
    }

    fn set(list: &str) -> SignalSet {
        list.parse().unwrap()
    }

    fn refusal(list: &str) -> String {
        list.parse::<SignalSet>().unwrap_err().to_string()
    }

    #[test]
    fn signals_have_the_names_of_the_manual() {
        let expected = [
            (1, "SIGHUP"),
            (2, "SIGINT"),
            (9, "SIGKILL"),
            (10, "SIGUSR1"),
            (15, "SIGTERM"),
            (16, "SIGSTKFLT"),
            (17, "SIGCHLD"),
            (19, "SIGSTOP"),
            (23, "SIGURG"),
            (29, "SIGIO"),
            (31, "SIGSYS"),
            (34, "SIGRTMIN"),
            (37, "SIGRTMIN+3"),
            (64, "SIGRTMIN+30"),
        ];
        for (number, name) in expected {
            assert_eq!(named(number), name);
        }
    }

    #[test]
    fn numbers_without_a_name_print_as_decimals() {
        for number in [0, 32, 33, 65, -1, i32::MIN, i32::MAX] {
            assert_eq!(named(number), number.to_string());
        }
    }

    #[test]
    fn the_signal_numbers_are_the_ones_of_this_machine() {
        use rustix::process::Signal;
        for (signal, name) in [
            (Signal::HUP, "SIGHUP"),
            (Signal::ABORT, "SIGABRT"),
            (Signal::BUS, "SIGBUS"),
            (Signal::USR2, "SIGUSR2"),
            (Signal::STKFLT, "SIGSTKFLT"),
            (Signal::TSTP, "SIGTSTP"),
            (Signal::XFSZ, "SIGXFSZ"),
            (Signal::WINCH, "SIGWINCH"),
            (Signal::POWER, "SIGPWR"),
            (Signal::SYS, "SIGSYS"),
        ] {
            assert_eq!(named(signal.as_raw()), name);
        }
    }

    #[test]
    fn names_are_read_with_and_without_sig_in_any_case() {
        for text in [
            "TERM", "SIGTERM", "term", "sigterm", "SigTerm", " TERM ", "15", "015",
        ] {
            assert_eq!(parse_signal(text), Ok(15), "{text}");
        }
    }

    #[test]
    fn old_names_are_read_but_never_printed() {
        for (text, number) in [("IOT", 6), ("SIGCLD", 17), ("poll", 29), ("SIGUNUSED", 31)] {
            assert_eq!(parse_signal(text), Ok(number), "{text}");
            assert_ne!(named(number).trim_start_matches("SIG"), text);
        }
    }

    #[test]
    fn real_time_signals_count_from_either_end() {
        for (text, number) in [
            ("RTMIN", 34),
            ("SIGRTMIN+0", 34),
            ("rtmin+3", 37),
            ("SIGRTMIN+30", 64),
            ("RTMAX", 64),
            ("SIGRTMAX-2", 62),
            ("RTMAX-30", 34),
        ] {
            assert_eq!(parse_signal(text), Ok(number), "{text}");
        }
        for text in ["RTMIN+31", "RTMAX-31", "RTMIN+99999999999"] {
            assert!(
                matches!(parse_signal(text), Err(SignalError::OutOfRange(_))),
                "{text}"
            );
        }
        for text in [
            "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN3", "RTMIN++3", "RTMIN+-3",
        ] {
            assert!(
                matches!(parse_signal(text), Err(SignalError::Unknown(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_list_is_the_union_of_what_it_names() {
        let both = set("KILL, sigterm");
        assert_eq!(
            both,
            SignalSet {
                mask: 1 << 8 | 1 << 14,
                zero: false,
                other: false
            }
        );
        assert_eq!(
            set("0"),
            SignalSet {
                zero: true,
                ..SignalSet::EMPTY
            }
        );
        assert_eq!(set("RTMAX").mask, 1 << 63);
        assert!(both.contains(9) && both.contains(15) && !both.contains(0) && !both.contains(65));
    }

    #[test]
    fn excludes_are_taken_from_everything_or_from_what_is_named() {
        assert_eq!(
            set("!URG"),
            SignalSet {
                mask: !(1 << 22),
                ..SignalSet::ALL
            }
        );
        assert_eq!(
            set("!0"),
            SignalSet {
                zero: false,
                ..SignalSet::ALL
            }
        );
        assert_eq!(set("!TERM,KILL,TERM"), set("KILL"));
        assert!(set("KILL,!9").is_empty());
        assert!(set("!URG").contains(-5));
    }

    #[test]
    fn a_set_is_written_by_what_it_includes_or_excludes() {
        for list in ["SIGHUP,SIGKILL", "!SIGURG", "!0,!SIGCHLD", "0,SIGRTMIN+3"] {
            assert_eq!(set(list).to_string(), list);
        }
        assert_eq!(SignalSet::ALL.to_string(), "");
    }

    #[test]
    fn a_refusal_names_the_item_and_says_what_is_accepted() {
        let accepted = "use a name such as TERM or SIGRTMIN+3, or a number from 0 to 64";
        assert_eq!(
            refusal("KILL,FOO"),
            format!("unknown signal \"FOO\": {accepted}")
        );
        assert_eq!(
            refusal("65"),
            format!("signal \"65\" is out of range: {accepted}")
        );
        for number in ["-9", "+9", "99999999999999999999"] {
            assert!(refusal(number).contains(&format!("{number:?} is out of range")));
        }
        for list in ["", "KILL,", ",KILL", "!", "KILL,,TERM", "KILL, !"] {
            assert!(refusal(list).starts_with("empty item"), "{list}");
        }
        for name in [
            "SIG",
            "!!URG",
            "SIGSIGTERM",
            "SIG9",
            "9x",
            "\u{1b}[2J",
            "32 33",
        ] {
            assert!(refusal(name).starts_with("unknown signal"), "{name}");
        }
        assert!(!refusal("\u{1b}[2J").contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn every_printed_name_is_read_back_as_the_same_signal(number in 0..=SIGRTMAX) {
            prop_assert_eq!(parse_signal(&named(number)), Ok(number));
        }

        #[test]
        fn a_set_holds_exactly_what_its_list_names(
            chosen in prop::collection::btree_set(0..=SIGRTMAX, 1..65)
        ) {
            let names: Vec<_> = chosen.iter().map(|&number| named(number)).collect();
            let (included, excluded) = (set(&names.join(",")), set(&format!("!{}", names.join(",!"))));
            for number in -1..=65 {
                prop_assert_eq!(included.contains(number), chosen.contains(&number));
                prop_assert_eq!(excluded.contains(number), !chosen.contains(&number));
            }
            for written in [included, excluded] {
                prop_assert_eq!(set(&written.to_string()), written);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(list in ".*") {
            let _ = list.parse::<SignalSet>();
        }
    }
}
