//! `chronicle backup`: makes backups.
use super::keys::{EncryptArgs, KeyArgs};
use super::place::open_source;
use super::progress::shared;
use super::report::{Report, bytes, count, time};
use super::verify::Level;
use super::{Outcome, Status, prune, repository};
use chronicle::{BackupManager, DeltaBackupConfig};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::num::NonZeroU64;
use std::path::PathBuf;

/// Make backups, and look at them
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle backup create --source data.db --dest /backup/snapshot-2024-01-28
  chronicle backup create --source data.db --dest /backup/repo --delta
  chronicle backup verify --source /backup/repo")]
pub(super) struct Backup {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Create(Create),
    List(List),
    Timeline(Timeline),
    Verify(Verify),
    Prune(prune::Prune),
    Hold(prune::Hold),
    Release(prune::Release),
    Slots(super::slots::Slots),
    Schedule(super::schedule::Schedule),
    Stream(super::stream::Stream),
    Repair(super::repair::Repair),
    Diff(super::diff::Diff),
}

/// List the points of a delta repository, or the snapshots of a folder
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle backup list --source /backup/repo
  chronicle backup list --source /backup/repo --max-age 26h")]
struct List {
    #[command(flatten)]
    repository: Place,
    /// End with exit status 1 when the newest was made longer ago than this (4 when there is none, as always)
    #[arg(long, value_name = "DURATION", value_parser = super::schedule::parse_age)]
    max_age: Option<i64>,
}

/// Print which moments a delta repository can be restored to, and the gaps between them
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle backup timeline --source /backup/repo --json")]
struct Timeline {
    #[command(flatten)]
    repository: Place,
}

/// Check every record of a delta repository, and every object that its points need
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle backup verify --source /backup/repo --level records")]
struct Verify {
    #[command(flatten)]
    repository: Place,
    /// How much is checked: records (and that the objects are there), or full
    #[arg(long, value_enum, default_value_t = Level::Full)]
    level: Level,
}

/// A repository that is looked at.
#[derive(Args)]
struct Place {
    /// The repository
    #[arg(long, value_name = "DIR", aliases = ["dest", "path"])]
    source: PathBuf,
    #[command(flatten)]
    keys: KeyArgs,
}

/// Make a snapshot directory of a database, or add a point to a delta repository, also while another process writes to it
#[derive(Args)]
#[command(after_help = "\
The backup is the state after the last commit before it began. It appears whole or not at all; an interrupted run is
continued by the next one. It is checked before it counts.

With --delta DIR is a repository: the first run brings everything, later ones what is new since the newest point, and the
log of every commit in between, which the database keeps for it up to a limit (`backup slots`). Exit status 1 when the log
of some commits was gone already: the point is made and whole, but the moments between these commits are lost.

With --encrypt-to or --passphrase-file (also without --delta) every object is an age file, which `age -d` opens by hand too. A repository is
encrypted or not as a whole; a later backup that is not, or to others, is refused.

Examples:
  chronicle backup create --source data.db --dest /backup/repo --delta
  chronicle backup create --source data.db --dest s3://bucket/backups --delta
  chronicle backup create --source data.db --dest /backup/sealed --delta --encrypt-to-file recipients.txt
  chronicle backup create --source data.db --dest /backup/snapshot-2024-01-28")]
struct Create {
    /// The data file
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// The folder to make, which must not exist yet; with --delta the repository
    #[arg(long, value_name = "DIR")]
    dest: PathBuf,
    /// Add a point to the repository at DIR, which is made when there is none
    #[arg(long)]
    delta: bool,
    /// Make a point that brings everything and continues nothing
    #[arg(long, requires = "delta")]
    new_base: bool,
    /// Declare that one host only ever writes to the repository: for stores that can't keep two apart, and WebDAV
    #[arg(long, requires = "delta")]
    single_writer: bool,
    /// Move at most so many bytes a second, such as 20MiB
    #[arg(long, value_name = "SIZE", value_parser = super::settings::parse_rate, requires = "delta")]
    bandwidth: Option<NonZeroU64>,
    /// Only print what would be copied
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    encrypt: EncryptArgs,
}

impl Backup {
    pub(super) fn run(&self, json: bool) -> Outcome {
        match &self.verb {
            Verb::Create(verb) => verb.run(json),
            Verb::Prune(verb) => verb.run(json),
            Verb::Hold(verb) => verb.run(json),
            Verb::Release(verb) => verb.run(json),
            Verb::List(verb) => {
                repository::list(&verb.repository.source, &verb.repository.keys.keys()?, verb.max_age, json)
            }
            Verb::Schedule(verb) => verb.run(json),
            Verb::Stream(verb) => verb.run(json),
            Verb::Timeline(verb) => {
                repository::timeline(&verb.repository.source, &verb.repository.keys.keys()?, json)
            }
            Verb::Slots(verb) => verb.run(json),
            Verb::Verify(verb) => repository::verify(
                &verb.repository.source,
                verb.level.into(),
                &verb.repository.keys.keys()?,
                json,
            ),
            Verb::Repair(verb) => verb.run(json),
            Verb::Diff(verb) => verb.run(json),
        }
    }
}

impl Create {
    fn run(&self, json: bool) -> Outcome {
        let db = open_source(&self.source)?;
        if self.delta {
            let config = DeltaBackupConfig::new(&self.dest).keys(self.encrypt.keys()?);
            let config = if self.single_writer { config.single_writer() } else { config };
            let config = self.bandwidth.into_iter().fold(config, DeltaBackupConfig::bandwidth);
            let config = if self.new_base { config.new_base() } else { config.continue_newest() };
            let config = self.encrypt.encrypt_to()?.into_iter().fold(config, DeltaBackupConfig::encrypt_to);
            let config = if self.encrypt.changes_recipients() { config.change_recipients() } else { config };
            return super::delta::create(&db, &config, &self.dest, self.dry_run, json);
        }
        let manager = BackupManager::new(&db);
        if let Some(to) = self.encrypt.encrypt_to()? {
            if self.dry_run {
                let config = DeltaBackupConfig::new(&self.dest).encrypt_to(to);
                return super::delta::create(&db, &config, &self.dest, true, json);
            }
            let report = manager.create_encrypted_snapshot(&self.dest, to, &shared("copying"))?;
            super::delta::told(&report, json)?;
            return Ok(Status::Done);
        }
        if self.dry_run {
            let plan = manager.plan_snapshot()?.pack;
            let files = [("data.db".to_owned(), plan.data.file_len), (plan.log.file_name(), plan.log.len())];
            Report::new()
                .line(plan.to_string().trim_end())
                .line(format_args!("nothing was made (--dry-run); it would be {}", self.dest.display()))
                .field("dry_run", true)
                .field("folder", self.dest.display().to_string())
                .text("lsn", plan.position.lsn)
                .field("commit_time", time(plan.position.commit_time_ns))
                .text("bytes", plan.data.file_len + plan.log.len())
                .field(
                    "files",
                    files.map(|(name, len)| json!({ "name": name, "bytes": len.to_string() })).to_vec(),
                )
                .print(json)?;
            return Ok(Status::Done);
        }
        let report = manager.create_snapshot_with(&self.dest, &shared("copying"))?;
        let record = &report.record;
        let committed = time(record.commit_time_ns);
        let points = record.digest.map(|digest| digest.points);
        let holds = match points {
            Some(points) => count(points, "point"),
            None => {
                format!("{} stored", count(record.points_stored.saturating_add(record.log_points), "point"))
            }
        };
        let digest = match (&record.digest, &record.digest_reason) {
            (Some(digest), _) => format!("digest {digest}"),
            (None, reason) => format!("no digest: {}", reason.as_deref().unwrap_or("not computed")),
        };
        let resumed = match report.bytes_resumed {
            0 => String::new(),
            resumed => format!(", {} of them from an interrupted run", bytes(resumed)),
        };
        let files: Vec<Value> = record
            .files
            .iter()
            .map(|file| json!({ "name": file.name, "bytes": file.len.to_string(), "blake3": file.blake3.to_string() }))
            .collect();
        Report::new()
            .line(format_args!("snapshot {}", report.folder.display()))
            .line(format_args!("lsn {}, committed {committed}", record.lsn))
            .line(format_args!(
                "{holds} of {}, {}{resumed}, {:.1} s",
                count(record.series, "series"),
                bytes(report.bytes),
                report.took.as_secs_f64()
            ))
            .line(digest)
            .field("folder", report.folder.display().to_string())
            .text("lineage", record.lineage)
            .text("epoch", record.epoch)
            .text("lsn", record.lsn)
            .field("commit_time", committed)
            .field("complete_until", time(record.complete_until_ns))
            .field("points", points.map(|points| points.to_string()))
            .text("points_stored", record.points_stored)
            .text("log_points", record.log_points)
            .text("series", record.series)
            .text("bytes", report.bytes)
            .text("bytes_resumed", report.bytes_resumed)
            .field("digest", record.digest.map(|digest| digest.to_string()))
            .field("digest_reason", record.digest_reason.clone())
            .field("files", files)
            .field("seconds", report.took.as_secs_f64())
            .print(json)?;
        Ok(Status::Done)
    }
}
