//! Mending: objects that are lost or damaged are put back from another place that holds a copy of the repository.
//!
//! An object is only taken where its bytes hash to what a record here says, a record only where the claims say that it is of the very job
//! that was at work here. So another repository, or an older copy, can't bring anything in that was not here before.
use super::objects::Objects;
use super::survey::{Survey, damage};
use super::verify::Repository;
use crate::destination::{Body, Bytes};
use crate::error::{At, Error, Result};
use crate::host::random_epoch;
use crate::verify::VerifyLevel;
use chronicle_core::backup::repository::{
    Entry, EntryRecord, JobId, ObjectCheck, ObjectName, PointNumber, VerifyPlan, claim_name,
};
use chronicle_core::ids::Hash;

/// What was put back, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct MendReport {
    /// Objects that were put back; on a dry run that would be.
    pub mended: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    /// What is still lost or damaged, and why.
    pub left: Vec<(String, Error)>,
}

/// An object of another place.
struct Distant<'a> {
    objects: &'a Objects,
    name: ObjectName,
    len: u64,
}

impl Body for Distant<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bytes = self.objects.range(self.name, offset, buffer.len() as u64)?;
        buffer.copy_from_slice(&bytes);
        Ok(())
    }
}

impl Repository {
    /// Looks through everything at the full level, and puts back from `copy` what is lost or damaged here and whole there.
    /// `InvalidInput` when that is no copy of this repository. `dry_run` only looks.
    pub fn mend(&self, copy: &Self, dry_run: bool) -> Result<MendReport> {
        let (here, there) = (self.objects(), copy.objects());
        expect_copy(here, there)?;
        let job = JobId(random_epoch()?.0);
        let mut report = MendReport::default();
        for number in 0.. {
            if here.is_claimed(number)? {
                continue;
            }
            // Claims are without a gap: one that is missing here and there was never made.
            let Some(bytes) = claim_bytes(there, number)? else { break };
            if !dry_run {
                here.create(claim_name(number), &bytes, job)?;
            }
            report.add(claim_name(number), bytes.len() as u64);
        }
        let survey = Survey::read(here)?;
        for (entry, record) in &survey.entries {
            if matches!(record, Some(Ok(_))) {
                continue;
            }
            match record_of(here, there, *entry)? {
                Some(bytes) => {
                    if !dry_run {
                        here.put(entry.record(), &Bytes(&bytes), Hash::of(&bytes), job)?;
                    }
                    report.add(entry.record().to_string(), bytes.len() as u64);
                }
                None => report.left.extend(
                    record.clone().and_then(Result::err).map(|error| (entry.record().to_string(), error)),
                ),
            }
        }
        let survey = Survey::read(here)?;
        for check in &VerifyPlan::new(&survey.inventory).objects {
            match self.check(check, VerifyLevel::Stored) {
                Ok(_) => {}
                Err(error) => {
                    let error = damage(error)?;
                    match put_back(here, there, check, job, dry_run)? {
                        Some(len) => report.add(check.name.to_string(), len),
                        None => report.left.push((check.name.to_string(), error)),
                    }
                }
            }
        }
        Ok(report)
    }
}

impl MendReport {
    fn add(&mut self, name: String, bytes: u64) {
        self.mended.push(name);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

fn claim_bytes(objects: &Objects, number: PointNumber) -> Result<Option<Vec<u8>>> {
    let claim = objects.claim(number)?;
    claim.map(|claim| claim.to_bytes()).transpose()
}

/// The first claim, or the next one that both have, tells.
fn expect_copy(here: &Objects, there: &Objects) -> Result<()> {
    for number in 0.. {
        match (here.claim(number), there.claim(number)?) {
            (Ok(Some(one)), Some(other)) if one == other => return Ok(()),
            (Ok(None) | Err(_), Some(_)) => {}
            _ => break,
        }
    }
    Err(Error::invalid(format!(
        "{} is no copy of this repository: their claims are of other jobs",
        there.place()
    ))
    .at(here.place()))
}

/// The record of the job whose claim both places have.
fn record_of(here: &Objects, there: &Objects, entry: Entry) -> Result<Option<Vec<u8>>> {
    let (Ok(Some(one)), Ok(Some(other))) = (here.claim(entry.number), there.claim(entry.number)) else {
        return Ok(None);
    };
    let bytes = there.record_bytes(entry)?.filter(|_| one == other);
    Ok(bytes.filter(|bytes| EntryRecord::parse(entry, bytes).is_ok()))
}

fn put_back(
    here: &Objects,
    there: &Objects,
    check: &ObjectCheck,
    job: JobId,
    dry_run: bool,
) -> Result<Option<u64>> {
    let (Some(len), Some(blake3)) = (check.len, check.blake3) else { return Ok(None) };
    if there.len_of(check.name)? != Some(len) {
        return Ok(None);
    }
    let body = Distant { objects: there, name: check.name, len };
    if super::body::hash_of(&body, &|_| {})? != blake3 {
        return Ok(None);
    }
    if !dry_run {
        here.put_back(check.name, &body, blake3, job).at(|| here.place())?;
    }
    Ok(Some(len))
}
