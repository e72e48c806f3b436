//! Writing a query in Rust: `Query::metric("cpu").tag("host", "a").range(start..end).mean(minutes(5))`.
use super::{Aggregate, Fill, Filter, GroupBy, Order, Query, Select, tag};
use crate::error::Result;
use crate::model::TimeRange;
use alloc::string::String;
use core::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// `n` milliseconds in ns, saturating.
pub const fn milliseconds(n: i64) -> i64 {
    n.saturating_mul(1_000_000)
}
/// `n` seconds in ns, saturating.
pub const fn seconds(n: i64) -> i64 {
    n.saturating_mul(1_000_000_000)
}
/// `n` minutes in ns, saturating.
pub const fn minutes(n: i64) -> i64 {
    seconds(n.saturating_mul(60))
}
/// `n` hours in ns, saturating.
pub const fn hours(n: i64) -> i64 {
    minutes(n.saturating_mul(60))
}
/// `n` days of 24 hours in ns, saturating.
pub const fn days(n: i64) -> i64 {
    hours(n.saturating_mul(24))
}

impl Query {
    /// All points of a metric, earliest first. The methods below narrow it.
    pub fn metric(metric: impl Into<String>) -> Self {
        Self {
            metric: metric.into(),
            filter: Filter::default(),
            range: TimeRange::ALL,
            select: Select::Points,
            window_ns: None,
            fill: Fill::None,
            group_by: GroupBy::default(),
            order: Order::Ascending,
            limit: None,
            offset: 0,
        }
    }
    /// Adds a condition on the tags: a [`Matcher`](super::Matcher), or a [`Filter`] of several. All that were added hold.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.filter = self.filter.and(filter);
        self
    }
    /// Only series for which one of these holds.
    #[must_use]
    pub fn any_of(self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filter(Filter::any(filters))
    }
    /// Only series for which this does not hold.
    #[must_use]
    pub fn not(self, filter: impl Into<Filter>) -> Self {
        self.filter(!filter.into())
    }
    /// Only series whose tag `key` is `value`; an empty value asks for series without the tag.
    #[must_use]
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter(tag(key).equals(value))
    }
    /// Only series whose tag `key` is not `value`.
    #[must_use]
    pub fn tag_not(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter(tag(key).differs(value))
    }
    /// Only series whose tag `key` is one of `values`.
    #[must_use]
    pub fn tag_in<V: Into<String>>(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.filter(tag(key).is_in(values))
    }
    /// Only series whose tag `key` is none of `values`.
    #[must_use]
    pub fn tag_not_in<V: Into<String>>(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.filter(!tag(key).is_in(values))
    }
    /// Only series of whose tag `key` some part matches `pattern`; see [`super::regex`]. An error if the pattern makes no
    /// sense.
    pub fn tag_matches(self, key: impl Into<String>, pattern: &str) -> Result<Self> {
        Ok(self.filter(tag(key).matches(pattern)?))
    }
    /// Only series of whose tag `key` no part matches `pattern`.
    pub fn tag_not_matches(self, key: impl Into<String>, pattern: &str) -> Result<Self> {
        Ok(self.filter(!tag(key).matches(pattern)?))
    }
    /// Only points inside, Unix ns; replaces an earlier range. `start..end` leaves `end` out.
    #[must_use]
    pub fn range(mut self, range: impl Into<TimeRange>) -> Self {
        self.range = range.into();
        self
    }
    /// Adds an aggregate to the answer, after those that are already asked for.
    #[must_use]
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        match &mut self.select {
            Select::Aggregates(aggregates) => aggregates.push(aggregate),
            Select::Points => self.select = Select::Aggregates(alloc::vec![aggregate]),
        }
        self
    }
    /// Length of the windows, ns.
    #[must_use]
    pub fn window(mut self, window_ns: i64) -> Self {
        self.window_ns = Some(window_ns);
        self
    }
    /// What stands in windows without points.
    #[must_use]
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }
    /// Adds [`Aggregate::Mean`] over windows of this length, ns.
    #[must_use]
    pub fn mean(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Mean).window(window_ns)
    }
    /// Adds [`Aggregate::Sum`] over windows of this length, ns.
    #[must_use]
    pub fn sum(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Sum).window(window_ns)
    }
    /// Adds [`Aggregate::Count`] over windows of this length, ns.
    #[must_use]
    pub fn count(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Count).window(window_ns)
    }
    /// Adds [`Aggregate::Min`] over windows of this length, ns.
    #[must_use]
    pub fn min(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Min).window(window_ns)
    }
    /// Adds [`Aggregate::Max`] over windows of this length, ns.
    #[must_use]
    pub fn max(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Max).window(window_ns)
    }
    /// Adds [`Aggregate::Rate`] over windows of this length, ns.
    #[must_use]
    pub fn rate(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Rate).window(window_ns)
    }
    /// Adds [`Aggregate::First`] over windows of this length, ns.
    #[must_use]
    pub fn first(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::First).window(window_ns)
    }
    /// Adds [`Aggregate::Last`] over windows of this length, ns.
    #[must_use]
    pub fn last(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Last).window(window_ns)
    }
    /// Adds [`Aggregate::Stddev`] over windows of this length, ns.
    #[must_use]
    pub fn stddev(self, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Stddev).window(window_ns)
    }
    /// Adds [`Aggregate::Percentile`] `p`, 0 to 100, over windows of this length, ns.
    #[must_use]
    pub fn percentile(self, p: f64, window_ns: i64) -> Self {
        self.aggregate(Aggregate::Percentile(p)).window(window_ns)
    }
    /// Aggregates series with equal values of these tags together; replaces an earlier grouping.
    #[must_use]
    pub fn group_by<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.group_by = GroupBy::Tags(keys.into_iter().map(Into::into).collect());
        self
    }
    /// Aggregates every series by itself.
    #[must_use]
    pub fn group_by_all(mut self) -> Self {
        self.group_by = GroupBy::AllTags;
        self
    }
    /// Latest rows first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }
    /// At most this many rows.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }
    /// Passes over this many rows first.
    #[must_use]
    pub fn offset(mut self, rows: u64) -> Self {
        self.offset = rows;
        self
    }
}

impl From<Range<i64>> for TimeRange {
    fn from(range: Range<i64>) -> Self {
        Self::new(Some(range.start), Some(range.end))
    }
}
impl From<RangeFrom<i64>> for TimeRange {
    fn from(range: RangeFrom<i64>) -> Self {
        Self::new(Some(range.start), None)
    }
}
impl From<RangeTo<i64>> for TimeRange {
    fn from(range: RangeTo<i64>) -> Self {
        Self::new(None, Some(range.end))
    }
}
impl From<RangeFull> for TimeRange {
    fn from(_: RangeFull) -> Self {
        Self::ALL
    }
}
impl From<RangeInclusive<i64>> for TimeRange {
    fn from(range: RangeInclusive<i64>) -> Self {
        Self { min: *range.start(), max: *range.end() }
    }
}
impl From<RangeToInclusive<i64>> for TimeRange {
    fn from(range: RangeToInclusive<i64>) -> Self {
        Self { min: i64::MIN, max: range.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_nanosecond_can_be_asked_for() {
        let last = |range: TimeRange| range.contains(i64::MAX);
        assert!(last((0..).into()) && last((..).into()) && last((0..=i64::MAX).into()));
        assert!(!last((0..i64::MAX).into()) && !last((..i64::MAX).into()));
        assert!(TimeRange::from(..i64::MIN).is_empty());
    }

    #[test]
    fn aggregates_are_answered_in_the_order_they_were_asked_for() {
        let query = Query::metric("cpu").mean(minutes(5)).aggregate(Aggregate::Max);
        assert_eq!(query.select, Select::Aggregates(alloc::vec![Aggregate::Mean, Aggregate::Max]));
        assert_eq!(query.window_ns, Some(300_000_000_000));
    }

    #[test]
    fn conditions_that_are_added_all_hold() {
        let query = Query::metric("cpu")
            .tag("dc", "x")
            .any_of([tag("host").equals("a"), tag("host").matches("^b").unwrap()])
            .not(tag("rack").exists())
            .tag_not_matches("os", "(?i)windows")
            .unwrap()
            .mean(minutes(5))
            .fill(Fill::Linear);
        let text = "SELECT mean(value) FROM cpu WHERE dc = 'x' AND (host = 'a' OR host ~ '^b') AND rack = '' \
                    AND os !~ '(?i)windows' GROUP BY time(5m) FILL(linear)";
        assert_eq!(query, crate::query::parse_sql(text, 0).unwrap());
        assert!(Query::metric("cpu").tag_matches("host", "(").is_err());
    }

    #[test]
    fn units_saturate() {
        assert_eq!((days(i64::MAX), days(i64::MIN), days(1)), (i64::MAX, i64::MIN, 86_400_000_000_000));
    }
}
