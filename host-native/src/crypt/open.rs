//! Objects that are open: what a range of their plain bytes is read from.
use super::header::{HEADER_LEN_MAX, Header};
use super::keys::Keys;
use crate::error::{Error, Result};
use chronicle_core::crypt::{NONCE_LEN, PayloadKey, PayloadLayout};
use chronicle_core::source::ByteRange;

/// An object whose header was read.
#[derive(Clone)]
pub(crate) struct OpenObject {
    key: PayloadKey,
    layout: PayloadLayout,
    /// Where its first chunk lies.
    payload: u64,
}

impl OpenObject {
    /// Most bytes that have to be read of an object to open it.
    pub(crate) const HEAD_LEN_MAX: u64 = (HEADER_LEN_MAX + NONCE_LEN) as u64;

    /// Of an object of `len` bytes that starts with `head`: all of it, or [`OpenObject::HEAD_LEN_MAX`] bytes. `recipients` are
    /// those that its record names, if that is known. Errors as those of a header.
    pub(crate) fn new(head: &[u8], len: u64, keys: &Keys, recipients: &[String]) -> Result<Self> {
        let header = Header::parse(head)?;
        let file_key = header.open(keys, recipients)?;
        let nonce = head.get(header.len()..).and_then(|rest| rest.first_chunk::<NONCE_LEN>());
        let nonce = nonce.ok_or_else(|| Error::damaged("it ends behind its header"))?;
        let payload = (header.len() + NONCE_LEN) as u64;
        let layout = PayloadLayout::of_payload(len.saturating_sub(payload))?;
        Ok(Self { key: PayloadKey::new(&file_key, nonce), layout, payload })
    }

    /// Its plain bytes.
    pub(crate) fn plain_len(&self) -> u64 {
        self.layout.plain_len()
    }

    /// The plain bytes of the chunks that hold a range.
    pub(crate) fn whole_chunks(&self, range: ByteRange) -> Result<ByteRange> {
        let chunks = self.layout.chunks_of(range)?;
        let start = self.layout.plain_range(chunks.first).offset;
        let end = self.layout.plain_range(chunks.first + chunks.count - 1).end();
        Ok(ByteRange::new(start, end - start))
    }

    /// Where the chunks lie that hold a range of the plain bytes.
    pub(crate) fn stored(&self, range: ByteRange) -> Result<ByteRange> {
        let part = self.layout.payload_range(self.layout.chunks_of(range)?);
        Ok(ByteRange::new(self.payload + part.offset, part.len))
    }

    /// The range, from the bytes of [`OpenObject::stored`].
    pub(crate) fn read(&self, range: ByteRange, stored: &[u8]) -> Result<Vec<u8>> {
        self.key.open_range(&self.layout, self.layout.chunks_of(range)?, range, stored)
    }
}

/// A whole object that is at hand.
pub(crate) fn decrypt(object: &[u8], keys: &Keys, recipients: &[String]) -> Result<Vec<u8>> {
    let open = OpenObject::new(object, object.len() as u64, keys, recipients)?;
    let all = ByteRange::new(0, open.plain_len());
    let stored = usize::try_from(open.payload).ok().and_then(|start| object.get(start..)).unwrap_or_default();
    open.read(all, stored)
}
