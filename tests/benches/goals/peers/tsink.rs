//! tsink, the embedded time-series engine that is nearest to Chronicle: metrics with labels, a write-ahead log, compressed
//! chunks.
//!
//! Fair: durable is its default (`PerAppend`), one `insert_rows` a batch; rows own their strings, so they are made before
//! the clock starts. It compacts by itself, so its size is taken when it has closed. Sums are added up from all
//! points of a metric, since its aggregates are of one series.
use super::{Peer, Store, growth, locked, repeated};
use chronicle_tests::measure::{self, Cost, time};
use chronicle_tests::workload::{PointRef, SeriesData};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tsink::{Aggregation, DataPoint, Label, QueryOptions, Row, Storage, StorageBuilder, WalSyncMode};

pub(crate) struct Tsink;

impl Peer for Tsink {
    fn name(&self) -> &'static str {
        "tsink"
    }
    fn about(&self) -> String {
        format!("{}, WAL synced per append, defaults, size when closed", locked("tsink"))
    }
    fn ingest_share(&self) -> usize {
        20
    }
    fn open(&self, folder: &Path, durable: bool) -> Box<dyn Store> {
        // Without a log where nothing must be durable: what is in memory is written when it closes.
        let builder = StorageBuilder::new()
            .with_data_path(folder.join("tsink"))
            .with_wal_sync_mode(WalSyncMode::PerAppend)
            .with_wal_enabled(durable);
        Box::new(Open { storage: builder.build().unwrap(), before: None })
    }
}

struct Open {
    storage: Arc<dyn Storage>,
    before: Option<u64>,
}

fn labels(series: &SeriesData) -> Vec<Label> {
    series.tags.iter().map(|(key, value)| Label::new(key, value)).collect()
}

fn value(point: &DataPoint) -> f64 {
    point.value_as_f64().unwrap()
}

impl Store for Open {
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost {
        let row = |point: &PointRef<'_>| {
            let data = DataPoint::new(point.timestamp, point.value);
            Row::with_labels(point.series.metric.clone(), labels(point.series), data)
        };
        let mut cost = Cost::default();
        // A piece of the batches at a time: rows with strings of their own are large.
        for (number, piece) in batches.chunks(16).enumerate() {
            let rows: Vec<Vec<Row>> = piece.iter().map(|batch| batch.iter().map(row).collect()).collect();
            if number == 0 {
                measure::forget_peak();
                self.before = measure::resident_bytes();
            }
            let (_, part) = time(|| rows.iter().for_each(|rows| self.storage.insert_rows(rows).unwrap()));
            cost = Cost { wall: cost.wall + part.wall, cpu: cost.cpu + part.cpu };
        }
        cost
    }

    fn compact(&mut self) {}

    fn sum(&mut self, _: &Range<i64>) -> (f64, Cost) {
        time(|| {
            let metrics: BTreeSet<String> =
                self.storage.list_metrics().unwrap().into_iter().map(|series| series.name).collect();
            let all = metrics.iter().flat_map(|metric| {
                self.storage.select_all(metric, i64::MIN, i64::MAX).unwrap().into_iter().map(|found| found.1)
            });
            all.map(|points| points.iter().map(value).sum::<f64>()).sum()
        })
    }

    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost) {
        let labels = labels(series);
        repeated(repeat, || {
            let points = self.storage.select(&series.metric, &labels, range.start, range.end).unwrap();
            (points.len() as u64, points.iter().map(value).sum())
        })
    }

    fn means(&mut self, series: &[SeriesData]) -> (Vec<f64>, Cost) {
        time(|| {
            let mut means = Vec::new();
            for series in series {
                let range = series.timestamps[0]..series.timestamps[series.timestamps.len() - 1] + 1;
                let options = QueryOptions::new(range.start, range.end)
                    .with_labels(labels(series))
                    .with_downsample(super::WINDOW, Aggregation::Avg);
                let points = self.storage.select_with_options(&series.metric, options).unwrap();
                means.extend(points.iter().map(value));
            }
            means
        })
    }

    fn peak(&mut self) -> Option<u64> {
        growth(self.before)
    }

    fn close(self: Box<Self>) {
        self.storage.close().unwrap();
    }
}
