//! Status: what every job did last and does next.
use super::freshness::Freshness;
use super::report::{Event, RunReport, Task};
use super::words::{maybe_time, number};
use serde::{Deserialize, Serialize};

/// What a scheduler is at.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ScheduleStatus {
    /// In the order of the configuration.
    pub jobs: Vec<JobStatus>,
}

/// A job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JobStatus {
    /// Its name.
    pub name: String,
    /// Where its backups go.
    pub dest: String,
    /// What runs now.
    pub running: Option<Task>,
    /// What its destination held after the last run, or at the start; nothing while it could not be read.
    pub freshness: Option<Freshness>,
    /// What it does.
    pub tasks: Vec<TaskStatus>,
    /// Hooks and heartbeats that could not be told.
    #[serde(with = "number")]
    pub hook_failures: u64,
}

/// One task of a job. Counts begin with the scheduler.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskStatus {
    /// Which.
    pub task: Task,
    /// When it is due; in the past when it waits for its turn. Unix ns.
    #[serde(with = "maybe_time")]
    pub next: Option<i64>,
    /// How it went last.
    pub last: Option<RunReport>,
    /// When it last went well, Unix ns.
    #[serde(with = "maybe_time")]
    pub last_success: Option<i64>,
    /// Runs that ended as asked.
    #[serde(with = "number")]
    pub successes: u64,
    /// Backups that lost moments.
    #[serde(with = "number")]
    pub incompletes: u64,
    /// Runs that failed.
    #[serde(with = "number")]
    pub failures: u64,
    /// Bytes of all runs.
    #[serde(with = "number")]
    pub bytes: u64,
    /// Seconds of all runs.
    pub seconds: f64,
}

impl JobStatus {
    pub(super) fn new(name: &str, dest: String, tasks: impl Iterator<Item = Task>) -> Self {
        Self {
            name: name.to_owned(),
            dest,
            running: None,
            freshness: None,
            tasks: tasks.map(TaskStatus::new).collect(),
            hook_failures: 0,
        }
    }

    /// Takes in how a run went.
    pub(super) fn ended(&mut self, report: &RunReport) {
        self.running = None;
        self.hook_failures += report.hook_errors.len() as u64;
        if let Some(task) = self.tasks.iter_mut().find(|task| task.task == report.task) {
            task.ended(report);
        }
    }
}

impl TaskStatus {
    fn new(task: Task) -> Self {
        Self {
            task,
            next: None,
            last: None,
            last_success: None,
            successes: 0,
            incompletes: 0,
            failures: 0,
            bytes: 0,
            seconds: 0.0,
        }
    }

    fn ended(&mut self, report: &RunReport) {
        match report.event {
            Event::Success => self.successes += 1,
            Event::Incomplete => self.incompletes += 1,
            Event::Failure => self.failures += 1,
        }
        if report.event == Event::Success {
            self.last_success = Some(report.started);
        }
        self.bytes = self.bytes.saturating_add(report.bytes);
        self.seconds += report.seconds;
        self.last = Some(report.clone());
    }
}
