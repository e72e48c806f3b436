//! Raw points in order of time over many series, in slices of time that are small enough to sort in memory.
use super::query::over_budget;
use super::rows::RowBatch;
use super::series::SeriesReader;
use super::stats::Tally;
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
    group_of: Vec<u32>,
    order: Order,
    memory_max: u64,
    reader: SeriesReader,
    /// True while the reader is in a slice.
    reading: bool,
    /// True when the points come out of the reader in order: those of one series, forwards.
    in_order: bool,
    /// What is not read yet; `None` before the indexes are there.
    rest: Option<TimeRange>,
    rows: Vec<(i64, u32, u64)>,
}

impl PointRows {
    pub(super) fn new(view: Arc<ReadView>, group_of: Vec<u32>, order: Order, memory_max: u64) -> Self {
        let in_order = view.series.len() == 1 && order == Order::Ascending;
        let reader = SeriesReader::new(Arc::clone(&view), view.range);
        Self { group_of, order, memory_max, reader, reading: false, in_order, rest: None, rows: Vec::new() }
    }

    pub(super) fn step(&mut self, source: &mut dyn Source) -> Result<Step<RowBatch>> {
        if self.in_order {
            return self.step_in_order(source);
        }
        let rest = match self.rest {
            Some(rest) => rest,
            None => match self.reader.load_indexes(source)? {
                Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
                _ => *self.rest.insert(self.reader.extent()),
            },
        };
        if !self.reading {
            if rest.is_empty() {
                return Ok(Step::Done);
            }
            self.begin_slice(rest);
        }
        loop {
            match self.reader.next(source, &mut |_, _| false)? {
                Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
                Step::Done => {
                    self.reading = false;
                    return Ok(Step::Ready(self.sorted()));
                }
                Step::Ready(chunk) => {
                    let group = self.group_of.get(chunk.series).copied().unwrap_or(0);
                    let (timestamps, bits) = self.reader.points();
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

    /// What it took to read up to here.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.reader.tally(&mut tally);
        // It lists blocks anew for each slice.
        tally.set_named(self.reader.blocks_in_view());
        tally
    }

    /// Run by run, as they are read.
    fn step_in_order(&mut self, source: &mut dyn Source) -> Result<Step<RowBatch>> {
        let chunk = match self.reader.next(source, &mut |_, _| false)? {
            Step::Ready(chunk) => chunk,
            Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
            Step::Done => return Ok(Step::Done),
        };
        let group = self.group_of.get(chunk.series).copied().unwrap_or(0);
        let (timestamps, bits) = self.reader.points();
        let used = (timestamps.len() * size_of::<(i64, u32, u64)>()) as u64;
        if used > self.memory_max {
            return Err(over_budget(used, self.memory_max));
        }
        Ok(Step::Ready(RowBatch {
            nulls: Vec::new(),
            timestamps: timestamps.to_vec(),
            groups: alloc::vec![group; timestamps.len()],
            values: bits.iter().map(|&bits| f64::from_bits(bits)).collect(),
        }))
    }

    /// Takes the next slice off the rest, halved until it holds about [`SLICE_POINTS`], and begins to read it.
    fn begin_slice(&mut self, rest: TimeRange) {
        self.reader.restart(rest);
        let mut slice = rest;
        while slice.min < slice.max && self.reader.estimate(slice) > SLICE_POINTS {
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
        self.reader.restart(slice);
        self.reading = true;
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
