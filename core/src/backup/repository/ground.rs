//! Ground: what of a repository a new point may refer to, and where segments lie that were moved.
use super::continuation::Continuation;
use super::list::{LocatedSegment, PointLists};
use super::moves_record::MovesRecord;
use super::name::{Entry, ObjectName};
use super::point_record::PointRecord;
use super::prune_record::PruneRecord;
use crate::engine::Snapshot;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::ids::Hash;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// What marks condemn: nobody begins to refer to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Condemned {
    /// Entries whose records go.
    pub entries: BTreeSet<Entry>,
    /// Objects that go.
    pub objects: BTreeSet<ObjectName>,
}

impl Condemned {
    /// By any of these marks.
    pub fn by<'a>(marks: impl IntoIterator<Item = &'a PruneRecord>) -> Self {
        let mut condemned = Self::default();
        for mark in marks {
            condemned.entries.extend(mark.condemned_entries.iter().copied());
            condemned.objects.extend(mark.condemned_objects.iter().copied());
        }
        condemned
    }

    /// Takes off what `points` need, and all that the points so spared need; `needs` says what a point needs, `all` are
    /// those that may be spared.
    pub(super) fn spare<'a>(
        &mut self,
        points: Vec<&'a PointRecord>,
        all: &BTreeMap<Entry, &'a PointRecord>,
        needs: impl Fn(&PointRecord) -> BTreeSet<ObjectName>,
    ) {
        let mut spare = points;
        while let Some(point) = spare.pop() {
            for name in needs(point) {
                if self.objects.remove(&name) && self.entries.remove(&name.entry) {
                    spare.extend(all.get(&name.entry));
                }
            }
        }
    }

    /// True of an object that a new record may name.
    pub fn spares(&self, name: &ObjectName) -> bool {
        !self.objects.contains(name)
    }
}

/// New places of segments, from the newest record of moves.
#[derive(Clone, Debug, Default)]
pub struct MoveTable {
    vacated: BTreeSet<Entry>,
    places: BTreeMap<Hash, LocatedSegment>,
}

impl MoveTable {
    /// Of `record`, whose pages hold `segments`.
    pub fn new(record: &MovesRecord, segments: impl IntoIterator<Item = LocatedSegment>) -> Self {
        let places = segments.into_iter().map(|segment| (segment.entry.summary.identity, segment));
        Self { vacated: record.vacated.iter().copied().collect(), places: places.collect() }
    }

    /// True when a segment was moved to the container of this entry.
    pub fn is_to(&self, home: Entry) -> bool {
        self.places.values().any(|place| place.home == home)
    }

    /// Where a segment lies that a list says to lie at `listed`.
    pub fn locate(&self, listed: &LocatedSegment) -> Result<LocatedSegment> {
        if !self.vacated.contains(&listed.home) {
            return Ok(*listed);
        }
        match self.places.get(&listed.entry.summary.identity) {
            Some(place) if place.entry.summary == listed.entry.summary => {
                let entry = crate::format::SegmentEntry { offset: place.entry.offset, ..listed.entry };
                Ok(LocatedSegment { entry, home: place.home })
            }
            _ => Err(Error::damaged(alloc::format!(
                "segment {} was moved out of {}, and the record of moves does not say where to; run backup repair",
                listed.entry.summary.identity,
                listed.home.container()
            ))),
        }
    }

    /// Every place it names.
    pub fn places(&self) -> impl Iterator<Item = &LocatedSegment> {
        self.places.values()
    }
}

/// The point that a delta continues, with its lists read.
#[derive(Clone, Debug)]
pub struct PreviousState {
    /// Its record.
    pub record: PointRecord,
    /// Its lists.
    pub lists: PointLists,
}

/// What a plan stands on.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// What the new point continues; none for a base.
    pub previous: Option<PreviousState>,
    /// Epochs before the database's parent, from the records; needed only for the first point after several restores
    /// ([`super::Timeline::ancestry`]).
    pub ancestry: Vec<EpochParent>,
    /// What the marks between that point and the new number condemn.
    pub condemned: Condemned,
    /// From the newest record of moves below the new number.
    pub moves: MoveTable,
}

impl Ground {
    /// How the database stands to the previous point.
    pub(super) fn continuation(&self, snapshot: &Snapshot, previous: &PreviousState) -> Result<Continuation> {
        Continuation::of(&snapshot.identity, &snapshot.position, &previous.record, &self.ancestry)
    }

    /// Segments that the new point may refer to, by identity, each where it lies.
    pub(super) fn held(&self) -> Result<BTreeMap<Hash, LocatedSegment>> {
        let mut held = BTreeMap::new();
        for listed in self.previous.iter().flat_map(|previous| &previous.lists.segments) {
            let place = self.moves.locate(listed)?;
            if self.condemned.spares(&place.home.container()) {
                held.insert(listed.entry.summary.identity, place);
            }
        }
        Ok(held)
    }

    /// True when nothing that the previous point names is condemned or moved: its lists can be named as they are.
    pub(super) fn is_untouched(&self, previous: &PreviousState) -> bool {
        let record = &previous.record;
        let pages: Vec<ObjectName> = record.lists.iter().map(|(_, page)| page.name()).collect();
        let logs = record.replay.iter().map(|log| log.name());
        let homes = || previous.lists.segments.iter().map(|segment| segment.home);
        pages
            .into_iter()
            .chain(logs)
            .chain(homes().map(Entry::container))
            .all(|name| self.condemned.spares(&name))
            && homes().all(|home| !self.moves.vacated.contains(&home))
    }
}
