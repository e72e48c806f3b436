//! Consolidation: what is still needed of objects that are mostly dead, copied into one new object.
//!
//! Keeps true: a record of moves is written when every claim below its own is closed, so it knows every point that may
//! ever refer to what it moves; every segment is checked before it is moved. The old objects are left to the next mark.
use super::body::{ContainerBody, hash_of};
use super::objects::{Created, Objects};
use super::prune::{claim, plan};
use crate::destination::Bytes;
use crate::error::{At, Error, Result};
use crate::host::now_ns;
use chronicle_core::backup::repository::{
    Entry, EntryKind, Keep, ListPageRef, LocatedSegment, MovesPlan, decode_page,
};
use chronicle_core::ids::Hash;
use chronicle_core::verify::{Level, verify_segment};
use std::collections::{BTreeMap, BTreeSet};

/// What a consolidation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moved {
    /// There is nothing that pays, or jobs at work hold it up: another time.
    Nothing,
    /// So many bytes lie in a new place.
    Bytes(u64),
}

/// Moves what pays, if anything does.
pub(super) fn consolidate(objects: &Objects, keep: &Keep) -> Result<Moved> {
    if plan(objects, keep)?.0.mostly_dead.is_empty() {
        return Ok(Moved::Nothing);
    }
    let Some((entry, job)) = claim(objects, EntryKind::Moves)? else { return Ok(Moved::Nothing) };
    let moved = attempt(objects, keep, entry, job)?;
    if moved == Moved::Nothing {
        objects.close(entry, job, job, now_ns())?;
    }
    Ok(moved)
}

fn attempt(
    objects: &Objects,
    keep: &Keep,
    entry: Entry,
    job: chronicle_core::backup::repository::JobId,
) -> Result<Moved> {
    // Other moves below this number that have no record would not know of it.
    let claims = objects.inventory()?.unfinished();
    for number in claims.into_iter().filter(|number| *number < entry.number) {
        if let Some(other) = objects.claim(number)?.filter(|other| other.entry.kind == EntryKind::Moves) {
            objects.close(other.entry, other.job, job, now_ns())?;
        }
    }
    let (plan, inventory) = plan(objects, keep)?;
    let is_open = |number: &u64| *number < entry.number;
    if inventory.unfinished().iter().any(is_open) || plan.mostly_dead.is_empty() {
        return Ok(Moved::Nothing);
    }
    let vacate: BTreeSet<Entry> = plan.mostly_dead.iter().map(|(home, _)| *home).collect();
    let Some(newest) = inventory.points().last() else { return Ok(Moved::Nothing) };
    let pages: BTreeSet<ListPageRef> =
        inventory.points().flat_map(|point| point.lists.segments.iter().copied()).collect();
    let mut needed: BTreeMap<(Entry, Hash), LocatedSegment> = BTreeMap::new();
    for page in pages {
        let items: Vec<LocatedSegment> =
            decode_page(&page, &objects.range(page.name(), 0, u64::from(page.len))?)
                .at(|| objects.place())?;
        needed.extend(items.into_iter().map(|item| ((item.home, item.entry.summary.identity), item)));
    }
    let moves = MovesPlan::new(entry, &vacate, needed.values().copied(), newest, inventory.moves())
        .at(|| objects.place())?;
    for listed in needed.values() {
        let found = inventory.moves().locate(listed)?;
        if vacate.contains(&found.home) {
            check(objects, &found)?;
        }
    }
    let body = ContainerBody::gathered(objects, moves.pieces());
    let blake3 = hash_of(&body, &|_| {})?;
    objects.put(entry.container(), &body, blake3, job)?;
    for page in &moves.pages {
        objects.put(page.name, &Bytes(&page.bytes), Hash::of(&page.bytes), job)?;
    }
    let record = moves.record(job, now_ns(), blake3).to_bytes()?;
    match objects.create(entry.record(), &record, job)? {
        Created::Ours => Ok(Moved::Bytes(moves.file_len())),
        Created::Another => Ok(Moved::Nothing),
    }
}

/// Damage must not travel.
fn check(objects: &Objects, segment: &LocatedSegment) -> Result<()> {
    let (name, extent) = (segment.home.container(), segment.entry.extent());
    let bytes = objects.range(name, extent.offset, extent.len)?;
    match verify_segment(&bytes, &segment.entry, Level::Checksums, None).findings.iter().next() {
        None => Ok(()),
        Some(finding) => Err(Error::damaged(format!(
            "it is to be moved and is damaged, so nothing was: {finding}; `chronicle backup verify` lists everything"
        ))
        .at(name)
        .at(objects.place())),
    }
}
