//! Statistics of a run of points: what a block keeps about itself, so that a query may not need to decode it.
use crate::model::TimeRange;

/// Summary of points of one series in ascending time. `count` is never 0.
///
/// NaN: `sum` becomes NaN with the first one; `min` and `max` pass over NaN and are NaN only when every value is.
/// -0.0 counts as below +0.0, so that the summary does not depend on order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Statistics {
    /// Number of points.
    pub count: u64,
    /// First and last timestamp.
    pub time: TimeRange,
    /// Value of the first point.
    pub first: f64,
    /// Value of the last point.
    pub last: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Sum of the values, added in order of time, starting at +0.0.
    pub sum: f64,
}

impl Statistics {
    /// Of points in ascending time; `None` without points. Both slices have the same length.
    pub fn of(timestamps: &[i64], bits: &[u64]) -> Option<Self> {
        let (&start, &end) = (timestamps.first()?, timestamps.last()?);
        let (first, last) = (f64::from_bits(*bits.first()?), f64::from_bits(*bits.last()?));
        let mut it = Self {
            count: timestamps.len() as u64,
            time: TimeRange { min: start, max: end },
            first,
            last,
            min: f64::NAN,
            max: f64::NAN,
            sum: 0.0,
        };
        for value in bits.iter().map(|&bits| f64::from_bits(bits)) {
            it.min = min(it.min, value);
            it.max = max(it.max, value);
            it.sum += value;
        }
        Some(it)
    }
}

/// The smaller value; a NaN only when both are. -0.0 is below +0.0.
pub fn min(a: f64, b: f64) -> f64 {
    if a < b || b.is_nan() || (a == b && a.is_sign_negative()) { a } else { b }
}

/// The larger value; a NaN only when both are. +0.0 is above -0.0.
pub fn max(a: f64, b: f64) -> f64 {
    if a > b || b.is_nan() || (a == b && a.is_sign_positive()) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_passed_over_by_min_and_max_but_not_by_sum() {
        let bits = [f64::NAN, 2.0, -1.0, f64::NAN].map(f64::to_bits);
        let it = Statistics::of(&[1, 2, 3, 4], &bits).unwrap();
        assert_eq!((it.min, it.max, it.count), (-1.0, 2.0, 4));
        assert!(it.sum.is_nan() && it.first.is_nan() && it.last.is_nan());
        assert!(min(f64::NAN, f64::NAN).is_nan());
        assert!(min(0.0, -0.0).is_sign_negative() && max(-0.0, 0.0).is_sign_positive());
    }
}
