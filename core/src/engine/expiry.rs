//! Expiry: when points are older than the database is told to keep, or too many.
//!
//! Whole partitions expire, by a commit that says which series and before when; a replay carries it out and decides nothing.
//! Metrics with a retention of their own are left out of the database's, and expire by themselves. The newest
//! partition never expires by size.
use super::log::Operation;
use super::read::load_index;
use super::{Checkpoint, Engine, Pin};
use crate::engine::checkpoint::applies;
use crate::error::Result;
use crate::format::{Commit, CommitKind, Expired, SegmentEntry, SeriesSet, Tombstone};
use crate::head::Position;
use crate::ids::Generation;
use crate::model::TimeRange;
use crate::source::{Source, Step};
use alloc::vec::Vec;

/// Points that have expired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiry {
    /// Of these series.
    pub series: SeriesSet,
    /// Those before this timestamp, Unix ns.
    pub cutoff_ns: i64,
}

impl Expiry {
    /// Every point before a timestamp.
    pub fn before(cutoff_ns: i64) -> Self {
        Self { series: SeriesSet::all(), cutoff_ns }
    }
}

/// Looks for the oldest partition of a database that is larger than it is told to be.
pub struct SizeExpiry {
    series: SeriesSet,
    partition_duration_ns: i64,
    /// Segments that hold some of the series, and the range of these in each, once its index is read.
    segments: Vec<(SegmentEntry, Option<TimeRange>)>,
    generation: Generation,
    #[expect(dead_code, reason = "keeps the segments' extents from being reused")]
    pin: Pin,
}

impl Engine {
    /// Prepares an expiry.
    pub fn prepare_expire(&mut self, expiry: &Expiry, now_ns: i64) -> Result<Option<Position>> {
        self.check_writable()?;
        let time = TimeRange::new(None, Some(expiry.cutoff_ns));
        if time.is_empty() || expiry.series.is_empty() {
            return Ok(None);
        }
        let series = expiry.series.clone();
        let payload = Commit::Expire { cutoff: expiry.cutoff_ns, series: series.clone() }.encode()?;
        let tombstone = Tombstone { lsn: self.log.tail.lsn + 1, series, time };
        let counts = self.dictionary.counts();
        self.log
            .prepare(0, CommitKind::Expire, &payload, now_ns, Operation::Expire(tombstone), counts)
            .map(Some)
    }

    /// What has expired by age and is still stored; commit it with [`Engine::prepare_expire`] and ask again.
    ///
    /// Age counts back from the newest commit or from `now_ns`, whichever is earlier, so that a clock that leaps ahead expires
    /// nothing; and only whole partitions expire, so that their segments can be dropped and not rewritten.
    pub fn expiry_due(&self, now_ns: i64) -> Option<Expiry> {
        let settings = &self.identity.settings;
        if settings.retention_suspended {
            return None;
        }
        let state = &self.policy.state;
        let exceptions = self.policy.policies.exceptions.iter().zip(&state.exceptions);
        let by_metric = exceptions.filter_map(|(exception, expired)| {
            let number = self.dictionary.metric_number(&exception.metric)?;
            self.due_by_age(exception.retention_ns?, SeriesSet::of_metric(number), *expired, now_ns)
        });
        let all = settings
            .retention_ns
            .and_then(|age| self.due_by_age(age, self.series_under_retention(), state.expired, now_ns));
        all.into_iter().chain(by_metric).next()
    }

    /// Every series without a retention of its own.
    fn series_under_retention(&self) -> SeriesSet {
        let exceptions = self.policy.policies.exceptions.iter();
        SeriesSet::except_metrics(
            exceptions.filter_map(|exception| self.dictionary.metric_number(&exception.metric)),
        )
    }

    fn due_by_age(&self, age: u64, series: SeriesSet, expired: Expired, now_ns: i64) -> Option<Expiry> {
        let newest = now_ns.min(self.log.settled.commit_time_ns);
        let oldest_kept = newest.checked_sub_unsigned(age)?;
        let partition = self.partition_duration();
        let cutoff_ns = oldest_kept.div_euclid(partition).checked_mul(partition)?;
        let is_expired = |entry: &SegmentEntry| {
            self.tombstones.iter().any(|tombstone| {
                entry.summary.lsn_max < tombstone.lsn
                    && tombstone.series == series
                    && tombstone.time.min == i64::MIN
                    && tombstone.time.max >= cutoff_ns - 1
            })
        };
        // What is left of a segment after an expiry was carried out may still start with points that are kept.
        let is_new =
            |entry: &SegmentEntry| expired.cutoff_ns < cutoff_ns || entry.summary.lsn_max > expired.lsn;
        let is_due = |entry: &SegmentEntry| {
            let summary = &entry.summary;
            summary.time.min < cutoff_ns
                && series.overlaps(summary.series_min, summary.series_max)
                && is_new(entry)
                && !is_expired(entry)
        };
        let expired_time = TimeRange::new(None, Some(cutoff_ns));
        let is_in_head = || {
            self.head
                .holds(expired_time, |slot| self.dictionary.id(slot).is_some_and(|id| series.contains(id)))
        };
        (self.catalog.point_segments().any(is_due) || is_in_head()).then_some(Expiry { series, cutoff_ns })
    }

    fn partition_duration(&self) -> i64 {
        i64::try_from(self.identity.settings.partition_duration_ns).unwrap_or(i64::MAX).max(1)
    }

    /// A look for the oldest partition, when the segments are larger than the database is told to be. Everything that expired
    /// before must be carried out first, so that what is measured is what is kept: until then, and when
    /// there was nothing to find in this catalog, `None`.
    pub fn size_expiry(&mut self) -> Option<SizeExpiry> {
        let settings = &self.identity.settings;
        let bytes_max = settings.retention_bytes.filter(|_| !settings.retention_suspended)?;
        let generation = self.catalog.generation;
        if self.live_bytes() <= bytes_max || self.size_checked == Some(generation) {
            return None;
        }
        let open = |entry: &SegmentEntry| self.tombstones.iter().any(|tombstone| trims(tombstone, entry));
        if self.catalog.point_segments().any(open) {
            return None;
        }
        self.size_checked = Some(generation);
        let series = self.series_under_retention();
        let overlaps =
            |entry: &&SegmentEntry| series.overlaps(entry.summary.series_min, entry.summary.series_max);
        let inputs: Vec<SegmentEntry> = self.catalog.point_segments().filter(overlaps).copied().collect();
        Some(SizeExpiry {
            series,
            partition_duration_ns: self.partition_duration(),
            segments: inputs.into_iter().map(|entry| (entry, None)).collect(),
            generation,
            pin: self.pin(),
        })
    }

    /// Bytes of the segments of points, without padding.
    pub fn live_bytes(&self) -> u64 {
        self.catalog.point_segments().map(|entry| entry.summary.len).sum()
    }

    /// Takes segments out of the catalog of which every point is deleted or expired: nothing of them is read. `None` when there
    /// are none, or a seal is under way.
    pub fn drop_covered(&mut self) -> Result<Option<Checkpoint>> {
        if !self.frozen.is_empty() {
            return Ok(None);
        }
        // Later deletions are only in the log; see `begin_compaction`.
        let position = self.catalog.position.lsn;
        let covered = |entry: &&SegmentEntry| {
            self.tombstones.iter().any(|tombstone| {
                tombstone.lsn <= position
                    && applies(tombstone, entry)
                    && tombstone.time.covers(&entry.summary.time)
                    && tombstone.series.covers(entry.summary.series_min, entry.summary.series_max)
            })
        };
        let removed: Vec<SegmentEntry> = self.catalog.point_segments().filter(covered).copied().collect();
        if removed.is_empty() {
            return Ok(None);
        }
        self.replace(removed, Vec::new(), false).map(Some)
    }
}

/// True when `tombstone` takes the oldest points of `entry`, as expiries do.
pub(super) fn trims(tombstone: &Tombstone, entry: &SegmentEntry) -> bool {
    tombstone.time.min == i64::MIN && applies(tombstone, entry)
}

impl SizeExpiry {
    /// Extents of the segments that it may ask for.
    pub fn extents(&self) -> Vec<crate::source::ByteRange> {
        self.segments.iter().map(|(entry, _)| entry.extent()).collect()
    }

    /// The catalog it looks at.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The oldest partition as an expiry; `None` when there is only one. Reads indexes alone.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<Option<Expiry>>> {
        let mut missing = Vec::new();
        for (entry, time) in self.segments.iter_mut().filter(|(_, time)| time.is_none()) {
            match load_index(entry, source)? {
                Err(range) => missing.push(range),
                Ok((index, _)) => {
                    let blocks = index.blocks().filter(|block| self.series.contains(block.series));
                    *time = Some(blocks.fold(TimeRange::EMPTY, |time, block| time.union(&block.stats.time)));
                }
            }
        }
        if !missing.is_empty() {
            return Ok(Step::Missing(missing));
        }
        let times = self.segments.iter().filter_map(|(_, time)| *time);
        let extent = times.fold(TimeRange::EMPTY, |extent, time| extent.union(&time));
        let duration = self.partition_duration_ns;
        let (oldest, newest) = (extent.min.div_euclid(duration), extent.max.div_euclid(duration));
        if extent.is_empty() || oldest >= newest {
            return Ok(Step::Ready(None));
        }
        let cutoff_ns = (oldest + 1).saturating_mul(duration);
        Ok(Step::Ready(Some(Expiry { series: self.series.clone(), cutoff_ns })))
    }
}
