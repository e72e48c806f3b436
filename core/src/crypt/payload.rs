//! Payload key: seals and opens the chunks of one object.
use super::layout::{Chunks, PayloadLayout, TAG_LEN};
use crate::error::{Error, Result};
use crate::source::ByteRange;
use alloc::vec::Vec;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use core::fmt;

/// Bytes of a file key.
pub const FILE_KEY_LEN: usize = 16;
/// Bytes between the header of a file and its first chunk.
pub const NONCE_LEN: usize = 16;

/// The secret of one object, which its header wraps for every recipient. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct FileKey(pub [u8; FILE_KEY_LEN]);

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

/// What the chunks of one object are sealed with. Two objects with one file key must have different nonces.
#[derive(Clone)]
pub struct PayloadKey(ChaCha20Poly1305);

impl PayloadKey {
    /// Of the file key and the 16 bytes behind the header: HKDF-SHA-256 with these as salt, and `payload`.
    pub fn new(file_key: &FileKey, nonce: &[u8; NONCE_LEN]) -> Self {
        let mut key = Key::default();
        // 32 bytes are never too many for HKDF.
        let _ = hkdf::Hkdf::<sha2::Sha256>::new(Some(nonce), &file_key.0).expand(b"payload", &mut key);
        Self(ChaCha20Poly1305::new(&key))
    }

    /// Seals a chunk in place and returns its tag, which follows it. `plain` has as many bytes as the layout says.
    pub fn seal(
        &self,
        layout: &PayloadLayout,
        chunk: u64,
        plain: &mut [u8],
    ) -> Result<[u8; TAG_LEN as usize]> {
        if plain.len() as u64 != layout.plain_range(chunk).len || chunk >= layout.chunks() {
            return Err(Error::invalid("a chunk of another length is not sealed"));
        }
        let tag = self.0.encrypt_in_place_detached(&nonce(chunk, layout.is_last(chunk)), b"", plain);
        tag.map(Into::into).map_err(|_| Error::invalid("a chunk of this length can't be sealed"))
    }

    /// Opens a chunk, tag included, in place; what is left in `sealed` are its plain bytes. `Damaged`, and nothing is
    /// left, unless it is the authentic chunk of this place.
    pub fn open(&self, layout: &PayloadLayout, chunk: u64, sealed: &mut Vec<u8>) -> Result<()> {
        let plain_len = usize::try_from(layout.plain_range(chunk).len).unwrap_or(usize::MAX);
        let opened = match sealed.split_at_mut_checked(plain_len) {
            Some((plain, tag)) if tag.len() as u64 == TAG_LEN && chunk < layout.chunks() => {
                let nonce = nonce(chunk, layout.is_last(chunk));
                self.0.decrypt_in_place_detached(&nonce, b"", plain, Tag::from_slice(tag)).is_ok()
            }
            _ => false,
        };
        sealed.truncate(if opened { plain_len } else { 0 });
        match opened {
            true => Ok(()),
            false => Err(Error::damaged(alloc::format!(
                "chunk {chunk} of {} is not the one that was encrypted: the object was changed, cut or replaced; verify this \
                 backup",
                layout.chunks()
            ))),
        }
    }

    /// Opens chunks that follow each other and gives the part of their plain bytes that `range` asks for. `sealed` are the
    /// bytes of [`PayloadLayout::payload_range`].
    pub fn open_range(
        &self,
        layout: &PayloadLayout,
        chunks: Chunks,
        range: ByteRange,
        sealed: &[u8],
    ) -> Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(sealed.len());
        let mut rest = sealed;
        let mut opened = Vec::new();
        for chunk in chunks.first..chunks.first.saturating_add(chunks.count) {
            let len = layout.plain_range(chunk).len + TAG_LEN;
            let split = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
            let (head, tail) = split
                .ok_or_else(|| Error::damaged(alloc::format!("chunk {chunk} is cut; verify this backup")))?;
            opened.clear();
            opened.extend_from_slice(head);
            self.open(layout, chunk, &mut opened)?;
            plain.extend_from_slice(&opened);
            rest = tail;
        }
        let skip = range.offset.checked_sub(layout.plain_range(chunks.first).offset);
        let skip = skip.and_then(|skip| usize::try_from(skip).ok()).filter(|skip| *skip <= plain.len());
        let len = usize::try_from(range.len).ok();
        match skip.zip(len) {
            Some((skip, len)) if len <= plain.len() - skip && rest.is_empty() => {
                plain.truncate(skip + len);
                plain.drain(..skip);
                Ok(plain)
            }
            _ => Err(Error::damaged("other chunks came than were asked for")),
        }
    }
}

/// A counter of 11 bytes, big-endian, and a byte that is 1 in the last chunk.
fn nonce(chunk: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().skip(3).zip(chunk.to_be_bytes()) {
        *to = from;
    }
    if let Some(flag) = nonce.last_mut() {
        *flag = u8::from(is_last);
    }
    Nonce::from(nonce)
}

#[cfg(test)]
mod tests;
