//! Spans: sets of timestamps as ranges, ascending and apart from each other.
use crate::model::TimeRange;
use alloc::vec::Vec;

/// Adds `range`.
pub(super) fn insert(spans: &mut Vec<TimeRange>, mut range: TimeRange) {
    if range.is_empty() {
        return;
    }
    // Neighbours become one too, so that what is taken window by window does not stay in pieces.
    let touches = |span: &TimeRange, range: &TimeRange| {
        span.min <= range.max.saturating_add(1) && range.min <= span.max.saturating_add(1)
    };
    spans.retain(|span| {
        let joins = touches(span, &range);
        if joins {
            range = range.union(span);
        }
        !joins
    });
    let place = spans.partition_point(|span| span.min < range.min);
    spans.insert(place, range);
}

/// Takes `range` away.
pub(super) fn remove(spans: &mut Vec<TimeRange>, range: TimeRange) {
    if range.is_empty() {
        return;
    }
    let mut left = Vec::with_capacity(spans.len() + 1);
    for span in spans.drain(..) {
        if !span.overlaps(&range) {
            left.push(span);
            continue;
        }
        if span.min < range.min {
            left.push(TimeRange { min: span.min, max: range.min - 1 });
        }
        if range.max < span.max {
            left.push(TimeRange { min: range.max + 1, max: span.max });
        }
    }
    *spans = left;
}

/// Fills the smallest gaps until at most `most` spans are left.
pub(super) fn bound(spans: &mut Vec<TimeRange>, most: usize) {
    while spans.len() > most.max(1) {
        let gaps = spans.array_windows().map(|[a, b]| b.min.abs_diff(a.max));
        let Some((smallest, _)) = gaps.enumerate().min_by_key(|&(_, gap)| gap) else { return };
        let next = spans.remove(smallest + 1);
        if let Some(span) = spans.get_mut(smallest) {
            span.max = next.max;
        }
    }
}

/// The window of length `window` (above 0) that `timestamp` lies in; shorter at the ends of time.
pub(super) fn window_of(timestamp: i64, window: i64) -> TimeRange {
    let past_start = timestamp.rem_euclid(window);
    TimeRange {
        min: timestamp.saturating_sub(past_start),
        max: timestamp.saturating_add(window - 1 - past_start),
    }
}

/// The smallest span of whole windows that covers `range`.
pub(super) fn windows_over(range: TimeRange, window: i64) -> TimeRange {
    if range.is_empty() {
        return range;
    }
    TimeRange { min: window_of(range.min, window).min, max: window_of(range.max, window).max }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn range(min: i64, max: i64) -> TimeRange {
        TimeRange { min, max }
    }

    proptest! {
        #[test]
        fn spans_are_the_set_they_stand_for(changes in prop::collection::vec((any::<bool>(), 0i64..60, 0i64..12), 0..40)) {
            let (mut spans, mut set) = (Vec::new(), BTreeSet::new());
            for (adds, min, len) in changes {
                if adds {
                    insert(&mut spans, range(min, min + len));
                    set.extend(min..=min + len);
                } else {
                    remove(&mut spans, range(min, min + len));
                    (min..=min + len).for_each(|at| { set.remove(&at); });
                }
                prop_assert!(spans.array_windows().all(|[a, b]| a.max < b.min));
                let held: BTreeSet<i64> = spans.iter().flat_map(|span| span.min..=span.max).collect();
                prop_assert_eq!(&held, &set);
                let mut few = spans.clone();
                bound(&mut few, 2);
                prop_assert!(few.len() <= 2 && spans.iter().all(|span| few.iter().any(|wide| wide.covers(span))));
            }
        }
    }

    #[test]
    fn the_smallest_gap_is_filled_first() {
        let mut spans = alloc::vec![range(0, 1), range(100, 110), range(112, 120), range(500, i64::MAX)];
        bound(&mut spans, 3);
        assert_eq!(spans, [range(0, 1), range(100, 120), range(500, i64::MAX)]);
    }

    #[test]
    fn the_ends_of_time_are_in_reach() {
        let mut spans = alloc::vec![TimeRange::ALL];
        remove(&mut spans, range(i64::MIN, 9));
        remove(&mut spans, range(20, i64::MAX));
        assert_eq!(spans, [range(10, 19)]);
        insert(&mut spans, TimeRange::ALL);
        assert_eq!(spans, [TimeRange::ALL]);
        assert_eq!(windows_over(TimeRange::ALL, 7), TimeRange::ALL);
        assert_eq!(windows_over(range(-1, 0), 10), range(-10, 9));
    }
}
