//! Point container: a point of a repository as one packed `data.db` that nobody wrote.
//!
//! Superblock and catalog pages are made from the record and its lists; segments stay in the objects where they lie. So
//! the code that opens and reads a database reads a point in place, and a restore is nothing but writing this file down.
//! Everything that reads it says which ranges it misses; [`PointContainer::object_ranges`] says where those lie.
use super::gathered::GatheredFile;
use super::ground::MoveTable;
use super::list::PointLists;
use super::name::ObjectName;
use super::point_record::PointRecord;
use crate::catalog::Catalog;
use crate::engine::{Opening, Options};
use crate::error::{At, Error, Result};
use crate::format::{HEADER_AREA_LEN, LOG_HEADER_LEN, LogStart, Role, SegmentEntry};
use crate::ids::Hash;
use crate::segment::SegmentIndex;
use crate::source::{ByteRange, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectRange {
    /// Which object.
    pub object: ObjectName,
    /// Which of its bytes.
    pub range: ByteRange,
}

/// Objects as far as a host has them at hand.
pub trait ObjectSource {
    /// The bytes, all of them, or `None` while they are not at hand. A failure of the destination is an error.
    fn read(&mut self, range: &ObjectRange) -> Result<Option<&[u8]>>;

    /// See [`Source::cached_index`].
    fn cached_index(&mut self, identity: &Hash) -> Option<Arc<SegmentIndex>> {
        let _ = identity;
        None
    }

    /// See [`Source::keep_index`].
    fn keep_index(&mut self, identity: &Hash, index: &Arc<SegmentIndex>) {
        let _ = (identity, index);
    }
}

/// A run of bytes of the new `data.db` that a restore writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointPiece<'a> {
    /// These bytes of an object.
    Object(ObjectRange),
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many zeros.
    Zeros(u64),
}

/// What lies at a place of the container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    /// These bytes, which are at hand.
    Here(&'a [u8]),
    /// These bytes of an object.
    There(ObjectRange),
}

/// A point as a container. Costs a look at each item of its lists, and memory in proportion to them.
#[derive(Clone, Debug)]
pub struct PointContainer {
    gathered: GatheredFile,
    header: Vec<u8>,
}

impl PointContainer {
    /// The state of `record` at its checkpoint; the commits behind it are replayed from its log
    /// ([`super::LogAssembly`]). `Damaged` when record and lists contradict each other.
    pub fn new(record: &PointRecord, lists: &PointLists, moves: &MoveTable) -> Result<Self> {
        Self::build(record, lists, moves).at(|| record.entry)
    }

    fn build(record: &PointRecord, lists: &PointLists, moves: &MoveTable) -> Result<Self> {
        let located = lists.segments.iter().map(|listed| moves.locate(listed)).collect::<Result<_>>()?;
        let mut catalog = Catalog::empty(LogStart::None, Arc::new(record.policy()));
        catalog.position = record.checkpoint;
        catalog.tombstones.edit(|_| false, lists.tombstones.clone());
        catalog.metrics.edit(|_| false, lists.metrics.iter().map(|name| name.0.clone()).collect());
        let start = LogStart::From {
            first_lsn: record.checkpoint.lsn.saturating_add(1),
            offset: LOG_HEADER_LEN as u64,
        };
        let (identity, durable) = (record.identity(), record.checkpoint.lsn);
        let gathered = GatheredFile::new(Role::Database, &identity, &catalog, located, start, durable)?;
        let file = &gathered.file;
        let told = (record.point.segments, record.point.points_stored, record.point.stored_digest);
        if lists.containers() != record.containers {
            return Err(Error::damaged("the lists name other containers than the record says"));
        }
        if (file.segments.len() as u64, file.points_stored, file.stored_digest) != told {
            return Err(Error::damaged("the lists hold other segments or points than the record says"));
        }
        let mut header = alloc::vec![0u8; HEADER_AREA_LEN as usize];
        for (offset, bytes) in file.writes.iter().filter(|(offset, _)| *offset < HEADER_AREA_LEN) {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            let slot = header.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len()));
            slot.ok_or_else(|| Error::damaged("the superblock does not fit its slot"))?
                .copy_from_slice(bytes);
        }
        Ok(Self { gathered, header })
    }

    /// The header area: the first 64 KiB.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Bytes of the container.
    pub fn file_len(&self) -> u64 {
        self.gathered.file.file_len
    }

    /// An opening of the container: step it over [`PointContainer::source`].
    pub fn opening(&self, options: Options) -> Result<Opening> {
        Opening::new(&self.header, options)
    }

    /// What lies at `range`, which is inside one segment, one page or the header area. `Damaged` for any other.
    pub fn find(&self, range: ByteRange) -> Result<Place<'_>> {
        let inside = |whole: ByteRange| {
            (range.offset >= whole.offset && range.end() <= whole.end()).then(|| range.offset - whole.offset)
        };
        let after = self.gathered.segments.partition_point(|segment| segment.here.offset <= range.offset);
        if let Some(segment) = after.checked_sub(1).and_then(|index| self.gathered.segments.get(index))
            && let Some(start) = inside(segment.here)
        {
            let range = ByteRange::new(segment.there.range.offset.saturating_add(start), range.len);
            return Ok(Place::There(ObjectRange { range, ..segment.there }));
        }
        let pages = self.gathered.file.writes.iter().map(|(offset, bytes)| (*offset, bytes.as_slice()));
        for (offset, bytes) in
            pages.filter(|(offset, _)| *offset >= HEADER_AREA_LEN).chain([(0, self.header())])
        {
            if let Some(start) = inside(ByteRange::new(offset, bytes.len() as u64)) {
                let bytes = usize::try_from(start).ok().zip(usize::try_from(range.len).ok());
                let found = bytes.and_then(|(start, len)| {
                    let (_, rest) = self.bytes_at(offset)?.split_at_checked(start)?;
                    rest.get(..len)
                });
                return found.map(Place::Here).ok_or_else(|| nowhere(range));
            }
        }
        Err(nowhere(range))
    }

    fn bytes_at(&self, offset: u64) -> Option<&[u8]> {
        match offset {
            0 => Some(&self.header),
            _ => self
                .gathered
                .file
                .writes
                .iter()
                .find(|(at, _)| *at == offset)
                .map(|(_, bytes)| bytes.as_slice()),
        }
    }

    /// Where missing ranges lie: by object, and inside it in order; neighbours are one range.
    pub fn object_ranges(&self, missing: &[ByteRange]) -> Result<Vec<ObjectRange>> {
        let mut ranges = Vec::new();
        for range in missing {
            if let Place::There(there) = self.find(*range)? {
                ranges.push(there);
            }
        }
        ranges.sort_unstable();
        let mut joined: Vec<ObjectRange> = Vec::new();
        for next in ranges {
            match joined
                .last_mut()
                .filter(|last| last.object == next.object && last.range.end() >= next.range.offset)
            {
                Some(last) => {
                    let end = last.range.end().max(next.range.end());
                    last.range.len = end - last.range.offset;
                }
                None => joined.push(next),
            }
        }
        Ok(joined)
    }

    /// The container's bytes, as far as `objects` has them.
    pub fn source<'a, S: ObjectSource>(&'a self, objects: &'a mut S) -> PointSource<'a, S> {
        PointSource { container: self, objects }
    }

    /// The container from its first byte to its last: what a restore writes.
    pub fn pieces(&self) -> impl Iterator<Item = PointPiece<'_>> {
        self.gathered.pieces()
    }

    /// What is copied out of objects, and where it goes: by object, and inside it in order.
    pub fn copies(&self) -> Vec<(ObjectRange, u64)> {
        self.gathered.copies()
    }

    /// The segments in their order in the container, each with where it comes from.
    pub fn segments(&self) -> impl Iterator<Item = (&SegmentEntry, ObjectRange)> {
        self.gathered.file.segments.iter().zip(self.gathered.segments.iter().map(|segment| segment.there))
    }

    /// What is new, by offset: the pages, and last the superblock.
    pub fn writes(&self) -> &[(u64, Vec<u8>)] {
        &self.gathered.file.writes
    }
}

impl PointPiece<'_> {
    /// How many bytes it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Self::Object(there) => there.range.len,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }
    /// Never true in a plan.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn nowhere(range: ByteRange) -> Error {
    Error::damaged(alloc::format!(
        "bytes {}..{} are in no segment and no page of the point",
        range.offset,
        range.end()
    ))
}

/// A point's container over objects: what every reader of a database reads from.
pub struct PointSource<'a, S> {
    container: &'a PointContainer,
    objects: &'a mut S,
}

impl<S: ObjectSource> Source for PointSource<'_, S> {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        match self.container.find(range)? {
            Place::Here(bytes) => Ok(Some(bytes)),
            Place::There(there) => {
                let bytes = self.objects.read(&there).at(|| there.object)?;
                match bytes.is_none_or(|bytes| bytes.len() as u64 == there.range.len) {
                    true => Ok(bytes),
                    false => {
                        Err(Error::damaged("fewer or more bytes came than were asked for").at(there.object))
                    }
                }
            }
        }
    }

    fn cached_index(&mut self, identity: &Hash) -> Option<Arc<SegmentIndex>> {
        self.objects.cached_index(identity)
    }

    fn keep_index(&mut self, identity: &Hash, index: &Arc<SegmentIndex>) {
        self.objects.keep_index(identity, index);
    }
}
