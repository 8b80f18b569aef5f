//! What the service manager is told (sd_notify). Without one, nothing happens.

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
/// What may wait for a manager that does not listen.
const MOST_UNSENT: usize = 16;

/// The talk with the service manager. One that does not listen is no reason to
/// stop, nor to wait: `sd_notify::notify` would block the poller.
#[derive(Debug)]
pub struct Service {
    socket: Option<UnixDatagram>,
    /// Words that it must hear, oldest first.
    unsent: Vec<String>,
    /// Half of the time after which it takes us for dead.
    feed_interval: Option<Duration>,
    fed: Option<Instant>,
    told: Option<Instant>,
}

impl Service {
    /// As the environment says.
    pub fn from_env() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET");
        Self {
            socket: address.and_then(|address| connect(&address).ok()),
            unsent: Vec::new(),
            feed_interval: watchdog_enabled().map(|time| time / 2),
            fed: None,
            told: None,
        }
    }

    /// Is there a manager?
    pub const fn is_managed(&self) -> bool {
        self.socket.is_some()
    }

    /// Tracing has begun, or goes on after a reload.
    pub fn ready(&mut self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The configuration is being read again.
    pub fn reloading(&mut self) {
        let mut words = vec![NotifyState::Reloading];
        words.extend(NotifyState::monotonic_usec_now());
        self.tell(&words);
    }

    /// The end has begun.
    pub fn stopping(&mut self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// For `systemctl status`.
    pub fn say(&mut self, now: Instant, text: impl FnOnce() -> String) {
        if (self.told).is_none_or(|told| now.duration_since(told) >= TEXT_INTERVAL) {
            self.told = Some(now);
            self.try_tell(&[NotifyState::Status(&text())]);
        }
    }

    /// To be called only where the rings were read and records do come.
    pub fn alive(&mut self, now: Instant) {
        let Some(interval) = self.feed_interval else {
            return;
        };
        // A turn may come a little late.
        let due = |fed: Instant| now.duration_since(fed) >= interval.mul_f32(0.9);
        if self.fed.is_none_or(due) {
            self.fed = Some(now);
            self.try_tell(&[NotifyState::Watchdog]);
        }
    }

    /// Sends what it must hear, sooner or later.
    fn tell(&mut self, words: &[NotifyState<'_>]) {
        if self.socket.is_some() && self.unsent.len() < MOST_UNSENT {
            self.unsent.push(message(words));
        }
        self.flush();
    }

    /// Sends what is no news later.
    fn try_tell(&mut self, words: &[NotifyState<'_>]) {
        self.flush();
        if self.unsent.is_empty() {
            let _ = self.send(&message(words));
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

fn message(words: &[NotifyState<'_>]) -> String {
    let mut text = String::new();
    for word in words {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{word}");
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
