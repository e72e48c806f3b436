//! `chronicle backup schedule`: backups at their times, in the foreground.
use super::failure::Failure;
use super::report::{Report, print, time};
use super::{Outcome, Status};
use chronicle::ErrorKind;
use chronicle::schedule::{Event, RunReport, ScheduleBuilder, ScheduleConfig, Upcoming};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

/// Exit status of a program that was interrupted twice, as shells give it.
const INTERRUPTED: i32 = 130;
/// How many times `--check` prints of each task.
const TIMES: usize = 3;

/// Make backups and checks at their times, as chronicle.toml says
#[derive(Args)]
#[command(after_help = "\
It runs in the foreground until it is interrupted or terminated, and then finishes what runs first; a second signal ends it at
once. What is late runs once. When a job ran last is read off its destination, so it may be killed, moved, or run by cron with
--once. Every run is a line on standard output; with --json an object a line.

Examples:
  chronicle backup schedule --config chronicle.toml --check
  chronicle backup schedule --config chronicle.toml
  chronicle backup schedule --config chronicle.toml --once")]
pub(super) struct Schedule {
    /// The configuration; core/docs/schedule.md has every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only check the configuration, and print when each task runs next
    #[arg(long, conflicts_with = "once")]
    check: bool,
    /// Run what is due now, once, and end; exit status 1 when any of it failed
    #[arg(long)]
    once: bool,
}

impl Schedule {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let config = ScheduleConfig::load(&self.config).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => Failure::Usage(error),
            _ => error.into(),
        })?;
        if self.check {
            return check(config, json);
        }
        let builder = ScheduleBuilder::new(config).on_run(move |report| tell(report, json));
        if self.once {
            let reports = builder.run_due()?;
            if reports.is_empty() && !json {
                print("nothing is due\n")?;
            }
            let good = reports.iter().all(|report| report.event == Event::Success);
            return Ok(if good { Status::Done } else { Status::Incomplete });
        }
        foreground(builder, json)
    }
}

fn foreground(builder: ScheduleBuilder, json: bool) -> Outcome {
    let (signal, signals) = channel();
    let stopping = AtomicBool::new(false);
    let set = ctrlc::set_handler(move || {
        if stopping.swap(true, Ordering::AcqRel) {
            std::process::exit(INTERRUPTED);
        }
        // The receiver lives as long as the program.
        let _ = signal.send(());
    });
    set.map_err(|error| {
        let message = format!("signals can't be waited for: {error}");
        chronicle::Error::new(ErrorKind::Io, message)
    })?;
    let scheduler = builder.start()?;
    let jobs = scheduler.status().jobs.len();
    if !json {
        let metrics =
            scheduler.metrics_address().map(|address| format!("; metrics at http://{address}/metrics"));
        super::failure::print(&format!("jobs: {jobs}{}", metrics.unwrap_or_default()));
    }
    // An error would mean that the handler is gone, and with it every way to stop: stop.
    let _ = signals.recv();
    if !json {
        super::failure::print("stopping when what runs is done");
    }
    scheduler.stop();
    Ok(Status::Done)
}

/// A line a run. There is nobody left to tell when that fails.
fn tell(report: &RunReport, json: bool) {
    let line = match json {
        true => serde_json::to_string(report).unwrap_or_default(),
        false => format!("{} {report}", time(report.started - report.started.rem_euclid(1_000_000_000))),
    };
    let _ = print(&format!("{line}\n"));
}

fn check(config: ScheduleConfig, json: bool) -> Outcome {
    let upcoming = ScheduleBuilder::new(config).upcoming(TIMES)?;
    let mut report = Report::new();
    for task in &upcoming {
        let times: Vec<String> = task.times.iter().map(|ns| time(*ns)).collect();
        let due = if task.due { "now, then " } else { "" };
        report = report.line(format_args!(
            "{:<16} {:<8} {due}{}",
            task.job,
            task.task.to_string(),
            times.join(", ")
        ));
    }
    for untold in untold(&upcoming) {
        report = report.line(format_args!("{untold}: nobody is told when it fails; on_failure would"));
    }
    let tasks: Vec<Value> = upcoming.iter().map(task).collect();
    report.field("tasks", tasks).print(json)?;
    Ok(Status::Done)
}

/// Jobs that fail in silence.
fn untold(upcoming: &[Upcoming]) -> Vec<&str> {
    let mut jobs: Vec<&str> =
        upcoming.iter().filter(|task| task.told.is_empty()).map(|task| task.job.as_str()).collect();
    jobs.dedup();
    jobs
}

fn task(upcoming: &Upcoming) -> Value {
    let times: Vec<String> = upcoming.times.iter().map(|ns| time(*ns)).collect();
    json!({
        "job": upcoming.job,
        "task": upcoming.task.to_string(),
        "due": upcoming.due,
        "times": times,
        "on_failure": if upcoming.told.is_empty() { Value::Null } else { Value::from(upcoming.told.as_str()) },
    })
}

/// `26h` as ns, of `--max-age`.
pub(super) fn parse_age(text: &str) -> Result<i64, String> {
    chronicle::time::parse_duration(text).map_err(|error| error.message().to_owned())
}

/// The error of a place whose newest backup is too old, or that has none.
pub(super) fn refuse_stale(age_seconds: Option<f64>, max_age_ns: i64) -> Result<(), Failure> {
    let max = max_age_ns as f64 / 1e9;
    let allowed = chronicle::time::format_duration(max_age_ns);
    let message = match age_seconds {
        Some(age) if age <= max => return Ok(()),
        Some(age) => format!(
            "the newest backup is {age:.0} s old, more than {allowed}: find out what keeps new ones from being made"
        ),
        None => format!("there is no backup at all, and one of at most {allowed} is asked for"),
    };
    Err(chronicle::Error::new(ErrorKind::NotFound, message).into())
}
