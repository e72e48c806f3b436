//! Placing a new segment: an extent of `data.db` that no superblock names yet, so writing it can harm nothing.
use super::{Effect, Engine};
use crate::format::{ALIGNMENT, SegmentSummary};
use crate::segment::BuiltSegment;
use crate::source::ByteRange;

/// A built segment with its place. It becomes part of the database when a catalog names it.
#[derive(Clone, Debug)]
pub struct Placed {
    pub(super) summary: SegmentSummary,
    pub(super) offset: u64,
}

impl Placed {
    /// Where it lies.
    pub fn extent(&self) -> ByteRange {
        ByteRange::new(self.offset, self.summary.len)
    }
}

impl Engine {
    /// Gives a built segment a place; perform the effect before installing it.
    pub fn place(&mut self, built: BuiltSegment) -> (Placed, Effect) {
        let offset = self.space.allocate(built.summary.len);
        // The padding is written too: nothing of what the extent held before stays behind.
        let mut bytes = built.bytes;
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
        (Placed { summary: built.summary, offset }, Effect::WriteData { offset, bytes })
    }

    /// Gives back places that will not be installed (a job failed, but the medium is sound).
    pub fn abandon(&mut self, placed: impl IntoIterator<Item = Placed>) {
        placed.into_iter().for_each(|placed| self.space.abandon(placed.extent()));
    }
}
