//! `chronicle inspect`: what a database file is and what it is made of.
use super::place::Source;
use super::report::{Report, bytes, count, grouped, time};
use super::settings::settings;
use super::{Outcome, Status};
use chronicle::Db;
use chronicle::files::paths::DbPaths;
use clap::Args;
use std::path::Path;

/// Show identity, settings, position, files and segments
#[derive(Args)]
#[command(after_help = "\
It reads no points, so it is quick on any size.

Examples:
  chronicle inspect --path data.db
  chronicle inspect --path /backup/repo --at 2024-01-28T10:00:00Z
  chronicle inspect --path /backup/snapshot-2024-01-28 --json")]
pub(super) struct Inspect {
    #[command(flatten)]
    source: Source,
}

impl Inspect {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let db = self.source.open()?;
        let report = files(content(settings(identity(Report::new(), &db), &db), &db)?, &db)?;
        recovery(report, &db).print(json)?;
        Ok(Status::Done)
    }
}

fn identity(report: Report, db: &Db) -> Report {
    let identity = db.identity();
    let report = report
        .fact("path", "path", db.path().display())
        .fact("lineage", "lineage", identity.lineage)
        .fact("epoch", "epoch", identity.epoch);
    let report = match &identity.parent {
        None => report.line("parent          none (the first epoch)").field("parent", serde_json::Value::Null),
        Some(parent) => report
            .line(format_args!("parent          epoch {} at lsn {}", parent.epoch, parent.lsn))
            .field("parent", serde_json::json!({ "epoch": parent.epoch.to_string(), "lsn": parent.lsn.to_string(), "chain": parent.chain.to_string() })),
    };
    report.fact("created", "created", time(identity.created_ns))
}

fn content(report: Report, db: &Db) -> Result<Report, chronicle::Error> {
    let (layout, position, gauges) = (db.layout()?, db.position(), db.gauges());
    let committed = (position.lsn > 0).then(|| time(position.commit_time_ns));
    let metrics = db.metric_names().len();
    let features = layout.features;
    let words = [features.compatible, features.read_only_compatible, features.incompatible];
    let [compatible, read_only, incompatible] = words.map(|word| format!("{word:#x}"));
    Ok(report
        .fact("lsn", "lsn", position.lsn)
        .line(format_args!("committed       {}", committed.as_deref().unwrap_or("never")))
        .field("commit_time", committed)
        .text("chain", position.chain)
        .text("durable_lsn", layout.durable_lsn)
        .line(format_args!("checkpoint      generation {}, lsn {}", layout.generation, layout.checkpoint_lsn))
        .text("generation", layout.generation)
        .text("checkpoint_lsn", layout.checkpoint_lsn)
        .line(format_args!("metrics         {}", grouped(metrics as u64)))
        .text("metrics", metrics)
        .line(format_args!("series          {}", grouped(gauges.series as u64)))
        .text("series", gauges.series)
        .line(format_args!(
            "segments        {} with {}, {}",
            grouped(layout.segments),
            count(layout.segment_points, "point"),
            bytes(layout.segment_bytes)
        ))
        .text("segments", layout.segments)
        .text("segment_points", layout.segment_points)
        .text("segment_bytes", layout.segment_bytes)
        .line(format_args!(
            "head            {}, {} of log to replay",
            count(gauges.head_points as u64, "point"),
            bytes(gauges.replay_bytes)
        ))
        .text("head_points", gauges.head_points)
        .text("replay_bytes", gauges.replay_bytes)
        .line(format_args!("features        {compatible} {read_only} {incompatible}"))
        .field("format_version", chronicle::format::FORMAT_VERSION)
        .field("features", serde_json::json!({ "compatible": compatible, "read_only_compatible": read_only, "incompatible": incompatible }))
        .line(format_args!("free            {}, {} pending", bytes(gauges.free_bytes), bytes(gauges.pending_bytes)))
        .text("free_bytes", gauges.free_bytes)
        .text("pending_bytes", gauges.pending_bytes))
}

fn files(report: Report, db: &Db) -> Result<Report, chronicle::Error> {
    if db.is_in_place() {
        return Ok(report.field("files", Vec::<serde_json::Value>::new()));
    }
    let paths = DbPaths::new(db.path())?;
    let logs = paths.log_files()?;
    let mut report = report;
    let mut list = Vec::new();
    for path in std::iter::once(paths.data()).chain(logs.iter().map(|log| log.path.as_path())) {
        // A writer may drop a log file between the listing and the look at it.
        let Ok(metadata) = std::fs::metadata(path) else { continue };
        let name = path.file_name().map(Path::new).unwrap_or(path).display().to_string();
        report = report.line(format_args!("file            {name}  {}", bytes(metadata.len())));
        list.push(serde_json::json!({ "name": name, "bytes": metadata.len().to_string() }));
    }
    Ok(report.field("files", list))
}

fn recovery(report: Report, db: &Db) -> Report {
    let recovery = db.recovery();
    let mut report = report
        .text("commits_replayed", recovery.commits_replayed)
        .field("torn", recovery.torn.clone())
        .field("damaged_slot", recovery.damaged_slot.clone());
    if let Some(torn) = &recovery.torn {
        report = report.line(format_args!("torn tail       {torn}"));
    }
    if let Some(slot) = &recovery.damaged_slot {
        report = report.line(format_args!("damaged slot    {slot}"));
    }
    report
}
