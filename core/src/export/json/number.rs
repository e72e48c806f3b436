//! Numbers as JSON spells them.
use crate::text::parse_number;

/// Reads a number of JSON: digits without leading zeros, a fraction, an exponent, a minus. `None` for anything else, and
/// for a decimal beyond the largest f64.
#[inline]
pub(super) fn parse_json_number(text: &str) -> Option<f64> {
    if is_json_number(text.as_bytes()) { parse_number(text.as_bytes()) } else { None }
}

/// True for a whole number of JSON without a fraction and an exponent.
pub(super) fn is_json_integer(text: &str) -> bool {
    is_json_number(text.as_bytes()) && !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn is_json_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits.split_at(count_digits(digits));
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => match count_digits(fraction) {
            0 => return false,
            count => fraction.get(count..).unwrap_or_default(),
        },
        None => rest,
    };
    let Some((b'e' | b'E', exponent)) = rest.split_first() else { return rest.is_empty() };
    let digits = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
    !digits.is_empty() && count_digits(digits) == digits.len()
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_json_calls_a_number_is_one() {
        for text in ["0", "-0", "10", "1.5", "-0.5e-7", "1E+05", "5e-324", "0.10"] {
            assert_eq!(
                parse_json_number(text).map(f64::to_bits),
                text.parse().ok().map(f64::to_bits),
                "{text}"
            );
        }
        for text in [
            "", "-", "+1", "01", "-01", ".5", "1.", "1e", "1e+", "1.e5", "0x1", "NaN", "1e999", "--1", "1a",
            "1.5.5",
        ] {
            assert_eq!(parse_json_number(text), None, "{text}");
        }
        assert!(
            is_json_integer("-9223372036854775808") && !is_json_integer("1e3") && !is_json_integer("1.0")
        );
    }
}
