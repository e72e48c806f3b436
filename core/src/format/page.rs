//! A page of the catalog: up to some thousand entries of one kind, immutable, checked twice.
//!
//! An extent holds a 16-byte header, the body and zeros to the next 4 KiB. The CRC32 in the header finds damage
//! without the root at hand; the hash in the [`PageRef`] proves that the page is the one the root means.
use super::commit::NAME_LEN_MAX;
use super::extent::{check_extent, padded};
use super::metadata;
use super::reader::Reader;
use super::segment_entry::SegmentEntry;
use super::tombstone::Tombstone;
use crate::error::{At, Error, ErrorKind, Result};
use crate::ids::Hash16;
use crate::model::TimeRange;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The first bytes of every page.
pub const PAGE_MAGIC: [u8; 8] = *b"CHRNPAGE";
/// Bytes of a page's header.
pub const PAGE_HEADER_LEN: usize = 16;
/// Most bytes of a page, header included. Room for the largest tombstone, and for all names that 2,000 metrics can have.
pub const PAGE_LEN_MAX: u32 = 128 << 20;

/// What a page lists. The numbers are those in the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum PageKind {
    /// 1: [`SegmentEntry`].
    Segments,
    /// 2: [`Tombstone`].
    Tombstones,
    /// 3: names of metrics.
    Metrics,
}

impl PageKind {
    /// Most entries in a page of this kind.
    pub const fn entries_max(self) -> u32 {
        match self {
            Self::Segments | Self::Tombstones => 1_000,
            Self::Metrics => 65_536,
        }
    }
}

impl From<PageKind> for u8 {
    fn from(kind: PageKind) -> Self {
        match kind {
            PageKind::Segments => 1,
            PageKind::Tombstones => 2,
            PageKind::Metrics => 3,
        }
    }
}

impl TryFrom<u8> for PageKind {
    type Error = &'static str;
    fn try_from(kind: u8) -> core::result::Result<Self, &'static str> {
        match kind {
            1 => Ok(Self::Segments),
            2 => Ok(Self::Tombstones),
            3 => Ok(Self::Metrics),
            _ => Err("unknown kind of page"),
        }
    }
}

/// Where a page lies, what it must hash to, and what it covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PageRef {
    /// What the page lists.
    pub kind: PageKind,
    /// Where it starts in the file; a multiple of 4 KiB.
    pub offset: u64,
    /// Bytes of header and body, without the padding.
    pub len: u32,
    /// Hash of header and body.
    pub hash: Hash16,
    /// Number of entries, at least 1.
    pub entries: u32,
    /// Number of the first metric; 0 in pages of other kinds.
    pub first: u64,
    /// What the entries cover together; empty in a page of metrics or of dictionaries only.
    pub time: TimeRange,
}

impl PageRef {
    /// The bytes it takes in the file, without padding.
    pub fn extent(&self) -> crate::source::ByteRange {
        crate::source::ByteRange::new(self.offset, u64::from(self.len))
    }

    /// What must hold of a reference in a file of `file_len` bytes.
    pub fn check(&self, file_len: u64) -> Result<()> {
        check_extent(self.offset, u64::from(self.len), file_len)?;
        let wrong = if self.len > PAGE_LEN_MAX || u64::from(self.len) <= PAGE_HEADER_LEN as u64 {
            "has an impossible length"
        } else if self.entries == 0 || self.entries > self.kind.entries_max() {
            "has no entries, or too many"
        } else if (self.kind == PageKind::Metrics && !self.time.is_empty())
            || (self.kind == PageKind::Tombstones && self.time.is_empty())
        {
            "has a time range that its kind can't have"
        } else if self.kind != PageKind::Metrics && self.first != 0 {
            "numbers entries that have no number"
        } else {
            return Ok(());
        };
        Err(Error::damaged(alloc::format!("the catalog page at {} {wrong}", self.offset)))
    }
}

/// The entries of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Page {
    /// Live segments.
    Segments(Vec<SegmentEntry>),
    /// Deletions that still hide points.
    Tombstones(Vec<Tombstone>),
    /// Names of metrics; the first has number `first`, the next `first + 1`.
    Metrics {
        /// Number of the first name.
        first: u64,
        /// The names.
        names: Vec<String>,
    },
}

impl Page {
    /// What the page lists.
    pub fn kind(&self) -> PageKind {
        match self {
            Self::Segments(_) => PageKind::Segments,
            Self::Tombstones(_) => PageKind::Tombstones,
            Self::Metrics { .. } => PageKind::Metrics,
        }
    }
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            Self::Segments(entries) => entries.len(),
            Self::Tombstones(entries) => entries.len(),
            Self::Metrics { names, .. } => names.len(),
        }
    }
    /// True without entries; such a page is never written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes to write at `offset`, padding included, and the reference for the root. Too many entries or bytes are
    /// `LimitExceeded`: split the page.
    pub fn encode(&self, offset: u64) -> Result<(PageRef, Vec<u8>)> {
        let mut bytes = Vec::with_capacity(PAGE_HEADER_LEN);
        bytes.extend_from_slice(&PAGE_MAGIC);
        bytes.extend_from_slice(&u32::from(u8::from(self.kind())).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let what = "a catalog page";
        match self {
            Self::Segments(entries) => metadata::encode_into(entries, what, &mut bytes)?,
            Self::Tombstones(entries) => metadata::encode_into(entries, what, &mut bytes)?,
            Self::Metrics { names, .. } => metadata::encode_into(names, what, &mut bytes)?,
        }
        let (header, body) = bytes.split_at_mut(PAGE_HEADER_LEN);
        header[12..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        let limit = || Error::new(ErrorKind::LimitExceeded, "a catalog page is too large: split it");
        let entries = u32::try_from(self.len()).map_err(|_| limit())?;
        let len = u32::try_from(bytes.len()).map_err(|_| limit())?;
        if entries > self.kind().entries_max() || len > PAGE_LEN_MAX {
            return Err(limit());
        }
        let reference = PageRef {
            kind: self.kind(),
            offset,
            len,
            hash: Hash16::of(&bytes),
            entries,
            first: self.first(),
            time: self.time(),
        };
        // The same facts are asserted where the page is read.
        let padded_len = padded(u64::from(len)).ok_or_else(limit)?;
        let file_len = offset.checked_add(padded_len).ok_or_else(limit)?;
        reference.check(file_len)?;
        bytes.resize(usize::try_from(padded_len).map_err(|_| limit())?, 0);
        Ok((reference, bytes))
    }

    /// Reads the page that `reference` means, in a file of `file_len` bytes. `bytes` starts where the page starts and
    /// holds at least `reference.len` bytes; what follows is not looked at.
    pub fn decode(reference: &PageRef, bytes: &[u8], file_len: u64) -> Result<Self> {
        let place = || alloc::format!("catalog page at {}", reference.offset);
        reference.check(file_len)?;
        let body = Self::body(reference, bytes).at(place)?;
        let page = match reference.kind {
            PageKind::Segments => Self::Segments(Self::list(reference, body).at(place)?),
            PageKind::Tombstones => Self::Tombstones(Self::list(reference, body).at(place)?),
            PageKind::Metrics => {
                Self::Metrics { first: reference.first, names: Self::list(reference, body).at(place)? }
            }
        };
        page.check(file_len).at(place)?;
        if reference.time != page.time() {
            return Err(Error::damaged("its entries cover another time than the root says").at(place()));
        }
        Ok(page)
    }

    fn body<'a>(reference: &PageRef, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let len = usize::try_from(reference.len).unwrap_or(usize::MAX);
        let bytes = Reader::new(bytes).take(len)?;
        if Hash16::of(bytes) != reference.hash {
            return Err(Error::damaged("its bytes are not the ones that the root names by hash"));
        }
        let mut reader = Reader::new(bytes);
        let (magic, kind, crc) = (reader.array()?, reader.u32()?, reader.u32()?);
        let body = reader.take(len.saturating_sub(PAGE_HEADER_LEN))?;
        if magic != PAGE_MAGIC || kind != u32::from(u8::from(reference.kind)) || crc != crc32fast::hash(body)
        {
            return Err(Error::damaged("its header is not that of a page of this kind"));
        }
        Ok(body)
    }

    /// The entries. Their number is compared first: a small body can't claim more of them than the root does.
    fn list<'a, T: Deserialize<'a>>(reference: &PageRef, body: &'a [u8]) -> Result<Vec<T>> {
        let (entries, _): (u32, _) = metadata::decode_prefix(body, "the number of entries")?;
        if entries != reference.entries {
            return Err(Error::damaged(alloc::format!(
                "it has {entries} entries, and the root says {}",
                reference.entries
            )));
        }
        metadata::decode(body, "the list")
    }

    fn check(&self, file_len: u64) -> Result<()> {
        match self {
            Self::Segments(entries) => entries.iter().try_for_each(|entry| entry.check(file_len)),
            Self::Tombstones(entries) => entries.iter().try_for_each(Tombstone::check),
            Self::Metrics { names, .. } => {
                match names.iter().find(|name| name.is_empty() || name.len() > NAME_LEN_MAX) {
                    Some(name) => Err(Error::damaged(alloc::format!(
                        "a metric name of {} bytes is not possible",
                        name.len()
                    ))),
                    None => Ok(()),
                }
            }
        }
    }

    fn first(&self) -> u64 {
        match self {
            Self::Metrics { first, .. } => *first,
            _ => 0,
        }
    }

    fn time(&self) -> TimeRange {
        match self {
            Self::Segments(entries) => {
                entries.iter().fold(TimeRange::EMPTY, |all, entry| all.union(&entry.summary.time))
            }
            Self::Tombstones(entries) => {
                entries.iter().fold(TimeRange::EMPTY, |all, entry| all.union(&entry.time))
            }
            Self::Metrics { .. } => TimeRange::EMPTY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::super::series_set::SeriesSet;
    use super::*;
    use alloc::string::ToString;

    fn pages() -> [Page; 3] {
        [
            Page::Segments(alloc::vec![examples::entry(); 3]),
            Page::Tombstones(alloc::vec![Tombstone {
                lsn: 9,
                series: SeriesSet::all(),
                time: TimeRange { min: -5, max: 5 }
            }]),
            Page::Metrics { first: 7, names: alloc::vec!["cpu".to_string(), "disk".to_string()] },
        ]
    }

    #[test]
    fn every_kind_of_page_reads_back() {
        for page in pages() {
            let (reference, bytes) = page.encode(1 << 20).unwrap();
            assert_eq!(bytes.len() % 4096, 0);
            assert_eq!(Page::decode(&reference, &bytes, 1 << 30).unwrap(), page);
        }
    }

    #[test]
    fn every_flipped_byte_of_a_page_is_damage() {
        for page in pages() {
            let (reference, mut bytes) = page.encode(1 << 20).unwrap();
            for at in 0..usize::try_from(reference.len).unwrap() {
                bytes[at] ^= 0x40;
                let error = Page::decode(&reference, &bytes, 1 << 30).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Damaged);
                assert!(error.place().unwrap().contains("1048576"), "{error}");
                bytes[at] ^= 0x40;
            }
        }
    }

    #[test]
    fn a_page_cut_off_anywhere_is_damage() {
        let (reference, bytes) = pages()[0].encode(1 << 20).unwrap();
        for len in 0..usize::try_from(reference.len).unwrap() {
            assert!(Page::decode(&reference, &bytes[..len], 1 << 30).is_err());
        }
    }

    #[test]
    fn a_forged_length_behind_good_hashes_is_damage_and_no_allocation() {
        // Whoever writes the root can make every hash right: the lengths inside are still not believed.
        let mut bytes = Vec::from(*b"CHRNPAGE\x01\0\0\0");
        let body = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let (good, _) = pages()[0].encode(1 << 20).unwrap();
        let forged = PageRef { len: bytes.len() as u32, hash: Hash16::of(&bytes), ..good };
        let error = Page::decode(&forged, &bytes, 1 << 30).unwrap_err();
        assert!(error.message().contains("number of entries can't be read"), "{error}");
    }

    #[test]
    fn a_whole_page_that_is_not_the_one_the_root_means_is_damage() {
        // A medium that gave an old page back: its CRC32 holds, and its length and entries are the same.
        let page = |name: &str| Page::Metrics { first: 0, names: alloc::vec![name.to_string()] };
        let (reference, _) = page("disk").encode(1 << 20).unwrap();
        let (_, old) = page("dusk").encode(1 << 20).unwrap();
        assert!(Page::decode(&reference, &old, 1 << 30).unwrap_err().message().contains("by hash"));
    }

    #[test]
    fn a_page_that_holds_other_entries_than_the_root_says_is_damage() {
        for page in pages() {
            let (good, bytes) = page.encode(1 << 20).unwrap();
            let wrong_count = PageRef { entries: good.entries + 1, ..good };
            assert!(
                Page::decode(&wrong_count, &bytes, 1 << 30).unwrap_err().message().contains("the root says")
            );
            let wrong_time = PageRef { time: TimeRange { min: -6, max: 9 }, ..good };
            assert!(Page::decode(&wrong_time, &bytes, 1 << 30).is_err());
        }
    }

    #[test]
    fn a_segment_outside_the_file_is_damage_even_with_good_hashes() {
        let (reference, bytes) = pages()[0].encode(65_536).unwrap();
        let file_len = examples::entry().offset;
        assert!(
            Page::decode(&reference, &bytes, file_len).unwrap_err().message().contains("behind the file")
        );
    }

    #[test]
    fn a_page_of_too_many_entries_is_refused_by_the_writer() {
        let page = Page::Segments(alloc::vec![examples::entry(); 1_001]);
        assert_eq!(page.encode(65_536).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert!(Page::Segments(Vec::new()).encode(65_536).is_err());
    }
}
