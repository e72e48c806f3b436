//! What must hold of a configuration before it runs, and the schedules in it, ready to be asked.
use super::{BackupKind, HookConfig, JobConfig, ScheduleConfig};
use crate::error::{Error, Result};
use crate::schedule::report::Task;
use crate::schedule::when::When;
use chronicle_core::backup::repository::Keep;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A job with its schedules.
#[derive(Clone, Debug)]
pub(in crate::schedule) struct CheckedJob {
    pub(in crate::schedule) config: JobConfig,
    pub(in crate::schedule) backup: When,
    pub(in crate::schedule) verify: Option<When>,
    pub(in crate::schedule) drill: Option<When>,
}

impl CheckedJob {
    /// What it does by the clock, and when, in the order in which it is done when all are due.
    pub(in crate::schedule) fn tasks(&self) -> impl Iterator<Item = (Task, &When)> {
        let verify = self.verify.as_ref().map(|when| (Task::Verify, when));
        let drill = self.drill.as_ref().map(|when| (Task::Drill, when));
        std::iter::once((Task::Backup, &self.backup)).chain(verify).chain(drill)
    }

    /// Everything that it does: also what follows a backup.
    pub(in crate::schedule) fn all_tasks(&self) -> impl Iterator<Item = Task> {
        let prune = self.config.keep.map(|_| Task::Prune);
        let mut tasks: Vec<Task> = self.tasks().map(|(task, _)| task).chain(prune).collect();
        tasks.sort();
        tasks.into_iter()
    }
}

/// Checks everything that can be checked without looking at databases and destinations.
pub(in crate::schedule) fn check(config: &ScheduleConfig) -> Result<Vec<CheckedJob>> {
    if config.jobs.is_empty() {
        return Err(Error::invalid(
            "there is no job: add a [[job]] with name, source, dest and schedule or every",
        ));
    }
    if let Some(listen) = &config.metrics.listen
        && listen.parse::<SocketAddr>().is_err()
    {
        return Err(Error::invalid(format!(
            "{listen:?} is not an address and a port: write \"127.0.0.1:9184\""
        ))
        .at("metrics.listen"));
    }
    if let Some(file) = &config.metrics.file
        && file.extension().is_none_or(|extension| extension != "prom")
    {
        return Err(
            Error::invalid("the collector reads only files whose names end in .prom").at("metrics.file")
        );
    }
    for (key, hook) in [("on_success", &config.on_success), ("on_failure", &config.on_failure)] {
        check_hook(hook.as_ref()).map_err(|error| error.at(key))?;
    }
    let mut names = BTreeSet::new();
    let mut jobs = Vec::new();
    for (index, job) in config.jobs.iter().enumerate() {
        let place =
            if job.name.is_empty() { format!("job {}", index + 1) } else { format!("job {:?}", job.name) };
        let checked = check_job(config, job).map_err(|error| error.at(&place))?;
        if !names.insert(&job.name) {
            return Err(Error::invalid("two jobs have this name").at(place));
        }
        jobs.push(checked);
    }
    Ok(jobs)
}

fn check_job(config: &ScheduleConfig, job: &JobConfig) -> Result<CheckedJob> {
    if job.name.is_empty() || job.name.chars().any(char::is_control) {
        return Err(Error::invalid("a job has a name, without control characters"));
    }
    if job.kind == BackupKind::Snapshot {
        if job.new_base.is_some() {
            return Err(Error::invalid("every snapshot brings everything: new_base is for kind = \"delta\""));
        }
        if job.dest.to_str().is_some_and(|dest| dest.contains("://")) {
            return Err(Error::invalid("snapshots are made in a folder: dest is a path, not a URL"));
        }
    }
    if let Some(new_base) = job.new_base {
        let points_are_few = new_base.points.is_some_and(|points| points < 2);
        if points_are_few || (new_base.points.is_none() && new_base.age.is_none()) {
            return Err(Error::invalid("new_base needs points, at least 2, or age, or both"));
        }
    }
    for (key, hook) in [("on_success", &job.on_success), ("on_failure", &job.on_failure)] {
        check_hook(hook.as_ref()).map_err(|error| error.at(key))?;
    }
    if let Some(url) = &job.heartbeat {
        check_url(url).map_err(|error| error.at("heartbeat"))?;
    }
    let zone = job.timezone.as_deref().or(config.timezone.as_deref()).unwrap_or("UTC");
    if let Some(keep) = job.keep {
        if Keep::from(keep).is_empty() {
            return Err(Error::invalid("keep has no rule: give it one, as last = 24"));
        }
        if keep.pitr_window.is_some() && job.kind == BackupKind::Snapshot {
            return Err(Error::invalid("a snapshot is one moment: keep.pitr_window is for kind = \"delta\""));
        }
    }
    let verify = match &job.verify {
        None => None,
        Some(verify) => {
            Some(when(verify.schedule.as_deref(), verify.every, zone).map_err(|error| error.at("verify"))?)
        }
    };
    let drill = match &job.drill {
        None => None,
        Some(drill) => {
            let is_report =
                |path: &PathBuf| path.extension().is_some_and(|end| end == "html" || end == "json");
            if !drill.report.as_ref().is_none_or(is_report) {
                return Err(Error::invalid("a report ends with .html or .json").at("drill"));
            }
            let when = when(drill.schedule.as_deref(), drill.every, zone);
            Some(when.map_err(|error| error.at("drill"))?)
        }
    };
    Ok(CheckedJob {
        config: job.clone(),
        backup: when(job.schedule.as_deref(), job.every, zone)?,
        verify,
        drill,
    })
}

fn when(schedule: Option<&str>, every: Option<Duration>, zone: &str) -> Result<When> {
    let when = match (schedule, every) {
        (Some(expression), None) => When::cron(expression, zone)?,
        (None, Some(interval)) => When::every(interval)?,
        _ => {
            return Err(Error::invalid(
                "either schedule = \"0 3 * * *\" or every = \"15m\" says when, and not both",
            ));
        }
    };
    match when.next_after(0) {
        Some(_) => Ok(when),
        None => Err(Error::invalid(format!("no time ever matches {:?}", schedule.unwrap_or_default()))),
    }
}

fn check_hook(hook: Option<&HookConfig>) -> Result<()> {
    let Some(hook) = hook else { return Ok(()) };
    if hook.command.is_empty() && hook.webhook.is_none() {
        return Err(Error::invalid("it tells nobody: give it a command or a webhook"));
    }
    if hook.command.first().is_some_and(String::is_empty) {
        return Err(Error::invalid("the first part of command is the program"));
    }
    if hook.timeout.is_zero() {
        return Err(Error::invalid("a timeout of 0s leaves no time"));
    }
    hook.webhook.as_deref().map_or(Ok(()), check_url)
}

fn check_url(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        // A URL may hold a secret: it is not repeated.
        Some(rest) if !rest.is_empty() && !url.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Ok(())
        }
        _ => Err(Error::invalid("it is not a URL that starts with https:// or http://")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut ScheduleConfig, &mut JobConfig)) -> String {
        let mut job = JobConfig::delta("a", "/backup").cron("0 3 * * *");
        let mut config = ScheduleConfig::default();
        change(&mut config, &mut job);
        config.jobs.push(job);
        check(&config).expect_err("it is not acceptable").to_string()
    }

    #[test]
    fn what_could_never_work_is_refused_before_it_runs() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert!(refused(|_, job| job.schedule = None).contains("schedule = "));
        assert!(refused(|_, job| job.every = seconds(60)).contains("not both"));
        assert!(refused(|_, job| job.schedule = Some("0 0 30 2 *".into())).contains("no time ever"));
        assert!(refused(|_, job| job.timezone = Some("Mars".into())).contains("Europe/Berlin"));
        assert!(refused(|config, _| config.timezone = Some("Mars".into())).contains("Europe/Berlin"));
        assert!(refused(|_, job| job.name.clear()).contains("job 1"));
        assert!(refused(|_, job| job.new_base = Some(Default::default())).contains("points"));
        assert!(
            refused(|_, job| {
                job.kind = BackupKind::Snapshot;
                job.new_base = Some(super::super::NewBaseConfig { points: Some(5), age: None });
            })
            .contains("delta")
        );
        assert!(refused(|_, job| job.heartbeat = Some("ftp://x".into())).contains("heartbeat"));
        assert!(refused(|_, job| job.on_failure = Some(HookConfig::command([""; 0]))).contains("nobody"));
        assert!(refused(|config, _| config.metrics.listen = Some("9184".into())).contains("127.0.0.1:9184"));
        assert!(refused(|config, _| config.metrics.file = Some("m.txt".into())).contains(".prom"));
        assert!(refused(|config, job| config.jobs.push(job.clone())).contains("two jobs"));
        assert!(check(&ScheduleConfig::default()).is_err(), "no job is a slip");
    }

    #[test]
    fn a_url_with_a_secret_is_not_repeated() {
        let error = refused(|_, job| job.heartbeat = Some("hc-ping.com/s3cr3t".into()));
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
