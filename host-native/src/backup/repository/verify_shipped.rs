//! Verification of shipped frames: every object of a row is there, follows the one before, and has the bytes that were sent.
use super::objects::Objects;
use super::survey::{Survey, bare, damage};
use crate::backup::workers::{FETCHES_MAX, side_by_side};
use crate::error::{Error, Result};
use crate::verify::VerifyLevel;
use chronicle_core::backup::repository::{Timeline, follow, points_with_ships, shipped_folder};
use chronicle_core::ids::Hash;
use chronicle_core::verify::{Affected, Findings};

/// Adds what is wrong; says how many objects were checked, and their bytes.
pub(super) fn check(
    objects: &Objects,
    survey: &Survey,
    level: VerifyLevel,
    findings: &mut Findings,
) -> Result<(u64, u64)> {
    let records = survey.inventory.points().cloned().map(|point| {
        use chronicle_core::backup::repository::EntryRecord;
        (point.entry, Ok(EntryRecord::Point(Box::new(point))))
    });
    let timeline = Timeline::new(records, &[])?;
    let (mut count, mut bytes) = (0, 0);
    for point in points_with_ships(&timeline) {
        let (logs, error) = follow(&point, objects.shipped(point.entry)?);
        if let Some(error) = error {
            let message =
                format!("{}; commits behind it can't be restored from what was shipped", error.message());
            let place = shipped_folder(Some(point.entry));
            findings.add(&place, &Error::new(error.kind(), message), Affected::default());
        }
        if level != VerifyLevel::Records {
            let wrong =
                side_by_side(&logs, FETCHES_MAX, |log| match objects.range(log.name(), 0, log.len) {
                    Ok(found) if Hash::of(&found) == log.blake3 => Ok(None),
                    Ok(_) => Ok(Some(Error::damaged("its BLAKE3 is not the one that its record says"))),
                    Err(error) => damage(error).map(Some),
                })?;
            for (log, error) in logs.iter().zip(wrong) {
                if let Some(error) = error {
                    findings.add(&log.name(), &bare(&error), Affected::default());
                }
            }
        }
        count += logs.len() as u64;
        bytes += logs.iter().map(|log| log.len).sum::<u64>();
    }
    Ok((count, bytes))
}
