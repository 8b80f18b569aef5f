//! Which directories and files are refused before anything is written.
//!
//! The log is evidence. Only its owner and root may be able to change or
//! replace it, and writing it must not change any other file.

use std::{os::fd::OwnedFd, path::Path};

use anyhow::{Result, bail};
use rustix::fs::{FileType, Stat};

use super::config::FileConfig;

/// Refuses a directory in which others can replace the log.
///
/// Without rotation (`-o FILE`) only a directory is refused that everyone can
/// write to and that has no sticky bit: the names in it are not used again, and
/// people write to /tmp, or under sudo to their own directory. [`check_file`]
/// is as strict in both cases.
pub(super) fn check_directory(directory: &OwnedFd, path: &Path, config: &FileConfig) -> Result<()> {
    let rotating = config.rotation.is_some();
    let stat = rustix::fs::fstat(directory)?;
    let path = path.display();
    let mode = stat.st_mode & 0o7777;
    if mode & 0o002 != 0 && (rotating || mode & 0o1000 == 0) {
        bail!(
            "the directory {path} is writable by everyone (mode {mode:04o}), so anyone could \
             replace the log: use a directory of its own with mode 0750"
        );
    }
    if !rotating {
        return Ok(());
    }
    if !is_trusted(stat.st_uid) {
        bail!(
            "the directory {path} belongs to uid {}, who could replace the log: use a directory \
             owned by root, or by the user this runs as",
            stat.st_uid
        );
    }
    if mode & 0o020 != 0 && stat.st_gid != 0 && stat.st_gid != rustix::process::getegid().as_raw() {
        bail!(
            "the directory {path} is writable by group {} (mode {mode:04o}), which could replace \
             the log: chmod g-w it, or use a directory of its own with mode 0750",
            stat.st_gid
        );
    }
    Ok(())
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Refuses what must not be written to, or what others could change.
pub(super) fn check_file(stat: &Stat, config: &FileConfig) -> Result<()> {
    let path = config.path.display();
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::CharacterDevice if config.rotation.is_none() => return Ok(()),
        FileType::Symlink => bail!(
            "{path} is a symbolic link, which is not followed because it could point anywhere: \
             give the path of the file itself, or no file at all for standard output"
        ),
        FileType::Fifo => bail!(
            "{path} is a FIFO, and a log must be a regular file: remove it, or write to standard \
             output and redirect that with > {path}"
        ),
        FileType::Directory => bail!("{path} is a directory: give the path of a file in it"),
        FileType::CharacterDevice => {
            bail!("{path} is a device, which cannot be rotated: give the path of a regular file")
        }
        _ => bail!("{path} is neither a regular file nor a directory: remove it or choose another"),
    }
    if stat.st_nlink > 1 {
        bail!(
            "{path} is one of {} hard links to the same file, so writing to it would change the \
             file under its other names too: remove it, and a new one will be created",
            stat.st_nlink
        );
    }
    if !is_trusted(stat.st_uid) {
        bail!(
            "{path} belongs to uid {}, who could change what is recorded: remove it, or chown it \
             to the user this runs as",
            stat.st_uid
        );
    }
    Ok(())
}
