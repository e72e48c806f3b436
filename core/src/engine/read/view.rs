//! View: everything a reader may see, as of one commit.
use crate::engine::checkpoint::applies;
use crate::engine::{Engine, Pin, Selector};
use crate::format::{SegmentEntry, Tombstone};
use crate::head::{Position, SeriesInfo, Unsealed};
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
    pub(crate) info: Arc<SeriesInfo>,
    pub(crate) unsealed: Vec<Unsealed>,
}

impl SeriesView {
    /// Which series it is.
    pub fn info(&self) -> &SeriesInfo {
        &self.info
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

    /// Timestamps it is limited to.
    pub fn range(&self) -> TimeRange {
        self.range
    }
}

impl Engine {
    /// The series that `selector` selects, limited to `range`, as of the last visible commit. Costs a look at each series
    /// of the metric and a copy of their unsealed points; no I/O.
    pub fn view(&mut self, selector: &Selector, range: TimeRange) -> ReadView {
        let position = self.log.settled;
        let mut series: Vec<SeriesView> = selector
            .series(&self.dictionary)
            .map(|(slot, info)| {
                let frozen = self
                    .frozen
                    .iter()
                    .filter_map(|frozen| Unsealed::read(frozen.get(slot)?, frozen.end.lsn, range));
                let head = self.head.get(slot).and_then(|buffer| Unsealed::read(buffer, position.lsn, range));
                SeriesView { info: Arc::clone(info), unsealed: frozen.chain(head).collect() }
            })
            .collect();
        series.sort_unstable_by_key(|series| series.info.id);
        let (first, last) = (series.first().map(|s| s.info.id), series.last().map(|s| s.info.id));
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
        ReadView { position, range, series, entries, segments_total, tombstones, pin }
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
