//! The kinds of values that options have: how each is read, from the command
//! line and from the file alike, and how it is shown.

use std::{
    convert::Infallible,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{
    ValueEnum,
    builder::{OsStringValueParser, PossibleValue, TypedValueParser, ValueParserFactory},
};
use toml::Value;

use super::amounts::{Size, Time, within};
use crate::{
    event::Syscall,
    identity::Users,
    names::SignalSet,
    select::{ContainerPattern, PodPattern, UnitPattern},
    sink::Fsync,
    trace::{Args, Attach, COMM_MAX, Exits, KernelSignals},
};

/// The kernel's own limit (`PID_MAX_LIMIT`).
const PID_MAX: u32 = 4 << 20;

/// A kind of value that can stand in the configuration file.
pub trait Kind: Sized {
    /// Reads a value of the file; `wanted` describes what it should be.
    fn read(from: &Value, wanted: &str) -> Result<Self, String>;

    /// The value as the file would have it.
    fn show(&self) -> Value;

    /// Looks up the names in it that stand for numbers.
    fn resolve(&mut self, _users: &Users) -> Result<(), String> {
        Ok(())
    }
}

/// Reads a value of the file by a parser of texts. What needs no quotes may have
/// none.
pub fn read_by<T>(
    parse: impl Fn(&str) -> Result<T, String>,
    from: &Value,
    wanted: &str,
) -> Result<T, String> {
    match from {
        Value::String(text) => parse(text),
        Value::Integer(number) => parse(&number.to_string()),
        Value::Boolean(flag) => parse(&flag.to_string()),
        _ => Err(format!("give {wanted}")),
    }
}

/// Kinds of single values: a parser of texts, and what shows a value.
macro_rules! single_kinds {
    ($($kind:ty: read $read:expr, show $show:expr;)*) => {$(
        impl Kind for $kind {
            fn read(from: &Value, wanted: &str) -> Result<Self, String> {
                read_by($read, from, wanted)
            }

            fn show(&self) -> Value {
                $show(self)
            }
        }
    )*};
}

single_kinds! {
    bool: read true_or_false, show |flag: &bool| Value::Boolean(*flag);
    u32: read parse, show |number: &u32| Value::Integer((*number).into());
    Pid: read parse, show |pid: &Pid| Value::Integer(pid.0.into());
    Size: read parse, show show_text;
    Time: read parse, show show_text;
    Fsync: read parse, show show_text;
    String: read parse, show show_text;
    ThreadName: read parse, show show_text;
    Destination: read parse, show show_text;
    PathBuf: read parse, show |path: &PathBuf| show_text(&path.display());
    SignalSet: read signals, show show_text;
    Args: read variant, show show_variant;
    Attach: read variant, show show_variant;
    KernelSignals: read variant, show show_variant;
    Exits: read variant, show show_variant;
    Syscall: read variant, show show_variant;
    UnitPattern: read parse, show show_text;
    ContainerPattern: read parse, show show_text;
    PodPattern: read parse, show show_text;
}

impl Kind for User {
    fn read(from: &Value, wanted: &str) -> Result<Self, String> {
        read_by(parse, from, wanted)
    }

    fn show(&self) -> Value {
        match self {
            Self::Uid(uid) => Value::Integer((*uid).into()),
            Self::Name(name) => show_text(name),
        }
    }

    fn resolve(&mut self, users: &Users) -> Result<(), String> {
        if let Self::Name(name) = self {
            let uid = users.uid_of(name).ok_or_else(|| {
                format!("{name}: no such user in /etc/passwd; give a user id or a name from there")
            })?;
            *self = Self::Uid(uid);
        }
        Ok(())
    }
}

impl<T: Kind> Kind for Vec<T> {
    fn read(from: &Value, wanted: &str) -> Result<Self, String> {
        let items = from.as_array().ok_or_else(|| format!("give {wanted}"))?;
        items.iter().map(|item| T::read(item, wanted)).collect()
    }

    fn show(&self) -> Value {
        Value::Array(self.iter().map(T::show).collect())
    }

    fn resolve(&mut self, users: &Users) -> Result<(), String> {
        self.iter_mut().try_for_each(|item| item.resolve(users))
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn true_or_false(text: &str) -> Result<bool, String> {
    (text.parse()).map_err(|_| "give true or false".to_owned())
}

/// A path that means the same wherever sigtrail is started.
pub fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    (path.is_absolute())
        .then_some(path)
        .ok_or_else(|| "give an absolute path".to_owned())
}

/// In a file, which has each key, nothing stands for all signals.
fn signals(text: &str) -> Result<SignalSet, String> {
    match text {
        "" => Ok(SignalSet::ALL),
        list => parse(list),
    }
}

fn variant<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let names: Vec<_> = T::value_variants().iter().map(variant_name).collect();
        format!("{text:?} is none of {}", names.join(", "))
    })
}

fn variant_name<T: ValueEnum>(variant: &T) -> String {
    (variant.to_possible_value()).map_or(String::new(), |value| value.get_name().to_owned())
}

fn show_variant<T: ValueEnum>(variant: &T) -> Value {
    Value::String(variant_name(variant))
}

fn show_text(value: &impl ToString) -> Value {
    Value::String(value.to_string())
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file to append to.
    File(PathBuf),
}

impl Destination {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path),
        }
    }

    fn named(name: OsString) -> Result<Self, String> {
        match name.to_str() {
            Some("") => Err("give a path, or stdout".to_owned()),
            Some("stdout" | "-") => Ok(Self::Stdout),
            _ => Ok(Self::File(name.into())),
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::named(name.into())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// On the command line a path can have any bytes.
impl ValueParserFactory for Destination {
    type Parser = clap::builder::ValueParser;

    fn value_parser() -> Self::Parser {
        OsStringValueParser::new().try_map(Self::named).into()
    }
}

/// A process id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pid(pub u32);

impl FromStr for Pid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: i64 = (text.parse()).map_err(|_| "a process id is a number")?;
        match u32::try_from(number) {
            Ok(pid @ 1..=PID_MAX) => Ok(Self(pid)),
            _ => Err(format!("{number} is not in 1..={PID_MAX}")),
        }
    }
}

/// A user: by number, or by a name that is looked up once all options are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// The number.
    Uid(u32),
    /// The name.
    Name(String),
}

impl User {
    /// The number, once it is looked up.
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Uid(uid) => Some(*uid),
            Self::Name(_) => None,
        }
    }
}

impl FromStr for User {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.parse() {
            Ok(uid) => Self::Uid(uid),
            Err(_) => Self::Name(text.to_owned()),
        })
    }
}

/// A thread's name, which the kernel could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadName(pub String);

impl FromStr for ThreadName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Err("a thread's name is not empty".to_owned()),
            len if len > COMM_MAX => Err(format!(
                "the kernel keeps {COMM_MAX} bytes of a thread's name and this has {len}; \
                 give the first {COMM_MAX}"
            )),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for ThreadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ValueEnum for Syscall {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl FromStr for Fsync {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Self::Never),
            "rotation" => Ok(Self::Rotation),
            time => within(Time::ms(100)..=Time::secs(60 * 60))(time)
                .map(|time| Self::Every(time.0))
                .map_err(|error| format!("{error}, or never, or rotation")),
        }
    }
}

impl fmt::Display for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Rotation => f.write_str("rotation"),
            Self::Every(time) => Time(*time).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_name_longer_than_the_kernels_is_refused() {
        assert!("fifteen bytes !".parse::<ThreadName>().is_ok());
        assert!("sixteen bytes !!".parse::<ThreadName>().is_err());
        assert!("".parse::<ThreadName>().is_err());
    }

    #[test]
    fn what_is_shown_reads_as_it_was() {
        fn check<T: Kind>(texts: &[&str]) {
            for text in texts {
                let value = T::read(&show_text(text), "").unwrap();
                assert_eq!(value.show().to_string().trim_matches(['\'', '"']), *text);
            }
        }
        check::<Fsync>(&["never", "rotation", "1s"]);
        check::<Destination>(&["stdout", "/var/log/x"]);
        check::<SignalSet>(&["", "SIGHUP,SIGKILL", "!SIGURG"]);
        check::<Args>(&["full", "first", "none"]);
        check::<Syscall>(&["kill", "pidfd_send_signal"]);
        check::<User>(&["0", "root"]);
        check::<Pid>(&["1", "4194304"]);
        check::<bool>(&["true", "false"]);
    }
}
