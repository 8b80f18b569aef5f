//! The names of users, from `/etc/passwd`.
//!
//! NSS is never asked. It can call sssd, LDAP or a daemon that is just being
//! killed, and the poller must wait for none of them. So users that only NSS
//! knows (those of a directory, systemd's dynamic ones) have a number and no
//! name.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::text::push_text;

/// Most bytes read of the file.
const LONGEST_FILE: u64 = 16 << 20;
/// Most entries kept.
const MOST_ENTRIES: usize = 1 << 17;
/// `LOGIN_NAME_MAX`: nothing longer is a name.
const LONGEST_NAME: usize = 256;
/// `(uid_t) -1`: no user's number, but that of an unset loginuid.
const UNSET: u32 = u32::MAX;

/// The names of users. Looking one up never reads the file.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    /// The state of the file that was last read.
    stamp: Option<Stamp>,
    entries: Entries,
}

impl Users {
    /// Reads `/etc/passwd`.
    pub fn system() -> Self {
        Self::of("/etc/passwd")
    }

    /// Reads a file in the format of `/etc/passwd`. If it cannot be read there
    /// are no names, until a [`Users::refresh`] can read it.
    fn of(path: impl Into<PathBuf>) -> Self {
        let mut new = Self {
            path: path.into(),
            stamp: None,
            entries: Entries::default(),
        };
        new.refresh();
        new
    }

    /// The name of a user. If several users have the number, that of the first
    /// in the file, as in `getpwuid(3)`.
    pub fn user(&self, uid: u32) -> Option<&str> {
        let index = *self.entries.by_uid.get(&uid)?;
        self.entries.in_order.get(index).map(|entry| &*entry.name)
    }

    /// The number of a user, for a name on a command line.
    pub fn uid_of(&self, name: &str) -> Option<u32> {
        let mut entries = self.entries.in_order.iter();
        entries
            .find(|entry| *entry.name == *name)
            .map(|entry| entry.uid)
    }

    /// Reads the file again if it has changed, which takes one `stat` call to
    /// find out. For about once a second. If the file cannot be read, the old
    /// names stay, and the next call tries again. Returns whether the file was
    /// read.
    pub fn refresh(&mut self) -> bool {
        let now = fs::metadata(&self.path).ok().map(|meta| Stamp::of(&meta));
        if now.is_none() || now == self.stamp {
            return false;
        }
        let Ok((stamp, entries)) = read(&self.path) else {
            return false;
        };
        self.stamp = Some(stamp);
        self.entries = entries;
        true
    }
}

/// What differs from one state of a file to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// As that. An edit within one tick of the clock can leave size and
    /// `modified` as they were, but a rename onto the path changes this.
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Reads the file. The stamp is from before that, so a file that is written
/// meanwhile will be read once more.
fn read(path: &Path) -> io::Result<(Stamp, Entries)> {
    // Somebody may have put a FIFO there, which must not block us.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok((Stamp::of(&meta), Entries::read(file)?))
}

/// The users of a file.
#[derive(Debug, Default)]
struct Entries {
    in_order: Vec<Entry>,
    /// The index of each uid's first entry.
    by_uid: HashMap<u32, usize>,
}

#[derive(Debug)]
struct Entry {
    uid: u32,
    name: Box<str>,
}

impl Entries {
    fn read(file: File) -> io::Result<Self> {
        let mut entries = Self::default();
        let mut lines = BufReader::new(file.take(LONGEST_FILE));
        let (mut line, mut text) = (Vec::new(), String::new());
        while entries.in_order.len() < MOST_ENTRIES && lines.read_until(b'\n', &mut line)? != 0 {
            // In a line that the limit has cut, the number may be cut too.
            let cut = line.pop_if(|last| *last == b'\n').is_none() && lines.get_ref().limit() == 0;
            if let Some((name, uid)) = parse(&line).filter(|_| !cut) {
                text.clear();
                push_text(&mut text, name);
                let index = entries.in_order.len();
                entries.by_uid.entry(uid).or_insert(index);
                let name = text.as_str().into();
                entries.in_order.push(Entry { uid, name });
            }
            line.clear();
        }
        Ok(entries)
    }
}

/// Name and uid of a line `name:password:uid:…`.
fn parse(line: &[u8]) -> Option<(&[u8], u32)> {
    let mut fields = line.split(|&byte| byte == b':');
    let name = fields.next()?;
    let number = str::from_utf8(fields.nth(1)?).ok()?;
    // + and - begin entries that refer to NIS, and # one that is commented out.
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
        let users = Users::of(dir.path().join("passwd"));
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
        assert_eq!(users.uid_of("toor"), Some(0));
        assert_eq!(users.uid_of("alice"), Some(1000));
        assert_eq!(users.uid_of("bob"), None);
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
        assert_eq!(users.entries.in_order.len(), 1);
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

        let mut passwd = File::options()
            .append(true)
            .open(dir.path().join("passwd"))
            .unwrap();
        passwd.write_all(b"dora:x:4:4:::\n").unwrap();
        assert!(users.refresh());
        assert_eq!(users.user(4), Some("dora"));
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
        let mut users = Users::of(dir.path().join("passwd"));
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
        assert_eq!(users.entries.in_order.len(), 1);

        let mut many = Vec::new();
        for uid in 0..MOST_ENTRIES + 10 {
            writeln!(many, "u{uid}:x:{uid}:0:::").unwrap();
        }
        let (_dir, users) = self::users(&many);
        assert_eq!(users.user(77), Some("u77"));
        assert_eq!(users.entries.in_order.len(), MOST_ENTRIES);
    }

    #[test]
    fn this_machine_has_a_root() {
        assert_eq!(Users::system().user(0), Some("root"));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some((name, _)) = parse(&line) {
                prop_assert!(line.starts_with(name) && !name.is_empty());
            }
        }

        #[test]
        fn every_entry_is_read_as_it_was_written(
            name in "[a-z_][a-z0-9_-]{0,31}[$]?", uid in 0..u32::MAX
        ) {
            let line = format!("{name}:x:{uid}:100:gecos:/:/bin/sh");
            prop_assert_eq!(parse(line.as_bytes()), Some((name.as_bytes(), uid)));
        }
    }
}
