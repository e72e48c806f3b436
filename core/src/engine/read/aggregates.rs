//! Rows of an aggregating query: its parts read and joined, filled, then handed out in order.
use super::fill::FilledRows;
use super::part::{Plan, QueryPart};
use super::query::over_budget;
use super::rows::RowBatch;
use super::stats::Tally;
use crate::error::{Error, Result};
use crate::query::{Aggregation, Fill, Order, Query};
use crate::source::{Source, Step};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Rows handed out at a time.
const BATCH_ROWS: usize = 8_192;

pub(super) struct AggregateRows {
    /// Parts that nobody took yet.
    parts: VecDeque<QueryPart>,
    /// Parts that were read before one that comes before them.
    early: BTreeMap<usize, QueryPart>,
    /// Number of the part that is joined next.
    next: usize,
    count: usize,
    /// By group; `None` before a part of it is joined.
    states: Vec<Option<Aggregation>>,
    memory_bytes: u64,
    memory_max: u64,
    order: Order,
    /// The query, where windows without points are filled.
    filled: Option<Box<Query>>,
    /// Values of each row.
    width: usize,
    tally: Tally,
    ready: Option<Ready>,
}

/// Finished rows.
enum Ready {
    Plain(PlainRows),
    Filled(FilledRows),
}

/// Rows of windows that have points.
struct PlainRows {
    /// Timestamp, group, and position in `values` divided by the width.
    rows: alloc::vec::IntoIter<(i64, u32, usize)>,
    values: Vec<f64>,
}

impl AggregateRows {
    pub(super) fn new(plan: &Plan<'_>, groups: usize, query: &Query) -> Self {
        let parts: VecDeque<QueryPart> = plan.parts().into();
        Self {
            count: parts.len(),
            parts,
            early: BTreeMap::new(),
            next: 0,
            states: (0..groups).map(|_| None).collect(),
            memory_bytes: 0,
            memory_max: plan.memory_max,
            order: query.order,
            filled: (query.fill != Fill::None).then(|| Box::new(query.clone())),
            width: plan.aggregates.len(),
            tally: Tally::default(),
            ready: None,
        }
    }

    /// Bytes that its joined states hold, and those of parts that wait to be joined.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes + self.early.values().map(QueryPart::memory_bytes).sum::<u64>()
    }

    /// Parts that nobody took yet.
    pub(super) fn parts_left(&self) -> usize {
        self.parts.len()
    }

    /// Takes out the next part.
    pub(super) fn take_part(&mut self) -> Option<QueryPart> {
        self.parts.pop_front()
    }

    /// Takes back a part that was read to its end. Parts are joined in their order, whichever comes first.
    pub(super) fn join(&mut self, part: QueryPart) -> Result<()> {
        self.early.insert(part.number(), part);
        while let Some(part) = self.early.remove(&self.next) {
            self.next += 1;
            part.tally(&mut self.tally);
            for (group, state) in part.into_states() {
                let Some(joined) = self.states.get_mut(group as usize) else { continue };
                let before = joined.as_ref().map_or(0, Aggregation::memory_bytes);
                match joined {
                    Some(joined) => joined.merge(state),
                    None => *joined = Some(state),
                }
                let after = joined.as_ref().map_or(0, Aggregation::memory_bytes);
                self.memory_bytes = (self.memory_bytes + after).saturating_sub(before);
            }
        }
        match self.memory_bytes {
            used if used > self.memory_max => Err(over_budget(used, self.memory_max)),
            _ => Ok(()),
        }
    }

    pub(super) fn step(&mut self, source: &mut dyn Source) -> Result<Step<RowBatch>> {
        if let Some(ready) = &mut self.ready {
            let batch = match ready {
                Ready::Plain(rows) => rows.batch(self.width),
                Ready::Filled(rows) => rows.batch(BATCH_ROWS),
            };
            return Ok(if batch.is_empty() { Step::Done } else { Step::Ready(batch) });
        }
        let elsewhere = self.memory_bytes();
        let step = match self.parts.front_mut() {
            Some(part) => part.step(source, elsewhere)?,
            None if self.next < self.count => {
                return Err(Error::invalid("a part of the query was not joined"));
            }
            None => Step::Done,
        };
        match step {
            Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
            Step::Ready(()) => {}
            Step::Done => {
                if let Some(part) = self.parts.pop_front() {
                    self.join(part)?;
                }
            }
        }
        if self.next == self.count {
            self.finish()?;
        }
        Ok(Step::Ready(RowBatch::default()))
    }

    /// What it took to read the parts that were joined.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn finish(&mut self) -> Result<()> {
        let states = (0u32..).zip(core::mem::take(&mut self.states));
        let states = states.filter_map(|(group, state)| Some((group, state?)));
        if let Some(query) = &self.filled {
            let groups = states.map(|(group, state)| (group, state.finish())).collect();
            self.ready = Some(Ready::Filled(FilledRows::new(query, groups, self.memory_max)?));
            return Ok(());
        }
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for (group, state) in states {
            state.finish_into(&mut values, |start_ns| rows.push((start_ns, group, rows.len())));
        }
        debug_assert_eq!(values.len(), rows.len() * self.width, "a row has a value for each aggregate");
        match self.order {
            // Rows of one group come out in order, and those of several often do.
            Order::Ascending => rows.sort_by_key(|&(timestamp, group, _)| (timestamp, group)),
            Order::Descending => {
                rows.sort_by_key(|&(timestamp, group, _)| (core::cmp::Reverse(timestamp), group))
            }
        }
        self.ready = Some(Ready::Plain(PlainRows { rows: rows.into_iter(), values }));
        Ok(())
    }
}

impl PlainRows {
    fn batch(&mut self, width: usize) -> RowBatch {
        let mut batch = RowBatch::default();
        let count = self.rows.len().min(BATCH_ROWS);
        batch.timestamps.reserve_exact(count);
        batch.groups.reserve_exact(count);
        batch.values.reserve_exact(count * width);
        for (timestamp, group, place) in self.rows.by_ref().take(count) {
            let start = place * width;
            batch.timestamps.push(timestamp);
            batch.groups.push(group);
            batch.values.extend_from_slice(self.values.get(start..start + width).unwrap_or_default());
        }
        batch
    }
}
