//! What a superblock slot names, read from the bytes of the file and from nothing else.
use chronicle_core::format::{LogStart, Page, SLOT_LEN, decode_slot};
use chronicle_core::source::ByteRange;

/// Extents and log that one generation needs.
#[derive(Clone, Debug)]
pub struct Extents {
    /// Which generation.
    pub generation: u64,
    /// Catalog pages and segments, without padding.
    pub extents: Vec<ByteRange>,
    /// The file in which replay starts.
    pub log_first_lsn: Option<u64>,
}

/// What the slot names; `None` when it is not intact or its catalog can't be read.
pub fn named_by_slot(data: &[u8], slot: usize) -> Option<Extents> {
    let superblock = decode_slot(data.get(slot * SLOT_LEN..)?).ok()?;
    let root = &superblock.root;
    let mut extents: Vec<ByteRange> = root.pages.iter().map(|page| page.extent()).collect();
    for page in &root.pages {
        let range = page.extent();
        let bytes = data.get(range.offset as usize..range.end() as usize)?;
        if let Page::Segments(entries) = Page::decode(page, bytes, root.file_len).ok()? {
            extents.extend(entries.iter().map(|entry| entry.extent()));
        }
    }
    let log_first_lsn = match root.log {
        LogStart::From { first_lsn, .. } => Some(first_lsn),
        LogStart::None => None,
    };
    Some(Extents { generation: superblock.generation, extents, log_first_lsn })
}
