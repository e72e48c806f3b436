//! JSON across the border: options come in, reports go out. Times and LSNs are text, because JavaScript's numbers end at 2^53.
use chronicle_core::engine::Selector;
use chronicle_core::error::{Error, Result};
use chronicle_core::model::TimeRange;
use chronicle_core::query::{Filter, tag};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

pub(super) fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::invalid(format!("that makes no sense here: {error}")))
}

/// A condition on one tag.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Condition {
    Is(String),
    In(Vec<String>),
    Other(Operators),
}

/// All of them hold.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Operators {
    not: Option<String>,
    not_in: Option<Vec<String>>,
    matches: Option<String>,
    not_matches: Option<String>,
    exists: Option<bool>,
}

/// Which points are meant: of which series, and when.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Selection {
    metric: Option<String>,
    #[serde(rename = "where")]
    conditions: BTreeMap<String, Condition>,
    start: Option<String>,
    end: Option<String>,
}

impl Selection {
    pub(super) fn selector(&self) -> Result<Selector> {
        Ok(Selector { metric: self.metric.clone(), filter: filter(&self.conditions)? })
    }

    pub(super) fn range(&self) -> Result<TimeRange> {
        range(self.start.as_deref(), self.end.as_deref())
    }
}

pub(super) fn range(start: Option<&str>, end: Option<&str>) -> Result<TimeRange> {
    Ok(TimeRange::new(start.map(time).transpose()?, end.map(time).transpose()?))
}

fn time(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::invalid(format!("{text:?} is no time in nanoseconds that fits 64 bits")))
}

pub(super) fn filter(conditions: &BTreeMap<String, Condition>) -> Result<Filter> {
    conditions.iter().try_fold(Filter::default(), |all, (key, condition)| {
        Ok(match condition {
            Condition::Is(value) => all.and(tag(key).equals(value)),
            Condition::In(values) => all.and(tag(key).is_in(values.iter().map(String::as_str))),
            Condition::Other(operators) => operators.add(key, all)?,
        })
    })
}

impl Operators {
    fn add(&self, key: &str, mut all: Filter) -> Result<Filter> {
        if let Some(value) = &self.not {
            all = all.and(tag(key).differs(value));
        }
        if let Some(values) = &self.not_in {
            all = all.and(!tag(key).is_in(values.iter().map(String::as_str)));
        }
        if let Some(pattern) = &self.matches {
            all = all.and(tag(key).matches(pattern)?);
        }
        if let Some(pattern) = &self.not_matches {
            all = all.and(!tag(key).matches(pattern)?);
        }
        Ok(match self.exists {
            None => all,
            Some(true) => all.and(tag(key).exists()),
            Some(false) => all.and(!tag(key).exists()),
        })
    }
}
