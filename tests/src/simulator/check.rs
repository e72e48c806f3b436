//! Compares what readers, queries and digests answer with the oracle.
use super::db::SimDb;
use super::disk::SimDisk;
use super::view::SimView;
use crate::oracle::{Oracle, State, digest};
use crate::workload::Random;
use chronicle_core::digest::Digest;
use chronicle_core::engine::{DigestRun, Engine, QueryRun, ReadView, ReplayEnd, Selector, SeriesReader};
use chronicle_core::error::Result;
use chronicle_core::model::{Series, TimeRange};
use chronicle_core::query::{Aggregate, Query};
use chronicle_core::source::{Source, Step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is compared of aggregates: functions whose answer is exact here.
const AGGREGATES: [Aggregate; 6] =
    [Aggregate::Count, Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::First, Aggregate::Last];

/// All points of a view, series by series, through a reader.
pub fn read_all(view: &Arc<ReadView>, source: &mut dyn Source) -> Result<Vec<(Series, i64, u64)>> {
    let mut reader = SeriesReader::new(Arc::clone(view), TimeRange::ALL);
    let mut points = Vec::new();
    loop {
        match reader.next(source, &mut |_, _| false)? {
            Step::Ready(chunk) => {
                assert!(!chunk.by_statistics, "statistics were taken that nobody asked for");
                let series = view.series()[chunk.series].info().series;
                let (timestamps, bits) = reader.points();
                assert!(!timestamps.is_empty(), "an empty run of points");
                points.extend(timestamps.iter().zip(bits).map(|(&t, &b)| (series.clone(), t, b)));
            }
            Step::Missing(ranges) => panic!("everything is in memory, yet {ranges:?} are missing"),
            Step::Done => return Ok(points),
        }
    }
}

/// The digest of a view.
pub fn digest_of(view: &Arc<ReadView>, source: &mut dyn Source, trust_stored: bool) -> Result<Digest> {
    let mut run = DigestRun::new(Arc::clone(view), trust_stored);
    loop {
        match run.step(source)? {
            Step::Ready(Some(digest)) => return Ok(digest),
            Step::Ready(None) => {}
            step => panic!("everything is in memory, yet a digest came to {step:?}"),
        }
    }
}

/// Rows of a query: timestamp, tags of the group, values as bits.
pub type Rows = Vec<(i64, Vec<(String, String)>, Vec<u64>)>;

/// Runs a query to its end.
pub fn run_query(query: &Query, view: &Arc<ReadView>, source: &mut dyn Source) -> Result<Rows> {
    let mut run = QueryRun::new(query, Arc::clone(view), 1 << 30)?;
    let width = run.schema().value_columns().len();
    let mut rows = Rows::new();
    loop {
        match run.step(source)? {
            Step::Ready(batch) => {
                for (timestamp, group, values) in batch.rows(width) {
                    let tags = run.group(group).expect("the group of a row").iter();
                    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
                    rows.push((timestamp, tags, values.iter().map(|value| value.to_bits()).collect()));
                }
            }
            Step::Missing(ranges) => panic!("everything is in memory, yet {ranges:?} are missing"),
            Step::Done => return Ok(rows),
        }
    }
}

/// What a query must answer, computed point by point from a state. Aggregates are grouped by all tags.
pub fn naive_rows(query: &Query, state: &State) -> Rows {
    let points = state.iter().filter(|((series, timestamp), _)| {
        crate::oracle::selects(&query.selector(), series) && query.range.contains(*timestamp)
    });
    let tags = |series: &Series| -> Vec<(String, String)> {
        series.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    if query.select == chronicle_core::query::Select::Points {
        let mut rows: Rows = points.map(|((series, t), &bits)| (*t, tags(series), vec![bits])).collect();
        rows.sort();
        return rows;
    }
    type Window = (i64, Vec<(String, String)>);
    let mut windows: BTreeMap<Window, Vec<(i64, u64)>> = BTreeMap::new();
    let mut first: BTreeMap<Vec<(String, String)>, i64> = BTreeMap::new();
    for ((series, timestamp), &bits) in points {
        let group = tags(series);
        let start = match query.window_ns {
            Some(window) => {
                let start = i128::from(*timestamp).div_euclid(window.into()) * i128::from(window);
                i64::try_from(start).unwrap_or(i64::MIN)
            }
            None if query.range.min == i64::MIN => *first.entry(group.clone()).or_insert(*timestamp),
            None => query.range.min,
        };
        windows.entry((start, group)).or_default().push((*timestamp, bits));
    }
    windows.into_iter().map(|((start, group), points)| (start, group, naive_values(&points))).collect()
}

/// The values of [`AGGREGATES`] over points in order of time.
fn naive_values(points: &[(i64, u64)]) -> Vec<u64> {
    let values: Vec<f64> = points.iter().map(|&(_, bits)| f64::from_bits(bits)).collect();
    let mut numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    numbers.sort_by(f64::total_cmp);
    let ends = [points[0].1, points[points.len() - 1].1];
    let sum = values.iter().fold(0.0, |sum, value| sum + value);
    let of = |number: Option<&f64>| number.copied().unwrap_or(f64::NAN).to_bits();
    vec![
        (values.len() as f64).to_bits(),
        sum.to_bits(),
        of(numbers.first()),
        of(numbers.last()),
        ends[0],
        ends[1],
    ]
}

/// One bit pattern for every NaN: which one a sum or an extreme answers is not promised.
fn plain(mut rows: Rows) -> Rows {
    for (.., values) in &mut rows {
        for index in 1..values.len().min(4) {
            if f64::from_bits(values[index]).is_nan() {
                values[index] = f64::NAN.to_bits();
            }
        }
    }
    rows
}

impl SimView {
    /// Every point, through a reader, against what was visible when the view was taken.
    pub fn check_points(&self, data: &[u8]) {
        let mut source = data;
        let mut found = read_all(&self.view, &mut source).expect("sound segments");
        // A reader goes by series number, the oracle by name; inside a series both are in order of time.
        let ascending = found.array_windows().all(|[(a, at, _), (b, bt, _)]| a != b || at < bt);
        assert!(ascending, "points of a series are not in order");
        found.sort();
        let range = self.view.range();
        let expected = self.state.iter().filter(|((_, timestamp), _)| range.contains(*timestamp));
        let mut expected = expected.map(|((series, timestamp), &bits)| (series, *timestamp, bits));
        for (series, timestamp, bits) in &found {
            let Some((s, t, b)) = expected.next() else {
                panic!("{series:?} at {timestamp} is answered but was deleted or never written")
            };
            assert_eq!((series, timestamp, bits), (&**s, &t, &b), "found (left) and expected (right) points");
        }
        assert_eq!(expected.next(), None, "a point is missing");
    }

    /// The digest, trusting what segments store and not, against the points one by one.
    pub fn check_digest(&self, data: &[u8]) {
        let expected = digest(&self.state);
        for trust_stored in [false, true] {
            let mut source = data;
            let found = digest_of(&self.view, &mut source, trust_stored).expect("sound segments");
            assert_eq!(found, expected, "digest, stored ones trusted: {trust_stored}");
        }
    }
}

/// Compares everything that an engine shows with the oracle's state at its position.
pub(super) fn check_engine(engine: &mut Engine, disk: &mut SimDisk, oracle: &mut Oracle) {
    let lsn = engine.position().lsn;
    assert_eq!(engine.position(), oracle.position(lsn), "position");
    let view =
        SimView::take(engine, disk, oracle, &Selector::all(), TimeRange::ALL).expect("sound dictionaries");
    view.check_points(disk.data.bytes());
    view.check_digest(disk.data.bytes());
    assert_eq!(engine.gauges().series, oracle.series_count(lsn), "number of series");
}

impl SimDb {
    /// Compares everything visible with the oracle.
    pub fn check_all(&mut self) {
        check_engine(&mut self.engine, &mut self.disk, &mut self.oracle);
    }

    /// Every commit after the catalog's is a moment that can be opened: with the log cut behind it, the database holds what
    /// it held then. Restoring to a moment rests on it.
    pub fn check_history(&mut self, random: &mut Random) {
        let (first, last) = (self.engine.snapshot().checkpoint().lsn, self.engine.position().lsn);
        for _ in 0..3 {
            let lsn = first + random.below(last - first + 1);
            let mut disk = self.disk.clone();
            disk.cut_log_after(lsn);
            let (mut engine, end) = super::db::open_engine(&disk, self.options()).expect("a shorter log");
            assert_eq!(end, ReplayEnd::Clean);
            assert_eq!(engine.position().lsn, lsn, "the log was cut behind this commit");
            check_engine(&mut engine, &mut disk, &mut self.oracle);
        }
    }

    /// Runs a query and compares its answer.
    pub fn check_query(&mut self, query: &Query) {
        let view = self.view(&query.selector(), query.range);
        let found = run_query(query, &view.view, &mut self.disk.data.bytes()).expect("an answer");
        let expected = naive_rows(query, &view.state);
        assert_eq!(plain(found), plain(expected), "{query:?}");
    }

    /// Runs queries over ranges that the data suggests.
    pub fn check_queries(&mut self, random: &mut Random) {
        let state = self.oracle.at(self.engine.position().lsn);
        let times: Vec<i64> = state.keys().map(|(_, timestamp)| *timestamp).collect();
        let metrics: Vec<&str> = state.keys().map(|(series, _)| series.metric.as_str()).collect();
        if times.is_empty() {
            return;
        }
        let mut pick = |bound: usize| random.below(bound as u64) as usize;
        let metric = metrics[pick(metrics.len())].to_owned();
        let (a, b) = (times[pick(times.len())], times[pick(times.len())]);
        let range = TimeRange { min: a.min(b), max: a.max(b) };
        let range = [TimeRange::ALL, range, TimeRange { max: range.max.saturating_sub(1), ..range }][pick(3)];
        let windows = [1, 7, 1_000_000_007, 60_000_000_000, super::db::HOUR, i64::MAX];
        let mut query = Query::metric(metric).range(range.min..=range.max);
        if pick(3) == 0 {
            query = query.tag("host", ["a", "b", ""][pick(3)]);
        }
        self.check_query(&query);
        query = AGGREGATES.iter().fold(query, |query, aggregate| query.aggregate(*aggregate)).group_by_all();
        if pick(4) > 0 {
            query = query.window(windows[pick(windows.len())]);
        }
        self.check_query(&query);
    }
}
