//! The kernels against a second, slow calculation that shares no code with them: all points of a window in one list,
//! each function straight from its definition. Over random series, runs, statistics and merges.
extern crate std;
use super::{Aggregation, WindowRow};
use crate::model::TimeRange;
use crate::query::Aggregate::{self, *};
use crate::statistics::Statistics;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Points of a series, ascending.
type Points = Vec<(i64, f64)>;

const ALL: [Aggregate; 12] = [
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Stddev,
    Percentile(0.0),
    Percentile(50.0),
    Percentile(99.9),
    Rate,
];
const BY_STATISTICS: [Aggregate; 7] = [Max, First, Count, Sum, Mean, Min, Last];

fn naive(
    series: &[Points],
    aggregates: &[Aggregate],
    window_ns: Option<i64>,
    range: TimeRange,
) -> Vec<WindowRow> {
    let mut windows: BTreeMap<i128, Vec<Points>> = BTreeMap::new();
    for points in series {
        let mut own: BTreeMap<i128, Points> = BTreeMap::new();
        for &(timestamp, value) in points {
            let window = window_ns
                .map_or(0, |w| i128::from(timestamp).div_euclid(i128::from(w)).saturating_mul(w.into()));
            own.entry(window).or_default().push((timestamp, value));
        }
        own.into_iter().for_each(|(window, points)| windows.entry(window).or_default().push(points));
    }
    let first = series.iter().flatten().map(|point| point.0).min().unwrap_or(0);
    let whole_start = if range.min == i64::MIN { first } else { range.min };
    windows
        .into_iter()
        .map(|(start, parts)| WindowRow {
            start_ns: match window_ns {
                Some(_) => i64::try_from(start).unwrap_or(i64::MIN),
                None => whole_start,
            },
            values: aggregates.iter().map(|aggregate| naive_value(*aggregate, &parts)).collect(),
        })
        .collect()
}

fn naive_value(aggregate: Aggregate, parts: &[Points]) -> f64 {
    let mut points: Vec<(i64, u64)> = parts.iter().flatten().map(|&(t, v)| (t, v.to_bits())).collect();
    points.sort_unstable();
    let values: Vec<f64> = points.iter().map(|&(_, bits)| f64::from_bits(bits)).collect();
    let mut numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let count = values.len() as f64;
    let sum = values.iter().sum::<f64>() + 0.0;
    match aggregate {
        Count => count,
        Sum => sum,
        Mean => sum / count,
        Min => numbers.first().copied().unwrap_or(f64::NAN),
        Max => numbers.last().copied().unwrap_or(f64::NAN),
        First => values[0],
        Last => values[values.len() - 1],
        Stddev => {
            let mean = sum / count;
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            if values.len() < 2 { f64::NAN } else { (squares / (count - 1.0)).sqrt() }
        }
        // The smallest number with at least p % of all not above it, in whole thousandths.
        Percentile(p) => {
            let enough = |i: &usize| (*i as u64 + 1) * 100_000 >= (p * 1000.0) as u64 * numbers.len() as u64;
            (0..numbers.len()).find(enough).map_or(f64::NAN, |i| numbers[i])
        }
        Rate => {
            let rates: Vec<f64> = parts.iter().filter(|points| points.len() > 1).map(naive_rate).collect();
            if rates.is_empty() { f64::NAN } else { rates.iter().sum() }
        }
    }
}

fn naive_rate(points: &Points) -> f64 {
    let increase: f64 = points
        .windows(2)
        .map(|pair| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 })
        .sum();
    let ns = i128::from(points[points.len() - 1].0) - i128::from(points[0].0);
    increase / (ns as f64 / 1e9)
}

/// Equal, and where additions happen in another order, equal up to their rounding.
fn assert_same(aggregates: &[Aggregate], found: &[WindowRow], expected: &[WindowRow]) {
    assert_eq!(
        found.iter().map(|row| row.start_ns).collect::<Vec<_>>(),
        expected.iter().map(|row| row.start_ns).collect::<Vec<_>>()
    );
    for (found, expected) in found.iter().zip(expected) {
        for ((aggregate, &a), &b) in aggregates.iter().zip(&found.values).zip(&expected.values) {
            let rounded = matches!(aggregate, Sum | Mean | Stddev | Rate);
            let same = (a.is_nan() && b.is_nan())
                || a.to_bits() == b.to_bits()
                || (rounded && (a == b || (a - b).abs() <= 1e-9 * (1e3 + a.abs())));
            assert!(same, "{aggregate} of the window at {}: {a} is not {b}", found.start_ns);
        }
    }
}

fn push(state: &mut Aggregation, points: &[(i64, f64)]) {
    let (timestamps, bits): (Vec<i64>, Vec<u64>) = points.iter().map(|&(t, v)| (t, v.to_bits())).unzip();
    state.push(&timestamps, &bits).unwrap();
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => (-1000i32..1000).prop_map(|value| f64::from(value) / 8.0),
        2 => prop::sample::select([0.0, -0.0].to_vec()),
        1 => prop::sample::select([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].to_vec()),
    ]
}

fn points(times: impl Strategy<Value = i64>) -> impl Strategy<Value = Points> {
    prop::collection::btree_map(times, value(), 0..150).prop_map(|points| points.into_iter().collect())
}

fn window() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![Just(None), (1i64..60).prop_map(Some), (60i64..3000).prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_kernel_agrees_with_its_definition_whatever_the_layout(
        series in prop::collection::vec(points(-500i64..500), 0..4),
        window_ns in window(),
        run in 1usize..60,
        shard in 0usize..4,
    ) {
        let new = || Aggregation::new(&ALL, window_ns, TimeRange::ALL);
        let (mut left, mut right) = (new(), new());
        for (i, points) in series.iter().enumerate() {
            let state = if i < shard { &mut left } else { &mut right };
            state.begin_series();
            points.chunks(run).for_each(|points| push(state, points));
        }
        left.merge(right);
        assert_same(&ALL, &left.finish(), &naive(&series, &ALL, window_ns, TimeRange::ALL));
    }

    #[test]
    fn statistics_answer_what_the_points_would(
        series in prop::collection::vec(points(-500i64..500), 0..4),
        window_ns in window(),
        run in 1usize..40,
        take in any::<u64>(),
    ) {
        let range = TimeRange { min: -500, max: 499 };
        let mut state = Aggregation::new(&BY_STATISTICS, window_ns, range);
        for points in &series {
            state.begin_series();
            for (i, points) in points.chunks(run).enumerate() {
                let (timestamps, bits): (Vec<i64>, Vec<u64>) =
                    points.iter().map(|&(t, v)| (t, v.to_bits())).unzip();
                let statistics = Statistics::of(&timestamps, &bits).unwrap();
                let try_it = take >> (i % 64) & 1 == 1;
                if !(try_it && state.push_statistics(&statistics)) {
                    push(&mut state, points);
                }
            }
        }
        assert_same(&BY_STATISTICS, &state.finish(), &naive(&series, &BY_STATISTICS, window_ns, range));
    }

    #[test]
    fn the_ends_of_time_are_like_any_other(
        offsets in prop::collection::btree_map(0i64..100, value(), 1..50),
        window_ns in prop_oneof![1i64..200, Just(i64::MAX), Just(1 << 62)],
        late in any::<bool>(),
    ) {
        let mut points: Points = offsets
            .into_iter()
            .map(|(offset, value)| (if late { i64::MAX - offset } else { i64::MIN + offset }, value))
            .collect();
        points.sort_unstable_by_key(|point| point.0);
        let mut state = Aggregation::new(&ALL, Some(window_ns), TimeRange::ALL);
        push(&mut state, &points);
        assert_same(&ALL, &state.finish(), &naive(&[points], &ALL, Some(window_ns), TimeRange::ALL));
    }
}
