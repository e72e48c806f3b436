//! When: a cron expression in a time zone, or an interval.
//!
//! What it keeps true: every answer is later than the question, so that whoever asks again with the answer goes on.
use crate::error::{Error, Result};
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::str::FromStr;
use std::time::Duration;

/// The shortest interval.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// A row of times that goes on for ever.
#[derive(Clone, Debug)]
pub(crate) enum When {
    /// The times that match in a zone. Where its clock goes forward, a fixed time that is left out comes right after; where it
    /// goes back, a fixed time comes once, and `*` and steps go by real time.
    Cron { cron: Box<Cron>, zone: TimeZone },
    /// This many ns after the last time.
    Every(i64),
}

impl When {
    /// A cron expression of five fields, or six with seconds first, in an IANA zone (`UTC`, `Europe/Berlin`).
    pub(crate) fn cron(expression: &str, zone: &str) -> Result<Self> {
        let refused = |why: String| {
            Error::invalid(format!(
                "{expression:?} is not a cron expression: {why}; write minute, hour, day of month, month, day of week, \
                 as \"0 3 * * *\""
            ))
        };
        let cron = Cron::from_str(expression).map_err(|error| refused(error.to_string()))?;
        let zone = TimeZone::get(zone).map_err(|_| {
            Error::invalid(format!(
                "{zone:?} is not a time zone: write an IANA name, as \"UTC\" or \"Europe/Berlin\""
            ))
        })?;
        Ok(Self::Cron { cron: Box::new(cron), zone })
    }

    /// An interval, of at least a second.
    pub(crate) fn every(interval: Duration) -> Result<Self> {
        match i64::try_from(interval.as_nanos()) {
            Ok(ns) if interval >= EVERY_MIN => Ok(Self::Every(ns)),
            Ok(_) => Err(Error::invalid("an interval is at least 1s")),
            Err(_) => Err(Error::invalid("an interval is at most 292 years")),
        }
    }

    /// The first time after `time_ns`; `None` when there is none that can be told.
    pub(crate) fn next_after(&self, time_ns: i64) -> Option<i64> {
        match self {
            Self::Every(ns) => time_ns.checked_add(*ns),
            Self::Cron { cron, zone } => {
                let time = Timestamp::from_nanosecond(i128::from(time_ns)).ok()?.to_zoned(zone.clone());
                let next = cron.find_next_occurrence(&time, false).ok()?;
                i64::try_from(next.timestamp().as_nanosecond()).ok().filter(|next| *next > time_ns)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronicle_core::time::{format_timestamp, parse_timestamp};

    /// The next times after `start`, written in UTC.
    fn row(expression: &str, zone: &str, start: &str, count: usize) -> Vec<String> {
        let when = When::cron(expression, zone).unwrap();
        let mut time = parse_timestamp(start).unwrap();
        let mut row = Vec::new();
        for _ in 0..count {
            time = when.next_after(time).unwrap();
            row.push(format_timestamp(time));
        }
        row
    }

    #[test]
    fn a_time_that_the_zone_leaves_out_comes_right_after_and_the_next_day_as_written() {
        // Berlin, 31 March 2024: 02:00 to 03:00 does not exist.
        assert_eq!(
            row("30 2 * * *", "Europe/Berlin", "2024-03-30T00:00:00Z", 3),
            ["2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_the_zone_has_twice_comes_once() {
        // Berlin, 27 October 2024: 02:00 to 03:00 comes twice.
        assert_eq!(
            row("30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z", 2),
            ["2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"]
        );
    }

    #[test]
    fn every_quarter_of_an_hour_goes_by_real_time_across_both_changes() {
        for start in ["2024-03-31T00:00:00Z", "2024-10-27T00:00:00Z"] {
            let mut time = parse_timestamp(start).unwrap();
            let when = When::cron("*/15 * * * *", "Europe/Berlin").unwrap();
            for _ in 0..16 {
                let next = when.next_after(time).unwrap();
                assert_eq!(next - time, 900_000_000_000, "{}", format_timestamp(time));
                time = next;
            }
        }
    }

    #[test]
    fn a_midnight_is_that_of_the_zone() {
        assert_eq!(
            row("0 0 1 * *", "America/New_York", "2024-02-15T00:00:00Z", 2),
            ["2024-03-01T05:00:00Z", "2024-04-01T04:00:00Z"]
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused_and_says_how_to_write_one() {
        for expression in ["", "* * *", "61 * * * *", "nonsense", "0 3 * * * * * *"] {
            let error = When::cron(expression, "UTC").unwrap_err();
            assert!(error.message().contains("0 3 * * *"), "{error}");
        }
        assert!(When::cron("0 3 * * *", "Mars/Olympus").unwrap_err().message().contains("Europe/Berlin"));
        assert!(When::every(Duration::from_millis(999)).is_err());
        assert_eq!(When::cron("0 0 30 2 *", "UTC").unwrap().next_after(0), None, "there is no 30 February");
    }
}
