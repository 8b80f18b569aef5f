//! Reports to the service manager (sd_notify). Without a manager, nothing
//! happens.

use std::{
    ffi::OsStr,
    fmt::Write,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::{Duration, Instant},
};

use sd_notify::{NotifyState, watchdog_enabled};

/// Time between two texts of `systemctl status`.
const TEXT_INTERVAL: Duration = Duration::from_secs(5);
/// Most reports that wait for a manager that does not read.
const MOST_UNSENT: usize = 16;

/// The connection to the service manager. A manager that does not read must
/// neither stop nor delay sigtrail: `sd_notify::notify` would block the poller.
#[derive(Debug)]
pub struct Service {
    socket: Option<UnixDatagram>,
    /// Reports that must arrive, oldest first.
    unsent: Vec<String>,
    /// Half of the time after which the manager considers sigtrail dead.
    feed_interval: Option<Duration>,
    fed: Option<Instant>,
    status_sent: Option<Instant>,
}

impl Service {
    /// As the environment names it.
    pub fn from_env() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET");
        Self {
            socket: address.and_then(|address| connect(&address).ok()),
            unsent: Vec::new(),
            feed_interval: watchdog_enabled().map(|time| time / 2),
            fed: None,
            status_sent: None,
        }
    }

    /// Whether there is a manager.
    pub const fn is_managed(&self) -> bool {
        self.socket.is_some()
    }

    /// Tracing has begun, or goes on after a reload.
    pub fn ready(&mut self) {
        self.send_surely(&[NotifyState::Ready]);
    }

    /// The configuration is being read again.
    pub fn reloading(&mut self) {
        let mut states = vec![NotifyState::Reloading];
        states.extend(NotifyState::monotonic_usec_now());
        self.send_surely(&states);
    }

    /// The end has begun.
    pub fn stopping(&mut self) {
        self.send_surely(&[NotifyState::Stopping]);
    }

    /// Sends the text of `systemctl status`, if it is due.
    pub fn status(&mut self, now: Instant, text: impl FnOnce() -> String) {
        if (self.status_sent).is_none_or(|sent| now.duration_since(sent) >= TEXT_INTERVAL) {
            self.status_sent = Some(now);
            self.try_send(&[NotifyState::Status(&text())]);
        }
    }

    /// Feeds the watchdog. To be called only where the rings were read and
    /// records do arrive.
    pub fn alive(&mut self, now: Instant) {
        let Some(interval) = self.feed_interval else {
            return;
        };
        // The next call may come a little late.
        let due = |fed: Instant| now.duration_since(fed) >= interval.mul_f32(0.9);
        if self.fed.is_none_or(due) {
            self.fed = Some(now);
            self.try_send(&[NotifyState::Watchdog]);
        }
    }

    /// Sends what must arrive, now or later.
    fn send_surely(&mut self, states: &[NotifyState<'_>]) {
        if self.socket.is_some() && self.unsent.len() < MOST_UNSENT {
            self.unsent.push(message(states));
        }
        self.flush();
    }

    /// Sends what would be stale later, now or never.
    fn try_send(&mut self, states: &[NotifyState<'_>]) {
        self.flush();
        if self.unsent.is_empty() {
            let _ = self.send(&message(states));
        }
    }

    fn flush(&mut self) {
        while let Some(first) = self.unsent.first() {
            match self.send(first) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                _ => self.unsent.remove(0),
            };
        }
    }

    fn send(&self, text: &str) -> io::Result<usize> {
        (self.socket.as_ref()).map_or(Ok(0), |socket| socket.send(text.as_bytes()))
    }
}

fn message(states: &[NotifyState<'_>]) -> String {
    let mut text = String::new();
    for state in states {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{state}");
    }
    text
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
