//! Schedules: backups and checks at their times, and telling people and programs how they went.
//!
//! A scheduler decides *when*; what a backup is and what protects it is decided below, in `backup`. What it keeps true: of one
//! destination one task runs at a time; one that is late runs once; a hook that fails breaks nothing; when it is stopped, what runs
//! is finished. It remembers nothing on disk: when a job ran last is read off its destination, so that a scheduler may be killed,
//! moved to another host, or replaced by cron. No safety rests on it or on its clock.
//!
//! ```no_run
//! use chronicle::schedule::{BackupScheduler, JobConfig, ScheduleConfig};
//! use chronicle::{Config, Db};
//! use std::{sync::Arc, time::Duration};
//!
//! # fn main() -> chronicle::Result<()> {
//! let db = Arc::new(Db::open("data.db", Config::default())?);
//! let job = JobConfig::delta("sensors", "/backup/sensors").every(Duration::from_secs(900));
//! let scheduler = BackupScheduler::new(Arc::clone(&db), ScheduleConfig::new([job]))?;
//! // ... the program does its work ...
//! let report = scheduler.run_now("sensors")?;
//! println!("{report}");
//! scheduler.stop();
//! # Ok(())
//! # }
//! ```
mod clock;
mod config;
mod endpoint;
mod freshness;
mod hook;
mod lane;
mod metrics;
mod notes;
mod post;
mod report;
mod runner;
mod status;
mod stream;
mod task;
mod timetable;
mod when;
mod words;

pub use clock::{Clock, SystemClock};
pub use config::{
    BackupKind, DrillConfig, HookConfig, JobConfig, KeepConfig, Level, MetricsConfig, NewBaseConfig,
    ScheduleConfig, VerifyConfig,
};
pub use freshness::Freshness;
pub use report::{Event, Failed, RunReport, Task};
pub use runner::Upcoming;
pub use status::{JobStatus, ScheduleStatus, TaskStatus};
pub use stream::{StreamMetrics, stream_metrics};

use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};
use endpoint::Endpoint;
use runner::Runner;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// How a scheduler is made.
pub struct ScheduleBuilder {
    config: ScheduleConfig,
    db: Option<Arc<Db>>,
    clock: Arc<dyn Clock>,
    observer: Option<Observer>,
}

/// Told of every run when it has ended, its hooks included.
pub(crate) type Observer = Box<dyn Fn(&RunReport) + Send + Sync>;

/// Backups at their times, in threads of this process: one a destination. Dropping it is stopping it.
pub struct BackupScheduler {
    runner: Arc<Runner>,
    lanes: Vec<JoinHandle<()>>,
    endpoint: Option<Endpoint>,
}

impl ScheduleBuilder {
    /// Of this configuration; each job opens its own source for reading while another process may write to it.
    pub fn new(config: ScheduleConfig) -> Self {
        Self { config, db: None, clock: Arc::new(SystemClock), observer: None }
    }

    /// All jobs back up this open database.
    #[must_use]
    pub fn db(self, db: Arc<Db>) -> Self {
        Self { db: Some(db), ..self }
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Is told of every run when it has ended, by the thread that ran it.
    #[must_use]
    pub fn on_run(self, observer: impl Fn(&RunReport) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }

    /// Starts it. `InvalidInput` names what is wrong with the configuration; `Busy`, `Permission` and `Io` say why metrics can't
    /// be served.
    pub fn start(self) -> Result<BackupScheduler> {
        let listen = self.config.metrics.listen.clone();
        let runner = Arc::new(self.runner()?);
        let serving = Arc::clone(&runner);
        let endpoint =
            listen.map(|listen| Endpoint::start(&listen, move || serving.metrics_now())).transpose()?;
        let mut lanes = Vec::new();
        for jobs in runner.lanes() {
            let lane = Arc::clone(&runner);
            let thread = std::thread::Builder::new().name("chronicle-backup".into());
            match thread.spawn(move || lane::run(&lane, &jobs)) {
                Ok(thread) => lanes.push(thread),
                Err(error) => {
                    drop(BackupScheduler { runner, lanes, endpoint });
                    let message = format!("a thread for backups can't be started: {error}");
                    return Err(Error::new(ErrorKind::Io, message));
                }
            }
        }
        Ok(BackupScheduler { runner, lanes, endpoint })
    }

    /// Runs, in this thread, what is due, each task once, and answers how it went.
    pub fn run_due(self) -> Result<Vec<RunReport>> {
        let runner = self.runner()?;
        Ok(lane::run_due(&runner))
    }

    /// When the tasks are due next, `count` times each, without running any.
    pub fn upcoming(self, count: usize) -> Result<Vec<Upcoming>> {
        Ok(self.runner()?.upcoming(count))
    }

    fn runner(self) -> Result<Runner> {
        Runner::new(self.config, self.db, self.clock, self.observer)
    }
}

impl BackupScheduler {
    /// Backs up `db`, which stays open as long as the scheduler lives, until [`BackupScheduler::stop`]. Errors: see
    /// [`ScheduleBuilder::start`].
    pub fn new(db: Arc<Db>, config: ScheduleConfig) -> Result<Self> {
        ScheduleBuilder::new(config).db(db).start()
    }

    /// How everything is now.
    pub fn status(&self) -> ScheduleStatus {
        self.runner.status()
    }

    /// Where metrics are served, if they are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.endpoint.as_ref().map(Endpoint::address)
    }

    /// Makes a backup now, whatever the schedule says, and waits for it. The next regular one is counted from it. `NotFound` when
    /// there is no such job, `Cancelled` when the scheduler was stopped before. How the run went is in the report.
    pub fn run_now(&self, job: &str) -> Result<RunReport> {
        self.run_task_now(job, Task::Backup)
    }

    /// The same for another task; `NotFound` also when the job does not have it.
    pub fn run_task_now(&self, job: &str, task: Task) -> Result<RunReport> {
        let report = self.runner.request(job, task)?;
        report.recv().map_err(|_| Error::new(ErrorKind::Cancelled, "the scheduler was stopped before it ran"))
    }

    /// Finishes what runs, starts nothing more, and ends.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for BackupScheduler {
    fn drop(&mut self) {
        self.runner.stop();
        for lane in self.lanes.drain(..) {
            // A lane that panicked has said so.
            let _ = lane.join();
        }
    }
}
