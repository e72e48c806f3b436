//! Text to Unix nanoseconds.
//!
//! Nothing is rounded and nothing is guessed: more digits than nanoseconds, a date that does not exist, a time outside
//! i64 nanoseconds or (in the strict form) a missing zone is an error that says so.
use super::calendar::{SECONDS_PER_DAY, civil_from_days, days_from_civil, days_in_month};
use super::{NS_PER_SECOND, TIMESTAMP_BYTES_MAX};
use crate::error::{Error, Result};
use crate::text::shorten;

/// Reads RFC 3339 with a zone: `2024-01-28T10:00:00Z`, `2024-01-28t10:00:00.123456789+05:30`; a space may stand for the
/// `T`. 0 to 9 fraction digits.
///
/// Unix time has no leap seconds: `23:59:60` UTC at the end of a month is read as the second that follows it, which is
/// what POSIX time does; second 60 anywhere else is an error.
///
/// Errors are [`ErrorKind::InvalidInput`](crate::error::ErrorKind::InvalidInput).
pub fn parse_timestamp(text: &str) -> Result<i64> {
    read(text.as_bytes(), Zone::Required).map_err(|problem| refuse(text, problem))
}

/// Reads what [`parse_timestamp`] reads, and the same without a zone, which is taken as UTC: `2024-01-28 10:00:00.5`.
/// Short offsets as databases print them (`+05`, `+0530`) are read too. For data in files, not for what a person
/// asks for.
pub fn parse_timestamp_lenient(text: &str) -> Result<i64> {
    read(text.as_bytes(), Zone::UtcIfMissing).map_err(|problem| refuse(text, problem))
}

#[derive(Clone, Copy, PartialEq)]
enum Zone {
    Required,
    UtcIfMissing,
}

/// Why a text is not a timestamp.
type Problem = &'static str;

const SHAPE: Problem = "it does not read as YYYY-MM-DDThh:mm:ss[.fraction] and a zone (Z or +hh:mm)";
const SHAPE_OF_ZONE: Problem = "the zone must be Z or an offset such as +05:30";
const OUT_OF_RANGE: Problem = "it lies outside 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z, which is what nanoseconds in 64 bits hold";

#[cold]
fn refuse(text: &str, problem: Problem) -> Error {
    Error::invalid(alloc::format!("{} is not a timestamp: {problem}", shorten(text.as_bytes())))
}

fn read(text: &[u8], zone: Zone) -> core::result::Result<i64, Problem> {
    // No longer form than the longest written one exists, but for a longer offset.
    if text.len() > TIMESTAMP_BYTES_MAX + 5 {
        return Err(SHAPE);
    }
    let Some((date_and_time, rest)) = text.split_first_chunk::<19>() else {
        return Err(problem_of_short(text));
    };
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        mi1,
        mi2,
        b':',
        s1,
        s2,
    ] = date_and_time
    else {
        return Err(problem_of_short(text));
    };
    let (Some(century), Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) =
        (two(y1, y2), two(y3, y4), two(mo1, mo2), two(d1, d2), two(h1, h2), two(mi1, mi2), two(s1, s2))
    else {
        return Err(SHAPE);
    };
    let year = i64::from(century) * 100 + i64::from(year);
    if month == 0 || month > 12 {
        return Err("the month is not 01 to 12");
    }
    if day == 0 || day > days_in_month(year, month) {
        return Err("that month has no such day");
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err("the time of day is not 00:00:00 to 23:59:59");
    }
    let (fraction_ns, rest) = read_fraction(rest)?;
    let offset_seconds = read_zone(rest, zone)?;

    let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY
        + i64::from(hour) * 3600
        + i64::from(minute) * 60
        + i64::from(second)
        - offset_seconds;
    if second == 60 {
        let after_midnight = seconds.rem_euclid(SECONDS_PER_DAY) == 0;
        if !after_midnight || civil_from_days(seconds.div_euclid(SECONDS_PER_DAY)).2 != 1 {
            return Err("second 60 exists only as a leap second, 23:59:60 UTC at the end of a month");
        }
    }
    let ns = i128::from(seconds) * i128::from(NS_PER_SECOND) + i128::from(fraction_ns);
    i64::try_from(ns).map_err(|_| OUT_OF_RANGE)
}

/// The fraction after the seconds, in nanoseconds, and what follows it.
fn read_fraction(rest: &[u8]) -> core::result::Result<(i64, &[u8]), Problem> {
    let Some(mut rest) = rest.strip_prefix(b".") else { return Ok((0, rest)) };
    let (mut ns, mut digits) = (0i64, 0u32);
    while let Some((&byte @ b'0'..=b'9', tail)) = rest.split_first() {
        if digits == 9 {
            return Err("it has more than 9 fraction digits; times are kept in nanoseconds");
        }
        ns = ns * 10 + i64::from(byte - b'0');
        digits += 1;
        rest = tail;
    }
    if digits == 0 {
        return Err("the point after the seconds has no digits");
    }
    Ok((ns * 10i64.pow(9 - digits), rest))
}

/// The zone as seconds east of UTC.
fn read_zone(rest: &[u8], zone: Zone) -> core::result::Result<i64, Problem> {
    let lenient = zone == Zone::UtcIfMissing;
    let (sign, hours, minutes) = match *rest {
        [b'Z' | b'z'] => return Ok(0),
        [] if lenient => return Ok(0),
        [] => return Err("it has no zone; add Z for UTC or an offset such as +05:30"),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (sign, two(h1, h2), two(m1, m2)),
        [sign @ (b'+' | b'-'), h1, h2, m1, m2] if lenient => (sign, two(h1, h2), two(m1, m2)),
        [sign @ (b'+' | b'-'), h1, h2] if lenient => (sign, two(h1, h2), Some(0)),
        _ => return Err(SHAPE_OF_ZONE),
    };
    let (Some(hours @ 0..=23), Some(minutes @ 0..=59)) = (hours, minutes) else { return Err(SHAPE_OF_ZONE) };
    let east = i64::from(hours) * 3600 + i64::from(minutes) * 60;
    Ok(if sign == b'-' { -east } else { east })
}

/// Two decimal digits.
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Says what is wrong with a text that has not even the shape of a date and a time.
#[cold]
fn problem_of_short(text: &[u8]) -> Problem {
    let four_digits = |digits: &[u8]| digits.iter().take_while(|byte| byte.is_ascii_digit()).count() >= 4;
    match text.split_first() {
        Some((b'-', year)) if four_digits(year) => "a year before 0000 (with a minus sign) is out of range",
        Some((b'+', year)) if four_digits(year) => "a year after 9999 (with a plus sign) is out of range",
        _ => SHAPE,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::time::format_timestamp;
    use std::string::ToString;

    #[test]
    fn forms_and_offsets_name_the_same_moment() {
        let ns = 1_706_436_000_123_000_000;
        for text in [
            "2024-01-28T10:00:00.123Z",
            "2024-01-28t10:00:00.123000000z",
            "2024-01-28 10:00:00.123Z",
            "2024-01-28T15:30:00.123+05:30",
            "2024-01-28T04:15:00.123-05:45",
            "2024-01-29T00:00:00.123+14:00",
            "2024-01-28T10:00:00.123-00:00",
        ] {
            assert_eq!(parse_timestamp(text).unwrap(), ns, "{text}");
            assert_eq!(parse_timestamp_lenient(text).unwrap(), ns, "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_utc_only_where_that_is_asked_for() {
        for text in [
            "2024-01-28 10:00:00",
            "2024-01-28T10:00:00.000",
            "2024-01-28 10:00:00+00",
            "2024-01-28 15:30:00+0530",
        ] {
            assert_eq!(parse_timestamp_lenient(text).unwrap(), 1_706_436_000_000_000_000, "{text}");
            assert!(parse_timestamp(text).is_err(), "{text}");
        }
        assert!(parse_timestamp("2024-01-28T10:00:00").unwrap_err().message().contains("no zone"));
    }

    #[test]
    fn the_ends_of_i64_are_read_and_one_nanosecond_beyond_is_not() {
        assert_eq!(parse_timestamp("1677-09-21T00:12:43.145224192Z").unwrap(), i64::MIN);
        assert_eq!(parse_timestamp("2262-04-11T23:47:16.854775807Z").unwrap(), i64::MAX);
        for text in [
            "1677-09-21T00:12:43.145224191Z",
            "2262-04-11T23:47:16.854775808Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert!(parse_timestamp(text).unwrap_err().message().contains("outside 1677"), "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_second_after_it_and_exists_nowhere_else() {
        let after = parse_timestamp("2017-01-01T00:00:00.5Z").unwrap();
        assert_eq!(parse_timestamp("2016-12-31T23:59:60.5Z").unwrap(), after);
        assert_eq!(parse_timestamp("2017-01-01T05:29:60.5+05:30").unwrap(), after);
        for text in [
            "2016-12-31T23:58:60Z",
            "2016-12-30T23:59:60Z",
            "2016-12-31T23:59:60+01:00",
            "2016-12-31T23:59:61Z",
            "2017-01-01T10:00:60Z",
        ] {
            assert!(parse_timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("-0001-01-01T00:00:00Z", "before 0000"),
            ("+12024-01-01T00:00:00Z", "after 9999"),
            ("2023-02-29T00:00:00Z", "no such day"),
            ("2024-13-01T00:00:00Z", "month"),
            ("2024-01-01T24:00:00Z", "time of day"),
            ("2024-01-01T00:00:00.Z", "no digits"),
            ("2024-01-01T00:00:00.1234567890Z", "9 fraction digits"),
            ("2024-01-01T00:00:00+5:30", "zone"),
            ("2024-01-01T00:00:00+24:00", "zone"),
            ("2024-01-01T00:00:00Zjunk", "zone"),
            ("2024-1-1T00:00:00Z", "does not read"),
            ("yesterday", "does not read"),
            ("", "does not read"),
        ] {
            let error = parse_timestamp(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn every_single_byte_change_of_a_timestamp_is_refused_or_reads_back() {
        let good = *b"2024-02-29T23:59:59.123456789+05:30";
        for at in 0..good.len() {
            for byte in 0..128u8 {
                let mut bytes = good;
                bytes[at] = byte;
                let text = core::str::from_utf8(&bytes).unwrap();
                if let Ok(ns) = parse_timestamp(text) {
                    assert_eq!(parse_timestamp(&format_timestamp(ns)).unwrap(), ns);
                }
            }
        }
    }
}
