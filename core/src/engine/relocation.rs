//! Relocation: moving segments and pages to the front of the file, so that free space at its end can be cut off.
//!
//! A compaction writes beside its inputs, so without this the file of a fully compacted database would be half empty. What
//! it keeps true: bytes are only written where no superblock slot and no reader looks, so a crash leaves the catalog
//! as it was; and the content of a segment, and with it its identity, never changes.
use super::checkpoint::{Checkpoint, Edit};
use super::{Engine, Placed};
use crate::error::Result;
use crate::format::{HEADER_AREA_LEN, SegmentEntry};
use crate::source::ByteRange;
use alloc::vec::Vec;

/// Free bytes below this part of the file are left to the next seals.
const FREE_PART: u64 = 256;

/// Segments on their way to other places. Copy the bytes of every move, then install it.
#[derive(Debug)]
#[must_use = "places are taken until it is installed or abandoned"]
pub struct Relocation {
    moves: Vec<(SegmentEntry, u64)>,
}

impl Relocation {
    /// What to copy, and to which offset.
    pub fn moves(&self) -> impl ExactSizeIterator<Item = (ByteRange, u64)> {
        self.moves.iter().map(|(entry, to)| (entry.extent(), *to))
    }
}

impl Engine {
    /// The next relocation that brings the file nearer to its least length; `None` when there is little to gain, when
    /// freed space still waits for a reader or an older superblock ([`Engine::restate`] lets go of the latter), or when a
    /// seal is under way.
    ///
    /// Where no segment fits into the space before it, one is moved to the end to make room: the file may grow before it
    /// shrinks. Repeat until `None`, with a bound: each round costs writing what it moves.
    pub fn begin_relocation(&mut self) -> Option<Relocation> {
        let (free, pending) = self.space.free_and_pending();
        let used = self.space.end().saturating_sub(HEADER_AREA_LEN);
        if !self.frozen.is_empty() || pending > 0 || free <= used / FREE_PART {
            return None;
        }
        let first_free = self.space.first_free()?;
        let mut entries: Vec<SegmentEntry> = self.catalog.segments.iter().copied().collect();
        entries.sort_unstable_by_key(|entry| core::cmp::Reverse(entry.offset));
        let space = &mut self.space;
        let to_front = |entry: &SegmentEntry| {
            space.allocate_below(entry.offset, entry.summary.len).map(|to| (*entry, to))
        };
        let mut moves: Vec<(SegmentEntry, u64)> = entries.iter().filter_map(to_front).collect();
        if moves.is_empty() {
            // Its place joins the free space before it, so in the next round it fits there itself.
            let behind = entries.iter().rev().find(|entry| entry.offset > first_free);
            moves.extend(behind.map(|entry| (*entry, self.space.allocate_at_end(entry.summary.len))));
        }
        Some(Relocation { moves })
    }

    /// Lets the catalog name the new places. The pages of the catalog move, too.
    pub fn install_relocation(&mut self, relocation: Relocation) -> Result<Checkpoint> {
        let added = relocation.moves.iter().map(|&(entry, offset)| SegmentEntry { offset, ..entry });
        let edit = Edit {
            position: self.catalog.position,
            log: self.catalog.log,
            added: added.collect(),
            removed: relocation.moves.iter().map(|&(entry, _)| entry).collect(),
            tombstones: Vec::new(),
            metrics: Vec::new(),
        };
        self.publish_pages(edit, true)
    }

    /// Gives the new places back: the bytes could not be copied, but the medium is sound.
    pub fn abandon_relocation(&mut self, relocation: Relocation) {
        self.abandon(
            relocation.moves.into_iter().map(|(entry, offset)| Placed { summary: entry.summary, offset }),
        );
    }
}
