//! Log assembly: from log objects to the log files that a replay reads, up to a commit or a moment.
//!
//! Frames are taken as they are, each once, and only where they follow the one before by LSN and chain: what comes out is
//! history without a hole, or an error. A log file is of one epoch; where a database was restored another one begins,
//! which [`crate::engine::Engine::enter_epoch`] goes on with.
use super::log_object::LogObject;
use crate::engine::{Engine, Identity, ReplayEnd};
use crate::error::{At, Error, ErrorKind, Result};
use crate::format::{CommitKind, End, Features, Frame, LogExpectation, LogHeader, LogScan};
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
}

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
        let features = Features::default();
        let header = LogHeader {
            features,
            lineage,
            epoch,
            first_lsn,
            chain: after.chain,
            host_clock_ns: after.commit_time_ns,
        };
        Self { lineage, epoch, first_lsn, at: after, until, bytes: header.encode() }
    }

    /// Adds the commits of an object; objects come in order. `Damaged` where it is not what its record says, or does not
    /// follow.
    pub fn add(&mut self, log: &LogObject, bytes: &[u8]) -> Result<()> {
        self.append(log, bytes).at(|| log.name())
    }

    fn append(&mut self, log: &LogObject, bytes: &[u8]) -> Result<()> {
        let at = self.at;
        if log.first_lsn > at.lsn.saturating_add(1) {
            return Err(missing(at.lsn.saturating_add(1)));
        }
        each_frame(self.lineage, log, bytes, |frame, before| {
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
            let start = usize::try_from(frame.offset).unwrap_or(usize::MAX);
            let len = usize::try_from(frame.len_unpadded()).unwrap_or(usize::MAX);
            let whole = bytes.get(start..).and_then(|rest| rest.get(..len));
            self.bytes.extend_from_slice(whole.ok_or_else(|| missing(frame.head.lsn))?);
            self.bytes.resize(self.bytes.len().next_multiple_of(crate::format::FRAME_ALIGNMENT), 0);
            self.at = position(frame);
            Ok(())
        })
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

/// The last commit of `log` whose commit time is not above `time_ns` and whose LSN is not above `lsn_max`; `None` when
/// already the first one is.
pub fn last_commit_until(
    lineage: Lineage,
    log: &LogObject,
    bytes: &[u8],
    time_ns: i64,
    lsn_max: Lsn,
) -> Result<Option<Position>> {
    let mut last = None;
    each_frame(lineage, log, bytes, |frame, _| {
        if frame.head.commit_time_ns <= time_ns && frame.head.lsn <= lsn_max {
            last = Some(position(frame));
        }
        Ok(())
    })
    .at(|| log.name())?;
    Ok(last)
}

fn position(frame: &Frame<'_>) -> Position {
    Position { lsn: frame.head.lsn, commit_time_ns: frame.head.commit_time_ns, chain: frame.chain }
}

fn missing(lsn: Lsn) -> Error {
    Error::damaged(alloc::format!("commit {lsn} is missing: run verify, and restore to another moment"))
}

/// Every frame with the chain before it; then checks that the object ends as its record says.
fn each_frame(
    lineage: Lineage,
    log: &LogObject,
    bytes: &[u8],
    mut take: impl FnMut(&Frame<'_>, Chain) -> Result<()>,
) -> Result<()> {
    let expected = LogExpectation {
        lineage,
        epoch: log.epoch,
        first_lsn: log.first_lsn,
        chain: Some(log.after_chain),
        commit_time_ns: i64::MIN,
        known_durable_lsn: log.last_lsn,
    };
    let mut scan = LogScan::new(bytes, &expected)?;
    let (mut before, mut last, mut first_time) = (log.after_chain, None, None);
    for frame in scan.by_ref() {
        take(&frame, before)?;
        before = frame.chain;
        first_time.get_or_insert(frame.head.commit_time_ns);
        last = Some(position(&frame));
    }
    match scan.end() {
        End::Clean { .. } => {}
        End::Damaged { error, .. } | End::Unsupported { error, .. } => return Err(error),
        End::Torn { reason, .. } => return Err(Error::damaged(reason)),
    }
    match (last, first_time) == (Some(log.end()), Some(log.first_commit_time_ns)) {
        true => Ok(()),
        false => Err(Error::damaged("its commits are not those that the record names")),
    }
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
