//! Runner: the jobs of a scheduler, their timetables and their state; and one run with everything that belongs to it.
use super::clock::Clock;
use super::config::{CheckedJob, HookConfig, ScheduleConfig, check};
use super::freshness::Freshness;
use super::report::{Event, RunReport, Task};
use super::status::{JobStatus, ScheduleStatus};
use super::timetable::Timetable;
use super::{Observer, hook, metrics, task};
use crate::db::Db;
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::atomic::write_file_durably;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Everything that the threads of a scheduler share.
pub(super) struct Runner {
    jobs: Vec<CheckedJob>,
    db: Option<Arc<Db>>,
    pub(super) clock: Arc<dyn Clock>,
    observer: Option<Observer>,
    on_success: Option<HookConfig>,
    on_failure: Option<HookConfig>,
    metrics_file: Option<PathBuf>,
    state: Mutex<State>,
    /// Rung when there is something new to do.
    pub(super) wake: Condvar,
    /// Held while the metrics file is written, so that an older one never follows a newer.
    metrics: Mutex<()>,
}

/// What changes.
pub(super) struct State {
    pub(super) stopping: bool,
    /// In the order of the jobs.
    pub(super) agendas: Vec<Agenda>,
    status: Vec<JobStatus>,
}

/// What a job has before it.
pub(super) struct Agenda {
    tables: Vec<(Task, Timetable)>,
    requests: VecDeque<(Task, Sender<RunReport>)>,
}

/// When a task is due next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upcoming {
    /// Of which job.
    pub job: String,
    /// What.
    pub task: Task,
    /// True when it is due now: it is late, or never ran.
    pub due: bool,
    /// The next regular times, Unix ns.
    pub times: Vec<i64>,
    /// Who is told, for people.
    pub told: String,
}

/// Something to run.
pub(super) struct Turn {
    pub(super) job: usize,
    pub(super) task: Task,
    attempt: u32,
    asked_by: Option<Sender<RunReport>>,
}

impl Runner {
    pub(super) fn new(
        config: ScheduleConfig,
        db: Option<Arc<Db>>,
        clock: Arc<dyn Clock>,
        observer: Option<Observer>,
    ) -> Result<Self> {
        let jobs = check(&config)?;
        for job in &jobs {
            check_source(job, db.as_deref()).at(|| format!("job {:?}", job.config.name))?;
        }
        let mut state = State { stopping: false, agendas: Vec::new(), status: Vec::new() };
        for job in &jobs {
            let dest = job.config.dest.display().to_string();
            state.status.push(JobStatus::new(&job.config.name, dest, job.all_tasks()));
            state.agendas.push(Agenda { tables: Vec::new(), requests: VecDeque::new() });
        }
        Ok(Self {
            jobs,
            db,
            clock,
            observer,
            on_success: config.on_success,
            on_failure: config.on_failure,
            metrics_file: config.metrics.file,
            state: Mutex::new(state),
            wake: Condvar::new(),
            metrics: Mutex::new(()),
        })
    }

    /// The jobs, by number, that share a destination and so take turns.
    pub(super) fn lanes(&self) -> Vec<Vec<usize>> {
        let mut lanes: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
        for (number, job) in self.jobs.iter().enumerate() {
            lanes.entry(place(&job.config.dest)).or_default().push(number);
        }
        lanes.into_values().collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Changes under the lock are complete before anything that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads off a job's destination when it ran last.
    pub(super) fn begin(&self, job: usize) {
        let Some(checked) = self.jobs.get(job) else { return };
        // A destination that can't be read now makes the backup due, which will say what is wrong.
        let fresh = Freshness::of(&checked.config.dest).ok();
        let wait = i64::try_from(checked.config.retry_wait.as_nanos()).unwrap_or(i64::MAX);
        let tables = checked.tasks().map(|(task, when)| {
            let last = match task {
                Task::Backup => fresh.as_ref().and_then(|fresh| fresh.newest_made),
                Task::Verify => fresh.as_ref().and_then(|fresh| fresh.verified),
                Task::Drill => fresh.as_ref().and_then(|fresh| fresh.restored),
                // It follows a backup.
                Task::Prune => None,
            };
            (task, Timetable::new(when.clone(), last, checked.config.retries, wait))
        });
        let tables = tables.collect();
        {
            let mut state = self.lock();
            if let Some(status) = state.status.get_mut(job) {
                status.freshness = fresh;
            }
            if let Some(agenda) = state.agendas.get_mut(job) {
                agenda.tables = tables;
            }
        }
        // Whoever reads it is told by the first run when it can't be written.
        let _ = self.write_metrics();
    }

    /// What of these jobs is to run now, if anything; it counts as begun.
    pub(super) fn take_turn(&self, state: &mut State, jobs: &[usize], now_ns: i64) -> Option<Turn> {
        for job in jobs {
            let Some(agenda) = state.agendas.get_mut(*job) else { continue };
            if let Some((task, asked_by)) = agenda.requests.pop_front() {
                return state.turn(*job, task, Some(asked_by), now_ns);
            }
        }
        let due = jobs.iter().flat_map(|job| {
            let due = state.due(*job, now_ns).into_iter();
            due.filter(|(due, _)| *due <= now_ns).map(|(due, task)| (due, *job, task))
        });
        let (_, job, task) = due.min_by_key(|(due, job, task)| (*due, *task, *job))?;
        state.turn(job, task, None, now_ns)
    }

    /// When the first task of these jobs is due that is not due yet.
    pub(super) fn next_due(&self, state: &State, jobs: &[usize], now_ns: i64) -> Option<i64> {
        jobs.iter().flat_map(|job| state.due(*job, now_ns)).map(|(due, _)| due).min()
    }

    /// Runs it, and what follows it.
    pub(super) fn run(&self, turn: Turn) -> Vec<RunReport> {
        let Some(job) = self.jobs.get(turn.job) else { return Vec::new() };
        let (number, task) = (turn.job, turn.task);
        let mut reports = vec![self.run_task(job, turn)];
        let made = reports.iter().any(|report| report.event != Event::Failure);
        if task == Task::Backup && made && job.config.keep.is_some() {
            let prune = Turn { job: number, task: Task::Prune, attempt: 1, asked_by: None };
            reports.push(self.run_task(job, prune));
        }
        reports
    }

    /// Runs it, tells whom it concerns, and takes in how it went.
    fn run_task(&self, job: &CheckedJob, turn: Turn) -> RunReport {
        if let Some(status) = self.lock().status.get_mut(turn.job) {
            status.running = Some(turn.task);
        }
        let ended = task::run(job, self.db.as_deref(), turn.task, turn.attempt, self.clock.now_ns());
        let mut report = ended.report;
        let hook = match report.event {
            Event::Success => job.config.on_success.as_ref().or(self.on_success.as_ref()),
            Event::Incomplete | Event::Failure => job.config.on_failure.as_ref().or(self.on_failure.as_ref()),
        };
        if let (Task::Backup, Event::Success, Some(url)) = (report.task, report.event, &job.config.heartbeat)
        {
            report.hook_errors.extend(hook::heartbeat(url));
        }
        if let Some(hook) = hook {
            report.hook_errors.extend(hook::tell(hook, &report));
        }
        let fresh = Freshness::of(&job.config.dest);
        let now = self.clock.now_ns();
        {
            let mut state = self.lock();
            if let Some(status) = state.status.get_mut(turn.job) {
                // What was there when it could last be read goes on ageing.
                status.freshness = fresh.ok().or(status.freshness.take());
                status.ended(&report);
            }
            if ended.may_pass
                && let Some((_, table)) =
                    state.agendas.get_mut(turn.job).and_then(|agenda| agenda.table(turn.task))
            {
                table.retry(now);
            }
        }
        if let Err(error) = self.write_metrics() {
            report.hook_errors.push(format!("metrics file: {error}"));
            if let Some(status) = self.lock().status.get_mut(turn.job) {
                status.hook_failures += 1;
            }
        }
        if let Some(observer) = &self.observer {
            observer(&report);
        }
        if let Some(asked_by) = turn.asked_by {
            // Whoever asked may have gone.
            let _ = asked_by.send(report.clone());
        }
        report
    }

    /// Asks for a run out of turn.
    pub(super) fn request(&self, job: &str, task: Task) -> Result<Receiver<RunReport>> {
        let found = self
            .jobs
            .iter()
            .position(|checked| checked.config.name == job && checked.all_tasks().any(|has| has == task));
        let number = found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("no job {job:?} with a {task} is configured"))
        })?;
        let (sender, receiver) = channel();
        let mut state = self.lock();
        if !state.stopping
            && let Some(agenda) = state.agendas.get_mut(number)
        {
            agenda.requests.push_back((task, sender));
        }
        drop(state);
        self.wake.notify_all();
        Ok(receiver)
    }

    /// Nothing more is begun, and whoever asked for a run is told that there will be none.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.agendas.iter_mut().for_each(|agenda| agenda.requests.clear());
        drop(state);
        self.wake.notify_all();
    }

    pub(super) fn status(&self) -> ScheduleStatus {
        let now = self.clock.now_ns();
        let state = self.lock();
        let mut jobs = state.status.clone();
        for (job, agenda) in jobs.iter_mut().zip(&state.agendas) {
            for task in &mut job.tasks {
                let table = agenda.tables.iter().find(|(of, _)| *of == task.task);
                task.next = table.and_then(|(_, table)| table.due_ns(now));
            }
        }
        ScheduleStatus { jobs }
    }

    /// The metrics of this moment.
    pub(super) fn metrics_now(&self) -> String {
        metrics::text(&self.status(), Some(self.clock.now_ns()))
    }

    pub(super) fn upcoming(&self, count: usize) -> Vec<Upcoming> {
        let now = self.clock.now_ns();
        let mut upcoming = Vec::new();
        for (number, job) in self.jobs.iter().enumerate() {
            self.begin(number);
            let state = self.lock();
            for (task, when) in job.tasks() {
                let table = state
                    .agendas
                    .get(number)
                    .and_then(|agenda| agenda.tables.iter().find(|(of, _)| *of == task));
                let next = |time: &i64| when.next_after(*time);
                let told = job.config.on_failure.as_ref().or(self.on_failure.as_ref());
                upcoming.push(Upcoming {
                    job: job.config.name.clone(),
                    task,
                    due: table.is_some_and(|(_, table)| table.is_due(now)),
                    times: std::iter::successors(when.next_after(now), next).take(count).collect(),
                    told: told.map(hook::describe).unwrap_or_default(),
                });
            }
        }
        upcoming
    }

    fn write_metrics(&self) -> Result<()> {
        let Some(path) = &self.metrics_file else { return Ok(()) };
        let _held = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        write_file_durably(path, metrics::text(&self.status(), None).as_bytes())
    }
}

impl State {
    /// When the tasks of a job are due.
    fn due(&self, job: usize, now_ns: i64) -> Vec<(i64, Task)> {
        // Where there certainly is nothing yet, there is nothing to look at.
        let is_empty = self.status.get(job).and_then(|status| status.freshness.as_ref());
        let is_empty = is_empty.is_some_and(|fresh| fresh.points == 0 && fresh.damaged == 0);
        let tables = self.agendas.get(job).map(|agenda| agenda.tables.as_slice()).unwrap_or_default();
        let tables = tables.iter().filter(|(task, _)| *task == Task::Backup || !is_empty);
        tables.filter_map(|(task, table)| Some((table.due_ns(now_ns)?, *task))).collect()
    }

    fn turn(
        &mut self,
        job: usize,
        task: Task,
        asked_by: Option<Sender<RunReport>>,
        now_ns: i64,
    ) -> Option<Turn> {
        let table = self.agendas.get_mut(job)?.table(task);
        let attempt = table.map_or(1, |(_, table)| table.begin(now_ns));
        Some(Turn { job, task, attempt, asked_by })
    }
}

impl Agenda {
    fn table(&mut self, task: Task) -> Option<&mut (Task, Timetable)> {
        self.tables.iter_mut().find(|(of, _)| *of == task)
    }
}

fn check_source(job: &CheckedJob, db: Option<&Db>) -> Result<()> {
    match (db, &job.config.source) {
        (None, Some(_)) | (Some(_), None) => Ok(()),
        (None, None) => Err(Error::invalid("it has no source: the data file that it backs up")),
        (Some(db), Some(source)) if place(db.path()) == place(source) => Ok(()),
        (Some(db), Some(_)) => Err(Error::invalid(format!(
            "its source is another database than the one that is open here, {}: leave it out, or run `chronicle backup \
             schedule`",
            db.path().display()
        ))),
    }
}

/// A path in one form, as far as that can be told.
fn place(path: &Path) -> PathBuf {
    let text = path.to_str().unwrap_or_default();
    let path = text.strip_prefix("file://").map_or(path, Path::new);
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    whole.unwrap_or_else(|_| path.to_owned())
}
