//! A record of any kind: what `metadata.json` below an entry's name can be.
use super::claim::{CLAIM_LEN_MAX, VOID, Void, expect_entry};
use super::moves_record::{self, MovesRecord};
use super::name::{Entry, EntryKind};
use super::point_json;
use super::point_record::PointRecord;
use super::prune_record::{self, PruneRecord};
use crate::backup::seal::open;
use crate::backup::{RECORD_FILE_NAME, SnapshotRecord};
use crate::error::{At, Error, ErrorKind, Result};
use crate::ids::Hash;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Most bytes of a record of a repository, so that a reader knows what to fetch at most.
pub const ENTRY_RECORD_LEN_MAX: usize = 16 << 20;

/// What an entry came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntryRecord {
    /// A base or a delta: it can be restored.
    Point(Box<PointRecord>),
    /// A mark.
    Prune(PruneRecord),
    /// Segments in new places.
    Moves(MovesRecord),
    /// Nothing: the claim is closed.
    Void(Void),
}

impl EntryRecord {
    /// Whose record it is.
    pub fn entry(&self) -> Entry {
        match self {
            Self::Point(record) => record.entry,
            Self::Prune(record) => record.entry,
            Self::Moves(record) => record.entry,
            Self::Void(record) => record.entry,
        }
    }

    /// The bytes of `metadata.json`. `InvalidInput` for a record that no reader would accept, `LimitExceeded` for one of
    /// more than [`ENTRY_RECORD_LEN_MAX`] bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check().map_err(|error| match error.kind() {
            ErrorKind::Damaged => Error::invalid(error.message()).at("record to be written"),
            _ => error,
        })?;
        match self {
            Self::Point(record) => point_json::write(record, ENTRY_RECORD_LEN_MAX),
            Self::Prune(record) => prune_record::write(record, ENTRY_RECORD_LEN_MAX),
            Self::Moves(record) => moves_record::write(record, ENTRY_RECORD_LEN_MAX),
            Self::Void(record) => record.to_bytes(),
        }
    }

    /// Reads the record that lies under the name of `entry`: of its kind, or a void. The checksum is compared first.
    ///
    /// `Unsupported` for a newer version; `Damaged` for anything else that is not the record of this entry.
    pub fn parse(entry: Entry, bytes: &[u8]) -> Result<Self> {
        Self::read(entry, bytes).at(|| entry.record())
    }

    fn read(entry: Entry, bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, ENTRY_RECORD_LEN_MAX)?;
        let record = if opened.kind == VOID && bytes.len() <= CLAIM_LEN_MAX {
            Self::Void(Void::read(&opened)?)
        } else {
            opened.expect(entry.kind.word())?;
            match entry.kind {
                EntryKind::Base | EntryKind::Delta => Self::Point(Box::new(point_json::read(&opened)?)),
                EntryKind::Prune => Self::Prune(prune_record::read(&opened)?),
                EntryKind::Moves => Self::Moves(moves_record::read(&opened)?),
            }
        };
        expect_entry(record.entry(), entry)?;
        record.check()?;
        Ok(record)
    }

    /// What the record of a folder says that may be opened as a database: of a snapshot, or of a base, which is one too. Its
    /// folder may have any name. `InvalidInput` for a delta, which is nothing by itself; else as [`EntryRecord::parse`].
    pub fn parse_openable(bytes: &[u8]) -> Result<SnapshotRecord> {
        let read = || {
            let opened = open(bytes, ENTRY_RECORD_LEN_MAX)?;
            if opened.kind == EntryKind::Delta.word() {
                return Err(Error::invalid(
                    "this is a delta, which holds only what was new: name the repository it lies in, and the moment with --at",
                ));
            }
            if opened.kind != EntryKind::Base.word() {
                return SnapshotRecord::read(bytes);
            }
            let record = point_json::read(&opened)?;
            record.check()?;
            record.point.check()?;
            Ok(record.point)
        };
        read().at(|| RECORD_FILE_NAME)
    }

    fn check(&self) -> Result<()> {
        let kind = self.entry().kind;
        match self {
            Self::Point(record) if kind.is_point() => record.check(),
            Self::Prune(record) if kind == EntryKind::Prune => record.check(),
            Self::Moves(record) if kind == EntryKind::Moves => record.check(),
            Self::Void(record) => record.entry.check(),
            _ => Err(Error::damaged("its name is that of another kind of entry")),
        }
    }

    /// The point, if it is one.
    pub fn as_point(&self) -> Option<&PointRecord> {
        match self {
            Self::Point(record) => Some(record),
            _ => None,
        }
    }
}

/// What identifies a record's bytes, as `state.json` names them.
pub fn record_hash(bytes: &[u8]) -> Hash {
    Hash::of(bytes)
}
