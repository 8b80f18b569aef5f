//! A number as the output writes it.

use std::fmt;

use serde::{Serialize, Serializer};

/// The name of a number; the number itself, in decimal, if it has no name.
///
/// `Display` and `Serialize` write it without allocating. In JSON both variants
/// are strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The name.
    Known(&'static str),
    /// The number, which has no name.
    Number(i64),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => f.pad(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(name) => serializer.serialize_str(name),
            Self::Number(number) => serializer.collect_str(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_json_string_even_when_it_is_a_number() {
        let json = |name: Name| serde_json::to_string(&name).unwrap();
        assert_eq!(json(Name::Known("SIGTERM")), r#""SIGTERM""#);
        assert_eq!(json(Name::Number(0)), r#""0""#);
        assert_eq!(json(Name::Number(-7)), r#""-7""#);
    }
}
