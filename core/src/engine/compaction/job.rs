//! The work of a compaction: reads its inputs series by series and writes new segments, beside the engine.
use super::pick::PARTITION_POINTS_MIN;
use crate::engine::Engine;
use crate::engine::read::{ReadView, SeriesReader, SeriesView};
use crate::error::Result;
use crate::format::{SegmentEntry, Tombstone};
use crate::head::SeriesTable;
use crate::ids::{Lsn, SeriesId};
use crate::model::TimeRange;
use crate::segment::{BuiltSegment, SEGMENT_BYTES_TARGET, SegmentBuilder};
use crate::source::{Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A compaction on its way: step it, place and write what it builds, then install it.
pub struct CompactionJob {
    view: Arc<ReadView>,
    partition_duration_ns: i64,
    lsn: (Lsn, Lsn),
    /// Spans of time to write one after the other, and the one being written; `None` before the indexes are read.
    spans: Option<Vec<TimeRange>>,
    span: usize,
    reader: SeriesReader,
    builder: SegmentBuilder,
    /// Points of one series that wait to be cut into blocks together.
    series: Option<usize>,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
    points: u64,
}

/// What a step of a compaction came to.
#[derive(Debug)]
pub enum CompactionStep {
    /// Go on.
    Working,
    /// Place and write this segment, then go on.
    Built(BuiltSegment),
}

/// Points of one series that are collected before they are cut into blocks; a multiple of what a block aims at.
const SERIES_POINTS: usize = 1 << 16;

impl CompactionJob {
    /// Of `inputs`, with `tombstones` carried out; what it writes stands for the commits up to `lsn_max`.
    pub(super) fn new(
        engine: &mut Engine,
        inputs: Vec<SegmentEntry>,
        tombstones: Vec<Tombstone>,
        lsn_max: Lsn,
    ) -> Result<Self> {
        let lsn_min = inputs.iter().map(|entry| entry.summary.lsn_min).min().unwrap_or(1);
        let first = inputs.iter().map(|entry| entry.summary.series_min).min();
        let last = inputs.iter().map(|entry| entry.summary.series_max).max();
        let series = match first.zip(last) {
            Some((first, last)) => engine.series_between(first, last)?,
            None => Vec::new(),
        };
        let view = Arc::new(ReadView::of_segments(engine, series, inputs, tombstones));
        Ok(Self {
            partition_duration_ns: i64::try_from(engine.identity.settings.partition_duration_ns)
                .unwrap_or(i64::MAX)
                .max(1),
            reader: SeriesReader::new(Arc::clone(&view), TimeRange::ALL),
            view,
            lsn: (lsn_min, lsn_max),
            spans: None,
            span: 0,
            builder: SegmentBuilder::new(lsn_min, lsn_max),
            series: None,
            timestamps: Vec::new(),
            bits: Vec::new(),
            points: 0,
        })
    }

    /// The segments that it replaces.
    pub fn inputs(&self) -> &[SegmentEntry] {
        &self.view.entries
    }

    /// Points written so far.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Number of the span that a timestamp was written in.
    pub(super) fn span_of(&self, timestamp: i64) -> i64 {
        let spans = self.spans.as_deref().unwrap_or_default();
        spans.iter().position(|span| span.contains(timestamp)).map_or(0, |position| position as i64)
    }

    /// Reads, merges and builds some more.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<CompactionStep>> {
        let spans = match &self.spans {
            Some(spans) => spans,
            None => match self.reader.load_indexes(source)? {
                Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
                _ => {
                    let spans = self.cut();
                    self.reader = self.reader_of(spans.first().copied().unwrap_or(TimeRange::EMPTY));
                    self.spans.insert(spans)
                }
            },
        };
        if self.span >= spans.len() {
            return Ok(Step::Done);
        }
        match self.reader.next(source, &mut |_, _| false)? {
            Step::Missing(ranges) => Ok(Step::Missing(ranges)),
            Step::Ready(chunk) => {
                if self.series != Some(chunk.series) {
                    self.flush(true)?;
                    self.series = Some(chunk.series);
                }
                let (timestamps, bits) = self.reader.points();
                self.timestamps.extend_from_slice(timestamps);
                self.bits.extend_from_slice(bits);
                self.flush(false)?;
                if self.builder.len() >= SEGMENT_BYTES_TARGET {
                    self.flush(true)?;
                    return Ok(self.finish_segment());
                }
                Ok(Step::Ready(CompactionStep::Working))
            }
            Step::Done => {
                self.flush(true)?;
                self.series = None;
                self.span += 1;
                let next = self.spans.as_ref().and_then(|spans| spans.get(self.span)).copied();
                self.reader = self.reader_of(next.unwrap_or(TimeRange::EMPTY));
                Ok(self.finish_segment())
            }
        }
    }

    fn reader_of(&self, span: TimeRange) -> SeriesReader {
        SeriesReader::with_indexes(Arc::clone(&self.view), span, self.reader.indexes().clone())
    }

    fn finish_segment(&mut self) -> Step<CompactionStep> {
        let builder = core::mem::replace(&mut self.builder, SegmentBuilder::new(self.lsn.0, self.lsn.1));
        Step::Ready(builder.finish().map_or(CompactionStep::Working, CompactionStep::Built))
    }

    /// Hands collected points to the builder: all of them, or so many that the blocks stay of even size.
    fn flush(&mut self, all: bool) -> Result<()> {
        let take = match all {
            true => self.timestamps.len(),
            false if self.timestamps.len() >= 2 * SERIES_POINTS => SERIES_POINTS,
            false => return Ok(()),
        };
        let series = self.series.and_then(|series| self.view.series.get(series));
        if let (Some(series), Some(timestamps), Some(bits)) =
            (series, self.timestamps.get(..take), self.bits.get(..take))
        {
            self.builder.push_series(series.id, series.key(), timestamps, bits)?;
            self.points += take as u64;
        }
        self.timestamps.drain(..take);
        self.bits.drain(..take);
        Ok(())
    }

    /// Spans of whole partitions that hold at least [`PARTITION_POINTS_MIN`] points each, as far as the indexes tell.
    fn cut(&self) -> Vec<TimeRange> {
        let extent = self.reader.extent();
        if extent.is_empty() {
            return Vec::new();
        }
        let duration = self.partition_duration_ns;
        let start_of = |timestamp: i64| timestamp.div_euclid(duration).saturating_mul(duration);
        let mut counts = self.reader.points_by(start_of);
        counts.sort_unstable();
        let mut spans: Vec<(TimeRange, u64)> = Vec::new();
        let total: u64 = counts.iter().map(|&(_, points)| points).sum();
        let mut seen = 0;
        for (start, points) in counts {
            let open = spans.last().is_some_and(|&(_, points)| points < PARTITION_POINTS_MIN);
            let too_little_left = total - seen < PARTITION_POINTS_MIN;
            match spans.last_mut().filter(|_| open || too_little_left) {
                Some((_, sum)) => *sum += points,
                None => {
                    if let Some((last, _)) = spans.last_mut() {
                        last.max = start.saturating_sub(1);
                    }
                    spans.push((TimeRange { min: start, max: i64::MAX }, points));
                }
            }
            seen += points;
        }
        if let Some((first, _)) = spans.first_mut() {
            first.min = i64::MIN;
        }
        spans.into_iter().map(|(span, _)| span).collect()
    }
}

impl Engine {
    /// Series of loaded metrics, from `first` to `last`.
    fn series_between(&self, first: SeriesId, last: SeriesId) -> Result<Vec<SeriesView>> {
        let mut ids = Vec::new();
        for metric in first.metric()..=last.metric() {
            let len = self.dictionary.table(metric).map_or(0, SeriesTable::len);
            ids.extend((0..len).map(|ordinal| SeriesId::new(metric, ordinal)));
        }
        ids.retain(|&id| first <= id && id <= last);
        let names = self.dictionary.names(&ids)?;
        Ok(SeriesView::of_names(ids, names))
    }
}

impl ReadView {
    /// The points of `series` that `inputs` hold and `tombstones` do not name.
    pub(crate) fn of_segments(
        engine: &mut Engine,
        series: Vec<SeriesView>,
        inputs: Vec<SegmentEntry>,
        tombstones: Vec<Tombstone>,
    ) -> Self {
        ReadView {
            position: engine.log.settled,
            range: TimeRange::ALL,
            series,
            segments_total: inputs.len(),
            entries: inputs,
            tombstones,
            pin: engine.pin(),
        }
    }
}
