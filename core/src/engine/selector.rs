//! Selector: which series a query, a deletion or a partial restore means.
//!
//! Conditions are evaluated as sets of ordinals: a leaf asks the metric's tag index once for each value, and `and`, `or` and
//! `not` put the sets together. What the index does not cover, and small metrics, are looked at series by series.
use super::{Engine, NameStep};
use crate::head::{Dictionary, NameHasher, OrdinalSet, Scope, SeriesTable};
use crate::ids::SeriesId;
use crate::query::Matcher;
use alloc::string::String;
use alloc::vec::Vec;

/// Series of a metric from which an index is worth building.
const INDEX_SERIES_MIN: u32 = 256;
/// Series that are looked at one by one rather than asked for in the index.
const LOOK_AT_MAX: usize = 256;

/// Series by metric and tags. The default selects every series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// Only this metric; `None` for all.
    pub metric: Option<String>,
    /// All of these hold.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// Every series of a metric.
    pub fn metric(name: impl Into<String>) -> Self {
        Self { metric: Some(name.into()), matchers: Vec::new() }
    }

    /// Every series.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only series whose tag `key` has this value; an absent tag has the empty value.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.matchers.push(Matcher::Equal { key: key.into(), value: value.into() });
        self
    }

    /// Numbers of the metrics that it names.
    fn metrics(&self, dictionary: &Dictionary) -> core::ops::Range<u32> {
        match &self.metric {
            Some(name) => dictionary.metric_number(name).map_or(0..0, |number| number..number + 1),
            None => dictionary.metric_numbers(),
        }
    }

    /// The ordinals below `end` that it selects in a metric, ascending.
    fn ordinals(&self, table: &mut SeriesTable, end: u32, hasher: &NameHasher) -> Vec<u32> {
        let holds = |table: &SeriesTable, ordinal: u32| {
            self.matchers.iter().all(|it| it.matches_value(table.tag(ordinal, it.key())))
        };
        if self.matchers.is_empty() {
            return (0..end).collect();
        }
        if table.len() < INDEX_SERIES_MIN {
            return (0..end).filter(|&ordinal| holds(table, ordinal)).collect();
        }
        let covered = table.index().covered().min(end);
        let mut matchers: Vec<&Matcher> = self.matchers.iter().collect();
        // Those that leave few series first: the others then need not be asked for.
        matchers.sort_by_key(|matcher| !matches!(matcher, Matcher::Equal { value, .. } if !value.is_empty()));
        let mut set = OrdinalSet::all();
        for matcher in matchers {
            match set.named() {
                Some(named) if named.len() <= LOOK_AT_MAX => {
                    named.retain(|&ordinal| matcher.matches_value(table.tag(ordinal, matcher.key())));
                }
                _ => set = set.and(leaf(table, matcher, hasher)),
            }
        }
        let mut selected = set.below(covered);
        selected.extend((covered..end).filter(|&ordinal| holds(table, ordinal)));
        selected
    }
}

/// The covered series for which a condition holds.
fn leaf(table: &SeriesTable, matcher: &Matcher, hasher: &NameHasher) -> OrdinalSet {
    let with = |key: &str, value: &String| table.with_pair(hasher, key, value);
    match matcher {
        Matcher::Equal { key, value } if !value.is_empty() => with(key, value),
        Matcher::NotEqual { key, value } if !value.is_empty() => with(key, value).negate(),
        Matcher::In { key, values } if values.iter().all(|value| !value.is_empty()) => {
            values.iter().map(|value| with(key, value)).fold(OrdinalSet::only(Vec::new()), OrdinalSet::or)
        }
        matcher => table.with_value(matcher.key(), &mut |value| matcher.matches_value(value)),
    }
}

impl Engine {
    /// The series that a selector selects, in order of number.
    pub(super) fn select(&mut self, selector: &Selector, scope: Scope) -> NameStep<Vec<SeriesId>> {
        let metrics = selector.metrics(&self.dictionary);
        if let Some(load) = self.load_of(metrics.clone()) {
            return NameStep::Load(load);
        }
        let mut ids = Vec::new();
        for metric in metrics {
            let Some((table, end, hasher)) = self.dictionary.table_to_select(metric, scope) else { continue };
            let ordinals = selector.ordinals(table, end, hasher);
            ids.extend(ordinals.into_iter().map(|ordinal| SeriesId::new(metric, ordinal)));
        }
        NameStep::Ready(ids)
    }
}
