//! Replay: from log files back to the head, and getting ready to write on.
use super::log::{ClosedFile, OpenFile, Operation};
use super::{Effect, Engine};
use crate::catalog::Catalog;
use crate::codec::frame::{FrameRun, decode_frame as decode_columns};
use crate::error::{At, Error, Result};
use crate::format::{
    Commit, End, FRAME_ALIGNMENT, Frame, LOG_HEADER_LEN, LogExpectation, LogPosition, LogScan, LogStart,
    PointsPayload, Tombstone, log_file_name,
};
use crate::head::Position;
use crate::ids::{Lsn, SeriesId};
use crate::model::TimeRange;
use alloc::string::String;
use alloc::sync::Arc;
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

/// The bytes of a log file that a replay needs.
#[derive(Clone, Copy, Debug)]
pub struct LogBytes<'a> {
    head: &'a [u8],
    tail: Option<(u64, &'a [u8])>,
}

impl<'a> LogBytes<'a> {
    /// Length of the file, bytes.
    fn len(&self) -> u64 {
        self.tail.map_or(self.head.len() as u64, |(offset, tail)| offset + tail.len() as u64)
    }

    /// The file from the offset that the catalog names ([`LogStart::From`]) to its end, and its header.
    pub fn from_offset(header: &'a [u8], offset: u64, tail: &'a [u8]) -> Self {
        Self { head: header, tail: Some((offset, tail)) }
    }
}

/// The whole file.
impl<'a> From<&'a [u8]> for LogBytes<'a> {
    fn from(whole: &'a [u8]) -> Self {
        Self { head: whole, tail: None }
    }
}

/// The whole file.
impl<'a> From<&'a Vec<u8>> for LogBytes<'a> {
    fn from(whole: &'a Vec<u8>) -> Self {
        Self { head: whole, tail: None }
    }
}

impl Engine {
    /// Replays one log file, given whole or, where replay starts inside it, from there ([`LogBytes`]). Files are given in order of their first LSN, beginning with the one that
    /// [`super::Opening::log_start`] names; `last` says that no other follows.
    pub fn replay<'a>(
        &mut self,
        first_lsn: Lsn,
        bytes: impl Into<LogBytes<'a>>,
        last: bool,
    ) -> Result<ReplayEnd> {
        let name = || alloc::format!("log file {}", log_file_name(first_lsn));
        self.replay_file(first_lsn, bytes.into(), last).at(name)
    }

    /// After the last log file: checks that none of the commits is missing that were durable when the superblock was written.
    pub fn finish_replay(&self) -> Result<()> {
        let (found, known) = (self.log.settled.lsn, self.log.known_durable);
        match found < known {
            true => Err(Error::damaged(alloc::format!(
                "the log ends with commit {found}, but commits up to {known} were acknowledged as durable: a log file is missing or was cut; put it back, or restore from a backup"
            ))),
            false => Ok(()),
        }
    }

    /// The log file that takes the next commits, and where its frames end.
    pub fn log_end(&self) -> Option<(Lsn, u64)> {
        self.log.file.map(|file| (file.first_lsn, file.end))
    }

    /// Tells of log files, with their lengths, that lie before the one in which replay starts.
    pub fn note_closed_logs(&mut self, files: impl IntoIterator<Item = (Lsn, u64)>) {
        self.log.closed.extend(files.into_iter().map(|(first_lsn, len)| ClosedFile { first_lsn, len }));
    }

    fn replay_file(&mut self, first_lsn: Lsn, bytes: LogBytes<'_>, last: bool) -> Result<ReplayEnd> {
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
        let settled = self.log.settled;
        let expected = LogExpectation {
            lineage: self.identity.lineage,
            epoch: self.identity.epoch,
            first_lsn,
            chain: start.is_none().then_some(settled.chain),
            commit_time_ns: i64::MIN,
            known_durable_lsn: if last { self.log.known_durable } else { self.catalog.position.lsn },
        };
        let mut scan = LogScan::new(bytes.head, &expected)?;
        let commit_time_ns = if settled.lsn == 0 { i64::MIN } else { settled.commit_time_ns };
        let next =
            |offset| LogPosition { offset, next_lsn: settled.lsn + 1, chain: settled.chain, commit_time_ns };
        let position = next(start.unwrap_or(LOG_HEADER_LEN as u64));
        // A file may be cut in the padding of its last frame, but nowhere before.
        if bytes.len() + FRAME_ALIGNMENT as u64 <= position.offset && start.is_some() {
            return Err(Error::damaged(alloc::format!(
                "it has {} bytes, but held commits up to offset {}: it was cut; restore from a backup",
                bytes.len(),
                position.offset
            )));
        }
        match bytes.tail {
            None => scan.skip_to(position),
            Some((offset, tail)) if offset == position.offset && scan.header().is_some() => {
                scan = LogScan::resume(tail, expected.epoch, position, expected.known_durable_lsn);
            }
            Some((offset, _)) => {
                return Err(Error::damaged(alloc::format!(
                    "its header can't be read, or replay does not start at offset {offset}: keep the file, restore from a backup"
                )));
            }
        }
        for frame in &mut scan {
            let place = || alloc::format!("commit {} at offset {}", frame.head.lsn, frame.offset);
            let behind = frame.offset + frame.len_padded();
            self.replay_frame(&frame, LogStart::From { first_lsn, offset: behind }).at(place)?;
        }
        let (end, how) = match scan.end() {
            End::Clean { offset } => (offset, ReplayEnd::Clean),
            End::Torn { offset: 0, bytes_lost, reason } if bytes_lost > LOG_HEADER_LEN as u64 => {
                // A header is durable before the first frame is written behind it.
                return Err(Error::damaged(alloc::format!(
                    "its header can't be read ({reason}) but frames follow it: keep the file, restore from a backup"
                )));
            }
            End::Torn { offset, bytes_lost, reason } if last => {
                (offset, ReplayEnd::Torn { offset, bytes: bytes_lost, reason })
            }
            End::Torn { offset, reason, .. } => {
                return Err(Error::damaged(alloc::format!(
                    "the frame at offset {offset} is bad ({reason}) although a later log file exists: a log file is whole before the next is made"
                )));
            }
            End::Damaged { error, .. } | End::Unsupported { error, .. } => return Err(error),
        };
        if end == 0 {
            // Not even the header was finished, so nothing was ever written behind it: make the file anew.
            self.log.unfinished = Some(first_lsn);
        } else {
            if let Some(old) = self.log.file {
                self.log.closed.push(ClosedFile { first_lsn: old.first_lsn, len: old.end });
            }
            self.log.file = Some(OpenFile { first_lsn, end });
        }
        Ok(how)
    }

    /// For a writer, after replay: effects that cut a torn tail (`torn` says that the last file ended in one), sync what was
    /// read, or make the log file that takes the next commits. When the container had no log, they end with a superblock that names it.
    pub fn start_log(&mut self, torn: bool, now_ns: i64) -> Result<Vec<Effect>> {
        let mut effects = Vec::new();
        if let Some(first_lsn) = self.log.unfinished.take() {
            effects.push(Effect::DropLog { first_lsn });
            effects.push(self.create_log_file(now_ns));
        } else if let Some(file) = self.log.file {
            if torn {
                effects.push(Effect::TruncateLog { first_lsn: file.first_lsn, len: file.end });
            }
            // A killed process leaves frames that are read back but not synced. Frames to come say that they are durable.
            effects.push(Effect::SyncLog { first_lsn: file.first_lsn });
        } else if self.catalog.log == LogStart::None {
            effects.push(self.create_log_file(now_ns));
        } else {
            return Err(Self::broken("the log was not replayed"));
        }
        self.log.durable = self.log.settled.lsn;
        if let (LogStart::None, Some(file)) = (self.catalog.log, self.log.file) {
            let mut next = Catalog::clone(&self.catalog);
            next.generation += 1;
            next.log = LogStart::From { first_lsn: file.first_lsn, offset: LOG_HEADER_LEN as u64 };
            self.log_starts.push((next.generation, next.log));
            self.catalog = Arc::new(next);
            effects.extend(self.write_superblock()?);
        }
        effects.extend(self.store_replayed()?);
        Ok(effects)
    }

    fn create_log_file(&mut self, now_ns: i64) -> Effect {
        if let Some(old) = self.log.file {
            self.log.closed.push(ClosedFile { first_lsn: old.first_lsn, len: old.end });
        }
        self.log.file = Some(OpenFile { first_lsn: self.log.settled.lsn + 1, end: LOG_HEADER_LEN as u64 });
        self.log.create_file(now_ns)
    }

    /// `log` is where the next frame is.
    fn replay_frame(&mut self, frame: &Frame<'_>, log: LogStart) -> Result<()> {
        let lsn = frame.head.lsn;
        let position = Position { lsn, commit_time_ns: frame.head.commit_time_ns, chain: frame.chain };
        let operation = match Commit::decode(frame.head.kind, frame.payload)? {
            Commit::Points(points) => self.replay_points(points)?,
            Commit::Delete { time, series } => Operation::Delete(Tombstone { lsn, series, time }),
            Commit::Expire { cutoff, series } => {
                let time = TimeRange::new(None, Some(cutoff));
                Operation::Expire(Tombstone { lsn, series, time })
            }
            Commit::Settings { settings, .. }
                if settings.partition_duration_ns != self.identity.settings.partition_duration_ns =>
            {
                return Err(Error::damaged("the commit changes the length of partitions"));
            }
            Commit::Settings { settings, policies } => Operation::Settings { settings, policies },
            Commit::Downsampled { rule, done } => Operation::Downsampled { rule, done },
            Commit::NewEpoch(parent) if Some(parent) != self.identity.parent => {
                return Err(Error::damaged(
                    "the commit starts an epoch from another parent than the database says",
                ));
            }
            Commit::NewEpoch(_) | Commit::Gap { .. } => Operation::Mark,
            Commit::Attach(attachment) => {
                self.replay_attach(position, attachment, log)?;
                self.log.settled = position;
                self.log.tail = position;
                return Ok(());
            }
        };
        self.apply(lsn, operation);
        self.dictionary.show(self.dictionary.counts());
        self.log.settled = position;
        self.log.tail = position;
        Ok(())
    }

    fn replay_points(&mut self, points: PointsPayload<'_>) -> Result<Operation> {
        points.new_series.into_iter().try_for_each(|definition| self.dictionary.define(definition))?;
        let (mut frame_runs, mut timestamps, mut bits) = (Vec::<FrameRun>::new(), Vec::new(), Vec::new());
        decode_columns(points.columns, &mut frame_runs, &mut timestamps, &mut bits)?;
        let runs = frame_runs
            .iter()
            .map(|run| Ok((self.dictionary.slot_of_replayed(SeriesId(run.series))?, run.count)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Operation::Points { runs, timestamps, bits })
    }
}
