//! Timeline: every point and every log object of a repository as a tree of epochs, and which moments they add up to.
//!
//! It is made from records alone, in any order, some of them damaged. What it keeps true: a moment is called restorable
//! only where a point's lists and an unbroken row of log objects lead to it. A damaged record is kept as damage.
use super::continuation::Continuation;
use super::ground::Condemned;
use super::list::KeptObject;
use super::log_object::LogObject;
use super::name::Entry;
use super::point_record::PointRecord;
use super::record::EntryRecord;
use crate::engine::Identity;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::head::Position;
use crate::ids::{Epoch, Lsn};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// A moment that can be restored to, at an end of a span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpanEnd {
    /// In which stretch of history.
    pub epoch: Epoch,
    /// After which commit.
    pub lsn: Lsn,
    /// Its commit time, Unix ns; `None` where only a scan of a log object tells.
    pub commit_time_ns: Option<i64>,
}

/// Commits without a gap, after each of which the database can be restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first.
    pub first: SpanEnd,
    /// The last.
    pub last: SpanEnd,
}

/// One epoch on the way from the lineage's first to another.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) identity: Identity,
    /// The commit that it starts behind.
    pub(super) from: Lsn,
    /// The last commit that belongs to the line.
    pub(super) to: Lsn,
}

/// What a repository holds.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    points: Vec<PointRecord>,
    damaged: Vec<(Entry, Error)>,
    epochs: BTreeMap<Epoch, Identity>,
    /// By epoch, in order of first LSN; the shipped ones among them.
    logs: BTreeMap<Epoch, Vec<LogObject>>,
    /// What is wrong with frames that were shipped behind a point.
    unshipped: Vec<(Entry, Error)>,
}

impl Timeline {
    /// Of all records, in any order, and of what the newest prune record keeps. `InvalidInput` when points are of two
    /// databases.
    pub fn new(
        records: impl IntoIterator<Item = (Entry, Result<EntryRecord>)>,
        kept: &[KeptObject],
    ) -> Result<Self> {
        let mut it = Self::default();
        for (entry, record) in records {
            match record {
                Ok(EntryRecord::Point(point)) => it.points.push(*point),
                Ok(_) => {}
                Err(error) => it.damaged.push((entry, error)),
            }
        }
        it.points.sort_unstable_by_key(PointRecord::number);
        it.points.dedup_by_key(|point| point.number());
        it.damaged.sort_unstable_by_key(|(entry, _)| *entry);
        let lineages: BTreeSet<_> = it.points.iter().map(|point| point.point.lineage).collect();
        if lineages.len() > 1 {
            let list: Vec<_> = lineages.iter().map(|lineage| lineage.to_hex()).collect();
            return Err(Error::invalid(alloc::format!(
                "the repository holds points of several databases: {}; keep each in a place of its own",
                list.join(", ")
            )));
        }
        let mut logs: BTreeMap<(Epoch, Lsn, Lsn), LogObject> = BTreeMap::new();
        let kept = kept.iter().filter_map(|object| match object {
            KeptObject::Log(log) => Some(*log),
            KeptObject::Container(_) => None,
        });
        let replayed = it.points.iter().flat_map(|point| point.replay.iter().chain(&point.log)).copied();
        for log in replayed.chain(kept) {
            logs.entry((log.epoch, log.first_lsn, log.last_lsn)).or_insert(log);
        }
        logs.into_values().for_each(|log| it.logs.entry(log.epoch).or_default().push(log));
        for point in &it.points {
            it.epochs.insert(point.point.epoch, point.identity());
        }
        Ok(it)
    }

    /// Without what a mark condemns: points that are going, and logs of points that stay. Either may be gone already.
    #[must_use]
    pub fn without(mut self, condemned: &Condemned) -> Self {
        self.points.retain(|point| !condemned.entries.contains(&point.entry));
        for logs in self.logs.values_mut() {
            logs.retain(|log| condemned.spares(&log.name()));
        }
        let left: BTreeSet<Epoch> = self.points.iter().map(|point| point.point.epoch).collect();
        self.epochs.retain(|epoch, _| left.contains(epoch));
        self
    }

    /// With the frames that were shipped behind `entry`, and what is wrong with them ([`super::follow`]).
    pub fn add_shipped(&mut self, entry: Entry, logs: Vec<LogObject>, error: Option<Error>) {
        for log in logs {
            let row = self.logs.entry(log.epoch).or_default();
            row.push(log);
        }
        for row in self.logs.values_mut() {
            row.sort_by_key(|log| (log.first_lsn, log.last_lsn));
        }
        self.unshipped.extend(error.map(|error| (entry, error)));
    }

    /// Frames of an epoch that were shipped behind its points, in order of LSN.
    pub fn shipped(&self, epoch: Epoch) -> impl Iterator<Item = &LogObject> {
        self.logs.get(&epoch).into_iter().flatten().filter(|log| log.shipped.is_some())
    }

    /// Shipped frames that are damaged or gone: behind which point, and what is wrong.
    pub fn unshipped(&self) -> &[(Entry, Error)] {
        &self.unshipped
    }

    /// Where the history of an epoch ends that was shipped behind its points.
    pub fn shipped_end(&self, epoch: Epoch) -> Option<Position> {
        self.shipped(epoch).map(LogObject::end).max_by_key(|end| end.lsn)
    }

    /// The points, in order of number.
    pub fn points(&self) -> &[PointRecord] {
        &self.points
    }

    /// Records that can't be read, and why.
    pub fn damaged(&self) -> &[(Entry, Error)] {
        &self.damaged
    }

    /// The point with the highest number.
    pub fn newest(&self) -> Option<&PointRecord> {
        self.points.last()
    }

    /// Ns from the last commit of the newest point, or of the frames shipped behind it, to `now_ns`; negative when the clock was
    /// set back.
    pub fn age_ns(&self, now_ns: i64) -> Option<i64> {
        self.newest().map(|point| {
            let shipped = self.shipped_end(point.point.epoch).map(|end| end.commit_time_ns);
            now_ns.saturating_sub(shipped.unwrap_or(i64::MIN).max(point.point.complete_until_ns))
        })
    }

    /// The epochs that have a point, each with what it continues.
    pub fn epochs(&self) -> impl Iterator<Item = (Epoch, Option<EpochParent>)> {
        self.epochs.iter().map(|(epoch, identity)| (*epoch, identity.parent))
    }

    /// Epochs before `parent`, as far as records tell; each is continued by the one before it.
    pub fn ancestry(&self, parent: Option<EpochParent>) -> Vec<EpochParent> {
        let (mut found, mut next) = (Vec::new(), parent);
        let mut seen = BTreeSet::new();
        while let Some(left) = next.filter(|left| seen.insert(left.epoch)) {
            next = self.epochs.get(&left.epoch).and_then(|identity| identity.parent);
            found.extend(next);
        }
        found
    }

    /// The point that a database at `position` continues: the newest on its line. `InvalidInput` when there is none.
    pub fn continued_by(&self, identity: &Identity, position: &Position) -> Result<&PointRecord> {
        let ancestry = self.ancestry(identity.parent);
        for point in self.points.iter().rev() {
            if Continuation::of(identity, position, point, &ancestry)? != Continuation::Elsewhere {
                return Ok(point);
            }
        }
        Err(Continuation::none(identity))
    }

    /// The way to `epoch`, from the oldest epoch that has a point.
    pub(super) fn line(&self, epoch: Epoch) -> Vec<Branch> {
        let (mut line, mut next, mut seen) = (Vec::new(), Some((epoch, Lsn::MAX)), BTreeSet::new());
        while let Some((epoch, to)) = next.filter(|(epoch, _)| seen.insert(*epoch)) {
            let Some(identity) = self.epochs.get(&epoch) else { break };
            let from = identity.parent.map_or(0, |parent| parent.lsn);
            // A line that goes back behind where its child left it belongs to the grandparent there.
            line.push(Branch { identity: identity.clone(), from, to });
            next = identity.parent.map(|parent| (parent.epoch, parent.lsn.min(to)));
        }
        line.reverse();
        line
    }

    /// Points of a branch whose lists hold a state of the line.
    pub(super) fn starts<'a>(&'a self, branch: &'a Branch) -> impl Iterator<Item = &'a PointRecord> {
        self.points
            .iter()
            .filter(|point| point.point.epoch == branch.identity.epoch && point.checkpoint.lsn <= branch.to)
    }

    /// The log objects of an epoch, in order of LSN.
    pub(super) fn logs_of(&self, epoch: Epoch) -> &[LogObject] {
        self.logs.get(&epoch).map_or(&[], Vec::as_slice)
    }

    /// Of the log objects of a branch that hold the commit behind `lsn`, the one that reaches furthest.
    pub(super) fn log_behind(&self, branch: &Branch, lsn: Lsn) -> Option<&LogObject> {
        let logs = self.logs.get(&branch.identity.epoch)?;
        let starting = logs.partition_point(|log| log.first_lsn <= lsn.saturating_add(1));
        logs.get(..starting)?
            .iter()
            .filter(|log| log.last_lsn > lsn)
            .max_by_key(|log| (log.last_lsn, log.first_lsn))
    }

    /// All moments that can be restored to on the line of `epoch`, oldest first. Between two spans is a gap.
    pub fn spans(&self, epoch: Epoch) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for branch in &self.line(epoch) {
            let carried =
                spans.last().map(|span| span.last).filter(|last| last.lsn == branch.from && last.lsn > 0);
            let mut starts: Vec<SpanEnd> = self.starts(branch).map(|point| self.state_of(point)).collect();
            starts.extend(carried);
            starts.sort_by_key(|start| (start.lsn, start.commit_time_ns.is_none()));
            for start in starts {
                let follows = |last: &Span| last.last.lsn >= start.lsn;
                if spans.last().is_some_and(follows) && carried != Some(start) {
                    continue;
                }
                let last = self.reach(branch, start);
                match spans.last_mut().filter(|span| span.last.lsn.saturating_add(1) >= start.lsn) {
                    Some(span) => span.last = last,
                    None => spans.push(Span { first: start, last }),
                }
            }
        }
        spans
    }

    /// The state that a point's lists hold.
    pub(super) fn state_of(&self, point: &PointRecord) -> SpanEnd {
        let Position { lsn, commit_time_ns, .. } = point.checkpoint;
        // Before the first commit there is no time.
        SpanEnd { epoch: point.point.epoch, lsn, commit_time_ns: (lsn > 0).then_some(commit_time_ns) }
    }

    /// The last commit of the branch to which log objects lead from `start` without a hole.
    fn reach(&self, branch: &Branch, start: SpanEnd) -> SpanEnd {
        let mut last = start;
        while last.lsn < branch.to {
            let Some(log) = self.log_behind(branch, last.lsn) else { break };
            let end = log.reach(last.lsn).min(branch.to);
            if end <= last.lsn {
                break;
            }
            let whole = end == log.last_lsn;
            last = SpanEnd {
                epoch: branch.identity.epoch,
                lsn: end,
                commit_time_ns: whole.then_some(log.last_commit_time_ns),
            };
            if !whole {
                break;
            }
        }
        last
    }
}
