//! The directory of the log, and the log's name and lock in it.
//!
//! Everything is opened relative to one descriptor of the directory, and only
//! one process may write a log.
//!
//! Locks: the file being written is always flocked, and each new file is locked
//! before it gets its name. A rotating writer also holds the hidden file
//! `.NAME.lock` from its start to its end, because between two renames there is
//! no file `NAME`. A writer that does not rotate takes that lock too if the
//! file exists, but never creates it. The lock file stays when the writer ends:
//! if it were removed, two writers could lock two different files.

use std::{
    ffi::{OsStr, OsString},
    os::fd::OwnedFd,
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use rustix::{
    fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    checks::{check_directory, check_file},
    config::FileConfig,
    slot::hidden,
};

/// Suffix of the hidden file that becomes the next log.
pub(super) const NEXT: &str = ".next";
/// Suffix of the hidden file that a rotated log is compressed into.
pub(super) const GZ_TEMPORARY: &str = ".gz.tmp";
const LOCK: &str = ".lock";

/// Whatever the umask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);
/// Until a new file has its final mode.
const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

const OPEN: OFlags = OFlags::RDWR
    .union(OFlags::APPEND)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW)
    // A FIFO must not block us, nor a terminal become ours.
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What identifies a file, whatever its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct FileId {
    device: u64,
    pub(super) inode: u64,
}

impl FileId {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

/// A directory, the name of the log in it, and the writer's lock.
#[derive(Debug)]
pub(super) struct LogDirectory {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) log_name: OsString,
    lock: Option<Lock>,
}

#[derive(Clone, Debug)]
struct Lock {
    /// The lock lasts as long as this is open.
    _fd: Arc<OwnedFd>,
    id: FileId,
}

/// The log, opened, checked and locked.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) fd: OwnedFd,
    pub(super) id: FileId,
    pub(super) size: u64,
    /// A character device, such as /dev/null, which has no size and no lock.
    pub(super) device: bool,
}

/// The log that is in use, which this process has locked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current<'a> {
    pub(super) fd: &'a OwnedFd,
    pub(super) id: FileId,
}

impl LogDirectory {
    /// Opens the directory by its path. If `current`, the one in use, has the
    /// same lock file, its lock is kept.
    pub(super) fn open(config: &FileConfig, current: Option<&Self>) -> Result<Self> {
        let path = &config.path;
        let name = path
            .file_name()
            .filter(|_| !path.as_os_str().as_encoded_bytes().ends_with(b"/"));
        let Some(name) = name else {
            bail!(
                "{} names no file: give the path of the file to write",
                path.display()
            );
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let fd = open_directory(parent, config)?;
        check_directory(&fd, parent, config)?;
        let mut directory = Self {
            fd: Arc::new(fd),
            log_name: name.to_os_string(),
            lock: None,
        };
        let held = current.and_then(|current| current.lock.as_ref());
        directory.lock = directory.take_lock(config, held)?;
        Ok(directory)
    }

    /// Takes the lock, unless `held` is the same one. None if this writer does
    /// not rotate and there is no lock file.
    fn take_lock(&self, config: &FileConfig, held: Option<&Lock>) -> Result<Option<Lock>> {
        let name = hidden(&self.log_name, LOCK);
        let create = config.rotation.is_some();
        let mut flags = OPEN - OFlags::APPEND;
        flags.set(OFlags::CREATE, create);
        let fd = match rustix::fs::openat(&*self.fd, &name, flags, OWNER_ONLY) {
            Ok(fd) => fd,
            Err(Errno::NOENT) if !create => return Ok(None),
            Err(error) => {
                let name = name.display();
                return Err(error).with_context(|| format!("cannot open {name} (a lock)"));
            }
        };
        let id = FileId::of(&rustix::fs::fstat(&fd)?);
        if let Some(held) = held.filter(|held| held.id == id) {
            return Ok(Some(held.clone()));
        }
        lock_file(&fd, &config.path)?;
        Ok(Some(Lock {
            _fd: Arc::new(fd),
            id,
        }))
    }

    /// Opens the log, and creates it if it does not exist. If it turns out to
    /// be the `current` one, our lock on that is released for a moment.
    pub(super) fn open_log(
        &self,
        config: &FileConfig,
        current: Option<Current<'_>>,
    ) -> Result<Opened> {
        loop {
            let Some(opened) = self.open_existing(config)? else {
                self.create_unless_exists(config)?;
                continue;
            };
            if opened.device {
                return Ok(opened);
            }
            let current = current.filter(|current| current.id == opened.id);
            if let Some(Current { fd, .. }) = current {
                rustix::fs::flock(fd, FlockOperation::Unlock)?;
            }
            if let Err(error) = lock_file(&opened.fd, &config.path) {
                if let Some(Current { fd, .. }) = current {
                    let _ = rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive);
                }
                return Err(error);
            }
            // Another writer may have rotated the file before we had the lock.
            let named = self.stat(&self.log_name);
            if named.is_ok_and(|named| FileId::of(&named) == opened.id) {
                return Ok(opened);
            }
        }
    }

    /// Opens and checks the log. None if it does not exist.
    fn open_existing(&self, config: &FileConfig) -> Result<Option<Opened>> {
        let path = &config.path;
        // Checked before it is opened, because opening a device can have
        // effects.
        match self.stat(&self.log_name) {
            Ok(stat) => check_file(&stat, config)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error).with_context(|| cannot("look at", path)),
        }
        let fd = match rustix::fs::openat(&*self.fd, &self.log_name, OPEN, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error).with_context(|| cannot("open", path)),
        };
        // What was opened may be another file than the one that had the name
        // before.
        let stat = rustix::fs::fstat(&fd)?;
        check_file(&stat, config)?;
        let device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        let size = if device {
            0
        } else {
            u64::try_from(stat.st_size).unwrap_or(0)
        };
        Ok(Some(Opened {
            fd,
            id: FileId::of(&stat),
            size,
            device,
        }))
    }

    fn create_unless_exists(&self, config: &FileConfig) -> Result<()> {
        match self.create(&self.log_name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error).with_context(|| cannot("create", &config.path)),
        }
    }

    /// Creates the next log under a hidden name, with its final mode, and
    /// locked.
    pub(super) fn create_next(&self, config: &FileConfig) -> Result<Opened> {
        let name = hidden(&self.log_name, NEXT);
        self.remove(&name)
            .context("cannot remove what an earlier rotation left")?;
        self.create(&name).context("cannot create the next file")?;
        let fd = rustix::fs::openat(&*self.fd, &name, OPEN, Mode::empty())
            .context("cannot open the next file")?;
        lock_file(&fd, &config.path)?;
        let id = FileId::of(&rustix::fs::fstat(&fd)?);
        Ok(Opened {
            fd,
            id,
            size: 0,
            device: false,
        })
    }

    fn create(&self, name: &OsStr) -> Result<(), Errno> {
        let flags = OPEN | OFlags::CREATE | OFlags::EXCL;
        let fd = rustix::fs::openat(&*self.fd, name, flags, OWNER_ONLY)?;
        rustix::fs::fchmod(&fd, FILE_MODE).inspect_err(|_| {
            let _ = self.remove(name);
        })
    }

    /// Removes a name, if it exists.
    pub(super) fn remove(&self, name: &OsStr) -> Result<(), Errno> {
        match rustix::fs::unlinkat(&*self.fd, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        }
    }

    pub(super) fn id(&self) -> Option<FileId> {
        let stat = rustix::fs::fstat(&*self.fd);
        stat.ok().map(|stat| FileId::of(&stat))
    }

    pub(super) fn stat(&self, name: &OsStr) -> Result<Stat, Errno> {
        rustix::fs::statat(&*self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}

/// Locks a file, which is refused if another process has locked it.
fn lock_file(fd: &OwnedFd, path: &Path) -> Result<()> {
    match rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(anyhow!(
            "{} is already being written by another process: stop that one (fuser -v shows it) \
             or give this one a file of its own",
            path.display()
        )),
        Err(error) => Err(error).with_context(|| cannot("lock", path)),
    }
}

/// Opens the directory. A rotating log's is created if it does not exist.
fn open_directory(path: &Path, config: &FileConfig) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || rustix::fs::open(path, flags, Mode::empty());
    match open() {
        Ok(directory) => return Ok(directory),
        Err(Errno::NOENT) if config.rotation.is_some() => {}
        Err(error) => return Err(error).with_context(|| cannot("open the directory", path)),
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => {}
        Err(Errno::EXIST) => return open().with_context(|| cannot("open the directory", path)),
        Err(error) => return Err(error).with_context(|| cannot("create the directory", path)),
    }
    let directory = open().with_context(|| cannot("open the directory", path))?;
    rustix::fs::fchmod(&directory, DIRECTORY_MODE)
        .with_context(|| cannot("set the mode of", path))?;
    Ok(directory)
}
