//! Reading: views, the digest, the lists of metrics and series.
use super::Db;
use chronicle_core::digest::Digest;
use chronicle_core::engine::{DigestRun, ReadView, Selector, SeriesReader};
use chronicle_core::error::Result;
use chronicle_core::head::Position;
use chronicle_core::model::TimeRange;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of a metric.
pub(crate) struct MetricInfo {
    pub(crate) series: u64,
    pub(crate) points: u64,
    pub(crate) time: TimeRange,
}

impl Db {
    /// A view of what a selector selects.
    pub(crate) async fn view(&self, selector: &Selector, range: TimeRange) -> Result<Arc<ReadView>> {
        self.with_names(|engine| engine.view(selector, range)).await.map(Arc::new)
    }

    /// The digest of all visible points, and the commit it is of. `trust_stored` takes the digests that segments keep of
    /// themselves where nothing overlaps; without it every point is read.
    pub(crate) async fn digest(&self, trust_stored: bool) -> Result<(Digest, Position)> {
        let view = self.view(&Selector::all(), TimeRange::ALL).await?;
        let position = view.position();
        let mut run = DigestRun::new(view, trust_stored);
        loop {
            if let Some(digest) = self.bytes.run_one(|source| run.step(source)).await? {
                return Ok((digest, position));
            }
        }
    }

    /// The metrics that have points, by name; blocks are counted by their statistics, unread.
    pub(crate) async fn metrics(&self) -> Result<BTreeMap<String, MetricInfo>> {
        let view = self.view(&Selector::all(), TimeRange::ALL).await?;
        let mut reader = SeriesReader::new(Arc::clone(&view), TimeRange::ALL);
        let mut metrics: BTreeMap<String, MetricInfo> = BTreeMap::new();
        let mut last = None;
        loop {
            let mut counted = None;
            let chunk = self
                .bytes
                .run(|source| {
                    reader.next(source, &mut |_, statistics| {
                        counted = Some((statistics.count, statistics.time));
                        true
                    })
                })
                .await?;
            let Some(chunk) = chunk else { return Ok(metrics) };
            let (timestamps, _) = reader.points();
            let read = match (timestamps.first(), timestamps.last()) {
                (Some(&min), Some(&max)) => (timestamps.len() as u64, TimeRange { min, max }),
                _ => (0, TimeRange::EMPTY),
            };
            let (count, time) = if chunk.by_statistics { counted.unwrap_or(read) } else { read };
            let name = view.series().get(chunk.series).map_or("", |series| series.metric());
            let metric = metrics.entry(name.to_owned()).or_insert(MetricInfo {
                series: 0,
                points: 0,
                time: TimeRange::EMPTY,
            });
            metric.points += count;
            metric.time = metric.time.union(&time);
            if last != Some(chunk.series) {
                metric.series += 1;
                last = Some(chunk.series);
            }
        }
    }
}
