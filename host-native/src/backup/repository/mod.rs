//! Delta repositories on a destination: carrying out the plans of `chronicle_core::backup::repository`.
//!
//! `core/docs/format/repository.md` is the protocol: claim, objects, checks, record. What this keeps true: a record is written
//! only after every object that it names was found to be there, whole; nothing is believed of `manifest.json`, `state.json` or
//! a listing. What is to be done is decided in core; here bytes are moved and attempts repeated.
mod age_names;
mod body;
mod delta;
mod diff;
mod encrypted_snapshot;
mod finding;
mod hints;
mod history;
mod hold;
mod host_state;
mod in_place;
mod inside;
mod job;
mod log;
mod look;
mod mend;
mod moves;
mod objects;
mod opened;
mod orphans;
mod proof_note;
pub(super) mod prune;
mod put;
mod repair;
mod restore;
pub(in crate::backup) mod salvage;
mod salvage_bytes;
mod sealing;
mod shipped;
mod slot;
mod slots;
mod staging;
mod standing;
mod stream;
mod survey;
mod trial;
mod unlock;
mod verify;
mod verify_encrypted;
mod verify_shipped;

pub use chronicle_core::backup::repository::{
    BackupState, Entry, EntryKind, Gap, Keep, ManifestPoint, Moment, NewestProofs, PointRecord,
    PreviousPoint, ProofNote, PrunePlan, Span, SpanEnd, Timeline,
};
pub(in crate::backup) use delta::RepositoryPlace;
pub use delta::{DeltaBackupConfig, DeltaDryRun, DeltaReport, is_repository};
pub use diff::{DiffReport, MetricDiff};
pub use in_place::OpenMoment;
pub use mend::MendReport;
pub use orphans::{ORPHANS_NAMED_MAX, Orphans};
pub use proof_note::Proof;
pub use repair::{Repair, RepairReport};
pub use restore::{
    DeltaRestorePlan, RestoreConfig, plan_delta_restore, restore_delta_backup, restore_delta_backup_with,
};
pub use slots::SlotStatus;
pub use stream::{StreamConfig, StreamStatus, StreamWatch, Streamer};
pub use verify::{Repository, RepositoryContent, RepositoryReport, verify_repository};
