//! One run of one task: the same calls that the command line makes.
use super::config::{BackupKind, CheckedJob, Level};
use super::freshness::Freshness;
use super::notes::Notes;
use super::report::{Event, Failed, RunReport, Task, may_pass};
use crate::backup::drill::{DrillConfig, drill_with};
use crate::backup::repository::Proof;
use crate::backup::{BackupManager, BackupSource, DeltaBackupConfig, Repository, find_source, is_repository};
use crate::backup::{PruneConfig, prune_with};
use crate::db::{Config, Db};
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::write_file_durably;
use crate::verify::verify_with;
use chronicle_core::time::format_timestamp;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Findings that a report repeats; the rest is counted.
const FINDINGS_MAX: usize = 10;

/// What a run came to, and whether it may pass.
pub(super) struct Ended {
    pub(super) report: RunReport,
    pub(super) may_pass: bool,
}

/// Runs it. Never fails: the report says how it went.
pub(super) fn run(job: &CheckedJob, db: Option<&Db>, task: Task, attempt: u32, now_ns: i64) -> Ended {
    let started = Instant::now();
    let source = match (db, &job.config.source) {
        (Some(db), _) => db.path().display().to_string(),
        (None, source) => source.as_ref().map(|source| source.display().to_string()).unwrap_or_default(),
    };
    let mut report = RunReport {
        job: job.config.name.clone(),
        task,
        event: Event::Success,
        source,
        dest: job.config.dest.display().to_string(),
        started: now_ns,
        seconds: 0.0,
        attempt,
        point: None,
        lsn: None,
        commit_time: None,
        removed: 0,
        bytes: 0,
        gap: None,
        findings: Vec::new(),
        error: None,
        hook_errors: Vec::new(),
    };
    let done = match task {
        Task::Backup => backup(job, db, now_ns, &mut report),
        Task::Prune => prune(job, &mut report),
        Task::Drill => drill(job, now_ns, &mut report),
        Task::Verify => verify(job, now_ns, &mut report),
    };
    let mut passing = false;
    if let Err(error) = done {
        passing = may_pass(error.kind());
        report.event = Event::Failure;
        report.error = Some(Failed::from(&error));
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ended { report, may_pass: passing }
}

fn backup(job: &CheckedJob, db: Option<&Db>, now_ns: i64, report: &mut RunReport) -> Result<()> {
    let opened;
    let db = match (db, &job.config.source) {
        (Some(db), _) => db,
        (None, Some(source)) => {
            opened = Db::open(find_source(source)?.data_path(), Config::read_only())?;
            &opened
        }
        (None, None) => return Err(Error::invalid("the job has no source")),
    };
    let manager = BackupManager::new(db);
    let dest = &job.config.dest;
    let point = match job.config.kind {
        BackupKind::Snapshot => {
            std::fs::create_dir_all(dest)
                .map_err(|error| crate::error::io("create the folder", dest, &error))?;
            let made = manager.create_snapshot(free_name(dest, now_ns))?;
            report.point = made.folder.file_name().map(|name| name.to_string_lossy().into_owned());
            report.bytes = made.bytes;
            made.record
        }
        BackupKind::Delta => {
            let config = DeltaBackupConfig::new(dest);
            let config =
                if new_base_is_due(job, now_ns)? { config.new_base() } else { config.continue_newest() };
            let made = manager.create_delta_backup_with(&config, &|_, _| {})?;
            report.point = Some(made.record.entry.to_string());
            report.bytes = made.bytes;
            if let Some(gap) = made.record.gap {
                report.event = Event::Incomplete;
                report.gap = Some(format!("{}-{}", gap.first_lsn, gap.last_lsn));
            }
            made.record.point
        }
    };
    report.lsn = Some(point.lsn.to_string());
    report.commit_time = Some(point.commit_time_ns);
    Ok(())
}

fn new_base_is_due(job: &CheckedJob, now_ns: i64) -> Result<bool> {
    let Some(rule) = job.config.new_base else { return Ok(false) };
    let fresh = Freshness::of(&job.config.dest)?;
    let old = |limit: std::time::Duration| {
        fresh.base_made.is_some_and(|made| {
            u128::from(now_ns.saturating_sub(made).max(0).unsigned_abs()) >= limit.as_nanos()
        })
    };
    Ok(rule.points.is_some_and(|points| fresh.points_since_base >= points) || rule.age.is_some_and(old))
}

/// `snapshot-2024-01-28T03-00-00Z`, and a number when that is taken: a clock that was set back says the same time twice.
fn free_name(folder: &Path, now_ns: i64) -> PathBuf {
    let second = now_ns - now_ns.rem_euclid(1_000_000_000);
    let name = format!("snapshot-{}", format_timestamp(second).replace(':', "-"));
    let names = std::iter::once(name.clone()).chain((2u32..).map(|number| format!("{name}-{number}")));
    let mut paths = names.map(|name| folder.join(name));
    let free = paths.find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| folder.join(name))
}

fn verify(job: &CheckedJob, now_ns: i64, report: &mut RunReport) -> Result<()> {
    let Some(verify) = &job.config.verify else { return Ok(()) };
    let (level, dest) = (verify.level.into(), &job.config.dest);
    let is_full = verify.level == Level::Full;
    let findings = if is_repository(dest)? {
        let repository = Repository::open(dest)?;
        // What comes in meanwhile may not be looked at.
        let newest = repository.content()?.timeline.newest().map(|point| point.entry);
        let newest =
            newest.ok_or_else(|| Error::new(ErrorKind::NotRestorable, "there is no point to verify"))?;
        report.point = Some(newest.to_string());
        let found = repository.verify(level, &|_, _| {})?;
        report.bytes = found.bytes;
        if found.findings.is_empty() && is_full {
            repository.note_proof(newest, Proof::Verified)?;
        }
        found.findings
    } else {
        let found = verify_with(dest, level, &|_, _| {})?;
        report.bytes = found.report.bytes;
        if let BackupSource::Snapshot { folder, record } = &found.source {
            report.point = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            if found.report.is_sound() && is_full {
                let verified_made = Some(record.created_ns);
                Notes { verified: Some(now_ns), verified_made, ..Notes::read(dest) }.write(dest)?;
            }
        }
        found.report.findings
    };
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    report.findings = told.into_iter().take(FINDINGS_MAX).collect();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Error::damaged(format!(
            "{} findings; run `chronicle backup verify --source {}`, and see core/docs/runbook.md",
            findings.count(),
            dest.display()
        ))),
    }
}

fn prune(job: &CheckedJob, report: &mut RunReport) -> Result<()> {
    let Some(keep) = job.config.keep else { return Ok(()) };
    let done = prune_with(&PruneConfig::new(&job.config.dest, keep.into()))?;
    (report.removed, report.bytes) = (done.points_removed, done.bytes_freed);
    // The mark is written, and the next prune takes it up.
    let waits = done.waits_for.map(|error| format!("not everything is deleted yet: {}", error.message()));
    report.findings.extend(waits);
    Ok(())
}

fn drill(job: &CheckedJob, now_ns: i64, report: &mut RunReport) -> Result<()> {
    let Some(drill) = &job.config.drill else { return Ok(()) };
    let dest = &job.config.dest;
    let made = match is_repository(dest)? {
        true => None,
        false => match find_source(dest)? {
            BackupSource::Snapshot { record, .. } => Some(record.created_ns),
            BackupSource::Database { .. } => None,
        },
    };
    let config = DrillConfig::new(dest);
    let config = drill.scratch.iter().fold(config, |config, folder| config.scratch(folder));
    let done = drill_with(&config, &|_, _| {})?;
    report.bytes = done.bytes;
    if let Some(moment) = &done.moment {
        report.point.clone_from(&moment.point);
        report.lsn = Some(moment.lsn.to_string());
        report.commit_time = Some(moment.commit_time_ns);
    }
    let failed = done.checks.iter().filter(|check| !check.passed);
    report.findings =
        failed.map(|check| format!("{}: {}", check.claim, check.detail)).take(FINDINGS_MAX).collect();
    if let Some(path) = &drill.report {
        let is_page = path.extension().is_some_and(|end| end == "html");
        let text = if is_page { done.to_html() } else { done.to_json() };
        write_file_durably(path, text.as_bytes())?;
    }
    if !done.passed() {
        return Err(Error::damaged("the restore is not what it must be; see core/docs/runbook.md"));
    }
    match (made, done.note_error) {
        (Some(made), _) => {
            let now = Some(now_ns);
            Notes { verified: now, verified_made: Some(made), restored: now }.write(dest)
        }
        (None, Some(error)) => Err(Error::new(
            ErrorKind::Io,
            format!("it is proven, and the note of that could not be left: {error}"),
        )),
        (None, None) => Ok(()),
    }
}
