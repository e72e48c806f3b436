//! Policies: what a database was told to do with its points over time, beside its [`Settings`](super::Settings), and how
//! far it got.
//!
//! What was told is in a settings commit and in the catalog's root; how far it got is in the root alone, and follows from
//! the commits behind it. Whether a rule makes sense is for the engine to say; here are bounds and form.
use super::NAME_LEN_MAX;
use crate::error::{Error, Result};
use crate::ids::Lsn;
use crate::model::TimeRange;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of encoded [`Policies`], so that they always fit a superblock beside the list of pages.
pub const POLICY_BYTES_MAX: usize = 8 << 10;
/// Most downsampling rules.
pub const RULES_MAX: usize = 16;
/// Most functions of one rule.
pub const TARGETS_MAX: usize = 16;
/// Most metrics with a retention of their own.
pub const EXCEPTIONS_MAX: usize = 64;
/// Most spans of time that a rule remembers as not done; beyond it the two with the smallest gap become one.
pub const DIRTY_MAX: usize = 16;

/// What is done with points as they age.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Policies {
    /// Metrics that the database's retention does not apply to, by ascending name.
    pub exceptions: Vec<RetentionException>,
    /// Downsampling rules, by ascending number.
    pub rules: Vec<Rule>,
}

/// The retention of one metric, in place of the database's by age and by size.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RetentionException {
    /// Name of the metric.
    pub metric: String,
    /// Age at which its points expire, nanoseconds, not 0; `None` keeps them for ever.
    pub retention_ns: Option<u64>,
}

/// A downsampling rule: for each series of a metric, functions over epoch-aligned windows, each written as a series of the same
/// tags in another metric, at the start of the window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its number, from 1.
    pub id: u32,
    /// Name of the metric that is read.
    pub metric: String,
    /// Which of its series: the conditions of a query's `WHERE`, without time; empty for all.
    pub filter: String,
    /// Length of the windows, nanoseconds, from 1 to 2^63 - 1.
    pub window_ns: u64,
    /// How long after its end a window is first computed, nanoseconds, at most 2^63 - 1.
    pub delay_ns: u64,
    /// What is computed, and what it is called.
    pub targets: Vec<RuleTarget>,
}

/// One function of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleTarget {
    /// The function.
    pub function: RuleFunction,
    /// Name of the metric that is written.
    pub metric: String,
}

/// A function over the points of a window, as it is stored. The query language defines what each computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RuleFunction {
    /// 0: number of points.
    Count,
    /// 1: sum.
    Sum,
    /// 2: arithmetic mean.
    Mean,
    /// 3: smallest.
    Min,
    /// 4: largest.
    Max,
    /// 5: earliest.
    First,
    /// 6: latest.
    Last,
    /// 7: sample standard deviation.
    Stddev,
    /// 8: nearest-rank percentile; the bits of an f64 from 0 to 100.
    Percentile(u64),
    /// 9: increase of a counter per second.
    Rate,
}

/// How far the policies were carried out, as of a commit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PolicyState {
    /// Of the metrics without an exception.
    pub expired: Expired,
    /// Of each exception, in their order.
    pub exceptions: Vec<Expired>,
    /// Of each rule, in their order.
    pub rules: Vec<RuleState>,
}

/// The last expiry of some metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expired {
    /// Every point before it was dropped; `i64::MIN` when nothing was.
    pub cutoff_ns: i64,
    /// The commit; 0 when there was none.
    pub lsn: Lsn,
}

impl Default for Expired {
    fn default() -> Self {
        Self { cutoff_ns: i64::MIN, lsn: 0 }
    }
}

/// What a rule has to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleState {
    /// Windows that start before it are left as they are: points of them have expired.
    pub floor_ns: i64,
    /// Spans of whole windows to be computed, ascending, apart from each other, at most [`DIRTY_MAX`].
    pub dirty: Vec<TimeRange>,
}

impl Policies {
    /// Bounds and form of everything in them.
    pub fn check(&self) -> Result<()> {
        let name_fits = |name: &str| !name.is_empty() && name.len() <= NAME_LEN_MAX;
        let wrong = if self.rules.len() > RULES_MAX {
            "there are more than 16 downsampling rules"
        } else if self.exceptions.len() > EXCEPTIONS_MAX {
            "more than 64 metrics have a retention of their own"
        } else if !self.exceptions.array_windows().all(|[a, b]| a.metric < b.metric)
            || !self.rules.array_windows().all(|[a, b]| a.id < b.id)
            || self.rules.first().is_some_and(|rule| rule.id == 0)
        {
            "policies are out of order or there twice"
        } else if self.exceptions.iter().any(|exception| exception.retention_ns == Some(0)) {
            "the retention of a metric is 0"
        } else if !self.exceptions.iter().all(|exception| name_fits(&exception.metric))
            || !self.rules.iter().all(|rule| name_fits(&rule.metric))
            || !self.rules.iter().flat_map(|rule| &rule.targets).all(|target| name_fits(&target.metric))
        {
            "the name of a metric is empty or too long"
        } else {
            return self.rules.iter().try_for_each(Rule::check);
        };
        Err(Error::damaged(wrong))
    }
}

impl Rule {
    fn check(&self) -> Result<()> {
        let is_percentile = |bits: u64| f64::from_bits(bits) >= 0.0 && f64::from_bits(bits) <= 100.0;
        let wrong =
            if i64::try_from(self.window_ns).map_or(true, |window| window == 0) {
                "the window is 0 or too long"
            } else if i64::try_from(self.delay_ns).is_err() {
                "the delay is too long"
            } else if self.targets.is_empty() || self.targets.len() > TARGETS_MAX {
                "it has no function, or more than 16"
            } else if self.targets.iter().any(
                |target| matches!(target.function, RuleFunction::Percentile(bits) if !is_percentile(bits)),
            ) {
                "a percentile is not between 0 and 100"
            } else {
                return Ok(());
            };
        Err(Error::damaged(wrong).at(alloc::format!("downsampling rule {}", self.id)))
    }

    /// Length of the windows, nanoseconds; above 0 in a rule that was checked.
    pub fn window(&self) -> i64 {
        i64::try_from(self.window_ns).unwrap_or(i64::MAX).max(1)
    }
}

impl PolicyState {
    /// That it is a state of `policies`: one entry each, and spans in order.
    pub fn check(&self, policies: &Policies) -> Result<()> {
        let is_set = |dirty: &[TimeRange]| {
            dirty.len() <= DIRTY_MAX
                && dirty.iter().all(|range| !range.is_empty())
                && dirty.array_windows().all(|[a, b]| a.max < b.min)
        };
        let fits = self.exceptions.len() == policies.exceptions.len()
            && self.rules.len() == policies.rules.len()
            && self.rules.iter().all(|rule| is_set(&rule.dirty));
        if fits { Ok(()) } else { Err(Error::damaged("the state of the policies is not one of theirs")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn policies_that_no_writer_makes_are_damage() {
        type Change = fn(&mut Policies);
        let cases: [(&str, Change); 9] = [
            ("window 0", |it| it.rules[0].window_ns = 0),
            ("window 2^63", |it| it.rules[0].window_ns = 1 << 63),
            ("delay", |it| it.rules[0].delay_ns = u64::MAX),
            ("no function", |it| it.rules[0].targets.clear()),
            ("percentile", |it| {
                it.rules[0].targets[0].function = RuleFunction::Percentile(f64::NAN.to_bits());
            }),
            ("twice", |it| it.rules = alloc::vec![it.rules[0].clone(); 2]),
            ("number 0", |it| it.rules[0].id = 0),
            ("no name", |it| it.rules[0].targets[0].metric.clear()),
            ("retention 0", |it| it.exceptions[0].retention_ns = Some(0)),
        ];
        examples::policies().check().unwrap();
        for (name, change) in cases {
            let mut policies = examples::policies();
            change(&mut policies);
            assert!(policies.check().is_err(), "{name}");
        }
    }

    #[test]
    fn a_state_belongs_to_its_policies() {
        let policies = examples::policies();
        let state = examples::policy_state();
        state.check(&policies).unwrap();
        assert!(state.check(&Policies::default()).is_err());
        let mut twice = state.clone();
        let dirty = &mut twice.rules[0].dirty;
        dirty.push(dirty[0]);
        assert!(twice.check(&policies).is_err());
        let mut many = state;
        many.rules[0].dirty = (0..17).map(|at| TimeRange { min: 2 * at, max: 2 * at }).collect();
        assert!(many.check(&policies).is_err());
    }
}
