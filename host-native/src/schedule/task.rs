//! One run of one task: the same calls that the command line makes.
use super::config::{BackupKind, CheckedJob, Level};
use super::freshness::Freshness;
use super::notes::Notes;
use super::report::{Event, Failed, RunReport, Task, may_pass};
use crate::backup::repository::Proof;
use crate::backup::{BackupManager, BackupSource, DeltaBackupConfig, Repository, find_source, is_repository};
use crate::db::{Config, Db};
use crate::error::{Error, ErrorKind, Result};
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
        bytes: 0,
        gap: None,
        findings: Vec::new(),
        error: None,
        hook_errors: Vec::new(),
    };
    let done = match task {
        Task::Backup => backup(job, db, now_ns, &mut report),
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
                let notes = Notes { verified: Some(now_ns), verified_made: Some(record.created_ns) };
                notes.write(dest)?;
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
