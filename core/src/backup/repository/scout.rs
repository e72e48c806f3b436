//! Scout: which few records are read to find a moment, however many points a repository has.
//!
//! The manifest says where to look, and nothing more: what is found there are records, and a moment that these add up to is
//! exact, since each commit of it follows the one before ([`Timeline::resolve`](super::Timeline::resolve)). Where they don't
//! add up to it, nothing is concluded: then all records are to be read.
use super::hints::{Manifest, ManifestPoint};
use super::inventory::Claimed;
use super::name::{Entry, PointNumber};
use super::record::EntryRecord;
use super::resolve::Moment;
use crate::ids::{Epoch, Lsn};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Numbers behind the manifest's newest that are read one by one; with more of them the manifest is too old to help.
const BEHIND_MANIFEST_MAX: u64 = 64;
/// Epochs that are looked into.
const EPOCHS_MAX: usize = 16;
/// Records that are read at most.
const READS_MAX: usize = 512;

/// What a scout wants to read, or that it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScoutStep {
    /// Read the record of this number, which is perhaps that of `guess`, and give it to [`Scout::answer`].
    Read {
        /// The number.
        number: PointNumber,
        /// The entry that the manifest names.
        guess: Option<Entry>,
    },
    /// Everything is read that it knows of.
    Done,
    /// It would take too many reads: read all records.
    GiveUp,
}

/// A search on its way.
#[derive(Clone, Debug)]
pub struct Scout {
    target: Option<Target>,
    newest: PointNumber,
    /// What is to be read, the last one first.
    queue: Vec<(PointNumber, Option<Entry>)>,
    read: BTreeMap<PointNumber, Claimed>,
    /// Down to which number everything is read.
    floor: PointNumber,
    manifest: Vec<ManifestPoint>,
    /// The manifest does not name every point: look between those that it names.
    is_thin: bool,
    /// Between which numbers; known when the newest point is.
    between: Option<(Option<PointNumber>, PointNumber)>,
    has_chosen: bool,
}

/// What is looked for in the order of numbers.
#[derive(Clone, Copy, Debug)]
enum Target {
    Lsn(Lsn, Option<Epoch>),
    Time(i64, Option<Epoch>),
}

impl Target {
    fn epoch(self) -> Option<Epoch> {
        match self {
            Self::Lsn(_, epoch) | Self::Time(_, epoch) => epoch,
        }
    }

    /// How the end of a point stands to it.
    fn compare(self, lsn: Lsn, time_ns: i64) -> core::cmp::Ordering {
        match self {
            Self::Lsn(target, _) => lsn.cmp(&target),
            Self::Time(target, _) => time_ns.cmp(&target),
        }
    }
}

impl Scout {
    /// Looks for `moment` below and at `newest`, the newest claimed number. The manifest may be of any repository, or none.
    pub fn new(moment: &Moment, newest: PointNumber, manifest: Option<Manifest>) -> Self {
        let manifest = manifest.filter(|manifest| {
            let behind = newest.checked_sub(manifest.newest_number);
            behind.is_some_and(|behind| behind <= BEHIND_MANIFEST_MAX)
        });
        let mut it = Self {
            target: match *moment {
                Moment::Latest => None,
                Moment::Lsn { lsn, epoch } => Some(Target::Lsn(lsn, epoch)),
                Moment::CommitTime { time_ns, epoch } => Some(Target::Time(time_ns, epoch)),
            },
            newest,
            queue: Vec::new(),
            read: BTreeMap::new(),
            floor: newest,
            manifest: Vec::new(),
            is_thin: manifest.as_ref().is_none_or(|manifest| manifest.left_out > 0),
            between: None,
            has_chosen: false,
        };
        if let Some(manifest) = manifest {
            it.floor = newest.min(manifest.newest_number.saturating_add(1));
            let marks = manifest.newest_prune.into_iter().chain(manifest.newest_moves);
            it.queue.extend(marks.filter(|&number| number < it.floor).map(|number| (number, None)));
            it.manifest = manifest.points.into_iter().filter(|point| point.entry.number <= newest).collect();
        }
        it.queue.extend((it.floor..=newest).map(|number| (number, None)));
        it
    }

    /// What to do next.
    pub fn step(&mut self) -> ScoutStep {
        loop {
            if self.read.len() > READS_MAX {
                return ScoutStep::GiveUp;
            }
            let Some(&(number, guess)) = self.queue.last() else {
                match self.plan() {
                    true => continue,
                    false => return ScoutStep::Done,
                }
            };
            if self.read.contains_key(&number) {
                self.queue.pop();
                continue;
            }
            let known = self.manifest.iter().find(|point| point.entry.number == number);
            return ScoutStep::Read { number, guess: guess.or(known.map(|point| point.entry)) };
        }
    }

    /// Takes what was read: the entry that the number is claimed for, and its record; none where there is none.
    pub fn answer(&mut self, number: PointNumber, found: Claimed) {
        self.read.insert(number, found);
    }

    /// What was read, by number.
    pub fn finish(self) -> Vec<Claimed> {
        self.read.into_values().collect()
    }

    /// Queues what is to be read next; false when there is nothing more.
    fn plan(&mut self) -> bool {
        let Some(newest) = self.newest_point() else {
            // Nothing on top is a point: go down.
            let known =
                self.manifest.last().map(|point| point.entry.number).filter(|&known| known < self.floor);
            let Some(next) = known.or(self.floor.checked_sub(1)) else { return false };
            self.floor = next;
            self.queue.push((next, None));
            return true;
        };
        let Some(target) = self.target else { return false };
        if !self.has_chosen {
            self.has_chosen = true;
            self.choose(target, newest);
            return true;
        }
        self.halve(target, newest)
    }

    /// The point with the highest number, or one whose record can't be read.
    fn newest_point(&self) -> Option<(PointNumber, Epoch)> {
        self.read.iter().rev().find_map(|(number, found)| match found {
            (entry, Some(Ok(EntryRecord::Point(point)))) if entry.kind.is_point() => {
                Some((*number, point.point.epoch))
            }
            (entry, Some(Err(_))) if entry.kind.is_point() => Some((*number, Epoch::default())),
            _ => None,
        })
    }

    /// Of each epoch that the manifest names, the points on both sides of the target.
    fn choose(&mut self, target: Target, (newest, newest_epoch): (PointNumber, Epoch)) {
        let epoch = target.epoch().unwrap_or(newest_epoch);
        let epochs: BTreeSet<Epoch> = self.manifest.iter().map(|point| point.epoch).collect();
        let (mut below, mut above) = (None, newest);
        for it in epochs.into_iter().take(EPOCHS_MAX) {
            let of_epoch = || self.manifest.iter().filter(|point| point.epoch == it);
            let order = |point: &&ManifestPoint| target.compare(point.lsn, point.commit_time_ns);
            let lower = of_epoch().rfind(|point| order(point).is_le()).map(|point| point.entry);
            let upper = of_epoch().find(|point| order(point).is_ge()).map(|point| point.entry);
            let next = upper.and_then(|upper| of_epoch().find(|point| point.entry.number > upper.number));
            if it == epoch {
                below = lower.map(|entry| entry.number).or(below);
                above = upper.map_or(newest, |entry| entry.number);
            }
            let wanted = lower.into_iter().chain(upper).chain(next.map(|point| point.entry));
            self.queue.extend(wanted.map(|entry| (entry.number, Some(entry))));
        }
        if self.is_thin && below.is_none_or(|below| below < above) {
            self.between = Some((below, above));
        }
    }

    /// Halves the numbers between the two points, of which the manifest says nothing.
    fn halve(&mut self, target: Target, (_, newest_epoch): (PointNumber, Epoch)) -> bool {
        let epoch = target.epoch().unwrap_or(newest_epoch);
        while let Some((below, above)) = self.between {
            let start = below.map_or(0, |below| below + 1);
            let mid = start + above.saturating_sub(start) / 2;
            if mid >= above {
                self.between = None;
                // The neighbour, too: what follows a moment proves that it ends there.
                self.queue.extend([above, (above + 1).min(self.newest)].map(|number| (number, None)));
                return true;
            }
            // The first number from the middle on that is a point decides.
            let mut at = mid;
            let decided = loop {
                match self.read.get(&at) {
                    _ if at >= above => break None,
                    None => {
                        self.queue.push((at, None));
                        return true;
                    }
                    Some((_, Some(Ok(EntryRecord::Point(point))))) => break Some(point),
                    Some(_) => at += 1,
                }
            };
            self.between = Some(match decided {
                None => (below, mid),
                Some(point) => {
                    let order = target.compare(point.point.lsn, point.point.commit_time_ns);
                    // LSNs are compared in one epoch only; others are taken for older ones.
                    let is_before = matches!(target, Target::Lsn(..)) && point.point.epoch != epoch;
                    match is_before || order.is_lt() {
                        true => (Some(at), above),
                        false => (below, mid),
                    }
                }
            });
        }
        false
    }
}
