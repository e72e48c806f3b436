//! Log assembly: from log objects to the log files that a replay reads, up to a commit or a moment.
//!
//! Frames are taken as they are, each once, and only where they follow the one before by LSN and chain: what comes out is
//! history without a hole, or an error. A log file is of one epoch; where a database was restored another one begins,
//! which [`crate::engine::Engine::enter_epoch`] goes on with.
use super::log_object::LogObject;
use super::log_stream::LogStream;
use crate::engine::{Engine, Identity, ReplayEnd};
use crate::error::{At, Error, ErrorKind, Result};
use crate::format::{CommitKind, Features, Frame, LogHeader};
use crate::head::Position;
use crate::ids::{Chain, Epoch, Lineage, Lsn};
use alloc::vec::Vec;

/// One log file on its way.
#[derive(Clone, Debug)]
pub struct LogAssembly {
    lineage: Lineage,
    epoch: Epoch,
    first_lsn: Lsn,
    at: Position,
    until: Lsn,
    bytes: Vec<u8>,
    points: u64,
}

/// Points of a log file from which it should be folded in before more comes: what a replay keeps in memory.
const PIECE_POINTS: u64 = 1 << 20;
/// Bytes of the same.
const PIECE_BYTES: usize = 32 << 20;

/// A whole log file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssembledLog {
    /// Its first LSN, which is its name.
    pub first_lsn: Lsn,
    /// Its bytes: a header, and the frames, if any.
    pub bytes: Vec<u8>,
    /// The commit it ends with.
    pub end: Position,
}

impl LogAssembly {
    /// Of the commits of `epoch` behind `after`, up to `until`.
    pub fn new(lineage: Lineage, epoch: Epoch, after: Position, until: Lsn) -> Self {
        let first_lsn = after.lsn.saturating_add(1);
        let bytes = header(lineage, epoch, &after);
        Self { lineage, epoch, first_lsn, at: after, until, bytes, points: 0 }
    }

    /// Adds the commits of an object; objects come in order. `Damaged` where it is not what its record says, or does not
    /// follow.
    pub fn add(&mut self, log: &LogObject, bytes: &[u8]) -> Result<()> {
        self.append(log, bytes).at(|| log.name())
    }

    fn append(&mut self, log: &LogObject, bytes: &[u8]) -> Result<()> {
        let mut stream = self.begin(log, bytes.len() as u64)?;
        stream.push(bytes, &mut |frame, before, raw| self.take(frame, before, raw))?;
        stream.finish_object(log)
    }

    /// The stream of the next object, which has `len` bytes; its frames go to [`LogAssembly::take`], and
    /// [`LogStream::finish_object`] ends it. `Damaged` when it begins behind what is needed next.
    pub fn begin(&self, log: &LogObject, len: u64) -> Result<LogStream> {
        match log.first_lsn > self.at.lsn.saturating_add(1) {
            true => Err(missing(self.at.lsn.saturating_add(1))),
            false => Ok(LogStream::of(self.lineage, log, len)),
        }
    }

    /// Adds a frame, unless it is there already or behind the end. `NotRestorable` for one that no log holds whole.
    pub fn take(&mut self, frame: &Frame<'_>, before: Chain, raw: &[u8]) -> Result<()> {
        if frame.head.lsn <= self.at.lsn || frame.head.lsn > self.until {
            return Ok(());
        }
        if before != self.at.chain {
            return Err(Error::damaged(alloc::format!(
                "commit {} does not follow the history before it",
                frame.head.lsn
            )));
        }
        if frame.head.kind == CommitKind::Attach {
            return Err(Error::new(
                ErrorKind::NotRestorable,
                alloc::format!(
                    "commit {} attaches segments that no log holds: restore to a moment before it, or to one that a point behind it starts from",
                    frame.head.lsn
                ),
            ));
        }
        self.bytes.extend_from_slice(raw);
        self.bytes.resize(self.bytes.len().next_multiple_of(crate::format::FRAME_ALIGNMENT), 0);
        self.points = self.points.saturating_add(u64::from(frame.head.points));
        self.at = position(frame);
        Ok(())
    }

    /// What was added, as a file of its own, once it is so much that it should be folded in before more comes; the next file
    /// continues it. So memory is bounded, however long the log is.
    pub fn piece(&mut self) -> Option<AssembledLog> {
        let is_full = self.points >= PIECE_POINTS || self.bytes.len() >= PIECE_BYTES;
        if !is_full || self.at.lsn >= self.until {
            return None;
        }
        let next = header(self.lineage, self.epoch, &self.at);
        let piece = AssembledLog {
            first_lsn: self.first_lsn,
            bytes: core::mem::replace(&mut self.bytes, next),
            end: self.at,
        };
        (self.first_lsn, self.points) = (self.at.lsn.saturating_add(1), 0);
        Some(piece)
    }

    /// The file. `Damaged` when the objects end before the commit that was asked for.
    pub fn finish(self) -> Result<AssembledLog> {
        match self.at.lsn < self.until {
            true => {
                Err(missing(self.at.lsn.saturating_add(1)).at(alloc::format!("log of epoch {}", self.epoch)))
            }
            false => Ok(AssembledLog { first_lsn: self.first_lsn, bytes: self.bytes, end: self.at }),
        }
    }
}

/// The header of a log file behind `after`.
fn header(lineage: Lineage, epoch: Epoch, after: &Position) -> Vec<u8> {
    let features = Features::default();
    let first_lsn = after.lsn.saturating_add(1);
    let (chain, host_clock_ns) = (after.chain, after.commit_time_ns);
    LogHeader { features, lineage, epoch, first_lsn, chain, host_clock_ns }.encode()
}

/// The state after a frame.
pub(super) fn position(frame: &Frame<'_>) -> Position {
    Position { lsn: frame.head.lsn, commit_time_ns: frame.head.commit_time_ns, chain: frame.chain }
}

fn missing(lsn: Lsn) -> Error {
    Error::damaged(alloc::format!("commit {lsn} is missing: run verify, and restore to another moment"))
}

/// One stretch of a replay: an epoch, and the log objects that hold its commits.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The database in this stretch.
    pub identity: Identity,
    /// The objects, in order; they may hold more than is needed.
    pub logs: Vec<LogObject>,
    /// Its last commit that is replayed.
    pub until: Lsn,
}

/// Replays assembled logs, one for each leg, over an engine at the first leg's start. The first one is replayed even
/// without a frame. What was replayed ends with the last leg's last commit, or it is an error.
pub fn replay_legs(engine: &mut Engine, legs: &[(Leg, AssembledLog)]) -> Result<Position> {
    for (index, (leg, log)) in legs.iter().enumerate() {
        if index > 0 {
            engine.enter_epoch(leg.identity.clone())?;
        }
        let end = engine.replay(log.first_lsn, &log.bytes, index + 1 == legs.len())?;
        if end != ReplayEnd::Clean || engine.position() != log.end {
            return Err(Error::damaged(alloc::format!(
                "the replay ends with commit {} and not with commit {}",
                engine.position().lsn,
                log.end.lsn
            )));
        }
    }
    engine.finish_replay()?;
    Ok(engine.position())
}
