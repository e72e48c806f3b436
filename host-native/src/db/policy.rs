//! Settings, retention and downsampling rules of an open database: what is in force, and how it is changed.
//!
//! A change is a commit of its own, so it is durable when the call returns, part of every backup from then on, and undone by a
//! restore to a moment before it.
use super::Db;
use super::shared::{Shared, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::host::now_ns;
use chronicle_core::engine::RuleStatus;
use chronicle_core::format::{Policies, RetentionException, Rule, RuleTarget, Settings};
use chronicle_core::ids::Lsn;
use chronicle_core::query::{Aggregate, Query};
use std::sync::Arc;
use std::time::Duration;

/// Shortest window of a downsampling rule: shorter ones become due faster than they are computed.
const WINDOW_MIN: Duration = Duration::from_millis(1);

/// When points expire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// Age at which they do, counted in whole partitions; `None` for never.
    pub age: Option<Duration>,
    /// Size of the stored points, bytes, above which the oldest partitions do; `None` for never.
    pub bytes: Option<u64>,
}

/// A downsampling rule to be added: `Downsampling::new("cpu", Duration::from_secs(300)).function(Aggregate::Mean)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Downsampling {
    metric: String,
    filter: String,
    every: Duration,
    delay: Duration,
    keep: Option<Duration>,
    adopt: bool,
    functions: Vec<(Aggregate, Option<String>)>,
}

/// A downsampling rule of a database, and how far it is.
#[derive(Clone, Debug)]
pub struct DownsamplingStatus {
    /// The rule.
    pub rule: Rule,
    /// Start of the first window that is complete and not computed, Unix ns; `None` when all are done.
    pub due_from_ns: Option<i64>,
    /// Why the rule could not be carried out when it was last tried by this process.
    pub error: Option<Error>,
}

impl Downsampling {
    /// Of every series of `metric`, in epoch-aligned windows of length `every`.
    pub fn new(metric: impl Into<String>, every: Duration) -> Self {
        Self {
            metric: metric.into(),
            filter: String::new(),
            every,
            delay: Duration::ZERO,
            keep: None,
            adopt: false,
            functions: Vec::new(),
        }
    }

    /// Adds a function, whose values go to the metric `<metric>.<function>_<window>`: `cpu.mean_5m`.
    #[must_use]
    pub fn function(mut self, function: Aggregate) -> Self {
        self.functions.push((function, None));
        self
    }

    /// Adds a function, whose values go to the metric `target`.
    #[must_use]
    pub fn function_to(mut self, function: Aggregate, target: impl Into<String>) -> Self {
        self.functions.push((function, Some(target.into())));
        self
    }

    /// Only series that these conditions on tags take, as in a query's `WHERE`.
    #[must_use]
    pub fn filter(mut self, conditions: impl Into<String>) -> Self {
        self.filter = conditions.into();
        self
    }

    /// Computes a window this long after its end, so that late points find it open. Points that come later still are not
    /// lost: their window is computed again.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Age at which derived points expire. Without it they are kept for ever, whatever the database's retention.
    #[must_use]
    pub fn keep(mut self, age: Duration) -> Self {
        self.keep = Some(age);
        self
    }

    /// Takes over points that a target holds already: those at the start of a window are overwritten, or deleted where the
    /// window has no points. Without it a target with points is refused.
    #[must_use]
    pub fn adopt(mut self) -> Self {
        self.adopt = true;
        self
    }

    fn rule(&self, id: u32) -> Result<Rule> {
        if self.every < WINDOW_MIN {
            return Err(Error::invalid(format!(
                "windows of {:?} are too short; take 1ms at least",
                self.every
            )));
        }
        let targets = self.functions.iter().map(|(function, target)| RuleTarget {
            function: (*function).into(),
            metric: target.clone().unwrap_or_else(|| target_name(&self.metric, *function, self.every)),
        });
        Ok(Rule {
            id,
            metric: self.metric.clone(),
            filter: self.filter.clone(),
            window_ns: nanoseconds(self.every)?,
            delay_ns: nanoseconds(self.delay)?,
            targets: targets.collect(),
        })
    }
}

/// `cpu.mean_5m`, `cpu.p99.9_1h`.
fn target_name(metric: &str, function: Aggregate, every: Duration) -> String {
    let window = chronicle_core::time::format_duration(i64::try_from(every.as_nanos()).unwrap_or(i64::MAX));
    match function {
        Aggregate::Percentile(p) => format!("{metric}.p{}_{window}", p + 0.0),
        other => format!("{metric}.{}_{window}", other.name()),
    }
}

fn nanoseconds(duration: Duration) -> Result<u64> {
    let ns = i64::try_from(duration.as_nanos())
        .map_err(|_| Error::invalid("a duration is longer than 292 years"))?;
    Ok(ns.unsigned_abs())
}

impl Db {
    /// The settings in force.
    pub fn settings(&self) -> Settings {
        lock(&self.shared.engine).engine.identity().settings
    }

    /// Exceptions from the retention, and downsampling rules.
    pub fn policies(&self) -> Arc<Policies> {
        Arc::clone(lock(&self.shared.engine).engine.policies())
    }

    /// Sets when points expire: of all metrics that have no retention of their own. `None` when nothing changes by it.
    pub fn set_retention(&self, retention: Retention) -> Result<Option<Lsn>> {
        let age = retention.age.map(nanoseconds).transpose()?;
        self.shared.change(|settings, _| {
            settings.retention_ns = age;
            settings.retention_bytes = retention.bytes;
            Ok(())
        })
    }

    /// Gives a metric a retention of its own, in place of the database's by age and by size; `None` keeps its points for ever.
    pub fn set_metric_retention(&self, metric: &str, age: Option<Duration>) -> Result<Option<Lsn>> {
        let retention_ns = age.map(nanoseconds).transpose()?;
        self.shared.config.limits.check_name("metric name", metric)?;
        self.shared.change(|_, policies| {
            set_exception(policies, metric, retention_ns);
            Ok(())
        })
    }

    /// Lets the database's retention apply to a metric again.
    pub fn clear_metric_retention(&self, metric: &str) -> Result<Option<Lsn>> {
        self.shared.change(|_, policies| {
            policies.exceptions.retain(|exception| exception.metric != metric);
            Ok(())
        })
    }

    /// Lets retention and downsampling go on in a restored database, where they are suspended.
    pub fn resume(&self) -> Result<Option<Lsn>> {
        self.shared.change(|settings, _| {
            settings.retention_suspended = false;
            Ok(())
        })
    }

    /// Suspends retention and downsampling until [`Db::resume`].
    pub fn suspend(&self) -> Result<Option<Lsn>> {
        self.shared.change(|settings, _| {
            settings.retention_suspended = true;
            Ok(())
        })
    }

    /// Adds a downsampling rule and returns its number. It is carried out in the background, first for all points there
    /// are, and from then on for what comes and what changes. Its targets get a retention of their own.
    ///
    /// A target belongs to its rule: points of it at the start of a window are written and deleted as the windows say. So a
    /// target that has points already is refused with `AlreadyExists`, unless they are to be adopted.
    pub fn add_downsampling(&self, rule: Downsampling) -> Result<u32> {
        let keep = rule.keep.map(nanoseconds).transpose()?;
        if !rule.adopt {
            rule.rule(0)?
                .targets
                .iter()
                .try_for_each(|target| self.refuse_target_with_points(&target.metric))?;
        }
        let mut id = 0;
        self.shared.change(|_, policies| {
            id = policies.rules.last().map_or(0, |rule| rule.id).saturating_add(1);
            let rule = rule.rule(id)?;
            rule.targets.iter().for_each(|target| set_exception(policies, &target.metric, keep));
            policies.rules.push(rule);
            Ok(())
        })?;
        self.shared.wake_background();
        Ok(id)
    }

    fn refuse_target_with_points(&self, metric: &str) -> Result<()> {
        let points = self.query(&Query::metric(metric).limit(1))?.rows()?;
        if points.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "the target {metric:?} has points already, which the rule would overwrite and delete; choose another target, or adopt them"
            ),
        ))
    }

    /// Removes a downsampling rule. What it wrote stays, and so does the retention of its targets.
    pub fn remove_downsampling(&self, id: u32) -> Result<()> {
        self.shared.change(|_, policies| {
            let before = policies.rules.len();
            policies.rules.retain(|rule| rule.id != id);
            if policies.rules.len() == before {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no downsampling rule {id}")));
            }
            Ok(())
        })?;
        lock(&self.shared.rule_errors).remove(&id);
        Ok(())
    }

    /// The downsampling rules and how far each is.
    pub fn downsampling(&self) -> Vec<DownsamplingStatus> {
        let rules = lock(&self.shared.engine).engine.rules(now_ns());
        let errors = lock(&self.shared.rule_errors);
        let status = |RuleStatus { rule, due_from_ns }: RuleStatus| {
            let error = errors.get(&rule.id).map(|(error, _)| error.clone());
            DownsamplingStatus { rule, due_from_ns, error }
        };
        rules.into_iter().map(status).collect()
    }
}

fn set_exception(policies: &mut Policies, metric: &str, retention_ns: Option<u64>) {
    policies.exceptions.retain(|exception| exception.metric != metric);
    policies.exceptions.push(RetentionException { metric: metric.to_owned(), retention_ns });
    policies.exceptions.sort_by(|a, b| a.metric.cmp(&b.metric));
}

impl Shared {
    /// Changes settings and policies by one commit. `None` when they are as they were.
    fn change(&self, change: impl FnOnce(&mut Settings, &mut Policies) -> Result<()>) -> Result<Option<Lsn>> {
        self.check_writable()?;
        // From reading them to the visible commit nobody else changes them.
        let _alone = lock(&self.changes);
        let lsn = self.commit(|cell, now| {
            let mut settings = cell.engine.identity().settings;
            let mut policies = Policies::clone(cell.engine.policies());
            change(&mut settings, &mut policies)?;
            cell.engine.prepare_settings(settings, policies, now)
        })?;
        self.wake_background();
        Ok(lsn)
    }
}
