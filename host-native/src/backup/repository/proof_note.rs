//! Notes that a point was verified or restored: written by who proved it, read by prunes and by who watches ages.
//!
//! Keeps true: a note says which record it is of; one that can't be read never lets a prune take more, and is no proof to
//! anybody else. Two that note at once may lose one line of the summary; the note on the point itself stays.
use super::objects::Objects;
use super::verify::Repository;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::repository::{
    Entry, EntryKind, Inventory, JobId, NEWEST_PROOFS_NAME, NewestProofs, PROOF_LEN_MAX, PointNumber,
    PointRecord, ProofNote, proof_name,
};
use chronicle_core::ids::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// How a point was proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// Every byte that it needs was read and found to be right.
    Verified,
    /// It was restored, opened, and its digest was right.
    Restored,
}

impl Repository {
    /// Leaves a durable note that a point was proven just now. Call it after the proof, for the newest point that it holds for.
    /// `NotFound` when there is no such point; else the errors of the destination.
    pub fn note_proof(&self, point: Entry, proof: Proof) -> Result<ProofNote> {
        let objects = self.objects();
        let record = objects.record_bytes(point)?.filter(|_| point.kind.is_point());
        let record = Hash::of(&record.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "there is no such point; `backup list` lists them")
                .at(point)
                .at(self.place())
        })?);
        let now = now_ns();
        let restored_before = note(objects, point)?
            .and_then(Result::ok)
            .filter(|before| before.record == record)
            .and_then(|before| before.restored_ns);
        let was_restored = proof == Proof::Restored;
        let restored_ns = if was_restored { Some(now) } else { restored_before };
        let noted = ProofNote { entry: point, record, verified_ns: now, restored_ns };
        let job = JobId(random_epoch()?.0);
        // First the point's own, so that the summary never knows more than there is.
        objects.hint(&proof_name(point.number), &noted.to_bytes()?, job)?;
        let newest = self.proofs()?.with(noted, was_restored);
        objects.hint(NEWEST_PROOFS_NAME, &newest.to_bytes()?, job)?;
        Ok(noted)
    }

    /// The notes on points that can be read and are of the record that is there, by point.
    pub fn notes(&self, points: &[PointRecord]) -> Result<BTreeMap<Entry, ProofNote>> {
        let mut notes = BTreeMap::new();
        for point in points {
            let Some(Ok(found)) = note(self.objects(), point.entry)? else { continue };
            let record = self.objects().record_bytes(point.entry)?;
            if record.is_some_and(|record| Hash::of(&record) == found.record) {
                notes.insert(point.entry, found);
            }
        }
        Ok(notes)
    }

    /// The newest point that was verified, and the last restore that was proven. Where the summary is missing or damaged, what
    /// the notes on the points say.
    pub fn proofs(&self) -> Result<NewestProofs> {
        if let Some(Ok(proofs)) = summary(self.objects())? {
            return Ok(proofs);
        }
        let mut proofs = NewestProofs::default();
        let mut restored: Option<ProofNote> = None;
        for number in 0..self.objects().newest()?.map_or(0, |newest| newest + 1) {
            let note = note_on(self.objects(), number)?.and_then(Result::ok);
            proofs = note.map_or(proofs, |note| proofs.with(note, false));
            restored = restored
                .into_iter()
                .chain(note)
                .filter(|note| note.restored_ns.is_some())
                .max_by_key(|note| note.restored_ns);
        }
        Ok(NewestProofs { restored, ..proofs })
    }
}

/// Points that may be the newest one that was verified: no prune takes them. Every one down to the newest whose note is
/// whole, and the one that the summary names: what can't be read counts as proof here.
pub(super) fn never_pruned(objects: &Objects, inventory: &Inventory) -> Result<BTreeSet<PointNumber>> {
    let mut stay = BTreeSet::new();
    let points: Vec<Entry> = inventory.points().map(|point| point.entry).collect();
    for entry in points.iter().rev() {
        match note(objects, *entry)? {
            None => {}
            Some(found) => {
                stay.insert(entry.number);
                if found.is_ok() {
                    break;
                }
            }
        }
    }
    if let Some(Ok(proofs)) = summary(objects)? {
        stay.extend(proofs.verified.map(|note| note.entry.number));
    }
    Ok(stay)
}

fn summary(objects: &Objects) -> Result<Option<Result<NewestProofs>>> {
    read(objects, NEWEST_PROOFS_NAME, NewestProofs::parse)
}

fn note(objects: &Objects, point: Entry) -> Result<Option<Result<ProofNote>>> {
    read(objects, &proof_name(point.number), |bytes| ProofNote::parse(point, bytes))
}

/// The note on a number, whichever kind of point it is.
fn note_on(objects: &Objects, number: PointNumber) -> Result<Option<Result<ProofNote>>> {
    let point = |kind| Entry::new(kind, number);
    read(objects, &proof_name(number), |bytes| {
        ProofNote::parse(point(EntryKind::Delta), bytes)
            .or_else(|_| ProofNote::parse(point(EntryKind::Base), bytes))
    })
}

/// `None` when there is none; what can't be read is `Some(Err)`.
fn read<T>(objects: &Objects, name: &str, parse: impl Fn(&[u8]) -> Result<T>) -> Result<Option<Result<T>>> {
    match objects.get(name, PROOF_LEN_MAX) {
        Ok(bytes) => Ok(bytes.map(|bytes| parse(&bytes))),
        Err(error) if matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Damaged) => {
            Ok(Some(Err(error)))
        }
        Err(error) => Err(error),
    }
}
