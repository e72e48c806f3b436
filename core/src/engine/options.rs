//! Options of an engine: how much it keeps in memory and in the log, and what it accepts.
use crate::model::Limits;

/// What a host chooses when it opens a database. Nothing here is stored.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the database accepts.
    pub limits: Limits,
    /// Points in the head from which it should be sealed. Memory is about 16 to 32 bytes a point.
    pub seal_points: usize,
    /// Bytes of log since the last checkpoint from which the head should be sealed whatever it holds; bounds replay.
    pub checkpoint_bytes: u64,
    /// Bytes after which a new log file is started.
    pub log_file_bytes: u64,
    /// Closed log files are kept up to this many bytes, so that backups can take every commit.
    pub wal_keep_bytes: u64,
    /// A random number, so that nobody outside can choose names that collide in memory.
    pub hash_seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            seal_points: 1 << 20,
            checkpoint_bytes: 32 << 20,
            log_file_bytes: 64 << 20,
            wal_keep_bytes: 256 << 20,
            hash_seed: 0,
        }
    }
}
