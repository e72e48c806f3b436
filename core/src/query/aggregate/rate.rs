//! Rate of a counter.
//!
//! Within one series windows are met in ascending order and never again, so one [`Run`] (the series and window that are
//! being read) is enough; when it ends, its rate is added to the [`Rate`] of its window.

/// Sum of the rates of the series that were read to the end of the window.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Rate(Option<f64>);

impl Rate {
    /// Adds another sum, of other series.
    pub(super) fn merge(&mut self, other: Self) {
        self.0 = match (self.0, other.0) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }
    /// Per second; NaN when no series had two points.
    pub(super) fn value(&self) -> f64 {
        self.0.unwrap_or(f64::NAN)
    }
}

/// Points of one series in one window, as far as they were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Number of the window that it belongs to.
    pub(super) slot: usize,
    first: i64,
    last: i64,
    value: f64,
    increase: f64,
}

impl Run {
    /// A run that starts at this point.
    pub(super) fn new(slot: usize, timestamp: i64, bits: u64) -> Self {
        Self { slot, first: timestamp, last: timestamp, value: f64::from_bits(bits), increase: 0.0 }
    }
    /// Adds the points that follow.
    pub(super) fn push(&mut self, timestamps: &[i64], bits: &[u64]) {
        let (mut before, mut increase) = (self.value, self.increase);
        for value in bits.iter().map(|&bits| f64::from_bits(bits)) {
            increase += if value < before { value } else { value - before };
            before = value;
        }
        (self.value, self.increase) = (before, increase);
        self.last = timestamps.last().map_or(self.last, |&last| self.last.max(last));
    }
    /// The rate of this series.
    pub(super) fn end(self) -> Rate {
        let ns = self.last.abs_diff(self.first);
        Rate((ns > 0).then(|| self.increase / (ns as f64 / 1e9)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_is_a_counter_that_started_again() {
        let mut run = Run::new(0, 0, 10f64.to_bits());
        run.push(&[1_000_000_000, 2_000_000_000], &[15f64.to_bits(), 4f64.to_bits()]);
        assert_eq!(run.end().value(), 4.5);
    }

    #[test]
    fn a_series_with_one_point_says_nothing() {
        let mut rate = Run::new(0, 5, 10f64.to_bits()).end();
        assert!(rate.value().is_nan());
        rate.merge(Rate(Some(2.0)));
        rate.merge(Rate(None));
        assert_eq!(rate.value(), 2.0);
    }

    #[test]
    fn the_whole_of_time_is_no_overflow() {
        let mut run = Run::new(0, i64::MIN, 0f64.to_bits());
        run.push(&[i64::MAX], &[1f64.to_bits()]);
        assert!(run.end().value() > 0.0);
    }
}
