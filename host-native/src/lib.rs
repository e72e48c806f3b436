//! Chronicle: an embedded time-series database that you can always get back.
//!
//! ```
//! use chronicle::{Config, Db, Point, query::{Query, minutes}};
//!
//! # fn main() -> chronicle::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("data.db");
//! let db = Db::open(&path, Config::default())?;
//! db.write_batch(&[
//!     Point::new("cpu", 1_706_400_000_000_000_000, 21.5).tag("host", "a"),
//!     Point::new("cpu", 1_706_400_060_000_000_000, 22.5).tag("host", "a"),
//! ])?;
//! let rows = db.query(&Query::metric("cpu").tag("host", "a").mean(minutes(5)))?.rows()?;
//! assert_eq!(rows[0].values, [Some(22.0)]);
//! db.close()?;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod backup;
pub mod crypt;
pub mod db;
pub mod destination;
pub mod error;
pub mod export;
pub mod files;
mod host;
pub mod import;
mod lru;
#[cfg(feature = "plugins")]
pub mod plugin;
pub mod schedule;
pub mod verify;

#[cfg(feature = "remote")]
pub use backup::BackupOptions;
pub use backup::{
    BackupManager, BackupState, Conflict, DeltaBackupConfig, DeltaReport, IntoReport, PruneConfig,
    PruneReport, RestoreConfig, RestoreOptions, RestoreReport, SnapshotReport, prune, prune_with,
    repository::Keep, restore_snapshot,
};
pub use chronicle_core::{
    digest,
    engine::{QueryStats, Selector},
    format, ids, model, query, text, time,
};
pub use db::{
    Answer, CancelToken, Config, Db, Downsampling, DownsamplingReport, DownsamplingStatus, Durability,
    Explanation, MetricInfo, PointRun, QueryOptions, Recovery, Retention, Row, SeriesHandle, SeriesPoint,
    SeriesPoints,
};
#[cfg(feature = "remote")]
pub use destination::{S3Backend, S3Config};
pub use error::{Error, ErrorKind, Result};
pub use host::now_ns;
pub use model::{Point, PointSource, Series, Tags, TimeRange};
pub use schedule::{BackupScheduler, ScheduleConfig};
pub use verify::verify;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
