//! Compaction: merging neighbouring runs of segments into fewer, larger ones.
//!
//! What it keeps true: only runs that follow each other in LSN, among all runs of the same partitions, are merged, so "the
//! later commit wins" stays decidable; and runs of very different size are not merged unless everything is, so what
//! is rewritten (and has to be backed up again) stays in proportion to what is new.
mod dictionary;
mod job;
mod pick;

pub use dictionary::DictionaryMerge;
pub use job::{CompactionJob, CompactionStep};

use super::checkpoint::Checkpoint;
use super::seal::entry;
use super::{Engine, NameStep, Placed};
use crate::error::Result;
use crate::format::{SegmentEntry, Tombstone};
use alloc::vec::Vec;

impl Engine {
    /// The next compaction worth doing; with `all`, the one that leaves a single run. `None` when there is nothing to do or
    /// a seal is under way. Needs the names of the metrics that it touches.
    pub fn begin_compaction(&mut self, all: bool) -> Result<NameStep<Option<CompactionJob>>> {
        if !self.frozen.is_empty() {
            return Ok(NameStep::Ready(None));
        }
        // Later deletions are only in the log: carried out now, they would be missing from every moment before them to
        // which this catalog and a part of the log are restored.
        let position = self.catalog.position.lsn;
        let tombstones: Vec<Tombstone> =
            self.tombstones.iter().filter(|tombstone| tombstone.lsn <= position).cloned().collect();
        let entries: Vec<SegmentEntry> = self.catalog.point_segments().copied().collect();
        let trim = self.identity.settings.retention_bytes.is_some();
        let inputs = match all {
            true => pick::everything(&entries, &tombstones),
            false => pick::next(&entries, &tombstones, trim),
        };
        let Some(inputs) = inputs else { return Ok(NameStep::Ready(None)) };
        let first = inputs.iter().map(|entry| entry.summary.series_min.metric()).min();
        let last = inputs.iter().map(|entry| entry.summary.series_max.metric()).max();
        let metrics = first.zip(last).map(|(first, last)| first..=last);
        if let Some(load) = self.load_of(metrics.into_iter().flatten()) {
            return Ok(NameStep::Load(load));
        }
        let lsn_max = pick::reach(&entries, &inputs, &tombstones);
        CompactionJob::new(self, inputs, tombstones, lsn_max).map(|job| NameStep::Ready(Some(job)))
    }

    /// The merge of all dictionary runs into one when there are more than `runs_max`; `None` when there are fewer, or a seal is
    /// under way. Place what it builds and hand it to [`Engine::install_dictionary`].
    pub fn begin_dictionary_merge(&mut self, runs_max: usize) -> Option<DictionaryMerge> {
        let inputs: Vec<SegmentEntry> = self.catalog.dictionary_runs().copied().collect();
        if inputs.len() <= runs_max || !self.frozen.is_empty() {
            return None;
        }
        Some(DictionaryMerge::new(inputs, self.pin()))
    }

    /// Replaces the dictionary runs that were merged by the one that was built of them.
    pub fn install_dictionary(&mut self, merge: &DictionaryMerge, placed: Placed) -> Result<Checkpoint> {
        let run = self.take_run();
        let added = alloc::vec![entry(placed, run, self.identity.settings.partition_duration_ns)];
        self.replace(merge.inputs().collect(), added, false)
    }

    /// Replaces the inputs of a compaction by what was made of them.
    pub fn install_compaction(&mut self, job: &CompactionJob, placed: Vec<Placed>) -> Result<Checkpoint> {
        let run = self.take_run();
        let duration = self.identity.settings.partition_duration_ns;
        let mut added: Vec<SegmentEntry> =
            placed.into_iter().map(|placed| entry(placed, run, duration)).collect();
        // Each span of partitions is a run of its own from here on.
        let mut runs: Vec<(i64, u64)> = Vec::new();
        for entry in &mut added {
            let span = job.span_of(entry.summary.time.min);
            let known = runs.iter().find(|(known, _)| *known == span).map(|&(_, run)| run);
            entry.run = known.unwrap_or_else(|| {
                let run = self.take_run();
                runs.push((span, run));
                run
            });
        }
        self.replace(job.inputs().to_vec(), added, false)
    }
}
