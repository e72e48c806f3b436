//! A slice being computed: the series of a rule's source and of its targets side by side, one after the other.
//!
//! What a window comes to is compared with the derived point that is there, and only what differs is handed on. The points of a window
//! are added up the same way however they are stored, so the same points always give the same bits.
use super::downsampling::{Derived, DownsamplingBatch};
use super::spans;
use crate::engine::read::{ReadView, SeriesReader, SeriesView};
use crate::error::{Error, Result};
use crate::format::{Rule, SeriesSet};
use crate::ids::SeriesId;
use crate::model::{Point, TimeRange};
use crate::query::{Aggregate, Aggregation};
use crate::source::{Source, Step};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Points of one window that are collected before they are added up. What they add up to must not depend on how
/// they were stored, and sums are made in stretches of 2,048.
const FEED_POINTS: usize = 1 << 16;

/// Readers of a slice side by side, and where they are.
pub(super) struct Slice {
    /// The series it is at.
    series: usize,
    source: Cursor,
    targets: Vec<Cursor>,
    aggregation: Aggregation,
    aggregates: Vec<Aggregate>,
    range: TimeRange,
    feed: Feed,
    /// Derived points of the series that are there, by target.
    existing: Vec<Vec<(i64, u64)>>,
    batch: DownsamplingBatch,
    /// Derived points without a window, by time: of which series.
    stale: BTreeMap<(i64, i64), Vec<SeriesId>>,
    done: bool,
}

/// A reader with the run of points that it is at.
struct Cursor {
    reader: SeriesReader,
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Unread,
    Series(usize),
    End,
}

impl Slice {
    /// Over readers of `range` of the source and of each target of `rule`; all have the same series in the same order.
    pub(super) fn new(
        source: SeriesReader,
        targets: Vec<SeriesReader>,
        rule: &Rule,
        aggregates: Vec<Aggregate>,
        range: TimeRange,
    ) -> Self {
        let cursor = |reader| Cursor { reader, at: At::Unread };
        Self {
            series: 0,
            existing: alloc::vec![Vec::new(); targets.len()],
            source: cursor(source),
            targets: targets.into_iter().map(cursor).collect(),
            aggregation: Aggregation::new(&aggregates, Some(rule.window()), range),
            aggregates,
            range,
            feed: Feed::default(),
            batch: DownsamplingBatch::default(),
            stale: BTreeMap::new(),
            done: false,
        }
    }

    /// Position of the series that comes next.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    /// Derived points that wait to be taken.
    pub(super) fn points(&self) -> usize {
        self.batch.points.len()
    }

    /// What waits to be written.
    pub(super) fn take(&mut self) -> DownsamplingBatch {
        core::mem::take(&mut self.batch)
    }

    /// True once everything was handed out.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// What is left to be written, deletions included.
    pub(super) fn finish(&mut self) -> Result<DownsamplingBatch> {
        self.done = true;
        let stale = core::mem::take(&mut self.stale).into_iter().map(|((min, max), mut ids)| {
            ids.sort_unstable();
            Ok((SeriesSet::from_sorted_ids(ids)?, TimeRange { min, max }))
        });
        self.batch.deletions = stale.collect::<Result<_>>()?;
        Ok(self.take())
    }

    /// Reads the points of the current series, and the derived ones that are there.
    pub(super) fn read(
        &mut self,
        source: &mut dyn Source,
        window: i64,
        points_read: &mut u64,
    ) -> Result<Step<()>> {
        loop {
            if let Step::Missing(ranges) = self.source.fill(source)? {
                return Ok(Step::Missing(ranges));
            }
            if self.source.at != At::Series(self.series) {
                break;
            }
            let (timestamps, bits) = self.source.reader.points();
            *points_read += timestamps.len() as u64;
            self.feed.take(timestamps, bits);
            self.feed.pour(&mut self.aggregation, window, false)?;
            self.source.at = At::Unread;
        }
        for (target, existing) in self.targets.iter_mut().zip(&mut self.existing) {
            loop {
                if let Step::Missing(ranges) = target.fill(source)? {
                    return Ok(Step::Missing(ranges));
                }
                if target.at != At::Series(self.series) {
                    break;
                }
                let (timestamps, bits) = target.reader.points();
                *points_read += timestamps.len() as u64;
                existing.extend(timestamps.iter().copied().zip(bits.iter().copied()));
                target.at = At::Unread;
            }
        }
        self.feed.pour(&mut self.aggregation, window, true)?;
        Ok(Step::Ready(()))
    }

    /// Compares what the windows of the current series come to with what is there, and goes on to the next.
    pub(super) fn compare(&mut self, rule: &Rule, source: &ReadView, targets: &[Arc<ReadView>]) {
        let next = Aggregation::new(&self.aggregates, Some(rule.window()), self.range);
        let mut rows = core::mem::replace(&mut self.aggregation, next).finish();
        rows.sort_by_key(|row| row.start_ns);
        let Some(series) = source.series.get(self.series) else { return };
        for (number, target) in rule.targets.iter().enumerate() {
            let Some(existing) = self.existing.get_mut(number).map(core::mem::take) else { continue };
            let mut wanted = rows
                .iter()
                .filter_map(|row| Some((row.start_ns, row.values.get(number)?.to_bits())))
                .peekable();
            let mut there = existing.into_iter().peekable();
            // Neighbouring points without a window are deleted together.
            let mut stale: Option<(i64, i64)> = None;
            let id =
                targets.get(number).and_then(|view| view.series.get(self.series)).map(|series| series.id);
            let mut close = |stale: &mut Option<(i64, i64)>| {
                if let (Some(range), Some(id)) = (stale.take(), id) {
                    self.stale.entry(range).or_default().push(id);
                }
            };
            loop {
                let (want, have) = (wanted.peek().copied(), there.peek().copied());
                let first = match (want, have) {
                    (None, None) => break,
                    (Some((want, _)), None) => want,
                    (None, Some((have, _))) => have,
                    (Some((want, _)), Some((have, _))) => want.min(have),
                };
                let want = wanted.next_if(|&(timestamp, _)| timestamp == first);
                let have = there.next_if(|&(timestamp, _)| timestamp == first);
                match (want, have) {
                    (None, Some(_)) if spans::window_of(first, rule.window()).min == first => {
                        stale = Some((stale.map_or(first, |(min, _)| min), first));
                        continue;
                    }
                    (Some((timestamp, bits)), have) if have != Some((timestamp, bits)) => {
                        self.batch.points.push(point(&target.metric, series, timestamp, bits));
                    }
                    // The same already, or someone's own point between the windows.
                    _ => {}
                }
                close(&mut stale);
            }
            close(&mut stale);
        }
        self.series += 1;
    }
}

fn point(metric: &str, series: &SeriesView, timestamp: i64, bits: u64) -> Derived {
    let tags = series.tags().map(|(key, value)| (String::from(key), String::from(value)));
    Point { metric: metric.into(), tags: tags.collect(), timestamp, value: f64::from_bits(bits) }
}

impl Cursor {
    /// Reads the next run when the last one was taken.
    fn fill(&mut self, source: &mut dyn Source) -> Result<Step<()>> {
        if self.at == At::Unread {
            match self.reader.next(source, &mut |_, _| false)? {
                Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
                Step::Ready(chunk) => self.at = At::Series(chunk.series),
                Step::Done => self.at = At::End,
            }
        }
        Ok(Step::Ready(()))
    }
}

/// Points on their way into an aggregation, window by window.
#[derive(Default)]
struct Feed {
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

impl Feed {
    fn take(&mut self, timestamps: &[i64], bits: &[u64]) {
        self.timestamps.extend_from_slice(timestamps);
        self.bits.extend_from_slice(bits);
    }

    /// Hands over the windows that are whole, and whole stretches of the last one; with `all`, everything.
    fn pour(&mut self, aggregation: &mut Aggregation, window: i64, all: bool) -> Result<()> {
        let mut end = self.timestamps.len();
        if let (false, Some(&last)) = (all, self.timestamps.last()) {
            let start = spans::window_of(last, window).min;
            let open = self.timestamps.partition_point(|&timestamp| timestamp < start);
            end = open + (end - open) / FEED_POINTS * FEED_POINTS;
        }
        let (Some(timestamps), Some(bits)) = (self.timestamps.get(..end), self.bits.get(..end)) else {
            return Err(Error::damaged("points of a window have no values"));
        };
        aggregation.push(timestamps, bits)?;
        self.timestamps.drain(..end);
        self.bits.drain(..end);
        Ok(())
    }
}
