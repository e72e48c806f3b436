//! Running a query over a view.
use super::points::PointRows;
use super::rows::RowBatch;
use super::series::SeriesReader;
use super::view::ReadView;
use crate::engine::Selector;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Aggregate, Aggregation, GroupBy, GroupKey, Order, Query, ResultSchema, Select};
use crate::source::{Source, Step};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Rows handed out at a time.
const BATCH_ROWS: usize = 8_192;

/// A query on its way: each step reads at most one run of points.
pub struct QueryRun {
    schema: ResultSchema,
    groups: Vec<GroupKey>,
    mode: Mode,
    offset: u64,
    limit: u64,
}

enum Mode {
    Aggregate(AggregateRows),
    Points(PointRows),
}

struct AggregateRows {
    reader: SeriesReader,
    aggregates: Vec<Aggregate>,
    /// Group of each series of the view.
    group_of: Vec<u32>,
    states: Vec<Aggregation>,
    current: Option<usize>,
    memory_max: u64,
    order: Order,
    ready: Option<alloc::vec::IntoIter<(i64, u32, Vec<f64>)>>,
}

impl Query {
    /// The series it reads.
    pub fn selector(&self) -> Selector {
        Selector { metric: Some(self.metric.clone()), matchers: self.matchers.clone() }
    }
}

impl QueryRun {
    /// Runs `query` over `view`, which was taken with the query's selector and range. `memory_max` is what it may hold at
    /// once, bytes; passing it is an error of kind [`ErrorKind::OverBudget`].
    pub fn new(query: &Query, view: Arc<ReadView>, memory_max: u64) -> Result<Self> {
        query.check()?;
        let keys: BTreeSet<String> =
            view.series.iter().flat_map(|series| series.tags().map(|(key, _)| String::from(key))).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let group_by = match &query.select {
            Select::Points => &GroupBy::AllTags,
            Select::Aggregates(_) => &query.group_by,
        };
        let mut numbers: BTreeMap<GroupKey, u32> =
            view.series.iter().map(|series| (GroupKey::of(group_by, series.tags()), 0)).collect();
        numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        let group_of: Vec<u32> = view
            .series
            .iter()
            .map(|series| numbers.get(&GroupKey::of(group_by, series.tags())).copied().unwrap_or(0))
            .collect();
        let groups: Vec<GroupKey> = numbers.into_keys().collect();
        let schema = ResultSchema::of(query, &keys);
        let mode = match &query.select {
            Select::Points => Mode::Points(PointRows::new(view, group_of, query.order, memory_max)),
            Select::Aggregates(aggregates) => Mode::Aggregate(AggregateRows {
                states: groups
                    .iter()
                    .map(|_| Aggregation::new(aggregates, query.window_ns, view.range))
                    .collect(),
                aggregates: aggregates.clone(),
                reader: SeriesReader::new(view, query.range),
                group_of,
                current: None,
                memory_max,
                order: query.order,
                ready: None,
            }),
        };
        Ok(Self { schema, groups, mode, offset: query.offset, limit: query.limit.unwrap_or(u64::MAX) })
    }

    /// Columns of the answer.
    pub fn schema(&self) -> &ResultSchema {
        &self.schema
    }

    /// Tags of a group that a row names.
    pub fn group(&self, number: u32) -> Option<&GroupKey> {
        self.groups.get(number as usize)
    }

    /// The next rows, which may be none while an aggregate is still reading.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<RowBatch>> {
        if self.limit == 0 {
            return Ok(Step::Done);
        }
        let step = match &mut self.mode {
            Mode::Aggregate(rows) => rows.step(source)?,
            Mode::Points(rows) => rows.step(source)?,
        };
        let Step::Ready(mut batch) = step else { return Ok(step) };
        let width = self.schema.value_columns().len();
        let skip = self.offset.min(batch.len() as u64) as usize;
        batch.timestamps.drain(..skip);
        batch.groups.drain(..skip);
        batch.values.drain(..skip * width);
        self.offset -= skip as u64;
        let keep = self.limit.min(batch.len() as u64) as usize;
        batch.timestamps.truncate(keep);
        batch.groups.truncate(keep);
        batch.values.truncate(keep * width);
        self.limit -= keep as u64;
        Ok(Step::Ready(batch))
    }
}

impl AggregateRows {
    fn step(&mut self, source: &mut dyn Source) -> Result<Step<RowBatch>> {
        if let Some(ready) = &mut self.ready {
            let mut batch = RowBatch::default();
            for (timestamp, group, values) in ready.by_ref().take(BATCH_ROWS) {
                batch.timestamps.push(timestamp);
                batch.groups.push(group);
                batch.values.extend(values);
            }
            return Ok(if batch.is_empty() { Step::Done } else { Step::Ready(batch) });
        }
        let Self { reader, group_of, states, current, .. } = self;
        let step = reader.next(source, &mut |series, statistics| {
            let Some(state) = group_of.get(series).and_then(|&group| states.get_mut(group as usize)) else {
                return false;
            };
            if *current != Some(series) {
                *current = Some(series);
                state.begin_series();
            }
            state.push_statistics(statistics)
        })?;
        match step {
            Step::Missing(ranges) => Ok(Step::Missing(ranges)),
            Step::Ready(chunk) => {
                if let (false, Some(&group)) = (chunk.by_statistics, self.group_of.get(chunk.series)) {
                    self.push(chunk.series, group)?;
                }
                Ok(Step::Ready(RowBatch::default()))
            }
            Step::Done => {
                self.finish();
                Ok(Step::Ready(RowBatch::default()))
            }
        }
    }

    fn push(&mut self, series: usize, group: u32) -> Result<()> {
        let Some(state) = self.states.get_mut(group as usize) else { return Ok(()) };
        if self.current != Some(series) {
            self.current = Some(series);
            state.begin_series();
        }
        let (timestamps, bits) = self.reader.points();
        state.push(timestamps, bits)?;
        let used: u64 = self.states.iter().map(Aggregation::memory_bytes).sum();
        if used > self.memory_max {
            return Err(over_budget(used, self.memory_max));
        }
        Ok(())
    }

    fn finish(&mut self) {
        let width = self.aggregates.len();
        let mut rows: Vec<(i64, u32, Vec<f64>)> = Vec::new();
        for (group, state) in (0u32..).zip(core::mem::take(&mut self.states)) {
            rows.extend(state.finish().into_iter().map(|row| (row.start_ns, group, row.values)));
        }
        debug_assert!(
            rows.iter().all(|(.., values)| values.len() == width),
            "a row has a value for each aggregate"
        );
        match self.order {
            Order::Ascending => rows.sort_by_key(|&(timestamp, group, _)| (timestamp, group)),
            Order::Descending => {
                rows.sort_by_key(|&(timestamp, group, _)| (core::cmp::Reverse(timestamp), group))
            }
        }
        self.ready = Some(rows.into_iter());
    }
}

pub(super) fn over_budget(used: u64, memory_max: u64) -> Error {
    Error::new(
        ErrorKind::OverBudget,
        alloc::format!(
            "the query needs more than {used} bytes of memory and may use {memory_max}; narrow its time range or tags, take longer windows, or raise the budget"
        ),
    )
}
