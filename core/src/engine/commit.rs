//! Commits: deletions as frames, and from a written frame to visible data. How points become a commit is in `batch`.
use super::log::{LogWrite, Operation};
use super::{Engine, NameStep, Selector};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{SeriesSet, Tombstone};
use crate::head::{Position, Scope};
use crate::ids::Lsn;
use crate::model::TimeRange;

impl Engine {
    /// Prepares the deletion of the points that `selector` and `range` name among those written before it. When no
    /// series matches, it is not a commit, and `None` is returned.
    pub fn prepare_delete(
        &mut self,
        selector: &Selector,
        range: TimeRange,
        now_ns: i64,
    ) -> Result<NameStep<Option<Position>>> {
        self.check_writable()?;
        if range.is_empty() {
            return Err(Error::invalid(
                "the time range of the deletion is empty: its end is not after its start",
            ));
        }
        // Commits that are prepared and not yet visible are older than this one, so their series count too.
        let ids = match self.select(selector, Scope::Prepared) {
            NameStep::Ready(ids) => ids,
            NameStep::Load(load) => return Ok(NameStep::Load(load)),
        };
        if ids.is_empty() {
            return Ok(NameStep::Ready(None));
        }
        let series = SeriesSet::from_sorted_ids(ids)?;
        self.prepare_delete_series(series, range, now_ns).map(NameStep::Ready)
    }

    /// Everything prepared so far, as one piece of log to write; `None` when nothing waits or the last piece is not settled.
    pub fn take_log_write(&mut self, now_ns: i64) -> Result<Option<LogWrite>> {
        self.log.take(now_ns, self.options.log_file_bytes)
    }

    /// Makes the commits of a written piece visible. `durable` says that the host synced the log after writing it.
    pub fn settle(&mut self, mut write: LogWrite, durable: bool) {
        self.log.written(&mut write);
        if durable {
            self.log.durable = self.log.durable.max(write.last);
        }
        for commit in write.commits {
            self.apply(commit.position.lsn, commit.operation);
            self.dictionary.show(commit.counts);
            self.log.settled = commit.position;
        }
    }

    /// Takes back a piece of log that was certainly not written (the medium was full and what was begun is cut off again),
    /// and all that was prepared after it: none of these commits happened. Their LSNs are given out anew. Returns how many
    /// they were.
    pub fn retract(&mut self, write: LogWrite) -> usize {
        let count = self.log.retract(write);
        self.dictionary.roll_back(self.dictionary.visible());
        count
    }

    /// Notes that the log is synced up to `lsn` (durability levels that do not sync every commit).
    pub fn synced(&mut self, lsn: Lsn) {
        self.log.durable = self.log.durable.max(lsn.min(self.log.settled.lsn));
    }

    pub(super) fn apply(&mut self, lsn: Lsn, operation: Operation) {
        match operation {
            Operation::Points { runs, timestamps, bits } => {
                self.note_points(&runs, &timestamps);
                let mut start = 0;
                for (slot, count) in runs {
                    let end = start + count as usize;
                    if let (Some(timestamps), Some(bits)) = (timestamps.get(start..end), bits.get(start..end))
                    {
                        self.head.append(slot, lsn, timestamps, bits);
                    }
                    start = end;
                }
            }
            Operation::Delete(tombstone) => {
                self.note_deletion(&tombstone);
                self.bury(tombstone);
            }
            Operation::Expire(tombstone) => {
                self.note_expiry(&tombstone);
                self.bury(tombstone);
            }
            Operation::Settings { settings, policies } => {
                self.note_settings(settings, policies);
                self.unsealed_marks += 1;
            }
            Operation::Downsampled { rule, done } => {
                self.note_downsampled(rule, &done);
                self.unsealed_marks += 1;
            }
            // Settled by `settle_attach` and replayed by `replay_attach`, never beside other commits.
            Operation::Attach(_) | Operation::Mark => self.unsealed_marks += 1,
        }
    }

    /// Hides the points that a tombstone names.
    fn bury(&mut self, tombstone: Tombstone) {
        self.head.delete(&tombstone, &self.dictionary);
        alloc::sync::Arc::make_mut(&mut self.tombstones).push(tombstone);
        self.unsealed_marks += 1;
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        match self.log.file {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::ReadOnly,
                "the database is open for reading only; open it for writing",
            )),
        }
    }
}
