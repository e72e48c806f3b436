//! The 64 bytes that every segment starts with: what it is, which version, where its index lies.
//!
//! The header repeats what the index says, so that a file can be read forward and a scan can find segments in a
//! damaged container. It is never the authority: [`super::SegmentIndex::parse`] compares it with the index.
use super::SEGMENT_BYTES_MAX;
use crate::error::{Error, Result};
use alloc::format;

/// First bytes of every segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"CHRNSEG\0";
/// Bytes of the header.
pub const SEGMENT_HEADER_BYTES: usize = 64;
/// The version that this build writes, and the newest that it reads.
pub const SEGMENT_VERSION: u32 = 0;
/// Incompatible features that this build can read: none yet.
const INCOMPATIBLE_KNOWN: u64 = 0;

/// What a segment holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SegmentKind {
    /// Points, by series and time.
    Points,
    /// Definitions of series: their tags.
    Dictionary,
}

impl SegmentKind {
    /// The number that stands for it in files.
    pub const fn code(self) -> u32 {
        match self {
            Self::Points => 1,
            Self::Dictionary => 2,
        }
    }
    /// The kind of a number in a file; `Unsupported` when this build does not know it.
    pub fn from_code(code: u32) -> Result<Self> {
        match code {
            1 => Ok(Self::Points),
            2 => Ok(Self::Dictionary),
            _ => Err(Error::unsupported(format!(
                "segment kind {code} is not known to this build; open it with a newer Chronicle"
            ))),
        }
    }
}

/// Features of a segment, one bit each. A reader refuses unknown `incompatible` bits; it may read, but not rewrite, a
/// segment with unknown `read_only_compatible` bits; it passes over unknown `compatible` ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SegmentFeatures {
    /// May be ignored.
    pub compatible: u64,
    /// May be ignored by those who only read.
    pub read_only_compatible: u64,
    /// Must be understood.
    pub incompatible: u64,
}

impl SegmentFeatures {
    pub(super) fn check(&self) -> Result<()> {
        match self.incompatible & !INCOMPATIBLE_KNOWN {
            0 => Ok(()),
            unknown => Err(Error::unsupported(format!(
                "the segment uses features {unknown:#x} that this build lacks; open it with a newer Chronicle"
            ))),
        }
    }
}

/// A header that was read and checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// What the segment holds.
    pub kind: SegmentKind,
    /// Its features; none that this build would have to refuse.
    pub features: SegmentFeatures,
    /// Where the index starts, bytes from the start of the segment.
    pub index_offset: u64,
    /// Bytes of the index, which ends the segment.
    pub index_len: u32,
}

impl SegmentHeader {
    /// Bytes of the whole segment.
    pub fn segment_len(&self) -> u64 {
        self.index_offset.saturating_add(u64::from(self.index_len))
    }

    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.kind.code().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.features.compatible.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.features.read_only_compatible.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.features.incompatible.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.index_offset.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.index_len.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// Reads the header at the start of `bytes`, for a scan that looks for segments where the catalog is lost. `Damaged`
/// when there is none or its checksum fails, `Unsupported` when a newer Chronicle wrote it.
pub fn inspect_segment_header(bytes: &[u8]) -> Result<SegmentHeader> {
    let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
        return Err(Error::damaged("the segment header is cut short"));
    };
    if !bytes.starts_with(&SEGMENT_MAGIC) {
        return Err(Error::damaged("no segment starts here: other magic bytes"));
    }
    if crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
        return Err(Error::damaged("the checksum of the segment header is wrong"));
    }
    check_version(u64::from(u32_at(bytes, 8)))?;
    let features = SegmentFeatures {
        compatible: u64_at(bytes, 16),
        read_only_compatible: u64_at(bytes, 24),
        incompatible: u64_at(bytes, 32),
    };
    features.check()?;
    let header = SegmentHeader {
        kind: SegmentKind::from_code(u32_at(bytes, 12))?,
        features,
        index_offset: u64_at(bytes, 40),
        index_len: u32_at(bytes, 48),
    };
    let index_follows_blocks = header.index_offset > SEGMENT_HEADER_BYTES as u64;
    if !index_follows_blocks || header.index_len == 0 || header.segment_len() > SEGMENT_BYTES_MAX {
        return Err(Error::damaged("the segment header names an impossible place for the index"));
    }
    if bytes[52..60] != [0; 8] {
        return Err(Error::damaged("reserved bytes of the segment header are not zero"));
    }
    Ok(header)
}

pub(super) fn check_version(version: u64) -> Result<()> {
    if version > u64::from(SEGMENT_VERSION) {
        return Err(Error::unsupported(format!(
            "segment format {version} is newer than this build (up to {SEGMENT_VERSION}); use a newer Chronicle"
        )));
    }
    Ok(())
}

// Fixed places inside a fixed array: `at` is a constant of the layout, never a number that was read.
fn u32_at(bytes: &[u8; SEGMENT_HEADER_BYTES], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8; SEGMENT_HEADER_BYTES], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn header() -> [u8; SEGMENT_HEADER_BYTES] {
        let features = SegmentFeatures::default();
        SegmentHeader { kind: SegmentKind::Points, features, index_offset: 100, index_len: 9 }.to_bytes()
    }

    fn with(at: usize, value: u8) -> ErrorKind {
        let mut bytes = header();
        bytes[at] = value;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        inspect_segment_header(&bytes).unwrap_err().kind()
    }

    #[test]
    fn every_flipped_byte_of_a_header_is_noticed() {
        assert_eq!(inspect_segment_header(&header()).unwrap().segment_len(), 109);
        for at in 0..SEGMENT_HEADER_BYTES {
            let mut bytes = header();
            bytes[at] ^= 0x10;
            assert_eq!(inspect_segment_header(&bytes).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
        }
        assert!(inspect_segment_header(&header()[..63]).is_err());
    }

    #[test]
    fn a_newer_version_kind_or_feature_is_refused_by_name() {
        assert_eq!(with(8, 1), ErrorKind::Unsupported);
        assert_eq!(with(12, 3), ErrorKind::Unsupported);
        assert_eq!(with(39, 0x80), ErrorKind::Unsupported);
    }

    #[test]
    fn an_index_outside_a_segment_is_damage() {
        assert_eq!(with(40, 64), ErrorKind::Damaged);
        assert_eq!(with(44, 1), ErrorKind::Damaged);
        assert_eq!(with(48, 0), ErrorKind::Damaged);
        assert_eq!(with(55, 1), ErrorKind::Damaged);
    }

    #[test]
    fn unknown_compatible_features_are_read() {
        let features = SegmentFeatures { compatible: 5, read_only_compatible: 6, incompatible: 0 };
        let header =
            SegmentHeader { kind: SegmentKind::Dictionary, features, index_offset: 70, index_len: 1 };
        assert_eq!(inspect_segment_header(&header.to_bytes()).unwrap(), header);
    }
}
