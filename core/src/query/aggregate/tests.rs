//! What an aggregation accepts, refuses and promises, case by case.
extern crate std;
use super::Aggregation;
use crate::model::TimeRange;
use crate::query::Aggregate::{self, *};
use crate::statistics::Statistics;
use alloc::vec::Vec;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn state(aggregates: &[Aggregate], window_ns: Option<i64>) -> Aggregation {
    Aggregation::new(aggregates, window_ns, TimeRange::ALL)
}

#[test]
fn nothing_read_is_no_row() {
    assert!(state(&[Count], None).finish().is_empty());
    let mut it = state(&[Count], Some(10));
    it.push(&[], &[]).unwrap();
    it.merge(state(&[Count], Some(10)));
    assert!(it.finish().is_empty());
}

#[test]
fn windows_without_points_are_left_out_and_the_rest_ascend() {
    let mut it = state(&[Count], Some(10));
    it.begin_series();
    it.push(&[50, 51, 90], &bits(&[0.0; 3])).unwrap();
    it.begin_series();
    it.push(&[-1, 55], &bits(&[0.0; 2])).unwrap();
    let rows: Vec<_> = it.finish().into_iter().map(|row| (row.start_ns, row.values[0])).collect();
    assert_eq!(rows, [(-10, 1.0), (50, 3.0), (90, 1.0)]);
}

#[test]
fn a_whole_range_starts_where_the_query_does() {
    let mut bounded = Aggregation::new(&[Sum], None, TimeRange::new(Some(5), Some(100)));
    bounded.push(&[20], &bits(&[1.0])).unwrap();
    assert_eq!(bounded.finish()[0].start_ns, 5);
    let mut unbounded = Aggregation::new(&[Sum], None, TimeRange::new(None, Some(100)));
    unbounded.push(&[20], &bits(&[1.0])).unwrap();
    unbounded.begin_series();
    unbounded.push(&[7, 30], &bits(&[1.0; 2])).unwrap();
    assert_eq!(unbounded.finish()[0].start_ns, 7);
}

#[test]
fn ties_between_series_do_not_depend_on_which_came_first() {
    for order in [[1.0, 2.0], [2.0, 1.0]] {
        let mut it = state(&[First, Last], None);
        for value in order {
            it.begin_series();
            it.push(&[5], &bits(&[value])).unwrap();
        }
        assert_eq!(it.finish()[0].values, [1.0, 2.0]);
    }
}

#[test]
fn rates_of_series_are_added_and_never_run_from_one_into_the_next() {
    let mut it = state(&[Rate], None);
    for base in [100.0, 0.0] {
        it.begin_series();
        it.push(&[0, 1_000_000_000], &bits(&[base, base + 1.0])).unwrap();
        it.push(&[2_000_000_000], &bits(&[base + 6.0])).unwrap();
    }
    assert_eq!(it.finish()[0].values, [6.0]);
}

#[test]
fn a_broken_contract_is_an_error_and_changes_nothing() {
    let mut it = Aggregation::new(&[Count, Rate], Some(10), TimeRange { min: 0, max: 99 });
    it.push(&[50], &bits(&[1.0])).unwrap();
    assert!(it.push(&[60, 61], &bits(&[1.0])).is_err(), "lengths");
    assert!(it.push(&[60, 100], &bits(&[1.0; 2])).is_err(), "behind the range");
    assert!(it.push(&[70, 60], &bits(&[1.0; 2])).is_err(), "descending");
    assert!(it.push(&[50], &bits(&[1.0])).is_err(), "rate needs order");
    let rows = it.finish();
    assert_eq!((rows.len(), rows[0].values[0]), (1, 1.0));
}

#[test]
fn disorder_inside_a_run_neither_panics_nor_loops() {
    let mut it = state(&[Count, Rate, Stddev, Percentile(50.0)], Some(3));
    it.push(&[0, i64::MAX, i64::MIN, 7, -7, 7, 8], &bits(&[1.0; 7])).unwrap();
    assert_eq!(it.finish().iter().map(|row| row.values[0]).sum::<f64>(), 7.0);
}

#[test]
fn statistics_are_only_taken_where_they_suffice() {
    let block = Statistics::of(&[11, 19], &bits(&[1.0, 2.0])).unwrap();
    let taken = |aggregates: &[Aggregate], window_ns, range| {
        let mut it = Aggregation::new(aggregates, window_ns, range);
        let taken = it.push_statistics(&block);
        assert_eq!(taken, !it.finish().is_empty(), "refused and yet counted");
        taken
    };
    assert!(taken(&[Count, Last], Some(10), TimeRange::ALL) && taken(&[Count], None, TimeRange::ALL));
    assert!(!taken(&[Count], Some(8), TimeRange::ALL), "spans two windows");
    assert!(!taken(&[Count], Some(10), TimeRange { min: 12, max: 50 }), "starts before the range");
    assert!(!taken(&[Count], Some(10), TimeRange { min: 0, max: 18 }), "ends behind the range");
    for aggregate in [Stddev, Percentile(50.0), Rate] {
        assert!(!taken(&[Count, aggregate], Some(10), TimeRange::ALL), "{aggregate}");
    }
}

#[test]
fn memory_that_grows_is_seen() {
    let mut it = state(&[Percentile(50.0)], None);
    it.push(&[1], &bits(&[1.0])).unwrap();
    let before = it.memory_bytes();
    let timestamps: Vec<i64> = (2..10_002).collect();
    it.push(&timestamps, &bits(&[1.0; 10_000])).unwrap();
    assert!(it.memory_bytes() >= before + 70_000, "{} after {before}", it.memory_bytes());

    let mut windows = state(&[Count], Some(1));
    windows.push(&timestamps, &bits(&[1.0; 10_000])).unwrap();
    assert!(windows.memory_bytes() >= 10_000 * 24);
    let held = windows.memory_bytes();
    let mut merged = state(&[Count], Some(1));
    merged.merge(windows);
    assert!(merged.memory_bytes() >= held / 2);
}

#[test]
fn a_run_longer_than_any_stretch_is_read_to_its_end() {
    let timestamps: Vec<i64> = (0..10_000).collect();
    for extreme in [0, 1, 2047, 2048, 4097, 9_992, 9_999] {
        let mut values: Vec<f64> = (0..10_000).map(|i| f64::from(i % 7)).collect();
        values[extreme] = 100.0;
        let mut negated: Vec<f64> = values.clone();
        negated.iter_mut().for_each(|value| *value = -*value);
        for (aggregate, values, expected) in [
            (Max, &values, 100.0),
            (Min, &negated, -100.0),
            (Sum, &values, values.iter().sum()),
            (Percentile(100.0), &values, 100.0),
        ] {
            let mut it = state(&[aggregate], None);
            it.push(&timestamps, &bits(values)).unwrap();
            assert_eq!(it.finish()[0].values, [expected], "{aggregate}");
        }
    }
}
