//! Repair: what is made from records is made anew: hints, and claims that are gone or damaged. No data is deleted or changed, and a point
//! that is damaged stays as it is.
use super::hints;
use super::objects::Objects;
use super::orphans::{self, Orphans};
use super::put::Created;
use super::survey::Survey;
use super::verify::Repository;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::repository::{
    BackupState, Claim, Claimed, Entry, EntryRecord, JobId, MANIFEST_NAME, PointNumber, PointRecord,
    STATE_NAME, claim_name,
};
use std::fmt;

/// Something that was made anew, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Repair {
    /// `manifest.json`, from the records.
    Manifest,
    /// `state.json`, from the newest record.
    State,
    /// A claim that is gone or damaged, from its record.
    Claim(PointNumber),
}

/// What a repair found and did.
#[derive(Clone, Debug)]
pub struct RepairReport {
    /// What was made anew; on a dry run what would be.
    pub repaired: Vec<Repair>,
    /// Claims that can't be read and have no record that can, from which they could be made anew.
    pub claims: Vec<(PointNumber, Error)>,
    /// Records that can't be read, or are gone though others name them. Nothing makes a record anew; `restore --salvage` brings back
    /// what is whole without it.
    pub damaged: Vec<(Entry, Error)>,
    /// Claims without a record, with the job that made each: at work, or dead. `backup prune --void-unfinished` closes them.
    pub unfinished: Vec<(Entry, Option<JobId>)>,
    /// Objects that nobody names.
    pub orphans: Orphans,
}

impl RepairReport {
    /// True when something is left that a repair can't put right.
    pub fn has_damage(&self) -> bool {
        !self.claims.is_empty() || !self.damaged.is_empty()
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str(MANIFEST_NAME),
            Self::State => f.write_str(STATE_NAME),
            Self::Claim(number) => f.write_str(&claim_name(*number)),
        }
    }
}

impl Repository {
    /// Makes `manifest.json`, `state.json` and claims that are gone or damaged from the records, where they are not what the records say, and lists
    /// what it can't mend. Data is neither deleted nor changed. `dry_run` only looks.
    pub fn repair(&self, dry_run: bool) -> Result<RepairReport> {
        let objects = self.objects();
        let survey = Survey::read(objects)?;
        let job = JobId(random_epoch()?.0);
        let mut repaired = Vec::new();
        for (number, _) in &survey.claims {
            if let Some(claim) = claim_of(&survey.entries, *number, objects.is_encrypted())
                .filter(|_| is_lost(objects, *number))
            {
                if !dry_run {
                    // Whoever made it is done: its record is there. A damaged one is in the way of the new one.
                    objects.delete(claim_name(*number))?;
                }
                if !dry_run
                    && objects.create(claim_name(*number), &claim.to_bytes()?, job)? == Created::Another
                {
                    return Err(Error::new(
                        ErrorKind::Busy,
                        "somebody claimed the number meanwhile; stop other jobs, and repair again",
                    )
                    .at(claim_name(*number))
                    .at(objects.place()));
                }
                repaired.push(Repair::Claim(*number));
            }
        }
        // The claims come first: a manifest names a number as claimed.
        let before = objects.manifest();
        if let Some(manifest) = hints::manifest_of(&survey.entries, before.as_ref())
            && before.as_ref() != Some(&manifest)
        {
            if !dry_run {
                objects.hint(MANIFEST_NAME, &manifest.to_bytes()?, job)?;
            }
            repaired.push(Repair::Manifest);
        }
        // Where the newest record is damaged the old state may know more than the records: it stays.
        let newest = points(&survey.entries).last();
        let is_newest = |point: &&PointRecord| {
            survey.inventory.damaged().iter().all(|(entry, _)| entry.number < point.number())
        };
        if let Some(point) = newest.filter(is_newest)
            && let Some(bytes) = objects.record_bytes(point.entry)?
        {
            let state = BackupState::after(point, &bytes);
            if objects.state() != Some(state) {
                if !dry_run {
                    objects.hint(STATE_NAME, &state.to_bytes()?, job)?;
                }
                repaired.push(Repair::State);
            }
        }
        let claims = survey.claims.iter().filter(|(number, _)| !repaired.contains(&Repair::Claim(*number)));
        let unfinished = survey.inventory.unfinished();
        let open = survey
            .entries
            .iter()
            .filter(|(entry, record)| record.is_none() && unfinished.contains(&entry.number));
        Ok(RepairReport {
            claims: claims.cloned().collect(),
            damaged: survey.inventory.damaged().to_vec(),
            unfinished: open
                .map(|(entry, _)| (*entry, objects.claim(entry.number).ok().flatten().map(|claim| claim.job)))
                .collect(),
            orphans: orphans::find(objects, &survey)?,
            repaired,
        })
    }
}

fn points(entries: &[Claimed]) -> impl DoubleEndedIterator<Item = &PointRecord> {
    entries.iter().filter_map(|(_, record)| record.as_ref()?.as_ref().ok()?.as_point())
}

/// Gone, or damaged.
fn is_lost(objects: &Objects, number: PointNumber) -> bool {
    match objects.claim(number) {
        Ok(found) => found.is_none(),
        Err(error) => error.kind() == ErrorKind::Damaged,
    }
}

/// The claim that its record implies; the time of it is now, since the job's is in no other object.
fn claim_of(entries: &[Claimed], number: PointNumber, is_encrypted: bool) -> Option<Claim> {
    let (entry, record) = entries.iter().find(|(entry, _)| entry.number == number)?;
    let job = match record.as_ref()?.as_ref().ok()? {
        EntryRecord::Point(point) => point.job,
        EntryRecord::Void(void) => void.job,
        EntryRecord::Prune(mark) => mark.job,
        EntryRecord::Moves(moves) => moves.job,
    };
    // Of the database that the points before it are of.
    let point = points(entries).rev().find(|point| point.number() <= number).or(points(entries).next())?;
    let (lineage, epoch) = (point.point.lineage, point.point.epoch);
    Some(Claim {
        entry: *entry,
        job,
        lineage,
        epoch,
        created_ns: now_ns(),
        is_encrypted: number == 0 && is_encrypted,
    })
}
