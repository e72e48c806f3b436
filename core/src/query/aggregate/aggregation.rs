//! The state of one group while its points are read.
use super::columns::Columns;
use super::rate::Run;
use super::window::{run_length, window_around, window_from};
use crate::error::{Error, Result};
use crate::model::TimeRange;
use crate::query::Aggregate;
use crate::statistics::Statistics;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Aggregates of one group of series, over all its windows.
///
/// For each series of the group call [`begin_series`](Self::begin_series), then hand in its points run by run
/// ([`push`](Self::push)) or, where allowed, its blocks by their statistics ([`push_statistics`](Self::push_statistics)).
/// Groups that were read side by side are [merged](Self::merge). After every call
/// [`memory_bytes`](Self::memory_bytes) tells what it holds; enforcing a budget is up to the caller.
#[derive(Debug)]
pub struct Aggregation {
    aggregates: Vec<Aggregate>,
    window_ns: Option<i64>,
    range: TimeRange,
    columns: Columns,
    /// Start of each window, in the order in which they were first met; a window's place here is its slot.
    starts: Vec<i64>,
    /// True while each start was above the one before it, as it is unless series begin at different times.
    ascending: bool,
    /// Slot by start, kept once starts are not `ascending`: until then a search in them finds the slot.
    slots: HashMap<i64, usize>,
    /// The window that was last met in this series.
    cursor: Option<Cursor>,
    /// What rate needs of this series.
    run: Option<Run>,
    /// Last timestamp of this series.
    last_timestamp: Option<i64>,
    /// First timestamp of all series.
    first_timestamp: i64,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    window: TimeRange,
    slot: usize,
}

/// The answer for one window of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowRow {
    /// Start of the window, Unix ns. Without windows, the start of the query's range, or where that is unbounded the
    /// timestamp of the group's first point.
    pub start_ns: i64,
    /// One value per aggregate, in the order of the query.
    pub values: Vec<f64>,
}

impl Aggregation {
    /// Of no points yet. The arguments are those of a query that was [checked](crate::query::Query::check); a window
    /// length that is not above 0 counts as none.
    pub fn new(aggregates: &[Aggregate], window_ns: Option<i64>, range: TimeRange) -> Self {
        Self {
            aggregates: aggregates.to_vec(),
            window_ns: window_ns.filter(|&window_ns| window_ns > 0),
            range,
            columns: Columns::new(aggregates),
            starts: Vec::new(),
            ascending: true,
            slots: HashMap::new(),
            cursor: None,
            run: None,
            last_timestamp: None,
            first_timestamp: i64::MAX,
        }
    }

    /// Says that what follows is of another series.
    pub fn begin_series(&mut self) {
        self.end_run();
        self.cursor = None;
        self.last_timestamp = None;
    }

    /// Adds points of the current series: timestamps strictly ascending, inside the range, each once. Runs of one
    /// series may come in any order, except for rate. Slices of different length, ends outside the range and, for rate,
    /// runs out of order are refused before anything is added; the order inside a run is the caller's to keep.
    pub fn push(&mut self, timestamps: &[i64], bits: &[u64]) -> Result<()> {
        if timestamps.len() != bits.len() {
            return Err(Error::invalid(alloc::format!(
                "{} timestamps came with {} values",
                timestamps.len(),
                bits.len()
            )));
        }
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else { return Ok(()) };
        self.check_order(first, last)?;
        self.first_timestamp = self.first_timestamp.min(first);
        self.last_timestamp = Some(last);
        let (mut timestamps, mut bits) = (timestamps, bits);
        while let Some(&timestamp) = timestamps.first() {
            let Cursor { window, slot } = self.seek(timestamp);
            let length = run_length(timestamps, window.max);
            let (run, later) = timestamps.split_at(length);
            let (values, later_values) = bits.split_at(length);
            self.columns.push(slot, run, values);
            if self.columns.has_rate() {
                self.push_rate(slot, run, values);
            }
            (timestamps, bits) = (later, later_values);
        }
        Ok(())
    }

    /// Adds a block of the current series by its statistics alone, which must be of exactly its visible points. True if
    /// it was taken; false when the block spans windows, reaches out of the range, or some aggregate needs the points: then
    /// nothing has changed, and the caller decodes the block and [pushes](Self::push) its points.
    pub fn push_statistics(&mut self, statistics: &Statistics) -> bool {
        let time = statistics.time;
        let whole = statistics.count > 0 && !time.is_empty() && self.range.covers(&time);
        if !whole || !self.aggregates.iter().all(Aggregate::answered_by_statistics) {
            return false;
        }
        if self.window_ns.is_some_and(|window_ns| !window_around(time.min, window_ns).contains(time.max)) {
            return false;
        }
        let slot = self.seek(time.min).slot;
        self.columns.push_statistics(slot, statistics);
        self.first_timestamp = self.first_timestamp.min(time.min);
        true
    }

    /// Bytes held on the heap; changes with every push, most with percentiles.
    pub fn memory_bytes(&self) -> u64 {
        self.columns.memory_bytes()
            + (self.starts.capacity() * size_of::<i64>()) as u64
            + self.slots.allocation_size() as u64
            + (self.aggregates.capacity() * size_of::<Aggregate>()) as u64
    }

    /// Takes over what was read of other series of the same group, for the same aggregates, windows and range. A new
    /// series must begin before more points are pushed.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert_eq!(
            (&self.aggregates, self.window_ns, self.range),
            (&other.aggregates, other.window_ns, other.range),
            "only states of one query can be merged"
        );
        self.begin_series();
        other.end_run();
        self.first_timestamp = self.first_timestamp.min(other.first_timestamp);
        let starts = core::mem::take(&mut other.starts);
        for (other_slot, start) in starts.into_iter().enumerate() {
            let slot = self.slot_of(start);
            self.columns.merge(slot, &mut other.columns, other_slot);
        }
    }

    /// The rows, in ascending time; none without points.
    pub fn finish(self) -> Vec<WindowRow> {
        let width = self.aggregates.len();
        let (mut values, mut starts) = (Vec::new(), Vec::new());
        self.finish_into(&mut values, |start_ns| starts.push(start_ns));
        let row = |(at, start_ns): (usize, i64)| WindowRow {
            start_ns,
            values: values.get(at * width..(at + 1) * width).unwrap_or_default().to_vec(),
        };
        starts.into_iter().enumerate().map(row).collect()
    }

    /// The rows as columns: tells `row` the start of each, in ascending time, and appends its values, one per aggregate,
    /// to `values`.
    pub(crate) fn finish_into(mut self, values: &mut Vec<f64>, mut row: impl FnMut(i64)) {
        self.end_run();
        let mut order: Vec<(i64, usize)> = self.starts.iter().copied().zip(0..).collect();
        if !self.ascending {
            order.sort_unstable();
        }
        let whole_start = match self.range.min {
            i64::MIN => self.first_timestamp,
            start => start,
        };
        values.reserve(order.len() * self.aggregates.len());
        for (start, slot) in order {
            row(if self.window_ns.is_some() { start } else { whole_start });
            values.extend(self.aggregates.iter().map(|&aggregate| self.columns.value(slot, aggregate)));
        }
    }

    fn check_order(&self, first: i64, last: i64) -> Result<()> {
        if first > last || !self.range.contains(first) || !self.range.contains(last) {
            return Err(Error::invalid(alloc::format!(
                "points from {first} to {last} do not lie in order inside {} to {}",
                self.range.min,
                self.range.max
            )));
        }
        match self.last_timestamp {
            Some(before) if self.columns.has_rate() && first <= before => {
                Err(Error::invalid(alloc::format!(
                    "points from {first} on came after one at {before}; a rate needs them in order"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Moves the cursor to the window of a timestamp.
    fn seek(&mut self, timestamp: i64) -> Cursor {
        let window = match (self.window_ns, self.cursor) {
            (None, _) => TimeRange::ALL,
            (Some(window_ns), Some(cursor)) => window_from(cursor.window, timestamp, window_ns),
            (Some(window_ns), None) => window_around(timestamp, window_ns),
        };
        let slot = match self.cursor {
            Some(cursor) if cursor.window == window => cursor.slot,
            _ => self.slot_of(window.min),
        };
        let cursor = Cursor { window, slot };
        self.cursor = Some(cursor);
        cursor
    }

    fn slot_of(&mut self, start: i64) -> usize {
        // Most series of a group have points in the same windows, so the next slot is the likely one.
        let likely = self.cursor.map_or(0, |cursor| cursor.slot + 1);
        if self.starts.get(likely) == Some(&start) {
            return likely;
        }
        let next = self.starts.len();
        if self.ascending {
            if self.starts.last().is_none_or(|&last| last < start) {
                self.starts.push(start);
                self.columns.grow();
                return next;
            }
            if let Ok(slot) = self.starts.binary_search(&start) {
                return slot;
            }
            self.ascending = false;
            self.slots = self.starts.iter().copied().zip(0..).collect();
        }
        let slot = *self.slots.entry(start).or_insert(next);
        if slot == next {
            self.starts.push(start);
            self.columns.grow();
        }
        slot
    }

    fn push_rate(&mut self, slot: usize, timestamps: &[i64], bits: &[u64]) {
        if let Some(run) = self.run.as_mut().filter(|run| run.slot == slot) {
            run.push(timestamps, bits);
            return;
        }
        self.end_run();
        if let (Some((&timestamp, later)), Some((&value, later_values))) =
            (timestamps.split_first(), bits.split_first())
        {
            let mut run = Run::new(slot, timestamp, value);
            run.push(later, later_values);
            self.run = Some(run);
        }
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.columns.push_rate(run.slot, run.end());
        }
    }
}
