//! Computing the windows of a downsampling rule: slice by slice, as of one commit, compared with what is there.
//!
//! Only what differs is written: a window whose points are all gone loses its derived point, and computing a window again
//! writes nothing. A slice is done with a commit of its own after its points; a crash before it computes it once more.
use super::change::{aggregate, selector};
use super::slice::Slice;
use super::{Claim, Engine, due, spans};
use crate::engine::NameStep;
use crate::engine::log::Operation;
use crate::engine::read::{ReadView, SeriesReader, SeriesView};
use crate::error::Result;
use crate::format::{Commit, CommitKind, Rule, SeriesSet, Tombstone};
use crate::head::Position;
use crate::ids::{Lsn, SeriesId};
use crate::model::{Point, Tags, TimeRange};
use crate::query::Aggregate;
use crate::source::{Source, Step};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Points that a slice reads, about; a single window may have more.
const SLICE_POINTS: u64 = 1 << 20;
/// Derived points that are handed out at a time.
const BATCH_POINTS: usize = 8_192;

/// What is to be written for a slice, as ordinary commits, in any order.
#[derive(Debug, Default)]
pub struct DownsamplingBatch {
    /// Derived points that are new or another.
    pub points: Vec<Derived>,
    /// Derived points whose window has no points any more.
    pub deletions: Vec<(SeriesSet, TimeRange)>,
}

/// A derived point.
pub type Derived = Point;

/// A slice of the windows of a rule, being computed.
pub struct DownsamplingRun {
    rule: Rule,
    range: TimeRange,
    aggregates: Vec<Aggregate>,
    source: Arc<ReadView>,
    targets: Vec<Arc<ReadView>>,
    /// `None` before the indexes are read and the slice is cut.
    work: Option<Slice>,
    indexes: Vec<SeriesReader>,
    points_read: u64,
}

impl Engine {
    /// Chooses complete windows of `rule` that are to be computed at the host's time `now_ns`, and keeps an eye on them from
    /// here on. `None` when all are done, or while policies are suspended. The answer is the commit that has to be visible
    /// before [`Engine::begin_downsampling`]. One at a time: an earlier choice that was not finished is forgotten.
    pub fn claim_windows(&mut self, rule: u32, now_ns: i64) -> Option<Lsn> {
        self.policy.claim = None;
        if self.identity.settings.retention_suspended {
            return None;
        }
        let rules = self.policy.policies.rules.iter().zip(&self.policy.state.rules);
        let (rule, state) = rules.into_iter().find(|(known, _)| known.id == rule)?;
        let range = due(rule, state, now_ns)?;
        let lsn = self.log.tail.lsn;
        self.policy.claim = Some(Claim { rule: rule.id, range, lsn, touched: Vec::new() });
        Some(lsn)
    }

    /// Begins to compute the windows that were chosen. `None` when they are not to be computed any more, or the commits
    /// before the choice are not visible: choose again.
    pub fn begin_downsampling(&mut self) -> Result<NameStep<Option<DownsamplingRun>>> {
        let Some(claim) = self.policy.claim.as_ref().filter(|claim| !self.lags_behind(claim.lsn)) else {
            return Ok(NameStep::Ready(None));
        };
        let rules = self.policy.policies.rules.iter().zip(&self.policy.state.rules);
        let Some((rule, state)) = rules.into_iter().find(|(rule, _)| rule.id == claim.rule) else {
            return Ok(NameStep::Ready(None));
        };
        // Expired since it was chosen: what is derived from the points stays.
        if claim.range.min < state.floor_ns {
            return Ok(NameStep::Ready(None));
        }
        let (rule, mut range) = (rule.clone(), claim.range);
        let chosen = selector(&rule)?;
        let metrics = metrics_of(&rule).filter_map(|name| self.dictionary.metric_number(name));
        let metrics: Vec<u32> = metrics.collect();
        if let Some(load) = self.load_of(metrics) {
            return Ok(NameStep::Load(load));
        }
        if let Some(start) = self.first_data(&rule, range) {
            let partition = i64::try_from(self.identity.settings.partition_duration_ns).unwrap_or(i64::MAX);
            let length =
                partition.checked_shl(self.policy.empty_slices.min(40)).filter(|&ns| ns >= partition);
            let end = spans::window_of(start.saturating_add(length.unwrap_or(i64::MAX)), rule.window()).max;
            range.max = range.max.min(end);
        }
        let source = match self.view(&chosen, range)? {
            NameStep::Ready(view) => view,
            NameStep::Load(load) => return Ok(NameStep::Load(load)),
        };
        let mut targets = Vec::new();
        for target in &rule.targets {
            match self.view(&super::super::Selector::metric(target.metric.as_str()), range)? {
                NameStep::Ready(view) => targets.push(Arc::new(beside(view, &source))),
                NameStep::Load(load) => return Ok(NameStep::Load(load)),
            }
        }
        let source = Arc::new(source);
        let views = core::iter::once(&source).chain(&targets);
        Ok(NameStep::Ready(Some(DownsamplingRun {
            aggregates: rule.targets.iter().map(|target| aggregate(target.function)).collect(),
            rule,
            range,
            indexes: views.map(|view| SeriesReader::new(Arc::clone(view), range)).collect(),
            source,
            targets,
            work: None,
            points_read: 0,
        })))
    }

    /// The first moment in `range` at which the rule may have points, read or written.
    fn first_data(&self, rule: &Rule, range: TimeRange) -> Option<i64> {
        let mut first = None;
        for number in metrics_of(rule).filter_map(|name| self.dictionary.metric_number(name)) {
            let (low, high) = (SeriesId::new(number, 0), SeriesId::new(number, u32::MAX));
            let sealed = self.catalog.point_segments().map(|entry| &entry.summary).filter(|summary| {
                summary.time.overlaps(&range) && summary.series_min <= high && low <= summary.series_max
            });
            let sealed = sealed.map(|summary| summary.time.min.max(range.min)).min();
            let table = self.dictionary.table(number);
            let slots = table
                .into_iter()
                .flat_map(|table| (0..table.len()).filter_map(|ordinal| table.slot(ordinal)));
            let unsealed = slots.flat_map(|slot| {
                let frozen = self.frozen.iter().filter_map(move |frozen| frozen.get(slot));
                frozen.chain(self.head.get(slot)).filter_map(|buffer| buffer.first_in(range))
            });
            first = first.into_iter().chain(sealed).chain(unsealed.min()).min();
        }
        first
    }

    /// Prepares the commit that says that a slice is done, after everything that it wrote is committed. `None` when later
    /// commits touched all of it.
    pub fn prepare_downsampled(&mut self, run: &DownsamplingRun, now_ns: i64) -> Result<Option<Position>> {
        self.check_writable()?;
        let Some(claim) = self.policy.claim.take().filter(|claim| claim.rule == run.rule.id) else {
            return Ok(None);
        };
        let was_empty = run.points_read == 0;
        self.policy.empty_slices = if was_empty { self.policy.empty_slices + 1 } else { 0 };
        let mut done = alloc::vec![run.range];
        claim.touched.iter().for_each(|&range| spans::remove(&mut done, range));
        if done.is_empty() {
            return Ok(None);
        }
        let payload = Commit::Downsampled { rule: run.rule.id, done: done.clone() }.encode()?;
        let counts = self.dictionary.counts();
        let operation = Operation::Downsampled { rule: run.rule.id, done };
        self.log.prepare(0, CommitKind::Downsampled, &payload, now_ns, operation, counts).map(Some)
    }

    /// Prepares the deletion of the points of `series` in `time`, as a [`DownsamplingBatch`] asks for it.
    pub fn prepare_delete_series(
        &mut self,
        series: SeriesSet,
        time: TimeRange,
        now_ns: i64,
    ) -> Result<Option<Position>> {
        self.check_writable()?;
        let tombstone = Tombstone { lsn: self.log.tail.lsn + 1, series, time };
        let payload = Commit::Delete { time, series: tombstone.series.clone() }.encode()?;
        self.note_prepared_deletion(&tombstone);
        let counts = self.dictionary.counts();
        self.log
            .prepare(0, CommitKind::Delete, &payload, now_ns, Operation::Delete(tombstone), counts)
            .map(Some)
    }
}

/// The series of a target in the order of those they are derived from; where there is none yet, one without points.
fn beside(mut target: ReadView, source: &ReadView) -> ReadView {
    let mut by_tags: BTreeMap<Tags, SeriesView> = core::mem::take(&mut target.series)
        .into_iter()
        .map(|series| (series.info().series.tags, series))
        .collect();
    target.series = source
        .series
        .iter()
        .map(|series| by_tags.remove(&series.info().series.tags).unwrap_or_else(|| series.absent()))
        .collect();
    target
}

/// The metrics that a rule reads and writes.
fn metrics_of(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.targets.iter().map(|target| target.metric.as_str()).chain([rule.metric.as_str()])
}

impl DownsamplingRun {
    /// The rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Extents of the segments that it may ask for.
    pub fn extents(&self) -> Vec<crate::source::ByteRange> {
        let views = core::iter::once(&self.source).chain(&self.targets);
        views.flat_map(|view| view.extents()).collect()
    }

    /// Computes some more. Commit each batch; at the end, [`Engine::prepare_downsampled`].
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<DownsamplingBatch>> {
        if self.work.is_none() {
            for reader in &mut self.indexes {
                if let Step::Missing(ranges) = reader.load_indexes(source)? {
                    return Ok(Step::Missing(ranges));
                }
            }
            self.cut();
            let reader = |(view, indexes): (&Arc<ReadView>, &SeriesReader)| {
                SeriesReader::with_indexes(Arc::clone(view), self.range, indexes.indexes().clone())
            };
            let mut indexes = self.indexes.iter();
            let source = indexes.next().map(|indexes| reader((&self.source, indexes)));
            let targets = self.targets.iter().zip(indexes).map(reader).collect();
            let Some(source) = source else { return Ok(Step::Done) };
            self.work = Some(Slice::new(source, targets, &self.rule, self.aggregates.clone(), self.range));
        }
        let Some(work) = &mut self.work else { return Ok(Step::Done) };
        if work.is_done() {
            return Ok(Step::Done);
        }
        while work.series() < self.source.series.len() {
            if let Step::Missing(ranges) = work.read(source, self.rule.window(), &mut self.points_read)? {
                return Ok(Step::Missing(ranges));
            }
            work.compare(&self.rule, &self.source, &self.targets);
            if work.points() >= BATCH_POINTS {
                return Ok(Step::Ready(work.take()));
            }
        }
        work.finish().map(Step::Ready)
    }

    /// Shortens the slice to about [`SLICE_POINTS`], but not below one window.
    fn cut(&mut self) {
        let window = self.rule.window();
        let held = self.indexes.iter().fold(TimeRange::EMPTY, |held, reader| held.union(&reader.extent()));
        if held.is_empty() {
            return;
        }
        let points = |range| self.indexes.iter().map(|reader| reader.estimate(range)).sum::<u64>();
        let mut end = spans::window_of(held.max, window).max.min(self.range.max);
        let mut is_cut = false;
        while points(TimeRange { min: held.min, max: end }) > SLICE_POINTS {
            let middle = ((i128::from(held.min) + i128::from(end)).div_euclid(2)) as i64;
            let shorter = spans::window_of(middle, window).max;
            if shorter >= end {
                break;
            }
            (end, is_cut) = (shorter, true);
        }
        if is_cut {
            self.range.max = end;
        }
    }
}
