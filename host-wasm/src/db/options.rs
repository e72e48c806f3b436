//! Options of one open database, as JavaScript gives them.
use chronicle_core::engine;
use chronicle_core::error::{Error, Result};
use chronicle_core::format::Settings;
use serde::Deserialize;

/// See `OpenOptions` in `ts/types.ts`; what is left out has the default.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Options {
    /// Write nothing.
    pub(crate) read_only: bool,
    /// Make the database when there is none.
    pub(crate) create: bool,
    /// Length of a partition of a new database, ns as text.
    pub(crate) partition_ns: Option<String>,
    /// Age at which points expire in a new database, ns as text.
    pub(crate) retention_ns: Option<String>,
    /// Points kept in memory until they are sealed; 16 to 32 bytes each.
    pub(crate) seal_points: usize,
    /// Log bytes after which a checkpoint is made.
    pub(crate) checkpoint_bytes: u64,
    /// What is kept of what was read.
    pub(crate) cache_bytes: u64,
    /// Memory of one query.
    pub(crate) query_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            create: true,
            partition_ns: None,
            retention_ns: None,
            seal_points: 1 << 18,
            checkpoint_bytes: 8 << 20,
            cache_bytes: 64 << 20,
            query_bytes: 128 << 20,
        }
    }
}

impl Options {
    pub(crate) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json)
            .map_err(|error| Error::invalid(format!("the options make no sense: {error}")))
    }

    pub(crate) fn engine(&self, hash_seed: u64) -> engine::Options {
        engine::Options {
            seal_points: self.seal_points.max(1),
            checkpoint_bytes: self.checkpoint_bytes,
            log_file_bytes: self.checkpoint_bytes.saturating_mul(2).clamp(64 << 10, 64 << 20),
            // No backup takes commits from here one by one, so a log file goes as soon as the catalog covers it.
            wal_keep_bytes: 0,
            hash_seed,
            ..engine::Options::default()
        }
    }

    pub(crate) fn settings(&self) -> Result<Settings> {
        let ns = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => {
                text.parse().map(Some).map_err(|_| Error::invalid("a duration is no number of nanoseconds"))
            }
        };
        let settings = Settings {
            partition_duration_ns: ns(&self.partition_ns)?.unwrap_or(7 * 24 * 3600 * 1_000_000_000),
            retention_ns: ns(&self.retention_ns)?,
            retention_bytes: None,
            retention_suspended: false,
        };
        settings.check().map_err(|error| Error::invalid(error.message()))?;
        Ok(settings)
    }
}
