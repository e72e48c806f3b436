//! Prune plan: which points go, with the reason why each other one stays, and what nobody needs any more.
//!
//! Nothing is deleted on the way: the plan is printed, its mark is written, and only what [`PrunePlan::deletions`] still
//! says after every claim below the mark is closed may go. `repository.md` argues why no record ever names a deleted object.
use super::claim::JobId;
use super::ground::Condemned;
use super::inventory::Inventory;
use super::keep::{Keep, Kept, Reason, reasons};
use super::list::{KeptObject, LocatedSegment};
use super::list_page::{ListPageRef, NewPage, write_list};
use super::name::{Entry, EntryKind, ObjectName, PointNumber};
use super::point_record::PointRecord;
use super::prune_record::PruneRecord;
use super::record::EntryRecord;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{HEADER_AREA_LEN, padded};
use crate::ids::{Epoch, Hash};
use crate::text::human_bytes;
use crate::time::format_timestamp;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

/// A prune, decided.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    /// Points that stay, each with every reason.
    pub kept: Kept,
    /// Entries whose records go: points, and marks and moves that later ones stand for.
    pub condemned_entries: BTreeSet<Entry>,
    /// Objects that go.
    pub condemned_objects: BTreeSet<ObjectName>,
    /// Objects that outlive their records.
    pub kept_objects: Vec<KeptObject>,
    /// Every object that a kept point or a window needs, to be proven to be there before anything is deleted.
    pub needed: BTreeSet<ObjectName>,
    /// Claims that are not closed: nothing is deleted while there is one.
    pub unfinished: Vec<PointNumber>,
    /// Containers of which less than half is needed, with the bytes that are, when moving them pays.
    pub mostly_dead: Vec<(Entry, u64)>,
    /// Objects that an earlier mark condemned: most are gone by now; see [`PrunePlan::forget`].
    pub recondemned: BTreeSet<ObjectName>,
    settled_below: PointNumber,
    lines: Vec<(Entry, i64)>,
    /// Lengths of every object that a record tells of.
    lens: BTreeMap<ObjectName, u64>,
    /// Objects that the records of points that stay say to have brought.
    told: BTreeSet<ObjectName>,
    /// Records that are there and go.
    going: BTreeSet<Entry>,
    /// Objects of `recondemned` that are gone.
    absent: BTreeSet<ObjectName>,
}

impl PrunePlan {
    /// The pages that [`PrunePlan::new`] asks for: those of the segments of the points that stay.
    pub fn pages_needed(inventory: &Inventory, kept: &Kept) -> BTreeSet<ListPageRef> {
        let stay = inventory.points().filter(|point| kept.contains_key(&point.number()));
        stay.flat_map(|point| point.lists.segments.iter().copied()).collect()
    }

    /// Which points stay: by the rules, on hold (`held`), the newest, the newest that was verified (`verified`: with
    /// those that may be it), and the one that the
    /// window of moments starts from. `InvalidInput` without a rule.
    pub fn choose(
        inventory: &Inventory,
        keep: &Keep,
        held: &BTreeSet<PointNumber>,
        verified: impl IntoIterator<Item = PointNumber>,
    ) -> Result<Kept> {
        if keep.is_empty() {
            return Err(Error::invalid("no rule says what to keep: give one, such as --keep-last 24"));
        }
        if let Some((entry, error)) = inventory.damaged().first() {
            return Err(Error::damaged(alloc::format!(
                "what {entry} needs is not known, since its record can't be read ({}): nothing is pruned; run backup \
                 repair first",
                error.message()
            )));
        }
        let points: Vec<&PointRecord> = inventory.points().collect();
        let mut kept = keep.choose(&points, held, verified);
        let end = points.iter().map(|point| point.point.commit_time_ns).max();
        if let Some((window, end)) = keep.pitr_window_ns.zip(end) {
            let start = end.saturating_sub(i64::try_from(window).unwrap_or(i64::MAX));
            let before = points.iter().filter(|point| point.checkpoint.commit_time_ns <= start);
            let from = before.max_by_key(|point| (point.checkpoint.commit_time_ns, point.number()));
            if let Some(from) = from.or_else(|| points.iter().min_by_key(|point| point.number())) {
                kept.entry(from.number()).or_default().insert(Reason::Window);
            }
        }
        Ok(kept)
    }

    /// Plans what goes when `kept` stays. `segments` gives the items of the pages in [`PrunePlan::pages_needed`].
    pub fn new(
        inventory: &Inventory,
        keep: &Keep,
        kept: Kept,
        mut segments: impl FnMut(&ListPageRef) -> Result<Vec<LocatedSegment>>,
    ) -> Result<Self> {
        let stays = |point: &&PointRecord| kept.contains_key(&point.number());
        let mut needed: BTreeSet<ObjectName> = BTreeSet::new();
        let mut pages: BTreeSet<ListPageRef> = BTreeSet::new();
        for point in inventory.points().filter(stays) {
            needed.extend(inventory.needs(point));
            pages.extend(point.lists.segments.iter().copied());
        }
        if let Some(moves) = inventory.newest_moves() {
            needed.extend(moves.segments.iter().map(ListPageRef::name));
        }
        let gone = inventory.condemned();
        // A log that an earlier window let go does not come back by a longer one.
        needed.extend(window(inventory, keep, &kept).into_iter().filter(|name| gone.spares(name)));
        // Each segment counts once, however many points need it.
        let mut bytes: BTreeMap<(Entry, Hash), u64> = BTreeMap::new();
        for page in &pages {
            for segment in segments(page)? {
                let place = inventory.moves().locate(&segment)?;
                bytes.insert((place.home, place.entry.summary.identity), place.entry.summary.len);
            }
        }
        let mut by_container: BTreeMap<Entry, u64> = BTreeMap::new();
        for ((home, _), len) in &bytes {
            // What follows a segment starts at the next page of the medium.
            *by_container.entry(*home).or_default() += padded(*len).unwrap_or(*len);
        }

        let known = inventory.objects();
        let lens = inventory.lens();
        let mut condemned_entries: BTreeSet<Entry> = inventory.superseded();
        condemned_entries.extend(inventory.points().filter(|point| !stays(point)).map(|point| point.entry));
        condemned_entries.extend(gone.entries.iter().copied());
        let mut condemned_objects: BTreeSet<ObjectName> =
            known.keys().filter(|name| !needed.contains(name)).copied().collect();
        // What an earlier mark condemned stays condemned: somebody may be deleting it right now.
        condemned_objects.extend(gone.objects.iter().copied());
        let recondemned = gone.objects.clone();
        let outlives =
            |name: &&ObjectName| condemned_entries.contains(&name.entry) || !inventory.has(name.entry);
        let kept_objects =
            needed.iter().filter(outlives).filter_map(|name| known.get(name).copied().flatten()).collect();
        let mostly_dead = mostly_dead(&kept, by_container, &lens);
        let settled_below = inventory.settled_below();
        condemned_entries.retain(|entry| entry.number >= settled_below || inventory.has(*entry));
        let lines = inventory.points().map(|point| (point.entry, point.point.commit_time_ns)).collect();
        let going = condemned_entries.iter().filter(|entry| inventory.has(**entry)).copied().collect();
        let told = inventory
            .points()
            .filter(stays)
            .flat_map(|point| point.brought().map(|(name, _)| name))
            .collect();
        Ok(Self {
            kept,
            condemned_entries,
            condemned_objects,
            kept_objects,
            needed,
            unfinished: inventory.unfinished(),
            mostly_dead,
            recondemned,
            settled_below,
            lines,
            lens,
            told,
            going,
            absent: BTreeSet::new(),
        })
    }

    /// Takes note which of [`PrunePlan::recondemned`] are not there any more. The next mark leaves them out, but for those that the
    /// record of a point that stays names: it goes on saying that they are gone. Names are never used again.
    pub fn forget(&mut self, absent: &BTreeSet<ObjectName>) {
        self.absent = absent.intersection(&self.recondemned).copied().collect();
        self.condemned_objects.retain(|name| !self.absent.contains(name) || self.told.contains(name));
    }

    /// Every point that was there, in order, with the commit time of its end, Unix ns.
    pub fn points(&self) -> impl Iterator<Item = (Entry, i64)> {
        self.lines.iter().copied()
    }

    /// Points that go, in order.
    pub fn removed(&self) -> impl Iterator<Item = Entry> {
        self.lines.iter().map(|(entry, _)| *entry).filter(|entry| !self.kept.contains_key(&entry.number))
    }

    /// Objects that go and are there, as far as [`PrunePlan::forget`] was told, each with its bytes where a record tells them.
    pub fn deletions_planned(&self) -> impl Iterator<Item = (&ObjectName, Option<u64>)> {
        let there = self.condemned_objects.iter().filter(|name| !self.absent.contains(name));
        there.map(|name| (name, self.len_of(name)))
    }

    /// Bytes of the objects that go.
    pub fn bytes_freed(&self) -> u64 {
        self.deletions_planned().filter_map(|(_, len)| len).fold(0, u64::saturating_add)
    }

    /// The length that a record says an object to have.
    pub fn len_of(&self, name: &ObjectName) -> Option<u64> {
        self.lens.get(name).copied()
    }

    /// True when there is nothing to delete but an earlier mark, which does its work where it is.
    pub fn is_idle(&self) -> bool {
        let is_mark = |entry: &Entry| entry.kind == EntryKind::Prune;
        self.going.iter().all(is_mark) && self.deletions_planned().all(|(name, _)| is_mark(&name.entry))
    }

    /// The mark and the pages it names, which are written before it.
    pub fn mark(&self, entry: Entry, job: JobId, created_ns: i64) -> Result<(EntryRecord, Vec<NewPage>)> {
        let mut pages = Vec::new();
        let mut kept_objects = self.kept_objects.clone();
        kept_objects.sort_by_key(KeptObject::name);
        let kept = write_list(&kept_objects, entry, &[], &mut pages)?;
        let record = PruneRecord {
            entry,
            job,
            created_ns,
            settled_below: self.settled_below,
            condemned_entries: self.condemned_entries.iter().copied().collect(),
            condemned_objects: self.condemned_objects.iter().copied().collect(),
            kept,
        };
        Ok((EntryRecord::Prune(record), pages))
    }

    /// What a mark may delete, once every claim below it is closed: the records first, then the objects. `inventory` is that
    /// of now. What a point needs that appeared since the plan stays, with the record that brought it and all that this
    /// one needs. `Busy` while a claim below the mark is not closed.
    pub fn deletions(mark: &PruneRecord, inventory: &Inventory) -> Result<(Vec<Entry>, Vec<ObjectName>)> {
        if let Some(number) = inventory.unfinished().first().filter(|number| **number < mark.entry.number) {
            return Err(Error::new(
                ErrorKind::Busy,
                alloc::format!(
                    "the job that claimed number {number} is not finished: nothing is deleted before it is; run prune \
                     again later, or with --void-unfinished if that job is dead"
                ),
            ));
        }
        if let Some((entry, _)) = inventory.damaged().first() {
            return Err(Error::damaged("what it needs is not known: nothing is deleted").at(entry));
        }
        let Condemned { entries, objects } = inventory.effect_of(mark);
        Ok((entries.into_iter().collect(), objects.into_iter().collect()))
    }
}

/// Containers of which less than half is needed, with those bytes; none where moving would not free twice what it writes.
/// Header areas count as neither dead nor alive, so that what was moved is never moved again for its smallness.
fn mostly_dead(
    kept: &Kept,
    needed: BTreeMap<Entry, u64>,
    lens: &BTreeMap<ObjectName, u64>,
) -> Vec<(Entry, u64)> {
    let (mut found, mut freed, mut written) = (Vec::new(), 0u64, HEADER_AREA_LEN);
    for (home, needed) in needed {
        // A base opens by hand: its files stay as long as its record does.
        let opens = home.kind == EntryKind::Base && kept.contains_key(&home.number);
        let Some(len) = lens.get(&home.container()).filter(|_| !opens) else { continue };
        if needed.saturating_mul(2) < len.saturating_sub(HEADER_AREA_LEN) {
            found.push((home, needed));
            freed = freed.saturating_add(*len);
            written = written.saturating_add(needed);
        }
    }
    if freed < written.saturating_mul(2) {
        found.clear();
    }
    found
}

/// Log objects that the moments between kept points, or those in the window, need.
fn window(inventory: &Inventory, keep: &Keep, kept: &Kept) -> BTreeSet<ObjectName> {
    let stay = || inventory.points().filter(|point| kept.contains_key(&point.number()));
    let starting = |point: &&PointRecord| {
        keep.pitr_window_ns.is_none()
            || kept.get(&point.number()).is_some_and(|reasons| reasons.contains(&Reason::Window))
    };
    let from = stay().filter(starting).map(|point| point.checkpoint.commit_time_ns).min();
    let mut epochs: BTreeSet<Epoch> = BTreeSet::new();
    for point in stay() {
        epochs.insert(point.point.epoch);
        epochs.extend(inventory.ancestry(point.point.parent).into_iter().map(|left| left.epoch));
        epochs.extend(point.point.parent.map(|parent| parent.epoch));
    }
    let wanted = |log: &&super::LogObject| {
        epochs.contains(&log.epoch) && from.is_some_and(|from| log.last_commit_time_ns > from)
    };
    inventory.logs().filter(wanted).map(|log| log.name()).collect()
}

/// Why each point stays, and what goes: printed by `--dry-run`.
impl fmt::Display for PrunePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (entry, time) in &self.lines {
            let why = match self.kept.get(&entry.number) {
                Some(why) => alloc::format!("keep: {}", reasons(why)),
                None => "remove".into(),
            };
            writeln!(f, "  {:<12} {:<30} {why}", alloc::format!("{entry}"), format_timestamp(*time))?;
        }
        for (name, len) in self.deletions_planned() {
            let len = len.map_or("unknown length".into(), human_bytes);
            writeln!(f, "  delete {name}, {len}")?;
        }
        for (home, needed) in &self.mostly_dead {
            let needed = human_bytes(*needed);
            writeln!(f, "  {} is mostly unneeded: {needed} of it are to be moved", home.container())?;
        }
        for number in &self.unfinished {
            writeln!(f, "  claim {number} is not finished: nothing is deleted before it is")?;
        }
        write!(
            f,
            "{} points stay, {} points and {} objects go, {} in all",
            self.kept.len(),
            self.removed().count(),
            self.deletions_planned().count(),
            human_bytes(self.bytes_freed())
        )
    }
}
