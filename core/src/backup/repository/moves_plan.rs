//! Moves plan: the needed segments of objects that are mostly dead, in one new container.
//!
//! The new record is complete: it repeats the places of the record before it that a point still needs. Only once it is there
//! may a prune condemn the old objects. Records of points are not touched.
use super::claim::JobId;
use super::container::{ObjectRange, PointPiece};
use super::gathered::GatheredFile;
use super::ground::MoveTable;
use super::list::LocatedSegment;
use super::list_page::{ListPageRef, NewPage, write_list};
use super::moves_record::MovesRecord;
use super::name::{CHANGES_FILE_NAME, Entry};
use super::point_record::PointRecord;
use super::record::EntryRecord;
use crate::backup::FileRecord;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::format::{LogStart, Role};
use crate::ids::Hash;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A consolidation, decided.
#[derive(Clone, Debug)]
pub struct MovesPlan {
    /// Its number and name.
    pub entry: Entry,
    /// Pages of the new places.
    pub pages: Vec<NewPage>,
    gathered: GatheredFile,
    vacated: BTreeSet<Entry>,
    containers: BTreeSet<Entry>,
    segments: Vec<ListPageRef>,
}

impl MovesPlan {
    /// Moves what is needed out of the containers of `vacate`. `needed` are the segments of every point that no mark condemns, each
    /// as its list says, read when every claim below `entry` was closed; `newest` is any of the points, for the identity; `before` is the newest record of moves below `entry`.
    pub fn new(
        entry: Entry,
        vacate: &BTreeSet<Entry>,
        needed: impl IntoIterator<Item = LocatedSegment>,
        newest: &PointRecord,
        before: &MoveTable,
    ) -> Result<Self> {
        let mut places: BTreeMap<Hash, LocatedSegment> = BTreeMap::new();
        let mut moved: BTreeMap<Hash, LocatedSegment> = BTreeMap::new();
        let mut vacated = vacate.clone();
        for listed in needed {
            let (segment, identity) = (before.locate(&listed)?, listed.entry.summary.identity);
            if segment.home != listed.home {
                // It was moved before: its place is repeated, or is a new one.
                vacated.insert(listed.home);
                places.insert(identity, segment);
            }
            if vacate.contains(&segment.home) {
                moved.insert(identity, segment);
            }
        }
        if moved.is_empty() {
            return Err(Error::invalid(
                "nothing that is needed lies in these objects: there is nothing to move",
            ));
        }
        let mut catalog = Catalog::empty(LogStart::None, Arc::new(newest.policy()));
        catalog.position = newest.checkpoint;
        let from: Vec<LocatedSegment> = moved.into_values().collect();
        // Segments of many points may overlap in LSN, and are no catalog together: the container lists none.
        let gathered = GatheredFile::unlisted(Role::Changes, &newest.identity(), &catalog, from)?;
        for entry_here in &gathered.file.segments {
            let place = LocatedSegment { entry: *entry_here, home: entry };
            places.insert(entry_here.summary.identity, place);
        }
        let containers = places.values().map(|place| place.home).collect();
        let mut items: Vec<LocatedSegment> = places.into_values().collect();
        items.sort_by_key(LocatedSegment::order);
        let mut pages = Vec::new();
        let segments = write_list(&items, entry, &[], &mut pages)?;
        Ok(Self { entry, pages, gathered, vacated, containers, segments })
    }

    /// The new `changes.db` from its first byte to its last.
    pub fn pieces(&self) -> impl Iterator<Item = PointPiece<'_>> {
        self.gathered.pieces()
    }

    /// Its bytes.
    pub fn file_len(&self) -> u64 {
        self.gathered.file.file_len
    }

    /// What is copied, by object.
    pub fn copies(&self) -> Vec<(ObjectRange, u64)> {
        self.gathered.copies()
    }

    /// The record, once the container is where it belongs, with this hash.
    pub fn record(&self, job: JobId, created_ns: i64, blake3: Hash) -> EntryRecord {
        EntryRecord::Moves(MovesRecord {
            entry: self.entry,
            job,
            created_ns,
            file: FileRecord { name: CHANGES_FILE_NAME.into(), len: self.file_len(), blake3 },
            vacated: self.vacated.iter().copied().collect(),
            containers: self.containers.iter().copied().collect(),
            segments: self.segments.clone(),
        })
    }
}
