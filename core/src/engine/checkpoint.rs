//! Checkpoint: publishing a new catalog, and what may be dropped once it is on the medium.
//!
//! Order of effects: log synced, pages written, data synced, superblock slot written, data synced. A crash before the slot
//! is whole leaves the older catalog and all that it names; replay then starts earlier.
use super::log_hold::DroppedLogs;
use super::{Effect, Engine, LogGap};
use crate::catalog::{Catalog, StoredPolicy, check};
use crate::error::Result;
use crate::format::{
    CatalogRoot, Features, LogStart, Policies, Role, SegmentEntry, SegmentKind, Superblock, Tombstone,
    encode_slot,
};
use crate::head::Position;
use crate::ids::{Generation, Lsn};
use crate::source::ByteRange;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Effects that make a catalog what the next open finds.
#[derive(Debug)]
#[must_use = "the catalog is only on the medium when the effects are done and the checkpoint is finished"]
pub struct Checkpoint {
    /// What to do, in order.
    pub effects: Vec<Effect>,
    /// The generation it writes.
    pub generation: Generation,
}

/// What follows a finished checkpoint.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// What to do, in order. None of it is needed for safety.
    pub effects: Vec<Effect>,
    /// Extents that may be handed out again: forget maps of them.
    pub freed: Vec<ByteRange>,
    /// Commits that a backup held ([`Engine::hold_log`]) and whose log files go: commit [`Engine::prepare_gap`] before the
    /// effects, so that the log itself says what it lost.
    pub gap: Option<LogGap>,
}

/// A change to the catalog.
pub(super) struct Edit {
    pub(super) position: Position,
    pub(super) log: LogStart,
    pub(super) removed: Vec<SegmentEntry>,
    pub(super) added: Vec<SegmentEntry>,
    pub(super) tombstones: Vec<Tombstone>,
    pub(super) metrics: Vec<String>,
    /// Write every page anew, those that did not change too.
    pub(super) all_pages: bool,
    /// As of the position; `None` when it is the same as before.
    pub(super) policy: Option<Arc<StoredPolicy>>,
}

impl Engine {
    /// Makes the catalog that an edit leads to visible, and lists the effects that store it.
    pub(super) fn publish(&mut self, edit: Edit) -> Result<Checkpoint> {
        let generation = self.catalog.generation + 1;
        let mut next = Catalog::clone(&self.catalog);
        next.generation = generation;
        next.position = edit.position;
        next.log = edit.log;
        next.policy = edit.policy.unwrap_or(next.policy);
        let gone = |entry: &SegmentEntry| edit.removed.iter().any(|removed| removed.offset == entry.offset);
        let mut freed: Vec<ByteRange> = edit.removed.iter().map(SegmentEntry::extent).collect();
        let mut pages = next.segments.edit(gone, edit.added);
        let settled: Vec<SegmentEntry> = next.point_segments().copied().collect();
        let fulfilled = |tombstone: &Tombstone| !settled.iter().any(|entry| applies(tombstone, entry));
        let fresh = edit.tombstones.into_iter().filter(|tombstone| !fulfilled(tombstone)).collect();
        pages.extend(next.tombstones.edit(fulfilled, fresh));
        pages.extend(next.metrics.edit(|_| false, edit.metrics));
        if edit.all_pages {
            pages.extend(next.forget_pages());
        }
        freed.extend(pages.iter().map(|page| page.extent()));

        let mut effects = Vec::new();
        if let Some(file) = self.log.file {
            effects.push(Effect::SyncLog { first_lsn: file.first_lsn });
        }
        next.store_pages(|bytes| {
            let offset = self.space.allocate(bytes.len() as u64);
            effects.push(Effect::WriteData { offset, bytes });
            offset
        })?;
        check(&next)?;
        freed.into_iter().for_each(|extent| self.space.release(generation, extent));

        // Deletions that no stored or frozen point can be meant by are done with.
        let position = next.position.lsn;
        let frozen = !self.frozen.is_empty();
        let kept: Vec<Tombstone> =
            self.tombstones.iter().filter(|t| t.lsn > position || frozen).cloned().collect();
        let stored = next.tombstones.iter().filter(|t| !kept.iter().any(|k| k.lsn == t.lsn)).cloned();
        self.tombstones = Arc::new(stored.chain(kept.iter().cloned()).collect());
        self.catalog = Arc::new(next);
        self.log_starts.push((generation, self.catalog.log));
        effects.extend(self.write_superblock()?);
        Ok(Checkpoint { effects, generation })
    }

    /// Publishes other segments for the same commits; `all_pages` writes every catalog page anew.
    pub(super) fn replace(
        &mut self,
        removed: Vec<SegmentEntry>,
        added: Vec<SegmentEntry>,
        all_pages: bool,
    ) -> Result<Checkpoint> {
        let (position, log) = (self.catalog.position, self.catalog.log);
        self.publish(Edit {
            position,
            log,
            removed,
            added,
            tombstones: Vec::new(),
            metrics: Vec::new(),
            all_pages,
            policy: None,
        })
    }

    /// The effects that store the superblock of the current catalog, whose pages are written.
    pub(super) fn write_superblock(&self) -> Result<[Effect; 3]> {
        let superblock = superblock(&self.identity, &self.catalog, self.log.durable);
        let bytes = encode_slot(&superblock)?;
        let slot = (self.catalog.generation % 2) as u8;
        Ok([Effect::SyncData, Effect::WriteSlot { slot, bytes }, Effect::SyncData])
    }

    /// Stores, in a superblock that differs in nothing else, how far the log is durable: a later opening then tells a log that
    /// lost commits from one that was never longer. For closing, after the log was synced.
    pub fn seal_log(&mut self) -> Result<Checkpoint> {
        let mut next = Catalog::clone(&self.catalog);
        next.generation += 1;
        let generation = next.generation;
        self.log_starts.push((generation, next.log));
        self.catalog = Arc::new(next);
        Ok(Checkpoint { effects: Vec::from(self.write_superblock()?), generation })
    }

    /// Takes note that a checkpoint is on the medium. `foreign_pins` are the generations that other processes pin.
    pub fn finish_checkpoint(&mut self, checkpoint: &Checkpoint, foreign_pins: &[Generation]) -> Aftermath {
        let mut aftermath = self.tidy(checkpoint.generation, foreign_pins);
        if let Some(len) = self.space.shrink() {
            aftermath.effects.push(Effect::TruncateData { len });
        }
        aftermath
    }

    fn tidy(&mut self, generation: Generation, foreign_pins: &[Generation]) -> Aftermath {
        let (own_pin, own_log) = self.pins.oldest();
        let foreign = foreign_pins.iter().copied().min();
        let oldest_pin = own_pin.into_iter().chain(foreign).min();
        let oldest_slot = generation.saturating_sub(1);
        let freed = self.space.reclaim(oldest_slot, oldest_pin);

        // Replay from the older slot must stay possible too: a crash may tear the newer one.
        let oldest = oldest_pin.map_or(oldest_slot, |pin| pin.min(oldest_slot));
        let known = self.log_starts.iter().any(|&(generation, _)| generation <= oldest);
        let needed = self.log_starts.iter().filter(|&&(generation, _)| generation >= oldest || !known);
        let needed = needed.filter_map(|(_, start)| match start {
            LogStart::From { first_lsn, .. } => Some(*first_lsn),
            LogStart::None => None,
        });
        let first_needed = needed.chain(own_log).min();
        self.log_starts.retain(|&(generation, _)| generation >= oldest);
        let dropped = match first_needed {
            Some(first_needed) if known || foreign.is_none() => {
                self.log.drop_closed(first_needed, self.options.wal_keep_bytes)
            }
            _ => DroppedLogs::default(),
        };
        let effects = dropped.files.into_iter().map(|first_lsn| Effect::DropLog { first_lsn }).collect();
        Aftermath { effects, freed, gap: dropped.gap }
    }
}

/// True when `tombstone` can name points of `entry`.
pub(super) fn applies(tombstone: &Tombstone, entry: &SegmentEntry) -> bool {
    entry.kind == SegmentKind::Points
        && entry.summary.lsn_max < tombstone.lsn
        && entry.summary.time.overlaps(&tombstone.time)
        && tombstone.series.overlaps(entry.summary.series_min, entry.summary.series_max)
}

/// The superblock of a catalog.
pub(crate) fn superblock(identity: &super::Identity, catalog: &Catalog, durable: Lsn) -> Superblock {
    Superblock {
        role: Role::Database,
        features: Features::default(),
        generation: catalog.generation,
        lineage: identity.lineage,
        epoch: identity.epoch,
        root: CatalogRoot {
            parent: identity.parent,
            created_ns: identity.created_ns,
            settings: catalog.policy.settings,
            policies: Policies::clone(&catalog.policy.policies),
            policy_state: catalog.policy.state.clone(),
            lsn: catalog.position.lsn,
            commit_time_ns: catalog.position.commit_time_ns,
            chain: catalog.position.chain,
            // The log is synced before a superblock is written.
            durable_lsn: durable.max(catalog.position.lsn),
            log: catalog.log,
            file_len: catalog.file_len(),
            points_stored: catalog.points_stored(),
            series_count: catalog.series_stored(),
            metric_count: catalog.metrics.len() as u32,
            pages: catalog.page_refs().copied().collect(),
        },
    }
}
