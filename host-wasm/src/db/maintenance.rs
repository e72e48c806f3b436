//! Maintenance: sealing, checkpoints and compaction, beside commits and reads, one at a time.
//!
//! A step that fails because there is no room is kept and tried again: the log still holds everything, and nothing on the
//! medium was replaced. Any other failure poisons the writer.
use super::Db;
use chronicle_core::engine::{Checkpoint, CompactionStep, Effect, Engine, Identity, Placed, SealJob};
use chronicle_core::error::Result;
use chronicle_core::segment::BuiltSegment;

/// Dictionary runs above which they are merged.
const DICTIONARY_RUNS_MAX: usize = 8;
/// Passes of a full compaction: each leaves fewer runs, so the bound only guards against a mistake in that.
const PASSES_MAX: usize = 64;

/// What a lack of room left half done.
#[derive(Default)]
pub(super) struct Unfinished {
    seal: Option<SealJob>,
    checkpoint: Option<Checkpoint>,
}

impl Db {
    /// Does what is due.
    pub(super) async fn maintain(&self) -> Result<()> {
        let _turn = self.maintaining.take().await;
        self.check_writable()?;
        if self.engine.borrow().seal_is_due() {
            self.seal_held().await?;
        }
        while !self.engine.borrow().seal_is_due() && self.compact_held(false).await? {}
        Ok(())
    }

    /// Moves everything visible into segments and makes a checkpoint of it.
    pub(crate) async fn seal(&self) -> Result<()> {
        let _turn = self.maintaining.take().await;
        self.check_writable()?;
        self.seal_held().await
    }

    /// Merges segments and carries out deletions until nothing is left to do.
    pub(crate) async fn compact(&self) -> Result<()> {
        let _turn = self.maintaining.take().await;
        self.check_writable()?;
        self.seal_held().await?;
        for _ in 0..PASSES_MAX {
            if !self.compact_held(true).await? {
                break;
            }
        }
        // Space is free when neither superblock names it: after the second checkpoint that does without it.
        for _ in 0..2 {
            let checkpoint = self.engine.borrow_mut().rewrite_catalog();
            self.run_checkpoint(checkpoint.map_err(|error| self.classify(error))?).await?;
        }
        Ok(())
    }

    /// Makes a copy, everything in it sealed, the start of a new epoch. Open it anew afterwards.
    pub(crate) async fn begin_epoch(&self, identity: Identity) -> Result<()> {
        let _turn = self.maintaining.take().await;
        let logs = self.bytes.medium.layout().await?.logs;
        let logs: Vec<Effect> = logs.iter().map(|&(first_lsn, _)| Effect::DropLog { first_lsn }).collect();
        let checkpoint = self.engine.borrow_mut().begin_epoch(identity)?;
        self.run_checkpoint(checkpoint).await?;
        // Nothing belongs to the history of those any more.
        self.perform(&logs).await
    }

    async fn seal_held(&self) -> Result<()> {
        self.finish_unfinished().await?;
        let job = self.with_names(Engine::begin_seal).await.map_err(|error| self.classify(error))?;
        match job {
            Some(job) => self.run_seal(job).await,
            None => Ok(()),
        }
    }

    async fn finish_unfinished(&self) -> Result<()> {
        let checkpoint = self.unfinished.borrow_mut().checkpoint.take();
        if let Some(checkpoint) = checkpoint {
            self.run_checkpoint(checkpoint).await?;
        }
        let seal = self.unfinished.borrow_mut().seal.take();
        match seal {
            Some(job) => self.run_seal(job).await,
            None => Ok(()),
        }
    }

    async fn run_seal(&self, job: SealJob) -> Result<()> {
        let placed = match job.build() {
            Ok(built) => self.write_segments(built).await,
            Err(error) => Err(error),
        };
        let placed = match placed {
            Ok(placed) => placed,
            Err(error) => {
                self.unfinished.borrow_mut().seal = Some(job);
                return Err(self.classify(error));
            }
        };
        let checkpoint = self.engine.borrow_mut().install_seal(job, placed);
        self.run_checkpoint(checkpoint.map_err(|error| self.classify(error))?).await
    }

    /// Compacts once; false when there was nothing to do.
    async fn compact_held(&self, all: bool) -> Result<bool> {
        self.finish_unfinished().await?;
        self.merge_names(if all { 1 } else { DICTIONARY_RUNS_MAX }).await?;
        let dropped = self.engine.borrow_mut().drop_covered();
        if let Some(checkpoint) = dropped.map_err(|error| self.classify(error))? {
            self.run_checkpoint(checkpoint).await?;
        }
        let job = self.with_names(|engine| engine.begin_compaction(all)).await;
        let Some(mut job) = job.map_err(|error| self.classify(error))? else { return Ok(false) };
        let mut placed = Vec::new();
        let outcome = loop {
            let built = match self.bytes.run(|source| job.step(source)).await {
                Ok(Some(CompactionStep::Built(built))) => built,
                Ok(Some(CompactionStep::Working)) => continue,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            match self.write_segments(vec![built]).await {
                Ok(written) => placed.extend(written),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = outcome {
            self.engine.borrow_mut().abandon(placed);
            return Err(self.classify(error));
        }
        let checkpoint = self.engine.borrow_mut().install_compaction(&job, placed);
        self.run_checkpoint(checkpoint.map_err(|error| self.classify(error))?).await?;
        Ok(true)
    }

    async fn merge_names(&self, runs_max: usize) -> Result<()> {
        let merge = self.engine.borrow_mut().begin_dictionary_merge(runs_max);
        let Some(mut merge) = merge else { return Ok(()) };
        let built =
            self.bytes.run_one(|source| merge.step(source)).await.map_err(|error| self.classify(error))?;
        let mut placed = self.write_segments(vec![built]).await.map_err(|error| self.classify(error))?;
        if let Some(placed) = placed.pop() {
            let installed = self.engine.borrow_mut().install_dictionary(&merge, placed);
            drop(merge);
            self.run_checkpoint(installed.map_err(|error| self.classify(error))?).await?;
        }
        Ok(())
    }

    /// Writes new segments to extents that nothing names yet.
    async fn write_segments(&self, built: Vec<BuiltSegment>) -> Result<Vec<Placed>> {
        let mut done = Vec::new();
        for segment in built {
            let (placed, effect) = self.engine.borrow_mut().place(segment);
            done.push(placed);
            if let Err(error) = self.perform(&[effect]).await {
                self.engine.borrow_mut().abandon(done);
                return Err(error);
            }
        }
        Ok(done)
    }

    pub(super) async fn run_checkpoint(&self, checkpoint: Checkpoint) -> Result<()> {
        if let Err(error) = self.perform(&checkpoint.effects).await {
            // Its effects write to the same places again.
            self.unfinished.borrow_mut().checkpoint = Some(checkpoint);
            return Err(self.classify(error));
        }
        let pins = self.bytes.medium.pins().await?;
        let aftermath = self.engine.borrow_mut().finish_checkpoint(&checkpoint, &pins);
        self.tidy(&aftermath).await;
        Ok(())
    }
}
