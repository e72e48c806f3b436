//! The delta repository: what its objects are called and say, and what is to be done with them.
//!
//! `core/docs/format/repository.md` is the specification, and the protocol that several jobs follow at once. Everything
//! here is pure: it takes bytes and records, and gives names, bytes, ranges and plans. It lists nothing, asks no
//! destination, knows no clock, and never infers that something exists: a record says so.
mod claim;
mod container;
mod continuation;
mod delta_plan;
mod delta_text;
mod destination_note;
mod encryption;
mod gathered;
mod ground;
mod hints;
mod inventory;
mod keep;
mod list;
mod list_page;
mod log_assembly;
mod log_object;
mod log_search;
mod log_stream;
mod look_back;
mod moves_plan;
mod moves_record;
mod name;
mod other_lines;
mod point_json;
mod point_record;
mod proof_record;
mod prune_plan;
mod prune_record;
mod record;
mod resolve;
mod restore_plan;
mod scout;
mod search;
mod ship_record;
mod ship_row;
mod ship_tail;
mod slot;
mod timeline;
mod timeline_text;
mod verify_plan;

pub use claim::{CLAIM_LEN_MAX, Claim, JobId, Void};
pub use container::{ObjectRange, ObjectSource, Place, PointContainer, PointPiece, PointSource};
pub use continuation::Continuation;
pub use delta_plan::DeltaPlan;
pub use destination_note::{DESTINATION_LEN_MAX, DESTINATION_NAME, DestinationNote};
pub use encryption::{Encryption, INNER_LEN_MAX, RECIPIENTS_MAX};
pub use ground::{Condemned, Ground, MoveTable, PreviousState};
pub use hints::{BackupState, MANIFEST_LEN_MAX, Manifest, ManifestPoint, STATE_LEN_MAX};
pub use inventory::{Claimed, Inventory};
pub use keep::{Keep, Kept, Reason, reasons};
pub use list::{KeptContainer, KeptObject, ListItem, ListKind, LocatedSegment, MetricName, PointLists};
pub use list_page::{
    LIST_PAGE_HEADER_LEN, LIST_PAGE_ITEMS_MAX, LIST_PAGE_MAGIC, ListPageRef, ListRefs, NewPage, decode_page,
    read_list, write_list,
};
pub use log_assembly::{AssembledLog, Leg, LogAssembly, replay_legs};
pub use log_object::LogObject;
pub use log_search::{LogContent, LogCut, LogSearch, LogStep};
pub use log_stream::{LOG_WINDOW_BYTES, LogStream, TakeFrame};
pub use look_back::{LookBack, LookStep};
pub use moves_plan::MovesPlan;
pub use moves_record::MovesRecord;
pub use name::{
    CHANGES_FILE_NAME, Entry, EntryKind, MANIFEST_NAME, ObjectFile, ObjectName, POINT_NUMBER_MAX,
    PointNumber, STATE_NAME, claim_name, hold_name, parse_numbered, shipped_folder,
};
pub use point_record::{Gap, PointRecord, PreviousPoint, REPLAY_LOGS_MAX};
pub use proof_record::{NEWEST_PROOFS_NAME, NewestProofs, PROOF_LEN_MAX, ProofNote, proof_name};
pub use prune_plan::PrunePlan;
pub use prune_record::PruneRecord;
pub use record::{ENTRY_RECORD_LEN_MAX, EntryRecord, record_hash};
pub use resolve::{Moment, Resolved, RestoreFrom, TimeScan};
pub use restore_plan::RestorePlan;
pub use scout::{Scout, ScoutStep};
pub use search::{NewestSearch, SearchStep};
pub use ship_record::{SHIP_RECORD_LEN, ShipRecord};
pub use ship_row::{follow, held_by_rows, is_superseded, points_with_ships};
pub use ship_tail::{SHIP_BYTES_MAX, ShipCut, ShipTail, TailStep};
pub use slot::{BackupSlot, SLOT_LEN_MAX};
pub use timeline::{Span, SpanEnd, Timeline};
pub use verify_plan::{ObjectCheck, VerifyPlan};

#[cfg(test)]
mod tests;
