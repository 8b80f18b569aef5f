//! Standard output: a pipe, a socket (journald), a terminal, a device or a
//! redirected file.
//!
//! The poller must never block on it. `O_NONBLOCK` is never set on the
//! descriptor that was inherited, because its flags belong to all processes
//! that share it.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags},
    fs::{FileType, Mode, OFlags},
    io::Errno,
    net::{SendFlags, SocketType, sockopt::socket_type},
};

use crate::wait::wait;

/// Most bytes in one write to a file or a stream socket.
const BATCH: usize = 256 * 1024;
/// A pipe takes a write of this size completely or not at all (pipe(7)). So a
/// line is never torn, nor mixed with what others write to the same pipe.
const PIPE_BUF: usize = 4096;

/// How to write without blocking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// Our own description of the pipe, terminal or device, with `O_NONBLOCK`.
    Own,
    /// A socket, with `MSG_DONTWAIT` in each call.
    Socket,
    /// A regular file, which poll(2) cannot wait for. Its offset and `O_APPEND`
    /// are the shell's choice.
    Direct,
    /// A pipe that cannot be opened again: poll, then write what certainly
    /// fits, unless another process writes to it in between. (For a terminal no
    /// size is certain.)
    Polled,
}

/// An output that was open already.
#[derive(Debug)]
pub(super) struct Stream {
    fd: OwnedFd,
    way: Way,
    kind: FileType,
    /// Most bytes in one write.
    pub(super) batch: usize,
    /// The file that it appends to ends inside a line.
    torn: bool,
    /// Torn lines that were ended.
    pub(super) repairs: u64,
}

impl Stream {
    /// Takes a copy of fd 1, which stays open and untouched.
    pub(super) fn stdout() -> Result<Self> {
        let stdout = rustix::stdio::stdout();
        if closed_at_start(stdout)? {
            bail!(
                "standard output is closed: there is nowhere to write the events. \
                 Name a file with -o FILE, or redirect with > FILE. (/dev/null opened for reading \
                 and writing counts as closed, because it stands in for a closed descriptor)"
            );
        }
        let fd = rustix::io::fcntl_dupfd_cloexec(stdout, 3)
            .context("cannot use standard output: is it closed?")?;
        Self::new(fd).context("cannot use standard output")
    }

    pub(super) fn new(inherited: OwnedFd) -> Result<Self> {
        let stat = rustix::fs::fstat(&inherited)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if rustix::fs::fcntl_getfl(&inherited)? & OFlags::RWMODE == OFlags::RDONLY {
            bail!("it is open for reading only");
        }
        if kind == FileType::RegularFile || kind == FileType::BlockDevice {
            let torn = ends_torn(&inherited, stat.st_size);
            return Ok(Self {
                fd: inherited,
                way: Way::Direct,
                kind,
                batch: BATCH,
                torn,
                repairs: 0,
            });
        }
        let (fd, way) = if kind == FileType::Socket {
            (inherited, Way::Socket)
        } else {
            match open_again(&inherited) {
                Ok(own) => (own, Way::Own),
                Err(error) if rustix::termios::isatty(&inherited) => {
                    return Err(error).context(
                        "the terminal cannot be opened a second time, and writing to it as it is \
                         could block: pipe the output through cat, or name a file with -o FILE",
                    );
                }
                // There is no /proc, or it is another user's pipe, or a pipe
                // without a reader.
                Err(_) => (inherited, Way::Polled),
            }
        };
        let batch = match kind {
            FileType::Fifo => PIPE_BUF,
            // One message for each line.
            FileType::Socket if socket_type(&fd)? != SocketType::STREAM => 1,
            _ => BATCH,
        };
        Ok(Self {
            fd,
            way,
            kind,
            batch,
            torn: false,
            repairs: 0,
        })
    }

    /// Writes some of `bytes`, after a torn line is ended. Fails with `EAGAIN`
    /// if it would have to wait.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        self.end_torn_line()?;
        self.send(bytes)
    }

    pub(super) fn end_torn_line(&mut self) -> Result<(), Errno> {
        if self.torn && self.send(b"\n")? == 1 {
            self.torn = false;
            self.repairs += 1;
        }
        Ok(())
    }

    fn send(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.way {
            Way::Own | Way::Direct => rustix::io::write(&self.fd, bytes),
            Way::Socket => {
                rustix::net::send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            }
            Way::Polled => {
                // Without a reader the write fails at once, and that is wanted.
                let now = PollFlags::OUT | PollFlags::ERR | PollFlags::HUP;
                if !self.ready(PollFlags::OUT)?.intersects(now) {
                    return Err(Errno::AGAIN);
                }
                rustix::io::write(&self.fd, bytes)
            }
        }
    }

    /// Whether nobody can read the output any more.
    pub(super) fn hung_up(&self) -> bool {
        let gone = PollFlags::ERR | PollFlags::HUP;
        self.pollable()
            && self
                .ready(PollFlags::empty())
                .is_ok_and(|events| events.intersects(gone))
    }

    /// Whether this error means that nobody can read the output any more.
    pub(super) fn is_gone(&self, error: Errno) -> bool {
        match error {
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => true,
            // A terminal that hung up.
            Errno::IO => self.kind == FileType::CharacterDevice,
            _ => false,
        }
    }

    pub(super) fn pollable(&self) -> bool {
        self.way != Way::Direct
    }

    fn ready(&self, wanted: PollFlags) -> Result<PollFlags, Errno> {
        let mut fds = [PollFd::new(&self.fd, wanted)];
        wait(&mut fds, Duration::ZERO)?;
        Ok(fds[0].revents())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens what `fd` is open on a second time, without blocking.
fn open_again(fd: &OwnedFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Whether a file is opened for appending and does not end with a newline.
fn ends_torn(fd: &OwnedFd, size: i64) -> bool {
    let appends = rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::APPEND));
    let Ok(size) = u64::try_from(size) else {
        return false;
    };
    if !appends || size == 0 {
        return false;
    }
    // The shell has opened it for writing only.
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let Ok(reader) = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
        return false;
    };
    let mut last = [0];
    matches!(rustix::io::pread(&reader, &mut last, size - 1), Ok(1)) && last != *b"\n"
}

/// Whether the process was started without a standard output.
///
/// Before `main`, Rust's runtime opens /dev/null for reading and writing in
/// place of a closed descriptor 0, 1 or 2, so that descriptor 1 cannot become
/// some other file. A shell's `> /dev/null` is write-only.
fn closed_at_start(stdout: BorrowedFd<'_>) -> Result<bool> {
    let closed = "standard output is closed: name a file with -o FILE";
    let stat = rustix::fs::fstat(stdout).context(closed)?;
    let flags = rustix::fs::fcntl_getfl(stdout).context(closed)?;
    let null = rustix::fs::makedev(1, 3);
    Ok(
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && stat.st_rdev == null
            && flags & OFlags::RWMODE == OFlags::RDWR,
    )
}
