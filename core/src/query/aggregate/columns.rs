//! What is kept per window: one column for each kind of state that the asked-for aggregates need, one cell per window.
use super::deviation::Deviation;
use super::ends::{self, End};
use super::extreme::{max_from, min_from};
use super::rate::Rate;
use super::sum::sum_from;
use super::values::Values;
use crate::query::Aggregate;
use crate::statistics::{Statistics, max, min};
use alloc::vec::Vec;

/// Points that all columns take before the next ones are looked at: their values stay in the fastest cache.
const STRETCH: usize = 2048;

/// A column that is absent when no aggregate needs it. All present ones have the same number of cells.
type Column<T> = Option<Vec<T>>;

/// The columns.
#[derive(Debug)]
pub(super) struct Columns {
    count: Vec<u64>,
    sum: Column<f64>,
    min: Column<f64>,
    max: Column<f64>,
    first: Column<Option<End>>,
    last: Column<Option<End>>,
    deviation: Column<Deviation>,
    values: Column<Values>,
    rate: Column<Rate>,
    /// Heap of all `values`.
    values_bytes: u64,
}

impl Columns {
    /// Empty columns for these aggregates.
    pub(super) fn new(aggregates: &[Aggregate]) -> Self {
        fn column<T>(aggregates: &[Aggregate], needed: impl Fn(&Aggregate) -> bool) -> Column<T> {
            aggregates.iter().any(needed).then(Vec::new)
        }
        Self {
            count: Vec::new(),
            sum: column(aggregates, |a| matches!(a, Aggregate::Sum | Aggregate::Mean)),
            min: column(aggregates, |a| matches!(a, Aggregate::Min)),
            max: column(aggregates, |a| matches!(a, Aggregate::Max)),
            first: column(aggregates, |a| matches!(a, Aggregate::First)),
            last: column(aggregates, |a| matches!(a, Aggregate::Last)),
            deviation: column(aggregates, |a| matches!(a, Aggregate::Stddev)),
            values: column(aggregates, |a| matches!(a, Aggregate::Percentile(_))),
            rate: column(aggregates, |a| matches!(a, Aggregate::Rate)),
            values_bytes: 0,
        }
    }

    /// Adds a window without points.
    pub(super) fn grow(&mut self) {
        fn add<T>(column: &mut Column<T>, cell: T) {
            if let Some(column) = column {
                column.push(cell);
            }
        }
        self.count.push(0);
        add(&mut self.sum, 0.0);
        add(&mut self.min, f64::NAN);
        add(&mut self.max, f64::NAN);
        add(&mut self.first, None);
        add(&mut self.last, None);
        add(&mut self.deviation, Deviation::default());
        add(&mut self.values, Values::default());
        add(&mut self.rate, Rate::default());
    }

    /// True when rates are asked for; [`Columns::push_rate`] takes them, [`Columns::push`] does not.
    pub(super) fn has_rate(&self) -> bool {
        self.rate.is_some()
    }

    /// Adds the points of one series that fall into the window, in ascending time. Slices of one length, not empty.
    pub(super) fn push(&mut self, slot: usize, timestamps: &[i64], bits: &[u64]) {
        if let Some(count) = self.count.get_mut(slot) {
            *count += bits.len() as u64;
        }
        if let (Some(first), Some(&timestamp), Some(&bits)) =
            (cell(&mut self.first, slot), timestamps.first(), bits.first())
        {
            *first = ends::earlier(*first, (timestamp, bits));
        }
        if let (Some(last), Some(&timestamp), Some(&bits)) =
            (cell(&mut self.last, slot), timestamps.last(), bits.last())
        {
            *last = ends::later(*last, (timestamp, bits));
        }
        for bits in bits.chunks(STRETCH) {
            self.push_values(slot, bits);
        }
    }

    fn push_values(&mut self, slot: usize, bits: &[u64]) {
        if let Some(sum) = cell(&mut self.sum, slot) {
            *sum = sum_from(*sum, bits);
        }
        if let Some(found) = cell(&mut self.min, slot) {
            *found = min_from(*found, bits);
        }
        if let Some(found) = cell(&mut self.max, slot) {
            *found = max_from(*found, bits);
        }
        if let Some(deviation) = cell(&mut self.deviation, slot) {
            deviation.push(bits);
        }
        if let Some(values) = cell(&mut self.values, slot) {
            self.values_bytes -= values.heap_bytes();
            values.push(bits);
            self.values_bytes += values.heap_bytes();
        }
    }

    /// Adds a run of points of one series by its statistics; only right for what they answer.
    pub(super) fn push_statistics(&mut self, slot: usize, statistics: &Statistics) {
        if let Some(count) = self.count.get_mut(slot) {
            *count += statistics.count;
        }
        if let Some(sum) = cell(&mut self.sum, slot) {
            *sum += statistics.sum;
        }
        if let Some(found) = cell(&mut self.min, slot) {
            *found = min(*found, statistics.min);
        }
        if let Some(found) = cell(&mut self.max, slot) {
            *found = max(*found, statistics.max);
        }
        if let Some(first) = cell(&mut self.first, slot) {
            *first = ends::earlier(*first, (statistics.time.min, statistics.first.to_bits()));
        }
        if let Some(last) = cell(&mut self.last, slot) {
            *last = ends::later(*last, (statistics.time.max, statistics.last.to_bits()));
        }
    }

    /// Adds the rate of one series.
    pub(super) fn push_rate(&mut self, slot: usize, rate: Rate) {
        if let Some(sum) = cell(&mut self.rate, slot) {
            sum.merge(rate);
        }
    }

    /// Joins the window with one of `other`, whose values are taken away.
    pub(super) fn merge(&mut self, slot: usize, other: &mut Self, other_slot: usize) {
        fn join<T: Clone>(
            (to, slot): (&mut Column<T>, usize),
            (from, from_slot): (&Column<T>, usize),
            with: impl FnOnce(T, T) -> T,
        ) {
            if let (Some(to), Some(from)) = (cell(to, slot), from.as_ref().and_then(|c| c.get(from_slot))) {
                *to = with(to.clone(), from.clone());
            }
        }
        if let (Some(to), Some(from)) = (self.count.get_mut(slot), other.count.get(other_slot)) {
            *to += from;
        }
        join((&mut self.sum, slot), (&other.sum, other_slot), |a, b| a + b);
        join((&mut self.min, slot), (&other.min, other_slot), min);
        join((&mut self.max, slot), (&other.max, other_slot), max);
        join((&mut self.first, slot), (&other.first, other_slot), |a, b| {
            b.map_or(a, |b| ends::earlier(a, b))
        });
        join((&mut self.last, slot), (&other.last, other_slot), |a, b| b.map_or(a, |b| ends::later(a, b)));
        join((&mut self.deviation, slot), (&other.deviation, other_slot), |mut a, b| {
            a.merge(&b);
            a
        });
        join((&mut self.rate, slot), (&other.rate, other_slot), |mut a, b| {
            a.merge(b);
            a
        });
        if let (Some(to), Some(from)) = (cell(&mut self.values, slot), cell(&mut other.values, other_slot)) {
            self.values_bytes -= to.heap_bytes();
            to.merge(core::mem::take(from));
            self.values_bytes += to.heap_bytes();
        }
    }

    /// The answer for a window; NaN for one that does not exist.
    pub(super) fn value(&mut self, slot: usize, aggregate: Aggregate) -> f64 {
        let count = self.count.get(slot).map_or(f64::NAN, |&count| count as f64);
        let number = |column: &mut Column<f64>| cell(column, slot).map_or(f64::NAN, |value| *value);
        let end = |column: &mut Column<Option<End>>| ends::value(cell(column, slot).and_then(|end| *end));
        match aggregate {
            Aggregate::Count => count,
            Aggregate::Sum => number(&mut self.sum),
            Aggregate::Mean => number(&mut self.sum) / count,
            Aggregate::Min => number(&mut self.min),
            Aggregate::Max => number(&mut self.max),
            Aggregate::First => end(&mut self.first),
            Aggregate::Last => end(&mut self.last),
            Aggregate::Stddev => cell(&mut self.deviation, slot).map_or(f64::NAN, |it| it.sample()),
            Aggregate::Percentile(p) => cell(&mut self.values, slot).map_or(f64::NAN, |it| it.percentile(p)),
            Aggregate::Rate => cell(&mut self.rate, slot).map_or(f64::NAN, |it| it.value()),
        }
    }

    /// Bytes on the heap.
    pub(super) fn memory_bytes(&self) -> u64 {
        fn bytes<T>(column: &Column<T>) -> u64 {
            column.as_ref().map_or(0, |column| (column.capacity() * size_of::<T>()) as u64)
        }
        (self.count.capacity() * size_of::<u64>()) as u64
            + bytes(&self.sum)
            + bytes(&self.min)
            + bytes(&self.max)
            + bytes(&self.first)
            + bytes(&self.last)
            + bytes(&self.deviation)
            + bytes(&self.values)
            + bytes(&self.rate)
            + self.values_bytes
    }
}

fn cell<T>(column: &mut Column<T>, slot: usize) -> Option<&mut T> {
    column.as_mut()?.get_mut(slot)
}
