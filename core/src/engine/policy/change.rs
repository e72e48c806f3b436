//! Changing settings and policies: what makes sense, and the commit that says so.
use super::Engine;
use crate::engine::Selector;
use crate::engine::log::Operation;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{
    Commit, CommitKind, EXCEPTIONS_MAX, Policies, RULES_MAX, Rule, RuleFunction, Settings, TARGETS_MAX,
};
use crate::head::Position;
use crate::model::TimeRange;
use crate::query::{Aggregate, Query, Select, parse_sql};
use alloc::vec::Vec;

impl Engine {
    /// Prepares the commit from which on the database has these settings and policies. `None` when it has them already.
    ///
    /// A rule that is there already, unchanged, goes on where it is; any other starts with all points that have not expired.
    /// Errors of kind `InvalidInput` and `LimitExceeded` say what makes no sense. One change at a time: what is given
    /// stands for everything, so it must have been made of what is in force.
    pub fn prepare_settings(
        &mut self,
        settings: Settings,
        policies: Policies,
        now_ns: i64,
    ) -> Result<Option<Position>> {
        self.check_writable()?;
        if settings == self.identity.settings && policies == *self.policy.policies {
            return Ok(None);
        }
        if settings.partition_duration_ns != self.identity.settings.partition_duration_ns {
            return Err(Error::invalid("the length of partitions is fixed when a database is made"));
        }
        if settings.retention_ns == Some(0)
            || policies.exceptions.iter().any(|exception| exception.retention_ns == Some(0))
        {
            return Err(Error::invalid("a retention is longer than nothing; keep everything without one"));
        }
        if policies.exceptions.len() > EXCEPTIONS_MAX {
            return Err(too_many("metrics with a retention of their own", EXCEPTIONS_MAX));
        }
        self.check_rules(&policies)?;
        let commit = Commit::Settings { settings, policies };
        let payload = commit.encode()?;
        let Commit::Settings { settings, policies } = commit else { return Ok(None) };
        let counts = self.dictionary.counts();
        let operation = Operation::Settings { settings, policies };
        self.log.prepare(0, CommitKind::Settings, &payload, now_ns, operation, counts).map(Some)
    }

    fn check_rules(&self, policies: &Policies) -> Result<()> {
        if policies.rules.len() > RULES_MAX {
            return Err(too_many("downsampling rules", RULES_MAX));
        }
        let mut written: Vec<&str> = Vec::new();
        for rule in &policies.rules {
            if self.policy.policies.rules.contains(rule) {
                // It was accepted once; a limit that was lowered since is reported when the rule runs.
            } else {
                check_rule(rule)?;
                self.options.limits.check_name("metric name", &rule.metric)?;
                for target in &rule.targets {
                    self.options.limits.check_name("metric name", &target.metric)?;
                }
            }
            for target in &rule.targets {
                if written.contains(&target.metric.as_str()) {
                    return Err(Error::invalid(alloc::format!(
                        "metric {:?} is written by two functions; each needs a target of its own",
                        target.metric
                    )));
                }
                written.push(&target.metric);
            }
        }
        match policies.rules.iter().find(|rule| leads_back(rule, &policies.rules)) {
            Some(rule) => Err(Error::invalid(alloc::format!(
                "what is made of metric {:?} would be read to make it again; choose another target",
                rule.metric
            ))),
            None => Ok(()),
        }
    }
}

fn too_many(what: &str, most: usize) -> Error {
    Error::new(ErrorKind::LimitExceeded, alloc::format!("there can be at most {most} {what}"))
}

/// What a person may have got wrong, in words; the format's own check comes after it.
fn check_rule(rule: &Rule) -> Result<()> {
    if rule.metric.is_empty() || rule.targets.iter().any(|target| target.metric.is_empty()) {
        return Err(Error::invalid("a downsampling rule needs the name of a metric and one for each target"));
    }
    if i64::try_from(rule.window_ns).map_or(true, |window| window == 0)
        || i64::try_from(rule.delay_ns).is_err()
    {
        return Err(Error::invalid(
            "the window must be longer than nothing, and at most 292 years, as the delay",
        ));
    }
    if rule.targets.is_empty() {
        return Err(Error::invalid("a downsampling rule needs a function"));
    }
    if rule.targets.len() > TARGETS_MAX {
        return Err(too_many("functions of one rule", TARGETS_MAX));
    }
    let mut query = Query::metric(rule.metric.as_str());
    query.window_ns = Some(rule.window());
    query.select = Select::Aggregates(Vec::new());
    for target in &rule.targets {
        let mut one = query.clone();
        one.select = Select::Aggregates(alloc::vec![aggregate(target.function)]);
        one.check()?;
    }
    selector(rule).map(|_| ())
}

/// True when what `rule` writes is, over other rules, what it reads.
fn leads_back(rule: &Rule, rules: &[Rule]) -> bool {
    let mut reached: Vec<&str> = rule.targets.iter().map(|target| target.metric.as_str()).collect();
    let mut next = 0;
    while let Some(&metric) = reached.get(next) {
        if metric == rule.metric {
            return true;
        }
        for target in rules.iter().filter(|other| other.metric == metric).flat_map(|other| &other.targets) {
            if !reached.contains(&target.metric.as_str()) {
                reached.push(&target.metric);
            }
        }
        next += 1;
    }
    false
}

/// The series that a rule reads.
pub(super) fn selector(rule: &Rule) -> Result<Selector> {
    if rule.filter.is_empty() {
        return Ok(Selector::metric(rule.metric.as_str()));
    }
    // The text stays what the query language makes of it; a metric of any name can't be mistaken in it.
    let mut query = parse_sql(&alloc::format!("SELECT * FROM m WHERE {}", rule.filter), 0)?;
    let only_tags = query.range == TimeRange::ALL && query.limit.is_none() && query.offset == 0;
    if !only_tags || query.select != Select::Points || query.order != crate::query::Order::Ascending {
        return Err(Error::invalid("the condition of a downsampling rule is about tags only"));
    }
    query.metric.clone_from(&rule.metric);
    Ok(query.selector())
}

/// The function that a rule's stands for.
pub(super) fn aggregate(function: RuleFunction) -> Aggregate {
    match function {
        RuleFunction::Count => Aggregate::Count,
        RuleFunction::Sum => Aggregate::Sum,
        RuleFunction::Mean => Aggregate::Mean,
        RuleFunction::Min => Aggregate::Min,
        RuleFunction::Max => Aggregate::Max,
        RuleFunction::First => Aggregate::First,
        RuleFunction::Last => Aggregate::Last,
        RuleFunction::Stddev => Aggregate::Stddev,
        RuleFunction::Percentile(bits) => Aggregate::Percentile(f64::from_bits(bits)),
        RuleFunction::Rate => Aggregate::Rate,
    }
}

/// As it is stored.
impl From<Aggregate> for RuleFunction {
    fn from(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Count => Self::Count,
            Aggregate::Sum => Self::Sum,
            Aggregate::Mean => Self::Mean,
            Aggregate::Min => Self::Min,
            Aggregate::Max => Self::Max,
            Aggregate::First => Self::First,
            Aggregate::Last => Self::Last,
            Aggregate::Stddev => Self::Stddev,
            Aggregate::Percentile(p) => Self::Percentile((p + 0.0).to_bits()),
            Aggregate::Rate => Self::Rate,
        }
    }
}

/// As the query language has it.
impl From<RuleFunction> for Aggregate {
    fn from(function: RuleFunction) -> Self {
        aggregate(function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::RuleTarget;

    fn rule(id: u32, metric: &str, target: &str) -> Rule {
        Rule {
            id,
            metric: metric.into(),
            filter: "".into(),
            window_ns: 60,
            delay_ns: 0,
            targets: alloc::vec![RuleTarget { function: RuleFunction::Mean, metric: target.into() }],
        }
    }

    #[test]
    fn rules_that_feed_each_other_are_found() {
        let chain = [rule(1, "a", "b"), rule(2, "b", "c")];
        assert!(!chain.iter().any(|rule| leads_back(rule, &chain)));
        let ring = [rule(1, "a", "b"), rule(2, "b", "c"), rule(3, "c", "a")];
        assert!(ring.iter().all(|rule| leads_back(rule, &ring)));
        assert!(leads_back(&rule(1, "a", "a"), &[]));
    }

    #[test]
    fn a_condition_is_about_tags_and_nothing_else() {
        let with = |filter: &str| selector(&Rule { filter: filter.into(), ..rule(1, "a \"b\"", "c") });
        assert_eq!(with("host = 'x'").unwrap(), Selector::metric("a \"b\"").tag("host", "x"));
        for filter in [
            "host = 'x' LIMIT 1",
            "time > 5",
            "host = 'x' ORDER BY time DESC",
            "host =",
            "host = 'x' GROUP BY host",
        ] {
            assert!(with(filter).is_err(), "{filter}");
        }
    }
}
