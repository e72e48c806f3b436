//! Selector: which series a query, a deletion or a partial restore means.
use crate::head::{Dictionary, SeriesInfo};
use crate::query::{Filter, tag};
use alloc::string::String;
use alloc::sync::Arc;

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

    /// The visible series it selects, with their slots.
    pub(crate) fn series<'a>(
        &'a self,
        dictionary: &'a Dictionary,
    ) -> impl Iterator<Item = (u32, &'a Arc<SeriesInfo>)> {
        let named = self.metric.as_deref().map(|metric| dictionary.series_of(metric));
        let all = self.metric.is_none().then(|| dictionary.all_series());
        named
            .into_iter()
            .flatten()
            .chain(all.into_iter().flatten())
            .filter(|(_, info)| self.filter.matches(&info.series.tags))
    }
}
