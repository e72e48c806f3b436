//! Hints that a backup leaves: `state.json`, `manifest.json`. The next one finds its way sooner by them, and nobody believes them.
use super::objects::Objects;
use crate::error::Result;
use chronicle_core::backup::repository::{
    BackupState, EntryRecord, JobId, MANIFEST_NAME, Manifest, ManifestPoint, PointRecord, STATE_NAME,
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
        None => rebuilt_manifest(objects, record.point.lineage),
    }
}

/// Makes the manifest anew, after a prune.
pub(super) fn rebuild(objects: &Objects, job: JobId, lineage: Lineage) -> Result<()> {
    objects.hint(MANIFEST_NAME, &rebuilt_manifest(objects, lineage)?.to_bytes()?, job)
}

fn rebuilt_manifest(objects: &Objects, lineage: Lineage) -> Result<Manifest> {
    let mut manifest =
        Manifest { lineage, newest_number: 0, newest_prune: None, newest_moves: None, points: Vec::new() };
    for (entry, found) in objects.entries()? {
        manifest.newest_number = manifest.newest_number.max(entry.number);
        match found {
            Some(Ok(EntryRecord::Point(point))) => manifest.points.push(ManifestPoint::from(&*point)),
            Some(Ok(EntryRecord::Prune(_))) => manifest.newest_prune = Some(entry.number),
            Some(Ok(EntryRecord::Moves(_))) => manifest.newest_moves = Some(entry.number),
            _ => {}
        }
    }
    Ok(manifest)
}
