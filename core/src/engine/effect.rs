//! Effects: what the engine asks its host to do to the medium, in order.
//!
//! A crash at any moment leaves a prefix of the effects, the last one torn, and of the writes since the last sync of
//! their file any part. Every order in which effects are listed is chosen for that; `format.md` walks through the cases.
use alloc::vec::Vec;

/// One thing to do to the medium. A host does them in order and stops at the first that fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Make the log file of this first LSN, create-only, holding `header`; make it and its name durable.
    CreateLog {
        /// First LSN, which is its name.
        first_lsn: u64,
        /// Its first bytes.
        header: Vec<u8>,
    },
    /// Cut a log file after a torn tail and make that durable.
    TruncateLog {
        /// Which log file.
        first_lsn: u64,
        /// New length in bytes.
        len: u64,
    },
    /// Write frames at `offset` of a log file.
    AppendLog {
        /// Which log file.
        first_lsn: u64,
        /// Where, in bytes from its start.
        offset: u64,
        /// Whole frames.
        bytes: Vec<u8>,
    },
    /// Make everything in a log file durable.
    SyncLog {
        /// Which log file.
        first_lsn: u64,
    },
    /// Delete a log file that no replay and no slot needs.
    DropLog {
        /// Which log file.
        first_lsn: u64,
    },
    /// Write an extent of `data.db` that no superblock names yet.
    WriteData {
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// The extent's bytes.
        bytes: Vec<u8>,
    },
    /// Make everything in `data.db` durable.
    SyncData,
    /// Write a superblock slot: the moment at which a checkpoint becomes what the next open finds.
    WriteSlot {
        /// 0 or 1.
        slot: u8,
        /// The slot's bytes.
        bytes: Vec<u8>,
    },
    /// Shorten `data.db`; nothing alive lies behind `len`.
    TruncateData {
        /// New length in bytes.
        len: u64,
    },
}
