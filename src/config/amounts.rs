//! Amounts with a unit, and parsers that hold them to a range.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

/// What has a unit and can be limited to a range.
pub trait Amount: FromStr<Err = String> + fmt::Display + PartialOrd + Default + Copy {
    /// What it is.
    const NAME: &'static str;
    /// What zero means where it may stand for no amount.
    const ZERO_MEANS: &'static str;
}

/// A parser of amounts in a range.
pub fn within<T: Amount>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let amount = text.parse()?;
        if range.contains(&amount) {
            Ok(amount)
        } else {
            let (name, from, to) = (T::NAME, range.start(), range.end());
            Err(format!("give a {name} from {from} to {to}"))
        }
    }
}

/// A parser of amounts in a range, and of zero.
pub fn zero_or_within<T: Amount>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    let within = within(range);
    move |text| {
        let amount = text.parse()?;
        if amount == T::default() {
            Ok(amount)
        } else {
            within(text).map_err(|error| format!("{error}, or 0 for {}", T::ZERO_MEANS))
        }
    }
}

/// A parser of a ring's size.
pub fn power_of_two_within(
    range: RangeInclusive<Size>,
) -> impl Fn(&str) -> Result<Size, String> + Clone {
    move |text| {
        let size: Size = text.parse()?;
        if size.0.is_power_of_two() && range.contains(&size) {
            Ok(size)
        } else {
            let (from, to) = (range.start(), range.end());
            Err(format!(
                "give a power of two from {from} to {to}, such as 256K or 1M: it is the size of \
                 each CPU's ring in bytes"
            ))
        }
    }
}

/// A parser of a number of something.
pub fn number_within(
    what: &'static str,
    range: RangeInclusive<u32>,
) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        (text.parse().ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (from, to) = (range.start(), range.end());
                format!("give a number of {what} from {from} to {to}")
            })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
pub struct Size(pub u64);

impl Size {
    /// So many KiB.
    pub const fn kib(number: u64) -> Self {
        Self(number << 10)
    }

    /// So many MiB.
    pub const fn mib(number: u64) -> Self {
        Self(number << 20)
    }

    /// So many GiB.
    pub const fn gib(number: u64) -> Self {
        Self(number << 30)
    }

    /// The bytes, of something in memory.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The bytes; none for zero.
    pub fn or_none(self) -> Option<u64> {
        Some(self.0).filter(|&bytes| bytes > 0)
    }
}

impl Amount for Size {
    const NAME: &'static str = "size";
    const ZERO_MEANS: &'static str = "no limit";
}

impl FromStr for Size {
    type Err = String;

    /// Reads bytes, with K, M and G as powers of 1024.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match &text[digits.len()..] {
            "" | "B" => 1,
            "K" | "KiB" | "k" => 1 << 10,
            "M" | "MiB" | "m" => 1 << 20,
            "G" | "GiB" | "g" => 1 << 30,
            other => return Err(format!("unknown unit {other:?}: use K, M or G")),
        };
        (digits.parse::<u64>().ok())
            .and_then(|number| number.checked_mul(unit))
            .map(Self)
            .ok_or_else(|| "give a number of bytes, such as 65536, 64K or 1M".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] {
            if self.0 > 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
pub struct Time(pub Duration);

impl Time {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);
    /// Longer than any other.
    pub const MAX: Self = Self(Duration::MAX);

    /// So many milliseconds.
    pub const fn ms(number: u64) -> Self {
        Self(Duration::from_millis(number))
    }

    /// So many seconds.
    pub const fn secs(number: u64) -> Self {
        Self(Duration::from_secs(number))
    }

    /// So many days.
    pub const fn days(number: u64) -> Self {
        Self::secs(number * 24 * 60 * 60)
    }

    /// The time; none for zero.
    pub fn or_none(self) -> Option<Duration> {
        Some(self.0).filter(|time| !time.is_zero())
    }
}

impl Amount for Time {
    const NAME: &'static str = "time";
    const ZERO_MEANS: &'static str = "none";
}

impl FromStr for Time {
    type Err = String;

    /// Reads numbers with units; zero needs none.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::ZERO);
        }
        humantime::parse_duration(text).map(Self).map_err(|error| {
            format!("{error}; give a number with a unit, such as 50ms, 10s, 5m or 1h")
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            f.write_str("0")
        } else {
            humantime::format_duration(self.0).fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let parse = power_of_two_within(Size::kib(4)..=Size::mib(64));
        for (text, bytes) in [("4096", 4096), ("64K", 65536), ("1MiB", 1 << 20)] {
            assert_eq!(parse(text), Ok(Size(bytes)));
        }
        for bad in [
            "3",
            "",
            "K",
            "5K",
            "128M",
            "1X",
            "99999999999999999999G",
            "-4K",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_units_and_ranges() {
        let parse = within(Time::ms(1)..=Time::secs(1));
        assert_eq!(parse("50ms"), Ok(Time::ms(50)));
        assert_eq!("1h 30m".parse(), Ok(Time::secs(5400)));
        for bad in ["0", "50", "2s", "", "1y", "-1s"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let parse = zero_or_within(Time::secs(1)..=Time::days(1));
        assert_eq!(parse("0"), Ok(Time::ZERO));
        assert!(parse("10ms").is_err());
    }

    #[test]
    fn an_amount_is_shown_as_it_is_read() {
        for text in ["0", "4K", "1M", "3G", "5000", "1025K"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for text in ["0", "50ms", "1m", "1day", "1h 30m"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
    }
}
