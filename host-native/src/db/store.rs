//! Store: where an open database has its bytes: in its file, or in the objects of a backup that is read in place.
use crate::files::data_file::DataFile;
use crate::files::map::{Map, SegmentMaps};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::source::ByteRange;
use std::ops::Deref;
use std::sync::Arc;

/// Bytes of a container that nobody wrote down.
pub(crate) trait Fetch: Send + Sync {
    /// The header area.
    fn header(&self) -> &[u8];

    /// At least `range`, which is inside `extent`, and nothing outside `extent`; with it where it begins.
    fn fetch(&self, extent: ByteRange, range: ByteRange) -> Result<(u64, Arc<Vec<u8>>)>;
}

/// Where the bytes are.
pub(crate) enum Store {
    /// In a file.
    File {
        /// The file.
        data: DataFile,
        /// Maps of its segments.
        maps: SegmentMaps,
    },
    /// Elsewhere; only to be read.
    Fetched(Box<dyn Fetch>),
}

/// Bytes that stay readable as long as this lives.
pub(crate) enum Held {
    Map(Arc<Map>),
    Fetched(Arc<Vec<u8>>),
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Fetched(bytes) => bytes,
        }
    }
}

impl Store {
    /// A file, of whose maps up to `map_bytes_max` bytes are kept.
    pub(crate) fn file(data: DataFile, map_bytes_max: u64) -> Result<Self> {
        Ok(Self::File { maps: SegmentMaps::new(&data, map_bytes_max)?, data })
    }

    /// The file. `ReadOnly` for a backup that is read in place.
    pub(crate) fn data(&self) -> Result<&DataFile> {
        match self {
            Self::File { data, .. } => Ok(data),
            Self::Fetched(_) => Err(Error::new(
                ErrorKind::ReadOnly,
                "this is a backup that is read in place, and has no file; restore it first",
            )),
        }
    }

    /// Maps of the file, if there is one.
    pub(crate) fn maps(&self) -> Option<&SegmentMaps> {
        match self {
            Self::File { maps, .. } => Some(maps),
            Self::Fetched(_) => None,
        }
    }

    /// The header area.
    pub(crate) fn header(&self) -> Result<Vec<u8>> {
        match self {
            Self::File { data, .. } => super::read_header(data),
            Self::Fetched(bytes) => Ok(bytes.header().to_vec()),
        }
    }

    /// Bytes of `extent`, at least `range` of it.
    pub(crate) fn read(&self, extent: ByteRange, range: ByteRange) -> Result<(ByteRange, Held)> {
        match self {
            Self::File { maps, .. } => Ok((extent, Held::Map(maps.get(extent.offset, extent.len)?))),
            Self::Fetched(bytes) => {
                let (offset, bytes) = bytes.fetch(extent, range)?;
                Ok((ByteRange::new(offset, bytes.len() as u64), Held::Fetched(bytes)))
            }
        }
    }
}
