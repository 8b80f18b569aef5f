//! The names of a log's files.
//!
//! `NAME` is the file being written. `NAME.1` is the newest rotated one, and
//! always plain, as a reader may still be at its end. `NAME.2.gz` and so on are
//! older.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// The position of a rotated file among a log's files.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Slot {
    /// 1 is the newest.
    pub(super) index: u32,
    /// Whether it is compressed.
    pub(super) gz: bool,
}

impl Slot {
    pub(super) fn plain(index: u32) -> Self {
        Self { index, gz: false }
    }

    pub(super) fn compressed(index: u32) -> Self {
        Self { index, gz: true }
    }

    /// `NAME.3` or `NAME.3.gz`.
    pub(super) fn name(self, base: &OsStr) -> OsString {
        let mut name = base.to_os_string();
        name.push(format!(".{}", self.index));
        if self.gz {
            name.push(".gz");
        }
        name
    }

    /// The slot of a directory entry, if it is a rotated file of `base`.
    pub(super) fn parse(base: &OsStr, entry: &[u8]) -> Option<Self> {
        let rest = entry.strip_prefix(base.as_bytes())?.strip_prefix(b".")?;
        let (digits, gz) = match rest.strip_suffix(b".gz") {
            Some(digits) => (digits, true),
            None => (rest, false),
        };
        // No sign and no leading zero: one slot has one name.
        if !matches!(digits.first(), Some(b'1'..=b'9')) {
            return None;
        }
        let index = str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { index, gz })
    }
}

/// The hidden name `.NAMESUFFIX`, which no pattern `NAME*` matches.
pub(super) fn hidden(base: &OsStr, suffix: &str) -> OsString {
    let mut name = Vec::with_capacity(base.len() + suffix.len() + 1);
    name.push(b'.');
    name.extend_from_slice(base.as_bytes());
    name.extend_from_slice(suffix.as_bytes());
    OsString::from_vec(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_read_back_as_its_slot(index in 1u32.., gz: bool) {
            let slot = Slot { index, gz };
            let base = OsStr::new("sigtrail.jsonl");
            prop_assert_eq!(Slot::parse(base, slot.name(base).as_bytes()), Some(slot));
        }
    }

    #[test]
    fn foreign_names_are_left_alone() {
        let base = OsStr::new("sigtrail.jsonl");
        for name in [
            "sigtrail.jsonl",
            "sigtrail.jsonl.",
            "sigtrail.jsonl.0",
            "sigtrail.jsonl.01",
            "sigtrail.jsonl.+1",
            "sigtrail.jsonl.1.gz.tmp",
            "sigtrail.jsonl.gz",
            "other.1",
            "sigtrail.jsonl.99999999999",
            "sigtrail.jsonl.bak",
            ".sigtrail.jsonl.next",
        ] {
            assert_eq!(Slot::parse(base, name.as_bytes()), None, "{name}");
        }
    }
}
