//! Epoch-aligned windows of time.
use crate::model::TimeRange;

/// The window of length `window_ns` (above 0) around a timestamp. Only at the two ends of i64 may it be shorter.
pub(crate) fn window_around(timestamp: i64, window_ns: i64) -> TimeRange {
    let past_start = timestamp.rem_euclid(window_ns);
    TimeRange {
        min: timestamp.saturating_sub(past_start),
        max: timestamp.saturating_add(window_ns - 1 - past_start),
    }
}

/// The window around `timestamp`, given one that is not later: mostly the same or the next, which saves a division.
pub(super) fn window_from(earlier: TimeRange, timestamp: i64, window_ns: i64) -> TimeRange {
    if timestamp >= earlier.min {
        if timestamp <= earlier.max {
            return earlier;
        }
        // `earlier.max` is below a timestamp here, so there is a next nanosecond.
        let next = TimeRange { min: earlier.max + 1, max: earlier.max.saturating_add(window_ns) };
        if timestamp <= next.max {
            return next;
        }
    }
    window_around(timestamp, window_ns)
}

/// Length of the run at the start of ascending `timestamps` that is not after `last`; at least 1 so that a caller who
/// broke the order can't loop for ever. `timestamps` must not be empty.
pub(super) fn run_length(timestamps: &[i64], last: i64) -> usize {
    if timestamps.last().is_some_and(|&end| end <= last) {
        return timestamps.len();
    }
    // Gallop: short windows are found in a step or two, long ones in logarithmic time.
    let mut step = 1;
    while timestamps.get(step).is_some_and(|&timestamp| timestamp <= last) {
        step *= 2;
    }
    let low = step / 2;
    let high = step.min(timestamps.len());
    let inside = timestamps.get(low..high).unwrap_or_default();
    (low + inside.partition_point(|&timestamp| timestamp <= last)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_are_rounded_down() {
        let start = |timestamp, window_ns| window_around(timestamp, window_ns).min;
        assert_eq!([-11, -10, -1, 0, 9, 10].map(|t| start(t, 10)), [-20, -10, -10, 0, 0, 10]);
    }

    #[test]
    fn windows_at_the_ends_of_time_saturate() {
        for window_ns in [1, 2, 3, 10, 1 << 40, i64::MAX] {
            let first = window_around(i64::MIN, window_ns);
            let last = window_around(i64::MAX, window_ns);
            assert!(first.contains(i64::MIN) && last.contains(i64::MAX));
            assert_eq!(window_around(first.max + 1, window_ns).min, first.max + 1);
            assert_eq!(window_around(last.min - 1, window_ns).max, last.min - 1);
            assert_eq!(window_from(first, first.max + 1, window_ns), window_around(first.max + 1, window_ns));
        }
    }

    #[test]
    fn a_run_ends_where_the_window_does() {
        let timestamps = [1, 2, 3, 5, 8, 13, 21, 34, 55];
        for last in 1..60 {
            let expected = timestamps.iter().filter(|&&t| t <= last).count();
            assert_eq!(run_length(&timestamps, last), expected, "last {last}");
        }
        assert_eq!(run_length(&[5], 1), 1);
    }
}
