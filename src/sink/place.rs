//! The directory that holds the log, and the log's name and lock in it.
//!
//! Everything is opened relative to one held directory descriptor, and only one process may
//! write a log.
//!
//! Locks: the file being written is always flocked, and each new file is locked before it gets
//! its name. A rotating writer also holds the hidden file `.NAME.lock` for its whole life: that
//! covers the moment between two renames when `NAME` does not exist. A writer that does not
//! rotate takes that lock too if the file is there, but never creates it. The lock file stays
//! when the writer ends, since removing it would let two writers lock two different files.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::checks::{check_directory, check_file};
use super::config::FileConfig;
use super::slot::hidden;

/// Suffix of the hidden file that the next log is prepared in.
pub(super) const NEXT: &str = ".next";
/// Suffix of the hidden file that a rotated log is compressed into.
pub(super) const GZ_TEMPORARY: &str = ".gz.tmp";
const LOCK: &str = ".lock";

const OPEN: OFlags = OFlags::RDWR
    .union(OFlags::APPEND)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW)
    // A FIFO must not hold us up, nor a terminal become ours.
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// Device and inode number.
pub(super) type Id = (u64, u64);

pub(super) fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}

/// A directory, the name of the log in it, and the writer's lock.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: Arc<OwnedFd>,
    pub(super) name: OsString,
    lock: Option<(Arc<OwnedFd>, Id)>,
}

/// The log, opened, checked and locked.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) fd: OwnedFd,
    pub(super) id: Id,
    pub(super) size: u64,
    /// A character device, such as /dev/null: no size, no lock.
    pub(super) device: bool,
}

impl Place {
    /// Opens the directory anew by its path. `held` is the place in use so far, whose lock is
    /// kept if it is the same one.
    pub(super) fn open(config: &FileConfig, held: Option<&Self>) -> Result<Self> {
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
        let rotating = config.rotation.is_some();
        let directory = open_directory(parent, rotating, config)?;
        check_directory(&directory, parent, rotating)?;
        let mut place = Self {
            directory: Arc::new(directory),
            name: name.to_os_string(),
            lock: None,
        };
        place.lock = place.take_lock(rotating, held.and_then(|place| place.lock.as_ref()), path)?;
        Ok(place)
    }

    fn take_lock(
        &self,
        create: bool,
        held: Option<&(Arc<OwnedFd>, Id)>,
        path: &Path,
    ) -> Result<Option<(Arc<OwnedFd>, Id)>> {
        let name = hidden(&self.name, LOCK);
        let mut flags = OPEN - OFlags::APPEND;
        flags.set(OFlags::CREATE, create);
        let lock = match rustix::fs::openat(&*self.directory, &name, flags, Mode::RUSR | Mode::WUSR)
        {
            Ok(lock) => lock,
            Err(Errno::NOENT) if !create => return Ok(None),
            Err(error) => {
                let name = name.display();
                return Err(error).with_context(|| format!("cannot open {name} (a lock)"));
            }
        };
        let id = id(&rustix::fs::fstat(&lock)?);
        if let Some((fd, _)) = held.filter(|(_, ours)| *ours == id) {
            return Ok(Some((Arc::clone(fd), id)));
        }
        lock_alone(&lock, path)?;
        Ok(Some((Arc::new(lock), id)))
    }

    /// Opens the log, creating it if need be. `held` is our own lock on the file so far: it is
    /// given up for a moment if this turns out to be the same file.
    pub(super) fn open_log(
        &self,
        config: &FileConfig,
        held: Option<(&OwnedFd, Id)>,
    ) -> Result<Opened> {
        let path = &config.path;
        loop {
            match self.stat(&self.name) {
                Ok(stat) => check_file(&stat, config)?,
                Err(Errno::NOENT) => match self.create(&self.name, config) {
                    Ok(()) => {}
                    Err(Errno::EXIST) => continue,
                    Err(error) => return Err(error).with_context(|| cannot("create", path)),
                },
                Err(error) => return Err(error).with_context(|| cannot("look at", path)),
            }
            let fd = match rustix::fs::openat(&*self.directory, &self.name, OPEN, Mode::empty()) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error).with_context(|| cannot("open", path)),
            };
            // What counts is what was opened, not what had the name before.
            let stat = rustix::fs::fstat(&fd)?;
            let id = id(&stat);
            check_file(&stat, config)?;
            let device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
            let size = if device {
                0
            } else {
                u64::try_from(stat.st_size).unwrap_or(0)
            };
            let opened = Opened {
                fd,
                id,
                size,
                device,
            };
            if device {
                return Ok(opened);
            }
            let ours = held.filter(|(_, ours)| *ours == id);
            if let Some((ours, _)) = ours {
                rustix::fs::flock(ours, FlockOperation::Unlock)?;
            }
            if let Err(error) = lock_alone(&opened.fd, path) {
                if let Some((ours, _)) = ours {
                    let _ = rustix::fs::flock(ours, FlockOperation::NonBlockingLockExclusive);
                }
                return Err(error);
            }
            // Another writer may have rotated it away while we came for the lock.
            if self.stat(&self.name).is_ok_and(|now| self::id(&now) == id) {
                return Ok(opened);
            }
        }
    }

    /// Prepares the next log under a hidden name: final mode and group, and locked.
    pub(super) fn create_next(&self, config: &FileConfig) -> Result<Opened> {
        let name = hidden(&self.name, NEXT);
        self.remove(&name)
            .context("cannot remove what an earlier rotation left")?;
        self.create(&name, config)
            .context("cannot create the next file")?;
        let fd = rustix::fs::openat(&*self.directory, &name, OPEN, Mode::empty())
            .context("cannot open the next file")?;
        lock_alone(&fd, &config.path)?;
        let id = id(&rustix::fs::fstat(&fd)?);
        Ok(Opened {
            fd,
            id,
            size: 0,
            device: false,
        })
    }

    fn create(&self, name: &OsStr, config: &FileConfig) -> Result<(), Errno> {
        let flags = OPEN | OFlags::CREATE | OFlags::EXCL;
        let owner_only = Mode::RUSR | Mode::WUSR;
        let fd = rustix::fs::openat(&*self.directory, name, flags, owner_only)?;
        let own = || {
            if config.group.is_some() {
                rustix::fs::fchown(&fd, None, config.group)?;
            }
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(config.mode & 0o7777))
        };
        own().inspect_err(|_| {
            let _ = self.remove(name);
        })
    }

    /// Removes a name; that it is not there is fine.
    pub(super) fn remove(&self, name: &OsStr) -> Result<(), Errno> {
        match rustix::fs::unlinkat(&*self.directory, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        }
    }

    /// Which directory this is.
    pub(super) fn directory_id(&self) -> Option<Id> {
        rustix::fs::fstat(&*self.directory)
            .ok()
            .map(|stat| id(&stat))
    }

    pub(super) fn stat(&self, name: &OsStr) -> Result<Stat, Errno> {
        rustix::fs::statat(&*self.directory, name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}

fn lock_alone(fd: &OwnedFd, path: &Path) -> Result<()> {
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

fn open_directory(path: &Path, create: bool, config: &FileConfig) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || rustix::fs::open(path, flags, Mode::empty());
    match open() {
        Ok(directory) => return Ok(directory),
        Err(Errno::NOENT) if create => {}
        Err(error) => return Err(error).with_context(|| cannot("open the directory", path)),
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => {}
        Err(Errno::EXIST) => return open().with_context(|| cannot("open the directory", path)),
        Err(error) => return Err(error).with_context(|| cannot("create the directory", path)),
    }
    let directory = open().with_context(|| cannot("open the directory", path))?;
    if config.group.is_some() {
        rustix::fs::fchown(&directory, None, config.group)
            .with_context(|| cannot("set the group of", path))?;
    }
    rustix::fs::fchmod(&directory, Mode::from_raw_mode(0o750))
        .with_context(|| cannot("set the mode of", path))?;
    Ok(directory)
}
