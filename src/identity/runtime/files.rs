//! Reads files that others keep, with care: only those of the owner that is
//! expected, below a directory of that owner's, over no symlink, and of bounded
//! size. What passes through the buffer may be a secret, so it is wiped.

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read},
    os::fd::OwnedFd,
    path::{Component, Path},
};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, open, openat, openat2};
use rustix::io::Errno;

/// Most entries read of a directory.
pub(super) const MOST_ENTRIES: usize = 1 << 16;
/// What a file is read through.
const BUFFER: usize = 64 << 10;
/// Write permission for anybody.
const OTHERS_WRITE: u32 = 0o002;

/// The way to all files.
#[derive(Debug)]
pub(super) struct Files {
    /// What every path starts from.
    root: OwnedFd,
    buffer: Box<[u8]>,
}

/// A directory that belongs to the expected user.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    owner: u32,
}

impl Files {
    /// The files below a root.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(super) fn below(root: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: open(root, flags, Mode::empty())?,
            buffer: vec![0; BUFFER].into(),
        })
    }

    /// A directory at an absolute path, as a process sees it whose root this is:
    /// an administrator may well have put a symlink there.
    pub(super) fn directory(&self, path: &Path, owner: u32) -> Option<Directory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Directory::of(open_in(&self.root, path, flags, resolve)?, owner)
    }

    /// Reads a file that is opened below a directory through the buffer.
    pub(super) fn read<T>(
        &mut self,
        directory: &Directory,
        path: &Path,
        most: usize,
        use_it: impl FnOnce(Reader<'_>) -> T,
    ) -> Option<T> {
        let file = directory.file(path, most)?;
        Some(use_it(Reader {
            file,
            buffer: &mut self.buffer,
            filled: (0, 0),
            left: most,
        }))
    }

    /// Reads a short file at once.
    pub(super) fn with_all<T>(
        &mut self,
        mut file: &File,
        use_it: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let mut end = 0;
        let result = loop {
            match file.read(self.buffer.get_mut(end..)?) {
                Ok(0) => break self.buffer.get(..end).map(use_it),
                Ok(count) => end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break None,
            }
        };
        wipe(&mut self.buffer);
        result
    }
}

impl Directory {
    fn of(fd: OwnedFd, owner: u32) -> Option<Self> {
        let stat = fstat(&fd).ok()?;
        is_owned(&stat, owner).then_some(Self { fd, owner })
    }

    /// A directory below this one.
    pub(super) fn directory(&self, path: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        Self::of(self.beneath(path, flags)?, self.owner)
    }

    /// The names in it.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + use<> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let list = openat(&self.fd, ".", flags, Mode::empty());
        let list = list.and_then(Dir::new).into_iter().flatten();
        list.map_while(Result::ok)
            .take(MOST_ENTRIES)
            // A name of no runtime and no kubelet has other bytes.
            .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
    }

    fn file(&self, path: &Path, most: usize) -> Option<File> {
        // A FIFO must not block.
        let fd = self.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = fstat(&fd).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let fits = usize::try_from(stat.st_size).is_ok_and(|size| size <= most);
        (is_file && fits && is_owned(&stat, self.owner)).then(|| fd.into())
    }

    fn beneath(&self, path: &Path, flags: OFlags) -> Option<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        open_in(&self.fd, path, flags, resolve)
    }
}

/// Opens a path that starts at a directory, whatever it looks like.
fn open_in(at: &OwnedFd, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Option<OwnedFd> {
    match openat2(at, path, flags, Mode::empty(), resolve) {
        Ok(fd) => Some(fd),
        // A seccomp filter may be older than this call.
        Err(Errno::NOSYS | Errno::PERM) => walk(at, path, flags),
        Err(_) => None,
    }
}

/// As [`open_in`], name by name, and over no symlink at all.
fn walk(at: &OwnedFd, path: &Path, flags: OFlags) -> Option<OwnedFd> {
    let on_the_way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (directories, last) = (path.parent()?, path.file_name()?);
    let mut now = openat(at, ".", on_the_way, Mode::empty()).ok()?;
    for part in directories.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                now = openat(&now, name, on_the_way, Mode::empty()).ok()?;
            }
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    openat(&now, last, flags | OFlags::NOFOLLOW, Mode::empty()).ok()
}

/// Whether it is a user's, and others cannot write to it.
fn is_owned(stat: &Stat, owner: u32) -> bool {
    stat.st_uid == owner && stat.st_mode & OTHERS_WRITE == 0
}

/// A file, read through a buffer that is wiped afterwards.
pub(super) struct Reader<'a> {
    file: File,
    buffer: &'a mut [u8],
    /// From where to where the buffer has bytes that nobody has taken.
    filled: (usize, usize),
    /// How many more bytes may be read.
    left: usize,
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (mut start, mut end) = self.filled;
        if start == end {
            (start, end) = (0, self.file.read(self.buffer)?);
            self.left = (self.left)
                .checked_sub(end)
                .ok_or_else(|| io::Error::other("it grows"))?;
        }
        let ready = self.buffer.get(start..end).unwrap_or_default();
        let count = ready.len().min(out.len());
        for (to, from) in out.iter_mut().zip(ready) {
            *to = *from;
        }
        self.filled = (start + count, end);
        Ok(count)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        wipe(self.buffer);
    }
}

/// Overwrites what was read. The compiler must not see that nobody reads it.
fn wipe(buffer: &mut [u8]) {
    buffer.fill(0);
    black_box(buffer);
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, chown, symlink},
    };

    use rustix::fs::{CWD, mkfifoat};
    use tempfile::TempDir;

    use super::*;

    fn read(files: &mut Files, directory: &Directory, path: &str) -> Option<String> {
        let all = |mut reader: Reader<'_>| {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        };
        files.read(directory, Path::new(path), 8, all)?.ok()
    }

    #[test]
    fn only_files_of_the_owner_below_the_directory_are_read() {
        let room = TempDir::new().unwrap();
        let at = |name: &str| room.path().join(name);
        let mut files = Files::below(room.path()).unwrap();
        fs::create_dir_all(at("state/a")).unwrap();
        fs::write(at("state/a/good"), "text").unwrap();
        fs::write(at("outside"), "text").unwrap();
        symlink("/state", at("link")).unwrap();
        for path in ["/state", "/link"] {
            let state = files.directory(Path::new(path), 0).unwrap();
            assert_eq!(read(&mut files, &state, "a/good").as_deref(), Some("text"));
        }
        let state = files.directory(Path::new("/state"), 0).unwrap();
        for (name, to) in [("last", "a/good"), ("up", "../outside"), ("on", "a")] {
            symlink(to, at("state").join(name)).unwrap();
        }
        fs::write(at("state/long"), "123456789").unwrap();
        mkfifoat(CWD, at("state/fifo"), Mode::RUSR).unwrap();
        fs::write(at("state/theirs"), "text").unwrap();
        chown(at("state/theirs"), Some(1), None).unwrap();
        fs::write(at("state/open"), "text").unwrap();
        fs::set_permissions(at("state/open"), Permissions::from_mode(0o646)).unwrap();
        for bad in [
            "last",
            "up",
            "on/good",
            "../outside",
            "/outside",
            "long",
            "fifo",
            "theirs",
            "open",
            "a",
            "none",
            "",
        ] {
            assert_eq!(read(&mut files, &state, bad), None, "{bad}");
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let walked = |path: &str| walk(&state.fd, Path::new(path), flags).is_some();
        assert!(walked("a/good") && walked("long"));
        for bad in [
            "last",
            "up",
            "on/good",
            "../outside",
            "a/../long",
            "/outside",
            "none",
            "",
        ] {
            assert!(!walked(bad), "{bad}");
        }
        assert!(state.directory(Path::new("a")).is_some());
        assert!(state.directory(Path::new("on")).is_none());
        assert!(files.directory(Path::new("/state"), 1).is_none());
        fs::set_permissions(at("state"), Permissions::from_mode(0o777)).unwrap();
        assert!(files.directory(Path::new("/state"), 0).is_none());
    }

    #[test]
    fn nothing_of_a_file_stays_in_the_buffer() {
        let room = TempDir::new().unwrap();
        let mut files = Files::below(room.path()).unwrap();
        fs::write(room.path().join("file"), "12345678").unwrap();
        let all = files.directory(Path::new("/"), 0).unwrap();
        assert_eq!(read(&mut files, &all, "file").as_deref(), Some("12345678"));
        assert!(files.buffer.iter().all(|&byte| byte == 0));
        let file = File::open(room.path().join("file")).unwrap();
        assert_eq!(files.with_all(&file, <[u8]>::len), Some(8));
        assert!(files.buffer.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn the_names_of_a_directory_are_those_that_are_text() {
        let room = TempDir::new().unwrap();
        for name in ["a", "b_c"] {
            fs::write(room.path().join(name), "").unwrap();
        }
        let files = Files::below(room.path()).unwrap();
        let all = files.directory(Path::new("/"), 0).unwrap();
        let mut names: Vec<_> = all.names().filter(|name| !name.starts_with('.')).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b_c"]);
    }
}
