//! Whole scans: points series by series, the digest, the list of metrics.
use super::parallel::read_digest;
use super::{Db, MapSource};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::digest::Digest;
use chronicle_core::engine::{DigestRun, NameStep, ReadView, Selector, SeriesReader, Snapshot};
use chronicle_core::head::{Position, SeriesInfo};
use chronicle_core::ids::SeriesKey;
use chronicle_core::model::TimeRange;
use chronicle_core::source::Step;
use std::sync::Arc;

/// What is known of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Its name.
    pub name: String,
    /// Series with at least one point.
    pub series: u64,
    /// Points.
    pub points: u64,
    /// First and last timestamp.
    pub time: TimeRange,
}

/// Some points of one series, in ascending time.
#[derive(Clone, Copy, Debug)]
pub struct PointRun<'a> {
    /// Which series.
    pub series: &'a SeriesInfo,
    /// Unix ns, strictly ascending.
    pub timestamps: &'a [i64],
    /// The values' bit patterns, one for each timestamp.
    pub bits: &'a [u64],
}

/// Points of chosen series, read in pieces of bounded size as of one commit.
pub struct SeriesPoints<'db> {
    view: Arc<ReadView>,
    reader: SeriesReader,
    source: MapSource<'db>,
    /// The series of the last run, by its place in the view.
    current: Option<(usize, SeriesInfo)>,
}

impl Db {
    /// The points of the selected series in `range`: series by series, each in ascending time.
    pub fn scan(&self, selector: &Selector, range: impl Into<TimeRange>) -> Result<SeriesPoints<'_>> {
        Ok(self.scan_view(self.shared.view(selector, range.into())?))
    }

    /// [`Db::scan`] of those of the selected series that `keep` takes.
    pub(crate) fn scan_only(
        &self,
        selector: &Selector,
        range: TimeRange,
        keep: impl Fn(SeriesKey) -> bool,
    ) -> Result<SeriesPoints<'_>> {
        let mut view = self.shared.view(selector, range)?;
        view.retain(|series| keep(series.key()));
        Ok(self.scan_view(view))
    }

    pub(super) fn scan_view(&self, view: ReadView) -> SeriesPoints<'_> {
        let view = Arc::new(view);
        let source = self.shared.view_source(&view);
        let reader = SeriesReader::new(Arc::clone(&view), TimeRange::ALL);
        SeriesPoints { reader, view, source, current: None }
    }

    /// The digest of all visible points, and the commit it is of. `trust_stored` takes the digests that segments keep of
    /// themselves where nothing overlaps, which makes it almost free; without it every point is read.
    pub fn digest(&self, trust_stored: bool) -> Result<(Digest, Position)> {
        self.digest_with(trust_stored, |_| {})
    }

    /// [`Db::digest`], which calls `on_progress` with the points read so far.
    pub fn digest_with(
        &self,
        trust_stored: bool,
        mut on_progress: impl FnMut(u64),
    ) -> Result<(Digest, Position)> {
        let view = self.shared.view(&Selector::all(), TimeRange::ALL)?;
        let (digest, position) = self.digest_of_view(view, trust_stored, |points| {
            on_progress(points);
            true
        })?;
        digest
            .map(|digest| (digest, position))
            .ok_or_else(|| Error::new(ErrorKind::Io, "the digest was not finished"))
    }

    /// The digest, if no more than `points_max` points have to be read for it.
    pub(crate) fn digest_within(&self, points_max: u64) -> Result<Option<Digest>> {
        let view = self.shared.view(&Selector::all(), TimeRange::ALL)?;
        self.digest_of(view, points_max)
    }

    /// The digest of a view of everything, if no more than `points_max` points have to be read for it.
    pub(crate) fn digest_of(&self, view: ReadView, points_max: u64) -> Result<Option<Digest>> {
        self.digest_of_view(view, true, |points| points <= points_max).map(|(digest, _)| digest)
    }

    /// A snapshot, and a view of everything at the same commit.
    pub(crate) fn snapshot_with_view(&self) -> Result<(Snapshot, ReadView)> {
        self.shared.with_names(|engine| {
            Ok(match engine.view(&Selector::all(), TimeRange::ALL)? {
                NameStep::Ready(view) => NameStep::Ready((engine.snapshot(), view)),
                NameStep::Load(load) => NameStep::Load(load),
            })
        })
    }

    /// Reads on as long as `go_on`, told the points read so far, says so.
    fn digest_of_view(
        &self,
        view: ReadView,
        trust_stored: bool,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Result<(Option<Digest>, Position)> {
        let view = Arc::new(view);
        let position = view.position();
        let mut source = self.shared.source(view.extents());
        let mut run = DigestRun::new(view, trust_stored);
        if !read_digest(&mut run, &source, &self.shared.helpers, &mut go_on)? {
            return Ok((None, position));
        }
        loop {
            match run.step(&mut source)? {
                Step::Ready(Some(digest)) => return Ok((Some(digest), position)),
                Step::Ready(None) if go_on(run.points_read()) => {}
                Step::Ready(None) => return Ok((None, position)),
                Step::Missing(_) | Step::Done => {
                    return Err(Error::new(ErrorKind::Io, "a mapped segment is not there"));
                }
            }
        }
    }

    /// The metrics that have points, by name.
    pub fn metrics(&self) -> Result<Vec<MetricInfo>> {
        let mut points = self.scan(&Selector::all(), TimeRange::ALL)?;
        let mut metrics: std::collections::BTreeMap<String, MetricInfo> = std::collections::BTreeMap::new();
        let mut last = None;
        while let Some((series, count, time)) = points.next_counted()? {
            let name = points.view.series().get(series).map_or("", |series| series.metric());
            let metric = metrics.entry(name.to_owned()).or_insert_with(|| MetricInfo {
                name: name.to_owned(),
                series: 0,
                points: 0,
                time: TimeRange::EMPTY,
            });
            metric.points += count;
            metric.time = metric.time.union(&time);
            if last != Some(series) {
                metric.series += 1;
                last = Some(series);
            }
        }
        Ok(metrics.into_values().collect())
    }
}

impl SeriesPoints<'_> {
    /// The series that may have points, in the order in which they come.
    pub fn series(&self) -> impl ExactSizeIterator<Item = SeriesInfo> {
        self.view.series().iter().map(|series| series.info())
    }

    /// The last commit it sees.
    pub fn position(&self) -> Position {
        self.view.position()
    }

    /// The next run of points of one series; `None` at the end. A series may come in several runs.
    pub fn next_run(&mut self) -> Result<Option<PointRun<'_>>> {
        match self.reader.next(&mut self.source, &mut |_, _| false)? {
            Step::Ready(chunk) => {
                let (timestamps, bits) = self.reader.points();
                if self.current.as_ref().is_none_or(|(number, _)| *number != chunk.series) {
                    let series = self.view.series().get(chunk.series);
                    self.current = series.map(|series| (chunk.series, series.info()));
                }
                Ok(self.current.as_ref().map(|(_, series)| PointRun { series, timestamps, bits }))
            }
            Step::Missing(_) => Err(Error::new(ErrorKind::Io, "a mapped segment is not there")),
            Step::Done => Ok(None),
        }
    }

    /// The next run of points as series, number and time range, without reading blocks whose statistics say it.
    pub(crate) fn next_counted(&mut self) -> Result<Option<(usize, u64, TimeRange)>> {
        let mut counted = None;
        let step = self.reader.next(&mut self.source, &mut |_, statistics| {
            counted = Some((statistics.count, statistics.time));
            true
        })?;
        match step {
            Step::Ready(chunk) => {
                let (timestamps, _) = self.reader.points();
                let read = match (timestamps.first(), timestamps.last()) {
                    (Some(&min), Some(&max)) => (timestamps.len() as u64, TimeRange { min, max }),
                    _ => (0, TimeRange::EMPTY),
                };
                let (count, time) = if chunk.by_statistics { counted.unwrap_or(read) } else { read };
                Ok(Some((chunk.series, count, time)))
            }
            Step::Missing(_) => Err(Error::new(ErrorKind::Io, "a mapped segment is not there")),
            Step::Done => Ok(None),
        }
    }
}
