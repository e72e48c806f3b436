//! Relocation: moving segments towards the front of the file, so that the free space behind them can be given back.
//!
//! A moved segment is the same bytes with the same identity at another offset. The old extent stays untouched until no
//! superblock and no reader names it, as with any other change of the catalog.
use super::Engine;
use super::checkpoint::Checkpoint;
use crate::error::Result;
use crate::format::SegmentEntry;
use crate::source::ByteRange;
use alloc::vec::Vec;

/// Free space below this part of the file is not worth copying segments for.
const FREE_SHARE: u64 = 64;
/// Nor are fewer bytes than these.
const FREE_BYTES_MIN: u64 = 64 << 10;

/// Segments that get a new place.
#[derive(Clone, Debug)]
#[must_use = "the new places are taken until it is installed or given back"]
pub struct Relocation {
    moves: Vec<(SegmentEntry, u64)>,
}

impl Relocation {
    /// What to copy: where it lies, and where it goes. The places do not overlap.
    pub fn moves(&self) -> impl Iterator<Item = (ByteRange, u64)> {
        self.moves.iter().map(|(entry, to)| (entry.extent(), *to))
    }
}

impl Engine {
    /// Finds segments that fit into free space before them, the last ones first. Where none does although much is free,
    /// everything behind the first gap goes to the end, and fits into what it leaves the next time. `None` when nothing is
    /// worth moving, or a seal is under way.
    pub fn begin_relocation(&mut self) -> Option<Relocation> {
        if !self.frozen.is_empty() {
            return None;
        }
        let mut entries: Vec<SegmentEntry> = self.catalog.segments.iter().copied().collect();
        entries.sort_unstable_by_key(|entry| core::cmp::Reverse(entry.offset));
        let mut moves = Vec::new();
        for entry in entries {
            if let Some(to) = self.space.allocate_below(entry.summary.len, entry.offset) {
                moves.push((entry, to));
            }
        }
        if moves.is_empty() {
            moves.extend(self.make_room());
        }
        (!moves.is_empty()).then_some(Relocation { moves })
    }

    /// Everything behind the first gap, to the end of the file: what it leaves is one gap in which it all fits again.
    fn make_room(&mut self) -> Vec<(SegmentEntry, u64)> {
        let (free, _) = self.space.free_and_pending();
        if free < FREE_BYTES_MIN || free.saturating_mul(FREE_SHARE) < self.space.end() {
            return Vec::new();
        }
        let gap = self.space.first_free().unwrap_or(u64::MAX);
        let behind = self.catalog.segments.iter().filter(|entry| entry.offset > gap);
        behind.map(|entry| (*entry, self.space.allocate_at_end(entry.summary.len))).collect()
    }

    /// Names the new places, and writes every catalog page anew, so that none holds the end of the file.
    pub fn install_relocation(&mut self, relocation: Relocation) -> Result<Checkpoint> {
        let removed = relocation.moves.iter().map(|(entry, _)| *entry).collect();
        let added =
            relocation.moves.into_iter().map(|(entry, offset)| SegmentEntry { offset, ..entry }).collect();
        self.replace(removed, added, true)
    }

    /// Gives the new places back.
    pub fn abandon_relocation(&mut self, relocation: Relocation) {
        for (entry, to) in relocation.moves {
            self.space.abandon(ByteRange::new(to, entry.summary.len));
        }
    }

    /// Stores the catalog anew, all pages of it.
    pub fn rewrite_catalog(&mut self) -> Result<Checkpoint> {
        self.replace(Vec::new(), Vec::new(), true)
    }
}
