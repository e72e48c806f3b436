//! Doubles as scaled integers: `m / 10^e`, then a number of units in the last place, both exact or not at all.
//!
//! Division (not multiplication by a reciprocal) is correctly rounded, so every double that was parsed from a decimal
//! comes back from its digits. Doubles that arithmetic left a few units beside a decimal need the adjustment.
use alloc::vec::Vec;

/// Largest exponent.
pub(super) const EXPONENT_MAX: u32 = 16;
/// Largest adjustment, units in the last place; what is further away is an exception.
pub(super) const ADJUSTMENT_MAX: u64 = 1 << 24;

/// 1.5 * 2^52: added to a double below 2^51, it leaves the nearest integer in the low bits of the sum.
const MAGIC: f64 = 6_755_399_441_055_744.0;
const LIMIT: f64 = 2_251_799_813_685_248.0;

static POWERS: [f64; EXPONENT_MAX as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];

/// `10^e`; `e` is at most [`EXPONENT_MAX`].
pub(super) fn power(e: u32) -> f64 {
    POWERS.get(e as usize).copied().unwrap_or(1.0)
}

/// A double's bits as an integer that sorts like the double: units in the last place are steps of one. Its own inverse.
#[inline(always)]
pub(super) fn ordered(bits: u64) -> i64 {
    inverse_ordered(bits as i64) as i64
}

/// Inverse of [`ordered`].
#[inline(always)]
pub(super) fn inverse_ordered(v: i64) -> u64 {
    (v ^ ((v >> 63) as u64 >> 1) as i64) as u64
}

/// The integer nearest to `v * power` (ties to even) and the adjustment that makes the way back exact; `None` for an
/// exception.
#[inline(always)]
pub(super) fn split(bits: u64, power: f64) -> Option<(i64, i64)> {
    let scaled = f64::from_bits(bits) * power;
    if !(scaled > -LIMIT && scaled < LIMIT) {
        return None;
    }
    let m = ((scaled + MAGIC).to_bits()).wrapping_sub(MAGIC.to_bits()) as i64;
    let adjustment = ordered(bits).wrapping_sub(ordered(join(m, power)));
    (adjustment.unsigned_abs() <= ADJUSTMENT_MAX).then_some((m, adjustment))
}

/// Bits of `m / power`; exact for `|m| < 2^51`, defined (by wrapping) for every other.
#[inline(always)]
pub(super) fn join(m: i64, power: f64) -> u64 {
    ((f64::from_bits((m as u64).wrapping_add(MAGIC.to_bits())) - MAGIC) / power).to_bits()
}

/// The exponent that makes a strided sample cheapest, or `None` where integers would hardly be shorter than doubles.
pub(super) fn choose(bits: &[u64], sample: &mut Vec<u64>) -> Option<u32> {
    const SAMPLE: usize = 48;
    sample.clear();
    sample.extend(bits.iter().step_by(bits.len().div_ceil(SAMPLE)));
    let mut best = (None, 50 * 100 * sample.len() as u64);
    for e in 0..=EXPONENT_MAX {
        // In hundredths of a bit: 3.32 bits a digit, 80 bits an exception, an adjustment by its magnitude.
        let mut cost = u64::from(e) * 332 * sample.len() as u64;
        let mut exact = true;
        for &v in sample.iter() {
            cost += match split(v, power(e)) {
                Some((_, 0)) => continue,
                Some((_, adjustment)) => 200 + 200 * u64::from(adjustment.unsigned_abs().ilog2()),
                None => 8000,
            };
            exact = false;
            if cost >= best.1 {
                break;
            }
        }
        if cost < best.1 {
            best = (Some(e), cost);
        }
        if exact {
            break;
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_their_neighbours_are_units_away() {
        for (v, e, m) in [(0.1, 1, 1), (-273.15, 2, -27315), (1e15, 0, 1_000_000_000_000_000), (4.35, 2, 435)]
        {
            let v: f64 = v;
            assert_eq!(split(v.to_bits(), power(e)), Some((m, 0)));
            assert_eq!(split(v.to_bits() + 1, power(e)), Some((m, if v < 0.0 { -1 } else { 1 })));
            assert_eq!(join(m, power(e)), v.to_bits());
        }
        assert_eq!(split((-0.0f64).to_bits(), 1.0), Some((0, -1)));
        for v in [f64::NAN, f64::INFINITY, 1e300, 5e-324_f64.sqrt()] {
            assert_eq!(split(v.to_bits(), 100.0), None);
        }
    }

    #[test]
    fn order_of_integers_is_order_of_doubles() {
        let sorted = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, f64::MIN_POSITIVE, 1.0, f64::INFINITY];
        assert!(sorted.array_windows().all(|[a, b]| ordered(a.to_bits()) < ordered(b.to_bits())));
        assert!(sorted.iter().all(|v| inverse_ordered(ordered(v.to_bits())) == v.to_bits()));
    }
}
