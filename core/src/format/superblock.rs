//! A superblock: one of the two slots at the start of a container, from which everything in it is found.
//!
//! The first 128 bytes, what they mean and what the hash covers stay the same in every version of the format, so that
//! a newer file is told from a damaged one with certainty.
use super::catalog_root::CatalogRoot;
use super::extent::{ALIGNMENT, SLOT_LEN};
use super::features::{FORMAT_VERSION, Features};
use super::metadata;
use super::reader::{Reader, is_zero};
use crate::error::{At, Error, ErrorKind, Result};
use crate::ids::{Epoch, Generation, Hash16, Lineage};
use alloc::vec::Vec;

/// The first bytes of every slot.
pub const SLOT_MAGIC: [u8; 8] = *b"CHRONDB\0";
/// Bytes of a slot before the root.
pub const SLOT_HEAD_LEN: usize = 128;
/// The part of the head that the hash covers; the hash itself follows it.
const HASHED_LEN: usize = 112;
/// Bytes 84..112, which must be zero in version 0.
const RESERVED_LEN: usize = 28;

/// What a container is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// 1: `data.db`, a database.
    Database,
    /// 2: `changes.db`, the segments that a delta adds.
    Changes,
}

/// Everything a slot says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Superblock {
    /// What the container is for.
    pub role: Role,
    /// Feature bits; unknown compatible ones are kept when the next slot is written.
    pub features: Features,
    /// Number of this superblock; its slot is `generation % 2`.
    pub generation: Generation,
    /// The database's history.
    pub lineage: Lineage,
    /// The stretch of it that the file is in.
    pub epoch: Epoch,
    /// The catalog.
    pub root: CatalogRoot,
}

impl Superblock {
    /// The slot that this superblock is written to, 0 or 1.
    pub fn slot(&self) -> usize {
        slot_of(self.generation)
    }
    /// Where that slot starts in the file.
    pub fn slot_offset(&self) -> u64 {
        (self.slot() * SLOT_LEN) as u64
    }
    fn check(&self) -> Result<()> {
        self.root.check()?;
        if self.root.parent.is_some_and(|parent| parent.epoch == self.epoch) {
            return Err(Error::damaged("the epoch is its own parent"));
        }
        Ok(())
    }
}

pub(crate) fn slot_of(generation: Generation) -> usize {
    usize::from(!generation.is_multiple_of(2))
}

/// The head of an intact slot of any version, and its root's bytes.
pub(crate) struct SlotHead<'a> {
    pub(crate) version: u32,
    pub(crate) role: u32,
    pub(crate) features: Features,
    pub(crate) generation: Generation,
    pub(crate) lineage: Lineage,
    pub(crate) epoch: Epoch,
    reserved: &'a [u8],
    root: &'a [u8],
}

impl<'a> SlotHead<'a> {
    /// Checks magic and hash, and nothing else. `slot` may be longer than what was written.
    pub(crate) fn read(slot: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(slot);
        if reader.array()? != SLOT_MAGIC {
            return Err(Error::damaged("the slot does not start as one does"));
        }
        let (version, role) = (reader.u32()?, reader.u32()?);
        let features = Features {
            compatible: reader.u64()?,
            read_only_compatible: reader.u64()?,
            incompatible: reader.u64()?,
        };
        let generation = reader.u64()?;
        let (lineage, epoch) = (Lineage(reader.array()?), Epoch(reader.array()?));
        let root_len = reader.u32()?;
        let reserved = reader.take(RESERVED_LEN)?;
        let hash = Hash16(reader.array()?);
        let root_len = usize::try_from(root_len).unwrap_or(usize::MAX);
        if root_len > SLOT_LEN - SLOT_HEAD_LEN {
            return Err(Error::damaged(alloc::format!("a root of {root_len} bytes does not fit its slot")));
        }
        let root = reader.take(root_len)?;
        if hash != seal(Reader::new(slot).take(HASHED_LEN)?, root) {
            return Err(Error::damaged("the slot's hash is not that of its bytes"));
        }
        Ok(Self { version, role, features, generation, lineage, epoch, reserved, root })
    }

    /// Reads the rest, if this build can.
    pub(crate) fn open(&self) -> Result<Superblock> {
        self.features.access(self.version, "the file")?;
        let role = match self.role {
            1 => Role::Database,
            2 => Role::Changes,
            role => {
                return Err(Error::unsupported(alloc::format!(
                    "the file has role {role}, which this build does not know"
                )));
            }
        };
        if !is_zero(self.reserved) {
            return Err(Error::unsupported("the superblock uses bytes that version 0 leaves zero"));
        }
        let superblock = Superblock {
            role,
            features: self.features,
            generation: self.generation,
            lineage: self.lineage,
            epoch: self.epoch,
            root: metadata::decode(self.root, "the catalog root")?,
        };
        superblock.check()?;
        Ok(superblock)
    }
}

/// The bytes of a slot, padded to 4 KiB, to be written at [`Superblock::slot_offset`]. A root that does not fit is
/// `LimitExceeded`: merge pages first.
pub fn encode_slot(superblock: &Superblock) -> Result<Vec<u8>> {
    superblock.check().at(|| "superblock to be written")?;
    let root = metadata::encode(&superblock.root, "the catalog root")?;
    let root_len = match u32::try_from(root.len()) {
        Ok(len) if root.len() <= SLOT_LEN - SLOT_HEAD_LEN => len,
        _ => {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                alloc::format!(
                    "the catalog's root of {} bytes and {} pages does not fit a slot of {SLOT_LEN} bytes",
                    root.len(),
                    superblock.root.pages.len()
                ),
            ));
        }
    };
    let mut slot = Vec::with_capacity(SLOT_LEN);
    slot.extend_from_slice(&SLOT_MAGIC);
    slot.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    let role: u32 = match superblock.role {
        Role::Database => 1,
        Role::Changes => 2,
    };
    slot.extend_from_slice(&role.to_le_bytes());
    let Features { compatible, read_only_compatible, incompatible } = superblock.features;
    for word in [compatible, read_only_compatible, incompatible, superblock.generation] {
        slot.extend_from_slice(&word.to_le_bytes());
    }
    slot.extend_from_slice(&superblock.lineage.0);
    slot.extend_from_slice(&superblock.epoch.0);
    slot.extend_from_slice(&root_len.to_le_bytes());
    slot.extend_from_slice(&[0; RESERVED_LEN]);
    let hash = seal(&slot, &root);
    slot.extend_from_slice(&hash.0);
    slot.extend_from_slice(&root);
    slot.resize(slot.len().next_multiple_of(ALIGNMENT as usize), 0);
    Ok(slot)
}

/// Reads one slot, wherever it lies. [`super::slots::newest`] is what opens a file; this is for tools that look at
/// each slot on its own.
pub fn decode_slot(slot: &[u8]) -> Result<Superblock> {
    SlotHead::read(slot)?.open()
}

/// The hash of a slot: over the head up to the hash, and the root.
fn seal(head: &[u8], root: &[u8]) -> Hash16 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(root);
    crate::ids::Hash(*hasher.finalize().as_bytes()).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::examples;
    use super::*;
    use alloc::string::String;

    /// Changes bytes of a slot and makes its hash right again, as a newer or hostile writer would.
    pub(crate) fn resealed(mut slot: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
        slot[at..at + bytes.len()].copy_from_slice(bytes);
        let root_len = u32::from_le_bytes(slot[80..84].try_into().unwrap()) as usize;
        let hash = seal(&slot[..HASHED_LEN], &slot[SLOT_HEAD_LEN..SLOT_HEAD_LEN + root_len]);
        slot[112..128].copy_from_slice(&hash.0);
        slot
    }

    #[test]
    fn a_superblock_reads_back() {
        let mut superblock = examples::superblock(5);
        superblock.features.compatible = 1 << 63;
        superblock.role = Role::Changes;
        let slot = encode_slot(&superblock).unwrap();
        assert_eq!(slot.len(), 4096);
        assert_eq!(decode_slot(&slot).unwrap(), superblock);
        assert_eq!((superblock.slot(), superblock.slot_offset()), (1, 32_768));
    }

    #[test]
    fn the_bytes_of_a_slot_never_change() {
        let slot = encode_slot(&examples::superblock(4)).unwrap();
        let written = slot.iter().rposition(|&byte| byte != 0).unwrap() + 1;
        let hex: String = slot[..written].iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }
    const GOLDEN: &str = "4348524f4e4442000000000001000000000000000000000000000000000000000000000000000000040000000000000\
        01111111111111111111111111111111122222222222222222222222222222222040100000000000000000000000000\
        0000000000000000000000000000000000782718960517a3ff135db6d3a9ae8faa01777777777777777777777777777\
        77777288888888888888888888888888888888888888888888888888888888888888888038080a4c9ffc18901010100\
        0001076370752e6d6178000101036370750a686f7374203d202761273c050104076370752e6d6178b0092801fffffff\
        fffffffffff010001b00901e012feffffffffffffffff01648080d0cbcaf0acae2f3333333333333333333333333333\
        3333333333333333333333333333333333336901518020808040987502020201808004f403555555555555555555555\
        555555555550300d00fa01f0380a004f403666666666666666666666666666666660200feffffffffffffffff01ffff\
        ffffffffffffff01";

    #[test]
    fn every_flipped_byte_of_a_slot_is_damage() {
        let mut slot = encode_slot(&examples::superblock(4)).unwrap();
        let root_len = u32::from_le_bytes(slot[80..84].try_into().unwrap()) as usize;
        for at in 0..SLOT_HEAD_LEN + root_len {
            slot[at] ^= 1;
            assert_eq!(decode_slot(&slot).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
            slot[at] ^= 1;
        }
    }

    #[test]
    fn a_slot_cut_off_anywhere_is_damage() {
        let slot = encode_slot(&examples::superblock(4)).unwrap();
        let root_len = u32::from_le_bytes(slot[80..84].try_into().unwrap()) as usize;
        for len in 0..SLOT_HEAD_LEN + root_len {
            assert_eq!(decode_slot(&slot[..len]).unwrap_err().kind(), ErrorKind::Damaged);
        }
    }

    #[test]
    fn a_well_sealed_slot_of_another_kind_is_unsupported() {
        let slot = || encode_slot(&examples::superblock(4)).unwrap();
        for (at, value) in [(8, 1), (12, 3), (32, 1), (84, 1), (111, 1)] {
            let error = decode_slot(&resealed(slot(), at, &[value])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "byte {at}: {error}");
        }
    }

    #[test]
    fn a_forged_number_of_pages_behind_a_good_hash_is_damage_and_no_allocation() {
        let mut superblock = examples::superblock(4);
        superblock.root.pages.clear();
        let mut slot = encode_slot(&superblock).unwrap();
        let root_len = u32::from_le_bytes(slot[80..84].try_into().unwrap());
        // The number of pages is the root's last byte: put 2^60 there.
        let at = SLOT_HEAD_LEN + root_len as usize - 1;
        slot[80..84].copy_from_slice(&(root_len + 8).to_le_bytes());
        let slot = resealed(slot, at, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
        let error = decode_slot(&slot).unwrap_err();
        assert!(error.message().contains("the catalog root can't be read"), "{error}");
    }

    #[test]
    fn a_forged_root_behind_a_good_hash_reads_as_something_or_is_an_error() {
        let slot = encode_slot(&examples::superblock(4)).unwrap();
        let root_len = u32::from_le_bytes(slot[80..84].try_into().unwrap()) as usize;
        let mut refused = 0;
        for at in SLOT_HEAD_LEN..SLOT_HEAD_LEN + root_len {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                match decode_slot(&resealed(slot.clone(), at, &[value])) {
                    Ok(superblock) => superblock.check().unwrap(),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 0);
    }

    #[test]
    fn a_root_that_outgrows_its_slot_is_a_limit() {
        let mut superblock = examples::superblock(4);
        let page = superblock.root.pages[0];
        superblock.root.file_len = 1 << 40;
        superblock.root.pages = (0..1_500)
            .map(|index| super::super::page::PageRef { offset: (16 + index) * 4096, ..page })
            .collect();
        let error = encode_slot(&superblock).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        superblock.root.pages.truncate(1_000);
        assert_eq!(decode_slot(&encode_slot(&superblock).unwrap()).unwrap(), superblock);
    }
}
