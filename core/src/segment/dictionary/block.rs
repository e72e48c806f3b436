//! Blocks of a dictionary run: a table of strings, and for each series its tags as references into it.
//!
//! The table is in order of first use and holds nothing unused, so equal definitions give equal bytes and a reader can
//! tell a mangled table from a right one.
use super::super::block;
use super::{DICTIONARY_BLOCK_SERIES_MAX, NAME_BYTES_MAX, TAGS_MAX};
use crate::codec::varint;
use crate::error::{Error, Result};
use crate::ids::{Hash16, SeriesId};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// Fewest bytes of a block: number of strings, id, number of tags, checksum.
pub(super) const BLOCK_BYTES_MIN: u64 = 7;

/// What the index says about one block of a dictionary run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DictionaryBlockMeta {
    /// Id of its first series.
    pub first: SeriesId,
    /// No series of the block has an id above this.
    pub bound: SeriesId,
    /// Number of series, 1 to [`DICTIONARY_BLOCK_SERIES_MAX`].
    pub count: u32,
    /// Where it starts, bytes from the start of the segment.
    pub offset: u64,
    /// Its bytes, checksum included.
    pub len: u32,
    /// BLAKE3 of its bytes without the checksum.
    pub hash: Hash16,
}

/// One block while it is built.
#[derive(Debug, Default)]
pub(super) struct BlockDraft {
    references: HashMap<String, u64>,
    strings: Vec<u8>,
    entries: Vec<u8>,
    pub(super) first: u64,
    last: u64,
    pub(super) count: u32,
}

impl BlockDraft {
    /// Adds a series; its id is above that of the one before, and its tags fit the format.
    pub(super) fn push<'a>(&mut self, id: SeriesId, tags: impl ExactSizeIterator<Item = (&'a str, &'a str)>) {
        if self.count == 0 {
            (self.first, self.last) = (id.0, 0);
        }
        varint::put(&mut self.entries, id.0.wrapping_sub(self.last));
        varint::put(&mut self.entries, tags.len() as u64);
        for (key, value) in tags {
            self.refer(key);
            self.refer(value);
        }
        self.last = id.0;
        self.count += 1;
    }

    pub(super) fn bytes_len(&self) -> usize {
        self.strings.len() + self.entries.len()
    }

    /// Appends the block to `out` and starts the next one.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        varint::put(out, self.references.len() as u64);
        out.extend_from_slice(&self.strings);
        out.extend_from_slice(&self.entries);
        block::seal_block(out, start);
        self.references.clear();
        self.strings.clear();
        self.entries.clear();
        self.count = 0;
    }

    fn refer(&mut self, text: &str) {
        let next = self.references.len() as u64;
        let reference = match self.references.get(text) {
            Some(&reference) => reference,
            None => {
                self.references.insert(text.into(), next);
                varint::put(&mut self.strings, text.len() as u64);
                self.strings.extend_from_slice(text.as_bytes());
                next
            }
        };
        varint::put(&mut self.entries, reference);
    }
}

/// Checks length and checksum, nothing else. `Damaged` otherwise.
pub fn check_dictionary_block(bytes: &[u8], meta: &DictionaryBlockMeta) -> Result<()> {
    block::check_crc(bytes, meta.len).map(|_| ())
}

/// Checks the content against its hash in the index, and so against the segment's identity.
pub fn check_dictionary_block_hash(bytes: &[u8], meta: &DictionaryBlockMeta) -> Result<()> {
    block::check_hash(bytes, &meta.hash)
}

/// Hands each series of a block to `sink`, in ascending order of id, with its tags in ascending order of key. Stops at
/// the first error, its own (`Damaged`, also for tags that are not in canonical form or pass the format's maxima) or
/// the sink's; series before it were handed out.
pub fn decode_dictionary_block(
    bytes: &[u8],
    meta: &DictionaryBlockMeta,
    mut sink: impl FnMut(SeriesId, &[(&str, &str)]) -> Result<()>,
) -> Result<()> {
    let mut tags = Vec::new();
    read_dictionary_block(bytes, meta, |id, strings, references| {
        let text = |reference: u32| strings.get(reference as usize).copied().unwrap_or_default();
        tags.clear();
        tags.extend(references.iter().map(|&(key, value)| (text(key), text(value))));
        sink(id, &tags)
    })
}

/// [`decode_dictionary_block`] that hands out the block's table of strings and, for each series, its tags as positions of
/// key and value in it: a reader that interns names looks at each of them once.
pub fn read_dictionary_block<'a>(
    bytes: &'a [u8],
    meta: &DictionaryBlockMeta,
    mut sink: impl FnMut(SeriesId, &[&'a str], &[(u32, u32)]) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader { bytes: block::check_crc(bytes, meta.len)?, at: 0 };
    let strings = reader.strings()?;
    let (mut used, mut id, mut tags) = (0, 0u64, Vec::new());
    for entry in 0..meta.count.min(DICTIONARY_BLOCK_SERIES_MAX) {
        let delta = reader.varint("series id")?;
        id = match id.checked_add(delta) {
            Some(next) if (entry == 0 && next == meta.first.0) || (entry > 0 && delta > 0) => next,
            _ => return Err(Error::damaged("series ids of the block do not ascend from its first one")),
        };
        if id > meta.bound.0 {
            return Err(Error::damaged(format!("series {id:#x} lies beyond its block")));
        }
        reader.tags(&strings, &mut used, &mut tags).map_err(|error| error.at(format!("series {id:#x}")))?;
        sink(SeriesId(id), &strings, &tags)?;
    }
    if used != strings.len() || reader.at != reader.bytes.len() {
        return Err(Error::damaged("the block holds more than its series use"));
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn varint(&mut self, what: &str) -> Result<u64> {
        varint::get(self.bytes, &mut self.at)
            .ok_or_else(|| Error::damaged(format!("{what} is cut short or too large")))
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    fn strings(&mut self) -> Result<Vec<&'a str>> {
        let count = self.varint("number of strings")?;
        // A string takes at least two bytes, so the bytes bound the table.
        let count = usize::try_from(count).ok().filter(|&count| count <= self.left() / 2);
        let count = count.ok_or_else(|| Error::damaged("more strings than the block has room for"))?;
        (0..count).map(|_| self.string()).collect()
    }

    fn string(&mut self) -> Result<&'a str> {
        let len = self.varint("length of a string")?;
        let len = usize::try_from(len).ok().filter(|len| (1..=NAME_BYTES_MAX).contains(len));
        let end = len.and_then(|len| self.at.checked_add(len));
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes.ok_or_else(|| Error::damaged("a string is empty, too long or cut short"))?;
        self.at += bytes.len();
        core::str::from_utf8(bytes).map_err(|_| Error::damaged("a string is not UTF-8"))
    }

    fn tags(&mut self, strings: &[&str], used: &mut usize, tags: &mut Vec<(u32, u32)>) -> Result<()> {
        let count = self.varint("number of tags")?;
        let count = usize::try_from(count).ok().filter(|&count| count <= TAGS_MAX);
        let count = count.ok_or_else(|| Error::damaged("more tags than the format allows"))?;
        // Series of a metric have mostly the same keys: those that stand where they stood in the series before ascend.
        let mut same = true;
        tags.truncate(count);
        let mut before = "";
        for at in 0..count {
            let (key, name) = self.reference(strings, used)?;
            let (value, _) = self.reference(strings, used)?;
            same &= tags.get(at).is_some_and(|(known, _)| *known == key);
            // No string is empty.
            if !same && before >= name {
                return Err(Error::damaged("tag keys do not ascend"));
            }
            before = name;
            match tags.get_mut(at) {
                Some(place) => *place = (key, value),
                None => tags.push((key, value)),
            }
        }
        Ok(())
    }

    /// A reference is to a string that was used before, or to the next new one.
    fn reference<'s>(&mut self, strings: &[&'s str], used: &mut usize) -> Result<(u32, &'s str)> {
        let reference = self.varint("reference to a string")?;
        let index = usize::try_from(reference).ok().filter(|index| index <= used);
        let text = index.and_then(|index| strings.get(index)).copied();
        let found = index.zip(text).zip(u32::try_from(reference).ok());
        let ((index, text), reference) = found.ok_or_else(|| Error::damaged("a tag refers to no string"))?;
        *used = (*used).max(index + 1);
        Ok((reference, text))
    }
}
