//! The restored database against the backup that it came from, which is read where it lies: two ways to the same data that
//! share neither the copy nor its log.
use super::report::{DrillCheck, DrillMetric};
use crate::db::{Db, MetricInfo, Row};
use crate::error::Result;
use chronicle_core::model::TimeRange;
use chronicle_core::query::Query;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Metrics whose newest points are compared one by one; of more, these many, evenly from the first to the last name.
const SAMPLES_MAX: usize = 50;
/// Newest points of each that are compared.
const NEWEST_MAX: u64 = 100;

/// What a comparison came to.
pub(super) struct Compared {
    pub(super) checks: Vec<DrillCheck>,
    pub(super) metrics: Vec<DrillMetric>,
    pub(super) series: u64,
    pub(super) first_query: Duration,
}

/// Compares counts and times of every metric, and the newest points of some.
pub(super) fn compare(restored: &Db, in_place: &Db) -> Result<Compared> {
    let started = Instant::now();
    let first = restored.metric_names().into_iter().next();
    if let Some(metric) = &first {
        newest(restored, metric)?;
    }
    let first_query = started.elapsed();
    let (here, there) = (by_name(restored.metrics()?), by_name(in_place.metrics()?));
    let mut names: Vec<&String> = here.keys().chain(there.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let stride = names.len().div_ceil(SAMPLES_MAX).max(1);
    let (mut metrics, mut counted, mut values, mut compared) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (index, name) in names.iter().enumerate() {
        let (a, b) = (here.get(*name), there.get(*name));
        if a != b {
            counted.push(format!("{name}: {} restored, {} in the backup", told(a), told(b)));
        }
        let mut sampled = None;
        let mut agrees = a == b;
        if index % stride == 0 {
            let (rows, expected) = (newest(restored, name)?, newest(in_place, name)?);
            if !same(&rows, &expected) {
                agrees = false;
                values.push(format!("the newest points of {name} differ"));
            }
            compared += rows.len() as u64;
            sampled = Some(rows.len() as u64);
        }
        if let Some(metric) = a.or(b) {
            metrics.push(DrillMetric {
                name: metric.name.clone(),
                series: metric.series,
                points: metric.points,
                time_ns: (metric.time.min, metric.time.max),
                compared: sampled,
                agrees,
            });
        }
    }
    let series = here.values().map(|metric| metric.series).sum();
    let checks = vec![
        check(
            "every metric has the series, the points and the times that it has in the backup, read in place",
            counted,
            format!("{} metrics, {series} series", here.len()),
        ),
        check(
            "the newest values are those of the backup, read in place",
            values,
            format!("{compared} points of {} metrics, bit for bit", names.len().div_ceil(stride)),
        ),
    ];
    Ok(Compared { checks, metrics, series, first_query })
}

fn check(claim: &str, wrong: Vec<String>, right: String) -> DrillCheck {
    let shown: Vec<&str> = wrong.iter().take(5).map(String::as_str).collect();
    let more = wrong.len().saturating_sub(shown.len());
    let detail = match (wrong.is_empty(), more) {
        (true, _) => right,
        (false, 0) => shown.join("; "),
        (false, more) => format!("{}; and {more} more", shown.join("; ")),
    };
    DrillCheck { claim: claim.into(), passed: wrong.is_empty(), detail }
}

fn by_name(metrics: Vec<MetricInfo>) -> BTreeMap<String, MetricInfo> {
    metrics.into_iter().map(|metric| (metric.name.clone(), metric)).collect()
}

fn told(metric: Option<&MetricInfo>) -> String {
    metric.map_or("nothing".into(), |metric| format!("{} points in {} series", metric.points, metric.series))
}

fn newest(db: &Db, metric: &str) -> Result<Vec<Row>> {
    let query = Query::metric(metric).range(TimeRange::ALL).descending().limit(NEWEST_MAX);
    db.query(&query)?.rows()
}

/// By their bits: not a number is equal to itself here, and the two zeros are not equal.
fn same(a: &[Row], b: &[Row]) -> bool {
    let bits =
        |row: &Row| -> Vec<Option<u64>> { row.values.iter().map(|value| value.map(f64::to_bits)).collect() };
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| a.timestamp == b.timestamp && a.tags == b.tags && bits(a) == bits(b))
}
