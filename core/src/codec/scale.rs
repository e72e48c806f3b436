//! Common divisors: finding one, dividing by it, and writing it (and other round numbers) shortly.
use super::varint;
use alloc::vec::Vec;

/// The greatest common divisor of the magnitudes; 0 if all are 0.
pub(super) fn common_divisor(values: impl Iterator<Item = i64>) -> u64 {
    let (mut divisor, mut before) = (0u64, 0u64);
    let mut division = ExactDivision::by(1);
    for v in values {
        let v = v.unsigned_abs();
        if v == before {
            continue;
        }
        before = v;
        if divisor == 0 || !division.divides(v) {
            divisor = gcd(divisor, v);
            if divisor == 1 {
                break;
            }
            division = ExactDivision::by(divisor);
        }
    }
    divisor
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Division of multiples: shifts out the factors of two and multiplies by the inverse of the rest modulo 2^64.
#[derive(Clone, Copy)]
pub(super) struct ExactDivision {
    twos: u32,
    inverse: i64,
    /// Largest multiple's quotient by the odd part: the inverse takes multiples, and only them, up to here.
    quotient_max: u64,
}

impl ExactDivision {
    /// Prepares division by `divisor`, which is not 0.
    pub(super) fn by(divisor: u64) -> Self {
        let twos = divisor.trailing_zeros().min(63);
        let odd = divisor >> twos;
        // Newton's iteration doubles the number of right bits, of which there are three at first.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { twos, inverse: inverse as i64, quotient_max: u64::MAX / odd.max(1) }
    }
    /// True when `v` is a multiple; several times as fast as a remainder.
    #[inline(always)]
    fn divides(self, v: u64) -> bool {
        let shifted = v >> self.twos;
        shifted << self.twos == v && shifted.wrapping_mul(self.inverse as u64) <= self.quotient_max
    }
    /// `multiple / divisor`.
    #[inline(always)]
    pub(super) fn divide(self, multiple: i64) -> i64 {
        (multiple >> self.twos).wrapping_mul(self.inverse)
    }
}

/// Appends `v` as a varint of `digits << 5 | zeros` where `v = digits * 10^zeros`, or, where that would not fit, of 31
/// followed by a varint of `v`. Clocks in seconds or milliseconds have many zeros in nanoseconds.
pub(super) fn put_decimal(out: &mut Vec<u8>, v: u64) {
    let (mut digits, mut zeros) = (v, 0);
    while digits != 0 && digits % 10 == 0 {
        digits /= 10;
        zeros += 1;
    }
    if digits < 1 << 59 {
        varint::put(out, digits << 5 | zeros);
    } else {
        varint::put(out, 31);
        varint::put(out, v);
    }
}

/// Reads what [`put_decimal`] wrote.
pub(super) fn get_decimal(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let v = varint::get(bytes, at)?;
    match (v >> 5, (v & 31) as u32) {
        (0, 31) => varint::get(bytes, at),
        (digits, zeros) => digits.checked_mul(10u64.checked_pow(zeros)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_of_multiples_is_exact() {
        for divisor in [1, 2, 3, 10, 1_000_000, 1 << 63, (1 << 62) - 1, 3 << 40] {
            for quotient in [0, 1, -1] {
                let multiple = (divisor as i64).wrapping_mul(quotient);
                let signed = if divisor == 1 << 63 { -quotient.abs() } else { quotient };
                let division = ExactDivision::by(divisor);
                assert_eq!(division.divide(multiple), signed, "{divisor}");
                let by_remainder = |v: &u64| division.divides(*v) == v.is_multiple_of(divisor);
                assert!([0, 1, 2, 3, 10, 12, divisor, divisor - 1, u64::MAX].iter().all(by_remainder));
            }
        }
        assert_eq!(common_divisor([6, -9, 0, 15].into_iter()), 3);
        assert_eq!(common_divisor([0, i64::MIN].into_iter()), 1 << 63);
    }

    #[test]
    fn round_numbers_are_short_and_all_come_back() {
        for v in [0, 1, 31, 10_000_000_000, 10_000_000_000_000_000_000, u64::MAX, u64::MAX - 5, 1 << 59] {
            let mut out = Vec::new();
            put_decimal(&mut out, v);
            assert_eq!(get_decimal(&out, &mut 0), Some(v));
            assert!(v != 10_000_000_000 || out.len() == 1);
        }
    }
}
