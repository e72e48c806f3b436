//! Parts of an aggregating query: ranges of its series, read apart from each other, side by side or in turn.
//!
//! How a query is cut depends on the query and the view alone, and parts are joined in their order. So the answer has the
//! same bits whoever reads them and however many read at once; that includes the order of floating-point additions.
use super::query::over_budget;
use super::series::SeriesReader;
use super::stats::Tally;
use super::view::ReadView;
use crate::error::Result;
use crate::model::TimeRange;
use crate::query::{Aggregate, Aggregation};
use crate::source::{Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// Points that a part aims at: about a millisecond of decoding, far above the cost of handing it to a thread.
const PART_POINTS: u128 = 1 << 18;
/// Points that cost as much by the statistics of their blocks as one that is decoded.
const STATISTICS_POINTS: u128 = 512;
/// Most parts of a query: enough to keep the cores of a large machine busy to the end, and few states to join.
const PARTS_MAX: u128 = 64;

/// What is asked of every part.
pub(super) struct Plan<'a> {
    pub(super) view: &'a Arc<ReadView>,
    pub(super) aggregates: &'a [Aggregate],
    pub(super) window_ns: Option<i64>,
    /// Group of each series of the view.
    pub(super) group_of: &'a [u32],
    pub(super) memory_max: u64,
}

/// Some series of an aggregating query, and the states of the groups that they are of.
pub struct QueryPart {
    number: usize,
    reader: SeriesReader,
    states: States,
    memory_bytes: u64,
    memory_max: u64,
}

/// The states of the groups of a part.
struct States {
    /// Position of the first series in the view.
    first: usize,
    /// State of each series, a position in `states`.
    of_series: Vec<u32>,
    /// Groups, ascending, each with its state.
    states: Vec<(u32, Aggregation)>,
    /// The series that was last asked for.
    current: Option<usize>,
}

impl Plan<'_> {
    /// All parts, in order; at least one.
    pub(super) fn parts(&self) -> Vec<QueryPart> {
        let by_statistics =
            self.window_ns.is_none() && self.aggregates.iter().all(Aggregate::answered_by_statistics);
        let ranges = cut(self.view, if by_statistics { STATISTICS_POINTS } else { 1 });
        ranges.enumerate().map(|(number, series)| self.part(number, series)).collect()
    }

    fn part(&self, number: usize, series: Range<usize>) -> QueryPart {
        let group_of = self.group_of.get(series.clone()).unwrap_or_default();
        let mut groups = group_of.to_vec();
        groups.sort_unstable();
        groups.dedup();
        let position = |group: &u32| groups.binary_search(group).unwrap_or_default() as u32;
        let state = || Aggregation::new(self.aggregates, self.window_ns, self.view.range);
        let states = States {
            first: series.start,
            of_series: group_of.iter().map(position).collect(),
            states: groups.iter().map(|&group| (group, state())).collect(),
            current: None,
        };
        QueryPart {
            number,
            reader: SeriesReader::of_series(Arc::clone(self.view), self.view.range, series),
            states,
            memory_bytes: 0,
            memory_max: self.memory_max,
        }
    }
}

/// Ranges of the series of a view, one after the other, that hold about [`PART_POINTS`] each; `points_per_cost` of them
/// cost as much as one that is decoded. At least one range.
pub(super) fn cut(view: &ReadView, points_per_cost: u128) -> impl Iterator<Item = Range<usize>> + use<> {
    let series = view.series.len();
    let count = (points_of(view) / points_per_cost / PART_POINTS).min(PARTS_MAX) as usize;
    let count = count.clamp(1, series.max(1));
    (0..count).map(move |number| series * number / count..series * (number + 1) / count)
}

impl QueryPart {
    /// Reads on, at most one run of points; done when nothing is left. `elsewhere_bytes` is what the rest of the query
    /// holds, and counts against its memory too.
    pub fn step(&mut self, source: &mut dyn Source, elsewhere_bytes: u64) -> Result<Step<()>> {
        let Self { reader, states, memory_bytes, .. } = self;
        // A state starts with nothing on the heap that is worth counting, so what it grows by adds up to what it holds.
        let mut grown = 0;
        let step = reader.next(source, &mut |series, statistics| {
            let Some(state) = states.begin(series) else { return false };
            let before = state.memory_bytes();
            let taken = state.push_statistics(statistics);
            grown += state.memory_bytes() - before;
            taken
        })?;
        let chunk = match step {
            Step::Ready(chunk) => chunk,
            Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
            Step::Done => return Ok(Step::Done),
        };
        if let (false, Some(state)) = (chunk.by_statistics, states.begin(chunk.series)) {
            let before = state.memory_bytes();
            let (timestamps, bits) = reader.points();
            state.push(timestamps, bits)?;
            grown += state.memory_bytes() - before;
        }
        *memory_bytes += grown;
        let used = memory_bytes.saturating_add(elsewhere_bytes);
        if used > self.memory_max {
            return Err(over_budget(used, self.memory_max));
        }
        Ok(Step::Ready(()))
    }

    /// Bytes that its states hold.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Position among the parts of its query.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Adds what it took to read.
    pub(super) fn tally(&self, tally: &mut Tally) {
        self.reader.tally(tally);
    }

    /// The state of each of its groups.
    pub(super) fn into_states(self) -> Vec<(u32, Aggregation)> {
        self.states.states
    }
}

impl States {
    /// The state that takes the points of a series; `None` for one of another part.
    fn begin(&mut self, series: usize) -> Option<&mut Aggregation> {
        let state = *self.of_series.get(series.checked_sub(self.first)?)?;
        let (_, state) = self.states.get_mut(state as usize)?;
        if self.current != Some(series) {
            self.current = Some(series);
            state.begin_series();
        }
        Some(state)
    }
}

/// Points that a view holds, estimated from the catalog: no index is there yet.
fn points_of(view: &ReadView) -> u128 {
    let sealed = view.entries.iter().map(|entry| {
        let summary = &entry.summary;
        let series = u128::from(summary.series.max(1));
        let share = series.min(view.series.len() as u128);
        u128::from(overlap(summary.time, summary.points, view.range)) * share / series
    });
    let unsealed =
        view.series.iter().flat_map(|series| &series.unsealed).map(|it| it.timestamps.len() as u128);
    sealed.chain(unsealed).sum()
}

fn overlap(time: TimeRange, points: u64, range: TimeRange) -> u64 {
    super::piece::overlap_points(time, usize::try_from(points).unwrap_or(usize::MAX), range)
}
