//! Lists: what a point consists of, item by item, and how items are told apart and put in order.
//!
//! A list lies in pages ([`super::list_page`]). Its order and the places where it is cut follow from its items alone, so
//! that two points that share items share pages.
use super::name::{Entry, EntryKind, ObjectFile, ObjectName};
use crate::backup::packed_file::{SegmentOrder, segment_order};
use crate::error::{At, Error, Result};
use crate::format::{HEADER_AREA_LEN, NAME_LEN_MAX, SegmentEntry, Tombstone, check_extent};
use crate::ids::Hash;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What a list lists. The numbers are those in the bytes of its pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ListKind {
    /// 1: [`LocatedSegment`].
    Segments,
    /// 2: [`Tombstone`].
    Tombstones,
    /// 3: [`MetricName`].
    Metrics,
    /// 4: [`KeptObject`].
    Kept,
}

impl From<ListKind> for u32 {
    fn from(kind: ListKind) -> Self {
        match kind {
            ListKind::Segments => 1,
            ListKind::Tombstones => 2,
            ListKind::Metrics => 3,
            ListKind::Kept => 4,
        }
    }
}

/// An item of a list.
pub trait ListItem: Clone + Serialize + for<'de> Deserialize<'de> {
    /// Of which list.
    const KIND: ListKind;
    /// What must hold of every item, wherever it was read.
    fn check(&self) -> Result<()>;
    /// True where the content says that a page ends behind this item: about once in 256.
    fn ends_page(&self) -> bool;
    /// True when `next` may follow this item.
    fn may_precede(&self, next: &Self) -> bool;
}

/// A segment and the object that it lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LocatedSegment {
    /// The catalog's entry; its offset counts from the start of the object.
    pub entry: SegmentEntry,
    /// Whose container ([`Entry::container`]) it lies in.
    pub home: Entry,
}

impl LocatedSegment {
    /// What segments are sorted by: dictionary runs by their smallest LSN, then points by first timestamp and smallest
    /// series; so neighbours in time share a page, and a packed file is read front to back.
    pub(crate) fn order(&self) -> SegmentOrder {
        segment_order(&self.entry)
    }
}

impl ListItem for LocatedSegment {
    const KIND: ListKind = ListKind::Segments;

    fn check(&self) -> Result<()> {
        let place = || alloc::format!("segment {} in {}", self.entry.summary.identity, self.home.container());
        self.home.check().at(place)?;
        if self.home.kind == EntryKind::Prune {
            return Err(Error::damaged("no prune brings a segment").at(place()));
        }
        // The length of the object is not known here: only that there can be such a place.
        self.entry.check(u64::MAX).at(place)
    }

    fn ends_page(&self) -> bool {
        self.entry.summary.identity.0.first() == Some(&0)
    }

    fn may_precede(&self, next: &Self) -> bool {
        self.order() < next.order()
    }
}

impl ListItem for Tombstone {
    const KIND: ListKind = ListKind::Tombstones;

    fn check(&self) -> Result<()> {
        Tombstone::check(self)
    }

    fn ends_page(&self) -> bool {
        Hash::of(&self.lsn.to_le_bytes()).0.first() == Some(&0)
    }

    fn may_precede(&self, next: &Self) -> bool {
        self.lsn <= next.lsn
    }
}

/// The name of a metric; the first in a list has number 0.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricName(pub String);

impl ListItem for MetricName {
    const KIND: ListKind = ListKind::Metrics;

    fn check(&self) -> Result<()> {
        match self.0.is_empty() || self.0.len() > NAME_LEN_MAX {
            true => {
                Err(Error::damaged(alloc::format!("a metric name of {} bytes is not possible", self.0.len())))
            }
            false => Ok(()),
        }
    }

    fn ends_page(&self) -> bool {
        Hash::of(self.0.as_bytes()).0.first() == Some(&0)
    }

    fn may_precede(&self, _: &Self) -> bool {
        true
    }
}

/// A container whose point's record is deleted, though points that are kept need segments in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptContainer {
    /// Whose container it is.
    pub home: Entry,
    /// Bytes.
    pub len: u64,
    /// BLAKE3 of all of them.
    pub blake3: Hash,
}

/// An object that stays although the record that brought it is deleted: what that record said about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum KeptObject {
    /// Segments.
    Container(KeptContainer),
    /// Commits.
    Log(super::log_object::LogObject),
}

impl KeptObject {
    /// Its name.
    pub fn name(&self) -> ObjectName {
        match self {
            Self::Container(container) => container.home.container(),
            Self::Log(log) => log.name(),
        }
    }
    /// Its length and hash.
    pub fn content(&self) -> (u64, Hash) {
        match self {
            Self::Container(container) => (container.len, container.blake3),
            Self::Log(log) => (log.len, log.blake3),
        }
    }
}

impl ListItem for KeptObject {
    const KIND: ListKind = ListKind::Kept;

    fn check(&self) -> Result<()> {
        match self {
            Self::Container(container) => {
                container.home.check()?;
                check_extent(HEADER_AREA_LEN, 1, container.len.max(HEADER_AREA_LEN + 1))
            }
            Self::Log(log) => log.check(),
        }
        .at(|| self.name())
    }

    fn ends_page(&self) -> bool {
        self.content().1.0.first() == Some(&0)
    }

    fn may_precede(&self, next: &Self) -> bool {
        self.name() < next.name()
    }
}

/// What the three lists of a point hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PointLists {
    /// Every segment, in order.
    pub segments: Vec<LocatedSegment>,
    /// Deletions that the segments have not honoured yet, in order of LSN.
    pub tombstones: Vec<Tombstone>,
    /// Names of metrics, in order of number.
    pub metrics: Vec<MetricName>,
}

impl PointLists {
    /// Entries in whose containers the segments lie, ascending.
    pub fn containers(&self) -> Vec<Entry> {
        let homes: alloc::collections::BTreeSet<Entry> =
            self.segments.iter().map(|segment| segment.home).collect();
        homes.into_iter().collect()
    }
}

/// The object of a page.
pub(super) fn page_name(home: Entry, hash: Hash) -> ObjectName {
    home.object(ObjectFile::Page(hash))
}
