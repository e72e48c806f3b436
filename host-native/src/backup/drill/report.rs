//! The report of a drill: what was restored, what was compared, how long it took; as JSON for machines.
use super::restorable::{RestorableLine, RestorableSpan};
use chronicle_core::digest::Digest;
use chronicle_core::ids::{Epoch, Lsn};
use chronicle_core::time::format_timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// What a drill came to.
#[derive(Clone, Debug)]
pub struct DrillReport {
    /// The backup that was restored: a path, or what its destination is called.
    pub source: String,
    /// What it is, in a word or two.
    pub kind: &'static str,
    /// The moment that was asked for, as one writes it after `--at`.
    pub asked: String,
    /// When the drill began, host clock, Unix ns.
    pub started_ns: i64,
    /// How long all of it took.
    pub took: Duration,
    /// What was restored; `None` when nothing came back.
    pub moment: Option<DrillMoment>,
    /// Ns from the newest point's last commit to the drill; negative when a clock was set back.
    pub newest_age_ns: Option<i64>,
    /// What was compared, in order. The drill failed when one of them did.
    pub checks: Vec<DrillCheck>,
    /// The metrics as they were restored, by name.
    pub metrics: Vec<DrillMetric>,
    /// Series that were restored.
    pub series: u64,
    /// Digest of every restored point, each of them read.
    pub digest: Option<Digest>,
    /// Bytes that the restore read of the backup.
    pub bytes: u64,
    /// How long the parts took.
    pub times: DrillTimes,
    /// What could be restored when the drill ran.
    pub restorable: Vec<RestorableLine>,
    /// Records of points that can't be read.
    pub damaged: Vec<String>,
    /// Why the note of success could not be left in the repository. The drill counts all the same.
    pub note_error: Option<String>,
}

/// The restored moment.
#[derive(Clone, Debug)]
pub struct DrillMoment {
    /// Its point, or the point that it starts from; the folder's name for a snapshot.
    pub point: Option<String>,
    /// In which stretch of history.
    pub epoch: Epoch,
    /// Its last commit.
    pub lsn: Lsn,
    /// The time of that, Unix ns.
    pub commit_time_ns: i64,
}

/// One comparison.
#[derive(Clone, Debug)]
pub struct DrillCheck {
    /// What must hold.
    pub claim: String,
    /// Whether it does.
    pub passed: bool,
    /// What was seen.
    pub detail: String,
}

/// A metric.
#[derive(Clone, Debug)]
pub struct DrillMetric {
    /// Its name.
    pub name: String,
    /// Series with points.
    pub series: u64,
    /// Points.
    pub points: u64,
    /// First and last timestamp, Unix ns.
    pub time_ns: (i64, i64),
    /// Its newest points that were compared one by one; `None` when it was not one of the samples.
    pub compared: Option<u64>,
    /// Whether the restored database and the backup, read in place, say the same.
    pub agrees: bool,
}

/// Measured times.
#[derive(Clone, Copy, Debug, Default)]
pub struct DrillTimes {
    /// From the order to the published `data.db`, every byte checked.
    pub restore: Duration,
    /// Opening the restored database.
    pub open: Duration,
    /// The first query over it: the newest points of a metric.
    pub first_query: Duration,
    /// Reading every point for the digest.
    pub digest: Duration,
}

impl DrillReport {
    /// True when the backup came back and everything that was compared is equal.
    pub fn passed(&self) -> bool {
        self.moment.is_some() && self.checks.iter().all(|check| check.passed)
    }

    /// Points that were restored.
    pub fn points(&self) -> u64 {
        self.digest.map_or(0, |digest| digest.points)
    }

    /// Bytes that were restored in a second.
    pub fn bytes_per_second(&self) -> f64 {
        let seconds = self.times.restore.as_secs_f64();
        if seconds > 0.0 { self.bytes as f64 / seconds } else { 0.0 }
    }

    /// The report as one JSON object; 64-bit integers are strings.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.value())
    }

    pub(super) fn value(&self) -> Value {
        let moment = self.moment.as_ref();
        let ns = |ns: i64| ns as f64 / 1e9;
        json!({
            "passed": self.passed(),
            "source": self.source,
            "kind": self.kind,
            "asked": self.asked,
            "started": format_timestamp(self.started_ns),
            "seconds": self.took.as_secs_f64(),
            "point": moment.and_then(|moment| moment.point.clone()),
            "lsn": moment.map(|moment| moment.lsn.to_string()),
            "epoch": moment.map(|moment| moment.epoch.to_string()),
            "commit_time": moment.map(|moment| format_timestamp(moment.commit_time_ns)),
            "moment_age_seconds": moment.map(|moment| ns(self.started_ns.saturating_sub(moment.commit_time_ns))),
            "newest_age_seconds": self.newest_age_ns.map(ns),
            "points": self.points().to_string(),
            "series": self.series.to_string(),
            "digest": self.digest.map(|digest| digest.to_string()),
            "bytes": self.bytes.to_string(),
            "restore_seconds": self.times.restore.as_secs_f64(),
            "bytes_per_second": self.bytes_per_second(),
            "open_seconds": self.times.open.as_secs_f64(),
            "first_query_seconds": self.times.first_query.as_secs_f64(),
            "digest_seconds": self.times.digest.as_secs_f64(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "metrics": self.metrics.iter().map(metric).collect::<Vec<_>>(),
            "restorable": self.restorable.iter().map(line).collect::<Vec<_>>(),
            "damaged": self.damaged,
            "note_error": self.note_error,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

fn check(check: &DrillCheck) -> Value {
    json!({ "claim": check.claim, "passed": check.passed, "detail": check.detail })
}

fn metric(metric: &DrillMetric) -> Value {
    json!({
        "metric": metric.name,
        "series": metric.series.to_string(),
        "points": metric.points.to_string(),
        "first": format_timestamp(metric.time_ns.0),
        "last": format_timestamp(metric.time_ns.1),
        "newest_compared": metric.compared.map(|compared| compared.to_string()),
        "agrees": metric.agrees,
    })
}

fn line(line: &RestorableLine) -> Value {
    let span = |span: &RestorableSpan| {
        let end = |lsn: Lsn, time: Option<i64>| json!({ "lsn": lsn.to_string(), "commit_time": time.map(format_timestamp) });
        json!({
            "first": end(span.lsn.0, span.commit_time_ns.0),
            "last": end(span.lsn.1, span.commit_time_ns.1),
        })
    };
    let points = line.points.iter().map(|point| {
        json!({
            "point": point.name,
            "lsn": point.lsn.to_string(),
            "commit_time": format_timestamp(point.commit_time_ns),
        })
    });
    json!({
        "epoch": line.epoch,
        "points": points.collect::<Vec<_>>(),
        "moments": line.spans.iter().map(span).collect::<Vec<_>>(),
    })
}
