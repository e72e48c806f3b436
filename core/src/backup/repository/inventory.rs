//! Inventory: every record of a repository together, and what objects there must be.
//!
//! It is the state that prune, repair and verify plan from. It knows objects from records, never from a listing.
use super::ground::{Condemned, MoveTable};
use super::list::{KeptContainer, KeptObject};
use super::list_page::ListPageRef;
use super::log_object::LogObject;
use super::moves_record::MovesRecord;
use super::name::{Entry, EntryKind, ObjectFile, ObjectName, PointNumber};
use super::point_record::PointRecord;
use super::prune_record::PruneRecord;
use super::record::EntryRecord;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::ids::Hash;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// A claimed number: the name that its claim gives it, and its record, if it has one.
pub type Claimed = (Entry, Option<Result<EntryRecord>>);

/// All records.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    records: BTreeMap<Entry, EntryRecord>,
    damaged: Vec<(Entry, Error)>,
    /// Claims without a record.
    open: BTreeSet<Entry>,
    condemned: Condemned,
    kept: Vec<KeptObject>,
    moves: MoveTable,
}

impl Inventory {
    /// Of every claimed number, in any order.
    pub fn new(claimed: impl IntoIterator<Item = Claimed>) -> Self {
        let mut it = Self::default();
        for (entry, record) in claimed {
            match record {
                Some(Ok(record)) => drop(it.records.insert(entry, record)),
                Some(Err(error)) => it.damaged.push((entry, error)),
                None => drop(it.open.insert(entry)),
            }
        }
        it.damaged.sort_unstable_by_key(|(entry, _)| *entry);
        it.condemned = it.newest_prune().map(|mark| it.effect_of(mark)).unwrap_or_default();
        it
    }

    /// What a mark condemns, without what points below it need that its plan did not know. Final once every claim below
    /// the mark is closed.
    pub fn effect_of(&self, mark: &PruneRecord) -> Condemned {
        let mut condemned = Condemned::by([mark]);
        let all: BTreeMap<Entry, &PointRecord> = self
            .records
            .values()
            .filter_map(EntryRecord::as_point)
            .map(|point| (point.entry, point))
            .collect();
        let below = all.values().filter(|point| point.number() < mark.entry.number);
        let stay = below.filter(|point| !condemned.entries.contains(&point.entry)).copied().collect();
        condemned.spare(stay, &all, |point| self.needs(point));
        condemned
    }

    /// Every object that a point needs: pages, log objects and containers, moved ones where they are now.
    pub fn needs(&self, point: &PointRecord) -> BTreeSet<ObjectName> {
        let pages = point.lists.iter().map(|(_, page)| page.name());
        let mut objects: BTreeSet<ObjectName> =
            pages.chain(point.replay.iter().map(|log| log.name())).collect();
        if point.entry.kind == EntryKind::Base {
            // A base opens by hand: its files stay as long as its record does.
            objects.extend(point.brought().map(|(name, _)| name));
        }
        let moves = self.newest_moves();
        for home in &point.containers {
            match moves.filter(|moves| moves.vacated.binary_search(home).is_ok()) {
                None => drop(objects.insert(home.container())),
                Some(moves) => {
                    objects.extend(moves.containers.iter().map(|home| home.container()));
                    objects.extend(moves.segments.iter().map(|page| page.name()));
                }
            }
        }
        objects
    }

    /// With what the pages of [`Inventory::newest_prune`] and of [`Inventory::newest_moves`] list.
    #[must_use]
    pub fn with_pages(mut self, kept: Vec<KeptObject>, moves: MoveTable) -> Self {
        self.kept = kept;
        self.moves = moves;
        self
    }

    /// Every base and delta whose record is there and not condemned, in order of number.
    pub fn points(&self) -> impl Iterator<Item = &PointRecord> {
        let stays = |point: &&PointRecord| !self.condemned.entries.contains(&point.entry);
        self.records.values().filter_map(EntryRecord::as_point).filter(stays)
    }

    /// Records that can't be read.
    pub fn damaged(&self) -> &[(Entry, Error)] {
        &self.damaged
    }

    /// The newest mark: it repeats what earlier ones still have to say.
    pub fn newest_prune(&self) -> Option<&PruneRecord> {
        self.records.values().rev().find_map(|record| match record {
            EntryRecord::Prune(record) => Some(record),
            _ => None,
        })
    }

    /// The newest moves, complete too.
    pub fn newest_moves(&self) -> Option<&MovesRecord> {
        self.records.values().rev().find_map(|record| match record {
            EntryRecord::Moves(record) => Some(record),
            _ => None,
        })
    }

    /// Where moved segments lie.
    pub fn moves(&self) -> &MoveTable {
        &self.moves
    }

    /// What the newest mark condemns: see [`Inventory::effect_of`].
    pub fn condemned(&self) -> &Condemned {
        &self.condemned
    }

    /// True when there is a record of this entry, of whatever kind.
    pub fn has(&self, entry: Entry) -> bool {
        self.records.contains_key(&entry)
    }

    /// Claims without a record that no prune took: jobs at work, or dead ones.
    pub fn unfinished(&self) -> Vec<PointNumber> {
        let mark = self.newest_prune();
        let settled = mark.map_or(0, |mark| mark.settled_below);
        let pruned = |entry: &Entry| {
            entry.number < settled
                || mark.is_some_and(|mark| mark.condemned_entries.binary_search(entry).is_ok())
        };
        self.open.iter().filter(|entry| !pruned(entry)).map(|entry| entry.number).collect()
    }

    /// Before a mark is written under `number`, of an inventory that was read anew after the claim: prunes that `planned`, the
    /// inventory of the plan, does not know. Close by a void those that have no mark. Where one has, the plan is of the
    /// past: close `number` by a void and begin again.
    pub fn prunes_unknown_to(&self, planned: &Self, number: PointNumber) -> (Vec<Entry>, Vec<Entry>) {
        let unfinished = self.unfinished();
        let is_other = |entry: &&Entry| entry.kind == EntryKind::Prune && entry.number < number;
        let open = self.open.iter().filter(is_other).filter(|entry| unfinished.contains(&entry.number));
        let marked = self.records.iter().filter(|(entry, record)| {
            is_other(entry) && matches!(record, EntryRecord::Prune(_)) && !planned.has(**entry)
        });
        (open.copied().collect(), marked.map(|(entry, _)| *entry).collect())
    }

    /// Below this number every claim is closed: what has no record there was pruned.
    pub fn settled_below(&self) -> PointNumber {
        let claimed = self.records.keys().chain(&self.open).map(|entry| entry.number + 1).max().unwrap_or(0);
        let damaged = self.damaged.iter().map(|(entry, _)| entry.number).min();
        self.unfinished().first().copied().into_iter().chain(damaged).min().unwrap_or(claimed)
    }

    /// Marks and moves that later ones stand for.
    pub(super) fn superseded(&self) -> BTreeSet<Entry> {
        // The next mark stands for every one before it.
        let newest = self.newest_moves().map(|moves| moves.entry);
        self.records
            .keys()
            .filter(|entry| {
                matches!(entry.kind, EntryKind::Prune | EntryKind::Moves) && newest != Some(**entry)
            })
            .filter(|entry| !matches!(self.records.get(entry), Some(EntryRecord::Void(_))))
            .copied()
            .collect()
    }

    /// Every object that a record says to be there, with its length and hash where it is no page.
    pub fn objects(&self) -> BTreeMap<ObjectName, Option<KeptObject>> {
        let mut objects: BTreeMap<ObjectName, Option<KeptObject>> = BTreeMap::new();
        for object in &self.kept {
            objects.insert(object.name(), Some(*object));
        }
        let container = |home: Entry, file: &crate::backup::FileRecord| {
            KeptObject::Container(KeptContainer { home, len: file.len, blake3: file.blake3 })
        };
        for record in self.records.values() {
            match record {
                EntryRecord::Point(point) => {
                    for (name, file) in point.brought() {
                        let object = match name.file {
                            ObjectFile::Log(_) => point.log.map(KeptObject::Log),
                            _ => Some(container(point.entry, file)),
                        };
                        objects.insert(name, object);
                    }
                    objects.extend(point.replay.iter().map(|log| (log.name(), Some(KeptObject::Log(*log)))));
                    objects.extend(point.lists.iter().map(|(_, page)| (page.name(), None)));
                }
                EntryRecord::Moves(moves) => {
                    objects.insert(moves.entry.container(), Some(container(moves.entry, &moves.file)));
                    objects.extend(moves.segments.iter().map(|page| (page.name(), None)));
                }
                EntryRecord::Prune(mark) => objects.extend(mark.kept.iter().map(|page| (page.name(), None))),
                EntryRecord::Void(_) => {}
            }
        }
        objects
    }

    /// What records of points say of the files that the points brought, an empty log included.
    pub(super) fn brought(&self) -> impl Iterator<Item = (ObjectName, (u64, Hash))> {
        let points = self.records.values().filter_map(EntryRecord::as_point);
        points.flat_map(|point| point.brought().map(|(name, file)| (name, (file.len, file.blake3))))
    }

    /// How many bytes each of these objects has, pages included.
    pub fn lens(&self) -> BTreeMap<ObjectName, u64> {
        let mut lens: BTreeMap<ObjectName, u64> = self
            .objects()
            .into_iter()
            .filter_map(|(name, object)| Some((name, object?.content().0)))
            .collect();
        for record in self.records.values() {
            if let EntryRecord::Point(point) = record {
                // The log of a base is an object also when it holds no commit.
                lens.extend(point.brought().map(|(name, file)| (name, file.len)));
            }
        }
        lens.extend(self.pages().map(|page| (page.name(), u64::from(page.len))));
        lens
    }

    /// Every page that a record names.
    pub(super) fn pages(&self) -> impl Iterator<Item = &ListPageRef> {
        self.records.values().flat_map(|record| -> Vec<&ListPageRef> {
            match record {
                EntryRecord::Point(point) => point.lists.iter().map(|(_, page)| page).collect(),
                EntryRecord::Moves(moves) => moves.segments.iter().collect(),
                EntryRecord::Prune(mark) => mark.kept.iter().collect(),
                EntryRecord::Void(_) => Vec::new(),
            }
        })
    }

    /// Claims without a record that must have had one: records of points name them, or `hinted` does, which are entries that
    /// a hint knows to be points. Their records are lost; a claim that nobody names is of a job at work, or of a dead one.
    pub fn lost(&self, hinted: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
        let mut named: BTreeSet<Entry> = hinted.into_iter().collect();
        for point in self.records.values().filter_map(EntryRecord::as_point) {
            named.extend(point.previous.map(|previous| previous.entry));
            named.extend(point.containers.iter().copied());
            named.extend(point.replay.iter().map(|log| log.home));
            named.extend(point.lists.iter().map(|(_, page)| page.home));
        }
        let unfinished = self.unfinished();
        let is_lost = |entry: &&Entry| named.contains(entry) && unfinished.contains(&entry.number);
        self.open.iter().filter(is_lost).copied().collect()
    }

    /// Every log object that a record names.
    pub(super) fn logs(&self) -> impl Iterator<Item = &LogObject> {
        let kept = self.kept.iter().filter_map(|object| match object {
            KeptObject::Log(log) => Some(log),
            KeptObject::Container(_) => None,
        });
        let points = self.records.values().filter_map(EntryRecord::as_point);
        points.flat_map(|point| point.replay.iter().chain(&point.log)).chain(kept)
    }

    /// Epochs before `parent`, as far as records tell.
    pub(super) fn ancestry(&self, parent: Option<EpochParent>) -> Vec<EpochParent> {
        let (mut found, mut next, mut seen) = (Vec::new(), parent, BTreeSet::new());
        while let Some(left) = next.filter(|left| seen.insert(left.epoch)) {
            let of = |point: &&PointRecord| point.point.epoch == left.epoch;
            next =
                self.records.values().filter_map(EntryRecord::as_point).find(of).and_then(|p| p.point.parent);
            found.extend(next);
        }
        found
    }
}
