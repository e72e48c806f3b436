//! Maintenance: sealing, checkpoints and compaction, in a thread of its own or on request, never in the way of a write.
//!
//! A step that fails because the medium is full is kept and tried again: the engine is already past it, the log still
//! holds everything, and nothing on the medium was replaced. Any other failure poisons the writer.
use super::config::Durability;
use super::shared::{Shared, lock};
use crate::files::pin::live_pins;
use chronicle_core::engine::{
    Checkpoint, CompactionJob, CompactionStep, DictionaryMerge, Effect, Engine, Placed, SealJob,
};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::segment::BuiltSegment;
use chronicle_core::source::Step;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the background looks around when nothing wakes it.
const TICK: Duration = Duration::from_millis(200);
/// Dictionary runs above which they are merged.
const DICTIONARY_RUNS_MAX: usize = 8;

/// What a full medium left half done, to be tried again.
#[derive(Default)]
pub(crate) struct Unfinished {
    seal: Option<SealJob>,
    checkpoint: Option<Checkpoint>,
}

impl Shared {
    /// Asks the background thread to look for work now.
    pub(crate) fn wake_background(&self) {
        lock(&self.wake).due = true;
        self.wake_up.notify_all();
    }

    /// The background thread.
    pub(crate) fn run_background(self: &Arc<Self>) {
        let interval = match self.config.durability {
            Durability::Interval(interval) => Some(interval),
            Durability::Sync | Durability::Os => None,
        };
        let mut synced = Instant::now();
        loop {
            {
                let wait = interval.map_or(TICK, |interval| interval.min(TICK));
                let wake = lock(&self.wake);
                let (mut wake, _) = self
                    .wake_up
                    .wait_timeout_while(wake, wait, |wake| !wake.stop && !wake.due)
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                if wake.stop {
                    return;
                }
                wake.due = false;
            }
            if interval.is_some_and(|interval| synced.elapsed() >= interval) {
                synced = Instant::now();
                // A sync that fails poisons the writer, which tells the next caller.
                let _ = self.sync();
            }
            if !self.config.background {
                continue;
            }
            let outcome = self.maintain();
            lock(&self.wake).stuck = outcome.err().filter(|error| error.kind() == ErrorKind::Full);
        }
    }

    /// Does what is due: finishes what a full medium interrupted, seals a full head, compacts once.
    fn maintain(&self) -> Result<()> {
        if self.check_writable().is_err() {
            return Ok(());
        }
        if lock(&self.engine).engine.seal_is_due() {
            self.seal()?;
        } else {
            self.finish_unfinished(&mut lock(&self.maintenance))?;
        }
        if self.keep_up()? {
            self.wake_background();
        }
        while !lock(&self.engine).engine.seal_is_due() && self.compact_once(false)? {
            if lock(&self.wake).stop {
                break;
            }
        }
        let log = lock(&self.log).as_ref().map(|(_, file)| Arc::clone(file));
        if let Some(log) = log.filter(|log| log.wants_fill()) {
            // Filling ahead is an optimisation; a full medium is the append's to report.
            let _ = log.fill_ahead();
        }
        Ok(())
    }

    /// Moves everything visible into segments and makes a checkpoint of it.
    pub(crate) fn seal(&self) -> Result<()> {
        self.seal_held(&mut lock(&self.maintenance))
    }

    /// [`Shared::seal`] for who holds the maintenance.
    pub(super) fn seal_held(&self, unfinished: &mut Unfinished) -> Result<()> {
        self.finish_unfinished(unfinished)?;
        let job = self.with_names(Engine::begin_seal).map_err(|error| self.classify(error))?;
        match job {
            Some(job) => self.run_seal(unfinished, job),
            None => Ok(()),
        }
    }

    fn finish_unfinished(&self, unfinished: &mut Unfinished) -> Result<()> {
        if let Some(checkpoint) = unfinished.checkpoint.take() {
            self.run_checkpoint(unfinished, checkpoint)?;
        }
        match unfinished.seal.take() {
            Some(job) => self.run_seal(unfinished, job),
            None => Ok(()),
        }
    }

    fn run_seal(&self, unfinished: &mut Unfinished, job: SealJob) -> Result<()> {
        let placed = match job.build().and_then(|built| self.write_segments(built)) {
            Ok(placed) => placed,
            Err(error) => {
                unfinished.seal = Some(job);
                return Err(self.classify(error));
            }
        };
        let checkpoint =
            lock(&self.engine).engine.install_seal(job, placed).map_err(|error| self.classify(error))?;
        self.run_checkpoint(unfinished, checkpoint)
    }

    /// Moves segments towards the front of the file once, and gives back what is free at its end. False when nothing moved.
    pub(crate) fn give_space_back(&self) -> Result<bool> {
        let mut unfinished = lock(&self.maintenance);
        self.finish_unfinished(&mut unfinished)?;
        // Space is free when neither superblock names it: after the second checkpoint that does without it.
        self.rewrite_catalog(&mut unfinished)?;
        self.rewrite_catalog(&mut unfinished)?;
        let relocation = lock(&self.engine).engine.begin_relocation();
        let Some(relocation) = relocation else { return Ok(false) };
        let copied = relocation.moves().try_for_each(|(from, to)| {
            let file = self.store.data()?.file();
            crate::files::copy::copy_range(file, from.offset, file, to, from.len)
        });
        if let Err(error) = copied {
            lock(&self.engine).engine.abandon_relocation(relocation);
            return Err(self.classify(error.at(self.name())));
        }
        let checkpoint =
            lock(&self.engine).engine.install_relocation(relocation).map_err(|e| self.classify(e))?;
        self.run_checkpoint(&mut unfinished, checkpoint)?;
        self.rewrite_catalog(&mut unfinished)?;
        self.rewrite_catalog(&mut unfinished)?;
        Ok(true)
    }

    fn rewrite_catalog(&self, unfinished: &mut Unfinished) -> Result<()> {
        let checkpoint = lock(&self.engine).engine.rewrite_catalog().map_err(|error| self.classify(error))?;
        self.run_checkpoint(unfinished, checkpoint)
    }

    /// See [`chronicle_core::engine::Engine::seal_log`].
    pub(crate) fn seal_log(&self) -> Result<()> {
        let mut unfinished = lock(&self.maintenance);
        if unfinished.seal.is_some() || unfinished.checkpoint.is_some() {
            // A full medium left something half done; the log is what counts then.
            return Ok(());
        }
        let unsealed = {
            let mut cell = lock(&self.engine);
            if cell.engine.has_unsealed() { Some(cell.engine.seal_log()?) } else { None }
        };
        match unsealed {
            Some(checkpoint) => self.run_checkpoint(&mut unfinished, checkpoint),
            None => Ok(()),
        }
    }

    /// See [`chronicle_core::engine::Engine::begin_epoch`].
    pub(crate) fn begin_epoch(&self, identity: chronicle_core::engine::Identity) -> Result<()> {
        let mut unfinished = lock(&self.maintenance);
        let checkpoint = lock(&self.engine).engine.begin_epoch(identity)?;
        // Nothing belongs to this history any more, so nothing may be written to its log.
        *lock(&self.log) = None;
        self.closed.store(true, std::sync::atomic::Ordering::Release);
        self.run_checkpoint(&mut unfinished, checkpoint)
    }

    /// Compacts once; false when there was nothing to do.
    pub(crate) fn compact_once(&self, all: bool) -> Result<bool> {
        let mut unfinished = lock(&self.maintenance);
        self.finish_unfinished(&mut unfinished)?;
        let runs_max = if all { 1 } else { DICTIONARY_RUNS_MAX };
        let merge = lock(&self.engine).engine.begin_dictionary_merge(runs_max);
        if let Some(mut merge) = merge {
            let built = self.run_merge(&mut merge).map_err(|error| self.classify(error))?;
            let mut placed = self.write_segments(vec![built]).map_err(|error| self.classify(error))?;
            if let Some(placed) = placed.pop() {
                let installed = lock(&self.engine).engine.install_dictionary(&merge, placed);
                let checkpoint = installed.map_err(|error| self.classify(error))?;
                drop(merge);
                self.run_checkpoint(&mut unfinished, checkpoint)?;
            }
        }
        let dropped = lock(&self.engine).engine.drop_covered().map_err(|error| self.classify(error))?;
        if let Some(checkpoint) = dropped {
            self.run_checkpoint(&mut unfinished, checkpoint)?;
        }
        let job =
            self.with_names(|engine| engine.begin_compaction(all)).map_err(|error| self.classify(error))?;
        let Some(mut job) = job else { return Ok(false) };
        let mut placed = Vec::new();
        if let Err(error) = self.run_compaction(&mut job, &mut placed) {
            lock(&self.engine).engine.abandon(placed);
            return Err(self.classify(error));
        }
        let checkpoint =
            lock(&self.engine).engine.install_compaction(&job, placed).map_err(|e| self.classify(e))?;
        self.run_checkpoint(&mut unfinished, checkpoint)?;
        Ok(true)
    }

    fn run_merge(&self, merge: &mut DictionaryMerge) -> Result<BuiltSegment> {
        let mut source = self.source(merge.inputs().map(|entry| entry.extent()).collect());
        match merge.step(&mut source)? {
            Step::Ready(built) => Ok(built),
            Step::Missing(_) | Step::Done => {
                Err(Error::new(ErrorKind::Io, "a mapped dictionary run is not there").at(self.name()))
            }
        }
    }

    fn run_compaction(&self, job: &mut CompactionJob, placed: &mut Vec<Placed>) -> Result<()> {
        let extents = job.inputs().iter().map(|entry| entry.extent()).collect();
        let mut source = self.source(extents);
        loop {
            match job.step(&mut source)? {
                Step::Ready(CompactionStep::Built(built)) => placed.extend(self.write_segments(vec![built])?),
                Step::Ready(CompactionStep::Working) => {}
                Step::Missing(_) => {
                    return Err(Error::new(ErrorKind::Io, "a mapped segment is not there").at(self.name()));
                }
                Step::Done => return Ok(()),
            }
        }
    }

    /// Writes new segments to extents that nothing names yet.
    pub(super) fn write_segments(&self, built: Vec<BuiltSegment>) -> Result<Vec<Placed>> {
        let mut done = Vec::new();
        for segment in built {
            let (placed, effect) = lock(&self.engine).engine.place(segment);
            done.push(placed);
            if let Err(error) = self.perform(&[effect]) {
                lock(&self.engine).engine.abandon(done);
                return Err(error);
            }
        }
        Ok(done)
    }

    pub(super) fn run_checkpoint(&self, unfinished: &mut Unfinished, checkpoint: Checkpoint) -> Result<()> {
        if let Err(error) = self.perform_checkpoint(&checkpoint) {
            // Its effects write to the same places again.
            let error = self.classify(error);
            unfinished.checkpoint = Some(checkpoint);
            return Err(error);
        }
        let foreign = live_pins(&self.paths)?;
        let holds = self.log_holds();
        let aftermath = {
            let mut cell = lock(&self.engine);
            cell.engine.hold_log(holds);
            cell.engine.finish_checkpoint(&checkpoint, &foreign)
        };
        self.note_gap(&aftermath);
        self.tidy(&aftermath);
        Ok(())
    }

    fn perform_checkpoint(&self, checkpoint: &Checkpoint) -> Result<()> {
        for effect in &checkpoint.effects {
            match effect {
                // The log may have gone on to its next file, which was only made after this one was synced.
                Effect::SyncLog { .. } => self.sync()?,
                effect => self.perform(std::slice::from_ref(effect))?,
            }
        }
        Ok(())
    }

    /// A full medium can be tried again; after anything else the writer must stop.
    pub(super) fn classify(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Full {
            self.poison(&error);
        }
        error
    }
}
