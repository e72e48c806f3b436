//! `chronicle restore --into`: chosen points of a backup into a database that exists.
use super::failure::Failure;
use super::partial::points;
use super::place::Target;
use super::report::{Report, count, name, time};
use super::{Outcome, Status};
use chronicle::backup::{PointChanges, RestoreConfig};
use chronicle::{Config, Conflict, Error, ErrorKind, IntoReport};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Metrics that are listed for people.
const LISTED_MAX: usize = 20;

/// Into which database, by which rule.
#[derive(Args, Debug)]
pub(super) struct Into {
    /// The data file of a database that exists, to add the points to; instead of --dest
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dest", "force"])]
    pub(super) into: Option<PathBuf>,
    /// With --into, where both have a point of a series and time: the database's stays, which is the default, or the
    /// backup's replaces it
    #[arg(long, value_name = "RULE", value_enum)]
    conflict: Option<Rule>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Rule {
    Keep,
    Replace,
}

impl Into {
    /// A rule without a database makes no sense.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match (&self.into, self.conflict) {
            (None, Some(_)) => Err(Failure::usage("--conflict needs --into")),
            _ => Ok(()),
        }
    }

    pub(super) fn run(&self, path: &Path, config: RestoreConfig, dry_run: bool, json: bool) -> Outcome {
        refuse_snapshot(path)?;
        let rule = match self.conflict {
            None | Some(Rule::Keep) => Conflict::Keep,
            Some(Rule::Replace) => Conflict::Replace,
        };
        let progress = points(if dry_run { "comparing" } else { "restoring" });
        let target = Target::at(path.to_owned());
        let report = if dry_run {
            config.preview(&target.open(Config::read_only())?, rule, &progress)?
        } else {
            let db = target.open(Config::default())?;
            let report = config.into_database(&db, rule, &progress)?;
            db.close()?;
            report
        };
        drop(progress);
        self.told(&report, path, dry_run, json)
    }

    fn told(&self, report: &IntoReport, path: &Path, dry_run: bool, json: bool) -> Outcome {
        let committed = time(report.source.commit_time_ns);
        let done = match (dry_run, report.lsn) {
            (true, _) => "would write",
            (false, Some(_)) => "wrote",
            (false, None) => "nothing to write:",
        };
        let at = report.lsn.map_or_else(String::new, |lsn| format!(" as commit {lsn}"));
        let rule = match self.conflict {
            None | Some(Rule::Keep) => "the database's stay",
            Some(Rule::Replace) => "the backup's win",
        };
        let mut text = Report::new()
            .line(format_args!("from lsn {}, committed {committed}", report.source.lsn))
            .line(format_args!(
                "{done} {} of {} to {}{at}",
                count(report.written, "point"),
                count(report.series, "series"),
                path.display()
            ))
            .line(format_args!("chosen: {} ({rule})", changes(&report.changes)));
        for (metric, own) in report.metrics.iter().take(LISTED_MAX) {
            text = text.line(format_args!("  {}: {}", name(metric), changes(own)));
        }
        if report.metrics.len() > LISTED_MAX {
            text = text.line(format_args!("  and {} more metrics", report.metrics.len() - LISTED_MAX));
        }
        if dry_run {
            text = text.line("nothing was changed (--dry-run)");
        }
        let object = |own: &PointChanges| json!({ "new": own.new.to_string(), "changed": own.changed.to_string(), "equal": own.equal.to_string() });
        let metrics: serde_json::Map<_, _> =
            report.metrics.iter().map(|(metric, own)| (metric.clone(), object(own))).collect();
        text.line(format_args!("digest {} (of the chosen points)", report.digest))
            .field("path", path.display().to_string())
            .text("source_lsn", report.source.lsn)
            .field("source_commit_time", committed)
            .field("lsn", report.lsn.map(|lsn| lsn.to_string()))
            .text("points", report.digest.points)
            .text("written", report.written)
            .text("series", report.series)
            .text("new", report.changes.new)
            .text("changed", report.changes.changed)
            .text("equal", report.changes.equal)
            .field("metrics", metrics)
            .text("digest", report.digest)
            .field("dry_run", dry_run)
            .field("seconds", report.took.as_secs_f64())
            .print(json)?;
        Ok(Status::Done)
    }
}

fn changes(own: &PointChanges) -> String {
    format!("{} new, {} changed, {} equal", own.new, own.changed, own.equal)
}

/// A snapshot stays as it is; a preview against one would promise what a restore refuses.
fn refuse_snapshot(path: &Path) -> Result<(), Error> {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    match folder.is_some_and(|folder| folder.join("metadata.json").exists()) {
        true => Err(Error::new(
            ErrorKind::ReadOnly,
            "this is a snapshot (metadata.json lies beside it), which stays as it is; name the data file of a database",
        )
        .at(path.display())),
        false => Ok(()),
    }
}
