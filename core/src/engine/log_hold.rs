//! Log hold: which closed log files stay for backups that have not taken their commits yet, and for how long.
//!
//! The log is the queue between a database and its backups. Each of them holds the commits that it has not sent, up to a
//! limit of its own: who never comes back must not fill the medium. What goes although it was held is a gap, which is a
//! commit itself. Data is never in question here: only the moments between those commits.
use super::Engine;
use super::log::{ClosedFile, Log, Operation};
use crate::error::Result;
use crate::format::{Commit, CommitKind};
use crate::head::Position;
use crate::ids::Lsn;
use alloc::vec::Vec;

/// What one backup has not taken yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogHold {
    /// It has every commit up to this one; 0 where nobody knows.
    pub behind: Lsn,
    /// Closed log files are kept for it up to this many bytes.
    pub bytes_max: u64,
}

/// Commits whose frames go although a backup has not taken them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogGap {
    /// The first of them.
    pub first_lsn: Lsn,
    /// The last of them.
    pub last_lsn: Lsn,
}

/// Log files that go.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct DroppedLogs {
    /// Oldest first.
    pub(super) files: Vec<Lsn>,
    /// What of them was held.
    pub(super) gap: Option<LogGap>,
}

impl Engine {
    /// Says which commits backups have not taken yet, one hold for each; they stand until the next call. Log files are
    /// dropped by [`Engine::finish_checkpoint`] only.
    pub fn hold_log(&mut self, holds: Vec<LogHold>) {
        self.log.holds = holds;
    }

    /// Prepares the commit that says that these commits can't be taken from the log any more.
    pub fn prepare_gap(&mut self, gap: LogGap, now_ns: i64) -> Result<Position> {
        self.check_writable()?;
        let payload = Commit::Gap { first_lsn: gap.first_lsn, last_lsn: gap.last_lsn }.encode()?;
        let counts = self.dictionary.counts();
        self.log.prepare(0, CommitKind::Gap, &payload, now_ns, Operation::Mark, counts)
    }
}

impl Log {
    /// Takes those closed files off the list that nothing asks to keep: neither `first_needed` nor `keep_bytes`, nor a hold.
    pub(super) fn drop_closed(&mut self, first_needed: Lsn, keep_bytes: u64) -> DroppedLogs {
        self.closed.sort_unstable_by_key(|file| file.first_lsn);
        let (mut kept, mut end) =
            (0u64, self.file.map_or(self.settled.lsn.saturating_add(1), |file| file.first_lsn));
        // From the newest file back: the first one that nothing keeps goes, and all before it.
        let cut = self.closed.iter().rposition(|file| {
            kept = kept.saturating_add(file.len);
            let last_lsn = end.saturating_sub(1);
            end = file.first_lsn;
            let held = self.holds.iter().any(|hold| last_lsn > hold.behind && kept <= hold.bytes_max);
            file.first_lsn < first_needed && kept > keep_bytes && !held
        });
        let Some(cut) = cut else { return DroppedLogs::default() };
        let next = self.closed.get(cut + 1).map(|file| file.first_lsn);
        let next = next.or(self.file.map(|file| file.first_lsn)).unwrap_or(self.settled.lsn + 1);
        let dropped: Vec<ClosedFile> = self.closed.drain(..=cut).collect();
        let first = dropped.first().map_or(next, |file| file.first_lsn);
        let behind = self.holds.iter().map(|hold| hold.behind).min();
        let gap = behind
            .map(|behind| LogGap { first_lsn: first.max(behind.saturating_add(1)), last_lsn: next - 1 });
        DroppedLogs {
            files: dropped.into_iter().map(|file| file.first_lsn).collect(),
            gap: gap.filter(|gap| gap.first_lsn <= gap.last_lsn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::log::OpenFile;
    use crate::ids::{Chain, Epoch, Lineage};

    /// Closed files of 100 bytes that begin at 1, 11, 21 and 31; the open one begins at 41.
    fn log(holds: &[LogHold]) -> Log {
        let position = Position { lsn: 45, commit_time_ns: 0, chain: Chain([0; 32]) };
        let mut log = Log::new(Lineage([1; 16]), Epoch([2; 16]), position);
        log.closed = [31, 1, 21, 11].map(|first_lsn| ClosedFile { first_lsn, len: 100 }).into();
        log.file = Some(OpenFile { first_lsn: 41, end: 100 });
        log.holds = holds.into();
        log
    }

    #[test]
    fn what_a_hold_has_not_taken_stays_up_to_its_limit_and_past_it_is_a_gap() {
        let hold = |behind, bytes_max| LogHold { behind, bytes_max };
        let gap = |first_lsn, last_lsn| Some(LogGap { first_lsn, last_lsn });
        let cases: &[(&[LogHold], u64, &[Lsn], Option<LogGap>)] = &[
            (&[], 0, &[1, 11, 21, 31], None),
            (&[], 250, &[1, 11], None),
            // Commit 25 is the last that was taken: the file that holds 26 stays, and those behind it.
            (&[hold(25, 1_000)], 0, &[1, 11], None),
            (&[hold(20, 1_000)], 0, &[1, 11], None),
            (&[hold(19, 1_000)], 0, &[1], None),
            (&[hold(45, 1_000)], 0, &[1, 11, 21, 31], None),
            // Nobody knows what this one has.
            (&[hold(0, 1_000)], 0, &[], None),
            (&[hold(0, 250)], 0, &[1, 11], gap(1, 20)),
            (&[hold(15, 250)], 0, &[1, 11], gap(16, 20)),
            (&[hold(15, 0)], 0, &[1, 11, 21, 31], gap(16, 40)),
            (&[hold(15, 0)], 150, &[1, 11, 21], gap(16, 30)),
            // One that is gone for good does not take the files of another away.
            (&[hold(3, 100), hold(12, 1_000)], 0, &[1], gap(4, 10)),
        ];
        for (holds, keep_bytes, files, gap) in cases {
            let dropped = log(holds).drop_closed(Lsn::MAX, *keep_bytes);
            assert_eq!((&dropped.files[..], dropped.gap), (*files, *gap), "{holds:?} {keep_bytes}");
        }
        assert_eq!(log(&[]).drop_closed(21, 0).files, [1, 11], "what replay needs stays");
    }
}
