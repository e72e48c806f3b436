//! Pack: the plan of a fresh `data.db` and one log file from a snapshot, without the source's free space.
//!
//! The bytes of the file are those of [`PackedFile`]; this adds the log, and the record that makes a snapshot of both. It
//! copies nothing itself.
use super::packed_file::PackedFile;
use super::record::{FileRecord, SNAPSHOT_VERSION, SnapshotRecord};
use crate::digest::Digest;
use crate::engine::{Identity, LogPart, Snapshot};
use crate::error::{Error, Result};
use crate::format::{Features, LOG_HEADER_LEN, LogHeader, LogStart, Role, SegmentEntry, log_file_name};
use crate::head::Position;
use crate::ids::{Chain, Lsn};
use crate::source::ByteRange;
use crate::text::human_bytes;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Bytes of the source's `data.db` that are copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// Where they lie in the source.
    pub from: ByteRange,
    /// Where they go in the copy.
    pub to: u64,
}

/// The one log file of a copy: a new header, then frames exactly as they lie in the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogCopy {
    /// LSN of the first frame, which is the file's name; see [`LogCopy::file_name`].
    pub first_lsn: Lsn,
    /// Chain before the first frame.
    pub after_chain: Chain,
    /// The first bytes of the file.
    pub header: Vec<u8>,
    /// What follows, in order. Where a source file ends up to 7 bytes before the end of a part (cut off in the padding of
    /// its last frame), zeros stand for the rest; a shorter one is damage.
    pub parts: Vec<LogPart>,
}

impl LogCopy {
    /// Of the frames in `parts`, which follow the commit of `after`.
    pub(super) fn new(snapshot: &Snapshot, after: Position, parts: Vec<LogPart>) -> Result<Self> {
        let first_lsn = after.lsn.checked_add(1).ok_or_else(|| Error::damaged("the last LSN is used"))?;
        let header = LogHeader {
            features: Features::default(),
            lineage: snapshot.identity.lineage,
            epoch: snapshot.identity.epoch,
            first_lsn,
            chain: after.chain,
            // Not the host's clock: the same snapshot gives the same bytes.
            host_clock_ns: snapshot.position.commit_time_ns,
        };
        Ok(Self { first_lsn, after_chain: after.chain, header: header.encode(), parts })
    }
    /// Name of the file.
    pub fn file_name(&self) -> String {
        alloc::format!("{}{}", super::DATA_FILE_NAME, log_file_name(self.first_lsn))
    }
    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.parts.iter().fold(self.header.len() as u64, |len, part| len.saturating_add(part.range.len))
    }
    /// True without frames: the snapshot holds no commit behind its catalog.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// A run of bytes of the new `data.db`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// These bytes of the source's `data.db`.
    Copy(ByteRange),
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many zeros.
    Zeros(u64),
}

/// What a packed copy of a snapshot consists of. The source's bytes stay where they are as long as the [`Snapshot`]
/// lives: keep it until the copy is done.
///
/// Carry it out in either of two ways: stream [`PackPlan::pieces`] from front to back; or give a new file the length
/// [`PackedFile::file_len`], so that it reads as zeros, do the moves in any order and then the writes.
#[derive(Clone, Debug)]
pub struct PackPlan {
    /// The new `data.db`.
    pub data: PackedFile,
    /// Its log file; there is always one.
    pub log: LogCopy,
    /// What database it is of.
    pub identity: Identity,
    /// The commit up to which the catalog holds everything.
    pub checkpoint: Position,
    /// The commit it ends with.
    pub position: Position,
    series: u64,
}

impl PackPlan {
    /// Plans the copy. Cost follows the number of segments. `LimitExceeded` when the catalog would not fit a superblock,
    /// `Damaged` when the snapshot contradicts itself.
    pub fn new(snapshot: &Snapshot) -> Result<Self> {
        let checkpoint = snapshot.checkpoint();
        check_log(snapshot)?;
        let log = LogCopy::new(snapshot, checkpoint, snapshot.log.clone())?;
        let segments: Vec<SegmentEntry> = snapshot.segments().copied().collect();
        let start = LogStart::From { first_lsn: log.first_lsn, offset: LOG_HEADER_LEN as u64 };
        let (role, durable) = (Role::Database, snapshot.position.lsn);
        let data = PackedFile::new(role, &snapshot.identity, &snapshot.catalog, segments, start, durable)?;
        Ok(Self {
            data,
            log,
            identity: snapshot.identity.clone(),
            checkpoint,
            position: snapshot.position,
            series: snapshot.series,
        })
    }

    /// The copy as one file and no log, which opens like a database that was closed. For a snapshot whose catalog holds
    /// everything; `InvalidInput` for another: seal first.
    pub fn single_file(snapshot: &Snapshot) -> Result<PackedFile> {
        check_log(snapshot)?;
        if !snapshot.log.is_empty() {
            return Err(Error::invalid(
                "commits are in the log only: seal the database before it is copied as one file",
            ));
        }
        let segments: Vec<SegmentEntry> = snapshot.segments().copied().collect();
        let (start, durable) = (LogStart::None, snapshot.position.lsn);
        PackedFile::new(Role::Database, &snapshot.identity, &snapshot.catalog, segments, start, durable)
    }

    /// Bytes that are read from the source, log included: what a progress bar counts.
    pub fn source_bytes(&self) -> u64 {
        self.data.source_bytes().saturating_add(self.log.parts.iter().map(|part| part.range.len).sum())
    }

    /// The new `data.db` from its first byte to its last.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.data.pieces()
    }

    /// The record that makes the copy a snapshot, once `files` (in any order) are on the medium as they are listed.
    ///
    /// `created_ns` is the host's clock; `log_points` are the points of the copied log, from
    /// [`crate::verify::verify_log`]; `digest` is that of everything visible, or the reason why it was not computed.
    pub fn record(
        &self,
        created_ns: i64,
        digest: core::result::Result<Digest, String>,
        log_points: u64,
        mut files: Vec<FileRecord>,
    ) -> Result<SnapshotRecord> {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let (digest, digest_reason) = match digest {
            Ok(digest) => (Some(digest), None),
            Err(reason) => (None, Some(reason)),
        };
        let record = SnapshotRecord {
            format_version: SNAPSHOT_VERSION,
            lineage: self.identity.lineage,
            epoch: self.identity.epoch,
            parent: self.identity.parent,
            lsn: self.position.lsn,
            commit_time_ns: self.position.commit_time_ns,
            chain: self.position.chain,
            complete_until_ns: self.position.commit_time_ns,
            created_ns,
            points_stored: self.data.points_stored,
            series: self.series,
            segments: self.data.segments.len() as u64,
            digest,
            digest_reason,
            stored_digest: self.data.stored_digest,
            log_points,
            files,
        };
        record.check()?;
        Ok(record)
    }
}

impl Piece<'_> {
    /// How many bytes it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Self::Copy(range) => range.len,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }
    /// Never true in a plan.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What must hold of a snapshot's log before it is copied.
pub(super) fn check_log(snapshot: &Snapshot) -> Result<()> {
    let checkpoint = snapshot.checkpoint();
    let behind = snapshot.position.lsn != checkpoint.lsn;
    if snapshot.log.is_empty() == behind || snapshot.position.lsn < checkpoint.lsn {
        return Err(Error::damaged(alloc::format!(
            "internal state is wrong (the catalog ends at {}, the snapshot at {}, with {} pieces of log); reopen the \
             database and report this",
            checkpoint.lsn,
            snapshot.position.lsn,
            snapshot.log.len()
        )));
    }
    Ok(())
}

/// What will be copied: printed by `--dry-run`.
impl fmt::Display for PackPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moved = self.data.source_bytes();
        let frames: u64 = self.log.parts.iter().map(|part| part.range.len).sum();
        let time = crate::time::format_timestamp(self.position.commit_time_ns);
        writeln!(f, "snapshot of lineage {}, epoch {}", self.identity.lineage, self.identity.epoch)?;
        match self.position.lsn {
            0 => writeln!(f, "  no commit yet")?,
            lsn => writeln!(f, "  up to LSN {lsn}, committed {time}")?,
        }
        writeln!(
            f,
            "  {:<34} {}: {} segments with {} points in {} reads of {}, {} catalog pages",
            super::DATA_FILE_NAME,
            human_bytes(self.data.file_len),
            self.data.segments.len(),
            self.data.points_stored,
            self.data.moves.len(),
            human_bytes(moved),
            self.data.writes.len().saturating_sub(1)
        )?;
        writeln!(
            f,
            "  {:<34} {}: {} of frames from {} log files",
            self.log.file_name(),
            human_bytes(self.log.len()),
            human_bytes(frames),
            self.log.parts.len()
        )?;
        write!(f, "  {:<34} the record, written last", super::RECORD_FILE_NAME)
    }
}
