//! Space: which extents of `data.db` are free, and when a freed one may be used again.
//!
//! What it keeps true: an extent that generation `g` no longer names is handed out again only when no superblock slot
//! holds a generation below `g` and no live pin is below `g`. It is rebuilt at open from what the two slots name,
//! so it is never stored.
use crate::format::{ALIGNMENT, HEADER_AREA_LEN};
use crate::ids::Generation;
use crate::source::ByteRange;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Allocator of extents.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// Free extents: offset to length, joined with their neighbours.
    free: BTreeMap<u64, u64>,
    /// Freed, but an older superblock or reader may still name them: the generation that dropped them, and the extent.
    pending: Vec<(Generation, ByteRange)>,
    /// First byte behind every extent ever handed out.
    end: u64,
}

/// Length of an extent as it lies in the file.
pub(crate) fn aligned(len: u64) -> u64 {
    len.next_multiple_of(ALIGNMENT)
}

impl Space {
    /// Space of a file in which exactly `used` is in use. What lies between becomes free at once, or, when `quarantine`
    /// is given, is treated as freed by that generation (an unknown reader may hold a pin on older extents).
    pub(crate) fn new(mut used: Vec<ByteRange>, quarantine: Option<Generation>) -> Self {
        used.sort_unstable();
        let mut it = Self { end: HEADER_AREA_LEN, ..Self::default() };
        for range in used {
            if range.offset > it.end {
                let gap = ByteRange::new(it.end, range.offset - it.end);
                match quarantine {
                    Some(generation) => it.pending.push((generation, gap)),
                    None => it.insert(gap),
                }
            }
            it.end = it.end.max(range.offset + aligned(range.len));
        }
        it
    }

    /// Hands out an extent of `len` bytes: the first free one that fits, so that the end of the file empties, or new space
    /// at the end.
    pub(crate) fn allocate(&mut self, len: u64) -> u64 {
        let len = aligned(len.max(1));
        self.take(len, u64::MAX).unwrap_or_else(|| self.allocate_at_end(len))
    }

    /// Hands out new space at the end.
    pub(crate) fn allocate_at_end(&mut self, len: u64) -> u64 {
        let offset = self.end;
        self.end += aligned(len.max(1));
        offset
    }

    /// Hands out a free extent that ends at or before `limit`.
    pub(crate) fn allocate_below(&mut self, len: u64, limit: u64) -> Option<u64> {
        self.take(aligned(len.max(1)), limit)
    }

    fn take(&mut self, len: u64, limit: u64) -> Option<u64> {
        let fits = |&(&offset, &free): &(&u64, &u64)| free >= len && offset.saturating_add(len) <= limit;
        let (&offset, &free) = self.free.iter().find(fits)?;
        self.free.remove(&offset);
        if free > len {
            self.free.insert(offset + len, free - len);
        }
        Some(offset)
    }

    /// Notes that `generation` no longer names `extent`.
    pub(crate) fn release(&mut self, generation: Generation, extent: ByteRange) {
        self.pending.push((generation, ByteRange::new(extent.offset, aligned(extent.len))));
    }

    /// Where the first free extent lies.
    pub(crate) fn first_free(&self) -> Option<u64> {
        self.free.first_key_value().map(|(&offset, _)| offset)
    }

    /// Hands out nothing before `end`.
    pub(crate) fn reserve_to(&mut self, end: u64) {
        self.end = self.end.max(aligned(end));
    }

    /// Takes an extent that a commit in the log names, and no catalog as yet, out of what is handed out.
    pub(crate) fn occupy(&mut self, extent: ByteRange) {
        let (start, end) = (extent.offset, extent.offset.saturating_add(aligned(extent.len)));
        if start > self.end {
            let gap = ByteRange::new(self.end, start - self.end);
            self.end = start;
            self.insert(gap);
        }
        self.end = self.end.max(end);
        let meets = |offset: u64, len: u64| offset < end && start < offset.saturating_add(len);
        let rest = |offset: u64, len: u64| {
            let sides = [(offset, start), (end, offset.saturating_add(len))];
            sides.into_iter().filter(|(from, to)| from < to).map(|(from, to)| ByteRange::new(from, to - from))
        };
        let free: Vec<(u64, u64)> =
            self.free.iter().map(|(&o, &l)| (o, l)).filter(|&(o, l)| meets(o, l)).collect();
        for (offset, len) in free {
            self.free.remove(&offset);
            rest(offset, len).for_each(|range| self.insert(range));
        }
        let pending = core::mem::take(&mut self.pending);
        for (generation, range) in pending {
            match meets(range.offset, range.len) {
                true => self.pending.extend(rest(range.offset, range.len).map(|range| (generation, range))),
                false => self.pending.push((generation, range)),
            }
        }
    }

    /// Gives back an extent that no superblock ever named.
    pub(crate) fn abandon(&mut self, extent: ByteRange) {
        self.insert(ByteRange::new(extent.offset, aligned(extent.len)));
    }

    /// Makes pending extents free that neither a slot (the older one holds `oldest_slot`) nor a pin can name. Returns
    /// what became free, so that hosts can forget their maps of it.
    pub(crate) fn reclaim(
        &mut self,
        oldest_slot: Generation,
        oldest_pin: Option<Generation>,
    ) -> Vec<ByteRange> {
        let oldest = oldest_pin.map_or(oldest_slot, |pin| pin.min(oldest_slot));
        let (ready, waiting) =
            core::mem::take(&mut self.pending).into_iter().partition(|&(freed, _)| freed <= oldest);
        self.pending = waiting;
        let ready: Vec<ByteRange> =
            ready.into_iter().map(|(_, range): (Generation, ByteRange)| range).collect();
        ready.iter().for_each(|&range| self.insert(range));
        ready
    }

    /// Cuts free space off the end; the new end if it moved.
    pub(crate) fn shrink(&mut self) -> Option<u64> {
        let (&offset, &len) = self.free.last_key_value()?;
        if offset + len != self.end {
            return None;
        }
        self.free.remove(&offset);
        self.end = offset;
        Some(offset)
    }

    /// First byte behind every extent.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that can be handed out without growing the file, and bytes that wait for older readers or slots.
    pub(crate) fn free_and_pending(&self) -> (u64, u64) {
        (self.free.values().sum(), self.pending.iter().map(|(_, range)| range.len).sum())
    }

    fn insert(&mut self, range: ByteRange) {
        let (mut offset, mut len) = (range.offset, range.len);
        if let Some((&before, &before_len)) = self.free.range(..offset).next_back()
            && before + before_len == offset
        {
            self.free.remove(&before);
            (offset, len) = (before, before_len + len);
        }
        if let Some(after_len) = self.free.remove(&(offset + len)) {
            len += after_len;
        }
        self.free.insert(offset, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = ALIGNMENT;

    #[test]
    fn a_freed_extent_waits_for_slots_and_pins() {
        let mut space = Space::new(Vec::new(), None);
        let first = space.allocate(PAGE);
        space.release(5, ByteRange::new(first, PAGE));
        space.reclaim(4, None);
        assert_ne!(space.allocate(PAGE), first, "the older slot still names it");
        space.reclaim(5, Some(4));
        assert_ne!(space.allocate(PAGE), first, "a reader still names it");
        space.reclaim(5, Some(5));
        assert_eq!(space.allocate(PAGE), first);
    }

    #[test]
    fn neighbours_join_and_the_end_shrinks() {
        let mut space = Space::new(Vec::new(), None);
        let [a, b, c] = [0; 3].map(|_| space.allocate(PAGE));
        for offset in [a, c, b] {
            space.abandon(ByteRange::new(offset, PAGE));
        }
        assert_eq!(space.allocate(3 * PAGE), a);
        space.abandon(ByteRange::new(a, 3 * PAGE));
        assert_eq!(space.shrink(), Some(HEADER_AREA_LEN));
        assert_eq!(space.shrink(), None);
    }

    #[test]
    fn an_extent_that_only_the_log_names_is_not_handed_out() {
        let used = alloc::vec![ByteRange::new(HEADER_AREA_LEN + 3 * PAGE, PAGE)];
        let at = |pages: u64| HEADER_AREA_LEN + pages * PAGE;
        let mut space = Space::new(used.clone(), None);
        space.occupy(ByteRange::new(at(1), 10));
        space.occupy(ByteRange::new(at(6), 2 * PAGE));
        assert_eq!(space.end(), at(8));
        let handed: Vec<u64> = (0..5).map(|_| space.allocate(PAGE)).collect();
        assert_eq!(handed, [at(0), at(2), at(4), at(5), at(8)]);
        let mut space = Space::new(used, Some(7));
        space.occupy(ByteRange::new(at(1), PAGE));
        space.reclaim(7, None);
        assert_eq!([space.allocate(PAGE), space.allocate(PAGE), space.allocate(PAGE)], [at(0), at(2), at(4)]);
    }

    #[test]
    fn gaps_found_at_open_are_free_unless_an_unknown_reader_may_hold_them() {
        let used = alloc::vec![ByteRange::new(HEADER_AREA_LEN + PAGE, 10)];
        assert_eq!(Space::new(used.clone(), None).allocate(1), HEADER_AREA_LEN);
        let mut space = Space::new(used, Some(7));
        assert_eq!(space.allocate(1), HEADER_AREA_LEN + 2 * PAGE);
        space.reclaim(7, None);
        assert_eq!(space.allocate(1), HEADER_AREA_LEN);
    }
}
