//! Bodies that are encrypted while they are read, the same bytes each time.
//!
//! All that is random about an object follows from a secret of the job, the object's name and its plain content: an attempt that is
//! repeated sends the same bytes, and other content never meets the same key.
use super::header;
use super::keys::{Passphrase, Recipient};
use crate::destination::Body;
use crate::error::{Error, Result};
use crate::host::random_bytes;
use chronicle_core::crypt::{Chunks, FILE_KEY_LEN, FileKey, NONCE_LEN, PayloadKey, PayloadLayout};
use chronicle_core::ids::Hash;
use chronicle_core::source::ByteRange;
use std::collections::BTreeSet;
use std::fmt::Display;

/// Bytes above which several threads encrypt.
const PARALLEL_BYTES: usize = 512 << 10;

/// What the keys of a job's objects are derived from: 32 random bytes that nobody else has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) [u8; 32]);

impl Secret {
    pub(crate) fn random() -> Result<Self> {
        random_bytes().map(Self)
    }

    /// Bytes for one use, of one object, with one content.
    fn derive(&self, usage: &str, name: &str, content: &Hash) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        // Lengths keep the parts apart.
        for part in [usage.as_bytes(), name.as_bytes(), &content.0] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }
}

/// An age file that is made of a plain body while it is read.
pub(crate) struct EncryptedBody<'a> {
    head: Vec<u8>,
    key: PayloadKey,
    layout: PayloadLayout,
    plain: &'a dyn Body,
}

impl<'a> EncryptedBody<'a> {
    /// Of the object `name`, whose plain bytes have the BLAKE3 `content`.
    pub(crate) fn new(
        secret: &Secret,
        recipients: &BTreeSet<Recipient>,
        name: &dyn Display,
        content: &Hash,
        plain: &'a dyn Body,
    ) -> Result<Self> {
        let name = name.to_string();
        let mut file_key = FileKey([0; FILE_KEY_LEN]);
        file_key.0.copy_from_slice(&secret.derive("file key", &name, content)[..FILE_KEY_LEN]);
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&secret.derive("nonce", &name, content)[..NONCE_LEN]);
        let ephemeral = |to: &Recipient| secret.derive(&format!("ephemeral {to}"), &name, content);
        let mut head = header::for_recipients(&file_key, recipients.iter(), ephemeral)?;
        head.extend_from_slice(&nonce);
        let layout = PayloadLayout::of_plain(plain.len())?;
        Ok(Self { head, key: PayloadKey::new(&file_key, &nonce), layout, plain })
    }

    /// Sealed chunks, one after another.
    fn seal(&self, chunks: Chunks) -> Result<Vec<u8>> {
        let range = self.layout.payload_range(chunks);
        let mut sealed = vec![0; usize::try_from(range.len).unwrap_or(usize::MAX)];
        let mut parts = Vec::new();
        let mut rest = sealed.as_mut_slice();
        for chunk in chunks.first..chunks.first + chunks.count {
            let len = usize::try_from(self.layout.plain_range(chunk).len).unwrap_or(usize::MAX);
            let (plain, after) = rest.split_at_mut(len);
            let (tag, after) = after.split_at_mut_checked(16).unwrap_or_default();
            self.plain.read_exact_at(self.layout.plain_range(chunk).offset, plain)?;
            parts.push((chunk, plain, tag));
            rest = after;
        }
        let seal = |parts: &mut [(u64, &mut [u8], &mut [u8])]| -> Result<()> {
            for (chunk, plain, tag) in parts {
                tag.copy_from_slice(&self.key.seal(&self.layout, *chunk, plain)?);
            }
            Ok(())
        };
        if range.len <= PARALLEL_BYTES as u64 {
            seal(&mut parts)?;
        } else {
            let (first, second) = parts.split_at_mut(chunks.count as usize / 2);
            std::thread::scope(|scope| {
                let other = scope.spawn(|| seal(first));
                let this = seal(second);
                let other = other.join().map_err(|_| Error::damaged("a thread that encrypts ended early"))?;
                this.and(other)
            })?;
        }
        Ok(sealed)
    }
}

impl Body for EncryptedBody<'_> {
    fn len(&self) -> u64 {
        self.head.len() as u64 + self.layout.payload_len()
    }

    fn read_exact_at(&self, offset: u64, mut buffer: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.len());
        end.ok_or_else(|| Error::damaged("bytes behind the end of an object were asked for"))?;
        let mut at = offset;
        let head = usize::try_from(at).ok().and_then(|at| self.head.get(at..));
        if let Some(head) = head.filter(|head| !head.is_empty()) {
            let step = head.len().min(buffer.len());
            let (part, rest) = buffer.split_at_mut(step);
            part.copy_from_slice(head.get(..step).unwrap_or_default());
            (buffer, at) = (rest, at + step as u64);
        }
        if buffer.is_empty() {
            return Ok(());
        }
        let sealed_len = chronicle_core::crypt::CHUNK_LEN + chronicle_core::crypt::TAG_LEN;
        let wanted = ByteRange::new(at - self.head.len() as u64, buffer.len() as u64);
        let first = wanted.offset / sealed_len;
        let chunks = Chunks { first, count: wanted.end().div_ceil(sealed_len) - first };
        let sealed = self.seal(chunks)?;
        let skip = usize::try_from(wanted.offset - first * sealed_len).unwrap_or(usize::MAX);
        let part = sealed.get(skip..).and_then(|part| part.get(..buffer.len()));
        buffer.copy_from_slice(part.ok_or_else(|| Error::damaged("a chunk is short"))?);
        Ok(())
    }
}

/// A small age file under a passphrase.
pub(crate) fn encrypt(passphrase: &Passphrase, plain: &[u8]) -> Result<Vec<u8>> {
    let file_key = FileKey(random_bytes()?);
    let nonce = random_bytes()?;
    let mut object = header::under(&file_key, passphrase, random_bytes()?)?;
    object.extend_from_slice(&nonce);
    let layout = PayloadLayout::of_plain(plain.len() as u64)?;
    let key = PayloadKey::new(&file_key, &nonce);
    for chunk in 0..layout.chunks() {
        let range = layout.plain_range(chunk);
        let part = plain.get(range.offset as usize..range.end() as usize).unwrap_or_default();
        let mut part = part.to_vec();
        let tag = key.seal(&layout, chunk, &mut part)?;
        object.extend(part);
        object.extend(tag);
    }
    Ok(object)
}
