//! Selector: which series a query, a deletion or a partial restore means.
//!
//! Conditions are evaluated as sets of ordinals: a leaf asks the metric's tag index once for each value, and AND, OR and
//! NOT put the sets together. What the index does not cover, and small metrics, are looked at series by series.
use super::{Engine, NameStep};
use crate::head::{Dictionary, NameHasher, OrdinalSet, Scope, SeriesTable};
use crate::ids::SeriesId;
use crate::query::{Filter, FilterNode, Matcher, tag};
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
    /// Conditions on the tags.
    pub filter: Filter,
}

impl Selector {
    /// Every series of a metric.
    pub fn metric(name: impl Into<String>) -> Self {
        Self { metric: Some(name.into()), filter: Filter::default() }
    }

    /// Every series.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only series whose tag `key` has this value; an absent tag has the empty value.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter = self.filter.and(tag(key).equals(value));
        self
    }

    /// Only series for which this holds too.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.filter = self.filter.and(filter);
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
        if self.filter == Filter::default() {
            return (0..end).collect();
        }
        let covered = if table.len() < INDEX_SERIES_MIN { 0 } else { table.index().covered().min(end) };
        let mut selected = match covered {
            0 => Vec::new(),
            _ => set_of(&self.filter, table, hasher).below(covered),
        };
        selected.extend((covered..end).filter(|&ordinal| holds(&self.filter, table, ordinal)));
        selected
    }
}

/// True when a filter takes a series.
fn holds(filter: &Filter, table: &SeriesTable, ordinal: u32) -> bool {
    match filter.node() {
        FilterNode::All(filters) => filters.iter().all(|filter| holds(filter, table, ordinal)),
        FilterNode::Any(filters) => filters.iter().any(|filter| holds(filter, table, ordinal)),
        FilterNode::Match(matcher) => matcher.matches_value(table.tag(ordinal, matcher.key())),
    }
}

/// The covered series that a filter takes.
fn set_of(filter: &Filter, table: &SeriesTable, hasher: &NameHasher) -> OrdinalSet {
    match filter.node() {
        FilterNode::Match(matcher) => leaf(table, matcher, hasher),
        FilterNode::Any(filters) => {
            let sets = filters.iter().map(|filter| set_of(filter, table, hasher));
            sets.fold(OrdinalSet::only(Vec::new()), OrdinalSet::or)
        }
        FilterNode::All(filters) => {
            let mut filters: Vec<&Filter> = filters.iter().collect();
            // Those that leave few series first: the others then need not be asked for.
            filters.sort_by_key(|filter| !is_equality(filter));
            let mut set = OrdinalSet::all();
            for filter in filters {
                match set.named() {
                    Some(named) if named.len() <= LOOK_AT_MAX => {
                        named.retain(|&ordinal| holds(filter, table, ordinal));
                    }
                    _ => set = set.and(set_of(filter, table, hasher)),
                }
            }
            set
        }
    }
}

/// True of a tag that is to have a certain value.
fn is_equality(filter: &Filter) -> bool {
    matches!(filter.node(), FilterNode::Match(Matcher::Equal { value, .. }) if !value.is_empty())
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
