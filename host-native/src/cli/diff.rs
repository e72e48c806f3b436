//! `chronicle backup diff`: what two points or moments hold differently.
use super::args::parse_at;
use super::failure::Failure;
use super::keys::KeyArgs;
use super::report::{Report, bytes, count, grouped, name, time};
use super::rows::{Align, Table};
use super::{Outcome, Status};
use chronicle::backup::Repository;
use chronicle::backup::repository::{DiffReport, Entry, MetricDiff, Moment, SpanEnd};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Print what differs between two points or moments of a delta repository
#[derive(Args)]
#[command(after_help = "\
A and B are points, as `backup list` names them, or moments: a time with a zone, lsn:N, or latest. Segments that both have
are not read. What B has and A does not is added, what only A has is removed.

Examples:
  chronicle backup diff --source /backup/repo delta-003 latest
  chronicle backup diff --source /backup/repo 2024-01-28T10:00:00Z 2024-01-28T11:00:00Z --json")]
pub(super) struct Diff {
    /// The repository
    #[arg(long, value_name = "DIR", aliases = ["dest", "path"])]
    source: PathBuf,
    #[command(flatten)]
    keys: KeyArgs,
    /// The first point or moment
    #[arg(value_name = "A", value_parser = parse_place)]
    before: Place,
    /// The second one
    #[arg(value_name = "B", value_parser = parse_place)]
    after: Place,
}

/// A point or a moment.
#[derive(Clone, Copy, Debug)]
enum Place {
    Point(Entry),
    Moment(Moment),
}

fn parse_place(text: &str) -> Result<Place, String> {
    match Entry::parse(text) {
        Some(entry) => Ok(Place::Point(entry)),
        None => parse_at(text).map(|at| Place::Moment(at.moment())),
    }
}

impl Diff {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let repository = Repository::open_with(&self.source, &self.keys.keys()?)?;
        let moment = |place: &Place| -> Result<Moment, Failure> {
            match place {
                Place::Point(entry) => Ok(repository.moment_of(*entry)?),
                Place::Moment(moment) => Ok(*moment),
            }
        };
        let found = repository.diff(&moment(&self.before)?, &moment(&self.after)?)?;
        told(&found).print(json)?;
        Ok(Status::Done)
    }
}

fn told(found: &DiffReport) -> Report {
    let ((points_added, points_removed, points_changed), (added, removed, changed)) =
        (found.points(), found.series());
    let mut text = Report::new()
        .line(format_args!("from {} to {}", end(&found.before), end(&found.after)))
        .line(format_args!(
            "{} in both; only in the first {} ({}), only in the second {} ({})",
            count(found.segments_shared, "segment"),
            grouped(found.segments_only.0),
            bytes(found.bytes_only.0),
            grouped(found.segments_only.1),
            bytes(found.bytes_only.1)
        ));
    if found.is_empty() {
        text = text.line("both hold the same points");
    } else {
        let right = Align::Right;
        let mut table = Table::new(
            &["metric", "+points", "-points", "changed", "+series", "-series", "first", "last"],
            &[Align::Left, right, right, right, right, right, Align::Left, Align::Left],
        );
        let mut rows = Vec::new();
        for metric in &found.metrics {
            let ends = metric
                .time
                .map_or((String::new(), String::new()), |range| (time(range.min), time(range.max)));
            let cells = vec![
                name(&metric.metric),
                grouped(metric.points_added),
                grouped(metric.points_removed),
                grouped(metric.points_changed),
                grouped(metric.series_added),
                grouped(metric.series_removed),
                ends.0,
                ends.1,
            ];
            table.push(cells, &mut rows);
        }
        table.finish(&mut rows);
        text = text.line(String::from_utf8_lossy(&rows).trim_end_matches('\n')).line(format_args!(
            "{} added, {} removed, {} changed",
            count(points_added, "point"),
            grouped(points_removed),
            grouped(points_changed)
        ));
    }
    let metrics: Vec<Value> = found.metrics.iter().map(metric).collect();
    let moment = |end: &SpanEnd| json!({ "lsn": end.lsn.to_string(), "epoch": end.epoch.to_string(), "commit_time": end.commit_time_ns.map(time) });
    text.field("from", moment(&found.before))
        .field("to", moment(&found.after))
        .text("segments_shared", found.segments_shared)
        .text("segments_removed", found.segments_only.0)
        .text("segments_added", found.segments_only.1)
        .text("bytes_removed", found.bytes_only.0)
        .text("bytes_added", found.bytes_only.1)
        .text("points_added", points_added)
        .text("points_removed", points_removed)
        .text("points_changed", points_changed)
        .text("series_added", added)
        .text("series_removed", removed)
        .text("series_changed", changed)
        .field("metrics_added", found.metrics_added.clone())
        .field("metrics_removed", found.metrics_removed.clone())
        .field("metrics", metrics)
}

fn end(end: &SpanEnd) -> String {
    match end.commit_time_ns {
        Some(ns) => format!("commit {} ({})", end.lsn, time(ns)),
        None => format!("commit {}", end.lsn),
    }
}

fn metric(metric: &MetricDiff) -> Value {
    json!({
        "metric": metric.metric,
        "points_added": metric.points_added.to_string(),
        "points_removed": metric.points_removed.to_string(),
        "points_changed": metric.points_changed.to_string(),
        "series_added": metric.series_added.to_string(),
        "series_removed": metric.series_removed.to_string(),
        "series_changed": metric.series_changed.to_string(),
        "first": metric.time.map(|range| time(range.min)),
        "last": metric.time.map(|range| time(range.max)),
    })
}
