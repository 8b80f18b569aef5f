//! Compressing a rotated file, chunk by chunk.

use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use flate2::{Compression as Level, write::GzEncoder};
use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, OFlags},
    io::Errno,
};

/// Bytes of a chunk, which takes some milliseconds.
const CHUNK: usize = 256 * 1024;

/// A rotated file, and where its compressed copy goes.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) directory: Arc<OwnedFd>,
    pub(super) file: OwnedFd,
    pub(super) inode: u64,
    /// The name of the copy.
    pub(super) temporary: OsString,
}

/// A compression in progress.
#[derive(Debug)]
pub(super) struct Compression {
    directory: Arc<OwnedFd>,
    temporary: OsString,
    source: File,
    pub(super) inode: u64,
    copy: GzEncoder<File>,
    chunk: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// A chunk is compressed.
    Chunk,
    /// The source has no more chunks.
    End,
}

impl Compression {
    pub(super) fn start(source: Source) -> Result<Self> {
        let Source {
            directory,
            file,
            inode,
            temporary,
        } = source;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            bail!("a rotated file is not a regular file");
        }
        // A crash or a failure may have left one.
        match rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error).context("cannot remove an old temporary file"),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let copy = rustix::fs::openat(&directory, &temporary, flags, Mode::RUSR | Mode::WUSR)
            .context("cannot create a compressed file")?;
        Ok(Self {
            directory,
            temporary,
            source: File::from(file),
            inode,
            copy: GzEncoder::new(File::from(copy), Level::default()),
            chunk: vec![0; CHUNK],
        })
    }

    pub(super) fn step(&mut self) -> Result<Step> {
        let count = self
            .source
            .read(&mut self.chunk)
            .context("cannot read a rotated file")?;
        self.copy
            .write_all(&self.chunk[..count])
            .context("cannot write a compressed file")?;
        Ok(if count > 0 { Step::Chunk } else { Step::End })
    }

    /// Gives the copy the mode, group and time of its source, and puts it on
    /// the disk. If that fails, removes it.
    pub(super) fn finish(self) -> Result<()> {
        let Self {
            directory,
            temporary,
            source,
            copy,
            ..
        } = self;
        let seal = || -> Result<()> {
            let copy = copy.finish()?;
            let stat = rustix::fs::fstat(&source)?;
            if stat.st_gid != rustix::fs::fstat(&copy)?.st_gid {
                rustix::fs::fchown(&copy, None, Some(Gid::from_raw(stat.st_gid)))?;
            }
            rustix::fs::fchmod(&copy, Mode::from_raw_mode(stat.st_mode))?;
            copy.set_modified(source.metadata()?.modified()?)?;
            // The source is removed next: the copy must be on the disk by then.
            copy.sync_all()?;
            Ok(())
        };
        let sealed = seal().context("cannot finish a compressed file");
        if sealed.is_err() {
            let _ = rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty());
        }
        sealed
    }

    /// Removes the copy.
    pub(super) fn abandon(self) {
        let _ = rustix::fs::unlinkat(&self.directory, &self.temporary, AtFlags::empty());
    }
}
