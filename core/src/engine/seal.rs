//! Sealing: from a frozen head to segments.
use super::checkpoint::Checkpoint;
use super::{Engine, NameStep, Placed};
use crate::catalog::StoredPolicy;
use crate::error::Result;
use crate::format::{LogStart, SegmentEntry, SegmentKind};
use crate::head::{Counts, FrozenHead, NO_SLOT, SeriesNames};
use crate::ids::SeriesId;
use crate::model::TimeRange;
use crate::segment::{BuiltSegment, DictionaryBuilder, SEGMENT_BYTES_TARGET, SegmentBuilder};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A head on its way into segments. [`SealJob::build`] needs nothing but the job.
#[derive(Debug)]
pub struct SealJob {
    frozen: Arc<FrozenHead>,
    /// Series with points and series that no dictionary run holds yet, by number.
    series: Vec<SealedSeries>,
    /// Their names, in the same order.
    names: SeriesNames,
    metrics: Vec<String>,
    log: LogStart,
    policy: Arc<StoredPolicy>,
}

#[derive(Clone, Copy, Debug)]
struct SealedSeries {
    id: SeriesId,
    /// Where its points are; [`NO_SLOT`] without any.
    slot: u32,
    is_new: bool,
}

impl Engine {
    /// Freezes the head at the last visible commit. `None` when the catalog already holds everything. One seal at a time:
    /// install or drop the engine before the next. Needs the names of the series in the head: after a replay
    /// these may have to be loaded.
    pub fn begin_seal(&mut self) -> Result<NameStep<Option<SealJob>>> {
        if !self.has_unsealed() || !self.frozen.is_empty() {
            return Ok(NameStep::Ready(None));
        }
        let replayed = self.dictionary.unloaded_replayed();
        if let Some(load) = self.load_of(replayed) {
            return Ok(NameStep::Load(load));
        }
        let counts = self.dictionary.visible();
        let series = self.sealed_series(counts);
        let ids: Vec<SeriesId> = series.iter().map(|series| series.id).collect();
        let names = self.dictionary.names(&ids)?;
        self.unsealed_marks = 0;
        let frozen = Arc::new(FrozenHead::new(core::mem::take(&mut self.head), self.log.settled, counts));
        self.frozen.push(Arc::clone(&frozen));
        let metrics = self.dictionary.metric_names(self.catalog.metrics.len(), counts.metrics);
        let metrics = metrics.map(String::from).collect();
        let (log, policy) = (self.log.end(), self.stored_policy());
        Ok(NameStep::Ready(Some(SealJob { frozen, series, names, metrics, log, policy })))
    }

    fn sealed_series(&self, counts: Counts) -> Vec<SealedSeries> {
        let filled = self.head.series(&self.dictionary);
        let new = self.dictionary.definitions(0, counts.series);
        let mut series: Vec<SealedSeries> =
            filled.into_iter().map(|(id, slot)| SealedSeries { id, slot, is_new: false }).collect();
        series.extend(new.into_iter().map(|id| SealedSeries { id, slot: NO_SLOT, is_new: true }));
        series.sort_by_key(|series| series.id);
        series.dedup_by(|later, kept| {
            // The one with points comes first.
            let same = later.id == kept.id;
            kept.is_new |= same && later.is_new;
            same
        });
        series
    }

    /// Puts the placed segments of a seal into the catalog. Its log is no longer needed for replay once the checkpoint is done.
    pub fn install_seal(&mut self, job: SealJob, placed: Vec<Placed>) -> Result<Checkpoint> {
        let run = self.take_run();
        let duration = self.identity.settings.partition_duration_ns;
        let entries = placed.into_iter().map(|placed| entry(placed, run, duration)).collect();
        let position = job.frozen.end;
        let stored = job.frozen.counts.series;
        self.frozen.retain(|frozen| !Arc::ptr_eq(frozen, &job.frozen));
        self.check_unsealed_order()?;
        let tombstones = self.tombstones.iter().filter(|tombstone| tombstone.lsn > self.catalog.position.lsn);
        let tombstones = tombstones.filter(|tombstone| tombstone.lsn <= position.lsn).cloned().collect();
        let checkpoint = self.publish(super::checkpoint::Edit {
            position,
            log: job.log,
            removed: Vec::new(),
            added: entries,
            tombstones,
            metrics: job.metrics,
            all_pages: false,
            policy: Some(job.policy),
        })?;
        self.dictionary.note_stored(stored);
        Ok(checkpoint)
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
        for (series, row) in self.series.iter().zip(0..) {
            let Some(buffer) = self.frozen.get(series.slot) else { continue };
            timestamps.clear();
            bits.clear();
            buffer.read(TimeRange::ALL, &mut timestamps, &mut bits);
            builder.push_series(series.id, self.names.key(row), &timestamps, &bits)?;
            if builder.len() >= SEGMENT_BYTES_TARGET {
                let full = core::mem::replace(&mut builder, SegmentBuilder::new(lsn_min, lsn_max));
                built.extend(full.finish());
            }
        }
        built.extend(builder.finish());
        let mut definitions = DictionaryBuilder::new();
        for (series, row) in self.series.iter().zip(0..).filter(|(series, _)| series.is_new) {
            definitions.push(series.id, self.names.tags(row))?;
        }
        built.extend(definitions.finish().map(|definitions| definitions.of_commits(lsn_max)));
        Ok(built)
    }

    /// Points it holds, later doubles included.
    pub fn points(&self) -> usize {
        self.frozen.points()
    }
}
