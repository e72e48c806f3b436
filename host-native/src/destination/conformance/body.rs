//! Bodies for checks: of any length without memory, and ones that fail.
use super::super::Body;
use crate::error::{Error, ErrorKind, Result};

/// Bytes that follow from a seed and the offset, so that any two seeds and any two offsets differ.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    pub(super) seed: u64,
    pub(super) len: u64,
}

impl Pattern {
    pub(super) fn bytes(&self, offset: u64, len: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        self.fill(offset, &mut bytes);
        bytes
    }

    pub(super) fn all(&self) -> Vec<u8> {
        self.bytes(0, self.len)
    }

    fn fill(&self, offset: u64, buffer: &mut [u8]) {
        let mut word = [0; 8];
        let mut known = None;
        for (at, byte) in (offset..).zip(buffer) {
            if known != Some(at / 8) {
                word = mix(self.seed ^ mix(at / 8)).to_le_bytes();
                known = Some(at / 8);
            }
            *byte = word.get((at % 8) as usize).copied().unwrap_or_default();
        }
    }
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Body for Pattern {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len) {
            return Err(Error::damaged(format!(
                "{} bytes at {offset} of {} were asked for",
                buffer.len(),
                self.len
            )));
        }
        self.fill(offset, buffer);
        Ok(())
    }
}

/// A body that can't be read from some offset on: what a put sees when its source fails, or its process is about to die.
pub(super) struct Broken {
    pub(super) pattern: Pattern,
    pub(super) readable: u64,
}

impl Body for Broken {
    fn len(&self) -> u64 {
        self.pattern.len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        if offset.saturating_add(buffer.len() as u64) > self.readable {
            return Err(Error::new(ErrorKind::Io, "the source of this put broke off, on purpose"));
        }
        self.pattern.read_exact_at(offset, buffer)
    }
}
