//! Looking at what is below a number: the point to continue, and what a new record may name.
use super::objects::Objects;
use crate::error::{At, Error, ErrorKind, Result};
use crate::host::now_ns;
use chronicle_core::backup::repository::{
    Claim, Condemned, Entry, EntryRecord, Ground, JobId, LookBack, LookStep, MovesRecord, PointLists,
    PointNumber, PointRecord, PreviousState, claim_name,
};
use chronicle_core::engine::Snapshot;
use chronicle_core::format::EpochParent;

/// What was found.
pub(super) struct Found {
    /// The point to continue; none in a repository without points.
    pub(super) previous: Option<PointRecord>,
    condemned: Condemned,
    /// The newest record of moves on the way.
    moves: Option<MovesRecord>,
    ancestry: Vec<EpochParent>,
}

/// Looks back from `number` for a database as of `snapshot`. As `job`, whose claim on the number is written, it closes claims of
/// prunes that have no mark; without one it only looks.
pub(super) fn look_back(
    objects: &Objects,
    number: PointNumber,
    snapshot: &Snapshot,
    job: Option<JobId>,
) -> Result<Found> {
    let (look, moves, ancestry) = walk(objects, number, snapshot, job)?;
    let (previous, condemned) = look.finish().map_err(|error| error.at(objects.place()))?;
    Ok(Found { previous, condemned, moves, ancestry })
}

/// For a new base, which continues nothing, and yet must not be another history under the same epoch: its commits could not be told
/// from those that are there. The newest point that this database went on from, if one can be read. `InvalidInput` where it was rewound.
pub(super) fn past(objects: &Objects, number: PointNumber, snapshot: &Snapshot) -> Result<Found> {
    match walk(objects, number, snapshot, None) {
        Ok((look, _, ancestry)) => Ok(Found { previous: look.past(), ancestry, ..Found::nothing() }),
        // Damage is what a new base is made for.
        Err(error) if error.kind() == ErrorKind::Damaged => Ok(Found::nothing()),
        Err(error) => Err(error),
    }
}

type Walked = (LookBack, Option<MovesRecord>, Vec<EpochParent>);

fn walk(objects: &Objects, number: PointNumber, snapshot: &Snapshot, job: Option<JobId>) -> Result<Walked> {
    let ancestry = ancestry(objects, number, snapshot)?;
    let mut look = LookBack::new(number, snapshot.identity.clone(), snapshot.position, ancestry.clone());
    let mut moves = None;
    loop {
        match look.next() {
            LookStep::Done => break,
            LookStep::Read(number) => {
                let claim = claimed(objects, number)?;
                let record = objects.record(claim.entry)?;
                if let Some(Ok(EntryRecord::Moves(found))) = &record {
                    moves.get_or_insert_with(|| found.clone());
                }
                look.answer(claim.entry, record).at(|| objects.place())?;
                if let (LookStep::Void(_), None) = (look.next(), job) {
                    // Nothing is promised by a look: the job that claims closes it.
                    look.voided();
                    look.answer(claim.entry, Some(Ok(void_of(&claim))))?;
                }
            }
            LookStep::Void(entry) => {
                let claim = claimed(objects, entry.number)?;
                let closer = job.unwrap_or(claim.job);
                objects.close(entry, claim.job, closer, now_ns())?;
                look.voided();
            }
        }
    }
    Ok((look, moves, ancestry))
}

fn void_of(claim: &Claim) -> EntryRecord {
    let Claim { entry, job, created_ns, .. } = *claim;
    EntryRecord::Void(chronicle_core::backup::repository::Void { entry, job, created_ns })
}

fn claimed(objects: &Objects, number: PointNumber) -> Result<Claim> {
    objects.claim(number)?.ok_or_else(|| {
        Error::damaged("the claim is gone, though later numbers are claimed: put it back")
            .at(claim_name(number))
            .at(objects.place())
    })
}

/// Epochs before the database's parent. They are only asked for, and all records only read, by the first backups of a restored
/// database: the newest entry is of another epoch then.
fn ancestry(objects: &Objects, number: PointNumber, snapshot: &Snapshot) -> Result<Vec<EpochParent>> {
    let Some(newest) = number.checked_sub(1).filter(|_| snapshot.identity.parent.is_some()) else {
        return Ok(Vec::new());
    };
    let claim = claimed(objects, newest)?;
    if claim.epoch == snapshot.identity.epoch {
        return Ok(Vec::new());
    }
    Ok(objects.timeline()?.ancestry(snapshot.identity.parent))
}

impl Found {
    /// What a new base stands on.
    pub(super) fn nothing() -> Self {
        Self { previous: None, condemned: Condemned::default(), moves: None, ancestry: Vec::new() }
    }

    /// Enough of the ground to find the log of a delta: everything but the lists of the previous point.
    pub(super) fn ground_of_log(&self) -> Ground {
        let state =
            |record: &PointRecord| PreviousState { record: record.clone(), lists: PointLists::default() };
        Ground {
            previous: self.previous.as_ref().map(state),
            ancestry: self.ancestry.clone(),
            condemned: self.condemned.clone(),
            ..Ground::default()
        }
    }

    /// Why this host can't go on from the point, though another one could: its encrypted part is closed here.
    pub(super) fn why_closed(&self, objects: &Objects) -> Option<String> {
        let previous = self.previous.as_ref()?;
        let is_moved =
            |moves: &MovesRecord| previous.containers.iter().any(|home| moves.vacated.contains(home));
        if !objects.can_read() && self.moves.as_ref().is_some_and(is_moved) {
            return Some(format!(
                "a prune moved what {} refers to, and where to can't be read here without a key",
                previous.entry
            ));
        }
        previous.is_withheld().then(|| format!(
            "what this host knew of {} is not there (data.db.state-delta-*), and it can't be read back without a key",
            previous.entry
        ))
    }

    /// True when the log that was found for `other` is the one for this.
    pub(super) fn continues_as(&self, other: &Self) -> bool {
        self.previous == other.previous && self.condemned == other.condemned
    }

    /// What a delta stands on; a base stands on nothing.
    pub(super) fn ground(self, objects: &Objects) -> Result<Ground> {
        let Some(mut record) = self.previous else { return Ok(Ground::default()) };
        let lists = objects.lists(&record)?;
        let moves = self.moves.as_ref().map(|moves| objects.moves(moves)).transpose()?.unwrap_or_default();
        let mut condemned = self.condemned;
        if let Some(opened) = objects.opened() {
            // A plan compares pages as they are before they are encrypted.
            record.lists = opened.plain_lists(objects, &record.lists)?;
            condemned = opened.with_plain_names(condemned);
        }
        Ok(Ground {
            previous: Some(PreviousState { record, lists }),
            ancestry: self.ancestry,
            condemned,
            moves,
        })
    }

    /// The entry of a new point with this number.
    pub(super) fn entry(&self, number: PointNumber, new_base: bool) -> Entry {
        use chronicle_core::backup::repository::EntryKind;
        let is_base = new_base || self.previous.is_none();
        Entry::new(if is_base { EntryKind::Base } else { EntryKind::Delta }, number)
    }
}
