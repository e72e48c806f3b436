//! The digest of everything visible.
//!
//! Where the segments of a view can't overlap each other, were not deleted from, and nothing unsealed lies among them, the
//! digest they store is the answer; only what is left is read and mixed.
use super::part::cut;
use super::series::SeriesReader;
use super::view::ReadView;
use crate::digest::Digest;
use crate::engine::checkpoint::applies;
use crate::error::Result;
use crate::format::SegmentEntry;
use crate::model::TimeRange;
use crate::source::{Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// A digest on its way.
pub struct DigestRun {
    view: Arc<ReadView>,
    digest: Digest,
    /// Spans of time that have to be read, apart from each other.
    spans: Vec<TimeRange>,
    /// Positions in the view of the series that are read.
    series: Range<usize>,
    reader: Option<SeriesReader>,
    points_read: u64,
}

impl DigestRun {
    /// Of `view`, which must hold all series and all times. `trust_stored` takes the digests that segments store where
    /// they decide; without it every point is read.
    pub fn new(view: Arc<ReadView>, trust_stored: bool) -> Self {
        let mut digest = Digest::default();
        let mut spans = Vec::new();
        if trust_stored {
            for (span, entries) in spans_of(&view) {
                match entries.as_slice() {
                    [] => spans.push(span),
                    entries => entries.iter().for_each(|entry| digest.join(&entry.summary.digest)),
                }
            }
        } else {
            spans.push(view.range);
        }
        spans.reverse();
        let series = 0..view.series.len();
        Self { view, digest, spans, series, reader: None, points_read: 0 }
    }

    /// Parts of the work that is left, to be read side by side and [joined](Self::join) again in any order; none when
    /// there is not enough of it to share, or it has begun.
    pub fn split(&mut self) -> Vec<Self> {
        let ranges: Vec<Range<usize>> = cut(&self.view, 1).collect();
        if self.spans.is_empty() || self.reader.is_some() || ranges.len() < 2 {
            return Vec::new();
        }
        let spans = core::mem::take(&mut self.spans);
        let part = |series: Range<usize>| Self {
            view: Arc::clone(&self.view),
            digest: Digest::default(),
            spans: spans.clone(),
            series,
            reader: None,
            points_read: 0,
        };
        ranges.into_iter().map(part).collect()
    }

    /// Takes back a part of it whose digest is complete.
    pub fn join(&mut self, part: &Self) {
        self.digest.join(&part.digest);
        self.points_read += part.points_read;
    }

    /// Points that had to be read so far.
    pub fn points_read(&self) -> u64 {
        self.points_read
    }

    /// Reads on; the digest when it is complete. Each step reads at most one run of points.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<Option<Digest>>> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => match self.spans.pop() {
                Some(span) => {
                    let view = Arc::clone(&self.view);
                    self.reader.insert(SeriesReader::of_series(view, span, self.series.clone()))
                }
                None => return Ok(Step::Ready(Some(self.digest))),
            },
        };
        match reader.next(source, &mut |_, _| false)? {
            Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
            Step::Done => self.reader = None,
            Step::Ready(chunk) => {
                let (timestamps, bits) = reader.points();
                if let Some(series) = self.view.series.get(chunk.series) {
                    self.digest.add(series.key(), timestamps, bits);
                    self.points_read += timestamps.len() as u64;
                }
            }
        }
        Ok(Step::Ready(None))
    }
}

/// Spans of time apart from each other; for each the segments whose stored digests add up to its digest, or none when it
/// has to be read.
fn spans_of(view: &ReadView) -> Vec<(TimeRange, Vec<SegmentEntry>)> {
    struct Part {
        time: TimeRange,
        /// Parts of one run never overlap in points, though they may in time.
        run: Option<u64>,
        entry: Option<SegmentEntry>,
    }
    let sealed = view.entries.iter().map(|entry| {
        let touched = view.tombstones.iter().any(|tombstone| applies(tombstone, entry));
        Part { time: entry.summary.time, run: (!touched).then_some(entry.run), entry: Some(*entry) }
    });
    let unsealed = view.series.iter().flat_map(|series| &series.unsealed).filter_map(|unsealed| {
        let time = TimeRange { min: *unsealed.timestamps.first()?, max: *unsealed.timestamps.last()? };
        Some(Part { time, run: None, entry: None })
    });
    let mut parts: Vec<Part> = sealed.chain(unsealed).collect();
    parts.sort_by_key(|part| part.time.min);
    let mut spans: Vec<(TimeRange, Vec<Part>)> = Vec::new();
    for part in parts {
        match spans.last_mut().filter(|(span, _)| span.overlaps(&part.time)) {
            Some((span, members)) => {
                *span = span.union(&part.time);
                members.push(part);
            }
            None => spans.push((part.time, alloc::vec![part])),
        }
    }
    spans
        .into_iter()
        .map(|(span, members)| {
            let run = members.first().and_then(|part| part.run);
            let alone = run.is_some() && members.iter().all(|part| part.run == run);
            let entries = members.into_iter().filter_map(|part| part.entry);
            (span, if alone { entries.collect() } else { Vec::new() })
        })
        .collect()
}
