//! From a cgroup's id to the names in its path.
//!
//! The kernel side sends each cgroup's path with its id, so that a cgroup which
//! no longer exists still has names: [`Cgroups::learn`]. An id that was never
//! learned, or was forgotten since, is searched for in cgroupfs, where it is
//! the inode number of the cgroup's directory.
//!
//! The search walks the tree. rustix has no `open_by_handle_at`, and a walk
//! needs neither unsafe code nor `CAP_DAC_READ_SEARCH`. It goes in small steps
//! between batches, level by level, so that nobody can hide the host's own
//! units behind a deep or wide tree of their own.
//!
//! Ids belong to one hierarchy: cgroup2's (on hybrid machines it is mounted at
//! `/sys/fs/cgroup/unified`), or systemd's v1 hierarchy if cgroup2 is not
//! mounted.

use std::{
    collections::{HashSet, VecDeque},
    ffi::OsString,
    fs::{self, ReadDir},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirEntryExt, MetadataExt},
    },
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    path::{self, CgroupNames, Container, Pod},
    recent::Recent,
    runtime::Subject,
};
use crate::text::push_text_within;

/// Most cgroups kept: up to a kilobyte each, typically a hundred bytes.
const CAPACITY: usize = 4096;
/// Most text kept of a path. The names are read from all of it.
const LONGEST_PATH: usize = 1024;
/// Most ids that one walk searches for. Later events ask for the others again.
const MOST_WANTED: usize = 256;
/// Most ids kept as gone.
const MOST_GONE: usize = 2048;
/// Time between the end of a walk and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Directory entries that a step reads, which takes one or two milliseconds.
const STEP_ENTRIES: usize = 2048;
/// Directory entries that a walk reads at most. A machine with a thousand
/// cgroups has about 60,000.
const WALK_ENTRIES: usize = 1 << 20;
/// Most directories that wait to be read.
const MOST_WAITING: usize = 1 << 14;

/// What is known of a cgroup, ready to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// The path from the root of the hierarchy, as text by the rule of
    /// [`text`](mod@crate::text).
    pub path: Box<str>,
    /// Whether the path was too long to be kept in full.
    pub truncated: bool,
    /// The system unit, see [`CgroupNames::unit`].
    pub unit: Option<Box<str>>,
    /// The unit of a user's manager, see [`CgroupNames::user_unit`].
    pub user_unit: Option<Box<str>>,
    /// The innermost container.
    pub container: Option<Container>,
    /// The innermost pod.
    pub pod: Option<Pod>,
    /// What names are looked up for, if there may be any.
    pub subject: Option<Arc<Subject>>,
}

impl Cgroup {
    /// Reads a path as the kernel gives it.
    pub fn of(path: &[u8]) -> Self {
        let mut text = String::new();
        let truncated = push_text_within(&mut text, path, LONGEST_PATH) < path.len();
        let names = path::parse(path);
        let subject = Subject::of(&names).map(Arc::new);
        let CgroupNames {
            unit,
            user_unit,
            container,
            pod,
            nested: _,
        } = names;
        Self {
            path: text.into(),
            truncated,
            unit,
            user_unit,
            container,
            pod,
            subject,
        }
    }
}

/// The cgroups seen recently, by id.
#[derive(Debug)]
pub struct Cgroups {
    known: Recent<u64, Rc<Cgroup>>,
    /// Ids that a walk did not find. Their cgroups are gone, and ids are not
    /// used again. A map of its own, so that a flood of unknown ids evicts no
    /// known one.
    gone: Recent<u64, ()>,
    /// Unknown ids that were asked for. The next walk searches for them.
    wanted: HashSet<u64>,
    root: Option<PathBuf>,
    walk: Option<Walk>,
    last_walk_end: Option<Instant>,
}

impl Cgroups {
    /// A table that searches this machine's cgroupfs.
    pub fn system() -> Self {
        let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
        Self::of(root_of(&mounts), CAPACITY)
    }

    /// A table of `capacity` cgroups that searches the hierarchy mounted at
    /// `root`, if there is one.
    fn of(root: Option<PathBuf>, capacity: usize) -> Self {
        Self {
            known: Recent::new(capacity),
            gone: Recent::new(MOST_GONE),
            wanted: HashSet::with_capacity(MOST_WANTED),
            root,
            walk: None,
            last_walk_end: None,
        }
    }

    /// The root of the hierarchy that is searched.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// How many cgroups are kept.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Takes a cgroup's path from the kernel. Costs nothing if the cgroup is
    /// known.
    pub fn learn(&mut self, id: u64, path: &[u8]) {
        if self.known.get(id).is_none() {
            self.known.insert(id, Rc::new(Cgroup::of(path)));
            self.gone.remove(id);
            self.wanted.remove(&id);
        }
    }

    /// What is known of a cgroup. If nothing is, [`Cgroups::search`] will look
    /// for it, once.
    pub fn get(&mut self, id: u64) -> Option<Rc<Cgroup>> {
        if let Some(known) = self.known.get(id) {
            return Some(Rc::clone(known));
        }
        // This counts as a use of `gone`'s entry too, so it stays there as long
        // as the id is asked for, and no other walk searches for it.
        if self.root.is_some() && self.gone.get(id).is_none() && self.wanted.len() < MOST_WANTED {
            self.wanted.insert(id);
        }
        None
    }

    /// Makes one small step in the search for ids that [`Cgroups::get`] did not
    /// know. Does nothing if there are none, or if the last search ended less
    /// than a second ago. Returns whether the search has further steps.
    pub fn search(&mut self, now: Instant) -> bool {
        let Some(root) = &self.root else { return false };
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None if self.wanted.is_empty() => return false,
            None if self
                .last_walk_end
                .is_some_and(|then| now.duration_since(then) < PAUSE) =>
            {
                return false;
            }
            // Only for ids that are wanted now: the walk may have passed the
            // directory of one that is asked for later.
            None => Walk::new(root, std::mem::take(&mut self.wanted)),
        };
        let step = walk.step(root, |id, path| {
            self.known.insert(id, Rc::new(Cgroup::of(path)))
        });
        if step == Step::Unfinished {
            self.walk = Some(walk);
            return true;
        }
        for id in walk.wanted {
            // The kernel may have sent the path during the walk.
            if !self.known.contains(id) {
                self.gone.insert(id, ());
            }
        }
        self.last_walk_end = Some(now);
        false
    }
}

/// A search in progress: breadth first, so that a deep tree cannot hide what is
/// above it.
#[derive(Debug)]
struct Walk {
    wanted: HashSet<u64>,
    /// Paths of directories that are not read yet.
    waiting: VecDeque<Vec<u8>>,
    reading: Option<Reading>,
    /// Entries that may still be read.
    left: usize,
}

/// A directory that is being read.
#[derive(Debug)]
struct Reading {
    /// From the root, without a slash at the end.
    path: Vec<u8>,
    entries: ReadDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Finished,
    Unfinished,
}

impl Walk {
    fn new(root: &Path, wanted: HashSet<u64>) -> Self {
        let mut waiting = VecDeque::new();
        if fs::symlink_metadata(root).is_ok_and(|meta| meta.is_dir()) {
            waiting.push_back(Vec::new());
        }
        Self {
            wanted,
            waiting,
            reading: None,
            left: WALK_ENTRIES,
        }
    }

    /// Reads some entries.
    fn step(&mut self, root: &Path, mut found: impl FnMut(u64, &[u8])) -> Step {
        for _ in 0..STEP_ENTRIES.min(self.left) {
            if self.wanted.is_empty() {
                return Step::Finished;
            }
            let Some(directory) = &mut self.reading else {
                let Some(path) = self.waiting.pop_front() else {
                    return Step::Finished;
                };
                self.open(root, path, &mut found);
                continue;
            };
            match directory.entries.next() {
                // The directory is being removed: that ends it, but not the
                // walk.
                None | Some(Err(_)) => self.reading = None,
                Some(Ok(entry)) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => {
                    let path = [&*directory.path, entry.file_name().as_bytes()].join(&b'/');
                    if self.wanted.remove(&entry.ino()) {
                        found(entry.ino(), &path);
                    }
                    if self.waiting.len() < MOST_WAITING {
                        self.waiting.push_back(path);
                    }
                }
                Some(Ok(_)) => {}
            }
        }
        self.left = self.left.saturating_sub(STEP_ENTRIES);
        if self.left == 0 || self.wanted.is_empty() {
            Step::Finished
        } else {
            Step::Unfinished
        }
    }

    /// Starts to read a directory, and skips it if it is gone by now.
    fn open(&mut self, root: &Path, path: Vec<u8>, found: &mut impl FnMut(u64, &[u8])) {
        let mut full = root.as_os_str().to_owned();
        full.push(OsString::from_vec(path.clone()));
        // No directory has an entry for the root.
        if path.is_empty() {
            let id = fs::symlink_metadata(&full).map(|meta| meta.ino());
            if let Some(id) = id.ok().filter(|id| self.wanted.remove(id)) {
                found(id, b"/");
            }
        }
        self.reading = (fs::read_dir(full).ok()).map(|entries| Reading { path, entries });
    }
}

/// Where the hierarchy is mounted whose ids the kernel reports, from
/// `/proc/self/mountinfo`.
fn root_of(mountinfo: &[u8]) -> Option<PathBuf> {
    let mut systemd = None;
    for line in mountinfo.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b' ');
        // If only a part of the hierarchy is mounted, as in a container, the
        // paths in it are not those that the kernel reports.
        let Some(b"/") = fields.nth(3) else { continue };
        let Some(point) = fields.next() else { continue };
        let mut after = fields.skip_while(|field| *field != b"-").skip(1);
        let options = (after.next(), after.nth(1));
        match options {
            (Some(b"cgroup2"), _) => return Some(mount_point(point)),
            (Some(b"cgroup"), Some(options))
                if options
                    .split(|&byte| byte == b',')
                    .any(|option| option == b"name=systemd") =>
            {
                systemd = systemd.or_else(|| Some(mount_point(point)));
            }
            _ => {}
        }
    }
    systemd
}

/// Decodes a path in mountinfo, which has space, tab, newline and backslash as
/// three octal digits.
fn mount_point(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, tail) = match rest {
            [b'\\', b'0', b'4', b'0', tail @ ..] => (b' ', tail),
            [b'\\', b'0', b'1', b'1', tail @ ..] => (b'\t', tail),
            [b'\\', b'0', b'1', b'2', tail @ ..] => (b'\n', tail),
            [b'\\', b'1', b'3', b'4', tail @ ..] => (b'\\', tail),
            _ => (first, after),
        };
        out.push(byte);
        rest = tail;
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use tempfile::TempDir;

    use super::*;

    /// A directory tree with inode numbers, as cgroupfs has them.
    fn tree(paths: &[&[u8]]) -> (TempDir, Cgroups) {
        let dir = TempDir::new().unwrap();
        for path in paths {
            fs::create_dir_all(dir.path().join(OsStr::from_bytes(path))).unwrap();
        }
        let cgroups = Cgroups::of(Some(dir.path().to_owned()), 64);
        (dir, cgroups)
    }

    fn id(dir: &TempDir, path: &[u8]) -> u64 {
        fs::metadata(dir.path().join(OsStr::from_bytes(path)))
            .unwrap()
            .ino()
    }

    /// Searches to the end, and returns how many steps that took.
    fn search(cgroups: &mut Cgroups, now: Instant) -> usize {
        let mut steps = 1;
        while cgroups.search(now) {
            steps += 1;
        }
        steps
    }

    #[test]
    fn a_path_from_the_kernel_is_known_without_any_cgroupfs() {
        let mut cgroups = Cgroups::of(None, 64);
        assert_eq!(cgroups.get(7), None);
        cgroups.learn(7, b"/system.slice/nginx.service");
        let nginx = cgroups.get(7).unwrap();
        assert_eq!(&*nginx.path, "/system.slice/nginx.service");
        assert_eq!(nginx.unit.as_deref(), Some("nginx.service"));
        assert!(!nginx.truncated && nginx.container.is_none());
        assert!(!cgroups.search(Instant::now()));
    }

    #[test]
    fn a_hostile_path_is_bounded_text() {
        let path = [b"/\xff\n\"".to_vec(), vec![b'a'; 5000]].concat();
        let cgroup = Cgroup::of(&path);
        assert!(cgroup.truncated && cgroup.path.len() == LONGEST_PATH);
        assert!(cgroup.path.starts_with("/\\xff\n\"aaa"));
    }

    #[test]
    fn what_was_not_learned_is_found_in_the_tree() {
        let (dir, mut cgroups) = tree(&[
            b"system.slice/a.service/sub",
            b"system.slice/b\xff.service",
            b"user.slice",
        ]);
        let wanted: [&[u8]; 3] = [
            b"system.slice/a.service",
            b"system.slice/b\xff.service",
            b"system.slice/a.service/sub",
        ];
        for path in wanted {
            assert_eq!(cgroups.get(id(&dir, path)), None);
        }
        assert_eq!(cgroups.get(id(&dir, b"")), None);
        search(&mut cgroups, Instant::now());
        let path = |id| {
            cgroups
                .get(id)
                .as_deref()
                .map(|found| found.path.to_string())
        };
        let found: Vec<_> = wanted.map(|path| id(&dir, path)).map(path).into();
        assert_eq!(found[0].as_deref(), Some("/system.slice/a.service"));
        assert_eq!(found[1].as_deref(), Some("/system.slice/b\\xff.service"));
        assert_eq!(found[2].as_deref(), Some("/system.slice/a.service/sub"));
        assert_eq!(
            cgroups
                .get(id(&dir, b""))
                .as_deref()
                .map(|root| &*root.path),
            Some("/")
        );
    }

    #[test]
    fn an_id_that_is_nowhere_is_looked_for_once() {
        let (_dir, mut cgroups) = tree(&[b"a"]);
        let start = Instant::now();
        assert_eq!(cgroups.get(u64::MAX), None);
        search(&mut cgroups, start);
        assert_eq!(cgroups.get(u64::MAX), None);
        assert!(cgroups.wanted.is_empty());
        cgroups.learn(u64::MAX, b"/late");
        assert_eq!(
            cgroups.get(u64::MAX).as_deref().map(|late| &*late.path),
            Some("/late")
        );
    }

    #[test]
    fn a_flood_of_unknown_ids_makes_one_walk_a_second_and_a_bounded_one() {
        let (dir, mut cgroups) = tree(&[b"a"]);
        let start = Instant::now();
        cgroups.learn(1, b"/kept");
        let flood = |cgroups: &mut Cgroups, from: u64| {
            for id in from..from + 10_000 {
                assert_eq!(cgroups.get(u64::MAX - id), None);
            }
            assert!(cgroups.get(1).is_some());
        };
        flood(&mut cgroups, 0);
        assert_eq!(cgroups.wanted.len(), MOST_WANTED);
        search(&mut cgroups, start);
        let first = cgroups.last_walk_end;

        flood(&mut cgroups, 20_000);
        assert!(!cgroups.search(start + Duration::from_millis(999)));
        assert_eq!(
            (cgroups.last_walk_end, cgroups.wanted.len()),
            (first, MOST_WANTED)
        );
        search(&mut cgroups, start + PAUSE);
        assert_ne!(cgroups.last_walk_end, first);

        let a = id(&dir, b"a");
        assert_eq!(cgroups.get(a), None);
        search(&mut cgroups, start + PAUSE * 2);
        assert_eq!(cgroups.get(a).as_deref().map(|a| &*a.path), Some("/a"));
        assert_eq!(cgroups.known.len(), 2);
    }

    #[test]
    fn a_large_tree_is_walked_in_steps_and_upper_levels_first() {
        let (dir, mut cgroups) = tree(&[b"deep/x/y/z", b"unit.service"]);
        for n in 0..3 * STEP_ENTRIES {
            fs::create_dir(dir.path().join(format!("deep/x/{n}"))).unwrap();
        }
        let (unit, last) = (id(&dir, b"unit.service"), id(&dir, b"deep/x/y/z"));
        let start = Instant::now();
        assert!(cgroups.get(unit).is_none() && cgroups.get(last).is_none());
        assert!(cgroups.search(start));
        assert!(cgroups.get(unit).is_some());
        assert_eq!(cgroups.get(last), None);
        assert!(search(&mut cgroups, start) > 2);
        assert_eq!(
            cgroups.get(last).as_deref().map(|z| &*z.path),
            Some("/deep/x/y/z")
        );
    }

    #[test]
    fn what_the_kernel_sends_during_a_walk_stands() {
        let (dir, mut cgroups) = tree(&[b"a"]);
        for n in 0..2 * STEP_ENTRIES {
            fs::create_dir(dir.path().join(format!("a/{n}"))).unwrap();
        }
        let start = Instant::now();
        assert_eq!(cgroups.get(u64::MAX), None);
        assert!(cgroups.search(start));
        cgroups.learn(u64::MAX, b"/gone.service");
        search(&mut cgroups, start);
        let gone = cgroups.get(u64::MAX);
        let gone = gone.as_deref().and_then(|gone| gone.unit.as_deref());
        assert_eq!(gone, Some("gone.service"));
    }

    #[test]
    fn a_root_that_is_not_there_is_searched_without_harm() {
        let mut cgroups = Cgroups::of(Some("/nonexistent/cgroup".into()), 64);
        assert_eq!(cgroups.get(9), None);
        assert_eq!(search(&mut cgroups, Instant::now()), 1);
        assert_eq!(cgroups.get(9), None);
    }

    #[test]
    fn links_are_not_followed() {
        let (dir, mut cgroups) = tree(&[b"a"]);
        let (elsewhere, _) = tree(&[b"hidden"]);
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("a/link")).unwrap();
        let hidden = id(&elsewhere, b"hidden");
        assert_eq!(cgroups.get(hidden), None);
        search(&mut cgroups, Instant::now());
        assert_eq!(cgroups.get(hidden), None);
    }

    #[test]
    fn the_root_is_where_mountinfo_says() {
        let unified: &[u8] = b"24 30 0:22 / /sys rw - sysfs sysfs rw\n\
            26 23 0:24 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(root_of(unified).unwrap(), Path::new("/sys/fs/cgroup"));

        let hybrid: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
            35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            root_of(hybrid).unwrap(),
            Path::new("/sys/fs/cgroup/unified")
        );

        let legacy: Vec<_> = hybrid
            .split_inclusive(|&byte| byte == b'\n')
            .take(3)
            .collect();
        assert_eq!(
            root_of(&legacy.concat()).unwrap(),
            Path::new("/sys/fs/cgroup/systemd")
        );

        let inside: &[u8] =
            b"26 23 0:24 /docker/abc /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n26 23\n\n\xff";
        assert_eq!(root_of(inside), None);

        let odd: &[u8] = b"26 23 0:24 / /mnt/my\\040c\\134g\\011 rw - cgroup2 cgroup rw\n";
        assert_eq!(root_of(odd).unwrap(), Path::new("/mnt/my c\\g\t"));
    }
}
