//! f64 as text and back, bit for bit.
//!
//! Written: the shortest decimal that reads back (`1`, `-0`, `0.1`, `1e300`), `+Inf`, `-Inf`, `NaN` for the usual quiet
//! NaN, and `NaN:<16 hex digits of the bits>` for every other one. Reading takes that and the common spellings of
//! others. No locale, no thousands separators, no hexadecimal floats. A decimal beyond the largest f64 is refused: it
//! would read as infinity, which nobody wrote.
use alloc::vec::Vec;

/// Length of the longest text that [`write_number`] writes.
pub const NUMBER_BYTES_MAX: usize = 24;

const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;
/// Whole numbers below it are exact and are written without an exponent.
const WHOLE_MAX: f64 = 1e15;

/// Appends the text of the f64 with these bits.
pub fn write_number(bits: u64, out: &mut Vec<u8>) {
    let value = f64::from_bits(bits);
    if value.is_finite() {
        if value.abs() < WHOLE_MAX {
            let whole = value as i64;
            // The comparison by bits keeps -0 apart from 0.
            if (whole as f64).to_bits() == bits {
                return write_integer(whole, out);
            }
        }
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else if bits == NAN_BITS {
        out.extend_from_slice(b"NaN");
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN:");
        let digit = |shift: u32| b"0123456789abcdef"[(bits >> shift) as usize & 15];
        out.extend((0..16u32).rev().map(|nibble| digit(nibble * 4)));
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

/// Appends the decimal digits of a whole number.
pub(crate) fn write_integer(whole: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = whole.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if whole < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

/// Reads what [`write_number`] writes, and decimals with or without a point, an exponent and a sign (`+1.5`, `.5`, `1.`,
/// `1E5`), `inf` and `infinity` with or without a sign, `nan`; letters in any case. A decimal is
/// rounded to the nearest f64, ties to even. `None` for anything else, and for a decimal beyond the largest f64.
pub fn parse_number(text: &[u8]) -> Option<f64> {
    parse_plain(text).or_else(|| parse_any(text))
}

/// Powers of ten that f64 holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The common case, digits and at most one point: with at most 15 digits the whole number and the power of ten are both
/// exact in f64, so that one division rounds once, which is correct (Clinger, "How to read floating point numbers
/// accurately", 1990). `None` means: read it the general way.
fn parse_plain(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // 15 digits and a point; a sum over more bytes could overflow.
    if digits.len() > 16 {
        return None;
    }
    let (mut whole, mut count) = (0u64, 0usize);
    let mut count_before_point = None;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            whole = whole * 10 + u64::from(digit);
            count += 1;
        } else if byte == b'.' && count_before_point.is_none() {
            count_before_point = Some(count);
        } else {
            return None;
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    let mut value = whole as f64;
    if let Some(before) = count_before_point {
        value /= EXACT_POWERS.get(count - before)?;
    }
    Some(if negative { -value } else { value })
}

#[cold]
fn parse_any(text: &[u8]) -> Option<f64> {
    let text = core::str::from_utf8(text).ok()?;
    if let Some(hex) = text.strip_prefix("NaN:") {
        return parse_nan_bits(hex.as_bytes());
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::from_bits(NAN_BITS));
    }
    // The sign of a NaN is part of its bits; what `-nan` or `+nan` means is not agreed on.
    let value = text.parse::<f64>().ok().filter(|value| !value.is_nan())?;
    let overflowed = value.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
    (!overflowed).then_some(value)
}

/// The 16 hexadecimal digits of a NaN's bits.
fn parse_nan_bits(hex: &[u8]) -> Option<f64> {
    if hex.len() != 16 {
        return None;
    }
    let bits = hex
        .iter()
        .try_fold(0u64, |bits, &byte| Some(bits << 4 | u64::from(char::from(byte).to_digit(16)?)))?;
    Some(f64::from_bits(bits)).filter(|value| value.is_nan())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    fn text_of(bits: u64) -> String {
        let mut out = Vec::new();
        write_number(bits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_print_as_people_expect() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (999_999_999_999_999.0, "999999999999999"),
            (21.5, "21.5"),
            (0.1, "0.1"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::from_bits(NAN_BITS), "NaN"),
            (f64::from_bits(0xfff8_0000_0000_0000), "NaN:fff8000000000000"),
            (f64::from_bits(0x7ff0_0000_0000_0001), "NaN:7ff0000000000001"),
        ] {
            assert_eq!(text_of(value.to_bits()), text);
        }
    }

    #[test]
    fn the_corners_of_f64_read_back_bit_for_bit() {
        for value in [
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::from_bits(0x000f_ffff_ffff_ffff),
            f64::EPSILON,
            9_007_199_254_740_993.0,
            1e15,
            1e16,
            1e21,
            1e22,
            1e23,
            -1e300,
            123_456_789_012_345.6,
        ] {
            let text = text_of(value.to_bits());
            assert!(text.len() <= NUMBER_BYTES_MAX);
            assert_eq!(parse_number(text.as_bytes()).unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }

    #[test]
    fn common_spellings_of_others_are_read() {
        for (text, value) in [
            ("1e5", 1e5),
            ("1E+05", 1e5),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("-0.0", -0.0),
            ("007", 7.0),
            ("inf", f64::INFINITY),
            ("Infinity", f64::INFINITY),
            ("-INF", f64::NEG_INFINITY),
            ("1e-999", 0.0),
            ("nan", f64::from_bits(NAN_BITS)),
        ] {
            assert_eq!(parse_number(text.as_bytes()).unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_none() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "-.",
            "1.2.3",
            "1,5",
            " 1",
            "1 ",
            "0x10",
            "1e",
            "e5",
            "--1",
            "+-1",
            "-nan",
            "1_000",
            "NaN:",
            "NaN:0000000000000000",
            "NaN:7ff000000000000",
            "NaN:7ff00000000000001",
            "NaN:7ff000000000000g",
            "12a",
            "\u{661}",
            "1e999",
            "-1e309",
        ] {
            assert_eq!(parse_number(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_number(b"\xff"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_bit_pattern_reads_back(bits in any::<u64>()) {
            prop_assert_eq!(parse_number(text_of(bits).as_bytes()).unwrap().to_bits(), bits);
        }
        #[test]
        fn every_nan_reads_back(payload in 1u64..1 << 52, sign in any::<bool>()) {
            let bits = 0x7ff0_0000_0000_0000 | payload | u64::from(sign) << 63;
            prop_assert_eq!(parse_number(text_of(bits).as_bytes()).unwrap().to_bits(), bits);
        }
        #[test]
        fn the_fast_path_agrees_with_the_general_one(text in "-?[0-9]{0,10}\\.?[0-9]{0,10}") {
            if let Some(fast) = parse_plain(text.as_bytes()) {
                prop_assert_eq!(fast.to_bits(), text.parse::<f64>().unwrap().to_bits());
            }
        }
    }
}
