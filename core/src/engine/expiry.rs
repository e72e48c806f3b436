//! Expiry: when points are older than the database is told to keep.
use super::Engine;
use crate::format::{SegmentEntry, SeriesSet};

impl Engine {
    /// The cutoff below which stored points have expired, when there are any: commit it with [`Engine::prepare_expire`].
    ///
    /// Age counts back from the newest commit or from `now_ns`, whichever is earlier, so that a clock that leaps ahead expires
    /// nothing; and only whole partitions expire, so that their segments can be dropped and not rewritten.
    pub fn expiry_due(&self, now_ns: i64) -> Option<i64> {
        let settings = &self.identity.settings;
        let age = settings.retention_ns.filter(|_| !settings.retention_suspended)?;
        let newest = now_ns.min(self.log.settled.commit_time_ns);
        let oldest_kept = newest.checked_sub_unsigned(age)?;
        let partition = i64::try_from(settings.partition_duration_ns).ok()?.max(1);
        let cutoff = oldest_kept.div_euclid(partition).checked_mul(partition)?;
        let is_expired = |entry: &SegmentEntry| {
            self.tombstones.iter().any(|tombstone| {
                entry.summary.lsn_max < tombstone.lsn
                    && tombstone.series == SeriesSet::all()
                    && tombstone.time.min == i64::MIN
                    && tombstone.time.max >= cutoff - 1
            })
        };
        let is_due = |entry: &SegmentEntry| entry.summary.time.min < cutoff && !is_expired(entry);
        self.catalog.point_segments().any(is_due).then_some(cutoff)
    }
}
