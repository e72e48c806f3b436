//! Smallest and largest value of a run, with the rules of [`crate::statistics::min`] and [`crate::statistics::max`].
//!
//! Those rules (NaN passed over, -0.0 below +0.0) cost several operations a value. Long runs therefore first find the
//! extreme by the processor's own comparison, in lanes, which is right except in two cases that show in its result: an
//! infinity (perhaps no value was a number) and a zero (its sign may be the wrong one). Those are settled by a second look.
use crate::statistics::{max, min};

const LANES: usize = 8;
const PLUS_ZERO: u64 = 0;
const MINUS_ZERO: u64 = 1 << 63;

/// The smaller of `start` and the smallest of the values.
pub(super) fn min_from(start: f64, bits: &[u64]) -> f64 {
    if bits.len() < LANES {
        return min_one_by_one(start, bits);
    }
    let found = in_lanes(bits, f64::INFINITY, |lane, value| if value < lane { value } else { lane });
    if found == f64::INFINITY {
        return min_one_by_one(start, bits);
    }
    // A zero only matters while nothing is below it.
    if found == 0.0 && (start.is_nan() || start >= 0.0) {
        let zero = if bits.contains(&MINUS_ZERO) { -0.0 } else { 0.0 };
        return min(start, zero);
    }
    min(start, found)
}

/// The larger of `start` and the largest of the values.
pub(super) fn max_from(start: f64, bits: &[u64]) -> f64 {
    if bits.len() < LANES {
        return max_one_by_one(start, bits);
    }
    let found = in_lanes(bits, f64::NEG_INFINITY, |lane, value| if value > lane { value } else { lane });
    if found == f64::NEG_INFINITY {
        return max_one_by_one(start, bits);
    }
    if found == 0.0 && (start.is_nan() || start <= 0.0) {
        let zero = if bits.contains(&PLUS_ZERO) { 0.0 } else { -0.0 };
        return max(start, zero);
    }
    max(start, found)
}

fn in_lanes(bits: &[u64], start: f64, pick: impl Fn(f64, f64) -> f64) -> f64 {
    let (chunks, rest) = bits.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = pick(*lane, f64::from_bits(value));
        }
    }
    let rest = rest.iter().map(|&value| f64::from_bits(value));
    lanes.into_iter().chain(rest).fold(start, pick)
}

fn min_one_by_one(start: f64, bits: &[u64]) -> f64 {
    bits.iter().fold(start, |found, &value| min(found, f64::from_bits(value)))
}

fn max_one_by_one(start: f64, bits: &[u64]) -> f64 {
    bits.iter().fold(start, |found, &value| max(found, f64::from_bits(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lanes_follow_the_rules_of_statistics(
            start in proptest::sample::select(SPECIAL.to_vec()),
            values in proptest::collection::vec(proptest::sample::select(SPECIAL.to_vec()), 0..40),
        ) {
            let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(min_from(start, &bits).to_bits(), min_one_by_one(start, &bits).to_bits());
            prop_assert_eq!(max_from(start, &bits).to_bits(), max_one_by_one(start, &bits).to_bits());
        }
    }
    const SPECIAL: [f64; 8] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.5, -1.5, 5e-324];

    #[test]
    fn a_long_run_without_any_number_is_nan() {
        let nan = [f64::NAN.to_bits(); 100];
        assert!(min_from(f64::NAN, &nan).is_nan() && max_from(f64::NAN, &nan).is_nan());
        assert_eq!((min_from(3.0, &nan), max_from(3.0, &nan)), (3.0, 3.0));
    }
}
