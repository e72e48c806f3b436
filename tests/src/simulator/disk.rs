//! A disk in memory: performs effects one at a time, and says what a crash may leave of them.
//!
//! It also judges: a write into bytes that a superblock slot or a live reader names, or the loss of a log file that one
//! of them needs, is a panic that names the effect, even if no crash ever shows it.
use super::db::EPOCH;
use super::extents::{Extents, named_by_slot};
use super::file::{Loss, SimFile};
use crate::workload::Random;
use chronicle_core::engine::Effect;
use chronicle_core::format::{LOG_HEADER_LEN, LogHeader, SLOT_LEN, decode_frame, decode_slot, encode_slot};
use chronicle_core::source::ByteRange;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

/// What a live reader needs; dropped with its last holder.
#[derive(Debug)]
pub struct Needs {
    /// Its extents of `data.db`.
    pub extents: Vec<ByteRange>,
    /// The log files that it reads.
    pub logs: Vec<u64>,
}

/// `data.db` and its log files.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    /// The database file.
    pub data: SimFile,
    /// Log files by first LSN.
    pub logs: BTreeMap<u64, SimFile>,
    /// Deleted files whose deletion is not durable: a power cut may bring them back.
    deleted: BTreeMap<u64, SimFile>,
    readers: Vec<Weak<Needs>>,
    /// Bytes of `data.db` written so far.
    pub data_bytes_written: u64,
}

impl SimDisk {
    /// A disk with a database file and nothing else.
    pub fn new(data: Vec<u8>) -> Self {
        Self { data: SimFile::durable(data), ..Self::default() }
    }

    /// Registers a reader; what it needs is guarded while the answer lives.
    pub fn guard(&mut self, needs: Needs) -> Rc<Needs> {
        let needs = Rc::new(needs);
        self.readers.retain(|reader| reader.strong_count() > 0);
        self.readers.push(Rc::downgrade(&needs));
        needs
    }

    /// Performs one effect.
    pub fn perform(&mut self, effect: &Effect) {
        self.judge(effect);
        match effect {
            Effect::CreateLog { first_lsn, header } => {
                let created = self.logs.insert(*first_lsn, SimFile::durable(header.clone()));
                assert!(created.is_none(), "log file {first_lsn} is created over an existing one");
                // Making the name durable syncs the folder.
                self.deleted.clear();
            }
            Effect::TruncateLog { first_lsn, len } => {
                let file = self.log(*first_lsn);
                assert!(*len <= file.bytes().len() as u64, "a log file is cut behind its end");
                file.truncate(*len);
                file.sync();
            }
            Effect::AppendLog { first_lsn, offset, bytes } => self.log(*first_lsn).write(*offset, bytes),
            Effect::SyncLog { first_lsn } => self.log(*first_lsn).sync(),
            Effect::DropLog { first_lsn } => {
                let file = self.logs.remove(first_lsn);
                let file =
                    file.unwrap_or_else(|| panic!("log file {first_lsn} is dropped and does not exist"));
                self.deleted.insert(*first_lsn, file);
            }
            Effect::WriteData { offset, bytes } => {
                self.data_bytes_written += bytes.len() as u64;
                self.data.write(*offset, bytes);
            }
            Effect::SyncData => self.data.sync(),
            Effect::WriteSlot { slot, bytes } => {
                self.data.write(u64::from(*slot) * SLOT_LEN as u64, bytes);
            }
            Effect::TruncateData { len } => self.data.truncate(*len),
        }
    }

    /// Performs the first `cut` bytes of an effect that writes; `None` when it can't be torn there.
    pub fn tear(&self, effect: &Effect, cut: usize) -> Option<Self> {
        let mut disk = self.clone();
        match effect {
            Effect::CreateLog { first_lsn, header } => {
                disk.logs.insert(*first_lsn, SimFile::durable(header.get(..cut)?.to_vec()));
            }
            Effect::AppendLog { first_lsn, offset, bytes } => {
                disk.log(*first_lsn).write(*offset, bytes.get(..cut)?);
            }
            Effect::WriteData { offset, bytes } => disk.data.write(*offset, bytes.get(..cut)?),
            Effect::WriteSlot { slot, bytes } => {
                disk.data.write(u64::from(*slot) * SLOT_LEN as u64, bytes.get(..cut)?);
            }
            Effect::TruncateLog { .. }
            | Effect::SyncLog { .. }
            | Effect::DropLog { .. }
            | Effect::SyncData
            | Effect::TruncateData { .. } => return None,
        }
        Some(disk)
    }

    /// Where a torn write is cut: nothing, one byte, sectors, all but one byte.
    pub fn cuts(effect: &Effect) -> Vec<usize> {
        let len = match effect {
            Effect::CreateLog { header, .. } => header.len(),
            Effect::AppendLog { bytes, .. }
            | Effect::WriteData { bytes, .. }
            | Effect::WriteSlot { bytes, .. } => bytes.len(),
            _ => return Vec::new(),
        };
        let mut cuts = vec![0, 1, len / 2, len.saturating_sub(1), 80, 128];
        cuts.extend([512, 1024, 4096, 8192, len / 512 * 512, len / 4096 * 4096]);
        cuts.retain(|&cut| cut < len);
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    /// The disk after a crash. Its readers are gone.
    pub fn crash(&self, loss: Loss, random: &mut Random) -> Self {
        let mut logs: BTreeMap<u64, SimFile> =
            self.logs.iter().map(|(&lsn, file)| (lsn, file.crash(loss, random))).collect();
        let mut deleted = BTreeMap::new();
        for (&lsn, file) in &self.deleted {
            match loss {
                Loss::None => drop(deleted.insert(lsn, file.clone())),
                Loss::All => drop(logs.entry(lsn).or_insert_with(|| file.crash(loss, random))),
                Loss::Sectors(_) | Loss::Zeros if random.below(2) == 0 => {
                    logs.entry(lsn).or_insert_with(|| file.crash(loss, random));
                }
                Loss::Sectors(_) | Loss::Zeros => {}
            }
        }
        Self { data: self.data.crash(loss, random), logs, deleted, ..Self::default() }
    }

    /// True when a power cut could lose something.
    pub fn is_dirty(&self) -> bool {
        self.data.is_dirty() || !self.deleted.is_empty() || self.logs.values().any(SimFile::is_dirty)
    }

    /// Leaves only the frames up to `lsn`, as if later commits had never been.
    pub fn cut_log_after(&mut self, lsn: u64) {
        self.logs.retain(|&first_lsn, _| first_lsn <= lsn + 1);
        let Some((&first_lsn, file)) = self.logs.last_key_value() else { return };
        let bytes = file.bytes();
        let mut chain = LogHeader::decode(bytes).expect("a header that was written").chain;
        let mut end = LOG_HEADER_LEN as u64;
        for next in first_lsn..=lsn {
            let rest = bytes.get(end as usize..).unwrap_or_default();
            let frame = decode_frame(rest, end, &EPOCH, &chain).expect("a frame that was written");
            assert_eq!(frame.head.lsn, next);
            chain = frame.chain;
            end += frame.len_padded();
        }
        *self = Self { logs: std::mem::take(&mut self.logs), data: self.data.clone(), ..Self::default() };
        let file = self.logs.get_mut(&first_lsn).expect("the last file");
        *file = SimFile::durable(file.bytes()[..end as usize].to_vec());
        self.know_no_more_than(lsn);
    }

    /// Writes the superblocks as they were when no commit after `lsn` had been made.
    fn know_no_more_than(&mut self, lsn: u64) {
        let mut data = self.data.bytes().to_vec();
        for slot in [0, 1] {
            let start = slot * SLOT_LEN;
            let Ok(mut superblock) = decode_slot(&data[start..start + SLOT_LEN]) else { continue };
            superblock.root.durable_lsn = superblock.root.durable_lsn.min(lsn).max(superblock.root.lsn);
            let bytes = encode_slot(&superblock).expect("a superblock that fitted");
            data[start..start + bytes.len()].copy_from_slice(&bytes);
        }
        self.data = SimFile::durable(data);
    }

    fn log(&mut self, first_lsn: u64) -> &mut SimFile {
        self.logs.get_mut(&first_lsn).unwrap_or_else(|| panic!("log file {first_lsn} does not exist"))
    }

    /// What the slots name, as a crash now or later may show them.
    fn slots(&self) -> Vec<Extents> {
        let (written, durable) = (self.data.bytes(), self.data.durable_bytes());
        let mut named: Vec<Extents> =
            [0, 1].iter().filter_map(|&slot| named_by_slot(written, slot)).collect();
        if self.data.is_dirty() {
            // A crash falls back to the newest superblock that is durable, and no further.
            let durable = [0, 1].iter().filter_map(|&slot| named_by_slot(durable, slot));
            named.extend(durable.max_by_key(|slot| slot.generation));
        }
        named
    }

    fn judge(&self, effect: &Effect) {
        let changed = match effect {
            Effect::WriteData { offset, bytes } => ByteRange::new(*offset, bytes.len() as u64),
            Effect::TruncateData { len } => ByteRange::new(*len, u64::MAX - *len),
            Effect::DropLog { first_lsn } => return self.judge_drop(*first_lsn),
            _ => return,
        };
        let hit = |extents: &[ByteRange]| {
            extents.iter().copied().find(|it| it.offset < changed.end() && changed.offset < it.end())
        };
        for slot in self.slots() {
            if let Some(extent) = hit(&slot.extents) {
                panic!("{changed:?} is overwritten, but generation {} names {extent:?}", slot.generation);
            }
        }
        for reader in self.readers.iter().filter_map(Weak::upgrade) {
            if let Some(extent) = hit(&reader.extents) {
                panic!("{changed:?} is overwritten, but a live reader needs {extent:?}");
            }
        }
    }

    fn judge_drop(&self, first_lsn: u64) {
        for slot in self.slots() {
            if slot.log_first_lsn.is_some_and(|needed| first_lsn >= needed) && !self.is_unfinished(first_lsn)
            {
                panic!("log file {first_lsn} is dropped, but generation {} needs it", slot.generation);
            }
        }
        for reader in self.readers.iter().filter_map(Weak::upgrade) {
            assert!(
                !reader.logs.contains(&first_lsn),
                "log file {first_lsn} is dropped, but a reader needs it"
            );
        }
    }

    /// A log file whose making was interrupted holds nothing that anybody needs.
    fn is_unfinished(&self, first_lsn: u64) -> bool {
        let bytes = self.logs.get(&first_lsn).map_or(&[][..], SimFile::bytes);
        LogHeader::decode(bytes).is_err()
    }
}
