//! `chronicle metrics`: what is in a database.
use super::place::Source;
use super::report::{Report, count, grouped, time};
use super::rows::{Align, Table};
use super::{Outcome, Status};
use clap::Args;
use serde_json::{Value, json};

/// List the metrics, with their series, points and times
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle metrics --path data.db
  chronicle metrics --path /backup/snapshot-2024-01-28 --json")]
pub(super) struct Metrics {
    #[command(flatten)]
    source: Source,
}

impl Metrics {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let db = self.source.open()?;
        let metrics = db.metrics()?;
        let right = Align::Right;
        let mut table = Table::new(
            &["metric", "series", "points", "first", "last"],
            &[Align::Left, right, right, Align::Left, Align::Left],
        );
        let mut text = Vec::new();
        for metric in &metrics {
            let cells = vec![
                metric.name.clone(),
                grouped(metric.series),
                grouped(metric.points),
                time(metric.time.min),
                time(metric.time.max),
            ];
            table.push(cells, &mut text);
        }
        table.finish(&mut text);
        let list: Vec<Value> = metrics
            .iter()
            .map(|metric| {
                json!({
                    "metric": metric.name,
                    "series": metric.series.to_string(),
                    "points": metric.points.to_string(),
                    "first": time(metric.time.min),
                    "last": time(metric.time.max),
                })
            })
            .collect();
        let points = metrics.iter().map(|metric| metric.points).sum();
        let series = metrics.iter().map(|metric| metric.series).sum();
        let text = String::from_utf8_lossy(&text);
        Report::new()
            .line(text.trim_end_matches('\n'))
            .line(format_args!(
                "({}, {}, {})",
                count(metrics.len() as u64, "metric"),
                count(series, "series"),
                count(points, "point")
            ))
            .field("metrics", list)
            .text("series", series)
            .text("points", points)
            .text("lsn", db.position().lsn)
            .print(json)?;
        Ok(Status::Done)
    }
}
