//! What is stored: points, tags, time ranges, and the limits they must fit.
//!
//! Names are any non-empty UTF-8. Tags are an unordered set; this module fixes their canonical order (by key, bytewise),
//! which is what a [`SeriesKey`] hashes. Nothing here knows how points are stored.
use crate::error::{Error, ErrorKind, Result};
use crate::ids::SeriesKey;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One measurement, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Name of the metric.
    pub metric: String,
    /// Tags, in any order; an empty value means that the tag is absent.
    pub tags: Vec<(String, String)>,
    /// Unix time, nanoseconds.
    pub timestamp: i64,
    /// Any bit pattern is kept.
    pub value: f64,
}

impl Point {
    /// A point without tags.
    pub fn new(metric: impl Into<String>, timestamp: i64, value: f64) -> Self {
        Self { metric: metric.into(), tags: Vec::new(), timestamp, value }
    }
    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }
}

/// Anything that can be written as one point, without being copied first. `Point` is one; a parser's row is another.
pub trait PointSource {
    /// Name of the metric.
    fn metric(&self) -> &str;
    /// Number of tags, absent ones included.
    fn tag_count(&self) -> usize;
    /// Tag `index` as key and value; `index` is below [`PointSource::tag_count`].
    fn tag_at(&self, index: usize) -> (&str, &str);
    /// Unix time, nanoseconds.
    fn timestamp(&self) -> i64;
    /// The value.
    fn value(&self) -> f64;
}

impl PointSource for Point {
    fn metric(&self) -> &str {
        &self.metric
    }
    fn tag_count(&self) -> usize {
        self.tags.len()
    }
    fn tag_at(&self, index: usize) -> (&str, &str) {
        self.tags.get(index).map_or(("", ""), |(key, value)| (key.as_str(), value.as_str()))
    }
    fn timestamp(&self) -> i64 {
        self.timestamp
    }
    fn value(&self) -> f64 {
        self.value
    }
}

impl<T: PointSource> PointSource for &T {
    fn metric(&self) -> &str {
        (**self).metric()
    }
    fn tag_count(&self) -> usize {
        (**self).tag_count()
    }
    fn tag_at(&self, index: usize) -> (&str, &str) {
        (**self).tag_at(index)
    }
    fn timestamp(&self) -> i64 {
        (**self).timestamp()
    }
    fn value(&self) -> f64 {
        (**self).value()
    }
}

/// Tags in canonical form: sorted by key, keys unique, no empty values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// Sorts, drops tags with an empty value, and refuses empty or repeated keys.
    pub fn new<K: Into<String>, V: Into<String>>(tags: impl IntoIterator<Item = (K, V)>) -> Result<Self> {
        let mut pairs: Vec<(String, String)> = tags
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        pairs.sort();
        if pairs.iter().any(|(key, _)| key.is_empty()) {
            return Err(Error::invalid("a tag key is empty; name it or leave the tag out"));
        }
        if let Some([(key, _), _]) = pairs.array_windows().find(|[(a, _), (b, _)]| a == b) {
            return Err(Error::invalid(alloc::format!(
                "tag {key:?} is given twice; a tag has one value in a series"
            )));
        }
        Ok(Self(pairs))
    }
    /// The value of `key`; an absent tag reads as the empty string, as in matchers.
    pub fn get(&self, key: &str) -> &str {
        self.0
            .binary_search_by(|(k, _)| k.as_str().cmp(key))
            .ok()
            .and_then(|i| self.0.get(i))
            .map_or("", |(_, v)| v.as_str())
    }
    /// Pairs in order of key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
    /// Number of tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// True without tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A metric and its exact set of tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Name of the metric.
    pub metric: String,
    /// Its tags.
    pub tags: Tags,
}

impl Series {
    /// Identity of this series in every database: see [`canonical_series`].
    pub fn key(&self) -> SeriesKey {
        series_key(&self.metric, self.tags.iter())
    }
}

/// Identity of a series in every database, from its metric and its tags in order of key.
pub(crate) fn series_key<'a>(
    metric: &str,
    tags: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) -> SeriesKey {
    let hash = blake3::hash(&canonical(metric, tags));
    let mut half = [0u8; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    SeriesKey(u128::from_le_bytes(half))
}

/// The canonical bytes of a series: metric, number of tags, then each key and value in order of key; every text is
/// preceded by its length in bytes, and all numbers are u32 little-endian.
pub fn canonical_series(metric: &str, tags: &Tags) -> Vec<u8> {
    canonical(metric, tags.iter())
}

fn canonical<'a>(metric: &str, tags: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    };
    text(&mut bytes, metric);
    bytes.extend_from_slice(&(tags.len() as u32).to_le_bytes());
    for (key, value) in tags {
        text(&mut bytes, key);
        text(&mut bytes, value);
    }
    bytes
}

/// Timestamps from `min` to `max`, both included, so that the last nanosecond of i64 can be named. Users give
/// `[start, end)`; see [`TimeRange::new`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    /// First timestamp inside.
    pub min: i64,
    /// Last timestamp inside; below `min` when the range is empty.
    pub max: i64,
}

impl TimeRange {
    /// Every timestamp.
    pub const ALL: Self = Self { min: i64::MIN, max: i64::MAX };
    /// No timestamp.
    pub const EMPTY: Self = Self { min: i64::MAX, max: i64::MIN };
    /// From `start` (included) to `end` (excluded); a missing side is unbounded.
    pub fn new(start: Option<i64>, end: Option<i64>) -> Self {
        match end {
            Some(i64::MIN) => Self::EMPTY,
            _ => Self { min: start.unwrap_or(i64::MIN), max: end.map_or(i64::MAX, |end| end - 1) },
        }
    }
    /// True without any timestamp.
    pub fn is_empty(&self) -> bool {
        self.min > self.max
    }
    /// True when `timestamp` lies inside.
    pub fn contains(&self, timestamp: i64) -> bool {
        self.min <= timestamp && timestamp <= self.max
    }
    /// True when every timestamp of `other` lies inside.
    pub fn covers(&self, other: &Self) -> bool {
        other.is_empty() || (self.min <= other.min && other.max <= self.max)
    }
    /// True when both have a timestamp in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.min.max(other.min) <= self.max.min(other.max)
    }
    /// What both have in common.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }
    /// The smallest range that covers both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => *other,
            (_, true) => *self,
            _ => Self { min: self.min.min(other.min), max: self.max.max(other.max) },
        }
    }
}

/// What one database accepts. Stated defaults; a host may raise them up to the format's maxima.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest metric name, tag key or tag value, bytes. Format maximum 65,535.
    pub name_bytes_max: usize,
    /// Most tags on a point. Format maximum 1,024.
    pub tags_max: usize,
    /// Most series in the database. Format maximum 2^32 - 1.
    pub series_max: usize,
    /// Largest batch, as bytes of its frame in the log. Format maximum 1 GiB.
    pub batch_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { name_bytes_max: 1024, tags_max: 64, series_max: 10_000_000, batch_bytes_max: 64 << 20 }
    }
}

impl Limits {
    /// Checks a metric and tags in canonical form.
    pub fn check_series(&self, metric: &str, tags: &Tags) -> Result<()> {
        self.check_name("metric name", metric)?;
        if tags.len() > self.tags_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                alloc::format!(
                    "a point of {metric:?} has {} tags; at most {} are accepted (tags_max)",
                    tags.len(),
                    self.tags_max
                ),
            ));
        }
        tags.iter().try_for_each(|(key, value)| {
            self.check_name("tag key", key)?;
            self.check_name("tag value", value)
        })
    }
    /// Checks one name: not empty, not too long. `what` says which in the error.
    pub fn check_name(&self, what: &str, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(Error::invalid(alloc::format!("a {what} is empty")));
        }
        if name.len() > self.name_bytes_max {
            let shown: Cow<'_, str> = name.chars().take(40).collect::<String>().into();
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                alloc::format!(
                    "{what} {shown:?}... has {} bytes; at most {} are accepted (name_bytes_max)",
                    name.len(),
                    self.name_bytes_max
                ),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_a_set_without_empty_values() {
        let tags = Tags::new([("b", "2"), ("a", "1"), ("gone", "")]).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!(tags.get("gone"), "");
        assert!(Tags::new([("a", "1"), ("a", "2")]).is_err());
        assert!(Tags::new([("", "1")]).is_err());
    }

    #[test]
    fn a_range_ends_before_its_end() {
        assert!(!TimeRange::new(Some(0), Some(10)).contains(10));
        assert!(TimeRange::new(None, None).contains(i64::MAX));
        assert!(TimeRange::new(None, Some(i64::MIN)).is_empty());
        assert!(TimeRange::new(Some(5), Some(5)).is_empty());
    }
}
