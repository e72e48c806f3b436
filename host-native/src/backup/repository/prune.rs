//! Prune of a repository: a plan first, then a mark, then deletions, in the steps of the protocol.
//!
//! Keeps true: every object that a point needs which stays was found to be there, with its length, before the mark is written and
//! again before the first deletion; nothing is deleted while a claim below the mark is open. A prune that dies leaves a
//! mark, which the next one takes up. What is to be deleted is decided in core.
use super::moves::{Moved, consolidate};
use super::objects::Objects;
use super::put::Created;
use super::verify::Repository;
use super::{hints, hold, proof_note};
use crate::backup::prune::PruneReport;
use crate::destination::Bytes;
use crate::error::{At, Error, ErrorKind, Result};
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::repository::{
    Claim, Entry, EntryKind, EntryRecord, Inventory, JobId, Keep, ObjectName, PrunePlan, PruneRecord,
    claim_name, proof_name,
};
use chronicle_core::ids::Hash;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a prune plans anew because somebody was faster.
const ATTEMPTS_MAX: u32 = 8;
/// How long it waits before the second attempt; then twice as long each time: whoever was faster gets done.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

impl Repository {
    /// Plans a prune and does nothing. `InvalidInput` without a rule; `Damaged` when a record can't be read, or when an
    /// object is not there that a point needs which stays.
    pub fn plan_prune(&self, keep: &Keep) -> Result<PrunePlan> {
        plan(self.objects(), keep).map(|(plan, _)| plan)
    }
}

/// Plans, and carries it out. `Busy` when other jobs were faster each time.
pub(in crate::backup) fn prune(
    objects: &Objects,
    keep: &Keep,
    void_unfinished: bool,
    may_move: bool,
) -> Result<PruneReport> {
    let mut report = pass(objects, keep, void_unfinished)?;
    if may_move
        && report.waits_for.is_none()
        && let Moved::Bytes(moved) = consolidate(objects, keep)?
    {
        report.bytes_moved = moved;
        // What was moved is at its new place for every reader: the old one can go.
        let second = pass(objects, keep, void_unfinished)?;
        report.records_deleted += second.records_deleted;
        report.objects_deleted += second.objects_deleted;
        report.bytes_freed += second.bytes_freed;
        report.waits_for = second.waits_for;
    }
    let (swept, freed) = objects.sweep_shipped()?;
    report.objects_deleted += swept;
    report.bytes_freed += freed;
    Ok(report)
}

fn pass(objects: &Objects, keep: &Keep, void_unfinished: bool) -> Result<PruneReport> {
    let mut pause = FIRST_PAUSE;
    for attempt in 0..ATTEMPTS_MAX {
        if attempt > 0 {
            std::thread::sleep(pause);
            pause *= 2;
        }
        let (plan, planned) = plan(objects, keep)?;
        if plan.is_idle() {
            return Ok(PruneReport::of(objects.place(), plan.kept.len(), 0));
        }
        if let Some(mark) = write_mark(objects, &plan, &planned)? {
            return work_off(objects, &plan, &mark, void_unfinished);
        }
    }
    Err(Error::new(
        ErrorKind::Busy,
        "other jobs keep being faster, so nothing was pruned; run prune again when they are done",
    )
    .at(objects.place()))
}

/// The plan, proven, and the records that it was made of.
pub(super) fn plan(objects: &Objects, keep: &Keep) -> Result<(PrunePlan, Inventory)> {
    let inventory = objects.inventory()?;
    let mut held = hold::held(objects, &inventory)?;
    held.extend(objects.held_by_rows(&inventory)?);
    let verified = proof_note::never_pruned(objects, &inventory)?;
    let kept = PrunePlan::choose(&inventory, keep, &held, verified).at(|| objects.place())?;
    let mut plan = PrunePlan::new(&inventory, keep, kept, |page| match objects.can_read() {
        true => objects.list(std::slice::from_ref(page)),
        // What is needed inside of objects is not known without a key: then nothing is moved out of them.
        false => Ok(Vec::new()),
    })
    .at(|| objects.place())?;
    let mut absent = BTreeSet::new();
    for name in &plan.recondemned {
        if objects.len_of(name)?.is_none() {
            absent.insert(*name);
        }
    }
    plan.forget(&absent);
    prove(objects, &plan.needed, |name| plan.len_of(name))?;
    Ok((plan, inventory))
}

/// Everything that stays is there, with its length.
fn prove(
    objects: &Objects,
    needed: &BTreeSet<ObjectName>,
    len_of: impl Fn(&ObjectName) -> Option<u64>,
) -> Result<()> {
    for name in needed {
        let wrong = match (objects.len_of(name)?, len_of(name)) {
            (None, _) => "it is missing".to_owned(),
            (Some(found), Some(len)) if found != len => {
                format!("it has {found} bytes, its record says {len}")
            }
            _ => continue,
        };
        return Err(Error::damaged(format!(
            "a point that stays needs this object, and {wrong}: nothing is pruned; run `chronicle backup verify`"
        ))
        .at(name)
        .at(objects.place()));
    }
    Ok(())
}

/// Claims a number and writes the mark. `None` when the plan is of the past by then.
fn write_mark(objects: &Objects, plan: &PrunePlan, planned: &Inventory) -> Result<Option<PruneRecord>> {
    let Some((entry, job)) = claim(objects, EntryKind::Prune)? else { return Ok(None) };
    let (open, marked) = objects.inventory()?.prunes_unknown_to(planned, entry.number);
    let mut is_outdated = !marked.is_empty();
    for other in open {
        let Some(claim) = objects.claim(other.number)? else { continue };
        objects.close(other, claim.job, job, now_ns())?;
        is_outdated |= !matches!(objects.record(other)?, Some(Ok(EntryRecord::Void(_))));
    }
    if is_outdated {
        objects.close(entry, job, job, now_ns())?;
        return Ok(None);
    }
    let (record, pages) = plan.mark(entry, job, now_ns())?;
    for page in &pages {
        objects.put(page.name, &Bytes(&page.bytes), Hash::of(&page.bytes), job)?;
    }
    match (objects.create(entry.record(), &record.to_bytes()?, job)?, record) {
        (Created::Ours, EntryRecord::Prune(mark)) => Ok(Some(mark)),
        // A backup closed the claim: its look must not be followed by a mark.
        _ => Ok(None),
    }
}

/// Claims the next number; `None` when another job was first.
pub(super) fn claim(objects: &Objects, kind: EntryKind) -> Result<Option<(Entry, JobId)>> {
    let Some(newest) = objects.newest()? else { return Ok(None) };
    let last = objects
        .claim(newest)?
        .ok_or_else(|| Error::damaged("the claim is gone").at(claim_name(newest)).at(objects.place()))?;
    let job = JobId(random_epoch()?.0);
    let entry = Entry::new(kind, newest + 1);
    let claim = Claim {
        entry,
        job,
        lineage: last.lineage,
        epoch: last.epoch,
        created_ns: now_ns(),
        is_encrypted: false,
    };
    let created = objects.create(claim_name(entry.number), &claim.to_bytes()?, job)?;
    Ok((created == Created::Ours).then_some((entry, job)))
}

/// Closes what is to be closed, proves what stays, deletes the rest.
fn work_off(
    objects: &Objects,
    plan: &PrunePlan,
    mark: &PruneRecord,
    void_unfinished: bool,
) -> Result<PruneReport> {
    let mut inventory = objects.inventory()?;
    if void_unfinished {
        for number in inventory.unfinished().into_iter().filter(|number| *number < mark.entry.number) {
            if let Some(claim) = objects.claim(number)? {
                objects.close(claim.entry, claim.job, mark.job, now_ns())?;
            }
        }
        inventory = objects.inventory()?;
    }
    let mut report = PruneReport::of(objects.place(), plan.kept.len(), 0);
    let (entries, condemned) = match PrunePlan::deletions(mark, &inventory) {
        Err(error) if error.kind() == ErrorKind::Busy => {
            report.waits_for = Some(error.at(objects.place()));
            return Ok(report);
        }
        deletions => deletions.at(|| objects.place())?,
    };
    // What appeared since the plan was made counts, too.
    let gone: BTreeSet<Entry> = entries.iter().copied().collect();
    let stay = inventory.points().filter(|point| !gone.contains(&point.entry));
    let mut needed: BTreeSet<ObjectName> = stay.flat_map(|point| inventory.needs(point)).collect();
    needed.extend(plan.needed.iter().copied());
    let lens = inventory.lens();
    prove(objects, &needed, |name| lens.get(name).copied().or_else(|| plan.len_of(name)))?;
    if let Some(name) = condemned.iter().find(|name| needed.contains(name)) {
        return Err(Error::damaged("a point that stays needs what the mark condemns: nothing is deleted")
            .at(name)
            .at(objects.place()));
    }
    for entry in &entries {
        let is_deleted = objects.delete(entry.record())?.is_some();
        report.records_deleted += u64::from(is_deleted);
        report.points_removed += u64::from(is_deleted && entry.kind.is_point());
    }
    for name in &condemned {
        let len = objects.delete(name)?;
        report.objects_deleted += u64::from(len.is_some());
        report.bytes_freed += len.unwrap_or(0);
    }
    for entry in entries.iter().filter(|entry| entry.kind.is_point()) {
        objects.delete(proof_name(entry.number))?;
    }
    report.hint_error = hints::rebuild(objects, mark.job).err();
    Ok(report)
}
