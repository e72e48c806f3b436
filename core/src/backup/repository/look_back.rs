//! Look back: what a backup reads after its claim, to find the point it continues and what it may refer to.
//!
//! It goes down from its own number, entry by entry, and ends at the point: a few reads where backups follow each other.
//! Every mark on the way condemns. The claim of a prune that has no mark yet is closed by a void first; without that, its
//! mark could condemn what was just found free.
use super::continuation::Continuation;
use super::ground::Condemned;
use super::name::{Entry, EntryKind, PointNumber};
use super::point_record::PointRecord;
use super::record::EntryRecord;
use crate::engine::Identity;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::head::Position;

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LookStep {
    /// Read the claim on this number, then the record of the entry that it names; give both to [`LookBack::answer`].
    Read(PointNumber),
    /// Create a void under the name of this entry (create-only; that something is there already is no error), then go on.
    Void(Entry),
    /// It is over: see [`LookBack::finish`].
    Done,
}

/// A look back on its way.
#[derive(Clone, Debug)]
pub struct LookBack {
    identity: Identity,
    position: Position,
    ancestry: alloc::vec::Vec<EpochParent>,
    /// The next number to read.
    at: Option<PointNumber>,
    void: Option<Entry>,
    /// Below this number, what has no record was pruned.
    settled_below: PointNumber,
    saw_points: bool,
    condemned: Condemned,
    previous: Option<PointRecord>,
}

impl LookBack {
    /// Of the job that claimed `number` for a database at `position`; `ancestry` as in [`Continuation::of`].
    pub fn new(
        number: PointNumber,
        identity: Identity,
        position: Position,
        ancestry: alloc::vec::Vec<EpochParent>,
    ) -> Self {
        Self {
            identity,
            position,
            ancestry,
            at: number.checked_sub(1),
            void: None,
            settled_below: 0,
            saw_points: false,
            condemned: Condemned::default(),
            previous: None,
        }
    }

    /// What to do next.
    pub fn next(&self) -> LookStep {
        match (self.void, self.at) {
            (Some(entry), _) => LookStep::Void(entry),
            (None, Some(number)) if self.previous.is_none() => LookStep::Read(number),
            _ => LookStep::Done,
        }
    }

    /// Takes note that the void was created, or refused because something is there.
    pub fn voided(&mut self) {
        self.void = None;
    }

    /// Takes the entry that the claim names, and its record, if it has one. `InvalidInput` where the database can't continue
    /// the newest point of its line, `Damaged` where a record on the way can't be read: it may be that point, or a mark.
    pub fn answer(&mut self, entry: Entry, record: Option<Result<EntryRecord>>) -> Result<()> {
        match record {
            Some(Ok(EntryRecord::Point(point))) => {
                self.saw_points = true;
                if !self.condemned.entries.contains(&entry) {
                    let how = Continuation::of(&self.identity, &self.position, &point, &self.ancestry)?;
                    self.previous = (how != Continuation::Elsewhere).then_some(*point);
                }
            }
            Some(Ok(EntryRecord::Prune(mark))) => {
                let Condemned { entries, objects } = Condemned::by([&mark]);
                self.condemned.entries.extend(entries);
                self.condemned.objects.extend(objects);
                self.settled_below = self.settled_below.max(mark.settled_below);
            }
            Some(Ok(EntryRecord::Moves(_) | EntryRecord::Void(_))) => {}
            Some(Err(error)) => {
                return Err(Error::new(
                    error.kind(),
                    alloc::format!(
                        "the record of {entry} can't be read ({}): what a delta may refer to is not known; run backup \
                         verify, or begin anew with --new-base",
                        error.message()
                    ),
                ));
            }
            None => {
                let pruned = entry.number < self.settled_below || self.condemned.entries.contains(&entry);
                if entry.kind == EntryKind::Prune && !pruned {
                    // Looked at again after the void: its mark may have been first.
                    self.void = Some(entry);
                    return Ok(());
                }
            }
        }
        self.at = entry.number.checked_sub(1);
        Ok(())
    }

    /// The newest point in the past of the database, if there is one.
    pub fn past(self) -> Option<PointRecord> {
        self.previous
    }

    /// The point to continue, and what marks behind it condemn. No point where the repository has none; `InvalidInput` where it
    /// has some, and none is in the past of the database.
    pub fn finish(self) -> Result<(Option<PointRecord>, Condemned)> {
        match self.previous.is_none() && self.saw_points {
            true => Err(Continuation::none(&self.identity)),
            false => Ok((self.previous, self.condemned)),
        }
    }
}
