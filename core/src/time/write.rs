//! Unix nanoseconds to text.
use super::NS_PER_SECOND;
use super::calendar::{SECONDS_PER_DAY, civil_from_days};
use alloc::string::String;
use alloc::vec::Vec;

/// Length of the longest text that is written: `2024-01-28T10:00:00.123456789Z`.
pub const TIMESTAMP_BYTES_MAX: usize = 30;

const NS_PER_DAY: i64 = SECONDS_PER_DAY * NS_PER_SECOND;
const PATTERN: [u8; TIMESTAMP_BYTES_MAX] = *b"0000-00-00T00:00:00.000000000Z";

/// RFC 3339 in UTC with `Z` and as many of 9 fraction digits as are needed: `2024-01-28T10:00:00Z`.
pub fn format_timestamp(ns: i64) -> String {
    let mut text = Vec::with_capacity(TIMESTAMP_BYTES_MAX);
    write_timestamp(ns, &mut text);
    text.into_iter().map(char::from).collect()
}

/// Appends what [`format_timestamp`] says. Many times in order are cheaper through one [`TimestampWriter`].
pub fn write_timestamp(ns: i64, out: &mut Vec<u8>) {
    TimestampWriter::new().write(ns, out);
}

/// Writes timestamps, and keeps the text of the last day and second: neighbours in time share them.
#[derive(Clone, Debug)]
pub struct TimestampWriter {
    second: i64,
    day: i64,
    text: [u8; TIMESTAMP_BYTES_MAX],
}

impl TimestampWriter {
    /// A writer that has written nothing yet.
    pub fn new() -> Self {
        let mut writer = Self { second: 0, day: 0, text: PATTERN };
        writer.set_day(0);
        writer
    }
    /// Appends RFC 3339 with `Z`; see [`format_timestamp`].
    pub fn write(&mut self, ns: i64, out: &mut Vec<u8>) {
        let second = ns.div_euclid(NS_PER_SECOND);
        if second != self.second {
            self.second = second;
            self.set_second(ns.div_euclid(NS_PER_DAY), second.rem_euclid(SECONDS_PER_DAY) as u32);
        }
        // Below 10^9 by construction.
        let fraction = ns.rem_euclid(NS_PER_SECOND) as u32;
        if fraction == 0 {
            let mut text = [0u8; 20];
            text.copy_from_slice(&self.text[..20]);
            text[19] = b'Z';
            out.extend_from_slice(&text);
            return;
        }
        let (high, low) = (fraction / 1_000, fraction % 1_000);
        let mut text = self.text;
        put2(&mut text, 20, high / 10_000);
        put2(&mut text, 22, high / 100 % 100);
        put2(&mut text, 24, high % 100);
        put2(&mut text, 26, low / 10);
        text[28] = b'0' + (low % 10) as u8;
        let mut end = 29;
        while text[end - 1] == b'0' {
            end -= 1;
        }
        text[end] = b'Z';
        out.extend_from_slice(&text[..=end]);
    }
    fn set_second(&mut self, day: i64, second_of_day: u32) {
        if day != self.day {
            self.set_day(day);
        }
        put2(&mut self.text, 11, second_of_day / 3600);
        put2(&mut self.text, 14, second_of_day / 60 % 60);
        put2(&mut self.text, 17, second_of_day % 60);
    }
    fn set_day(&mut self, day: i64) {
        self.day = day;
        let (year, month, dom) = civil_from_days(day);
        // 1677 to 2262.
        let year = year as u32;
        put2(&mut self.text, 0, year / 100);
        put2(&mut self.text, 2, year % 100);
        put2(&mut self.text, 5, month);
        put2(&mut self.text, 8, dom);
    }
}

impl Default for TimestampWriter {
    fn default() -> Self {
        Self::new()
    }
}

/// Two decimal digits of a number below 100.
fn put2(text: &mut [u8; TIMESTAMP_BYTES_MAX], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_timestamp;
    use proptest::prelude::*;

    #[test]
    fn trailing_zeros_of_the_fraction_are_not_written() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_706_436_000_120_000_000, "2024-01-28T10:00:00.12Z"),
            (951_825_600_000_000_000, "2000-02-29T12:00:00Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(format_timestamp(ns), text);
            assert_eq!(parse_timestamp(text).unwrap(), ns);
        }
    }

    #[test]
    fn what_was_written_before_does_not_show() {
        let mut writer = TimestampWriter::new();
        let mut out = Vec::new();
        let times = [5, 0, i64::MAX, i64::MIN, -1, 86_400 * NS_PER_SECOND, 1, 86_399 * NS_PER_SECOND + 7];
        for ns in times {
            out.clear();
            writer.write(ns, &mut out);
            assert_eq!(out, format_timestamp(ns).as_bytes());
        }
    }

    proptest! {
        #[test]
        fn every_nanosecond_reads_back(ns in any::<i64>()) {
            prop_assert_eq!(parse_timestamp(&format_timestamp(ns)).unwrap(), ns);
        }
    }
}
