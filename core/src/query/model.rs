//! A query as data: the metric, which of its series and points, and what is made of them.
//!
//! Every value of these types can be built by hand, so nothing here is known to make sense until [`Query::check`]
//! has said so; the parser of the text form calls it, and so must whoever runs a query.
use super::{Fill, Filter};
use crate::model::TimeRange;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A question about one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Name of the metric.
    pub metric: String,
    /// Conditions on tags.
    pub filter: Filter,
    /// Timestamps that are looked at.
    pub range: TimeRange,
    /// Points, or what is made of them.
    pub select: Select,
    /// Length of the epoch-aligned windows, ns, above 0; `None` makes one window of the whole range. Aggregates only.
    pub window_ns: Option<i64>,
    /// What stands in windows without points. Aggregates over windows only.
    pub fill: Fill,
    /// Which series are aggregated together. Aggregates only.
    pub group_by: GroupBy,
    /// Order of the rows in time; rows of one timestamp are in ascending order of their [`GroupKey`](super::GroupKey).
    pub order: Order,
    /// Most rows that are answered, counted after ordering and after `offset`.
    pub limit: Option<u64>,
    /// Rows that are passed over first.
    pub offset: u64,
}

/// What a row of the answer holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Select {
    /// Raw points, each with all of its tags.
    Points,
    /// One value per aggregate, for each window of each group. No aggregate may be listed twice.
    Aggregates(Vec<Aggregate>),
}

/// A function over the points of one group in one window. [`super::aggregate`] defines each one exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// Number of points, NaN included.
    Count,
    /// Sum of the values.
    Sum,
    /// Arithmetic mean.
    Mean,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Value of the earliest point.
    First,
    /// Value of the latest point.
    Last,
    /// Sample standard deviation (n - 1).
    Stddev,
    /// Nearest-rank percentile, 0 to 100.
    Percentile(f64),
    /// Increase of a counter per second.
    Rate,
}

impl Aggregate {
    /// Every function name of the text form, in the order of this enum.
    pub const NAMES: [&str; 10] =
        ["count", "sum", "mean", "min", "max", "first", "last", "stddev", "percentile", "rate"];

    /// Name of the function in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Stddev => "stddev",
            Self::Percentile(_) => "percentile",
            Self::Rate => "rate",
        }
    }
    /// True when [`Statistics`](crate::statistics::Statistics) of a block answer it without decoding the block.
    pub fn answered_by_statistics(&self) -> bool {
        !matches!(self, Self::Stddev | Self::Percentile(_) | Self::Rate)
    }
}

/// The expression in the text form, which also names its column: `max(value)`, `percentile(value, 99)`.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Adding +0.0 turns -0.0 into 0.0, so that equal percentiles have equal names.
            Self::Percentile(p) => write!(f, "percentile(value, {})", p + 0.0),
            other => write!(f, "{}(value)", other.name()),
        }
    }
}

/// Which series are aggregated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Series with equal values of these tags; an absent tag reads as the empty string. No tags: all series.
    Tags(Vec<String>),
    /// Every series by itself.
    AllTags,
}

impl Default for GroupBy {
    fn default() -> Self {
        Self::Tags(Vec::new())
    }
}

/// Order of rows in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Earliest first.
    #[default]
    Ascending,
    /// Latest first.
    Descending,
}
