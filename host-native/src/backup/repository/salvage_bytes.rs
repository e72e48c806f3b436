//! The bytes of a damaged object that are still there. Of one that is encrypted: of every chunk that the key opens.
//!
//! Keeps true: where a chunk does not open there are zeros, never bytes of an unknown origin; whoever reads on checks blocks and frames.
use super::objects::Objects;
use super::opened::Opened;
use crate::crypt::OpenObject;
use crate::destination::ObjectName;
use crate::error::{ErrorKind, Result};
use chronicle_core::backup::repository::ObjectName as Name;
use chronicle_core::crypt::{CHUNK_LEN, TAG_LEN};
use chronicle_core::source::ByteRange;

/// Bytes of a chunk as it is stored.
const SEALED_LEN: u64 = CHUNK_LEN + TAG_LEN;

/// The plain bytes of a range that are there; none of an object that is gone or that no key opens.
pub(super) fn whatever_is_left(objects: &Objects, name: Name, range: ByteRange) -> Result<Vec<u8>> {
    match objects.opened() {
        None => stored(objects, name, range),
        Some(opened) => match opened.range(objects, name, range) {
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Permission) => {
                chunks(objects, opened, name, range)
            }
            found => found,
        },
    }
}

/// Bytes as they are stored.
fn stored(objects: &Objects, name: Name, range: ByteRange) -> Result<Vec<u8>> {
    let object = ObjectName::new(name.to_string())?;
    let len = objects.retry(|destination| destination.stat(&object))?.map_or(0, |found| found.len);
    let end = range.end().min(len);
    if end <= range.offset {
        return Ok(Vec::new());
    }
    match objects.range(name, range.offset, end - range.offset) {
        Err(error) if error.kind() == ErrorKind::Damaged => Ok(Vec::new()),
        found => found,
    }
}

/// The range chunk by chunk, each by itself.
fn chunks(objects: &Objects, opened: &Opened, name: Name, range: ByteRange) -> Result<Vec<u8>> {
    let len = objects.len_of(name)?.unwrap_or(0);
    let head = stored(objects, name, ByteRange::new(0, OpenObject::HEAD_LEN_MAX))?;
    // Its last chunk is sealed as the last one. Of an object that was cut the chunks that are left are not: they open as
    // those of a longer one, whose length must be one that an object can have.
    let lengths = [0, SEALED_LEN, SEALED_LEN + 32].map(|more| len.saturating_add(more));
    let opens: Vec<OpenObject> =
        lengths.into_iter().filter_map(|len| opened.open(name, &head, len).ok()).collect();
    let end = range.end().min(opens.iter().map(OpenObject::plain_len).max().unwrap_or(0));
    let (mut plain, mut at) = (Vec::new(), range.offset);
    while at < end {
        let stop = (at / CHUNK_LEN + 1).saturating_mul(CHUNK_LEN).min(end);
        let mut found = Vec::new();
        for open in &opens {
            let part = ByteRange::new(at, stop.min(open.plain_len()).saturating_sub(at));
            if part.len == 0 {
                continue;
            }
            let Ok(sealed) = open.stored(part) else { continue };
            if let Ok(bytes) = open.read(part, &stored(objects, name, sealed)?) {
                found = bytes;
                break;
            }
        }
        found.resize(usize::try_from(stop - at).unwrap_or(0), 0);
        plain.append(&mut found);
        at = stop;
    }
    Ok(plain)
}
