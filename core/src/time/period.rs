//! Periods of the UTC calendar: hours, days, weeks, months and years, each with a number.
use super::NS_PER_SECOND;
use super::calendar::{SECONDS_PER_DAY, civil_from_days};

/// A stretch of the UTC calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CalendarPeriod {
    /// 60 minutes.
    Hour,
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// Of the calendar.
    Month,
    /// Of the calendar.
    Year,
}

impl CalendarPeriod {
    /// The number of the period that a moment (Unix ns) lies in: moments of one period have one number, and later periods
    /// have larger ones.
    pub fn number(self, ns: i64) -> i64 {
        let seconds = ns.div_euclid(NS_PER_SECOND);
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let (year, month, _) = civil_from_days(days);
        match self {
            Self::Hour => seconds.div_euclid(3_600),
            Self::Day => days,
            // 1970-01-01 was a Thursday.
            Self::Week => (days + 3).div_euclid(7),
            Self::Month => year * 12 + i64::from(month),
            Self::Year => year,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_timestamp;

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let number = |period: CalendarPeriod, text: &str| period.number(parse_timestamp(text).unwrap());
        for (period, before, first) in [
            (CalendarPeriod::Hour, "2024-01-28T09:59:59.999999999Z", "2024-01-28T10:00:00Z"),
            (CalendarPeriod::Day, "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
            // A Sunday and a Monday.
            (CalendarPeriod::Week, "2024-01-28T23:59:59Z", "2024-01-29T00:00:00Z"),
            (CalendarPeriod::Month, "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z"),
            (CalendarPeriod::Month, "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z"),
            (CalendarPeriod::Year, "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z"),
        ] {
            assert_eq!(number(period, before) + 1, number(period, first), "{period:?} {first}");
        }
        for ns in [i64::MIN, i64::MAX] {
            CalendarPeriod::Month.number(ns);
        }
    }
}
