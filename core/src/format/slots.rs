//! The choice between the two superblock slots.
//!
//! The intact slot of the highest generation counts, whatever it says: when this build can't read it, falling back to
//! the other one would silently go back in time, so that is an error. A slot that is *not* intact is what a crash
//! during its writing leaves, and the other one counts.
use super::extent::{HEADER_AREA_LEN, SLOT_LEN};
use super::features::Access;
use super::reader::is_zero;
use super::superblock::{SLOT_HEAD_LEN, SLOT_MAGIC, SlotHead, Superblock, slot_of};
use crate::error::{At, Error, Result};
use crate::ids::Generation;

/// How the choice was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotReport {
    /// The slot that counts, 0 or 1.
    pub slot: usize,
    /// What this build may do with the file.
    pub access: Access,
    /// What lies in the other slot.
    pub other: OtherSlot,
}

/// The slot that does not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OtherSlot {
    /// An intact older superblock.
    Older {
        /// Its generation; one less than the chosen one unless a superblock was lost.
        generation: Generation,
    },
    /// Never written.
    Empty,
    /// Not intact: a superblock whose writing was interrupted, or damage. The writer's next superblock replaces it.
    Damaged(Error),
}

/// Reads the superblock that counts from the first 64 KiB of a file (or all of a shorter file).
///
/// Errors: `InvalidInput` when this is no Chronicle file (or an empty one), `Unsupported` when it needs a newer
/// Chronicle, `Damaged` when it is one and no slot is intact, or what the newest one says is impossible.
pub fn newest(header_area: &[u8]) -> Result<(Superblock, SlotReport)> {
    let slots = [slot_bytes(header_area, 0), slot_bytes(header_area, 1)];
    if !slots.iter().any(|slot| slot.starts_with(&SLOT_MAGIC)) {
        return Err(no_chronicle_file(header_area));
    }
    let [first, second] = [read_slot(slots[0], 0), read_slot(slots[1], 1)];
    let (head, other) = match (first, second) {
        (Ok(first), Ok(second)) => {
            if first.lineage != second.lineage || first.role != second.role {
                return Err(Error::damaged(alloc::format!(
                    "the two superblocks belong to two databases, {} and {}: this file was put together from both; \
                     restore it from a backup",
                    first.lineage,
                    second.lineage
                )));
            }
            let (newer, older) =
                if first.generation > second.generation { (first, second) } else { (second, first) };
            (newer, OtherSlot::Older { generation: older.generation })
        }
        (Ok(head), Err(error)) => (head, other_slot(slots[1], error)),
        (Err(error), Ok(head)) => (head, other_slot(slots[0], error)),
        (Err(first), Err(second)) => {
            return Err(Error::damaged(alloc::format!(
                "no superblock is intact ({first}; {second}): restore from a backup"
            )));
        }
    };
    let access = head.features.access(head.version, "the file")?;
    let slot = slot_of(head.generation);
    let superblock = head.open().at(|| alloc::format!("superblock slot {slot}"))?;
    Ok((superblock, SlotReport { slot, access, other }))
}

fn slot_bytes(header_area: &[u8], slot: usize) -> &[u8] {
    let from = header_area.get(slot * SLOT_LEN..).unwrap_or_default();
    from.get(..SLOT_LEN).unwrap_or(from)
}

fn read_slot(bytes: &[u8], slot: usize) -> Result<SlotHead<'_>> {
    let place = || alloc::format!("superblock slot {slot}");
    let head = SlotHead::read(bytes).at(place)?;
    if slot_of(head.generation) != slot {
        return Err(Error::damaged(alloc::format!(
            "generation {} belongs in the other slot",
            head.generation
        ))
        .at(place()));
    }
    Ok(head)
}

fn other_slot(bytes: &[u8], error: Error) -> OtherSlot {
    let head = bytes.get(..SLOT_HEAD_LEN).unwrap_or(bytes);
    if is_zero(head) { OtherSlot::Empty } else { OtherSlot::Damaged(error) }
}

fn no_chronicle_file(header_area: &[u8]) -> Error {
    let len = header_area.len();
    Error::invalid(if header_area.is_empty() {
        "the file is empty: no Chronicle database".into()
    } else if is_zero(header_area) {
        alloc::format!(
            "the file starts with {len} zeros: no Chronicle database, or one whose creation was cut off"
        )
    } else if (len as u64) < HEADER_AREA_LEN {
        alloc::format!("this is no Chronicle database: only {len} bytes, and they don't start as one does")
    } else {
        "this is no Chronicle database: it does not start as one does".into()
    })
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::super::superblock::{encode_slot, tests::resealed};
    use super::*;
    use crate::error::ErrorKind;
    use crate::ids::Lineage;
    use alloc::vec::Vec;

    fn slot(generation: u64) -> Vec<u8> {
        encode_slot(&examples::superblock(generation)).unwrap()
    }
    fn torn(generation: u64) -> Vec<u8> {
        let mut slot = slot(generation);
        slot[200..].fill(0);
        slot
    }
    fn area(first: Vec<u8>, second: Vec<u8>) -> Vec<u8> {
        let mut area = first;
        area.resize(SLOT_LEN, 0);
        area.extend_from_slice(&second);
        area.resize(2 * SLOT_LEN, 0);
        area
    }

    #[test]
    fn the_newest_intact_slot_counts() {
        let generation_and_other = |area: &[u8]| {
            let (superblock, report) = newest(area).unwrap();
            assert_eq!((report.slot, report.access), (superblock.slot(), Access::ReadWrite));
            (superblock.generation, report.other)
        };
        assert_eq!(generation_and_other(&area(slot(4), slot(5))), (5, OtherSlot::Older { generation: 4 }));
        assert_eq!(generation_and_other(&area(slot(6), slot(5))), (6, OtherSlot::Older { generation: 5 }));
        assert_eq!(generation_and_other(&area(slot(4), Vec::new())), (4, OtherSlot::Empty));
        assert_eq!(generation_and_other(&area(Vec::new(), slot(1))), (1, OtherSlot::Empty));
        // The newer torn, the older torn, and one that holds something else.
        for (area, expected) in [
            (area(slot(4), torn(5)), 4),
            (area(torn(4), slot(5)), 5),
            (area(slot(4), alloc::vec![0xaa; 4096]), 4),
            (area(slot(4), slot(6)), 4),
        ] {
            let (generation, other) = generation_and_other(&area);
            assert_eq!(generation, expected);
            assert!(matches!(other, OtherSlot::Damaged(_)), "{other:?}");
        }
    }

    #[test]
    fn a_file_cut_off_in_its_second_slot_still_opens_by_its_first() {
        let (superblock, report) = newest(&slot(4)).unwrap();
        assert_eq!((superblock.generation, report.other), (4, OtherSlot::Empty));
    }

    #[test]
    fn what_can_not_be_opened_is_told_apart() {
        let foreign = {
            let mut other = examples::superblock(5);
            other.lineage = Lineage([0x99; 16]);
            encode_slot(&other).unwrap()
        };
        let random: Vec<u8> = (0..70_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let version_1 = |generation| resealed(slot(generation), 8, &[1]);
        let cases: [(&str, Vec<u8>, ErrorKind, &str); 13] = [
            ("both torn", area(torn(4), torn(5)), ErrorKind::Damaged, "no superblock is intact"),
            ("torn and empty", area(torn(4), Vec::new()), ErrorKind::Damaged, "no superblock is intact"),
            ("swapped", area(slot(5), slot(4)), ErrorKind::Damaged, "belongs in the other slot"),
            ("two databases", area(slot(4), foreign), ErrorKind::Damaged, "two databases"),
            ("version 1", area(version_1(4), version_1(5)), ErrorKind::Unsupported, "version 1"),
            ("newer is version 1", area(slot(4), version_1(5)), ErrorKind::Unsupported, "version 1"),
            (
                "incompatible feature",
                area(slot(4), resealed(slot(5), 32, &[2])),
                ErrorKind::Unsupported,
                "features 0x2",
            ),
            ("empty", Vec::new(), ErrorKind::InvalidInput, "empty"),
            ("short", b"CHRON".to_vec(), ErrorKind::InvalidInput, "only 5 bytes"),
            ("cut in the head", slot(4)[..100].to_vec(), ErrorKind::Damaged, "no superblock is intact"),
            ("random", random, ErrorKind::InvalidInput, "does not start as one does"),
            ("zeros", alloc::vec![0; 65_536], ErrorKind::InvalidInput, "65536 zeros"),
            // The hash is right, so nothing was torn: going back to slot 0 would hide that.
            (
                "impossible root",
                area(slot(4), resealed(slot(5), 128, &[9])),
                ErrorKind::Damaged,
                "the catalog root can't be read",
            ),
        ];
        for (name, area, kind, message) in cases {
            let error = newest(&area).unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(alloc::format!("{error}").contains(message), "{name}: {error}");
        }
    }

    #[test]
    fn an_older_slot_of_another_version_does_not_matter() {
        let (superblock, _) = newest(&area(resealed(slot(4), 8, &[1]), slot(5))).unwrap();
        assert_eq!(superblock.generation, 5);
    }

    #[test]
    fn an_unknown_read_only_compatible_feature_opens_for_reading_only() {
        let (_, report) = newest(&area(slot(4), resealed(slot(5), 24, &[8]))).unwrap();
        assert_eq!(report.access, Access::ReadOnly { unknown_features: 8 });
    }
}
