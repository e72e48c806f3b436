//! Gathered file: a packed container whose segments lie in several objects.
use super::container::{ObjectRange, PointPiece};
use super::list::LocatedSegment;
use crate::backup::PackedFile;
use crate::catalog::Catalog;
use crate::engine::Identity;
use crate::error::Result;
use crate::format::{LogStart, Role, SegmentEntry};
use crate::ids::Lsn;
use crate::source::ByteRange;
use alloc::vec::Vec;

/// A segment: where it lies in the container, and where in an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapped {
    pub(super) here: ByteRange,
    pub(super) there: ObjectRange,
}

/// The packed file, and where each of its segments comes from.
#[derive(Clone, Debug)]
pub(super) struct GatheredFile {
    pub(super) file: PackedFile,
    /// Ascending.
    pub(super) segments: Vec<Mapped>,
}

impl GatheredFile {
    /// Of segments where they lie, in any order.
    pub(super) fn new(
        role: Role,
        identity: &Identity,
        catalog: &Catalog,
        mut located: Vec<LocatedSegment>,
        log: LogStart,
        durable: Lsn,
    ) -> Result<Self> {
        located.sort_by_key(LocatedSegment::order);
        let entries: Vec<SegmentEntry> = located.iter().map(|segment| segment.entry).collect();
        let file = PackedFile::new(role, identity, catalog, entries, log, durable)?;
        Ok(Self::map(file, &located))
    }

    fn map(file: PackedFile, located: &[LocatedSegment]) -> Self {
        // Both are in the order of the file.
        let segments = file.segments.iter().zip(located);
        let segments = segments
            .map(|(here, there)| Mapped {
                here: here.extent(),
                there: ObjectRange { object: there.home.container(), range: there.entry.extent() },
            })
            .collect();
        Self { file, segments }
    }

    /// Of segments of any number of catalogs: the file's own lists none of them.
    pub(super) fn unlisted(
        role: Role,
        identity: &Identity,
        catalog: &Catalog,
        mut located: Vec<LocatedSegment>,
    ) -> Result<Self> {
        located.sort_by_key(LocatedSegment::order);
        let entries: Vec<SegmentEntry> = located.iter().map(|segment| segment.entry).collect();
        let file = PackedFile::unlisted(role, identity, catalog, entries)?;
        Ok(Self::map(file, &located))
    }

    /// The file from its first byte to its last.
    pub(super) fn pieces(&self) -> impl Iterator<Item = PointPiece<'_>> {
        let segments = self.segments.iter().map(|segment| (segment.here, PointPiece::Object(segment.there)));
        let writes =
            self.file.writes.iter().map(|(offset, bytes)| {
                (ByteRange::new(*offset, bytes.len() as u64), PointPiece::Bytes(bytes))
            });
        let mut placed: Vec<(ByteRange, PointPiece<'_>)> = segments.chain(writes).collect();
        placed.sort_unstable_by_key(|(range, _)| range.offset);
        let mut pieces = Vec::with_capacity(2 * placed.len() + 1);
        let mut at = 0;
        for (range, piece) in placed {
            if range.offset > at {
                pieces.push(PointPiece::Zeros(range.offset - at));
            }
            at = range.end();
            pieces.push(piece);
        }
        if self.file.file_len > at {
            pieces.push(PointPiece::Zeros(self.file.file_len - at));
        }
        pieces.into_iter()
    }

    /// What is copied out of objects, and where it goes: by object, and inside it in order.
    pub(super) fn copies(&self) -> Vec<(ObjectRange, u64)> {
        let mut copies: Vec<(ObjectRange, u64)> =
            self.segments.iter().map(|segment| (segment.there, segment.here.offset)).collect();
        copies.sort_unstable();
        copies
    }
}
