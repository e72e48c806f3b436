//! Config: how a database is opened.
use chronicle_core::format::Settings;
use chronicle_core::model::Limits;
use std::time::Duration;

/// Smallest and largest log file; between them it is twice [`Config::checkpoint_bytes`].
const LOG_FILE_BYTES_MIN: u64 = 64 << 10;
const LOG_FILE_BYTES_MAX: u64 = 64 << 20;

/// When a write that returned is safe from a power cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Before the call returns. Concurrent callers share one sync.
    #[default]
    Sync,
    /// At most this long after the call returned. A killed process loses nothing.
    Interval(Duration),
    /// When the operating system writes it back, or at the next checkpoint. A killed process loses nothing.
    Os,
}

/// How a database is opened. `Config::default()` suits a gateway as well as a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a write is safe.
    pub durability: Durability,
    /// Make the database when there is none. Refused where log files of a lost `data.db` lie.
    pub create: bool,
    /// Take no lock and write nothing. Other processes may write meanwhile; what is seen is the moment of opening.
    pub read_only: bool,
    /// What a new database accepts and keeps. An existing one has its own settings.
    pub settings: Settings,
    /// What is accepted.
    pub limits: Limits,
    /// Points kept in memory until they are sealed into segments; about 16 to 32 bytes each, and at most four times as
    /// many while the medium is slow. Default 1,048,576.
    pub seal_points: usize,
    /// Log bytes after which a checkpoint is made, which bounds the time of recovery. Default 32 MiB.
    pub checkpoint_bytes: u64,
    /// Closed log files are kept up to this many bytes, for backups of every commit. Default 256 MiB.
    pub wal_keep_bytes: u64,
    /// Closed log files that a delta repository has not taken yet are kept up to this many bytes; its slot may say another
    /// limit. What goes past it is a gap: the data stays, the moments between those commits are lost. Default 2 GiB.
    pub wal_slot_bytes_max: u64,
    /// Memory of one query. Default 256 MiB.
    pub query_bytes_max: u64,
    /// Address space for maps of segments, which also bounds the resident part of them. Default 128 MiB.
    pub map_bytes_max: u64,
    /// Memory for decoded blocks that queries of short ranges share. Default 16 MiB: some 500 blocks of 4,000 points on a
    /// regular clock, half as many on another. 0 keeps none.
    pub block_bytes_max: u64,
    /// Threads that read for queries of many points at one time, the callers' own not counted but one: with 1 every query
    /// is read by its caller alone. The answers are the same to the bit. Default: what the system can run at once.
    pub read_threads: usize,
    /// Seal and compact in a background thread. Without it only [`super::Db::checkpoint`] and [`super::Db::compact`] do.
    pub background: bool,
}

impl Default for Config {
    fn default() -> Self {
        let engine = chronicle_core::engine::Options::default();
        Self {
            durability: Durability::Sync,
            create: true,
            read_only: false,
            settings: Settings {
                partition_duration_ns: 7 * 24 * 3600 * 1_000_000_000,
                retention_ns: None,
                retention_bytes: None,
                retention_suspended: false,
            },
            limits: Limits::default(),
            seal_points: engine.seal_points,
            checkpoint_bytes: engine.checkpoint_bytes,
            wal_keep_bytes: engine.wal_keep_bytes,
            wal_slot_bytes_max: 2 << 30,
            query_bytes_max: 256 << 20,
            map_bytes_max: 128 << 20,
            block_bytes_max: 16 << 20,
            read_threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            background: true,
        }
    }
}

impl Config {
    /// For reading what another process may be writing.
    pub fn read_only() -> Self {
        Self { read_only: true, create: false, ..Self::default() }
    }

    pub(crate) fn engine_options(&self, hash_seed: u64) -> chronicle_core::engine::Options {
        chronicle_core::engine::Options {
            limits: self.limits,
            seal_points: self.seal_points.max(1),
            checkpoint_bytes: self.checkpoint_bytes,
            // A small device that checkpoints early must not carry a large log either.
            log_file_bytes: self
                .checkpoint_bytes
                .saturating_mul(2)
                .clamp(LOG_FILE_BYTES_MIN, LOG_FILE_BYTES_MAX),
            wal_keep_bytes: self.wal_keep_bytes,
            hash_seed,
        }
    }
}
