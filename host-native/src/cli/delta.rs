//! `chronicle backup create --delta`: adds a point to a delta repository.
use super::failure::Failure;
use super::progress::shared;
use super::report::{Report, bytes, count, time};
use super::{Outcome, Status};
use chronicle::backup::{DeltaBackupConfig, DeltaReport};
use chronicle::{BackupManager, Db};
use serde_json::{Value, json};
use std::path::Path;

/// Makes the point, or with `dry_run` says what it would bring.
pub(super) fn create(
    db: &Db,
    repository: &Path,
    (new_base, single_writer): (bool, bool),
    dry_run: bool,
    json: bool,
) -> Outcome {
    let config = DeltaBackupConfig::new(repository);
    let config = if single_writer { config.single_writer() } else { config };
    let config = if new_base { config.new_base() } else { config.continue_newest() };
    let manager = BackupManager::new(db);
    if dry_run {
        return plan(&manager, &config, repository, json);
    }
    let report = manager.create_delta_backup_with(&config, &shared("copying"))?;
    told(&report, json)?;
    // The point is whole, and the data of the lost commits is in it; but there are moments that nobody can go back to.
    Ok(if report.record.gap.is_some() { Status::Incomplete } else { Status::Done })
}

fn told(report: &DeltaReport, json: bool) -> Result<(), Failure> {
    let (record, point) = (&report.record, &report.record.point);
    let committed = time(point.commit_time_ns);
    let continues = record.previous.map(|previous| previous.entry.to_string());
    let resumed = match report.bytes_resumed {
        0 => String::new(),
        resumed => format!(", {} of them from an interrupted run", bytes(resumed)),
    };
    let holds = match point.digest {
        Some(digest) => format!("{} of {}", count(digest.points, "point"), count(point.series, "series")),
        None => count(point.series, "series"),
    };
    let mut text = Report::new()
        .line(match &continues {
            Some(previous) => format!("{} of {}, after {previous}", record.entry, report.place),
            None => format!("{} of {}", record.entry, report.place),
        })
        .line(format_args!("lsn {}, committed {committed}", point.lsn))
        .line(match report.bytes {
            0 => format!("{holds}; nothing was new, {:.1} s", report.took.as_secs_f64()),
            new => format!("{holds}; {} were new{resumed}, {:.1} s", bytes(new), report.took.as_secs_f64()),
        })
        .line(match (&point.digest, &point.digest_reason) {
            (Some(digest), _) => format!("digest {digest}"),
            (None, reason) => format!("no digest: {}", reason.as_deref().unwrap_or("not computed")),
        });
    if let Some(gap) = record.gap {
        text = text.line(format_args!(
            "gap: the log of commits {} to {} is gone. Their data is in this point; the moments between them are lost. \
             Back up more often, or let more log be kept with `chronicle backup slots --limit`",
            gap.first_lsn, gap.last_lsn
        ));
    }
    if report.single_writer {
        text = text.line(
            "single writer: this place was declared to have one; a second host that backs up there could destroy this backup",
        );
    }
    if let Some(error) = &report.hint_error {
        text = text
            .line(format_args!("the point is whole, but a hint for the next backup was not left: {error}"));
    }
    let gap = record
        .gap
        .map(|gap| json!({ "first_lsn": gap.first_lsn.to_string(), "last_lsn": gap.last_lsn.to_string() }));
    text.field("repository", report.place.clone())
        .text("point", record.entry)
        .field("continues", continues)
        .text("lineage", point.lineage)
        .text("epoch", point.epoch)
        .text("lsn", point.lsn)
        .field("commit_time", committed)
        .field("complete_until", time(point.complete_until_ns))
        .field("points", point.digest.map(|digest| digest.points.to_string()))
        .text("points_stored", point.points_stored)
        .text("log_points", point.log_points)
        .text("series", point.series)
        .text("bytes", report.bytes)
        .text("bytes_resumed", report.bytes_resumed)
        .text("bytes_read", report.bytes_read)
        .field("digest", point.digest.map(|digest| digest.to_string()))
        .field("digest_reason", point.digest_reason.clone())
        .field("gap", gap.unwrap_or(Value::Null))
        .field("single_writer", report.single_writer)
        .field("hint_error", report.hint_error.as_ref().map(ToString::to_string))
        .field("seconds", report.took.as_secs_f64())
        .print(json)
}

fn plan(manager: &BackupManager<'_>, config: &DeltaBackupConfig, repository: &Path, json: bool) -> Outcome {
    let plan = manager.plan_delta_backup(config)?.plan;
    let objects = plan.objects();
    let total: u64 = objects.iter().map(|(_, len)| len).sum();
    let objects: Vec<Value> = objects
        .iter()
        .map(|(name, len)| json!({ "name": name.to_string(), "bytes": len.to_string() }))
        .collect();
    Report::new()
        .line(plan.to_string().trim_end())
        .line(format_args!("nothing was made (--dry-run); it would go to {}", repository.display()))
        .field("dry_run", true)
        .field("repository", repository.display().to_string())
        .text("point", plan.entry)
        .field("continues", plan.previous.map(|previous| previous.entry.to_string()))
        .text("lsn", plan.position.lsn)
        .field("commit_time", time(plan.position.commit_time_ns))
        .text("bytes", total)
        .text("bytes_read", plan.source_bytes())
        .field("objects", objects)
        .print(json)?;
    Ok(Status::Done)
}
