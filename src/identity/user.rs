//! User and group names from `/etc/passwd` and `/etc/group`.
//!
//! From these two files only. NSS is never asked: it can call out to sssd, LDAP or a daemon that
//! is just being killed, and the poller must not wait for any of them. So users that only NSS knows
//! (a directory's, systemd's dynamic ones) have a number and no name.

use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::text::push_text;

/// What is read of a file.
const LONGEST_FILE: u64 = 16 << 20;
/// Entries held of a file.
const MOST_ENTRIES: usize = 1 << 17;
/// `LOGIN_NAME_MAX`; nothing longer is a name.
const LONGEST_NAME: usize = 256;
/// `(uid_t) -1`: nobody's number, but the mark of an unset loginuid.
const UNSET: u32 = u32::MAX;

/// The names of users and groups. Looking one up never leaves memory.
#[derive(Debug)]
pub struct Users {
    users: Table,
    groups: Table,
}

impl Users {
    /// Reads the system's two files.
    #[must_use]
    pub fn system() -> Self {
        Self::of("/etc/passwd", "/etc/group")
    }

    /// Reads these two files. One that can't be read gives no names until a [`Users::refresh`]
    /// finds it readable.
    #[must_use]
    pub fn of(passwd: impl Into<PathBuf>, group: impl Into<PathBuf>) -> Self {
        let mut new = Self {
            users: Table::of(passwd.into()),
            groups: Table::of(group.into()),
        };
        new.refresh();
        new
    }

    /// The name of a user. Of several, the first in the file, as `getpwuid(3)` has it.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&str> {
        self.users.name(uid)
    }

    /// The name of a group.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.name(gid)
    }

    /// The number of a user, for a name on a command line.
    #[must_use]
    pub fn uid_of(&self, name: &str) -> Option<u32> {
        self.users.number(name)
    }

    /// The number of a group, for a name on a command line.
    #[must_use]
    pub fn gid_of(&self, name: &str) -> Option<u32> {
        self.groups.number(name)
    }

    /// Reads again what has changed on disk: two `stat` calls if nothing has. For about once a
    /// second, between events. Says whether there are new names.
    pub fn refresh(&mut self) -> bool {
        let users = self.users.refresh();
        self.groups.refresh() || users
    }
}

/// One file and what it said.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    stamp: Option<Stamp>,
    names: Names,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    // An edit within one tick of the clock can leave size and mtime as they were, a rename onto
    // the path does not leave this.
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            file: (meta.dev(), meta.ino()),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl Table {
    fn of(path: PathBuf) -> Self {
        Self {
            path,
            stamp: None,
            names: Names::default(),
        }
    }

    fn name(&self, number: u32) -> Option<&str> {
        let index = *self.names.by_number.get(&number)?;
        self.names.entries.get(index).map(|(_, name)| name.as_ref())
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.names
            .entries
            .iter()
            .find(|(_, known)| **known == *name)
            .map(|(number, _)| *number)
    }

    /// Reads the file if it is another than before. If it can't be read, the old names stand, and
    /// the next call tries again.
    fn refresh(&mut self) -> bool {
        let now = fs::metadata(&self.path).ok().map(|meta| Stamp::of(&meta));
        if now.is_none() || now == self.stamp {
            return false;
        }
        let Ok((stamp, names)) = read(&self.path) else {
            return false;
        };
        self.stamp = Some(stamp);
        self.names = names;
        true
    }
}

/// The stamp is from before the reading: a file that is written meanwhile is read once more.
fn read(path: &Path) -> io::Result<(Stamp, Names)> {
    // Not blocking, should somebody have put a fifo there.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok((Stamp::of(&meta), Names::read(file)?))
}

/// The entries in the file's order, and the first one of each number.
#[derive(Debug, Default)]
struct Names {
    entries: Vec<(u32, Box<str>)>,
    by_number: HashMap<u32, usize>,
}

impl Names {
    fn read(file: File) -> io::Result<Self> {
        let mut names = Self::default();
        let mut lines = BufReader::new(file.take(LONGEST_FILE));
        let (mut line, mut text) = (Vec::new(), String::new());
        while names.entries.len() < MOST_ENTRIES && lines.read_until(b'\n', &mut line)? != 0 {
            // What the bound has cut could read as another number.
            let cut = line.pop_if(|last| *last == b'\n').is_none() && lines.get_ref().limit() == 0;
            if let Some((name, number)) = entry(&line).filter(|_| !cut) {
                text.clear();
                push_text(&mut text, name);
                names.by_number.entry(number).or_insert(names.entries.len());
                names.entries.push((number, text.as_str().into()));
            }
            line.clear();
        }
        Ok(names)
    }
}

/// Name and number of a line `name:password:number:…`, which passwd and group share.
fn entry(line: &[u8]) -> Option<(&[u8], u32)> {
    let mut fields = line.split(|&byte| byte == b':');
    let name = fields.next()?;
    let number = std::str::from_utf8(fields.nth(1)?).ok()?;
    // + and - begin what the NIS of old puts in; # begins what somebody commented out.
    let named = !matches!(name.first(), None | Some(b'+' | b'-' | b'#'));
    let decimal = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|&number| number != UNSET)?;
    (named && decimal && name.len() <= LONGEST_NAME).then_some((name, number))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tempfile::TempDir;

    use super::*;

    fn users(passwd: &[u8]) -> (TempDir, Users) {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("passwd"), passwd).unwrap();
        fs::write(
            dir.path().join("group"),
            "root:x:0:\nwww-data:x:33:alice,bob\n",
        )
        .unwrap();
        let users = Users::of(dir.path().join("passwd"), dir.path().join("group"));
        (dir, users)
    }

    #[test]
    fn names_and_numbers_are_found_both_ways() {
        let (_dir, users) = users(
            b"root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\n\
              alice:x:1000:1000:A,,,:/home/alice:/bin/zsh",
        );
        assert_eq!(users.user(0), Some("root"));
        assert_eq!(users.user(1000), Some("alice"));
        assert_eq!(users.user(33), None);
        assert_eq!(users.group(33), Some("www-data"));
        assert_eq!(users.uid_of("toor"), Some(0));
        assert_eq!(users.uid_of("alice"), Some(1000));
        assert_eq!(users.uid_of("bob"), None);
        assert_eq!(users.gid_of("www-data"), Some(33));
    }

    #[test]
    fn lines_that_are_no_entries_are_passed_over() {
        let (_dir, users) = users(
            b"\n:\n::\na\nb:x\n:x:1:\nc:x:-1:\nd:x:+1:\ne:x:4294967296:\nf:x:4294967295:\n\
              #g:x:1:\n+h:x:1:\n-i:x:1:\nj:x: 1:\nk:x::\nl:x:\xff:\n\x00\xff\xfe\nok:x:2:2::/:/\n",
        );
        assert_eq!(users.user(1), None);
        assert_eq!(users.user(u32::MAX), None);
        assert_eq!(users.user(2), Some("ok"));
        assert_eq!(users.users.names.entries.len(), 1);
    }

    #[test]
    fn a_name_that_is_no_utf8_is_text_by_the_rule_of_all_bytes() {
        let (_dir, users) = users(b"m\xfcller:x:7:7::/:/bin/sh\n");
        assert_eq!(users.user(7), Some(r"m\xfcller"));
        assert_eq!(users.uid_of(r"m\xfcller"), Some(7));
    }

    #[test]
    fn a_changed_file_is_read_again_and_an_unchanged_one_is_not() {
        let (dir, mut users) = users(b"alice:x:1000:1000:::\n");
        assert!(!users.refresh());

        // As vipw does it: a new file, renamed into place.
        fs::write(dir.path().join("new"), "clair:x:1000:1000:::\n").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("passwd")).unwrap();
        assert!(users.refresh());
        assert_eq!(users.user(1000), Some("clair"));
        assert_eq!(users.uid_of("alice"), None);
        assert!(!users.refresh());

        let mut group = File::options()
            .append(true)
            .open(dir.path().join("group"))
            .unwrap();
        group.write_all(b"adm:x:4:\n").unwrap();
        assert!(users.refresh());
        assert_eq!(users.group(4), Some("adm"));
    }

    #[test]
    fn a_file_that_goes_away_leaves_its_names() {
        let (dir, mut users) = users(b"alice:x:1000:1000:::\n");
        let passwd = dir.path().join("passwd");
        fs::remove_file(&passwd).unwrap();
        assert!(!users.refresh());
        assert_eq!(users.user(1000), Some("alice"));

        fs::create_dir(&passwd).unwrap();
        assert!(!users.refresh());
        fs::remove_dir(&passwd).unwrap();
        mknodat(CWD, &passwd, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(!users.refresh());
        assert_eq!(users.user(1000), Some("alice"));

        fs::remove_file(&passwd).unwrap();
        fs::write(&passwd, "bob:x:1000:1000:::\n").unwrap();
        assert!(users.refresh());
        assert_eq!(users.user(1000), Some("bob"));
    }

    #[test]
    fn a_file_that_comes_late_is_read_when_it_is_there() {
        let dir = TempDir::new().unwrap();
        let mut users = Users::of(dir.path().join("passwd"), dir.path().join("group"));
        assert_eq!(users.user(0), None);
        fs::write(dir.path().join("passwd"), "root:x:0:0:::\n").unwrap();
        assert!(users.refresh());
        assert_eq!(users.user(0), Some("root"));
    }

    #[test]
    fn a_huge_file_is_read_only_so_far() {
        let mut passwd = b"first:x:1:1:::\nlong".to_vec();
        let bound = usize::try_from(LONGEST_FILE).unwrap();
        passwd.resize(bound - 14, b'a');
        passwd.extend_from_slice(b"\ncut:x:1234567:1:::\nafter:x:3:3:::\n");
        let (_dir, users) = users(&passwd);
        assert_eq!(users.user(1), Some("first"));
        assert_eq!(users.users.names.entries.len(), 1);

        let mut many = Vec::new();
        for uid in 0..MOST_ENTRIES + 10 {
            writeln!(many, "u{uid}:x:{uid}:0:::").unwrap();
        }
        let (_dir, users) = self::users(&many);
        assert_eq!(users.user(77), Some("u77"));
        assert_eq!(users.users.names.entries.len(), MOST_ENTRIES);
    }

    #[test]
    fn this_machine_has_a_root() {
        assert_eq!(Users::system().user(0), Some("root"));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some((name, _)) = entry(&line) {
                prop_assert!(line.starts_with(name) && !name.is_empty());
            }
        }

        #[test]
        fn every_entry_is_read_as_it_was_written(
            name in "[a-z_][a-z0-9_-]{0,31}[$]?", uid in 0..u32::MAX
        ) {
            let line = format!("{name}:x:{uid}:100:gecos:/:/bin/sh");
            prop_assert_eq!(entry(line.as_bytes()), Some((name.as_bytes(), uid)));
        }
    }
}
