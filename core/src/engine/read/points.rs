//! Raw points in order of time over many series, in slices of time that are small enough to sort in memory.
use super::query::over_budget;
use super::rows::RowBatch;
use super::series::{Indexes, SeriesReader};
use super::stats::{QueryStats, ReadCounts};
use super::view::ReadView;
use crate::error::Result;
use crate::model::TimeRange;
use crate::query::Order;
use crate::source::{Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Points that a slice aims at.
const SLICE_POINTS: u64 = 1 << 16;

/// Points of a view in order of time, points of one timestamp in order of group.
pub(super) struct PointRows {
    view: Arc<ReadView>,
    group_of: Vec<u32>,
    order: Order,
    memory_max: u64,
    indexes: Indexes,
    /// What is not read yet; `None` before the indexes are there.
    rest: Option<TimeRange>,
    slice: Option<SeriesReader>,
    rows: Vec<(i64, u32, u64)>,
    counts: ReadCounts,
}

impl PointRows {
    pub(super) fn new(view: Arc<ReadView>, group_of: Vec<u32>, order: Order, memory_max: u64) -> Self {
        let indexes = alloc::vec![None; view.entries.len()];
        Self {
            view,
            group_of,
            order,
            memory_max,
            indexes,
            rest: None,
            slice: None,
            rows: Vec::new(),
            counts: ReadCounts::default(),
        }
    }

    pub(super) fn step(&mut self, source: &mut dyn Source) -> Result<Step<RowBatch>> {
        let rest = match self.rest {
            Some(rest) => rest,
            None => {
                let mut reader =
                    SeriesReader::with_indexes(Arc::clone(&self.view), self.view.range, self.indexes.clone());
                let loaded = reader.load_indexes(source)?;
                self.counts.add(reader.counts);
                if let Step::Missing(ranges) = loaded {
                    self.indexes.clone_from(reader.indexes());
                    return Ok(Step::Missing(ranges));
                }
                self.indexes.clone_from(reader.indexes());
                *self.rest.insert(reader.extent())
            }
        };
        let mut reader = match self.slice.take() {
            Some(reader) => reader,
            None if rest.is_empty() => return Ok(Step::Done),
            None => self.next_slice(rest),
        };
        loop {
            match reader.next(source, &mut |_, _| false)? {
                Step::Missing(ranges) => {
                    self.slice = Some(reader);
                    return Ok(Step::Missing(ranges));
                }
                Step::Done => {
                    self.counts.add(reader.counts);
                    return Ok(Step::Ready(self.sorted()));
                }
                Step::Ready(chunk) => {
                    let group = self.group_of.get(chunk.series).copied().unwrap_or(0);
                    let (timestamps, bits) = reader.points();
                    self.rows.extend(
                        timestamps.iter().zip(bits).map(|(&timestamp, &bits)| (timestamp, group, bits)),
                    );
                    let used = (self.rows.capacity() * size_of::<(i64, u32, u64)>()) as u64;
                    if used > self.memory_max {
                        return Err(over_budget(used, self.memory_max));
                    }
                }
            }
        }
    }

    pub(super) fn stats(&self, rows: u64) -> QueryStats {
        let mut counts = self.counts;
        if let Some(slice) = &self.slice {
            counts.add(slice.counts);
        }
        QueryStats::of(&self.view, self.view.range, &self.indexes, counts, rows)
    }

    /// Takes the next slice off the rest: halved until it holds about [`SLICE_POINTS`].
    fn next_slice(&mut self, rest: TimeRange) -> SeriesReader {
        let reader = SeriesReader::with_indexes(Arc::clone(&self.view), rest, self.indexes.clone());
        let mut slice = rest;
        while slice.min < slice.max && reader.estimate(slice) > SLICE_POINTS {
            let middle = ((i128::from(slice.min) + i128::from(slice.max)).div_euclid(2)) as i64;
            match self.order {
                Order::Ascending => slice.max = middle,
                Order::Descending => slice.min = middle + 1,
            }
        }
        self.rest = Some(match self.order {
            Order::Ascending if slice.max == rest.max => TimeRange::EMPTY,
            Order::Ascending => TimeRange { min: slice.max + 1, max: rest.max },
            Order::Descending if slice.min == rest.min => TimeRange::EMPTY,
            Order::Descending => TimeRange { min: rest.min, max: slice.min - 1 },
        });
        SeriesReader::with_indexes(Arc::clone(&self.view), slice, self.indexes.clone())
    }

    fn sorted(&mut self) -> RowBatch {
        match self.order {
            Order::Ascending => self.rows.sort_unstable_by_key(|&(timestamp, group, _)| (timestamp, group)),
            Order::Descending => {
                self.rows
                    .sort_unstable_by_key(|&(timestamp, group, _)| (core::cmp::Reverse(timestamp), group));
            }
        }
        let batch = RowBatch {
            nulls: Vec::new(),
            timestamps: self.rows.iter().map(|row| row.0).collect(),
            groups: self.rows.iter().map(|row| row.1).collect(),
            values: self.rows.iter().map(|row| f64::from_bits(row.2)).collect(),
        };
        self.rows.clear();
        batch
    }
}
