//! Memo: where an open database keeps a series, remembered by a handle that the host gave out.
use core::sync::atomic::{AtomicU32, Ordering};

/// Where one open database keeps a series. It is read and written only under that database's own lock, and means nothing
/// to another one; atomics make it shareable, not concurrent.
#[derive(Debug)]
pub struct SeriesMemo {
    /// The database that may use it.
    owner: u64,
    /// State of its dictionary that the slot is of.
    revision: AtomicU32,
    slot: AtomicU32,
}

impl SeriesMemo {
    /// A memo for the database of this number, which is random for each opening. It knows nothing yet.
    pub fn new(owner: u64) -> Self {
        Self { owner, revision: AtomicU32::new(0), slot: AtomicU32::new(u32::MAX) }
    }

    /// A memo for another series of the same database, which knows nothing yet.
    pub fn another(&self) -> Self {
        Self::new(self.owner)
    }

    /// What the database `owner` noted, if it is of this state of its dictionary.
    #[inline]
    pub(crate) fn slot(&self, owner: u64, revision: u32) -> Option<u32> {
        let current = self.owner == owner && self.revision.load(Ordering::Relaxed) == revision;
        current.then(|| self.slot.load(Ordering::Relaxed))
    }

    /// Takes note of a slot; of another database's nothing.
    pub(crate) fn note(&self, owner: u64, revision: u32, slot: u32) {
        if self.owner == owner {
            self.slot.store(slot, Ordering::Relaxed);
            self.revision.store(revision, Ordering::Relaxed);
        }
    }
}
