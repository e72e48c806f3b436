//! Drill: a backup is restored to a scratch place, opened, compared with its record and with itself as it lies, timed, and
//! the place is removed again. A backup that nobody has restored is a hope.
//!
//! What it keeps true: it changes neither the backup nor any database, but for the note in a repository that the restore was
//! proven; and a drill that could not be carried out is an error, never a failed backup.
mod compare;
mod html;
mod picture;
mod report;
mod restorable;
mod scratch;

pub use report::{DrillCheck, DrillMetric, DrillMoment, DrillReport, DrillTimes};
pub use restorable::{RestorableLine, RestorablePoint, RestorableSpan};

use super::repository::{Moment, Proof, Repository};
use super::source::snapshots_at;
use super::{
    BackupSource, Progress, RestoreConfig, RestoreOptions, RestoreReport, find_source, is_repository,
    plan_delta_restore, plan_restore, restore_with,
};
use crate::crypt::Keys;
use crate::db::{Config, Db};
use crate::error::{Error, ErrorKind, Result};
use crate::host::now_ns;
use chronicle_core::digest::Digest;
use chronicle_core::time::format_timestamp;
use compare::compare;
use scratch::Scratch;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the restored database lies in the scratch folder.
const TARGET: &str = "restored";

/// A drill that is asked for; by itself of the newest moment, in the system's temporary folder.
#[derive(Clone, Debug)]
pub struct DrillConfig {
    source: PathBuf,
    moment: Moment,
    scratch: PathBuf,
    keys: Keys,
}

impl DrillConfig {
    /// Of a delta repository, a snapshot directory, a folder of these (then the newest), or a stopped copy.
    pub fn new(source: impl AsRef<Path>) -> Self {
        Self {
            source: source.as_ref().to_owned(),
            moment: Moment::Latest,
            scratch: std::env::temp_dir(),
            keys: Keys::none(),
        }
    }

    /// Of a moment; only a repository has several.
    #[must_use]
    pub fn at(self, moment: Moment) -> Self {
        Self { moment, ..self }
    }

    /// What opens an encrypted repository.
    #[must_use]
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Restores below this folder, which must be there, and needs room for the database.
    #[must_use]
    pub fn scratch(self, folder: impl AsRef<Path>) -> Self {
        Self { scratch: folder.as_ref().to_owned(), ..self }
    }
}

/// [`drill_with`] without a progress.
pub fn drill(config: &DrillConfig) -> Result<DrillReport> {
    drill_with(config, &|_, _| {})
}

/// Restores to a scratch folder, which is removed afterwards, and reports; `progress` is told the bytes that are restored.
///
/// Damage is no error of this function: the report says that the drill failed ([`DrillReport::passed`]), and why. After a success
/// in a repository the note is left there that its point was proven. Errors say that there was no drill: `NotRestorable` (no such backup,
/// or no such moment), `Full` (the scratch place has no room), `Busy`, `NotFound`, `Io`.
pub fn drill_with(config: &DrillConfig, progress: Progress<'_>) -> Result<DrillReport> {
    let started = Instant::now();
    let mut report = Drill { config, progress }.run()?;
    report.took = started.elapsed();
    Ok(report)
}

struct Drill<'a> {
    config: &'a DrillConfig,
    progress: Progress<'a>,
}

/// A restored database, and what it must be.
struct Restored {
    report: RestoreReport,
    point: Option<String>,
    recorded: Option<Digest>,
    in_place: Db,
}

impl Drill<'_> {
    fn run(&self) -> Result<DrillReport> {
        let is_repository = is_repository(&self.config.source)?;
        let mut report = self.begin(if is_repository { "delta repository" } else { "" });
        let outcome =
            if is_repository { self.of_repository(&mut report) } else { self.of_source(&mut report) };
        match outcome {
            Ok(()) => {}
            // The backup is not what it should be: that is what a drill finds out.
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported) => {
                report.checks.push(DrillCheck {
                    claim: "the backup can be restored, and every byte of it is the one that was written"
                        .into(),
                    passed: false,
                    detail: error.to_string(),
                });
            }
            Err(error) => return Err(error),
        }
        Ok(report)
    }

    fn begin(&self, kind: &'static str) -> DrillReport {
        DrillReport {
            source: self.config.source.display().to_string(),
            kind,
            asked: asked(&self.config.moment),
            started_ns: now_ns(),
            took: Duration::ZERO,
            moment: None,
            newest_age_ns: None,
            checks: Vec::new(),
            metrics: Vec::new(),
            series: 0,
            digest: None,
            bytes: 0,
            times: DrillTimes::default(),
            restorable: Vec::new(),
            damaged: Vec::new(),
            note_error: None,
        }
    }

    fn of_repository(&self, report: &mut DrillReport) -> Result<()> {
        let repository = Repository::open_with(&self.config.source, &self.config.keys)?;
        report.source = absolute(&self.config.source).unwrap_or_else(|| repository.place());
        (report.restorable, report.damaged) = restorable::of_repository(&repository);
        let config = RestoreConfig::new(&self.config.source, self.config.scratch.join(TARGET))
            .keys(self.config.keys.clone());
        let mut plan = plan_delta_restore(&config.moment_of(&self.config.moment))?;
        report.newest_age_ns = plan.newest_age_ns;
        let logs: u64 = plan.plan.legs.iter().flat_map(|leg| &leg.logs).map(|log| log.len).sum();
        // The log is folded in: its points lie there once more, sealed, and once more while catalogs change.
        let needed = plan.plan.container.file_len().saturating_add(logs.saturating_mul(4));
        let scratch = Scratch::make(&self.config.scratch, needed)?;
        plan.target = scratch.path().join(TARGET);
        plan.in_the_way.clear();
        let (at, recorded) = (plan.plan.at, plan.recorded_digest());
        let proves = plan.point();
        let point = Some(proves.unwrap_or(plan.plan.start).to_string());
        let restored = plan.carry_out(self.progress)?;
        let moment = Moment::Lsn { lsn: at.lsn, epoch: Some(at.epoch) };
        let in_place = repository.open_at(&moment)?.db;
        self.look(report, Restored { report: restored, point, recorded, in_place })?;
        scratch.remove()?;
        if let Some(point) = proves.filter(|_| report.passed()) {
            report.note_error =
                repository.note_proof(point, Proof::Restored).err().map(|error| error.to_string());
        }
        Ok(())
    }

    fn of_source(&self, report: &mut DrillReport) -> Result<()> {
        if self.config.moment != Moment::Latest {
            return Err(Error::new(
                ErrorKind::NotRestorable,
                "a moment can be chosen in a delta repository, and this is none: a snapshot or a copy is of one moment",
            )
            .at(self.config.source.display()));
        }
        let source = find_source(&self.config.source)?;
        let needed: u64 = plan_restore(&self.config.source, &self.config.scratch.join(TARGET))?
            .files
            .iter()
            .map(|(_, len)| len)
            .sum();
        let (point, recorded) = match &source {
            BackupSource::Snapshot { folder, record } => {
                report.kind = "snapshot directory";
                report.newest_age_ns = Some(report.started_ns.saturating_sub(record.complete_until_ns));
                report.restorable =
                    restorable::of_snapshots(&snapshots_at(&self.config.source, folder, record));
                (folder.file_name().map(|name| name.to_string_lossy().into_owned()), record.digest)
            }
            BackupSource::Database { .. } => {
                report.kind = "stopped copy";
                (None, None)
            }
        };
        let folder = match &source {
            BackupSource::Snapshot { folder, .. } => folder.clone(),
            BackupSource::Database { path } => path.clone(),
        };
        report.source = absolute(&folder).unwrap_or_else(|| folder.display().to_string());
        let scratch = Scratch::make(&self.config.scratch, needed.saturating_mul(2))?;
        let target = scratch.path().join(TARGET);
        let data = source.data_path();
        let restored = restore_with(&data, &target, RestoreOptions::default(), self.progress)?;
        let in_place = Db::open(&data, Config { background: false, ..Config::read_only() })?;
        self.look(report, Restored { report: restored, point, recorded, in_place })?;
        scratch.remove()
    }

    /// Opens what was restored and compares it.
    fn look(&self, report: &mut DrillReport, restored: Restored) -> Result<()> {
        let Restored { report: restore, point, recorded, in_place } = restored;
        let position = restore.position;
        report.times.restore = restore.took;
        report.bytes = restore.bytes;
        report.moment = Some(DrillMoment {
            point,
            epoch: restore.parent,
            lsn: position.lsn,
            commit_time_ns: position.commit_time_ns,
        });
        report.checks.push(DrillCheck {
            claim: "every byte of the backup is the one that was written".into(),
            passed: true,
            detail: format!(
                "{} checked while it was restored",
                chronicle_core::text::human_bytes(restore.bytes)
            ),
        });
        let opened = Instant::now();
        let db = Db::open(&restore.path, Config { background: false, ..Config::read_only() })?;
        report.times.open = opened.elapsed();
        let same = (db.position().lsn, db.position().chain)
            == (in_place.position().lsn, in_place.position().chain)
            && db.identity().lineage == in_place.identity().lineage;
        report.checks.push(DrillCheck {
            claim: "the restored database opens, and is of the same history up to the same commit".into(),
            passed: same,
            detail: format!("lineage {}, commit {}", db.identity().lineage, db.position().lsn),
        });
        let compared = compare(&db, &in_place)?;
        report.times.first_query = compared.first_query;
        report.checks.extend(compared.checks);
        (report.metrics, report.series) = (compared.metrics, compared.series);
        let reading = Instant::now();
        let digest = db.digest(false)?.0;
        report.times.digest = reading.elapsed();
        report.digest = Some(digest);
        let (claim, expected) = match recorded {
            Some(recorded) => ("the digest over every restored point is the one in the record", recorded),
            None => (
                "the digest over every restored point is that of the backup, read in place",
                in_place.digest(false)?.0,
            ),
        };
        report.checks.push(DrillCheck {
            claim: claim.into(),
            passed: digest == expected,
            detail: if digest == expected { digest.to_string() } else { format!("{digest}, not {expected}") },
        });
        Ok(())
    }
}

/// A local path as people elsewhere understand it; `None` for what is none.
fn absolute(path: &Path) -> Option<String> {
    path.canonicalize().ok().map(|path| path.display().to_string())
}

/// As one writes it after `--at`.
fn asked(moment: &Moment) -> String {
    match moment {
        Moment::Latest => "latest".into(),
        Moment::Lsn { lsn, .. } => format!("lsn:{lsn}"),
        Moment::CommitTime { time_ns, .. } => format_timestamp(*time_ns),
    }
}
