//! Hints that a backup leaves: `state.json`, `manifest.json`. The next one finds its way sooner by them, and nobody believes them.
use super::objects::Objects;
use crate::error::Result;
use chronicle_core::backup::repository::{
    BackupState, Claimed, EntryRecord, JobId, MANIFEST_NAME, Manifest, ManifestPoint, PointRecord, STATE_NAME,
};
use chronicle_core::ids::Lineage;

/// Leaves them after a new point.
pub(super) fn leave(objects: &Objects, job: JobId, record: &PointRecord, state: &BackupState) -> Result<()> {
    objects.hint(STATE_NAME, &state.to_bytes()?, job)?;
    objects.hint(MANIFEST_NAME, &manifest(objects, record)?.to_bytes()?, job)
}

/// The manifest with the new point; made anew from the records where it is not the one that the previous point left.
fn manifest(objects: &Objects, record: &PointRecord) -> Result<Manifest> {
    let before = objects.manifest().filter(|manifest| {
        let newest = manifest.points.last().map(|point| point.entry);
        manifest.lineage == record.point.lineage
            && manifest.newest_number.checked_add(1) == Some(record.number())
            && newest == record.previous.map(|previous| previous.entry)
    });
    match before {
        Some(mut manifest) => {
            manifest.newest_number = record.number();
            manifest.points.push(ManifestPoint::from(record));
            Ok(manifest)
        }
        None => rebuilt_manifest(objects, record),
    }
}

/// Makes the manifest anew, after a prune.
pub(super) fn rebuild(objects: &Objects, job: JobId) -> Result<()> {
    match manifest_of(&objects.entries()?, objects.manifest().as_ref()) {
        Some(manifest) => objects.hint(MANIFEST_NAME, &manifest.to_bytes()?, job),
        None => Ok(()),
    }
}

fn rebuilt_manifest(objects: &Objects, record: &PointRecord) -> Result<Manifest> {
    let manifest = manifest_of(&objects.entries()?, objects.manifest().as_ref());
    // The record is there; a destination that does not show it yet is told of it all the same.
    Ok(manifest.unwrap_or_else(|| Manifest {
        lineage: record.point.lineage,
        newest_number: record.number(),
        newest_prune: None,
        newest_moves: None,
        points: vec![ManifestPoint::from(record)],
    }))
}

/// The manifest that records imply; `None` without a point that can be read. What the one before knew of points whose records are
/// damaged or gone stays: it is how anybody knows that there was one.
pub(super) fn manifest_of(entries: &[Claimed], before: Option<&Manifest>) -> Option<Manifest> {
    let mut manifest = Manifest {
        lineage: Lineage::default(),
        newest_number: entries.last()?.0.number,
        newest_prune: None,
        newest_moves: None,
        points: Vec::new(),
    };
    let mut lineage = None;
    for (entry, found) in entries {
        match found {
            Some(Ok(EntryRecord::Point(point))) => {
                lineage = Some(point.point.lineage);
                manifest.points.push(ManifestPoint::from(&**point));
            }
            Some(Ok(EntryRecord::Prune(_))) => manifest.newest_prune = Some(entry.number),
            Some(Ok(EntryRecord::Moves(_))) => manifest.newest_moves = Some(entry.number),
            Some(Err(_)) => {
                let known = before.iter().flat_map(|before| &before.points);
                manifest.points.extend(known.filter(|point| point.entry == *entry).cloned());
            }
            Some(Ok(EntryRecord::Void(_))) | None => {}
        }
    }
    manifest.lineage = lineage?;
    Some(manifest)
}
