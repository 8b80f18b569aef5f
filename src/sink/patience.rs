//! How long a slow output may delay the end.

use std::time::{Duration, Instant};

/// How long to wait for an output: until a certain time while it takes bytes,
/// but only for a pause while it takes none.
#[derive(Debug)]
pub struct Patience {
    end: Instant,
    pause: Duration,
    /// Bytes that the output has taken.
    written: u64,
    /// When it last took one.
    since: Instant,
}

impl Patience {
    /// Wait until `end`, but no longer than `pause` for the next byte.
    pub fn new(end: Instant, pause: Duration) -> Self {
        Self {
            end,
            pause,
            written: 0,
            since: Instant::now(),
        }
    }

    /// How long to wait further, if so many bytes were written by `now`.
    pub fn left(&mut self, written: u64, now: Instant) -> Duration {
        if self.written != written {
            self.written = written;
            self.since = now;
        }
        let pause = self.since.checked_add(self.pause);
        pause
            .map_or(self.end, |pause| pause.min(self.end))
            .saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_from_the_last_byte_and_the_end_is_the_end() {
        let ms = Duration::from_millis;
        let start = Instant::now();
        let mut patience = Patience::new(start + ms(1000), ms(300));
        patience.since = start;
        assert_eq!(patience.left(0, start + ms(100)), ms(200));
        assert_eq!(patience.left(0, start + ms(300)), ms(0));
        assert_eq!(patience.left(1, start + ms(310)), ms(300));
        assert_eq!(patience.left(1, start + ms(400)), ms(210));
        assert_eq!(patience.left(2, start + ms(800)), ms(200));
        assert_eq!(patience.left(3, start + ms(1001)), ms(0));
        let mut patience = Patience::new(start + ms(1000), Duration::MAX);
        assert_eq!(patience.left(0, start + ms(900)), ms(100));
    }
}
