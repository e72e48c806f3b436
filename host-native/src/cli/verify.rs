//! `chronicle verify`: whether a database or a snapshot is what was written.
use super::keys::KeyArgs;
use super::progress::shared;
use super::report::{Report, time};
use super::{Outcome, Status};
use chronicle::backup::{BackupSource, is_repository};
use chronicle::verify::{Finding, VerifyLevel, verify_with};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check a database, a snapshot or a delta repository without changing anything
#[derive(Args)]
#[command(after_help = "\
It may run while another process writes to the database. Damage ends it with status 3; each finding says where it is and
which series and times it touches.

Examples:
  chronicle verify --path data.db
  chronicle verify --path /backup/repo
  chronicle verify --source /backup/latest --json")]
pub(super) struct Verify {
    /// A data file, the folder of a snapshot, a folder of snapshots (then the newest), or a delta repository
    #[arg(long, value_name = "PATH", aliases = ["source", "dest"])]
    path: PathBuf,
    /// How much is checked
    #[arg(long, value_enum, default_value_t = Level::Full)]
    level: Level,
    #[command(flatten)]
    keys: KeyArgs,
}

/// How much is checked.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Level {
    /// The record, the sizes of files, superblocks and catalog
    Records,
    /// Of a repository: also the hash of every object as it is stored; needs no key where it is encrypted
    Stored,
    /// Also every checksum, and of a backup the hash of every file
    Full,
    /// Also every point, and the stored statistics and digests; not of a repository
    Deep,
}

impl From<Level> for VerifyLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Records => Self::Records,
            Level::Stored => Self::Stored,
            Level::Full => Self::Full,
            Level::Deep => Self::Deep,
        }
    }
}

impl Verify {
    pub(super) fn run(&self, json: bool) -> Outcome {
        if is_repository(&self.path)? {
            return super::repository::verify(&self.path, self.level.into(), &self.keys.keys()?, json);
        }
        let verified = verify_with(&self.path, self.level.into(), &shared("verifying"))?;
        let report = &verified.report;
        let path = match &verified.source {
            BackupSource::Snapshot { folder, .. } => folder.display().to_string(),
            BackupSource::Database { path } => path.display().to_string(),
        };
        let kind = match (&verified.source, verified.live) {
            (BackupSource::Snapshot { .. }, _) => "snapshot",
            (_, true) => "database, open for writing elsewhere",
            (_, false) => "database",
        };
        let mut text = Report::new().line(format_args!("{path} ({kind})"));
        if let BackupSource::Snapshot { record, .. } = &verified.source {
            let committed = time(record.commit_time_ns);
            text = text
                .line(format_args!("lsn {}, committed {committed}", record.lsn))
                .text("lsn", record.lsn)
                .field("commit_time", committed);
        }
        let findings: Vec<Value> = report.findings.iter().map(finding).collect();
        text.line(report.to_string().trim_end())
            .field("path", path)
            .field("live", verified.live)
            .field("sound", report.is_sound())
            .text("bytes", report.bytes)
            .text("segments", report.segments)
            .text("blocks", report.blocks)
            .text("points_stored", report.points_stored)
            .text("log_commits", report.log_commits)
            .text("log_points", report.log_points)
            .field("torn", report.torn.as_ref().map(ToString::to_string))
            .field("findings", findings)
            .text("findings_left_out", report.findings.left_out())
            .print(json)?;
        Ok(if report.is_sound() { Status::Done } else { Status::Damaged })
    }
}

fn finding(finding: &Finding) -> Value {
    let affected = finding.affected.to_string();
    json!({
        "place": finding.place,
        "message": finding.message,
        "affected": if affected.is_empty() { Value::Null } else { Value::from(affected) },
    })
}
