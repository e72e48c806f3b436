//! Units of Unix time as integers.
use super::NS_PER_SECOND;
use crate::error::{Error, Result};
use crate::text::shorten;
use core::fmt;
use core::str::FromStr;

/// What an integer timestamp counts since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl TimeUnit {
    /// All of them, coarsest first.
    pub const ALL: [Self; 4] = [Self::S, Self::Ms, Self::Us, Self::Ns];

    /// The coarsest unit in which `integer` still is a time that Chronicle can hold: up to 9,223,372,036 seconds,
    /// then milliseconds, and so on by thousands. Right for every time from 1970-04-18 on (and 2262 at the latest);
    /// ask it once per file, for neighbours may not disagree.
    pub fn of_integer(integer: i64) -> Self {
        Self::ALL.into_iter().find(|unit| unit.to_ns(integer).is_some()).unwrap_or(Self::Ns)
    }
    /// Unix nanoseconds, or `None` when they do not fit i64.
    pub const fn to_ns(self, integer: i64) -> Option<i64> {
        integer.checked_mul(self.ns())
    }
    /// Nanoseconds in one of this unit.
    pub const fn ns(self) -> i64 {
        match self {
            Self::S => NS_PER_SECOND,
            Self::Ms => 1_000_000,
            Self::Us => 1_000,
            Self::Ns => 1,
        }
    }
    /// Its name on the command line: `s`, `ms`, `us` or `ns`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S => "s",
            Self::Ms => "ms",
            Self::Us => "us",
            Self::Ns => "ns",
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TimeUnit {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == text).ok_or_else(|| {
            Error::invalid(alloc::format!(
                "{} is not a time unit; it is s, ms, us or ns",
                shorten(text.as_bytes())
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_told_apart_in_every_unit() {
        let seconds = 1_706_436_000;
        for unit in TimeUnit::ALL {
            let integer = seconds * (NS_PER_SECOND / unit.ns());
            assert_eq!(TimeUnit::of_integer(integer), unit);
            assert_eq!(unit.to_ns(integer), Some(seconds * NS_PER_SECOND));
        }
    }

    #[test]
    fn the_unit_that_is_found_always_fits() {
        for integer in [0, -1, 9_223_372_036, 9_223_372_037, -9_223_372_036_855, i64::MAX, i64::MIN] {
            assert!(TimeUnit::of_integer(integer).to_ns(integer).is_some(), "{integer}");
        }
        assert_eq!(TimeUnit::of_integer(9_223_372_036), TimeUnit::S);
        assert_eq!(TimeUnit::of_integer(9_223_372_037), TimeUnit::Ms);
        assert_eq!(TimeUnit::of_integer(i64::MIN), TimeUnit::Ns);
    }

    #[test]
    fn a_conversion_that_does_not_fit_says_so() {
        assert_eq!(TimeUnit::S.to_ns(9_223_372_037), None);
        assert_eq!(TimeUnit::Us.to_ns(i64::MIN), None);
        assert_eq!(TimeUnit::Ns.to_ns(i64::MIN), Some(i64::MIN));
    }

    #[test]
    fn names_read_back() {
        for unit in TimeUnit::ALL {
            assert_eq!(unit.name().parse::<TimeUnit>().unwrap(), unit);
        }
        assert!("m".parse::<TimeUnit>().is_err());
    }
}
