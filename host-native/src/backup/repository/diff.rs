//! Diff: what two moments of a repository hold differently, read only where they can differ.
//!
//! Segments that both have are the same points, and are passed over by their identity. What is left says of which series and
//! times the two may differ: blocks of other segments, commits in the logs, deletions. There, and only there, the points that are visible are read on both sides and
//! compared: so what a compaction rewrote, an overwritten point and a deleted one count as what they are.
use super::history::History;
use super::verify::Repository;
use crate::db::Db;
use crate::error::{At, Error, ErrorKind, Result};
use chronicle_core::backup::repository::{Entry, LocatedSegment, Moment, SpanEnd};
use chronicle_core::engine::{ReadView, Selector};
use chronicle_core::format::SegmentKind;
use chronicle_core::ids::{Hash, SeriesId, SeriesKey};
use chronicle_core::model::TimeRange;
use chronicle_core::segment::SegmentIndex;
use std::collections::{BTreeMap, BTreeSet};

/// Series that are compared at a time.
const GROUP: usize = 256;
/// Stretches of time that are read one by one for a metric; of more, all between the first and the last.
const RANGES_MAX: usize = 64;

/// What differs between a moment and another one.
#[derive(Clone, Debug)]
pub struct DiffReport {
    /// The first moment.
    pub before: SpanEnd,
    /// The second one.
    pub after: SpanEnd,
    /// Segments that both have.
    pub segments_shared: u64,
    /// Segments that only the first, and only the second has; and their bytes.
    pub segments_only: (u64, u64),
    /// Bytes of these.
    pub bytes_only: (u64, u64),
    /// Metrics that have points only in the second.
    pub metrics_added: Vec<String>,
    /// Metrics that have points only in the first.
    pub metrics_removed: Vec<String>,
    /// What differs in each metric, by name. Metrics without a difference are left out.
    pub metrics: Vec<MetricDiff>,
}

/// What differs in one metric.
#[derive(Clone, Debug, Default)]
pub struct MetricDiff {
    /// Its name.
    pub metric: String,
    /// Series that have points only in the second.
    pub series_added: u64,
    /// Series that have points only in the first.
    pub series_removed: u64,
    /// Series that both have, and that differ.
    pub series_changed: u64,
    /// Points that only the second has.
    pub points_added: u64,
    /// Points that only the first has.
    pub points_removed: u64,
    /// Points of one series and time with another value.
    pub points_changed: u64,
    /// First and last timestamp of all these.
    pub time: Option<TimeRange>,
}

impl DiffReport {
    /// True when both hold the same points.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// Points added, removed and changed.
    pub fn points(&self) -> (u64, u64, u64) {
        self.metrics.iter().fold((0, 0, 0), |(added, removed, changed), metric| {
            (added + metric.points_added, removed + metric.points_removed, changed + metric.points_changed)
        })
    }

    /// Series added, removed and changed.
    pub fn series(&self) -> (u64, u64, u64) {
        self.metrics.iter().fold((0, 0, 0), |(added, removed, changed), metric| {
            (added + metric.series_added, removed + metric.series_removed, changed + metric.series_changed)
        })
    }
}

/// One of the two.
struct Side {
    at: SpanEnd,
    db: Db,
    segments: BTreeMap<Hash, LocatedSegment>,
    view: ReadView,
}

/// Of which series, by metric, which times may differ.
type Suspects = BTreeMap<String, BTreeMap<SeriesKey, Vec<TimeRange>>>;

impl Repository {
    /// The moment that a point ends with. `NotRestorable` when there is none of this name.
    pub fn moment_of(&self, point: Entry) -> Result<Moment> {
        let content = self.content()?;
        if let Some((_, error)) = content.timeline.damaged().iter().find(|(entry, _)| *entry == point) {
            return Err(error.clone());
        }
        let record =
            content.timeline.points().iter().find(|record| record.entry == point).ok_or_else(|| {
                Error::new(ErrorKind::NotRestorable, "there is no such point; `backup list` lists them")
                    .at(point)
                    .at(self.place())
            })?;
        Ok(Moment::Lsn { lsn: record.point.lsn, epoch: Some(record.point.epoch) })
    }

    /// What differs between two moments: from `before` to `after`. Errors as of [`Repository::open_at`].
    pub fn diff(&self, before: &Moment, after: &Moment) -> Result<DiffReport> {
        let (before, after) = (self.side(before)?, self.side(after)?);
        let only = |one: &Side, other: &Side| -> Vec<LocatedSegment> {
            let only = one.segments.iter().filter(|(identity, _)| !other.segments.contains_key(*identity));
            only.map(|(_, segment)| *segment).collect()
        };
        let (old, new) = (only(&before, &after), only(&after, &before));
        let bytes =
            |segments: &[LocatedSegment]| segments.iter().map(|segment| segment.entry.summary.len).sum();
        let mut report = DiffReport {
            before: before.at,
            after: after.at,
            segments_shared: (before.segments.len() - old.len()) as u64,
            segments_only: (old.len() as u64, new.len() as u64),
            bytes_only: (bytes(&old), bytes(&new)),
            metrics_added: Vec::new(),
            metrics_removed: Vec::new(),
            metrics: Vec::new(),
        };
        if (before.at.epoch, before.at.lsn) == (after.at.epoch, after.at.lsn) {
            return Ok(report);
        }
        let mut suspects = Suspects::new();
        self.suspect(&before, &old, &after, &mut suspects)?;
        self.suspect(&after, &new, &before, &mut suspects)?;
        for (metric, series) in suspects {
            let found = compare(&before.db, &after.db, &metric, series)?;
            let has_points =
                |db: &Db| Ok::<_, Error>(db.count(&Selector::metric(&metric), TimeRange::ALL)?.0 > 0);
            if found.series_added > 0 && !has_points(&before.db)? {
                report.metrics_added.push(metric.clone());
            }
            if found.series_removed > 0 && !has_points(&after.db)? {
                report.metrics_removed.push(metric.clone());
            }
            if found.time.is_some() {
                report.metrics.push(found);
            }
        }
        Ok(report)
    }

    fn side(&self, moment: &Moment) -> Result<Side> {
        let objects = self.objects();
        let history = History::read(objects)?;
        let from = history.resolve(moment)?;
        let mut segments = BTreeMap::new();
        for listed in objects.lists(&from.start)?.segments {
            let located = history.moves.locate(&listed).at(|| objects.place())?;
            segments.insert(located.entry.summary.identity, located);
        }
        let db = self.open_at(&Moment::Lsn { lsn: from.at.lsn, epoch: Some(from.at.epoch) })?.db;
        let view = db.shared.view(&Selector::all(), TimeRange::ALL)?;
        Ok(Side { at: from.at, db, segments, view })
    }

    /// What `only` `one` has: blocks of its segments, commits in its log, deletions.
    fn suspect(
        &self,
        one: &Side,
        only: &[LocatedSegment],
        other: &Side,
        suspects: &mut Suspects,
    ) -> Result<()> {
        let objects = self.objects();
        let mut add = |place: usize, time: TimeRange| {
            if let Some(series) = one.view.series().get(place) {
                let of_metric = suspects.entry(series.metric().to_owned()).or_default();
                of_metric.entry(series.key()).or_default().push(time);
            }
        };
        let place_of = |id: SeriesId| one.view.series().binary_search_by_key(&id, |series| series.id()).ok();
        for segment in only.iter().filter(|segment| segment.entry.kind == SegmentKind::Points) {
            let summary = &segment.entry.summary;
            let offset = segment.entry.offset.saturating_add(summary.index_offset);
            let container = segment.home.container();
            let bytes = objects.data(container, offset, u64::from(summary.index_len))?;
            let index = SegmentIndex::parse(None, &bytes, Some(&summary.identity))
                .at(|| container)
                .at(|| objects.place())?;
            for block in index.blocks() {
                // A series of the segment that is not visible has no points either.
                place_of(block.series).into_iter().for_each(|place| add(place, block.stats.time));
            }
        }
        for (place, series) in one.view.series().iter().enumerate() {
            series.unsealed_time().into_iter().for_each(|time| add(place, time));
        }
        let known: BTreeSet<u64> = other.view.tombstones().iter().map(|tombstone| tombstone.lsn).collect();
        for tombstone in one.view.tombstones().iter().filter(|tombstone| !known.contains(&tombstone.lsn)) {
            for (place, series) in one.view.series().iter().enumerate() {
                if tombstone.series.contains(series.id()) {
                    add(place, tombstone.time);
                }
            }
        }
        Ok(())
    }
}

/// What was seen of a series.
#[derive(Clone, Copy, Default)]
struct Seen {
    before: bool,
    after: bool,
    differs: bool,
}

/// By timestamp, the values' bit patterns.
type Points = BTreeMap<i64, u64>;

/// Reads the suspected series and times of a metric on both sides.
fn compare(
    before: &Db,
    after: &Db,
    metric: &str,
    suspects: BTreeMap<SeriesKey, Vec<TimeRange>>,
) -> Result<MetricDiff> {
    let mut found = MetricDiff { metric: metric.to_owned(), ..MetricDiff::default() };
    let suspects: Vec<(SeriesKey, Vec<TimeRange>)> = suspects.into_iter().collect();
    for group in suspects.chunks(GROUP) {
        let mut seen: BTreeMap<SeriesKey, Seen> =
            group.iter().map(|(key, _)| (*key, Seen::default())).collect();
        let keys: BTreeSet<SeriesKey> = seen.keys().copied().collect();
        for range in merged(group.iter().flat_map(|(_, ranges)| ranges).copied().collect()) {
            let old = points(before, metric, &keys, range)?;
            let new = points(after, metric, &keys, range)?;
            let none = Points::new();
            for (key, seen) in &mut seen {
                let (old, new) = (old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
                seen.before |= !old.is_empty();
                seen.after |= !new.is_empty();
                seen.differs |= found.count_points(old, new);
            }
        }
        // A series without a point here may have some at other times, where nothing can differ.
        let is_new = |seen: &Seen| seen.differs && !seen.before;
        let is_gone = |seen: &Seen| seen.differs && !seen.after;
        let chosen = |wanted: &dyn Fn(&Seen) -> bool| -> BTreeSet<SeriesKey> {
            seen.iter().filter(|(_, seen)| wanted(seen)).map(|(key, _)| *key).collect()
        };
        let (new, gone) = (chosen(&is_new), chosen(&is_gone));
        let old_too = with_points(before, metric, &new)?;
        let new_too = with_points(after, metric, &gone)?;
        found.series_added += new.difference(&old_too).count() as u64;
        found.series_removed += gone.difference(&new_too).count() as u64;
        let differ = seen.values().filter(|seen| seen.differs && seen.before && seen.after).count();
        found.series_changed += (differ + old_too.len() + new_too.len()) as u64;
    }
    Ok(found)
}

impl MetricDiff {
    /// Counts what differs in one series; true when something does.
    fn count_points(&mut self, old: &Points, new: &Points) -> bool {
        let before = (self.points_added, self.points_removed, self.points_changed);
        let mut note = |time: i64| {
            let point = TimeRange { min: time, max: time };
            self.time = Some(self.time.map_or(point, |range| range.union(&point)));
        };
        for (time, bits) in old {
            match new.get(time) {
                Some(other) if other == bits => continue,
                Some(_) => self.points_changed += 1,
                None => self.points_removed += 1,
            }
            note(*time);
        }
        for time in new.keys().filter(|time| !old.contains_key(time)) {
            self.points_added += 1;
            note(*time);
        }
        before != (self.points_added, self.points_removed, self.points_changed)
    }
}

/// The visible points of some series of a metric.
fn points(
    db: &Db,
    metric: &str,
    keys: &BTreeSet<SeriesKey>,
    range: TimeRange,
) -> Result<BTreeMap<SeriesKey, Points>> {
    let mut found: BTreeMap<SeriesKey, Points> = BTreeMap::new();
    let mut scan = db.scan_only(&Selector::metric(metric), range, |key| keys.contains(&key))?;
    while let Some(run) = scan.next_run()? {
        let of_series = found.entry(run.series.key).or_default();
        of_series.extend(run.timestamps.iter().copied().zip(run.bits.iter().copied()));
    }
    Ok(found)
}

/// Those of the series that have a point at any time.
fn with_points(db: &Db, metric: &str, keys: &BTreeSet<SeriesKey>) -> Result<BTreeSet<SeriesKey>> {
    let mut found = BTreeSet::new();
    if !keys.is_empty() {
        let only = |key| keys.contains(&key);
        let mut scan = db.scan_only(&Selector::metric(metric), TimeRange::ALL, only)?;
        while let Some(run) = scan.next_run()? {
            found.insert(run.series.key);
        }
    }
    Ok(found)
}

/// Apart from each other and ascending.
fn merged(mut ranges: Vec<TimeRange>) -> Vec<TimeRange> {
    ranges.sort_unstable_by_key(|range| (range.min, range.max));
    let mut merged: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match merged.last_mut().filter(|last| last.max >= range.min) {
            Some(last) => last.max = last.max.max(range.max),
            None => merged.push(range),
        }
    }
    match (merged.len() > RANGES_MAX, merged.first(), merged.last()) {
        (true, Some(first), Some(last)) => vec![TimeRange { min: first.min, max: last.max }],
        _ => merged,
    }
}
