//! `chronicle.toml` as types. `core/docs/schedule.md` says what every key means.
//!
//! What it keeps true: a key that is not known is an error, never a setting that silently does nothing; what was read by
//! [`ScheduleConfig::parse`] or made in a program is checked by the same rules before anything runs.
mod check;
mod parse;
mod values;

pub(super) use check::{CheckedJob, check};

use crate::verify::VerifyLevel;
use chronicle_core::backup::repository::Keep;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use values::{duration, maybe_duration};

/// What is backed up when, and who is told. The content of `chronicle.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The zone of cron expressions that have none of their own, an IANA name. `None` is UTC.
    pub timezone: Option<String>,
    /// Where numbers are left for Prometheus.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// Who is told of successes of jobs that name nobody.
    pub on_success: Option<HookConfig>,
    /// Who is told of failures of jobs that name nobody.
    pub on_failure: Option<HookConfig>,
    /// The jobs, at least one.
    #[serde(default, rename = "job")]
    pub jobs: Vec<JobConfig>,
}

/// One database to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// What it is called in reports and metrics; no two are equal.
    pub name: String,
    /// The data file. In a program that hands over its open [`Db`](crate::Db) it may be left out.
    pub source: Option<PathBuf>,
    /// A delta repository (a path or URL), or a folder in which snapshot directories are made.
    pub dest: PathBuf,
    /// What is made there.
    #[serde(default)]
    pub kind: BackupKind,
    /// When, as a cron expression. Either this or `every`.
    pub schedule: Option<String>,
    /// When, as an interval from start to start.
    #[serde(default, deserialize_with = "maybe_duration")]
    pub every: Option<Duration>,
    /// The zone of all cron expressions of this job.
    pub timezone: Option<String>,
    /// When a delta repository gets a point that brings everything again. Never, without it.
    pub new_base: Option<NewBaseConfig>,
    /// How often a run that failed in a way that may pass is tried again before its next regular time.
    #[serde(default = "retries")]
    pub retries: u32,
    /// How long after a failure.
    #[serde(default = "retry_wait", deserialize_with = "duration")]
    pub retry_wait: Duration,
    /// Which backups stay; the rest is deleted after every backup. All stay, without it.
    pub keep: Option<KeepConfig>,
    /// When the backups are verified. Never, without it.
    pub verify: Option<VerifyConfig>,
    /// When a backup is restored to a scratch place, to prove that it can be. Never, without it.
    pub drill: Option<DrillConfig>,
    /// A URL that is fetched after every backup that left nothing out.
    pub heartbeat: Option<String>,
    /// Who is told of successes.
    pub on_success: Option<HookConfig>,
    /// Who is told of failures, and of backups that lost moments.
    pub on_failure: Option<HookConfig>,
}

/// What a job makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// Points of a delta repository.
    #[default]
    Delta,
    /// Snapshot directories `snapshot-<UTC time>`.
    Snapshot,
}

/// When a delta repository gets a new base: as soon as one of the two is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBaseConfig {
    /// With every this many points, the base included.
    pub points: Option<u64>,
    /// When the newest base is this old.
    #[serde(default, deserialize_with = "maybe_duration")]
    pub age: Option<Duration>,
}

/// Which backups stay: those that any rule keeps. The newest, the newest verified and those on hold stay in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepConfig {
    /// So many of the newest.
    pub last: u64,
    /// One for each of so many hours, counted back from the newest.
    pub hourly: u64,
    /// One for each of so many days.
    pub daily: u64,
    /// One for each of so many weeks.
    pub weekly: u64,
    /// One for each of so many months.
    pub monthly: u64,
    /// One for each of so many years.
    pub yearly: u64,
    /// Every one that is at most so much older than the newest.
    #[serde(deserialize_with = "maybe_duration")]
    pub within: Option<Duration>,
    /// How far before the newest any moment can be restored; older logs go. Of a delta repository.
    #[serde(deserialize_with = "maybe_duration")]
    pub pitr_window: Option<Duration>,
}

impl From<KeepConfig> for Keep {
    fn from(keep: KeepConfig) -> Self {
        let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self {
            last: keep.last,
            hourly: keep.hourly,
            daily: keep.daily,
            weekly: keep.weekly,
            monthly: keep.monthly,
            yearly: keep.yearly,
            within_ns: keep.within.map(ns),
            pitr_window_ns: keep.pitr_window.map(ns),
        }
    }
}

/// When a backup is restored to a scratch place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrillConfig {
    /// When, as a cron expression. Either this or `every`.
    pub schedule: Option<String>,
    /// When, as an interval.
    #[serde(deserialize_with = "maybe_duration")]
    pub every: Option<Duration>,
    /// A file that the report replaces: a page when it ends with `.html`, else JSON when it ends with `.json`.
    pub report: Option<PathBuf>,
    /// The folder to restore in, with room for the database. The system's temporary folder, without it.
    pub scratch: Option<PathBuf>,
}

/// When and how the backups of a job are verified.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyConfig {
    /// How much: records, or full.
    #[serde(default)]
    pub level: Level,
    /// When, as a cron expression. Either this or `every`.
    pub schedule: Option<String>,
    /// When, as an interval.
    #[serde(default, deserialize_with = "maybe_duration")]
    pub every: Option<Duration>,
}

/// How much is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Records, and that what they name is there.
    Records,
    /// Every byte.
    #[default]
    Full,
}

impl From<Level> for VerifyLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Records => Self::Records,
            Level::Full => Self::Full,
        }
    }
}

/// Who is told. A command and a webhook may both be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// A program and its arguments; no shell is between. The report is on its standard input, as JSON.
    #[serde(default)]
    pub command: Vec<String>,
    /// An http or https URL to which the report is posted, as JSON.
    pub webhook: Option<String>,
    /// How long the command, and each try of the webhook, may take.
    #[serde(default = "hook_timeout", deserialize_with = "duration")]
    pub timeout: Duration,
    /// How often a webhook is tried again.
    #[serde(default = "hook_retries")]
    pub retries: u32,
}

/// Where numbers are left for Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// A file for the textfile collector, replaced whole after every run. Its name ends in `.prom`.
    pub file: Option<PathBuf>,
    /// An address, as `127.0.0.1:9184`, where `/metrics` is served.
    pub listen: Option<String>,
}

impl ScheduleConfig {
    /// These jobs, and nobody is told.
    pub fn new(jobs: impl IntoIterator<Item = JobConfig>) -> Self {
        Self { jobs: jobs.into_iter().collect(), ..Self::default() }
    }

    /// Reads the text of a `chronicle.toml`, and checks it. `InvalidInput` names the key, the line, and the nearest key that
    /// there is.
    pub fn parse(text: &str) -> Result<Self, crate::Error> {
        let config = parse::parse(text)?;
        check(&config)?;
        Ok(config)
    }

    /// Reads a `chronicle.toml`. Paths in it that are not absolute start at its folder.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, crate::Error> {
        parse::load(path.as_ref())
    }
}

impl JobConfig {
    /// Delta points of the repository at `dest`, on no schedule yet: set `every` or `schedule`.
    pub fn delta(name: impl Into<String>, dest: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            source: None,
            dest: dest.into(),
            kind: BackupKind::Delta,
            schedule: None,
            every: None,
            timezone: None,
            new_base: None,
            retries: retries(),
            retry_wait: retry_wait(),
            keep: None,
            verify: None,
            drill: None,
            heartbeat: None,
            on_success: None,
            on_failure: None,
        }
    }

    /// Snapshot directories in the folder `dest`.
    pub fn snapshot(name: impl Into<String>, dest: impl Into<PathBuf>) -> Self {
        Self { kind: BackupKind::Snapshot, ..Self::delta(name, dest) }
    }

    /// At an interval.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        Self { every: Some(interval), ..self }
    }

    /// By a cron expression.
    #[must_use]
    pub fn cron(self, expression: impl Into<String>) -> Self {
        Self { schedule: Some(expression.into()), ..self }
    }
}

impl HookConfig {
    /// A command.
    pub fn command<A: Into<String>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self { command: arguments.into_iter().map(Into::into).collect(), ..Self::nobody() }
    }

    /// A URL.
    pub fn webhook(url: impl Into<String>) -> Self {
        Self { webhook: Some(url.into()), ..Self::nobody() }
    }

    fn nobody() -> Self {
        Self { command: Vec::new(), webhook: None, timeout: hook_timeout(), retries: hook_retries() }
    }
}

fn retries() -> u32 {
    3
}

fn retry_wait() -> Duration {
    Duration::from_secs(300)
}

fn hook_timeout() -> Duration {
    Duration::from_secs(30)
}

fn hook_retries() -> u32 {
    2
}
