//! Choosing a part, as a part of the configuration of a restore.
use crate::backup::RestoreConfig;
use chronicle_core::model::TimeRange;
use chronicle_core::query::Filter;

impl RestoreConfig {
    /// Only this metric; again for another one too. From here on the source may be of any kind: a repository, a snapshot
    /// directory, a folder of snapshots, a database.
    ///
    /// A restore of a part makes a database of its own (a new lineage), without downsampling rules, with nothing but the
    /// chosen points.
    #[must_use]
    pub fn metric(mut self, name: impl Into<String>) -> Self {
        self.choice.metrics.push(name.into());
        self
    }

    /// Only series whose tag `key` has this value; an empty one means without that tag. Again: all must hold.
    #[must_use]
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter(chronicle_core::query::tag(key).equals(value))
    }

    /// Only series for whose tags this holds too.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.choice.filter = self.choice.filter.and(filter);
        self
    }

    /// Holds about so many points in memory at a time where they go into a database, and makes more than these a commit of
    /// segments. Default 2^20.
    #[must_use]
    pub fn points_at_once(mut self, points: usize) -> Self {
        self.choice.points_at_once = Some(points.max(1));
        self
    }

    /// Only points inside, Unix ns of the data; `start..end` leaves `end` out.
    #[must_use]
    pub fn range(mut self, range: impl Into<TimeRange>) -> Self {
        self.choice.range = Some(range.into());
        self
    }
}
