//! Reports: what a run of a task came to. Hooks read them as JSON, statuses keep the last ones.
use super::words::{maybe_time, number, time};
use crate::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a job does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Makes a point, or a snapshot.
    Backup,
    /// Deletes what no rule keeps; after every backup.
    Prune,
    /// Verifies what there is.
    Verify,
    /// Restores the newest moment to a scratch place, and compares it.
    Drill,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// As asked.
    Success,
    /// The backup is whole, but the log of some commits was gone: there are moments that nobody can go back to.
    Incomplete,
    /// It failed.
    Failure,
}

/// Why a run failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failed {
    /// The kind of error, as [`ErrorKind`] names it.
    pub kind: String,
    /// What happened, and what to do.
    pub message: String,
    /// Where.
    pub place: Option<String>,
}

/// A run of a task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// Of which job.
    pub job: String,
    /// What was done.
    pub task: Task,
    /// How it ended.
    pub event: Event,
    /// From where.
    pub source: String,
    /// To where.
    pub dest: String,
    /// When it began, Unix ns; RFC 3339 in JSON.
    #[serde(with = "time")]
    pub started: i64,
    /// How long it took.
    pub seconds: f64,
    /// 1, or more when it was tried again.
    pub attempt: u32,
    /// The point or the snapshot folder that was made; of other tasks the one that was looked at, where it was one.
    pub point: Option<String>,
    /// Its last commit.
    pub lsn: Option<String>,
    /// The time of that commit.
    #[serde(with = "maybe_time")]
    pub commit_time: Option<i64>,
    /// Backups that a prune removed.
    #[serde(with = "number")]
    pub removed: u64,
    /// Bytes that a backup wrote, a prune freed, a verification checked, or a drill restored.
    #[serde(with = "number")]
    pub bytes: u64,
    /// Commits whose moments are lost, as `first-last`.
    pub gap: Option<String>,
    /// What a verification found, the first of it; what a drill could not prove; what a prune waits for.
    pub findings: Vec<String>,
    /// Why it failed.
    pub error: Option<Failed>,
    /// Who could not be told, and why. It does not make the run fail.
    pub hook_errors: Vec<String>,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backup => "backup",
            Self::Prune => "prune",
            Self::Drill => "drill",
            Self::Verify => "verify",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Incomplete => "incomplete",
            Self::Failure => "failure",
        })
    }
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        Self {
            kind: format!("{:?}", error.kind()),
            message: error.message().to_owned(),
            place: error.place().map(str::to_owned),
        }
    }
}

/// Whether the same call may end otherwise in a few minutes.
pub(super) fn may_pass(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::InvalidInput | ErrorKind::Damaged | ErrorKind::Unsupported | ErrorKind::AlreadyExists
    )
}

/// One line.
impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.job, self.task, self.event)?;
        if self.attempt > 1 {
            write!(f, " at attempt {}", self.attempt)?;
        }
        if let Some(error) = &self.error {
            let place = error.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            write!(f, ": {place}{}", error.message)?;
        }
        if let Some(point) = &self.point {
            write!(f, ", {point}")?;
        }
        if let Some(gap) = &self.gap {
            write!(f, ", the moments between commits {gap} are lost")?;
        }
        if self.removed > 0 {
            write!(f, ", {} removed", self.removed)?;
        }
        write!(f, ", {} bytes, {:.1} s", self.bytes, self.seconds)?;
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        for error in &self.hook_errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}
