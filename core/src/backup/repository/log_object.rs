//! Log object: a log file that a point brought, and which commits it holds.
//!
//! The same value stands in the record of the point that brought it, in those that need it for their replay, and in the
//! prune record that outlives it; so a reader needs no other record to fetch and check it.
use super::name::{Entry, EntryKind, ObjectFile, ObjectName};
use crate::error::{Error, Result};
use crate::format::LOG_HEADER_LEN;
use crate::head::Position;
use crate::ids::{Chain, Epoch, Hash, Lsn};
use serde::{Deserialize, Serialize};

/// Commits without a gap, of one epoch, in one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogObject {
    /// The point that brought it, or the one that it was shipped behind.
    pub home: Entry,
    /// The epoch of its frames.
    pub epoch: Epoch,
    /// Its first commit.
    pub first_lsn: Lsn,
    /// Its last commit.
    pub last_lsn: Lsn,
    /// Commit time of the first, Unix ns.
    pub first_commit_time_ns: i64,
    /// Commit time of the last, Unix ns.
    pub last_commit_time_ns: i64,
    /// Chain before the first.
    pub after_chain: Chain,
    /// Chain after the last.
    pub chain: Chain,
    /// Bytes of the object.
    pub len: u64,
    /// BLAKE3 of all of them.
    pub blake3: Hash,
    /// The first and the last of its commits that attach segments; `None` when none does. No log holds their points, so no
    /// replay passes them.
    pub attached: Option<(Lsn, Lsn)>,
    /// Its place among the frames that were shipped behind `home`; `None` of a log that a point brought. No record names a
    /// shipped one.
    #[serde(skip)]
    pub shipped: Option<u64>,
}

impl LogObject {
    /// Name of the object.
    pub fn name(&self) -> ObjectName {
        self.home.object(self.shipped.map_or(ObjectFile::Log(self.first_lsn), ObjectFile::Shipped))
    }

    /// Where its last commit leaves the history.
    pub fn end(&self) -> Position {
        Position { lsn: self.last_lsn, commit_time_ns: self.last_commit_time_ns, chain: self.chain }
    }

    /// The last of its commits that a replay reaches from the state after commit `from`.
    pub fn reach(&self, from: Lsn) -> Lsn {
        match self.attached {
            Some((first, last)) if last > from => first.saturating_sub(1).max(from),
            _ => self.last_lsn,
        }
    }

    /// What must hold of every one, wherever it was read.
    pub fn check(&self) -> Result<()> {
        self.home.check()?;
        let commits = self.last_lsn.checked_sub(self.first_lsn);
        let ns = i128::from(self.last_commit_time_ns) - i128::from(self.first_commit_time_ns);
        let wrong = if self.first_lsn == 0 || self.last_lsn == Lsn::MAX {
            "it holds a commit that can't be"
        } else if !matches!(self.home.kind, EntryKind::Base | EntryKind::Delta) {
            "only a point brings a log"
        } else if commits.is_none_or(|commits| i128::from(commits) > ns) {
            // Commit times ascend, by a nanosecond at least.
            "its commits or their times are out of order"
        } else if self
            .attached
            .is_some_and(|(first, last)| first > last || first < self.first_lsn || last > self.last_lsn)
        {
            "commits of other logs attach segments in it"
        } else if self.len <= LOG_HEADER_LEN as u64 {
            "it is too short for a commit"
        } else {
            return Ok(());
        };
        Err(Error::damaged(alloc::format!("the log object {} can't be: {wrong}", self.name())))
    }
}
