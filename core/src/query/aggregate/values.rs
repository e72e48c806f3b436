//! All the values of a window, for percentiles. The only state that grows with the number of points.
use alloc::vec::Vec;

/// Values without NaN, in no order.
#[derive(Clone, Default, Debug)]
pub(super) struct Values(Vec<f64>);

impl Values {
    /// Adds a run of values.
    pub(super) fn push(&mut self, bits: &[u64]) {
        self.0.extend(bits.iter().map(|&bits| f64::from_bits(bits)).filter(|value| !value.is_nan()));
    }
    /// Joins the values of another window.
    pub(super) fn merge(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.extend(other.0);
        }
    }
    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> u64 {
        (self.0.capacity() * size_of::<f64>()) as u64
    }
    /// The nearest-rank percentile `p`; reorders the values.
    pub(super) fn percentile(&mut self, p: f64) -> f64 {
        let Some(index) = nearest_rank(p, self.0.len()).checked_sub(1) else { return f64::NAN };
        if index >= self.0.len() {
            return f64::NAN;
        }
        *self.0.select_nth_unstable_by(index, f64::total_cmp).1
    }
}

/// The rank, from 1 to `count`, of percentile `p`; 0 without values. `p * count / 100` rounded up, where a result that
/// only misses a whole number by the rounding of the calculation is that number: 99.9 % of 1000 is rank 999, although
/// the double nearest to 99.9 lies above it.
fn nearest_rank(p: f64, count: usize) -> usize {
    let exact = p * count as f64 / 100.0;
    let below = exact as usize;
    let up = exact - below as f64 > exact * (4.0 * f64::EPSILON);
    (below + usize::from(up)).clamp(1, count.max(1)).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_decimal_number() {
        for (p, count, rank) in [
            (99.9, 1000, 999),
            (99.9, 999, 999),
            (0.0, 10, 1),
            (100.0, 10, 10),
            (50.0, 10, 5),
            (50.1, 10, 6),
            (50.0, 1, 1),
            (7.0, 100, 7),
            (55.0, 100, 55),
            (0.1, 1000, 1),
            (99.0, 0, 0),
        ] {
            assert_eq!(nearest_rank(p, count), rank, "{p} of {count}");
        }
    }
}
