//! Cgroup ids to what their paths say.
//!
//! The kernel side sends a cgroup's path with its id, so that a cgroup which is gone by now still
//! has a name: [`Cgroups::learn`]. An id that was never learned, or was forgotten since, is looked
//! for in cgroupfs: a cgroup's id is the inode number of its directory there.
//!
//! By a walk, not by `open_by_handle_at`: rustix does not have that call, and a walk needs neither
//! unsafe code nor `CAP_DAC_READ_SEARCH`. It is made in small steps between events, level by level,
//! so that nobody can hide the host's own units behind a deep or wide tree of their own.
//!
//! Ids mean something in one hierarchy only. That is cgroup2's (on hybrid machines the one mounted
//! at `/sys/fs/cgroup/unified`); where there is none mounted, systemd's v1 hierarchy.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, ReadDir};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::path::{Pod, Qos, Runtime, place};
use super::recent::Recent;
use crate::text::push_text_within;

/// Cgroups held. At a kilobyte each in the worst case, and a tenth of that in life.
const CAPACITY: usize = 4096;
/// What is kept of a path, as text. `place` has read it in full before.
const LONGEST_PATH: usize = 1024;
/// Unknown ids that one walk looks for; what is asked beyond that is asked again by later events.
const MOST_SOUGHT: usize = 256;
/// Ids held as gone.
const MOST_GONE: usize = 2048;
/// Between the end of a walk and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Directory entries read by one step: one or two milliseconds.
const STEP: usize = 2048;
/// Directory entries read by one walk; a machine with a thousand cgroups has about 60,000.
const WALK: usize = 1 << 20;
/// Directories that wait to be read.
const MOST_WAITING: usize = 1 << 14;

/// What is known of one cgroup, owned and ready to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroup {
    /// The path from the root of the hierarchy, as text by the rule of [`crate::text`].
    pub path: Box<str>,
    /// Whether the path was too long to be kept in full.
    pub truncated: bool,
    /// See [`super::Place::slice`].
    pub slice: Option<Box<str>>,
    /// See [`super::Place::unit`].
    pub unit: Option<Box<str>>,
    /// See [`super::Place::user_unit`].
    pub user_unit: Option<Box<str>>,
    /// The container's id or name, and what runs it.
    pub container: Option<(Box<str>, Runtime)>,
    /// The pod's uid and quality of service.
    pub pod: Option<(Box<str>, Qos)>,
}

impl Cgroup {
    /// Reads a path as the kernel gives it.
    #[must_use]
    pub fn of(path: &[u8]) -> Self {
        let place = place(path);
        let mut text = String::new();
        let truncated = push_text_within(&mut text, path, LONGEST_PATH) < path.len();
        Self {
            path: text.into(),
            truncated,
            slice: place.slice.map(Box::from),
            unit: place.unit.map(Box::from),
            user_unit: place.user_unit.map(Box::from),
            container: place
                .container
                .map(|found| (Box::from(found.id), found.runtime)),
            pod: place.pod.map(|Pod { uid, qos }| (Box::from(uid), qos)),
        }
    }
}

/// The cgroups lately seen, by id.
#[derive(Debug)]
pub struct Cgroups {
    known: Recent<u64, Rc<Cgroup>>,
    /// What a walk did not find: such a cgroup is gone, and ids do not come back. A map of its own,
    /// so that a flood of unknown ids pushes out no known one.
    gone: Recent<u64, ()>,
    /// Asked for and unknown; the next walk looks for them.
    wanted: HashSet<u64>,
    root: Option<PathBuf>,
    walk: Option<Walk>,
    /// The end of the last walk.
    rested: Option<Instant>,
}

impl Cgroups {
    /// A table that heals itself from this machine's cgroupfs.
    #[must_use]
    pub fn system() -> Self {
        let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
        Self::of(root_of(&mounts), CAPACITY)
    }

    /// A table of `capacity` cgroups that heals itself from the hierarchy mounted at `root`, or not
    /// at all.
    #[must_use]
    pub fn of(root: Option<PathBuf>, capacity: usize) -> Self {
        let wanted = HashSet::with_capacity(MOST_SOUGHT);
        Self {
            known: Recent::new(capacity),
            gone: Recent::new(MOST_GONE),
            wanted,
            root,
            walk: None,
            rested: None,
        }
    }

    /// Where this table looks for what it does not know.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// How many are held.
    pub fn held(&self) -> usize {
        self.known.len()
    }

    /// Takes what the kernel said of a cgroup. Free of cost for one that is known.
    pub fn learn(&mut self, id: u64, path: &[u8]) {
        if self.known.get(id).is_none() {
            self.known.insert(id, Rc::new(Cgroup::of(path)));
            self.gone.remove(id);
            self.wanted.remove(&id);
        }
    }

    /// What is known of a cgroup. If nothing is, [`Cgroups::heal`] will look for it, once.
    pub fn get(&mut self, id: u64) -> Option<Rc<Cgroup>> {
        if let Some(known) = self.known.get(id) {
            return Some(Rc::clone(known));
        }
        // Asking counts as a use here too: what is still asked for is not looked for again.
        if self.root.is_some() && self.gone.get(id).is_none() && self.wanted.len() < MOST_SOUGHT {
            self.wanted.insert(id);
        }
        None
    }

    /// One small step in the search for what [`Cgroups::get`] did not have; nothing if there is no
    /// such id, or if the last search is less than a second ago. For between events. Says whether
    /// another step would go on with the search.
    pub fn heal(&mut self, now: Instant) -> bool {
        let Some(root) = &self.root else { return false };
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None if self.wanted.is_empty() => return false,
            None if self
                .rested
                .is_some_and(|then| now.duration_since(then) < PAUSE) =>
            {
                return false;
            }
            // Only ids wanted before it began: a walk may have passed what is asked for meanwhile.
            None => Walk::new(root, std::mem::take(&mut self.wanted)),
        };
        if !walk.step(root, |id, path| {
            self.known.insert(id, Rc::new(Cgroup::of(path)))
        }) {
            self.walk = Some(walk);
            return true;
        }
        for id in walk.sought {
            // The kernel may have sent the path while the walk was on its way.
            if !self.known.contains(id) {
                self.gone.insert(id, ());
            }
        }
        self.rested = Some(now);
        false
    }
}

/// A search under way: breadth first, so that a deep tree cannot hide what is above it.
#[derive(Debug)]
struct Walk {
    sought: HashSet<u64>,
    waiting: VecDeque<Vec<u8>>,
    /// The directory that is being read, and its path from the root, without a slash at the end.
    reading: Option<(Vec<u8>, ReadDir)>,
    left: usize,
}

impl Walk {
    fn new(root: &Path, sought: HashSet<u64>) -> Self {
        let mut waiting = VecDeque::new();
        // The root's own number stands in no directory above it.
        if fs::symlink_metadata(root).is_ok_and(|meta| meta.is_dir()) {
            waiting.push_back(Vec::new());
        }
        Self {
            sought,
            waiting,
            reading: None,
            left: WALK,
        }
    }

    /// Reads some entries and says whether the search is over.
    fn step(&mut self, root: &Path, mut found: impl FnMut(u64, &[u8])) -> bool {
        for _ in 0..STEP.min(self.left) {
            if self.sought.is_empty() {
                return true;
            }
            let Some((above, dir)) = &mut self.reading else {
                let Some(path) = self.waiting.pop_front() else {
                    return true;
                };
                self.open(root, path, &mut found);
                continue;
            };
            match dir.next() {
                // An error ends this directory, not the search: it is just being removed.
                None | Some(Err(_)) => self.reading = None,
                Some(Ok(entry)) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => {
                    let path = [above, entry.file_name().as_bytes()].join(&b'/');
                    if self.sought.remove(&entry.ino()) {
                        found(entry.ino(), &path);
                    }
                    if self.waiting.len() < MOST_WAITING {
                        self.waiting.push_back(path);
                    }
                }
                Some(Ok(_)) => {}
            }
        }
        self.left = self.left.saturating_sub(STEP);
        self.left == 0 || self.sought.is_empty()
    }

    /// Begins with a directory; one that is gone by now is passed over.
    fn open(&mut self, root: &Path, path: Vec<u8>, found: &mut impl FnMut(u64, &[u8])) {
        let mut full = root.as_os_str().to_owned();
        full.push(OsString::from_vec(path.clone()));
        if path.is_empty() {
            let id = fs::symlink_metadata(&full).map(|meta| meta.ino());
            if let Some(id) = id.ok().filter(|id| self.sought.remove(id)) {
                found(id, b"/");
            }
        }
        self.reading = fs::read_dir(full).ok().map(|dir| (path, dir));
    }
}

/// Where `/proc/self/mountinfo` says that the hierarchy is mounted whose ids the kernel reports.
fn root_of(mountinfo: &[u8]) -> Option<PathBuf> {
    let mut systemd = None;
    for line in mountinfo.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b' ');
        // A mount of a part of the hierarchy (as in a container) has other paths than the kernel's.
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

/// Undoes mountinfo's escapes: space, tab, newline and backslash as three octal digits.
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

    /// A directory tree has inode numbers as cgroupfs has.
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

    fn heal(cgroups: &mut Cgroups, now: Instant) -> usize {
        let mut steps = 1;
        while cgroups.heal(now) {
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
        assert!(!cgroups.heal(Instant::now()));
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
        heal(&mut cgroups, Instant::now());
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
        heal(&mut cgroups, start);
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
        assert_eq!(cgroups.wanted.len(), MOST_SOUGHT);
        heal(&mut cgroups, start);
        let first = cgroups.rested;

        flood(&mut cgroups, 20_000);
        assert!(!cgroups.heal(start + Duration::from_millis(999)));
        assert_eq!((cgroups.rested, cgroups.wanted.len()), (first, MOST_SOUGHT));
        heal(&mut cgroups, start + PAUSE);
        assert_ne!(cgroups.rested, first);

        let a = id(&dir, b"a");
        assert_eq!(cgroups.get(a), None);
        heal(&mut cgroups, start + PAUSE * 2);
        assert_eq!(cgroups.get(a).as_deref().map(|a| &*a.path), Some("/a"));
        assert_eq!(cgroups.known.len(), 2);
    }

    #[test]
    fn a_large_tree_is_walked_in_steps_and_upper_levels_first() {
        let (dir, mut cgroups) = tree(&[b"deep/x/y/z", b"unit.service"]);
        for n in 0..3 * STEP {
            fs::create_dir(dir.path().join(format!("deep/x/{n}"))).unwrap();
        }
        let (unit, last) = (id(&dir, b"unit.service"), id(&dir, b"deep/x/y/z"));
        let start = Instant::now();
        assert!(cgroups.get(unit).is_none() && cgroups.get(last).is_none());
        assert!(cgroups.heal(start));
        assert!(cgroups.get(unit).is_some());
        assert_eq!(cgroups.get(last), None);
        assert!(heal(&mut cgroups, start) > 2);
        assert_eq!(
            cgroups.get(last).as_deref().map(|z| &*z.path),
            Some("/deep/x/y/z")
        );
    }

    #[test]
    fn what_the_kernel_sends_during_a_walk_stands() {
        let (dir, mut cgroups) = tree(&[b"a"]);
        for n in 0..2 * STEP {
            fs::create_dir(dir.path().join(format!("a/{n}"))).unwrap();
        }
        let start = Instant::now();
        assert_eq!(cgroups.get(u64::MAX), None);
        assert!(cgroups.heal(start));
        cgroups.learn(u64::MAX, b"/gone.service");
        heal(&mut cgroups, start);
        let gone = cgroups.get(u64::MAX);
        let gone = gone.as_deref().and_then(|gone| gone.unit.as_deref());
        assert_eq!(gone, Some("gone.service"));
    }

    #[test]
    fn a_root_that_is_not_there_heals_nothing_and_ends() {
        let mut cgroups = Cgroups::of(Some("/nonexistent/cgroup".into()), 64);
        assert_eq!(cgroups.get(9), None);
        assert_eq!(heal(&mut cgroups, Instant::now()), 1);
        assert_eq!(cgroups.get(9), None);
    }

    #[test]
    fn links_are_not_followed() {
        let (dir, mut cgroups) = tree(&[b"a"]);
        let (elsewhere, _) = tree(&[b"hidden"]);
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("a/link")).unwrap();
        let hidden = id(&elsewhere, b"hidden");
        assert_eq!(cgroups.get(hidden), None);
        heal(&mut cgroups, Instant::now());
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
