//! Pack: the plan of a fresh `data.db` and one log file from a snapshot, without the source's free space.
//!
//! Segments lie back to back, dictionary runs first, then points in order of time, so that a ranged read of the copy is
//! local; then the catalog's pages. Every byte of the new file is in a segment, in a page, in the one superblock, or
//! zero. The same snapshot always gives the same bytes, so an interrupted copy can be resumed. It copies nothing itself.
use super::record::{FileRecord, SNAPSHOT_VERSION, SnapshotRecord};
use crate::catalog::check;
use crate::digest::Digest;
use crate::engine::{Identity, LogPart, Snapshot, superblock};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{
    Features, HEADER_AREA_LEN, LOG_HEADER_LEN, LogHeader, LogStart, SegmentEntry, SegmentKind, encode_slot,
    log_file_name, padded,
};
use crate::head::Position;
use crate::ids::{Generation, Lsn};
use crate::source::ByteRange;
use crate::text::human_bytes;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Generation of the superblock of a packed file.
const GENERATION: Generation = 1;

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
    /// The first bytes of the file.
    pub header: Vec<u8>,
    /// What follows, in order. Where a source file ends up to 7 bytes before the end of a part (cut off in the padding of
    /// its last frame), zeros stand for the rest; a shorter one is damage.
    pub parts: Vec<LogPart>,
}

impl LogCopy {
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
/// [`PackPlan::file_len`], so that it reads as zeros, do the moves in any order and then the writes.
#[derive(Clone, Debug)]
pub struct PackPlan {
    /// What is copied, ascending in the copy.
    pub moves: Vec<Move>,
    /// What is new, by offset: the catalog's pages, and last the superblock. Written after the moves.
    pub writes: Vec<(u64, Vec<u8>)>,
    /// Bytes of the copy's `data.db`.
    pub file_len: u64,
    /// Its log file; there is always one.
    pub log: LogCopy,
    /// What database it is of.
    pub identity: Identity,
    /// The commit up to which the catalog holds everything.
    pub checkpoint: Position,
    /// The commit it ends with.
    pub position: Position,
    series: u64,
    segments: u64,
    points_stored: u64,
    stored_digest: Digest,
}

impl PackPlan {
    /// Plans the copy. Cost follows the number of segments. `LimitExceeded` when the catalog would not fit a superblock,
    /// `Damaged` when the snapshot contradicts itself.
    pub fn new(snapshot: &Snapshot) -> Result<Self> {
        let mut segments: Vec<SegmentEntry> = snapshot.catalog.segments.iter().copied().collect();
        segments.sort_by_key(|entry| match entry.kind {
            SegmentKind::Dictionary => (false, 0, entry.summary.lsn_min),
            SegmentKind::Points => (true, entry.summary.time.min, entry.summary.series_min.0),
        });
        let (moves, mut end) = lay_out(&mut segments)?;
        let checkpoint = snapshot.checkpoint();
        let log = log_copy(snapshot, checkpoint)?;
        let start = LogStart::From { first_lsn: log.first_lsn, offset: LOG_HEADER_LEN as u64 };
        let mut catalog = snapshot.catalog.repacked(segments, start, GENERATION);
        let mut writes = Vec::new();
        catalog.store_pages(|bytes| {
            let offset = end;
            // A page brings its padding.
            end = end.saturating_add(bytes.len() as u64);
            writes.push((offset, bytes));
            offset
        })?;
        check(&catalog)?;
        let superblock = superblock(&snapshot.identity, &catalog, snapshot.position.lsn);
        writes.push((superblock.slot_offset(), encode_slot(&superblock)?));
        let mut stored_digest = Digest::default();
        catalog.segments.iter().for_each(|entry| stored_digest.join(&entry.summary.digest));
        Ok(Self {
            moves,
            writes,
            file_len: end,
            log,
            identity: snapshot.identity.clone(),
            checkpoint,
            position: snapshot.position,
            series: snapshot.series,
            segments: catalog.segments.len() as u64,
            points_stored: catalog.points_stored(),
            stored_digest,
        })
    }

    /// Bytes that are read from the source, log included: what a progress bar counts.
    pub fn source_bytes(&self) -> u64 {
        let data: u64 = self.moves.iter().map(|part| part.from.len).sum();
        data.saturating_add(self.log.parts.iter().map(|part| part.range.len).sum())
    }

    /// The new `data.db` from its first byte to its last.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let copies = self.moves.iter().map(|part| (part.to, Piece::Copy(part.from)));
        let bytes = self.writes.iter().map(|(offset, bytes)| (*offset, Piece::Bytes(bytes)));
        let mut placed: Vec<(u64, Piece<'_>)> = copies.chain(bytes).collect();
        placed.sort_unstable_by_key(|&(offset, _)| offset);
        let mut pieces = Vec::with_capacity(2 * placed.len() + 1);
        let mut at = 0;
        for (offset, piece) in placed {
            if offset > at {
                pieces.push(Piece::Zeros(offset - at));
            }
            at = offset.saturating_add(piece.len());
            pieces.push(piece);
        }
        if self.file_len > at {
            pieces.push(Piece::Zeros(self.file_len - at));
        }
        pieces.into_iter()
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
            points_stored: self.points_stored,
            series: self.series,
            segments: self.segments,
            digest,
            digest_reason,
            stored_digest: self.stored_digest,
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

/// Gives each segment its place in the copy. Neighbours that stay neighbours are one move, unless padding lies between
/// them: what a source has there is covered by no checksum, and must not travel.
fn lay_out(segments: &mut [SegmentEntry]) -> Result<(Vec<Move>, u64)> {
    let mut moves: Vec<Move> = Vec::new();
    let mut end = HEADER_AREA_LEN;
    for entry in segments {
        let from = entry.extent();
        match moves.last_mut().filter(|last| last.from.end() == from.offset && last.to + last.from.len == end)
        {
            Some(last) => last.from.len += from.len,
            None => moves.push(Move { from, to: end }),
        }
        entry.offset = end;
        end = padded(from.len).and_then(|len| end.checked_add(len)).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "the segments together pass the longest file there can be")
        })?;
    }
    Ok((moves, end))
}

fn log_copy(snapshot: &Snapshot, checkpoint: Position) -> Result<LogCopy> {
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
    let first_lsn = checkpoint.lsn.checked_add(1).ok_or_else(|| Error::damaged("the last LSN is used"))?;
    let header = LogHeader {
        features: Features::default(),
        lineage: snapshot.identity.lineage,
        epoch: snapshot.identity.epoch,
        first_lsn,
        chain: checkpoint.chain,
        // Not the host's clock: the same snapshot gives the same bytes.
        host_clock_ns: snapshot.position.commit_time_ns,
    };
    Ok(LogCopy { first_lsn, header: header.encode(), parts: snapshot.log.clone() })
}

/// What will be copied: printed by `--dry-run`.
impl fmt::Display for PackPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moved: u64 = self.moves.iter().map(|part| part.from.len).sum();
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
            human_bytes(self.file_len),
            self.segments,
            self.points_stored,
            self.moves.len(),
            human_bytes(moved),
            self.writes.len().saturating_sub(1)
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
