//! Waiting for descriptors.

use std::time::Duration;

use rustix::{
    event::{PollFd, Timespec, poll},
    io::{Errno, Result},
};

/// Sleeps until one of `fds` is ready, a signal is caught or `timeout` is over.
/// With a timeout of zero, only asks which are ready.
///
/// # Errors
/// As poll(2), except `EINTR`: after a signal, none of `fds` is ready.
pub fn wait(fds: &mut [PollFd<'_>], timeout: Duration) -> Result<()> {
    // A time that is too long for the kernel becomes None, which is for ever.
    let timeout = Timespec::try_from(timeout).ok();
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixStream, time::Instant};

    use rustix::event::PollFlags;

    use super::*;

    #[test]
    fn it_ends_with_the_time_or_with_a_descriptor() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let mut fds = [PollFd::new(&reader, PollFlags::IN)];
        let (start, pause) = (Instant::now(), Duration::from_millis(5));
        wait(&mut fds, pause).unwrap();
        assert!(start.elapsed() >= pause && fds[0].revents().is_empty());
        writer.write_all(b"x").unwrap();
        wait(&mut fds, Duration::MAX).unwrap();
        assert_eq!(fds[0].revents(), PollFlags::IN);
    }
}
