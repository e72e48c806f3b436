//! Rows for windows without points, made one by one when they are asked for.
use super::rows::RowBatch;
use crate::error::{Error, ErrorKind, Result};
use crate::model::TimeRange;
use crate::query::aggregate::window_around;
use crate::query::{Aggregate, Fill, Order, Query, Select, WindowRow};
use alloc::vec::Vec;

/// Rows of every group in every window, in the order of an answer. Which windows there are says [`Fill`].
pub(super) struct FilledRows {
    fill: Fill,
    aggregates: Vec<Aggregate>,
    window_ns: i64,
    order: Order,
    /// Groups that have points: their number, and their rows in ascending time.
    groups: Vec<(u32, Vec<WindowRow>)>,
    /// Starts of the first and the last window; empty without rows.
    windows: TimeRange,
    /// A time in the window that comes next.
    window: Option<i64>,
    /// Place in `groups` of the row that comes next.
    group: usize,
}

impl FilledRows {
    /// Of a query that was checked, and groups whose rows ascend. `memory_max` is what the rows that are wanted may take
    /// up, bytes: more are refused with [`ErrorKind::OverBudget`].
    pub(super) fn new(query: &Query, groups: Vec<(u32, Vec<WindowRow>)>, memory_max: u64) -> Result<Self> {
        let Query { fill, range, order, .. } = *query;
        let aggregates = match &query.select {
            Select::Aggregates(aggregates) => aggregates.as_slice(),
            Select::Points => &[],
        };
        let window_ns = query.window_ns.unwrap_or(i64::MAX);
        let rows_max = query.limit.map_or(u64::MAX, |limit| limit.saturating_add(query.offset));
        let groups: Vec<_> = groups.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
        let ends =
            groups.iter().filter_map(|(_, rows)| Some((rows.first()?.start_ns, rows.last()?.start_ns)));
        let known = ends.fold(TimeRange::EMPTY, |known, (min, max)| known.union(&TimeRange { min, max }));
        // A range that ends inside a window has all of that window.
        let start = |time| window_around(time, window_ns).min;
        let windows = TimeRange {
            min: if range.min == i64::MIN { known.min } else { start(range.min) },
            max: if range.max == i64::MAX { known.max } else { start(range.max) },
        };
        let windows = if groups.is_empty() { TimeRange::EMPTY } else { windows };
        let count = match windows.is_empty() {
            true => 0,
            false => {
                let number = |time: i64| i128::from(time).div_euclid(i128::from(window_ns.max(1)));
                (number(windows.max) - number(windows.min) + 1) as u128
            }
        };
        let rows = (count * groups.len() as u128).min(u128::from(rows_max));
        let row_bytes = size_of::<(i64, u32)>() + aggregates.len() * size_of::<(f64, bool)>();
        if rows * row_bytes as u128 > u128::from(memory_max) {
            return Err(Error::new(
                ErrorKind::OverBudget,
                alloc::format!(
                    "filling {count} windows of {} groups makes {rows} rows of {row_bytes} bytes, and the query may use {memory_max} bytes; narrow its time range, take longer windows, set LIMIT, or raise the budget",
                    groups.len()
                ),
            ));
        }
        let window = (!windows.is_empty()).then_some(match order {
            Order::Ascending => windows.min,
            Order::Descending => windows.max,
        });
        let aggregates = aggregates.to_vec();
        Ok(Self { fill, aggregates, window_ns, order, groups, windows, window, group: 0 })
    }

    /// The next rows; none at the end.
    pub(super) fn batch(&mut self, rows_max: usize) -> RowBatch {
        let mut batch = RowBatch::default();
        while let Some(time) = self.window {
            if batch.len() >= rows_max {
                break;
            }
            let window = window_around(time, self.window_ns);
            if let Some((number, rows)) = self.groups.get(self.group) {
                batch.push(window.min, *number, self.cells(rows, window.min));
                self.group += 1;
            }
            if self.group >= self.groups.len() {
                self.group = 0;
                let next = match self.order {
                    Order::Ascending => window.max.checked_add(1),
                    Order::Descending => window.min.checked_sub(1),
                };
                self.window = next.filter(|&time| match self.order {
                    Order::Ascending => time <= self.windows.max,
                    Order::Descending => time >= self.windows.min,
                });
            }
        }
        batch
    }

    /// The values of a group in the window that starts at `start`.
    fn cells(&self, rows: &[WindowRow], start: i64) -> impl Iterator<Item = Option<f64>> {
        let after = rows.partition_point(|row| row.start_ns < start);
        let after_row = rows.get(after);
        let here = after_row.filter(|row| row.start_ns == start);
        let before_row = after.checked_sub(1).and_then(|before| rows.get(before));
        self.aggregates.iter().enumerate().map(move |(column, aggregate)| {
            let value = |row: &WindowRow| row.values.get(column).copied().map(|value| (row.start_ns, value));
            match here {
                Some(row) => row.values.get(column).copied(),
                None if *aggregate == Aggregate::Count => Some(0.0),
                None => self.fill.value(start, before_row.and_then(value), after_row.and_then(value)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(starts: &[i64]) -> Vec<WindowRow> {
        starts.iter().map(|&start_ns| WindowRow { start_ns, values: alloc::vec![start_ns as f64] }).collect()
    }

    fn filled(range: TimeRange, order: Order, memory_max: u64) -> Result<Vec<(i64, u32, Option<f64>)>> {
        let groups = alloc::vec![(0, rows(&[0, 30])), (1, Vec::new()), (2, rows(&[-10]))];
        let query = Query { order, range, ..Query::metric("m").max(10).fill(Fill::Previous) };
        let mut filled = FilledRows::new(&query, groups, memory_max)?;
        let mut answer = Vec::new();
        loop {
            let batch = filled.batch(3);
            if batch.is_empty() {
                return Ok(answer);
            }
            assert!(batch.len() <= 3);
            answer.extend(
                batch
                    .rows(1)
                    .enumerate()
                    .map(|(row, (start, group, _))| (start, group, batch.cells(row, 1).next().unwrap())),
            );
        }
    }

    #[test]
    fn an_open_range_ends_where_the_points_of_any_group_do() {
        let ascending = filled(TimeRange::ALL, Order::Ascending, 1 << 20).unwrap();
        let starts: Vec<i64> = ascending.iter().map(|row| row.0).collect();
        assert_eq!(starts, [-10, -10, 0, 0, 10, 10, 20, 20, 30, 30]);
        assert_eq!(ascending[0], (-10, 0, None));
        assert_eq!(ascending[4], (10, 0, Some(0.0)));
        assert_eq!(ascending[9], (30, 2, Some(-10.0)));
        let mut descending = filled(TimeRange::ALL, Order::Descending, 1 << 20).unwrap();
        descending.sort_by_key(|row| (row.0, row.1));
        assert_eq!(descending, ascending);
    }

    #[test]
    fn a_bounded_range_is_filled_to_its_ends() {
        let range = TimeRange { min: -25, max: 41 };
        for order in [Order::Ascending, Order::Descending] {
            let mut starts: Vec<i64> =
                filled(range, order, 1 << 20).unwrap().iter().map(|row| row.0).collect();
            starts.dedup();
            if order == Order::Descending {
                starts.reverse();
            }
            assert_eq!(starts, [-30, -20, -10, 0, 10, 20, 30, 40]);
        }
    }

    #[test]
    fn windows_reach_the_ends_of_time() {
        for order in [Order::Ascending, Order::Descending] {
            let groups = alloc::vec![(0, rows(&[i64::MIN, 0]))];
            let query = Query { order, ..Query::metric("m").max(i64::MAX).fill(Fill::Null) };
            let mut filled = FilledRows::new(&query, groups, 1 << 20).unwrap();
            assert_eq!(filled.batch(100).len(), 3);
            assert!(filled.batch(100).is_empty());
        }
    }

    #[test]
    fn more_rows_than_the_budget_are_refused_before_the_first() {
        let error = filled(TimeRange { min: 0, max: i64::MAX - 1 }, Order::Ascending, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OverBudget);
        let words = error.message();
        assert!(words.contains("filling 922337203685477581 windows of 2 groups"), "{words}");
    }
}
