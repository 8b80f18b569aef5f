//! A stream or a file, as one.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

use anyhow::{Context, Result};
use rustix::io::Errno;

use super::{config::Output, file::LogFile, stream::Stream};

#[derive(Debug)]
pub(super) enum Out {
    Stream(Stream),
    File(Box<LogFile>),
}

impl Out {
    pub(super) fn open(output: Output, now: Instant) -> Result<Self> {
        Ok(match output {
            Output::Stdout => Self::Stream(Stream::stdout()?),
            Output::Descriptor(fd) => {
                Self::Stream(Stream::new(fd).context("cannot use the descriptor")?)
            }
            Output::File(config) => Self::File(Box::new(LogFile::open(config, now)?)),
        })
    }

    pub(super) fn file(&self) -> Option<&LogFile> {
        match self {
            Self::Stream(_) => None,
            Self::File(file) => Some(file),
        }
    }

    pub(super) fn file_mut(&mut self) -> Option<&mut LogFile> {
        match self {
            Self::Stream(_) => None,
            Self::File(file) => Some(file),
        }
    }

    /// Ends the torn line that another writer may have left.
    pub(super) fn end_torn_line(&mut self) -> Result<(), Errno> {
        match self {
            Self::Stream(stream) => stream.end_torn_line(),
            Self::File(file) => file.end_torn_line(),
        }
    }

    /// Writes some of `bytes`, after a torn line is ended.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Self::Stream(stream) => stream.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    /// Torn lines that were ended or cut off.
    pub(super) fn repairs(&self) -> u64 {
        match self {
            Self::Stream(stream) => stream.repairs,
            Self::File(file) => file.repairs,
        }
    }

    /// The descriptor, if poll(2) can wait for it.
    pub(super) fn pollable_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Stream(stream) => stream.pollable().then(|| stream.as_fd()),
            Self::File(file) => file.pollable().then(|| file.as_fd()),
        }
    }
}
