//! Record of a snapshot directory: `metadata.json`, written last. A snapshot exists only when its record does.
//!
//! It is JSON for people and tools, and covers itself: its last member is the BLAKE3 of every byte before it, at a fixed
//! distance from the end, so that any language checks it without a JSON library. Through the hashes of the files in it
//! no byte of a snapshot is outside every checksum. It is proof against accidents; who can write the directory can
//! also write a record.
use super::record_json::Fields;
use super::seal::{open, seal};
use crate::digest::Digest;
use crate::error::{At, Error, Result};
use crate::format::{EpochParent, Role, Superblock, log_file_name, parse_log_file_name};
use crate::head::Position;
use crate::ids::{Chain, Epoch, Hash, Lineage, Lsn};
use alloc::string::String;
use alloc::vec::Vec;

/// Name of the record in a snapshot directory.
pub const RECORD_FILE_NAME: &str = "metadata.json";
/// Name of the container in a snapshot directory.
pub const DATA_FILE_NAME: &str = "data.db";
/// Version of the record that this build writes, and the newest that it reads. 0 means "may still break".
pub const SNAPSHOT_VERSION: u32 = 0;
/// Most bytes of a record, so that a reader knows what to fetch at most.
pub const RECORD_LEN_MAX: usize = 1 << 20;

/// What the record of a snapshot calls itself.
const KIND: &str = "snapshot";

/// A file of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRecord {
    /// `data.db`, or `data.db.wal-` and 20 digits; never a path.
    pub name: String,
    /// Bytes.
    pub len: u64,
    /// BLAKE3 of all of them.
    pub blake3: Hash,
}

/// Everything `metadata.json` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRecord {
    /// Version of the record.
    pub format_version: u32,
    /// The database's history.
    pub lineage: Lineage,
    /// The stretch of it.
    pub epoch: Epoch,
    /// What the epoch continues; `None` in a lineage's first epoch.
    pub parent: Option<EpochParent>,
    /// Last commit of the snapshot; 0 for none.
    pub lsn: Lsn,
    /// Commit time of that commit, Unix ns; 0 for none.
    pub commit_time_ns: i64,
    /// Chain after that commit.
    pub chain: Chain,
    /// Every commit of the epoch with a commit time up to here is in the snapshot; never below `commit_time_ns`. Unix ns.
    pub complete_until_ns: i64,
    /// Host clock when the record was made, Unix ns. For people.
    pub created_ns: i64,
    /// Points in the segments, overwritten and deleted ones included.
    pub points_stored: u64,
    /// Series, those that only the log defines included.
    pub series: u64,
    /// Segments, dictionary runs included.
    pub segments: u64,
    /// Digest of every visible point, if it was computed.
    pub digest: Option<Digest>,
    /// Why it was not; there exactly when the digest is not.
    pub digest_reason: Option<String>,
    /// Sum of the digests that the segments store: proves the copy, not what is visible in it.
    pub stored_digest: Digest,
    /// Points that the copied frames add.
    pub log_points: u64,
    /// The files, in order of name: `data.db`, then one or more log files.
    pub files: Vec<FileRecord>,
}

impl SnapshotRecord {
    /// The bytes of `metadata.json`. `InvalidInput` for a record that no reader would accept, `LimitExceeded` for one of
    /// more than [`RECORD_LEN_MAX`] bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check().map_err(|error| Error::invalid(error.message()).at("record to be written"))?;
        seal(&Fields::new(KIND, self), RECORD_LEN_MAX)
    }

    /// Reads a record. The checksum is compared first, so that a newer record is told from a damaged one.
    ///
    /// `Unsupported` for a newer version or another kind of record; `Damaged` for anything else that is not a record.
    /// Unknown members are passed over (the checksum covers them); known ones that come twice are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).at(|| RECORD_FILE_NAME)
    }

    /// [`SnapshotRecord::parse`], whose caller says where.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let opened = open(bytes, RECORD_LEN_MAX)?;
        opened.expect(KIND)?;
        let record = Self::try_from(opened.members::<Fields>()?)?;
        record.check()?;
        Ok(record)
    }

    /// What must hold of every record of a snapshot.
    pub(super) fn check(&self) -> Result<()> {
        let log_files = self.files.iter().skip(1).map(|file| parse_log_file_name(&file.name));
        self.files.iter().try_for_each(|file| check_file_name(&file.name))?;
        let wrong = if self.files.first().is_none_or(|file| file.name != DATA_FILE_NAME) {
            "it names no data.db"
        } else if self.files.len() < 2 || log_files.flatten().all(|lsn| lsn > self.lsn.saturating_add(1)) {
            "it names no log file that its last commit belongs to"
        } else {
            return self.check_point();
        };
        Err(Error::damaged(wrong))
    }

    /// What must hold of every record of a point, whatever files it brought.
    pub(super) fn check_point(&self) -> Result<()> {
        let ascending = self.files.array_windows().all(|[a, b]| a.name < b.name);
        let wrong = if self.format_version != SNAPSHOT_VERSION {
            "its version is not the one it is written in"
        } else if !ascending {
            "its files are not in order, or one is named twice"
        } else if self.digest.is_some() == self.digest_reason.is_some() {
            "it needs either a digest or the reason why there is none"
        } else if self.complete_until_ns < self.commit_time_ns {
            "it says to end before its own last commit"
        } else if self.stored_digest.points != self.points_stored {
            "its stored digest counts other points than it stores"
        } else if self.parent.is_some_and(|parent| parent.lsn > self.lsn || parent.epoch == self.epoch) {
            "its epoch starts behind its last commit, or continues itself"
        } else {
            return Ok(());
        };
        Err(Error::damaged(wrong))
    }

    /// The file of that name.
    pub fn file(&self, name: &str) -> Option<&FileRecord> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Bytes of all files together.
    pub fn files_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| file.len.saturating_add(sum))
    }

    /// Checks that the container's superblock is of the history that the record tells. `Damaged` with what differs.
    pub fn matches(&self, superblock: &Superblock) -> Result<()> {
        let root = &superblock.root;
        let ends_here = root.lsn == self.lsn;
        let differs = if superblock.role != Role::Database {
            "the container is no database"
        } else if superblock.lineage != self.lineage {
            "the container is of another lineage"
        } else if superblock.epoch != self.epoch || root.parent != self.parent {
            "the container is of another epoch"
        } else if root.lsn > self.lsn {
            "the container holds commits behind the record's last one"
        } else if ends_here && (root.chain != self.chain || root.commit_time_ns != self.commit_time_ns) {
            "the container's history is another one: the chain after its last commit differs"
        } else if root.points_stored != self.points_stored || root.series_count > self.series {
            "the container counts other points or series"
        } else if self.file(DATA_FILE_NAME).is_none_or(|file| file.len != root.file_len) {
            "the container has another length"
        } else {
            return Ok(());
        };
        Err(Error::damaged(alloc::format!("{differs} than the record says; copy the snapshot again"))
            .at(DATA_FILE_NAME))
    }

    /// Checks that the log ends where the record says; `end` is that of the last log file's
    /// [`crate::verify::LogReport`]. A log that lost its last commits looks clean without this.
    pub fn ends_at(&self, end: &Position) -> Result<()> {
        if (end.lsn, end.chain) == (self.lsn, self.chain) {
            return Ok(());
        }
        Err(Error::damaged(alloc::format!(
            "it ends with commit {} and chain {}, the record says {} and {}; copy the snapshot again",
            end.lsn,
            end.chain,
            self.lsn,
            self.chain
        ))
        .at("log"))
    }
}

/// Accepts the names that files of a snapshot have, and no other: a record from elsewhere must not make a host read or
/// write outside the directory.
pub fn check_file_name(name: &str) -> Result<()> {
    let is_log = |suffix: &str| parse_log_file_name(suffix).is_some_and(|lsn| log_file_name(lsn) == suffix);
    match name.strip_prefix(DATA_FILE_NAME) {
        Some(suffix) if suffix.is_empty() || is_log(suffix) => Ok(()),
        _ => Err(Error::damaged(alloc::format!(
            "{name:?} is no name of a file of a snapshot; do not use this record"
        ))),
    }
}
