//! Standard deviation, stably: mean and sum of squared differences from it, of runs that are then joined (Chan, Golub
//! and LeVeque), all of it relative to the first value. The textbook form (sum of squares minus square of sum) loses every
//! digit of a small deviation on a large mean; the first value as base keeps those that the mean itself would lose.

const LANES: usize = 4;

/// Count, mean and sum of squared differences from the mean.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Deviation {
    count: u64,
    base: f64,
    /// Mean minus base.
    mean: f64,
    squares: f64,
}

impl Deviation {
    /// Adds a run of values.
    pub(super) fn push(&mut self, bits: &[u64]) {
        let Some(&first) = bits.first() else { return };
        let base = if self.count == 0 { f64::from_bits(first) } else { self.base };
        let count = bits.len() as u64;
        let mean = sum_of(bits, |value| value - base) / count as f64;
        let squares = sum_of(bits, |value| (value - base - mean) * (value - base - mean));
        self.merge(&Self { count, base, mean, squares });
    }

    /// Joins disjoint values.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let difference = (other.base - self.base) + other.mean - self.mean;
        self.mean += difference * share;
        self.squares += other.squares + difference * difference * share * self.count as f64;
        self.count = count;
    }

    /// The sample standard deviation.
    pub(super) fn sample(&self) -> f64 {
        if self.count < 2 {
            return f64::NAN;
        }
        libm::sqrt(self.squares / (self.count - 1) as f64)
    }
}

/// Sum of `f` of each value, in lanes.
fn sum_of(bits: &[u64], f: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = bits.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f(f64::from_bits(value));
        }
    }
    let rest = rest.iter().map(|&value| f(f64::from_bits(value)));
    lanes.into_iter().chain(rest).fold(0.0, |sum, term| sum + term)
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use alloc::vec::Vec;

    #[test]
    fn a_small_deviation_on_a_large_mean_keeps_its_digits() {
        let bits: Vec<u64> = (0..1000).map(|i| (1e9 + f64::from(i % 2)).to_bits()).collect();
        let expected = libm::sqrt(0.25 * 1000.0 / 999.0);
        let whole = {
            let mut it = Deviation::default();
            it.push(&bits);
            it.sample()
        };
        let mut parts = Deviation::default();
        bits.chunks(7).for_each(|part| parts.push(part));
        assert!((whole - expected).abs() < 1e-9 && (parts.sample() - expected).abs() < 1e-9);
    }

    #[test]
    fn one_point_has_no_deviation_and_equal_ones_have_none() {
        let mut it = Deviation::default();
        it.push(&[0.1f64.to_bits()]);
        assert!(it.sample().is_nan());
        it.push(&[0.1f64.to_bits(); 9]);
        assert_eq!(it.sample(), 0.0);
    }
}
