//! What a stream is told: where it ships, how often, and when it folds.
use crate::backup::repository::DeltaBackupConfig;
use std::time::Duration;

/// A stream that is asked for.
#[derive(Clone)]
pub struct StreamConfig {
    pub(super) delta: DeltaBackupConfig,
    pub(super) interval: Duration,
    pub(super) fold_every: Duration,
    pub(super) fold_bytes: u64,
}

impl StreamConfig {
    /// Ships to the repository of this backup, every second; folds every five minutes, and after 64 MiB.
    pub fn new(delta: DeltaBackupConfig) -> Self {
        Self {
            delta: delta.continue_newest(),
            interval: Duration::from_secs(1),
            fold_every: Duration::from_secs(300),
            fold_bytes: 64 << 20,
        }
    }

    /// Ships this often, at least 10 ms apart.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: interval.max(Duration::from_millis(10)), ..self }
    }

    /// Makes a point this long after the last one, if anything was committed since.
    #[must_use]
    pub fn fold_every(self, fold_every: Duration) -> Self {
        Self { fold_every, ..self }
    }

    /// Makes a point when so many bytes were shipped since the last one.
    #[must_use]
    pub fn fold_bytes(self, fold_bytes: u64) -> Self {
        Self { fold_bytes, ..self }
    }
}
