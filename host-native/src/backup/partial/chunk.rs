//! Chunk: some of the chosen points, compared with what a database holds at the same series and times.
use super::into::Conflict;
use crate::db::{Db, SeriesHandle, SeriesPoints};
use crate::error::Result;
use chronicle_core::digest::Digest;
use chronicle_core::engine::Selector;
use chronicle_core::head::SeriesInfo;
use chronicle_core::ids::SeriesId;
use chronicle_core::model::TimeRange;
use std::ops::Range;

/// Points, and series, of a chunk: what is held in memory.
pub(super) const POINTS_MAX: usize = 1 << 20;
const SERIES_MAX: usize = 1 << 16;

/// The chosen points of a source, chunk by chunk.
pub(super) struct Chunks<'a> {
    source: &'a Db,
    selectors: std::slice::Iter<'a, Selector>,
    range: TimeRange,
    points: Option<SeriesPoints<'a>>,
    points_max: usize,
    /// Of everything read so far.
    pub(super) digest: Digest,
}

/// What there is in the database at a point's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Nothing,
    Another,
    Same,
}

/// Some points, series by series.
pub(super) struct Chunk {
    pub(super) series: Vec<ChunkSeries>,
    pub(super) timestamps: Vec<i64>,
    pub(super) bits: Vec<u64>,
    pub(super) found: Vec<Found>,
}

pub(super) struct ChunkSeries {
    pub(super) info: SeriesInfo,
    pub(super) handle: SeriesHandle,
    /// Its points.
    pub(super) points: Range<usize>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(
        source: &'a Db,
        selectors: &'a [Selector],
        range: TimeRange,
        points_max: usize,
    ) -> Self {
        Self {
            source,
            selectors: selectors.iter(),
            range,
            points: None,
            points_max,
            digest: Digest::default(),
        }
    }

    /// The next points, to be compared with `target`; `None` at the end.
    pub(super) fn next(&mut self, target: &Db) -> Result<Option<Chunk>> {
        let mut chunk =
            Chunk { series: Vec::new(), timestamps: Vec::new(), bits: Vec::new(), found: Vec::new() };
        while chunk.timestamps.len() < self.points_max && chunk.series.len() < SERIES_MAX {
            let Some(points) = &mut self.points else {
                match self.selectors.next() {
                    Some(selector) => self.points = Some(self.source.scan(selector, self.range)?),
                    None => break,
                }
                continue;
            };
            let Some(run) = points.next_run()? else {
                self.points = None;
                continue;
            };
            let start = chunk.timestamps.len();
            chunk.timestamps.extend_from_slice(run.timestamps);
            chunk.bits.extend_from_slice(run.bits);
            self.digest.add(run.series.key, run.timestamps, run.bits);
            let end = chunk.timestamps.len();
            match chunk.series.last_mut().filter(|last| last.info.id == run.series.id) {
                Some(last) => last.points.end = end,
                None => chunk.series.push(ChunkSeries {
                    handle: target.series(run.series.series.metric.clone(), run.series.series.tags.iter())?,
                    info: run.series.clone(),
                    points: start..end,
                }),
            }
        }
        if chunk.timestamps.is_empty() {
            return Ok(None);
        }
        chunk.compare(target)?;
        Ok(Some(chunk))
    }
}

impl Chunk {
    fn compare(&mut self, target: &Db) -> Result<()> {
        self.found = vec![Found::Nothing; self.timestamps.len()];
        let points: Vec<_> = self.series.iter().map(|series| series.handle.at(0, 0.0)).collect();
        let ids = target.find_series(&points)?;
        let mut known: Vec<(SeriesId, usize)> =
            ids.iter().enumerate().filter_map(|(at, id)| id.map(|id| (id, at))).collect();
        known.sort_unstable();
        let numbers: Vec<SeriesId> = known.iter().map(|&(id, _)| id).collect();
        let range = self.timestamps.iter().fold(TimeRange::EMPTY, |range, &timestamp| TimeRange {
            min: range.min.min(timestamp),
            max: range.max.max(timestamp),
        });
        let mut cursors: Vec<usize> = self.series.iter().map(|series| series.points.start).collect();
        let mut there = target.scan_series(&numbers, range)?;
        while let Some(run) = there.next_run()? {
            let Ok(place) = known.binary_search_by_key(&run.series.id, |&(id, _)| id) else { continue };
            let at = known.get(place).map_or(0, |&(_, at)| at);
            let (Some(series), Some(cursor)) = (self.series.get(at), cursors.get_mut(at)) else { continue };
            for (&timestamp, &bits) in run.timestamps.iter().zip(run.bits) {
                while *cursor < series.points.end
                    && self.timestamps.get(*cursor).is_some_and(|&t| t < timestamp)
                {
                    *cursor += 1;
                }
                if *cursor >= series.points.end {
                    break;
                }
                if self.timestamps.get(*cursor) == Some(&timestamp) {
                    let same = self.bits.get(*cursor) == Some(&bits);
                    if let Some(found) = self.found.get_mut(*cursor) {
                        *found = if same { Found::Same } else { Found::Another };
                    }
                }
            }
        }
        Ok(())
    }

    /// The points of a series that are written by this rule.
    pub(super) fn to_write(&self, series: &ChunkSeries, rule: Conflict) -> (Vec<i64>, Vec<u64>) {
        let all = self.timestamps.iter().zip(&self.bits).zip(&self.found);
        let own = all.skip(series.points.start).take(series.points.len());
        own.filter(|(_, found)| rule.writes(**found))
            .map(|((&timestamp, &bits), _)| (timestamp, bits))
            .unzip()
    }
}
