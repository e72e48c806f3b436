//! A file with what is durable and what is only written: the difference is what a power cut may lose.
use crate::workload::Random;
use std::ops::Range;

/// What of the unsynced writes a crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Everything since the last sync is lost: a power cut.
    All,
    /// Nothing is lost: the process was killed, the machine went on.
    None,
    /// Each sector of this many bytes is kept or lost by itself, whatever the order of the writes: a power cut in the
    /// middle of write-back. Where the file grew over a lost sector it holds zeros.
    Sectors(usize),
    /// The new length is kept, the new bytes are not: zeros where the file grew.
    Zeros,
}

/// Bytes of one file.
#[derive(Clone, Debug, Default)]
pub struct SimFile {
    durable: Vec<u8>,
    written: Vec<u8>,
    unsynced: Vec<Range<usize>>,
    len_changed: bool,
}

impl SimFile {
    /// A file that is on the medium.
    pub fn durable(bytes: Vec<u8>) -> Self {
        Self { written: bytes.clone(), durable: bytes, unsynced: Vec::new(), len_changed: false }
    }

    /// What a reader sees.
    pub fn bytes(&self) -> &[u8] {
        &self.written
    }

    /// What a power cut can't take.
    pub fn durable_bytes(&self) -> &[u8] {
        &self.durable
    }

    /// Changes bytes behind everyone's back.
    pub fn damage(&mut self, at: usize, mask: u8) {
        self.written[at] ^= mask;
        self.durable[at] ^= mask;
    }

    /// Writes, growing the file with zeros where it has to.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let start = offset as usize;
        let end = start + bytes.len();
        if end > self.written.len() {
            self.written.resize(end, 0);
            self.len_changed = true;
        }
        self.written[start..end].copy_from_slice(bytes);
        self.unsynced.push(start..end);
    }

    /// Cuts the file.
    pub fn truncate(&mut self, len: u64) {
        self.written.truncate(len as usize);
        self.len_changed = true;
    }

    /// Makes everything durable.
    pub fn sync(&mut self) {
        if self.len_changed {
            self.durable.clone_from(&self.written);
        } else {
            for range in &self.unsynced {
                self.durable[range.clone()].copy_from_slice(&self.written[range.clone()]);
            }
        }
        self.unsynced.clear();
        self.len_changed = false;
    }

    /// True when a power cut could lose something.
    pub fn is_dirty(&self) -> bool {
        self.len_changed || !self.unsynced.is_empty()
    }

    /// The file after a crash. After [`Loss::None`] what was written is still not durable.
    pub fn crash(&self, loss: Loss, random: &mut Random) -> Self {
        let bytes = match loss {
            Loss::None => return self.clone(),
            Loss::All => self.durable.clone(),
            Loss::Zeros => {
                let mut bytes = self.durable.clone();
                bytes.resize(self.written.len().max(bytes.len()), 0);
                bytes
            }
            Loss::Sectors(sector) => self.some_sectors(sector, random),
        };
        Self::durable(bytes)
    }

    fn some_sectors(&self, sector: usize, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let shrinks = self.written.len() < bytes.len();
        if !shrinks && (self.written.len() > bytes.len()) && random.below(4) > 0 {
            bytes.resize(self.written.len(), 0);
        }
        for range in &self.unsynced {
            let mut start = range.start;
            while start < range.end {
                let end = (start / sector * sector + sector).min(range.end);
                // A later truncation may have taken what was written here.
                let end_kept = end.min(self.written.len());
                if random.below(2) == 0 && start < end_kept {
                    if bytes.len() < end_kept {
                        bytes.resize(end_kept, 0);
                    }
                    bytes[start..end_kept].copy_from_slice(&self.written[start..end_kept]);
                }
                start = end;
            }
        }
        if shrinks && random.below(2) == 0 {
            bytes.truncate(self.written.len());
        }
        bytes
    }
}
