//! View: everything a reader may see, as of one commit.
use crate::engine::checkpoint::applies;
use crate::engine::{Engine, NameStep, Pin, Selector};
use crate::error::Result;
use crate::format::{SegmentEntry, Tombstone};
use crate::head::{Position, Scope, SeriesInfo, SeriesNames, Unsealed};
use crate::ids::{SeriesId, SeriesKey};
use crate::model::TimeRange;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Chosen series of a database at one commit. Later commits, seals and compactions do not change it.
#[derive(Clone, Debug)]
pub struct ReadView {
    pub(crate) position: Position,
    pub(crate) range: TimeRange,
    pub(crate) series: Vec<SeriesView>,
    /// Segments that may hold points of the series in the range.
    pub(crate) entries: Vec<SegmentEntry>,
    /// All segments of the database, those left out included.
    pub(crate) segments_total: usize,
    /// Deletions that may name points of those segments or of the unsealed points.
    pub(crate) tombstones: Vec<Tombstone>,
    #[expect(dead_code, reason = "keeps the segments' extents from being reused")]
    pub(crate) pin: Pin,
}

/// One series in a view.
#[derive(Clone, Debug)]
pub struct SeriesView {
    pub(crate) id: SeriesId,
    names: Arc<SeriesNames>,
    row: u32,
    pub(crate) unsealed: Vec<Unsealed>,
}

impl SeriesView {
    /// Series by their names: the rows of `names` are those of `ids`.
    pub(crate) fn of_names(ids: Vec<SeriesId>, names: SeriesNames) -> Vec<Self> {
        let names = Arc::new(names);
        let view = |(id, row)| Self { id, names: Arc::clone(&names), row, unsealed: Vec::new() };
        ids.into_iter().zip(0..).map(view).collect()
    }

    /// Its number in this database.
    pub fn id(&self) -> SeriesId {
        self.id
    }

    /// Name of its metric.
    pub fn metric(&self) -> &str {
        self.names.metric(self.row)
    }

    /// Its tags, in order of key.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.names.tags(self.row)
    }

    /// A series of the same names and without points, whose number no segment has.
    pub(crate) fn absent(&self) -> Self {
        Self { id: SeriesId(u64::MAX), names: Arc::clone(&self.names), row: self.row, unsealed: Vec::new() }
    }

    /// First and last timestamp of its points that are in no segment yet; `None` without such points.
    pub fn unsealed_time(&self) -> Option<TimeRange> {
        let times = self
            .unsealed
            .iter()
            .flat_map(|unsealed| [unsealed.timestamps.first(), unsealed.timestamps.last()]);
        let (min, max) =
            times.flatten().fold((i64::MAX, i64::MIN), |(min, max), time| (min.min(*time), max.max(*time)));
        (min <= max).then_some(TimeRange { min, max })
    }

    /// The value of a tag; empty when it is absent.
    pub fn tag(&self, key: &str) -> &str {
        self.tags().find(|(found, _)| *found == key).map_or("", |(_, value)| value)
    }

    /// Its identity in every database; hashed on every call.
    pub fn key(&self) -> SeriesKey {
        self.names.key(self.row)
    }

    /// Which series it is, copied.
    pub fn info(&self) -> SeriesInfo {
        SeriesInfo { id: self.id, key: self.key(), series: self.names.series(self.row) }
    }
}

impl ReadView {
    /// The last commit it sees.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Its series, in order of number.
    pub fn series(&self) -> &[SeriesView] {
        &self.series
    }

    /// Extents of the segments that readers of it may ask for.
    pub fn extents(&self) -> Vec<crate::source::ByteRange> {
        self.entries.iter().map(SegmentEntry::extent).collect()
    }

    /// Keeps the series that `keep` says.
    pub fn retain(&mut self, keep: impl FnMut(&SeriesView) -> bool) {
        self.series.retain(keep);
    }

    /// Deletions that may hide points of it, by no order.
    pub fn tombstones(&self) -> &[Tombstone] {
        &self.tombstones
    }

    /// Timestamps it is limited to.
    pub fn range(&self) -> TimeRange {
        self.range
    }
}

impl Engine {
    /// The series that `selector` selects, limited to `range`, as of the last visible commit. Costs a look at the index of
    /// their tags and a copy of their names and unsealed points; no I/O.
    pub fn view(&mut self, selector: &Selector, range: TimeRange) -> Result<NameStep<ReadView>> {
        match self.select(selector, Scope::Visible) {
            NameStep::Ready(ids) => self.view_of(ids, range),
            NameStep::Load(load) => Ok(NameStep::Load(load)),
        }
    }

    /// [`Engine::view`] of series by number, ascending.
    pub fn view_of(&mut self, ids: Vec<SeriesId>, range: TimeRange) -> Result<NameStep<ReadView>> {
        let position = self.log.settled;
        let mut metrics: Vec<u32> = ids.iter().map(|id| id.metric()).collect();
        metrics.dedup();
        if let Some(load) = self.load_of(metrics) {
            return Ok(NameStep::Load(load));
        }
        let names = self.dictionary.names(&ids)?;
        let mut series = SeriesView::of_names(ids, names);
        if self.unsealed_points() > 0 {
            for series in &mut series {
                let Some(slot) = self.dictionary.slot(series.id) else { continue };
                let frozen = self
                    .frozen
                    .iter()
                    .filter_map(|frozen| Unsealed::read(frozen.get(slot)?, frozen.end.lsn, range));
                let head = self.head.get(slot).and_then(|buffer| Unsealed::read(buffer, position.lsn, range));
                series.unsealed = frozen.chain(head).collect();
            }
        }
        let (first, last) = (series.first().map(|s| s.id), series.last().map(|s| s.id));
        let entries: Vec<SegmentEntry> = match first.zip(last) {
            Some((first, last)) => self
                .catalog
                .point_segments()
                .filter(|entry| entry.summary.time.overlaps(&range))
                .filter(|entry| entry.summary.series_min <= last && first <= entry.summary.series_max)
                .copied()
                .collect(),
            None => Vec::new(),
        };
        let unsealed =
            series.iter().flat_map(|series| &series.unsealed).map(|unsealed| unsealed.lsn_max).min();
        let relevant = |tombstone: &&Tombstone| {
            tombstone.time.overlaps(&range)
                && (unsealed.is_some_and(|lsn| lsn < tombstone.lsn)
                    || entries.iter().any(|entry| applies(tombstone, entry)))
        };
        let tombstones = self.tombstones.iter().filter(relevant).cloned().collect();
        let pin = self.pin();
        let segments_total = self.catalog.point_segments().count();
        Ok(NameStep::Ready(ReadView { position, range, series, entries, segments_total, tombstones, pin }))
    }

    /// Pins the current generation.
    pub fn pin(&mut self) -> Pin {
        let log = match self.catalog.log {
            crate::format::LogStart::From { first_lsn, .. } => Some(first_lsn),
            crate::format::LogStart::None => None,
        };
        self.pins.take(self.catalog.generation, log)
    }
}
