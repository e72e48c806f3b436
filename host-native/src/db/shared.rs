//! What the threads of one open database share, and performing effects on its files.
use super::blocks::BlockCache;
use super::config::Config;
use super::parallel::Helpers;
use super::reader::{IndexCache, MapSource};
use super::store::Store;
use crate::files::lock::WriterLock;
use crate::files::log_file::LogFile;
use crate::files::paths::DbPaths;
use crate::files::pin::Pin;
use chronicle_core::engine::{Aftermath, Batch, Effect, Engine, ReadView};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::format::SLOT_LEN;
use chronicle_core::ids::Lsn;
use chronicle_core::source::ByteRange;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;

/// The engine, and how often commits had to be taken back; a caller that waits learns from it that its own was.
pub(crate) struct EngineCell {
    pub(crate) engine: Engine,
    pub(crate) retractions: u64,
}

/// Who writes the log right now, and how far it got.
#[derive(Default)]
pub(crate) struct CommitState {
    pub(crate) leader: bool,
    pub(crate) settled: Lsn,
    /// The times when commits were taken back, until every caller knows.
    pub(crate) retracted: Vec<Retraction>,
}

/// A time when prepared commits were taken back.
pub(crate) struct Retraction {
    pub(crate) number: u64,
    /// The last commit that was settled then.
    pub(crate) settled: Lsn,
    pub(crate) why: Error,
    /// Callers that have not been told yet.
    pub(crate) untold: usize,
}

/// What the background thread is asked to do.
#[derive(Default)]
pub(crate) struct Wake {
    pub(crate) stop: bool,
    pub(crate) due: bool,
    /// Why the last seal or compaction could not be finished, while that lasts.
    pub(crate) stuck: Option<Error>,
}

/// One open database.
pub(crate) struct Shared {
    pub(crate) paths: DbPaths,
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) indexes: IndexCache,
    pub(crate) blocks: BlockCache,
    pub(crate) helpers: Helpers,
    pub(crate) engine: Mutex<EngineCell>,
    /// Buffers of batches, for the next writers.
    pub(super) batches: Mutex<Vec<Batch>>,
    /// Held for reading by every commit from before it is prepared until it is visible, and for writing by who commits
    /// alone; taken before `maintenance`.
    pub(crate) gate: RwLock<()>,
    pub(crate) commit: Mutex<CommitState>,
    pub(crate) commit_done: Condvar,
    /// The log file that takes frames.
    pub(crate) log: Mutex<Option<(Lsn, Arc<LogFile>)>>,
    /// Held by whoever seals, compacts or checkpoints: one at a time.
    pub(crate) maintenance: Mutex<super::maintenance::Unfinished>,
    /// Held by whoever changes settings, from reading them to the visible commit.
    pub(crate) changes: Mutex<()>,
    /// Held by whoever carries out downsampling rules or retention; taken before `maintenance`.
    pub(crate) upkeep: Mutex<()>,
    /// Downsampling rules that could not be carried out: why, and when.
    pub(crate) rule_errors: Mutex<BTreeMap<u32, (Error, Instant)>>,
    pub(crate) wake: Mutex<Wake>,
    pub(crate) wake_up: Condvar,
    /// Set when a write or sync failed in a way that leaves the medium uncertain.
    poison: OnceLock<Error>,
    pub(crate) closed: AtomicBool,
    /// Released, in this order, when the last user is gone.
    pub(crate) _pin: Option<Pin>,
    pub(crate) _lock: Option<WriterLock>,
}

/// Takes a lock. A thread that panicked elsewhere does not make the data behind it wrong: every change to it is complete
/// before anything that could panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        (paths, config): (DbPaths, Config),
        store: Store,
        engine: Engine,
        log: Option<(Lsn, Arc<LogFile>)>,
        (pin, lock): (Option<Pin>, Option<WriterLock>),
    ) -> Result<Self> {
        let settled = engine.position().lsn;
        Ok(Self {
            indexes: IndexCache::new(config.map_bytes_max / 4),
            blocks: BlockCache::new(config.block_bytes_max),
            helpers: Helpers::new(config.read_threads.saturating_sub(1)),
            paths,
            config,
            store,
            engine: Mutex::new(EngineCell { engine, retractions: 0 }),
            batches: Mutex::default(),
            gate: RwLock::default(),
            commit: Mutex::new(CommitState { settled, ..CommitState::default() }),
            commit_done: Condvar::new(),
            log: Mutex::new(log),
            maintenance: Mutex::default(),
            changes: Mutex::default(),
            upkeep: Mutex::default(),
            rule_errors: Mutex::default(),
            wake: Mutex::default(),
            wake_up: Condvar::new(),
            poison: OnceLock::new(),
            closed: AtomicBool::new(false),
            _pin: pin,
            _lock: lock,
        })
    }

    /// Refuses writes to a database that is read-only, closed, or whose medium failed.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.config.read_only {
            return Err(
                Error::new(ErrorKind::ReadOnly, "the database is open for reading only").at(self.name())
            );
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::invalid("the database is closed").at(self.name()));
        }
        match self.poison.get() {
            Some(error) => Err(Error::new(
                ErrorKind::Poisoned,
                format!(
                    "an earlier write failed ({error}); what was acknowledged is safe: reopen the database"
                ),
            )
            .at(self.name())),
            None => Ok(()),
        }
    }

    /// Notes a failure that leaves the medium uncertain.
    pub(crate) fn poison(&self, error: &Error) {
        let _ = self.poison.set(error.clone());
        self.commit_done.notify_all();
    }

    /// The path, for messages.
    pub(crate) fn name(&self) -> std::path::Display<'_> {
        self.paths.data().display()
    }

    /// A source over maps of `extents`, for a reader that sees everything once.
    pub(crate) fn source(&self, extents: Vec<ByteRange>) -> MapSource<'_> {
        MapSource::new(&self.store, &self.indexes, None, extents)
    }

    /// A source for everything a view names, with the blocks that queries keep.
    pub(crate) fn view_source(&self, view: &ReadView) -> MapSource<'_> {
        MapSource::new(&self.store, &self.indexes, Some(&self.blocks), view.extents())
    }

    /// Performs effects in order; stops at the first that fails.
    pub(crate) fn perform(&self, effects: &[Effect]) -> Result<()> {
        effects.iter().try_for_each(|effect| self.perform_one(effect))
    }

    fn perform_one(&self, effect: &Effect) -> Result<()> {
        match effect {
            Effect::CreateLog { first_lsn, header } => {
                let file = LogFile::create(&self.paths.log(*first_lsn), header)?;
                if let Some((_, old)) = lock(&self.log).replace((*first_lsn, Arc::new(file))) {
                    // Zeros that were filled ahead are of no more use; failing to cut them costs nothing but space.
                    let _ = old.trim(old.end());
                }
                Ok(())
            }
            Effect::TruncateLog { first_lsn, len } => {
                let file = LogFile::open_for_append(&self.paths.log(*first_lsn), *len)?;
                *lock(&self.log) = Some((*first_lsn, Arc::new(file)));
                Ok(())
            }
            Effect::AppendLog { first_lsn, offset, bytes } => {
                self.log_file(*first_lsn)?.append(*offset, bytes)
            }
            Effect::SyncLog { first_lsn } => self.log_file(*first_lsn)?.sync(),
            Effect::DropLog { first_lsn } => LogFile::delete(&self.paths.log(*first_lsn)),
            Effect::WriteData { offset, bytes } => self.store.data()?.write_all_at(*offset, bytes),
            Effect::SyncData => self.store.data()?.sync(),
            Effect::WriteSlot { slot, bytes } => {
                self.store.data()?.write_all_at(u64::from(*slot) * SLOT_LEN as u64, bytes)
            }
            Effect::TruncateData { len } => {
                self.store.maps().inspect(|maps| maps.forget_past(*len));
                self.store.data()?.set_len(*len)
            }
        }
    }

    /// What follows a checkpoint. Nothing depends on it, so a failure is passed over: the next checkpoint tries again.
    pub(crate) fn tidy(&self, aftermath: &Aftermath) {
        if let Some(maps) = self.store.maps() {
            aftermath.freed.iter().for_each(|extent| maps.forget(extent.offset, extent.len));
        }
        for effect in &aftermath.effects {
            let _ = self.perform_one(effect);
        }
    }

    /// The open log file of this LSN.
    pub(crate) fn log_file(&self, first_lsn: Lsn) -> Result<Arc<LogFile>> {
        let log = lock(&self.log);
        match log.as_ref().filter(|(open, _)| *open == first_lsn) {
            Some((_, file)) => Ok(Arc::clone(file)),
            None => {
                Err(Error::new(ErrorKind::Io, format!("log file {first_lsn} is not open")).at(self.name()))
            }
        }
    }
}
