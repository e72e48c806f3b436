//! Body of a container: the pieces of a plan, read from the database's file while it is in use.
use crate::destination::Body;
use crate::error::{Error, Result};
use crate::files::data_file::DataFile;
use chronicle_core::backup::{PackedFile, Piece};
use chronicle_core::ids::Hash;

/// Windows in which a body is read to be hashed.
const WINDOW_BYTES: usize = 1 << 20;

/// A packed file that is never written down here. The snapshot it was planned from pins what it reads.
pub(super) struct ContainerBody<'a> {
    data: &'a DataFile,
    /// Each piece with the offset at which it begins.
    pieces: Vec<(u64, Piece<'a>)>,
    len: u64,
}

impl<'a> ContainerBody<'a> {
    pub(super) fn new(data: &'a DataFile, file: &'a PackedFile) -> Self {
        let mut at = 0u64;
        let pieces = file
            .pieces()
            .map(|piece| {
                let start = at;
                at = at.saturating_add(piece.len());
                (start, piece)
            })
            .collect();
        Self { data, pieces, len: file.file_len }
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
            match piece {
                Piece::Copy(from) => self.data.read_into(from.offset + skip, part)?,
                Piece::Zeros(_) => part.fill(0),
                Piece::Bytes(bytes) => {
                    let from = usize::try_from(skip).ok().and_then(|skip| bytes.get(skip..)?.get(..step));
                    part.copy_from_slice(from.ok_or_else(|| Error::damaged("a plan's bytes are short"))?);
                }
            }
            (buffer, offset) = (rest, offset + step as u64);
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
        hasher.update(part);
        at += step as u64;
        progress(at);
    }
    Ok(Hash(*hasher.finalize().as_bytes()))
}
