//! Hints that a backup leaves: `state.json`, `manifest.json`. The next one finds its way sooner by them, and nobody believes them.
use super::objects::Objects;
use crate::error::Result;
use chronicle_core::backup::repository::{
    BackupState, EntryRecord, JobId, MANIFEST_NAME, Manifest, ManifestPoint, PointRecord, STATE_NAME,
};

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
            manifest.extend([ManifestPoint::from(record)]);
            Ok(manifest)
        }
        None => rebuilt_manifest(objects, record),
    }
}

fn rebuilt_manifest(objects: &Objects, record: &PointRecord) -> Result<Manifest> {
    let mut manifest = Manifest {
        lineage: record.point.lineage,
        newest_number: record.number(),
        newest_prune: None,
        newest_moves: None,
        points: Vec::new(),
        left_out: 0,
    };
    for (entry, found) in objects.entries()? {
        manifest.newest_number = manifest.newest_number.max(entry.number);
        match found {
            Some(Ok(EntryRecord::Point(point))) => manifest.extend([ManifestPoint::from(&*point)]),
            Some(Ok(EntryRecord::Prune(_))) => manifest.newest_prune = Some(entry.number),
            Some(Ok(EntryRecord::Moves(_))) => manifest.newest_moves = Some(entry.number),
            _ => {}
        }
    }
    Ok(manifest)
}
