//! `chronicle restore`: makes a database out of a backup.
use super::progress::shared;
use super::report::{Report, bytes, count, time};
use super::{Outcome, Status};
use chronicle::backup::{BackupSource, RestoreOptions, plan_restore, restore_with};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Restore a database from a snapshot or a stopped copy
#[derive(Args)]
#[command(after_help = "\
The copy is built aside, every byte of it is checked, and DIR/data.db appears by one rename. A folder that holds data.db
or data.db.* is refused; --force moves those files into a folder beside, and never touches others. An interrupted
restore is continued by the next one. The database goes on as a new epoch of its history.

Examples:
  chronicle restore --source /backup/snapshot-2024-01-28 --dest /var/lib/chronicle
  chronicle restore --source /backup/latest --dest restored --dry-run
  chronicle restore --source /backup/latest --dest /var/lib/chronicle --force")]
pub(super) struct Restore {
    /// A snapshot directory, a folder of them (then the newest), or a stopped copy of a database
    #[arg(long, value_name = "PATH")]
    source: PathBuf,
    /// The folder that will hold data.db
    #[arg(long, value_name = "DIR")]
    dest: PathBuf,
    /// Move the files of a database that is there aside
    #[arg(long)]
    force: bool,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Restore {
    pub(super) fn run(&self, json: bool) -> Outcome {
        if self.dry_run {
            return self.plan(json);
        }
        let options = RestoreOptions { force: self.force };
        let report = restore_with(&self.source, &self.dest, options, &shared("restoring"))?;
        let committed = time(report.position.commit_time_ns);
        let proven =
            if report.digest_proven { "as recorded" } else { "computed; the source has no record of it" };
        let mut text = Report::new()
            .line(format_args!("restored {}", report.path.display()))
            .line(format_args!("lsn {}, committed {committed}", report.position.lsn))
            .line(format_args!(
                "{} of {}, {} checked, {:.1} s",
                count(report.digest.points, "point"),
                count(report.series, "series"),
                bytes(report.bytes),
                report.took.as_secs_f64()
            ))
            .line(format_args!("digest {} ({proven})", report.digest))
            .line(format_args!("epoch {} continues {}", report.epoch, report.parent));
        if let Some(replaced) = &report.replaced {
            text = text.line(format_args!("the old files are in {}", replaced.display()));
        }
        text.field("path", report.path.display().to_string())
            .text("lsn", report.position.lsn)
            .field("commit_time", committed)
            .text("epoch", report.epoch)
            .text("parent", report.parent)
            .text("points", report.digest.points)
            .text("series", report.series)
            .text("bytes", report.bytes)
            .text("bytes_resumed", report.bytes_resumed)
            .text("digest", report.digest)
            .field("digest_proven", report.digest_proven)
            .field("replaced", report.replaced.as_ref().map(|path| path.display().to_string()))
            .field("seconds", report.took.as_secs_f64())
            .print(json)?;
        Ok(Status::Done)
    }

    fn plan(&self, json: bool) -> Outcome {
        let plan = plan_restore(&self.source, &self.dest)?;
        let total: u64 = plan.files.iter().map(|(_, len)| len).sum();
        let mut text = Report::new();
        if let BackupSource::Snapshot { folder, record } = &plan.source {
            let committed = time(record.commit_time_ns);
            text = text
                .line(format_args!("from {}: lsn {}, committed {committed}", folder.display(), record.lsn))
                .text("lsn", record.lsn)
                .field("commit_time", committed);
        }
        for (path, len) in &plan.files {
            text = text.line(format_args!("  copy {} ({})", path.display(), bytes(*len)));
        }
        for path in &plan.in_the_way {
            let what = if self.force { "move aside" } else { "in the way, needs --force:" };
            text = text.line(format_args!("  {what} {}", path.display()));
        }
        let files: Vec<_> = plan
            .files
            .iter()
            .map(|(path, len)| json!({ "path": path.display().to_string(), "bytes": len.to_string() }))
            .collect();
        let in_the_way: Vec<_> = plan.in_the_way.iter().map(|path| path.display().to_string()).collect();
        text.line(format_args!(
            "nothing was restored (--dry-run); {} would go to {}",
            bytes(total),
            plan.target.join("data.db").display()
        ))
        .field("dry_run", true)
        .field("target", plan.target.display().to_string())
        .text("bytes", total)
        .field("files", files)
        .field("in_the_way", in_the_way)
        .print(json)?;
        Ok(Status::Done)
    }
}
