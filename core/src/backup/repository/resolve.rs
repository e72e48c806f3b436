//! Resolving a moment: from "the state at that time" to a point, the log objects to replay, and the commit to stop at.
//!
//! A moment is exact, or it is an error that names the two nearest that can be restored: nothing falls back. Where only
//! the frames of a log object tell which commit a time means, the answer is to scan that object.
use super::log_assembly::{Leg, position};
use super::log_object::LogObject;
use super::name::Entry;
use super::point_record::PointRecord;
use super::timeline::{Branch, Span, SpanEnd, Timeline};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Frame;
use crate::head::Position;
use crate::ids::{Epoch, Lsn};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A moment that someone names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The newest point, however old it is, or what was shipped behind it.
    Latest,
    /// After a commit; on the newest point's line, or on that of `epoch`.
    Lsn {
        /// The commit.
        lsn: Lsn,
        /// On which line.
        epoch: Option<Epoch>,
    },
    /// After every commit with a commit time up to this one, on the newest point's line or on that of `epoch`.
    CommitTime {
        /// Unix ns.
        time_ns: i64,
        /// On which line.
        epoch: Option<Epoch>,
    },
}

/// Where to start, and what to replay.
#[derive(Clone, Debug)]
pub struct RestoreFrom {
    /// The point whose lists are the start.
    pub start: PointRecord,
    /// What is replayed over them; never empty, though the legs may be without objects.
    pub legs: Vec<Leg>,
    /// The moment.
    pub at: SpanEnd,
}

/// A log object whose frames decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeScan {
    /// Read it whole, and ask [`TimeScan::holds`] of each frame.
    pub log: LogObject,
    /// The time that was asked for, Unix ns.
    pub time_ns: i64,
    /// Commits behind this one are not of the line.
    pub lsn_max: Lsn,
    epoch: Epoch,
    /// The commit it is when no commit of the object is: known to be before the time.
    floor: Lsn,
    /// True when nobody knows whether later commits of the line are before the time too.
    is_open: bool,
}

impl TimeScan {
    /// Where a frame leaves the history, if it is not behind the time: the last such one is what the scan looks for.
    pub fn holds(&self, frame: &Frame<'_>) -> Option<Position> {
        (frame.head.commit_time_ns <= self.time_ns && frame.head.lsn <= self.lsn_max).then(|| position(frame))
    }
}

/// What a moment came to.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// It is this commit.
    Restore(alloc::boxed::Box<RestoreFrom>),
    /// Scan, then ask [`Timeline::scanned`].
    Scan(alloc::boxed::Box<TimeScan>),
}

impl Timeline {
    /// Finds a moment. `NotRestorable` for one that is not there, `Damaged` where a record that can't be read may be the
    /// reason.
    pub fn resolve(&self, moment: &Moment) -> Result<Resolved> {
        let newest = self.newest_readable()?;
        match *moment {
            Moment::Latest => match self.damaged().iter().rev().find(|(entry, _)| entry.kind.is_point()) {
                Some((entry, error)) if entry.number > newest.number() => Err(Error::damaged(alloc::format!(
                    "the record of the newest point can't be read ({}); name a moment up to {}, the end of {}, or use \
                     --salvage",
                    error.message(),
                    format_timestamp(newest.point.complete_until_ns),
                    newest.entry
                ))
                .at(entry)),
                _ => self.latest(newest),
            },
            Moment::Lsn { lsn, epoch } => {
                let line = self.line_of(epoch, newest)?;
                self.at_lsn(&line, lsn, &alloc::format!("LSN {lsn}")).map(|from| Resolved::Restore(from.into()))
            }
            Moment::CommitTime { time_ns, epoch } => {
                let line = self.line_of(epoch, newest)?;
                self.at_time(&line, time_ns)
            }
        }
    }

    /// Goes on after a scan; `found` is the last that [`TimeScan::holds`] answered.
    pub fn scanned(&self, scan: &TimeScan, found: Option<Position>) -> Result<RestoreFrom> {
        let lsn = found.map_or(scan.floor, |found| found.lsn.max(scan.floor));
        let line = self.line(scan.epoch);
        // A commit of that very time is the last one up to it, whatever follows.
        let exactly = found.is_some_and(|found| found.lsn == lsn && found.commit_time_ns == scan.time_ns);
        if scan.is_open && lsn >= scan.lsn_max && !exactly {
            return Err(self.refuse(&line, &asked_time(scan.time_ns), lsn, lsn.saturating_add(1)));
        }
        let mut from = self.at_lsn(&line, lsn, &asked_time(scan.time_ns))?;
        if let Some(found) = found.filter(|found| found.lsn == lsn) {
            from.at.commit_time_ns = Some(found.commit_time_ns);
        }
        Ok(from)
    }

    fn newest_readable(&self) -> Result<&PointRecord> {
        self.newest().ok_or_else(|| match self.damaged().first() {
            Some((entry, error)) => Error::damaged(alloc::format!(
                "no record of a point can be read; of {entry}: {}; run backup verify",
                error.message()
            )),
            None => Error::new(ErrorKind::NotRestorable, "there is no point in this repository"),
        })
    }

    fn line_of(&self, epoch: Option<Epoch>, newest: &PointRecord) -> Result<Vec<Branch>> {
        let line = self.line(epoch.unwrap_or(newest.point.epoch));
        match (line.is_empty(), epoch) {
            (true, Some(epoch)) => Err(Error::new(
                ErrorKind::NotRestorable,
                alloc::format!(
                    "no point of epoch {epoch} is in this repository; backup timeline lists the epochs"
                ),
            )),
            _ => Ok(line),
        }
    }

    /// The newest point, or the last commit that was shipped behind it. What was shipped and is damaged is not passed over.
    fn latest(&self, newest: &PointRecord) -> Result<Resolved> {
        let epoch = newest.point.epoch;
        // What lies behind an older point matters until frames lie behind the newest one.
        let has_row = self.shipped(epoch).any(|log| log.home == newest.entry);
        let previous = newest.previous.map(|previous| previous.entry).filter(|_| !has_row);
        let matters = |entry: &Entry| *entry == newest.entry || Some(*entry) == previous;
        let shipped = self.shipped_end(epoch).filter(|end| end.lsn > newest.point.lsn);
        if let Some((entry, error)) = self.unshipped().iter().rev().find(|(entry, _)| matters(entry)) {
            let end = shipped.map_or(newest.point.complete_until_ns, |end| end.commit_time_ns);
            return Err(Error::damaged(alloc::format!(
                "frames that were shipped behind {entry} can't be read ({error}); name a moment up to {}",
                format_timestamp(end)
            )));
        }
        let Some(end) = shipped else { return Ok(Resolved::Restore(self.whole(newest).into())) };
        let line = self.line(epoch);
        self.at_lsn(&line, end.lsn, &alloc::format!("LSN {}", end.lsn))
            .map(|from| Resolved::Restore(from.into()))
    }

    /// A point as its record says it is.
    fn whole(&self, point: &PointRecord) -> RestoreFrom {
        let leg = Leg { identity: point.identity(), logs: point.replay.clone(), until: point.point.lsn };
        let at = SpanEnd {
            epoch: point.point.epoch,
            lsn: point.point.lsn,
            commit_time_ns: (point.point.lsn > 0).then_some(point.point.commit_time_ns),
        };
        RestoreFrom { start: point.clone(), legs: [leg].into(), at }
    }

    fn at_lsn(&self, line: &[Branch], lsn: Lsn, asked: &str) -> Result<RestoreFrom> {
        // The newest lists at or before the commit. Those of an epoch that begins right behind it hold the same state.
        let found = line.iter().enumerate().rev().find_map(|(index, branch)| {
            let starts = self.starts(branch).filter(|point| point.checkpoint.lsn <= lsn);
            starts.max_by_key(|point| (point.checkpoint.lsn, point.number())).map(|point| (index, point))
        });
        let Some((first, start)) = found else { return Err(self.refuse(line, asked, lsn, lsn)) };
        // The epoch that the commit is of: the last one that starts before it.
        let owner = line.iter().rposition(|branch| branch.from < lsn).unwrap_or(0).max(first);
        let (mut legs, mut at, mut time) =
            (Vec::new(), start.checkpoint.lsn, self.state_of(start).commit_time_ns);
        for branch in line.iter().take(owner + 1).skip(first) {
            let until = branch.to.min(lsn);
            let mut logs = Vec::new();
            while at < until {
                let Some(log) = self.log_behind(branch, at) else {
                    return Err(self.refuse(line, asked, lsn, lsn));
                };
                if log.reach(at) < until.min(log.last_lsn) {
                    return Err(self.refuse(line, asked, lsn, lsn));
                }
                time = (log.last_lsn <= until).then_some(log.last_commit_time_ns);
                at = log.last_lsn.min(until);
                logs.push(*log);
            }
            legs.push(Leg { identity: branch.identity.clone(), logs, until });
        }
        let epoch = line.get(owner).map_or(start.point.epoch, |branch| branch.identity.epoch);
        let at = SpanEnd { epoch, lsn, commit_time_ns: time };
        Ok(RestoreFrom { start: start.clone(), legs, at })
    }

    fn at_time(&self, line: &[Branch], time_ns: i64) -> Result<Resolved> {
        let asked = asked_time(time_ns);
        let Some(leaf) = line.last() else { return Err(self.refuse(line, &asked, 0, 0)) };
        let shipped = self.shipped_end(leaf.identity.epoch).map(|end| end.commit_time_ns);
        let complete = self.starts(leaf).map(|point| point.point.complete_until_ns).chain(shipped).max();
        if complete.is_none_or(|complete| time_ns > complete) {
            return Err(self.refuse(line, &asked, Lsn::MAX, Lsn::MAX));
        }
        // The newest lists that are not after the time.
        let found = line.iter().enumerate().rev().find_map(|(index, branch)| {
            let starts = self.starts(branch).filter(|point| self.is_state_by(branch, point, time_ns));
            starts.max_by_key(|point| point.checkpoint.lsn).map(|point| (index, point.checkpoint.lsn))
        });
        let Some((mut index, mut at)) = found else { return Err(self.refuse(line, &asked, 0, 0)) };
        while let Some(branch) = line.get(index) {
            let child = line.get(index + 1);
            let next_epoch = child.and_then(|child| self.log_behind(child, branch.to));
            if at == branch.to && child.is_some() {
                match next_epoch.filter(|log| log.first_lsn > at && log.first_commit_time_ns <= time_ns) {
                    Some(_) => index += 1,
                    None => break,
                }
                continue;
            }
            let Some(log) = self.log_behind(branch, at) else { break };
            if next_epoch.is_some_and(|next| next.first_commit_time_ns <= time_ns) {
                // What follows in the next epoch is before the time: so is all of this one that is of the line.
                at = log.last_lsn.min(branch.to);
            } else if log.first_lsn > at && log.first_commit_time_ns > time_ns {
                break;
            } else if log.last_commit_time_ns <= time_ns {
                at = log.last_lsn.min(branch.to);
            } else {
                let epoch = leaf.identity.epoch;
                let is_open = child.is_some() && next_epoch.is_none() && !self.is_followed(line, branch.to);
                let lsn_max = branch.to;
                let scan = TimeScan { log: *log, time_ns, lsn_max, epoch, floor: at, is_open };
                return Ok(Resolved::Scan(scan.into()));
            }
        }
        match self.ends_before(line, index, at, time_ns) {
            true => self.at_lsn(line, at, &asked).map(|from| Resolved::Restore(from.into())),
            false => Err(self.refuse(line, &asked, at, at.saturating_add(1))),
        }
    }

    /// True when the lists of `point` are of a time up to `time_ns`.
    fn is_state_by(&self, branch: &Branch, point: &PointRecord, time_ns: i64) -> bool {
        match point.checkpoint.lsn {
            // An empty state has no time: it counts from the first commit on.
            0 => self.log_behind(branch, 0).is_some_and(|log| log.first_commit_time_ns <= time_ns),
            _ => point.checkpoint.commit_time_ns <= time_ns,
        }
    }

    /// True when the state of the commit right behind `lsn` is one that a point holds: nothing lies between.
    fn is_followed(&self, line: &[Branch], lsn: Lsn) -> bool {
        line.iter().any(|branch| {
            branch.from >= lsn
                && self.starts(branch).any(|point| point.checkpoint.lsn <= lsn.saturating_add(1))
        })
    }

    /// True when no commit of the line behind `lsn` can be of a time up to `time_ns`.
    fn ends_before(&self, line: &[Branch], index: usize, lsn: Lsn, time_ns: i64) -> bool {
        let next = lsn.saturating_add(1);
        let later = line.iter().skip(index);
        let known = later.clone().enumerate().any(|(offset, branch)| {
            let follows = self.log_behind(branch, lsn).is_some_and(|log| {
                log.first_lsn == next
                    && log.first_commit_time_ns > time_ns
                    && (offset == 0 || branch.from == lsn)
            });
            let state = self.starts(branch).any(|point| {
                point.checkpoint.lsn == next
                    && point.checkpoint.commit_time_ns > time_ns
                    && branch.from <= next
            });
            (follows || state) && branch.to >= next
        });
        let complete = later.clone().any(|branch| {
            let ends =
                |point: &&PointRecord| point.point.lsn == lsn && point.point.complete_until_ns >= time_ns;
            self.points()
                .iter()
                .filter(|point| point.point.epoch == branch.identity.epoch)
                .any(|point| ends(&point))
        });
        let exactly = self.time_of(line, index, lsn) == Some(time_ns);
        known || complete || exactly
    }

    fn time_of(&self, line: &[Branch], index: usize, lsn: Lsn) -> Option<i64> {
        let branch = line.get(index)?;
        let state = self.starts(branch).find(|point| point.checkpoint.lsn == lsn);
        let log = lsn.checked_sub(1).and_then(|before| self.log_behind(branch, before));
        let logged = log.filter(|log| log.last_lsn == lsn).map(|log| log.last_commit_time_ns);
        state.map(|point| point.checkpoint.commit_time_ns).or(logged)
    }

    /// The empty state has no time that anybody could ask for: the first commit stands for it.
    fn first_with_time(&self, line: &[Branch], moment: SpanEnd) -> SpanEnd {
        let log = line.first().filter(|_| moment.lsn == 0).and_then(|branch| self.log_behind(branch, 0));
        log.map_or(moment, |log| SpanEnd {
            epoch: log.epoch,
            lsn: log.first_lsn,
            commit_time_ns: Some(log.first_commit_time_ns),
        })
    }

    /// The error for a moment behind commit `after` and before commit `before`: with the two nearest that there are.
    fn refuse(&self, line: &[Branch], asked: &str, after: Lsn, before: Lsn) -> Error {
        let spans = line.last().map(|leaf| self.spans(leaf.identity.epoch)).unwrap_or_default();
        let earlier = |span: &&Span| span.last.lsn <= after;
        let earlier = spans.iter().rev().find(earlier).map(|span| span.last.to_string());
        let later = spans.iter().find(|span| span.first.lsn >= before);
        let later = later.map(|span| self.first_with_time(line, span.first).to_string());
        let nearest: Vec<String> = [
            earlier.map(|moment| alloc::format!("the nearest before it is {moment}")),
            later.map(|moment| alloc::format!("the nearest after it is {moment}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let damaged =
            self.damaged().iter().map(|(entry, _)| entry.to_string()).collect::<Vec<_>>().join(", ");
        let others = if self.has_other_lines(line) {
            "; the repository has other lines of history: backup timeline lists them, --epoch chooses one"
        } else {
            ""
        };
        let text = alloc::format!("{asked} can't be restored: {}{others}", nearest.join(", "));
        match damaged.is_empty() {
            true => Error::new(ErrorKind::NotRestorable, text),
            false => Error::damaged(alloc::format!(
                "{text}; the records of {damaged} can't be read, and may hold it: run backup verify"
            )),
        }
    }
}

fn asked_time(time_ns: i64) -> String {
    alloc::format!("the moment {}", format_timestamp(time_ns))
}
