//! Running a query over a view.
use super::aggregates::AggregateRows;
use super::groups::Groups;
use super::part::{Plan, QueryPart};
use super::points::PointRows;
use super::rows::RowBatch;
use super::stats::QueryStats;
use super::view::ReadView;
use crate::engine::Selector;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{GroupKey, Query, ResultSchema, Select};
use crate::source::{Source, Step};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// A query on its way: each step reads at most one run of points.
///
/// Steps are all that it takes. A host with threads may also [take parts](Self::take_part) out, have them read side by
/// side, and [join](Self::join) them; the answer is the same to the bit.
pub struct QueryRun {
    groups: Groups,
    mode: Mode,
    offset: u64,
    limit: u64,
    /// Rows handed out.
    rows: u64,
}

enum Mode {
    Aggregate(Box<AggregateRows>),
    Points(Box<PointRows>),
}

impl Query {
    /// The series it reads.
    pub fn selector(&self) -> Selector {
        Selector { metric: Some(self.metric.clone()), filter: self.filter.clone() }
    }
}

impl QueryRun {
    /// Runs `query` over `view`, which was taken with the query's selector and range. `memory_max` is what it may hold at
    /// once, bytes; passing it is an error of kind [`ErrorKind::OverBudget`].
    pub fn new(query: &Query, view: Arc<ReadView>, memory_max: u64) -> Result<Self> {
        query.check()?;
        let (groups, group_of) = Groups::of(query, Arc::clone(&view));
        let mode = match &query.select {
            Select::Points => Mode::Points(Box::new(PointRows::new(view, group_of, query.order, memory_max))),
            Select::Aggregates(aggregates) => {
                let plan = Plan {
                    view: &view,
                    aggregates,
                    window_ns: query.window_ns,
                    group_of: &group_of,
                    memory_max,
                };
                Mode::Aggregate(Box::new(AggregateRows::new(&plan, groups.len(), query)))
            }
        };
        let limit = query.limit.unwrap_or(u64::MAX);
        Ok(Self { groups, mode, offset: query.offset, limit, rows: 0 })
    }

    /// Parts that can still be taken out: above 1, it may pay to read them side by side.
    pub fn parts_left(&self) -> usize {
        match &self.mode {
            Mode::Aggregate(rows) if self.limit > 0 => rows.parts_left(),
            _ => 0,
        }
    }

    /// Takes out a part. It has to be read to its end and joined before [`QueryRun::step`] is called again.
    pub fn take_part(&mut self) -> Option<QueryPart> {
        match &mut self.mode {
            Mode::Aggregate(rows) => rows.take_part(),
            Mode::Points(_) => None,
        }
    }

    /// Takes back a part of this query that was read to its end; they may come in any order. Passing the memory that the
    /// query may use is an error of kind [`ErrorKind::OverBudget`].
    pub fn join(&mut self, part: QueryPart) -> Result<()> {
        match &mut self.mode {
            Mode::Aggregate(rows) => rows.join(part),
            Mode::Points(_) => Ok(()),
        }
    }

    /// Bytes that it holds beside the parts that were taken out.
    pub fn memory_bytes(&self) -> u64 {
        match &self.mode {
            Mode::Aggregate(rows) => rows.memory_bytes(),
            Mode::Points(_) => 0,
        }
    }

    /// Columns of the answer.
    pub fn schema(&self) -> &ResultSchema {
        self.groups.schema()
    }

    /// Tags of a group that a row names.
    pub fn group(&self, number: u32) -> Option<&GroupKey> {
        self.groups.key(number)
    }

    /// What the query took up to here, parts that are not joined left out; all of it once the run is done. Costs a
    /// look at each series.
    pub fn stats(&self) -> QueryStats {
        let view = self.groups.view();
        match &self.mode {
            Mode::Aggregate(rows) => QueryStats::of(view, rows.tally(), self.rows),
            Mode::Points(rows) => QueryStats::of(view, &rows.tally(), self.rows),
        }
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
        let width = self.groups.width();
        let skip = self.offset.min(batch.len() as u64);
        let keep = self.limit.min(batch.len() as u64 - skip);
        batch.cut(skip as usize, keep as usize, width);
        self.offset -= skip;
        self.limit -= keep;
        self.rows += keep;
        Ok(Step::Ready(batch))
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
