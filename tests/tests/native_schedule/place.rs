//! The place of these tests: an open database, a destination, and a clock that stands still until it is moved.
use chronicle::schedule::{
    BackupScheduler, Clock, JobConfig, JobStatus, ScheduleBuilder, ScheduleConfig, Task, TaskStatus,
};
use chronicle::{Config, Db, Point, now_ns};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const MINUTE: i64 = 60_000_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// Longest time that a test waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a test waits to see that nothing happens: many looks of a scheduler at the clock.
pub(crate) const A_WHILE: Duration = Duration::from_millis(150);

pub(crate) struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn step(&self) -> Duration {
        Duration::from_millis(2)
    }
}

impl ManualClock {
    pub(crate) fn advance(&self, ns: i64) {
        self.0.fetch_add(ns, Ordering::SeqCst);
    }
}

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) db: Arc<Db>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("data.db"), Config::default()).unwrap();
        db.write(Point::new("cpu", 1, 1.0)).unwrap();
        // Backups note the machine's time, so the test's begins there.
        Self { folder, db: Arc::new(db), clock: Arc::new(ManualClock(AtomicI64::new(now_ns()))) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A job that is due every hour.
    pub(crate) fn hourly(&self, name: &str, dest: &str) -> JobConfig {
        JobConfig::delta(name, self.path(dest)).every(Duration::from_secs(3_600))
    }

    pub(crate) fn builder(&self, config: ScheduleConfig) -> ScheduleBuilder {
        let clock: Arc<dyn Clock> = self.clock.clone();
        ScheduleBuilder::new(config).db(Arc::clone(&self.db)).clock(clock)
    }

    pub(crate) fn start(&self, jobs: impl IntoIterator<Item = JobConfig>) -> BackupScheduler {
        self.builder(ScheduleConfig::new(jobs)).start().unwrap()
    }
}

pub(crate) fn job(scheduler: &BackupScheduler, name: &str) -> JobStatus {
    scheduler.status().jobs.into_iter().find(|job| job.name == name).unwrap()
}

pub(crate) fn task(scheduler: &BackupScheduler, name: &str, task: Task) -> TaskStatus {
    job(scheduler, name).tasks.into_iter().find(|status| status.task == task).unwrap()
}

/// Runs of the backup of a job so far: successes and failures.
pub(crate) fn runs(scheduler: &BackupScheduler, name: &str) -> (u64, u64) {
    let status = task(scheduler, name, Task::Backup);
    (status.successes, status.failures)
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}
