//! Metrics: a status as Prometheus reads it.
//!
//! Times are Unix seconds, so that `time() - x` is an age that goes on growing when the scheduler has died. Ages themselves are told
//! only where they are asked for at that moment, not in a file that lies still.
use super::freshness::Freshness;
use super::status::{JobStatus, ScheduleStatus};
use std::fmt::Write;

/// A metric in the text format, with its samples.
pub(super) struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: String,
}

impl Family {
    pub(super) fn new(name: &'static str, kind: &'static str, help: &'static str) -> Self {
        Self { name, kind, help, samples: String::new() }
    }

    pub(super) fn add(&mut self, job: &str, more: &str, value: Option<f64>) {
        let Some(value) = value else { return };
        // Writing into a String does not fail.
        let _ = writeln!(self.samples, "{}{{name=\"{}\"{more}}} {value}", self.name, escape(job));
    }

    pub(super) fn finish(&self, text: &mut String) {
        if !self.samples.is_empty() {
            let Self { name, kind, help, samples } = self;
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
        }
    }
}

/// The text of `status`; with the time, also ages as of then.
pub(super) fn text(status: &ScheduleStatus, now_ns: Option<i64>) -> String {
    let mut text = String::new();
    let mut gauge = |name, help, value: &dyn Fn(&JobStatus) -> Option<f64>| {
        let mut family = Family::new(name, "gauge", help);
        status.jobs.iter().for_each(|job| family.add(&job.name, "", value(job)));
        family.finish(&mut text);
    };
    let age = |at: Option<i64>| at.zip(now_ns).map(|(at, now)| seconds(now.saturating_sub(at)));
    let moment = |moment: fn(&Freshness) -> Option<i64>| {
        move |job: &JobStatus| job.freshness.as_ref().and_then(moment)
    };
    let made = moment(|fresh| fresh.newest_made);
    gauge("chronicle_backup_newest_timestamp_seconds", "When the newest backup was made.", &|job| {
        made(job).map(seconds)
    });
    gauge("chronicle_backup_newest_age_seconds", "Age of the newest backup.", &|job| age(made(job)));
    let verified = moment(|fresh| fresh.verified_made);
    gauge(
        "chronicle_backup_verified_timestamp_seconds",
        "When the newest verified backup was made.",
        &|job| verified(job).map(seconds),
    );
    gauge("chronicle_backup_verified_age_seconds", "Age of the newest verified backup.", &|job| {
        age(verified(job))
    });
    let restored = moment(|fresh| fresh.restored);
    gauge("chronicle_backup_restored_timestamp_seconds", "When a restore was last proven.", &|job| {
        restored(job).map(seconds)
    });
    gauge("chronicle_backup_restored_age_seconds", "Time since a restore was last proven.", &|job| {
        age(restored(job))
    });
    let count = |count: fn(&Freshness) -> u64| {
        move |job: &JobStatus| job.freshness.as_ref().map(|fresh| count(fresh) as f64)
    };
    gauge("chronicle_backup_points", "Backups that are kept.", &count(|fresh| fresh.points));
    gauge("chronicle_backup_gaps", "Kept backups before which moments are lost.", &count(|fresh| fresh.gaps));
    gauge(
        "chronicle_backup_damaged",
        "Kept backups whose record can't be read.",
        &count(|fresh| fresh.damaged),
    );
    tasks(status, &mut text);
    let mut hooks = Family::new(
        "chronicle_backup_hook_failures_total",
        "counter",
        "Hooks and heartbeats that could not be told.",
    );
    status.jobs.iter().for_each(|job| hooks.add(&job.name, "", Some(job.hook_failures as f64)));
    hooks.finish(&mut text);
    text
}

fn tasks(status: &ScheduleStatus, text: &mut String) {
    let mut runs = Family::new("chronicle_backup_runs_total", "counter", "Runs, by how they ended.");
    let mut bytes =
        Family::new("chronicle_backup_bytes_total", "counter", "Bytes that runs wrote or checked.");
    let mut spent = Family::new("chronicle_backup_seconds_total", "counter", "Seconds that runs took.");
    let mut last_bytes = Family::new("chronicle_backup_last_bytes", "gauge", "Bytes of the last run.");
    let mut last_spent = Family::new("chronicle_backup_last_seconds", "gauge", "Seconds of the last run.");
    let mut last_success = Family::new(
        "chronicle_backup_last_success_timestamp_seconds",
        "gauge",
        "When a run last began that went well.",
    );
    let mut next = Family::new("chronicle_backup_next_timestamp_seconds", "gauge", "When it is due.");
    for job in &status.jobs {
        for task in &job.tasks {
            let label = format!(",task=\"{}\"", task.task);
            for (event, count) in
                [("success", task.successes), ("incomplete", task.incompletes), ("failure", task.failures)]
            {
                runs.add(&job.name, &format!("{label},event=\"{event}\""), Some(count as f64));
            }
            bytes.add(&job.name, &label, Some(task.bytes as f64));
            spent.add(&job.name, &label, Some(task.seconds));
            last_bytes.add(&job.name, &label, task.last.as_ref().map(|last| last.bytes as f64));
            last_spent.add(&job.name, &label, task.last.as_ref().map(|last| last.seconds));
            last_success.add(&job.name, &label, task.last_success.map(seconds));
            next.add(&job.name, &label, task.next.map(seconds));
        }
    }
    for family in [runs, bytes, spent, last_bytes, last_spent, last_success, next] {
        family.finish(text);
    }
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// A label's value.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
