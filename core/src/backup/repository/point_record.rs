//! Record of a base or a delta: `metadata.json` below the point's name, written last. The point exists when it does.
//!
//! It is the record of a snapshot, and says besides what the point's lists are, which log objects replay needs, and what
//! it continues. From it alone every object of the point is found: however many deltas came before, none is read.
use super::claim::JobId;
use super::encryption::Encryption;
use super::list_page::ListRefs;
use super::log_object::LogObject;
use super::name::{Entry, EntryKind, ObjectFile, ObjectName, PointNumber};
use crate::backup::SnapshotRecord;
use crate::catalog::StoredPolicy;
use crate::engine::Identity;
use crate::error::{Error, Result};
use crate::format::{EpochParent, Policies, PolicyState, Settings};
use crate::head::Position;
use crate::ids::Lsn;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Most log objects that a replay needs: a job that would need one more brings the whole tail anew.
pub const REPLAY_LOGS_MAX: usize = 16;

/// The point that a delta continues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreviousPoint {
    /// Which.
    pub entry: Entry,
    /// Where it ends.
    pub at: EpochParent,
}

/// Commits behind the previous point whose frames were gone. Their data is in the point, their moments are lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The first of them.
    pub first_lsn: Lsn,
    /// The last of them.
    pub last_lsn: Lsn,
}

/// Everything the record of a point says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointRecord {
    /// Its number and name, as claimed.
    pub entry: Entry,
    /// The job that claimed it.
    pub job: JobId,
    /// What every record of a point says; `files` are those that it brought, pages left out.
    pub point: SnapshotRecord,
    /// What it continues; none exactly in a base.
    pub previous: Option<PreviousPoint>,
    /// Pages of its lists.
    pub lists: ListRefs,
    /// Entries in whose containers the segments of the lists lie, ascending: what the point needs is known without a page.
    pub containers: Vec<Entry>,
    /// The lists hold every commit up to here; replay starts there.
    pub checkpoint: Position,
    /// Log objects that hold the commits from the checkpoint to the last one, in order.
    pub replay: Vec<LogObject>,
    /// The log object that the point brought: each commit in it is a moment to restore to.
    pub log: Option<LogObject>,
    /// Commits that its log should hold and does not.
    pub gap: Option<Gap>,
    /// The database's settings, as of the checkpoint.
    pub settings: Settings,
    /// Its policies, as of the checkpoint.
    pub policies: Policies,
    /// How far they are carried out.
    pub policy_state: PolicyState,
    /// Host clock when the database was created, Unix ns.
    pub database_created_ns: i64,
    /// In an encrypted repository: to whom, and what is not for everybody.
    pub encryption: Option<Encryption>,
}

impl PointRecord {
    /// Its number.
    pub fn number(&self) -> PointNumber {
        self.entry.number
    }

    /// Where it ends.
    pub fn position(&self) -> Position {
        let SnapshotRecord { lsn, commit_time_ns, chain, .. } = self.point;
        Position { lsn, commit_time_ns, chain }
    }

    /// What its successor calls it.
    pub fn as_previous(&self) -> PreviousPoint {
        let SnapshotRecord { epoch, lsn, chain, .. } = self.point;
        PreviousPoint { entry: self.entry, at: EpochParent { epoch, lsn, chain } }
    }

    /// The database that it is of.
    pub fn identity(&self) -> Identity {
        Identity {
            lineage: self.point.lineage,
            epoch: self.point.epoch,
            parent: self.point.parent,
            created_ns: self.database_created_ns,
            settings: self.settings,
        }
    }

    /// Settings and policies, as of the checkpoint.
    pub(super) fn policy(&self) -> StoredPolicy {
        StoredPolicy {
            settings: self.settings,
            policies: Arc::new(self.policies.clone()),
            state: self.policy_state.clone(),
        }
    }

    /// Objects that it brought, pages and the record left out.
    pub fn brought(&self) -> impl Iterator<Item = (ObjectName, &crate::backup::FileRecord)> {
        self.point
            .files
            .iter()
            .filter_map(|file| Some((self.entry.object(ObjectFile::parse(&file.name)?), file)))
    }

    /// What must hold of every record of a point.
    pub(super) fn check(&self) -> Result<()> {
        self.entry.check()?;
        self.point.check_point()?;
        self.lists.check()?;
        self.check_files()?;
        self.check_history()?;
        self.check_replay()
    }

    fn check_files(&self) -> Result<()> {
        let (mut containers, mut logs) = (0, 0);
        for file in &self.point.files {
            let name = ObjectName::parse(&alloc::format!("{}/{}", self.entry, file.name));
            match name.map(|name| name.file) {
                Some(ObjectFile::Data | ObjectFile::Changes) => containers += 1,
                Some(ObjectFile::Log(_)) => logs += 1,
                _ => {
                    return Err(Error::damaged(alloc::format!(
                        "{:?} is no name of an object of {}; do not use this record",
                        file.name,
                        self.entry
                    )));
                }
            }
        }
        let is_base = self.entry.kind == EntryKind::Base;
        let own = self.log.filter(|log| {
            let file = self.point.file(&alloc::format!("{}", log.name().file));
            log.home == self.entry
                && file.is_some_and(|file| (file.len, file.blake3) == (log.len, log.blake3))
        });
        let wrong = if logs > 1 || (is_base && (containers, logs) != (1, 1)) {
            "it does not bring one container and one log, as a base does, or at most one of each, as a delta does"
        } else if own != self.log || (!is_base && (logs == 1) != own.is_some()) {
            "what it says of its log is not what it says of its files"
        } else {
            return Ok(());
        };
        Err(Error::damaged(wrong))
    }

    fn check_history(&self) -> Result<()> {
        let point = &self.point;
        let behind = self.previous.is_some_and(|previous| {
            previous.entry.number >= self.entry.number
                || !previous.entry.kind.is_point()
                || previous.at.lsn > point.lsn
        });
        let wrong =
            if !self.entry.kind.is_point() || self.previous.is_none() != (self.entry.kind == EntryKind::Base)
            {
                "a base continues nothing, and a delta another point"
            } else if behind {
                "it continues a point that is not before it"
            } else if !self.containers.array_windows().all(|[a, b]| a < b)
                || self.containers.last().is_some_and(|home| home.number > self.entry.number)
            {
                "the containers it needs are out of order, or not there yet"
            } else if self.checkpoint.lsn > point.lsn
                || (self.checkpoint.lsn == point.lsn && self.checkpoint != self.position())
                || point.parent.is_some_and(|parent| parent.lsn > self.checkpoint.lsn)
            {
                "its checkpoint is not in its epoch, or behind its end"
            } else if self.gap.is_some_and(|gap| {
                gap.first_lsn == 0 || gap.first_lsn > gap.last_lsn || gap.last_lsn > point.lsn
            }) {
                "its gap is empty, or behind its end"
            } else {
                return Ok(());
            };
        Err(Error::damaged(wrong))
    }

    fn check_replay(&self) -> Result<()> {
        let mut at = self.checkpoint;
        for log in self.replay.iter().chain(&self.log) {
            log.check()?;
            if log.epoch != self.point.epoch
                || log.last_lsn > self.point.lsn
                || log.home.number > self.entry.number
            {
                return Err(Error::damaged(alloc::format!("{} is not of this point's history", log.name())));
            }
        }
        for log in &self.replay {
            if log.first_lsn > at.lsn.saturating_add(1) || log.last_lsn <= at.lsn {
                return Err(Error::damaged(alloc::format!(
                    "{} does not continue commit {}, or adds nothing to it",
                    log.name(),
                    at.lsn
                )));
            }
            at = log.end();
        }
        let ends = self.log.is_none_or(|log| log.end() == self.position());
        match at == self.position() && ends && self.replay.len() <= REPLAY_LOGS_MAX {
            true => Ok(()),
            false => Err(Error::damaged(alloc::format!(
                "its logs end with commit {} and not with its last one, {}, or are more than {REPLAY_LOGS_MAX}",
                at.lsn,
                self.point.lsn
            ))),
        }
    }
}
