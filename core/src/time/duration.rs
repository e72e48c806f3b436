//! Spans of time as people write them: `30s`, `1h30m`, `2w`.
//!
//! A span is a whole, non-negative number of nanoseconds. Months and years are not spans: their length varies.
use crate::error::{Error, Result};
use crate::text::shorten;
use alloc::string::String;
use core::fmt::Write;

/// Units and their nanoseconds, longest first.
const UNITS: [(&str, u64); 8] = [
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a duration into nanoseconds: one or more of number and unit (`w d h m s ms us ns`), longest unit first, each
/// at most once, nothing between them. `0s` is one, an empty text or a bare number is not. No sign, no fraction.
pub fn parse_duration(text: &str) -> Result<i64> {
    read(text).map_err(|problem| {
        Error::invalid(alloc::format!(
            "{} is not a duration: {problem}; write it like 30s, 5m, 1h30m, 7d or 2w",
            shorten(text.as_bytes())
        ))
    })
}

fn read(text: &str) -> core::result::Result<i64, &'static str> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0i64;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits).ok_or("it is not a number and a unit")?;
        if number.is_empty() {
            return Err("a number is missing");
        }
        let letters = tail.bytes().take_while(|byte| !byte.is_ascii_digit()).count();
        let (name, tail) = tail.split_at_checked(letters).ok_or("the unit is not known")?;
        if name.is_empty() {
            return Err("the unit is missing");
        }
        if !UNITS.iter().any(|(unit, _)| *unit == name) {
            return Err("the unit is not one of w, d, h, m, s, ms, us, ns");
        }
        let (_, unit_ns) =
            units.find(|(unit, _)| *unit == name).ok_or("units go from long to short, each once")?;
        let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_ns.cast_signed()));
        total = part.and_then(|part| total.checked_add(part)).ok_or("it is longer than 292 years")?;
        rest = tail;
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

/// The shortest text of that span: `1h30m`; whole weeks as `2w`, other spans in days at most (`30d`). A negative span
/// gets a minus sign, which [`parse_duration`] does not read.
pub fn format_duration(ns: i64) -> String {
    let mut text = String::new();
    let mut rest = ns.unsigned_abs();
    if ns < 0 {
        text.push('-');
    }
    for (name, unit_ns) in UNITS {
        let count = rest / unit_ns;
        if count == 0 || (name == "w" && !rest.is_multiple_of(unit_ns)) {
            continue;
        }
        rest %= unit_ns;
        // Writing into a String does not fail.
        let _ = write!(text, "{count}{name}");
    }
    if ns == 0 {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_and_combinations() {
        let second = 1_000_000_000;
        for (text, ns) in [
            ("10ns", 10),
            ("5us", 5_000),
            ("3ms", 3_000_000),
            ("30s", 30 * second),
            ("5m", 300 * second),
            ("1h", 3600 * second),
            ("6d", 6 * 86_400 * second),
            ("2w", 14 * 86_400 * second),
            ("30d", 30 * 86_400 * second),
            ("1h30m", 5400 * second),
            ("1m1ns", 60 * second + 1),
            ("0s", 0),
            ("106751d23h47m16s854ms775us807ns", i64::MAX),
        ] {
            assert_eq!(parse_duration(text).unwrap(), ns, "{text}");
            assert_eq!(format_duration(ns), text);
        }
        assert_eq!(parse_duration("90m").unwrap(), parse_duration("1h30m").unwrap());
        assert_eq!(parse_duration("0w5s").unwrap(), 5 * second);
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_the_reason() {
        for (text, said) in [
            ("", "number is missing"),
            ("0", "unit is missing"),
            ("10", "unit is missing"),
            ("1h30", "unit is missing"),
            ("h", "number is missing"),
            ("-5m", "number is missing"),
            ("1.5h", "unit is not one of"),
            ("1 h", "unit is not one of"),
            ("5M", "unit is not one of"),
            ("5m1h", "long to short"),
            ("1h1h", "long to short"),
            ("1é", "unit is not one of"),
            ("106752d", "292 years"),
            ("99999999999999999999s", "292 years"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.message().contains(said), "{text}: {error}");
        }
        assert_eq!(format_duration(i64::MIN), "-106751d23h47m16s854ms775us808ns");
    }

    proptest! {
        #[test]
        fn every_span_reads_back(ns in 0..=i64::MAX) {
            prop_assert_eq!(parse_duration(&format_duration(ns)).unwrap(), ns);
        }
    }
}
