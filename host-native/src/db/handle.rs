//! Handle: a series that is written to often.
use chronicle_core::model::{PointSource, Series, SeriesMemo};
use std::sync::Arc;

/// A series of one open database, for writing without its names being compared or hashed for every point. Made by
/// [`super::Db::series`]; cheap to clone, and to share between threads.
#[derive(Clone, Debug)]
pub struct SeriesHandle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    series: Series,
    memo: SeriesMemo,
}

/// A point of a series with a handle; put it into a batch like any other.
#[derive(Clone, Copy, Debug)]
pub struct SeriesPoint<'a> {
    handle: &'a SeriesHandle,
    timestamp: i64,
    value: f64,
}

impl SeriesHandle {
    pub(super) fn new(series: Series, memo: SeriesMemo) -> Self {
        Self(Arc::new(Inner { series, memo }))
    }

    /// Metric and tags.
    pub fn series(&self) -> &Series {
        &self.0.series
    }

    /// A point at `timestamp`, Unix ns.
    #[inline]
    pub fn at(&self, timestamp: i64, value: f64) -> SeriesPoint<'_> {
        SeriesPoint { handle: self, timestamp, value }
    }
}

impl PointSource for SeriesPoint<'_> {
    fn metric(&self) -> &str {
        &self.handle.0.series.metric
    }
    fn tag_count(&self) -> usize {
        self.handle.0.series.tags.len()
    }
    fn tag_at(&self, index: usize) -> (&str, &str) {
        self.handle.0.series.tags.at(index)
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
    #[inline]
    fn memo(&self) -> Option<&SeriesMemo> {
        Some(&self.handle.0.memo)
    }
}
