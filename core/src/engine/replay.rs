//! Replay: from log files back to the head, and getting ready to write on.
use super::log::{ClosedFile, OpenFile, Operation};
use super::{Effect, Engine};
use crate::codec::frame::{FrameRun, decode_frame as decode_columns};
use crate::error::{At, Error, Result};
use crate::format::{
    CommitKind, Frame, LOG_HEADER_LEN, LogExpectation, LogScan, LogStart, ScanEnd, Tombstone, decode_delete, decode_expire,
    decode_new_epoch, decode_gap, decode_points, log_file_name, SeriesSet,
};
use crate::head::Position;
use crate::ids::{Lsn, SeriesId};
use crate::model::TimeRange;
use alloc::string::String;
use alloc::vec::Vec;

/// What the end of a log file looked like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayEnd {
    /// Every byte was a frame, or zeros that wait for one.
    Clean,
    /// Bytes after the last whole frame that were never acknowledged as durable: a write that a crash tore. They are cut.
    Torn {
        /// Where, bytes from the start of the file.
        offset: u64,
        /// How many bytes that are not zero follow.
        bytes: u64,
        /// What was wrong with them.
        reason: String,
    },
}

impl Engine {
    /// Replays one log file, given whole. Files are given in order of their first LSN, beginning with the one that
    /// [`super::Opening::log_start`] names; `last` says that no other follows.
    pub fn replay(&mut self, first_lsn: Lsn, bytes: &[u8], last: bool) -> Result<ReplayEnd> {
        let name = || alloc::format!("log file {}", log_file_name(first_lsn));
        self.replay_file(first_lsn, bytes, last).at(name)
    }

    fn replay_file(&mut self, first_lsn: Lsn, bytes: &[u8], last: bool) -> Result<ReplayEnd> {
        let start = match (self.log.file, self.catalog.log) {
            (None, LogStart::From { first_lsn: expected, offset }) if expected == first_lsn => Some(offset),
            (Some(_), _) if first_lsn == self.log.settled.lsn + 1 => None,
            // The first log file of a packed or restored container: it was made, the superblock not yet.
            (None, LogStart::None) if first_lsn == self.log.settled.lsn + 1 => None,
            _ => {
                return Err(Error::damaged(alloc::format!(
                    "it does not continue commit {}: a log file between is missing, or it belongs to another copy of the database; put the missing file back, or restore",
                    self.log.settled.lsn
                )));
            }
        };
        if let Some(old) = self.log.file {
            self.log.closed.push(ClosedFile { first_lsn: old.first_lsn, len: old.end });
        }
        let expected = LogExpectation {
            lineage: self.identity.lineage,
            epoch: self.identity.epoch,
            first_lsn,
            position: self.log.settled,
            start,
        };
        let mut scan = LogScan::new(bytes, &expected)?;
        while let Some(frame) = scan.next_frame()? {
            if frame.head.lsn > self.log.settled.lsn {
                let place = || alloc::format!("commit {} at offset {}", frame.head.lsn, frame.offset);
                self.replay_frame(&frame).at(place)?;
            }
        }
        let (end, how) = match scan.end() {
            ScanEnd::Clean { offset } => (offset, ReplayEnd::Clean),
            ScanEnd::Torn { offset, bytes, reason } if last => (offset, ReplayEnd::Torn { offset, bytes, reason }),
            ScanEnd::Torn { offset, reason, .. } => {
                return Err(Error::damaged(alloc::format!(
                    "the frame at offset {offset} is bad ({reason}) although a later log file exists: a log file is whole before the next is made"
                )));
            }
            ScanEnd::Damaged { error, .. } => return Err(error),
        };
        self.log.file = Some(OpenFile { first_lsn, end });
        self.log.durable = self.log.settled.lsn;
        Ok(how)
    }

    /// For a writer, after replay: effects that cut a torn tail (`torn`, as [`ReplayEnd`] told) or make the first log file.
    /// When the container had no log, the superblock has to name it: the effects end with that.
    pub fn start_log(&mut self, torn: bool, now_ns: i64) -> Result<Vec<Effect>> {
        let mut effects = Vec::new();
        match (self.log.file, self.catalog.log) {
            (Some(file), LogStart::From { .. }) => {
                if torn {
                    effects.push(Effect::TruncateLog { first_lsn: file.first_lsn, len: file.end });
                }
                return Ok(effects);
            }
            (Some(file), LogStart::None) if torn => {
                effects.push(Effect::TruncateLog { first_lsn: file.first_lsn, len: file.end });
            }
            (Some(_), LogStart::None) => {}
            (None, _) => {
                effects.push(self.log.create_file(now_ns));
                self.log.file = Some(OpenFile { first_lsn: self.log.settled.lsn + 1, end: LOG_HEADER_LEN });
            }
        }
        let Some(file) = self.log.file else { return Ok(effects) };
        let mut next = crate::catalog::Catalog::clone(&self.catalog);
        next.generation += 1;
        next.log = LogStart::From { first_lsn: file.first_lsn, offset: LOG_HEADER_LEN };
        self.log_starts.push((next.generation, next.log));
        self.catalog = alloc::sync::Arc::new(next);
        effects.extend(self.write_superblock()?);
        Ok(effects)
    }

    fn replay_frame(&mut self, frame: &Frame<'_>) -> Result<()> {
        let lsn = frame.head.lsn;
        let operation = match frame.head.kind {
            CommitKind::Points => self.replay_points(frame.payload)?,
            CommitKind::Delete => {
                let (series, time) = decode_delete(frame.payload)?;
                Operation::Delete(Tombstone { lsn, series, time })
            }
            CommitKind::Expire => {
                let time = TimeRange::new(None, Some(decode_expire(frame.payload)?));
                Operation::Delete(Tombstone { lsn, series: SeriesSet::all(), time })
            }
            CommitKind::NewEpoch => {
                decode_new_epoch(frame.payload)?;
                Operation::Mark
            }
            CommitKind::Gap => {
                decode_gap(frame.payload)?;
                Operation::Mark
            }
            CommitKind::Attach => {
                return Err(Error::unsupported("the commit attaches segments, which this version can't; open it with a newer Chronicle"));
            }
        };
        self.apply(lsn, operation);
        self.dictionary.show(self.dictionary.counts());
        let position = Position { lsn, commit_time_ns: frame.head.commit_time_ns, chain: frame.chain };
        self.log.settled = position;
        self.log.tail = position;
        Ok(())
    }

    fn replay_points(&mut self, payload: &[u8]) -> Result<Operation> {
        let points = decode_points(payload)?;
        points.new_series.into_iter().try_for_each(|definition| self.dictionary.define(definition))?;
        let (mut frame_runs, mut timestamps, mut bits) = (Vec::<FrameRun>::new(), Vec::new(), Vec::new());
        decode_columns(points.columns, &mut frame_runs, &mut timestamps, &mut bits)?;
        let runs = frame_runs
            .iter()
            .map(|run| match self.dictionary.slot_of(SeriesId(run.series)) {
                Some(slot) => Ok((slot, run.count)),
                None => Err(Error::damaged(alloc::format!("series {} has points but was never defined", run.series))),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Operation::Points { runs, timestamps, bits })
    }
}
