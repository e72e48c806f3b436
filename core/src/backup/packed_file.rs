//! Packed file: the bytes of a container without free space, planned from segments that lie elsewhere.
//!
//! Segments lie back to back, dictionary runs first, then points in order of time, so that a ranged read is local; then
//! the catalog's pages. Every byte is in a segment, in a page, in the one superblock, or zero. The same input always
//! gives the same bytes, so an interrupted copy can be resumed. It copies nothing itself.
use super::pack::{Move, Piece};
use crate::catalog::{Catalog, check};
use crate::digest::Digest;
use crate::engine::{Identity, superblock};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{HEADER_AREA_LEN, LogStart, Role, SegmentEntry, SegmentKind, encode_slot, padded};
use crate::ids::{Generation, Hash, Lsn, SeriesId};
use alloc::vec::Vec;

/// Generation of the superblock of a packed file.
const GENERATION: Generation = 1;

/// What segments of a packed file, and of a list, are sorted by.
pub(crate) type SegmentOrder = (u8, u64, i64, SeriesId, Hash);

/// Dictionary runs by their smallest LSN, then points by first timestamp and smallest series.
pub(crate) fn segment_order(entry: &SegmentEntry) -> SegmentOrder {
    let summary = &entry.summary;
    match entry.kind {
        SegmentKind::Dictionary => (0, summary.lsn_min, 0, SeriesId(0), summary.identity),
        SegmentKind::Points => (1, 0, summary.time.min, summary.series_min, summary.identity),
    }
}

/// A packed container.
#[derive(Clone, Debug)]
pub struct PackedFile {
    /// What is copied, ascending in the copy.
    pub moves: Vec<Move>,
    /// What is new, by offset: the catalog's pages, and last the superblock. Written after the moves.
    pub writes: Vec<(u64, Vec<u8>)>,
    /// Bytes of the file.
    pub file_len: u64,
    /// The segments with their new offsets, in order.
    pub(crate) segments: Vec<SegmentEntry>,
    /// Points that they store.
    pub(crate) points_stored: u64,
    /// Sum of the digests that they store.
    pub(crate) stored_digest: Digest,
}

impl PackedFile {
    /// Packs `segments`, whose offsets are those in the source. Position, deletions and names are those of `catalog`.
    /// `LimitExceeded` when the catalog would not fit a superblock, `Damaged` when it contradicts itself.
    pub(crate) fn new(
        role: Role,
        identity: &Identity,
        catalog: &Catalog,
        mut segments: Vec<SegmentEntry>,
        log: LogStart,
        durable: Lsn,
    ) -> Result<Self> {
        segments.sort_by_key(segment_order);
        let (moves, end) = lay_out(&mut segments)?;
        let catalog = catalog.repacked(segments.clone(), log, GENERATION);
        Self::finish(role, identity, catalog, (segments, moves, end), durable)
    }

    /// Packs segments of which the file's catalog lists none: what they are is written elsewhere.
    pub(crate) fn unlisted(
        role: Role,
        identity: &Identity,
        catalog: &Catalog,
        mut segments: Vec<SegmentEntry>,
    ) -> Result<Self> {
        segments.sort_by_key(segment_order);
        let (moves, end) = lay_out(&mut segments)?;
        let empty = catalog.repacked(Vec::new(), LogStart::None, GENERATION);
        Self::finish(role, identity, empty, (segments, moves, end), catalog.position.lsn)
    }

    fn finish(
        role: Role,
        identity: &Identity,
        mut catalog: Catalog,
        (segments, moves, mut end): (Vec<SegmentEntry>, Vec<Move>, u64),
        durable: Lsn,
    ) -> Result<Self> {
        let mut writes = Vec::new();
        catalog.store_pages(|bytes| {
            let offset = end;
            // A page brings its padding.
            end = end.saturating_add(bytes.len() as u64);
            writes.push((offset, bytes));
            offset
        })?;
        check(&catalog)?;
        let mut superblock = superblock(identity, &catalog, durable);
        superblock.role = role;
        writes.push((superblock.slot_offset(), encode_slot(&superblock)?));
        let mut stored_digest = Digest::default();
        segments.iter().for_each(|entry| stored_digest.join(&entry.summary.digest));
        let points_stored = catalog.points_stored();
        Ok(Self { moves, writes, file_len: end, segments, points_stored, stored_digest })
    }

    /// The file from its first byte to its last.
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

    /// Bytes that are read from the source.
    pub fn source_bytes(&self) -> u64 {
        self.moves.iter().map(|part| part.from.len).sum()
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
