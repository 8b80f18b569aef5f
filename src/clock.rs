//! From the kernel's monotonic time to UTC, as text.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Serialize, Serializer};

const NS_PER_SEC: u64 = 1_000_000_000;
/// If the clock steps back by less than this, it is slewed, or two clocks were
/// read with jitter. The lines do not show that. They show a larger step.
const JITTER_NS: u64 = 1_000_000;

fn nanoseconds(time: Timespec) -> u64 {
    let ns = i128::from(time.tv_sec) * i128::from(NS_PER_SEC) + i128::from(time.tv_nsec);
    u64::try_from(ns).unwrap_or(0)
}

/// `CLOCK_MONOTONIC`, in nanoseconds: the clock of the kernel's records.
pub fn monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// `CLOCK_BOOTTIME`, in nanoseconds: the clock of processes' start times.
pub fn boottime_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Boottime))
}

/// Converts monotonic times to UTC, and keeps the text of the current second.
#[derive(Debug)]
pub struct Clock {
    /// UTC minus monotonic.
    offset_ns: u64,
    /// UTC minus boot time, when this clock was made: the start time of a
    /// process must be the same on all lines of a run.
    boot_offset_ns: u64,
    /// Boot time minus monotonic: for how long the machine was suspended.
    suspended_ns: u64,
    /// The UTC time that was last given in order.
    last_ns: u64,
    /// The current second, and its text.
    second: u64,
    text: [u8; Timestamp::LEN],
}

impl Clock {
    /// A clock with the present offsets.
    pub fn new() -> Self {
        let mut clock = Self {
            offset_ns: 0,
            boot_offset_ns: nanoseconds(clock_gettime(ClockId::Realtime))
                .saturating_sub(boottime_ns()),
            suspended_ns: 0,
            last_ns: 0,
            second: u64::MAX,
            text: [0; Timestamp::LEN],
        };
        clock.sync();
        clock
    }

    /// Reads the offset again. Once in each batch, since the wall clock may be
    /// set.
    pub fn sync(&mut self) {
        self.suspended_ns = boottime_ns().saturating_sub(monotonic_ns());
        // The quickest of three readings is the most exact.
        let mut quickest = u64::MAX;
        for _ in 0..3 {
            let before = monotonic_ns();
            let utc = nanoseconds(clock_gettime(ClockId::Realtime));
            let took = monotonic_ns().saturating_sub(before);
            if took < quickest {
                quickest = took;
                self.offset_ns = utc.saturating_sub(before + took / 2);
            }
        }
    }

    /// The UTC time of a monotonic one. Of two times in order the results are
    /// in order, unless the wall clock was set back by more than a millisecond.
    pub fn timestamp(&mut self, monotonic_ns: u64) -> Timestamp {
        let utc = monotonic_ns.saturating_add(self.offset_ns);
        let utc = match self.last_ns.checked_sub(utc) {
            Some(back) if back < JITTER_NS => self.last_ns,
            _ => utc,
        };
        self.last_ns = utc;
        self.format(utc)
    }

    /// As [`Self::timestamp`], for a time that is out of order.
    pub fn late_timestamp(&mut self, monotonic_ns: u64) -> Timestamp {
        self.format(monotonic_ns.saturating_add(self.offset_ns))
    }

    /// How old a process was at a monotonic time. Its start is given in
    /// `CLOCK_BOOTTIME`.
    pub const fn age_ns(&self, monotonic_ns: u64, start_ns: u64) -> u64 {
        (monotonic_ns.saturating_add(self.suspended_ns)).saturating_sub(start_ns)
    }

    /// The UTC time of a process's start, which is given in `CLOCK_BOOTTIME`.
    /// Always the same in one run, even if the wall clock is set.
    pub fn start_time(&self, boottime_ns: u64) -> Timestamp {
        let utc = boottime_ns.saturating_add(self.boot_offset_ns);
        Timestamp::new(to_the_second(utc / NS_PER_SEC), utc)
    }

    fn format(&mut self, utc_ns: u64) -> Timestamp {
        let second = utc_ns / NS_PER_SEC;
        if second != self.second {
            self.second = second;
            self.text = to_the_second(second);
        }
        Timestamp::new(self.text, utc_ns)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Date and time of a second, with zeros for the nanoseconds.
fn to_the_second(second: u64) -> [u8; Timestamp::LEN] {
    // The last second that still has a four-digit year.
    const LAST: i64 = 253_402_300_799;
    let second = i64::try_from(second).map_or(LAST, |second| second.min(LAST));
    let mut text = *b"1970-01-01T00:00:00.000000000Z";
    if let Some(time) = DateTime::from_timestamp(second, 0) {
        let year = u32::try_from(time.year()).unwrap_or(0);
        // The index of the first digit, and two digits.
        for (index, value) in [
            (0, year / 100),
            (2, year % 100),
            (5, time.month()),
            (8, time.day()),
            (11, time.hour()),
            (14, time.minute()),
            (17, time.second()),
        ] {
            text[index] = b'0' + (value / 10) as u8;
            text[index + 1] = b'0' + (value % 10) as u8;
        }
    }
    text
}

/// A UTC time in RFC 3339, always with nine digits and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    text: [u8; Self::LEN],
}

impl Timestamp {
    /// The length of its text, in bytes.
    pub const LEN: usize = 30;

    fn new(mut text: [u8; Self::LEN], utc_ns: u64) -> Self {
        let mut rest = utc_ns % NS_PER_SEC;
        for digit in text[20..29].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self { text }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(offset_ns: u64) -> Clock {
        Clock {
            offset_ns,
            ..Clock::new()
        }
    }

    #[test]
    fn nanoseconds_always_have_nine_digits() {
        let mut clock = fixed(1_787_393_472 * NS_PER_SEC);
        for (ns, text) in [
            (123_456_789, "2026-08-22T10:11:12.123456789Z"),
            (123_456_790, "2026-08-22T10:11:12.123456790Z"),
            (NS_PER_SEC, "2026-08-22T10:11:13.000000000Z"),
            (48 * 1000 * NS_PER_SEC + 7, "2026-08-22T23:31:12.000000007Z"),
        ] {
            assert_eq!(clock.timestamp(ns).as_str(), text);
        }
    }

    #[test]
    fn a_time_beyond_the_year_9999_still_has_the_form() {
        let text = fixed(u64::MAX).timestamp(5).to_string();
        assert_eq!(text.len(), Timestamp::LEN);
        assert!(text.ends_with('Z'));
    }

    #[test]
    fn jitter_of_the_offset_never_turns_the_order() {
        let mut clock = fixed(1000 * NS_PER_SEC);
        let first = clock.timestamp(500);
        clock.offset_ns -= 800;
        assert_eq!(clock.timestamp(600), first);
        assert!(clock.timestamp(1400) > first);
    }

    #[test]
    fn a_clock_that_was_set_back_is_shown() {
        let mut clock = fixed(1000 * NS_PER_SEC);
        let first = clock.timestamp(500);
        clock.offset_ns -= 10 * NS_PER_SEC;
        assert!(clock.timestamp(600) < first);
    }

    proptest! {
        /// Steps of any size, either way, between any two calls.
        #[test]
        fn a_clock_that_is_set_at_will_keeps_form_and_order(
            steps in prop::collection::vec((0u64..10 * NS_PER_SEC, any::<i64>(), 0u8..4), 1..100)
        ) {
            let mut clock = fixed(1_787_393_472 * NS_PER_SEC);
            let start = clock.start_time(5);
            let (mut now_ns, mut last) = (0, clock.timestamp(0));
            for (passed_ns, step_ns, size) in steps {
                now_ns += passed_ns;
                // From below a microsecond to centuries.
                let step_ns = step_ns >> [54, 40, 20, 0][usize::from(size)];
                clock.offset_ns = clock.offset_ns.saturating_add_signed(step_ns);
                let time = clock.timestamp(now_ns);
                prop_assert!(DateTime::parse_from_rfc3339(time.as_str()).is_ok(), "{time}");
                prop_assert_eq!(time.as_str().len(), Timestamp::LEN);
                if step_ns > -(JITTER_NS as i64) {
                    prop_assert!(time >= last, "{time} after {last}");
                }
                last = time;
            }
            // What started before the steps started when it did.
            prop_assert_eq!(clock.start_time(5), start);
        }
    }

    #[test]
    fn now_is_the_systems_now() {
        let mut clock = Clock::new();
        let text = clock.timestamp(monotonic_ns()).to_string();
        let parsed = DateTime::parse_from_rfc3339(&text).unwrap();
        let system = nanoseconds(clock_gettime(ClockId::Realtime));
        let apart = (system as i64) - parsed.timestamp_nanos_opt().unwrap();
        assert!(apart.abs() < 1_000_000_000, "{apart} ns apart");
    }
}
