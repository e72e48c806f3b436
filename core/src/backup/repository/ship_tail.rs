//! Ship tail: the frames of a database's log files that were not shipped yet, read while a writer appends to them.
//!
//! It asks for bytes of a log file, and cuts whole frames that follow what was shipped by LSN and chain. A file may end in a
//! frame that is being written: that is no error, and is looked at again. Whoever ships syncs the file first, so that nothing is
//! shipped which the database could still lose.
use super::log_assembly::position;
use super::log_search::{LogContent, forked};
use crate::engine::LogPart;
use crate::error::{At, Error, ErrorKind, Result};
use crate::format::{
    CommitKind, EpochParent, FRAME_ALIGNMENT, FRAME_HEAD_LEN, Features, LOG_HEADER_LEN, LogExpectation,
    LogHeader, LogPosition, LogScan, PAYLOAD_LEN_MAX, log_file_name,
};
use crate::head::Position;
use crate::ids::{Chain, Lineage, Lsn};
use crate::source::ByteRange;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Bytes of frames in one shipped object, but for the last of them.
pub const SHIP_BYTES_MAX: usize = 8 << 20;
/// Bytes of a frame that is shipped; a longer one goes with a point.
const FRAME_LEN_MAX: usize = 12 << 20;
/// Bytes that are read at a time, unless a frame is longer.
const WINDOW_BYTES: u64 = SHIP_BYTES_MAX as u64 + (1 << 20);

/// Frames to ship.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShipCut {
    /// The first commit.
    pub first_lsn: Lsn,
    /// Chain before it.
    pub after_chain: Chain,
    /// What they are.
    pub content: LogContent,
    /// The frames as a log file: its header in front.
    pub bytes: Vec<u8>,
    /// The log file that they come from.
    pub file: Lsn,
    next: LogPosition,
}

/// What the bytes of a log file came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TailStep {
    /// Ship these, then call [`ShipTail::shipped`].
    Ship(Box<ShipCut>),
    /// Nothing is new.
    Nothing,
    /// Read on: only frames that were shipped before have come, or a frame is longer than what was read.
    Again,
    /// The next commit is none that can be shipped (it attaches segments, or is too long): make a point.
    Point(Lsn),
}

/// Where the frames that are not shipped begin.
#[derive(Clone, Debug)]
pub struct ShipTail {
    lineage: Lineage,
    sent: EpochParent,
    /// The log file, and where in it; none before it was found.
    at: Option<(Lsn, Option<LogPosition>)>,
    window: u64,
}

impl ShipTail {
    /// Behind the commit `sent`.
    pub fn new(lineage: Lineage, sent: EpochParent) -> Self {
        Self { lineage, sent, at: None, window: WINDOW_BYTES }
    }

    /// The last commit that was shipped.
    pub fn sent(&self) -> EpochParent {
        self.sent
    }

    /// What to read next: up to so many bytes of a log file, fewer where it ends. `files` are the first LSNs of the log files
    /// that are there, ascending. `None` when there is no log file; `NotRestorable` when the next commit's is gone.
    pub fn reads(&mut self, files: &[Lsn]) -> Result<Option<LogPart>> {
        let next = self.sent.lsn.saturating_add(1);
        let Some(file) = files.iter().rev().find(|first| **first <= next).copied() else {
            return match files.is_empty() {
                true => Ok(None),
                false => Err(Error::new(
                    ErrorKind::NotRestorable,
                    alloc::format!("the log of commit {next} is gone: a new point has the data"),
                )),
            };
        };
        if self.at.is_none_or(|(at, _)| at != file) {
            (self.at, self.window) = (Some((file, None)), WINDOW_BYTES);
        }
        let offset = self.at.and_then(|(_, at)| at).map_or(0, |at| at.offset);
        Ok(Some(LogPart { first_lsn: file, range: ByteRange::new(offset, self.window) }))
    }

    /// Takes the bytes that [`ShipTail::reads`] asked for. `InvalidInput` where they show another history than what was shipped.
    pub fn take(&mut self, bytes: &[u8]) -> Result<TailStep> {
        let Some((file, at)) = self.at else { return Ok(TailStep::Nothing) };
        self.scan(file, at, bytes).at(|| alloc::format!("log file {}", log_file_name(file)))
    }

    fn scan(&mut self, file: Lsn, at: Option<LogPosition>, bytes: &[u8]) -> Result<TailStep> {
        let is_full = bytes.len() as u64 >= self.window;
        let epoch = self.sent.epoch;
        let mut scan = match at {
            Some(at) => LogScan::resume(bytes, epoch, at, 0),
            None => {
                let expected = LogExpectation {
                    lineage: self.lineage,
                    epoch,
                    first_lsn: file,
                    chain: (file == self.sent.lsn.saturating_add(1)).then_some(self.sent.chain),
                    commit_time_ns: i64::MIN,
                    known_durable_lsn: 0,
                };
                let scan = LogScan::new(bytes, &expected)?;
                if scan.header().is_none() {
                    // It may not be written yet.
                    return Ok(TailStep::Nothing);
                }
                scan
            }
        };
        let begin = scan.position();
        let (mut cut, mut chain) = (None::<ShipCut>, begin.chain);
        for frame in scan.by_ref() {
            let lsn = frame.head.lsn;
            let (before, end) = (chain, position(&frame));
            chain = frame.chain;
            if lsn <= self.sent.lsn {
                if lsn == self.sent.lsn && frame.chain != self.sent.chain {
                    return Err(forked(self.sent, &end));
                }
                self.at = Some((file, Some(after(frame.offset, frame.len_padded(), &end))));
                continue;
            }
            let skip = usize::try_from(frame.offset.saturating_sub(begin_of(at))).unwrap_or(usize::MAX);
            let len = usize::try_from(frame.len_unpadded()).unwrap_or(usize::MAX);
            let raw = bytes
                .get(skip..)
                .and_then(|rest| rest.get(..len))
                .ok_or_else(|| Error::damaged("a frame is cut"))?;
            if frame.head.kind == CommitKind::Attach || raw.len() > FRAME_LEN_MAX {
                if cut.is_none() {
                    return Ok(TailStep::Point(lsn));
                }
                break;
            }
            let taken = cut.get_or_insert_with(|| ShipCut {
                first_lsn: lsn,
                after_chain: before,
                content: LogContent {
                    first_commit_time_ns: end.commit_time_ns,
                    end,
                    points: 0,
                    attached: None,
                },
                bytes: alloc::vec![0; LOG_HEADER_LEN],
                file,
                next: begin,
            });
            taken.content.end = end;
            taken.content.points = taken.content.points.saturating_add(u64::from(frame.head.points));
            taken.bytes.extend_from_slice(raw);
            taken.bytes.resize(taken.bytes.len().next_multiple_of(FRAME_ALIGNMENT), 0);
            taken.next = after(frame.offset, frame.len_padded(), &end);
            if taken.bytes.len() >= SHIP_BYTES_MAX {
                break;
            }
        }
        if let Some(mut cut) = cut {
            self.head(&mut cut);
            return Ok(TailStep::Ship(cut.into()));
        }
        let went_on = self.at.and_then(|(_, now)| now) != at;
        // A file may be longer than what is written of it.
        let rest = usize::try_from(scan.position().offset.saturating_sub(begin_of(at))).unwrap_or(usize::MAX);
        let head = bytes.get(rest..).unwrap_or_default();
        let is_begun = head.iter().take(FRAME_HEAD_LEN).any(|byte| *byte != 0);
        Ok(match (is_full && is_begun, went_on) {
            (true, true) => TailStep::Again,
            (true, false) if self.window < FRAME_HEAD_LEN as u64 + u64::from(PAYLOAD_LEN_MAX) => {
                self.window = self.window.saturating_mul(2);
                TailStep::Again
            }
            _ => TailStep::Nothing,
        })
    }

    /// Puts the header in front.
    fn head(&self, cut: &mut ShipCut) {
        let header = LogHeader {
            features: Features::default(),
            lineage: self.lineage,
            epoch: self.sent.epoch,
            first_lsn: cut.first_lsn,
            chain: cut.after_chain,
            // Not the host's clock: the same frames give the same bytes.
            host_clock_ns: cut.content.end.commit_time_ns,
        };
        for (to, from) in cut.bytes.iter_mut().zip(header.encode()) {
            *to = from;
        }
    }

    /// Goes on behind what was shipped.
    pub fn shipped(&mut self, cut: &ShipCut) {
        let Position { lsn, chain, .. } = cut.content.end;
        self.sent = EpochParent { lsn, chain, ..self.sent };
        (self.at, self.window) = (Some((cut.file, Some(cut.next))), WINDOW_BYTES);
    }
}

fn begin_of(at: Option<LogPosition>) -> u64 {
    at.map_or(0, |at| at.offset)
}

fn after(offset: u64, len_padded: u64, end: &Position) -> LogPosition {
    LogPosition {
        offset: offset.saturating_add(len_padded),
        next_lsn: end.lsn.saturating_add(1),
        chain: end.chain,
        commit_time_ns: end.commit_time_ns,
    }
}
