//! Engine: the state of one open database, and every change to it, without doing any I/O.
//!
//! Writes go: `prepare_*` -> [`Engine::take_log_write`] -> (host performs) -> [`Engine::settle`]. Data moves from the head
//! into segments by [`Engine::begin_seal`] -> [`SealJob::build`] -> [`Engine::place`] -> (host writes) ->
//! [`Engine::install_seal`] -> (host performs the [`Checkpoint`]) -> [`Engine::finish_checkpoint`]; a compaction takes the
//! same way. Jobs run beside the engine, so that no write waits for them. Reads take a [`ReadView`], which never changes.
//! A call that needs names of series which are only in dictionary runs answers with a [`NameLoad`] first.
//!
//! It never waits, and holds no path, clock or thread. After a failed effect a host must stop using it and open again.
mod attach;
mod batch;
mod checkpoint;
mod commit;
mod compaction;
mod effect;
mod epoch;
mod expiry;
mod extent;
mod log;
mod log_hold;
mod names;
mod opening;
mod options;
mod pins;
mod policy;
mod read;
mod relocation;
mod replay;
mod seal;
mod selector;
mod snapshot;
mod space;

pub use batch::{Batch, Resolved};
pub(crate) use checkpoint::superblock;
pub use checkpoint::{Aftermath, Checkpoint};
pub use compaction::{CompactionJob, CompactionStep, DictionaryMerge};
pub use effect::Effect;
pub use expiry::{Expiry, SizeExpiry};
pub use extent::Placed;
pub use log::LogWrite;
pub use log_hold::{LogGap, LogHold};
pub use names::{NameLoad, NameStep};
pub use opening::{Opening, create};
pub use options::Options;
pub use pins::Pin;
pub use policy::{Derived, DownsamplingBatch, DownsamplingRun, RuleStatus};
pub use read::{
    Chunk, DigestRun, QueryPart, QueryRun, QueryStats, ReadView, RowBatch, SeriesReader, SeriesView,
};
pub use relocation::Relocation;
pub use replay::{LogBytes, ReplayEnd};
pub use seal::SealJob;
pub use selector::Selector;
pub use snapshot::{LogPart, Snapshot};

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::format::{EpochParent, LogStart, Settings, Tombstone};
use crate::head::{Dictionary, FrozenHead, Head, Position};
use crate::ids::{Epoch, Generation, Hash, Lineage, Lsn, SeriesId, SeriesKey};
use crate::segment::DictionaryIndex;
use alloc::sync::Arc;
use alloc::vec::Vec;
use space::Space;

/// What one database file is and where it comes from.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its history.
    pub lineage: Lineage,
    /// The stretch of it that this file writes.
    pub epoch: Epoch,
    /// Where the epoch began; `None` for the first.
    pub parent: Option<EpochParent>,
    /// Host clock when the database was created, Unix ns.
    pub created_ns: i64,
    /// What is stored with the data.
    pub settings: Settings,
}

/// One open database.
#[derive(Debug)]
pub struct Engine {
    identity: Identity,
    options: Options,
    dictionary: Dictionary,
    /// Indexes of dictionary runs that were read, by identity.
    run_indexes: Vec<(Hash, Arc<DictionaryIndex>)>,
    head: Head,
    /// Heads that are being sealed, oldest first.
    frozen: Vec<Arc<FrozenHead>>,
    /// Deletions that may still name points somewhere, those of the catalog included.
    tombstones: Arc<Vec<Tombstone>>,
    /// Commits without points since the last freeze; they too make a checkpoint worth while.
    unsealed_marks: u64,
    catalog: Arc<Catalog>,
    /// Replay position of recent generations, for pins of other processes.
    log_starts: Vec<(Generation, LogStart)>,
    next_run: u64,
    space: Space,
    log: log::Log,
    pins: pins::Pins,
    policy: policy::Policy,
    /// Length of the container when it was opened, bytes.
    file_len: u64,
    /// The catalog in which no partition was found that can expire by size.
    size_checked: Option<Generation>,
    batch: batch::Batch,
}

/// Sizes that a host steers by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Points in the head, being sealed included.
    pub head_points: usize,
    /// Bytes of log that a replay would read.
    pub replay_bytes: u64,
    /// Bytes of `data.db` in use, free, and waiting for readers.
    pub file_bytes: u64,
    /// Free bytes inside `data.db`.
    pub free_bytes: u64,
    /// Bytes of `data.db` that older readers or superblocks still name.
    pub pending_bytes: u64,
    /// Segments of points.
    pub segments: usize,
    /// Series, deleted ones included.
    pub series: usize,
}

impl Engine {
    /// What this database is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The last visible commit.
    pub fn position(&self) -> Position {
        self.log.settled
    }

    /// Commits up to here are known to be on the medium.
    pub fn durable_lsn(&self) -> Lsn {
        self.log.durable
    }

    /// The generation of the newest catalog.
    pub fn generation(&self) -> Generation {
        self.catalog.generation
    }

    /// True when prepared commits wait for a host to take them.
    pub fn has_prepared(&self) -> bool {
        self.log.has_prepared()
    }

    /// Points in memory, those being sealed included.
    pub fn unsealed_points(&self) -> usize {
        self.head.points() + self.frozen.iter().map(|frozen| frozen.points()).sum::<usize>()
    }

    /// Sizes right now.
    pub fn gauges(&self) -> Gauges {
        let (free_bytes, pending_bytes) = self.space.free_and_pending();
        Gauges {
            head_points: self.unsealed_points(),
            replay_bytes: self.replay_bytes(),
            file_bytes: self.space.end(),
            free_bytes,
            pending_bytes,
            segments: self.catalog.point_segments().count(),
            series: self.dictionary.visible_series() as usize,
        }
    }

    /// True when the head should be sealed.
    pub fn seal_is_due(&self) -> bool {
        self.head.points() >= self.options.seal_points || self.replay_bytes() >= self.options.checkpoint_bytes
    }

    /// True when there is anything that a checkpoint would add to the catalog.
    pub fn has_unsealed(&self) -> bool {
        self.catalog.position.lsn < self.log.settled.lsn
    }

    /// Bytes of log after the catalog's position.
    fn replay_bytes(&self) -> u64 {
        let (Some(file), LogStart::From { first_lsn, offset }) = (self.log.file, self.catalog.log) else {
            return 0;
        };
        let closed: u64 = self
            .log
            .closed
            .iter()
            .filter(|closed| closed.first_lsn >= first_lsn)
            .map(|closed| closed.len)
            .sum();
        (closed + file.end).saturating_sub(offset)
    }

    /// Names of metrics that some commit used, in order of first use. Their points may be deleted by now.
    pub fn metric_names(&self) -> impl Iterator<Item = &str> {
        self.dictionary.metric_names(0, self.dictionary.visible().metrics)
    }

    /// The key of a series number, invisible ones included; `None` for one that no commit defined, or whose metric is not in
    /// memory: see [`Engine::load_all_names`].
    pub fn series_key(&self, id: SeriesId) -> Option<SeriesKey> {
        self.dictionary.key(id)
    }

    /// Puts a wrong internal state into words instead of a panic.
    fn broken(what: &str) -> Error {
        Error::damaged(alloc::format!(
            "internal state is wrong ({what}); reopen the database and report this"
        ))
    }

    fn check_unsealed_order(&self) -> Result<()> {
        match self.frozen.array_windows().all(|[a, b]| a.end.lsn <= b.end.lsn) {
            true => Ok(()),
            false => Err(Self::broken("frozen heads are out of order")),
        }
    }
}
