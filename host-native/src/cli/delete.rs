//! `chronicle delete`: deletes the points of chosen series in a stretch of time.
use super::args::{Span, Tags, parse_metric};
use super::names::check_metric;
use super::place::Target;
use super::report::{Report, count};
use super::{Outcome, Status};
use chronicle::Config;
use clap::Args;

/// Delete points of a metric
#[derive(Args)]
#[command(after_help = "\
The points are gone from every read at once; their space is given back by a compaction. Points written later are not
touched, whatever their times.

Examples:
  chronicle delete --path data.db --metric cpu --tag host=a --dry-run
  chronicle delete --path data.db --metric cpu --end 2024-01-01T00:00:00Z")]
pub(super) struct Delete {
    #[command(flatten)]
    target: Target,
    /// The metric
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    metric: String,
    #[command(flatten)]
    tags: Tags,
    #[command(flatten)]
    span: Span,
    /// Only say how much would be deleted
    #[arg(long)]
    dry_run: bool,
}

impl Delete {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let range = self.span.range()?;
        let config = if self.dry_run { Config::read_only() } else { Config::default() };
        let db = self.target.open(config)?;
        check_metric(&db, &self.metric)?;
        let selector = self.tags.selector(Some(&self.metric));
        // Nobody else writes while this database is open here, so these are the points that the deletion takes.
        let (points, series) = db.count(&selector, range)?;
        let lsn = if self.dry_run || points == 0 { None } else { db.delete(&selector, range)? };
        db.close()?;
        let done = if self.dry_run { "would delete" } else { "deleted" };
        let at = lsn.map_or_else(String::new, |lsn| format!(" (lsn {lsn})"));
        Report::new()
            .line(format_args!("{done} {} of {}{at}", count(points, "point"), count(series, "series")))
            .text("points", points)
            .text("series", series)
            .field("lsn", lsn.map(|lsn| lsn.to_string()))
            .field("dry_run", self.dry_run)
            .print(json)?;
        Ok(Status::Done)
    }
}
