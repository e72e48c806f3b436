//! Backup and restore: carrying out the plans of the core on local folders.
//!
//! A copy is built aside, checked, and appears by one rename; its record is written last. Nothing that exists is changed
//! or replaced unless `force` says so, and then it is kept aside.
pub mod drill;
mod folder;
mod folder_prune;
mod partial;
mod prune;
mod publish;
pub mod repository;
mod restore;
pub mod salvage;
mod snapshot;
mod source;
#[cfg(feature = "remote")]
mod storage;
mod workers;

pub use drill::{DrillConfig, DrillReport, drill, drill_with};
pub use folder_prune::{PlannedSnapshot, SnapshotPrunePlan};
pub use partial::{Conflict, IntoReport, PointChanges};
pub use prune::{PlannedPrune, PruneConfig, PruneReport, plan_prune, prune, prune_with};
pub use repository::{
    BackupState, DeltaBackupConfig, DeltaDryRun, DeltaReport, DeltaRestorePlan, OpenMoment, Proof,
    Repository, RepositoryContent, RepositoryReport, RestoreConfig, SlotStatus, StreamConfig, StreamStatus,
    StreamWatch, Streamer, is_repository, plan_delta_restore, restore_delta_backup,
    restore_delta_backup_with, verify_repository,
};
pub use restore::{RestoreOptions, RestorePlan, RestoreReport, plan_restore, restore_snapshot, restore_with};
pub use salvage::{Loss, Losses, SalvageConfig, SalvageReport, salvage};
pub use snapshot::{BackupManager, SnapshotPlan, SnapshotReport};
pub(crate) use source::read_record;
pub use source::{BackupSource, find_source, snapshots};
#[cfg(feature = "remote")]
pub use storage::BackupOptions;

/// Told how many bytes are done, of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Windows in which files are copied, compared and hashed.
pub(crate) const WINDOW_BYTES: u64 = 32 << 20;
