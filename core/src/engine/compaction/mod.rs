//! Compaction: merging neighbouring runs of segments into fewer, larger ones.
//!
//! What it keeps true: only runs that follow each other in LSN, among all runs of the same partitions, are merged, so "the
//! later commit wins" stays decidable; and runs of very different size are not merged unless everything is, so what
//! is rewritten (and has to be backed up again) stays in proportion to what is new.
mod job;
mod pick;

pub use job::{CompactionJob, CompactionStep};

use super::checkpoint::Checkpoint;
use super::seal::entry;
use super::{Engine, Placed};
use crate::error::Result;
use crate::format::{SegmentEntry, Tombstone};
use alloc::vec::Vec;

impl Engine {
    /// The next compaction worth doing; with `all`, the one that leaves a single run. `None` when there is nothing to do or
    /// a seal is under way.
    pub fn begin_compaction(&mut self, all: bool) -> Option<CompactionJob> {
        if !self.frozen.is_empty() {
            return None;
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
        }?;
        let lsn_max = pick::reach(&entries, &inputs, &tombstones);
        Some(CompactionJob::new(self, inputs, tombstones, lsn_max))
    }

    /// Merges the dictionary runs into one when there are many; `None` when there are few. Place it and hand it to
    /// [`Engine::install_dictionary`].
    pub fn build_dictionary(&mut self, runs_max: usize) -> Result<Option<crate::segment::BuiltSegment>> {
        if self.catalog.dictionary_runs().count() <= runs_max || !self.frozen.is_empty() {
            return Ok(None);
        }
        let lsn = self.catalog.dictionary_runs().map(|run| run.summary.lsn_max).max().unwrap_or(1);
        super::seal::build_dictionary(
            &self.dictionary.definitions(0, self.catalog.series_stored() as usize),
            lsn,
        )
    }

    /// Replaces all dictionary runs by the one that was built of them.
    pub fn install_dictionary(&mut self, placed: Placed) -> Result<Checkpoint> {
        let removed = self.catalog.dictionary_runs().copied().collect();
        let run = self.take_run();
        let added = alloc::vec![entry(placed, run, self.identity.settings.partition_duration_ns)];
        self.replace(removed, added, false)
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
