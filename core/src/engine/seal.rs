//! Sealing: from a frozen head to segments.
use super::checkpoint::Checkpoint;
use super::{Engine, Placed};
use crate::catalog::StoredPolicy;
use crate::error::Result;
use crate::format::{LogStart, SegmentEntry, SegmentKind};
use crate::head::{FrozenHead, SeriesInfo};
use crate::model::TimeRange;
use crate::segment::{BuiltSegment, DictionaryBuilder, SEGMENT_BYTES_TARGET, SegmentBuilder};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A head on its way into segments. [`SealJob::build`] needs nothing but the job.
#[derive(Debug)]
pub struct SealJob {
    frozen: Arc<FrozenHead>,
    /// Series with points, by number.
    series: Vec<(Arc<SeriesInfo>, u32)>,
    /// Series that no dictionary run holds yet, by number.
    definitions: Vec<Arc<SeriesInfo>>,
    metrics: Vec<String>,
    log: LogStart,
    policy: Arc<StoredPolicy>,
}

impl Engine {
    /// Freezes the head at the last visible commit. `None` when the catalog already holds everything. One seal at a time:
    /// install or drop the engine before the next.
    pub fn begin_seal(&mut self) -> Option<SealJob> {
        if !self.has_unsealed() || !self.frozen.is_empty() {
            return None;
        }
        let head = core::mem::take(&mut self.head);
        self.unsealed_marks = 0;
        let frozen = Arc::new(FrozenHead::new(head, self.log.settled, self.dictionary.visible()));
        self.frozen.push(Arc::clone(&frozen));
        let series = frozen
            .by_series(&self.dictionary)
            .into_iter()
            .filter_map(|(info, _)| self.dictionary.slot_of(info.id).map(|slot| (info, slot)))
            .collect();
        let definitions =
            self.dictionary.definitions(self.catalog.series_stored() as usize, frozen.counts.series);
        let metrics = self.dictionary.metric_names(self.catalog.metrics.len(), frozen.counts.metrics);
        let metrics = metrics.map(|name| String::from(&**name)).collect();
        Some(SealJob {
            frozen,
            series,
            definitions,
            metrics,
            log: self.log.end(),
            policy: self.stored_policy(),
        })
    }

    /// Puts the placed segments of a seal into the catalog. Its log is no longer needed for replay once the checkpoint is done.
    pub fn install_seal(&mut self, job: SealJob, placed: Vec<Placed>) -> Result<Checkpoint> {
        let run = self.take_run();
        let duration = self.identity.settings.partition_duration_ns;
        let entries = placed.into_iter().map(|placed| entry(placed, run, duration)).collect();
        let position = job.frozen.end;
        self.frozen.retain(|frozen| !Arc::ptr_eq(frozen, &job.frozen));
        self.check_unsealed_order()?;
        let tombstones = self.tombstones.iter().filter(|tombstone| tombstone.lsn > self.catalog.position.lsn);
        let tombstones = tombstones.filter(|tombstone| tombstone.lsn <= position.lsn).cloned().collect();
        self.publish(super::checkpoint::Edit {
            position,
            log: job.log,
            removed: Vec::new(),
            added: entries,
            tombstones,
            metrics: job.metrics,
            all_pages: false,
            policy: Some(job.policy),
        })
    }

    pub(super) fn take_run(&mut self) -> u64 {
        self.next_run += 1;
        self.next_run
    }
}

/// The catalog's entry for a placed segment.
pub(super) fn entry(placed: Placed, run: u64, partition_duration_ns: u64) -> SegmentEntry {
    let Placed { summary, offset } = placed;
    let dictionary = summary.points == 0;
    let partition = |timestamp: i64| match i64::try_from(partition_duration_ns) {
        Ok(duration) if !dictionary => timestamp.div_euclid(duration.max(1)),
        _ => 0,
    };
    SegmentEntry {
        kind: if dictionary { SegmentKind::Dictionary } else { SegmentKind::Points },
        offset,
        run,
        partition_min: partition(summary.time.min),
        partition_max: partition(summary.time.max),
        summary,
    }
}

impl SealJob {
    /// Sorts, encodes and hashes. A head of a million points takes about 50 ms of one core.
    pub fn build(&self) -> Result<Vec<BuiltSegment>> {
        let mut built = Vec::new();
        let (lsn_min, lsn_max) = self.frozen.lsn_range();
        let mut builder = SegmentBuilder::new(lsn_min, lsn_max);
        let (mut timestamps, mut bits) = (Vec::new(), Vec::new());
        for (info, slot) in &self.series {
            let Some(buffer) = self.frozen.get(*slot) else { continue };
            timestamps.clear();
            bits.clear();
            buffer.read(TimeRange::ALL, &mut timestamps, &mut bits);
            builder.push_series(info.id, info.key, &timestamps, &bits)?;
            if builder.len() >= SEGMENT_BYTES_TARGET {
                let full = core::mem::replace(&mut builder, SegmentBuilder::new(lsn_min, lsn_max));
                built.extend(full.finish());
            }
        }
        built.extend(builder.finish());
        built.extend(build_dictionary(&self.definitions, lsn_max)?);
        Ok(built)
    }

    /// Points it holds, later doubles included.
    pub fn points(&self) -> usize {
        self.frozen.points()
    }
}

/// A dictionary run of `definitions`, which are in order of number; `None` without any.
pub(super) fn build_dictionary(definitions: &[Arc<SeriesInfo>], lsn: u64) -> Result<Option<BuiltSegment>> {
    let mut builder = DictionaryBuilder::new();
    for info in definitions {
        builder.push(info.id, &info.series.tags)?;
    }
    Ok(builder.finish().map(|built| built.of_commits(lsn.max(1))))
}
