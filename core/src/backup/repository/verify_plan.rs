//! Verify plan: every object that a record says to be there, with what it must be, and who needs it.
//!
//! Points need most of them; others hold the moments between points, or say what a prune keeps and where segments moved.
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
    /// The first point that needs it; without one, the entry that it is of.
    pub first: PointNumber,
    /// The last point that needs it.
    pub last: PointNumber,
    /// How many points need it to be whole. None needs the log of moments between points, once the next point is there.
    pub points: u64,
    /// A prune may have taken it and left the record that names it: then its absence is no damage.
    pub may_be_gone: bool,
}

/// What is to be checked.
#[derive(Clone, Debug)]
pub struct VerifyPlan {
    /// Objects, by name.
    pub objects: Vec<ObjectCheck>,
}

impl VerifyPlan {
    /// Of everything that is not condemned.
    pub fn new(inventory: &Inventory) -> Self {
        let known = inventory.objects();
        let pages: BTreeMap<ObjectName, u32> =
            inventory.pages().map(|page| (page.name(), page.len)).collect();
        // A base's log may be without a commit: then only its list of files knows it.
        let brought: BTreeMap<ObjectName, (u64, Hash)> = inventory.brought().collect();
        let check = |name: ObjectName, number, points, may_be_gone| {
            let content = known.get(&name).copied().flatten().map(|object| object.content());
            let content = content.or_else(|| brought.get(&name).copied());
            let (len, blake3) = match (name.file, content) {
                (ObjectFile::Page(hash), _) => (pages.get(&name).map(|len| u64::from(*len)), Some(hash)),
                (_, Some((len, blake3))) => (Some(len), Some(blake3)),
                (_, None) => (None, None),
            };
            ObjectCheck { name, len, blake3, first: number, last: number, points, may_be_gone }
        };
        let mut checks: BTreeMap<ObjectName, ObjectCheck> = BTreeMap::new();
        for point in inventory.points() {
            let number = point.number();
            for name in inventory.needs(point) {
                checks
                    .entry(name)
                    .and_modify(|check| {
                        check.last = number;
                        check.points += 1;
                    })
                    .or_insert_with(|| check(name, number, 1, false));
            }
        }
        // What no point needs, and a record says to be there all the same.
        let mark = inventory.newest_prune().map(|mark| mark.entry.number);
        for name in known.keys().filter(|name| inventory.condemned().spares(name)) {
            let number = name.entry.number;
            let may_be_gone = mark.is_some_and(|mark| mark > number);
            checks.entry(*name).or_insert_with(|| check(*name, number, 0, may_be_gone));
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
