//! Other lines: histories beside the one that a moment was found on. A moment that names no epoch may have meant a commit there,
//! and nobody but the one who asks can know.
use super::resolve::Moment;
use super::timeline::{Branch, SpanEnd, Timeline};
use crate::ids::{Epoch, Lsn};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

impl Timeline {
    /// Other epochs with commits of their own at or before `moment`, each with the last of these that is known; `at` is what the
    /// moment came to. None where the moment names its epoch, or is the newest of all.
    pub fn other_lines(&self, moment: &Moment, at: &SpanEnd) -> Vec<SpanEnd> {
        let leaf = self.newest().map_or(at.epoch, |point| point.point.epoch);
        let shared: BTreeMap<Epoch, Lsn> =
            self.line(leaf).into_iter().map(|branch| (branch.identity.epoch, branch.to)).collect();
        let last = |epoch: Epoch| {
            let shared = shared.get(&epoch).copied().unwrap_or(0);
            let own = self.logs_of(epoch).iter().filter(|log| log.last_lsn > shared);
            let meant = own.filter(|log| match *moment {
                Moment::Lsn { lsn, epoch: None } => lsn > shared && log.first_lsn <= lsn,
                // Of a log that the lines share in part, only the end is known to be the other's.
                Moment::CommitTime { time_ns, epoch: None } if log.first_lsn <= shared => {
                    log.last_commit_time_ns <= time_ns
                }
                Moment::CommitTime { time_ns, epoch: None } => log.first_commit_time_ns <= time_ns,
                _ => false,
            });
            let last = meant.max_by_key(|log| log.last_lsn)?;
            Some(SpanEnd { epoch, lsn: last.last_lsn, commit_time_ns: Some(last.last_commit_time_ns) })
        };
        self.epochs().filter_map(|(epoch, _)| last(epoch)).collect()
    }

    /// True when some commits of the repository are not on `line`.
    pub(super) fn has_other_lines(&self, line: &[Branch]) -> bool {
        self.epochs().any(|(epoch, _)| {
            let branch = line.iter().find(|branch| branch.identity.epoch == epoch);
            let to = branch.map_or(0, |branch| branch.to);
            self.logs_of(epoch).iter().any(|log| log.last_lsn > to)
        })
    }
}
