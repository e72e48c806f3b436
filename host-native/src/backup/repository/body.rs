//! Body of a container: the pieces of a plan, read from the database's file while it is in use, or from objects.
use super::objects::Objects;
use crate::destination::Body;
use crate::error::{Error, Result};
use crate::files::data_file::DataFile;
use chronicle_core::backup::repository::{ObjectRange, PointPiece};
use chronicle_core::backup::{PackedFile, Piece};
use chronicle_core::ids::Hash;
use std::sync::{Mutex, PoisonError};

/// Windows in which a body is read to be hashed.
const WINDOW_BYTES: usize = 1 << 20;

/// A packed file that is never written down here, piece by piece from where its bytes lie.
pub(super) struct ContainerBody<'a> {
    /// Each piece with the offset at which it begins.
    pieces: Vec<(u64, Part<'a>)>,
    len: u64,
}

/// Where a piece lies.
enum Part<'a> {
    /// In the database's file, from this offset on. The snapshot that the plan was made from pins it.
    Data(&'a DataFile, u64, u64),
    /// In an object.
    Object(&'a Objects, ObjectRange),
    /// Here.
    Bytes(&'a [u8]),
    /// Nowhere.
    Zeros(u64),
}

impl<'a> ContainerBody<'a> {
    pub(super) fn new(data: &'a DataFile, file: &'a PackedFile) -> Self {
        Self::of(file.pieces().map(|piece| match piece {
            Piece::Copy(from) => Part::Data(data, from.offset, from.len),
            Piece::Bytes(bytes) => Part::Bytes(bytes),
            Piece::Zeros(len) => Part::Zeros(len),
        }))
    }

    /// Of segments that lie in objects.
    pub(super) fn gathered(objects: &'a Objects, pieces: impl Iterator<Item = PointPiece<'a>>) -> Self {
        Self::of(pieces.map(|piece| match piece {
            PointPiece::Object(from) => Part::Object(objects, from),
            PointPiece::Bytes(bytes) => Part::Bytes(bytes),
            PointPiece::Zeros(len) => Part::Zeros(len),
        }))
    }

    fn of(parts: impl Iterator<Item = Part<'a>>) -> Self {
        let mut len = 0u64;
        let pieces = parts
            .map(|part| {
                let start = len;
                len = len.saturating_add(part.len());
                (start, part)
            })
            .collect();
        Self { pieces, len }
    }
}

impl Part<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::Data(_, _, len) | Self::Zeros(len) => *len,
            Self::Object(_, from) => from.range.len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `part` from `skip` on.
    fn read(&self, skip: u64, part: &mut [u8]) -> Result<()> {
        match self {
            Self::Data(data, offset, _) => data.read_into(offset + skip, part)?,
            Self::Object(objects, from) => {
                let bytes = objects.data(from.object, from.range.offset + skip, part.len() as u64)?;
                part.copy_from_slice(&bytes);
            }
            Self::Zeros(_) => part.fill(0),
            Self::Bytes(bytes) => {
                let from = usize::try_from(skip).ok().and_then(|skip| bytes.get(skip..)?.get(..part.len()));
                part.copy_from_slice(from.ok_or_else(|| Error::damaged("a plan's bytes are short"))?);
            }
        }
        Ok(())
    }
}

impl Body for ContainerBody<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len) {
            return Err(Error::damaged(format!(
                "{} bytes at offset {offset} of {} were asked for",
                buffer.len(),
                self.len
            )));
        }
        let first = self.pieces.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        for (start, piece) in self.pieces.iter().skip(first) {
            if buffer.is_empty() {
                break;
            }
            let skip = offset - start;
            let step = usize::try_from(piece.len() - skip).unwrap_or(usize::MAX).min(buffer.len());
            let (part, rest) = buffer.split_at_mut(step);
            piece.read(skip, part)?;
            (buffer, offset) = (rest, offset + step as u64);
        }
        Ok(())
    }
}

/// A body that is hashed while it is read, as long as it is read from front to back.
pub(super) struct HashingBody<'a> {
    body: &'a dyn Body,
    /// The hash of what was read, and where that ends.
    seen: Mutex<(blake3::Hasher, u64)>,
}

impl<'a> HashingBody<'a> {
    pub(super) fn new(body: &'a dyn Body) -> Self {
        Self { body, seen: Mutex::new((blake3::Hasher::new(), 0)) }
    }

    /// BLAKE3 of all of it; `None` when it was not read in order to its end.
    pub(super) fn hash(&self) -> Option<Hash> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.1 == self.body.len()).then(|| Hash(*seen.0.finalize().as_bytes()))
    }
}

impl Body for HashingBody<'_> {
    fn len(&self) -> u64 {
        self.body.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.body.read_exact_at(offset, buffer)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if offset == 0 {
            // Whoever starts again, after a failure, is followed.
            *seen = (blake3::Hasher::new(), 0);
        }
        if offset == seen.1 {
            seen.0.update_rayon(buffer);
            seen.1 += buffer.len() as u64;
        }
        Ok(())
    }
}

/// BLAKE3 of a body; `progress` is told how many bytes are done.
pub(super) fn hash_of(body: &dyn Body, progress: &dyn Fn(u64)) -> Result<Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; WINDOW_BYTES];
    let mut at = 0;
    while at < body.len() {
        let step = usize::try_from(body.len() - at).unwrap_or(usize::MAX).min(WINDOW_BYTES);
        let Some(part) = buffer.get_mut(..step) else { break };
        body.read_exact_at(at, part)?;
        hasher.update_rayon(part);
        at += step as u64;
        progress(at);
    }
    Ok(Hash(*hasher.finalize().as_bytes()))
}
