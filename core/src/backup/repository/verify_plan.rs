//! Verify plan: every object that a point of the repository needs, with what it must be, and who needs it.
//!
//! At the level of records an object must be there with its length; at the full level its bytes must hash to what its
//! record says, and what lies in it is checked as in any container or log ([`crate::verify`]).
use super::inventory::Inventory;
use super::name::{ObjectFile, ObjectName, PointNumber};
use crate::ids::Hash;
use crate::text::human_bytes;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

/// An object that must be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectCheck {
    /// Its name.
    pub name: ObjectName,
    /// Its bytes; `None` where the record that brought it can't be read: then only its segments can be checked.
    pub len: Option<u64>,
    /// BLAKE3 of all of them; `None` in the same case.
    pub blake3: Option<Hash>,
    /// The first point that needs it.
    pub first: PointNumber,
    /// The last point that needs it.
    pub last: PointNumber,
    /// How many points need it.
    pub points: u64,
}

/// What is to be checked.
#[derive(Clone, Debug)]
pub struct VerifyPlan {
    /// Objects, by name.
    pub objects: Vec<ObjectCheck>,
}

impl VerifyPlan {
    /// Of every point that is not condemned.
    pub fn new(inventory: &Inventory) -> Self {
        let known = inventory.objects();
        let mut checks: BTreeMap<ObjectName, ObjectCheck> = BTreeMap::new();
        for point in inventory.points() {
            let moved = inventory.newest_moves().into_iter().flat_map(|moves| &moves.segments);
            let listed = point.lists.iter().map(|(_, page)| page);
            let pages: BTreeMap<ObjectName, u32> =
                listed.chain(moved).map(|page| (page.name(), page.len)).collect();
            for name in inventory.needs(point) {
                let content = known.get(&name).copied().flatten().map(|object| object.content());
                let (len, blake3) = match (name.file, content) {
                    (ObjectFile::Page(hash), _) => (pages.get(&name).map(|len| u64::from(*len)), Some(hash)),
                    (_, Some((len, blake3))) => (Some(len), Some(blake3)),
                    (_, None) => (None, None),
                };
                let number = point.number();
                checks
                    .entry(name)
                    .and_modify(|check| {
                        check.last = number;
                        check.points += 1;
                    })
                    .or_insert(ObjectCheck { name, len, blake3, first: number, last: number, points: 1 });
            }
        }
        Self { objects: checks.into_values().collect() }
    }

    /// Bytes that the full level reads.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().filter_map(|check| check.len).fold(0, u64::saturating_add)
    }
}

impl fmt::Display for VerifyPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.objects {
            let len = check.len.map_or("unknown length".into(), human_bytes);
            writeln!(f, "  {:<46} {len}, for {} points", alloc::format!("{}", check.name), check.points)?;
        }
        write!(f, "{} objects, {}", self.objects.len(), human_bytes(self.bytes()))
    }
}
