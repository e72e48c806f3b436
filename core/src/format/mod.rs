//! The bytes of `data.db`, `changes.db` and the log: values to bytes and back, and what must hold of them.
//!
//! It keeps no state, knows no file and decides nothing about a database. Every decoder checks every byte that it
//! reads; what it can't accept is an error that says where, never a panic and never an allocation that the input's
//! own length does not justify. `core/docs/format/` is the specification: `container.md` for what lies in `data.db`,
//! `log.md` for the log.
mod catalog_root;
mod commit;
mod commit_kind;
mod extent;
mod features;
mod frame;
mod log_evidence;
mod log_file;
mod log_scan;
pub(crate) mod metadata;
mod page;
mod policy;
mod reader;
mod segment_entry;
mod series_set;
mod slots;
mod summary;
mod superblock;
mod tombstone;

/// Examples that the tests of several modules share.
#[cfg(test)]
mod examples;

pub use catalog_root::{CatalogRoot, EpochParent, LogStart, Settings};
pub use commit::{
    AttachedSegment, Attachment, Commit, NAME_LEN_MAX, PointsPayload, SeriesDefinition, TAGS_MAX,
};
pub use commit_kind::CommitKind;
pub use extent::{ALIGNMENT, HEADER_AREA_LEN, SLOT_LEN, check_extent, padded};
pub use features::{Access, FORMAT_VERSION, Features};
pub use frame::{
    AHEAD_NS, FRAME_ALIGNMENT, FRAME_HEAD_LEN, Frame, FrameHead, PAYLOAD_LEN_MAX, decode_frame, encode_frame,
};
pub use log_file::{LOG_HEADER_LEN, LOG_MAGIC, LogHeader, log_file_name, parse_log_file_name};
pub use log_scan::{End, LogExpectation, LogPosition, LogScan};
pub use page::{PAGE_HEADER_LEN, PAGE_LEN_MAX, PAGE_MAGIC, Page, PageKind, PageRef};
pub use policy::{
    DIRTY_MAX, EXCEPTIONS_MAX, Expired, POLICY_BYTES_MAX, Policies, PolicyState, RULES_MAX,
    RetentionException, Rule, RuleFunction, RuleState, RuleTarget, TARGETS_MAX,
};
pub use segment_entry::{SegmentEntry, SegmentKind};
pub use series_set::{SERIES_RANGES_MAX, SeriesSet};
pub use slots::{OtherSlot, SlotReport, newest};
pub use summary::SegmentSummary;
pub use superblock::{Role, SLOT_HEAD_LEN, SLOT_MAGIC, Superblock, decode_slot, encode_slot};
pub use tombstone::Tombstone;
