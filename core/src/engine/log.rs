//! The log as the writer sees it: which file takes the next frames, what is written, settled and durable.
//!
//! Commits are *prepared* (encoded, numbered), *taken* by the host in one piece to be written, and *settled* in the same
//! order, which makes them visible. While one piece is written others can be prepared: that is how callers share a sync.
use super::effect::Effect;
use super::log_hold::LogHold;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{
    Attachment, Features, FrameHead, LOG_HEADER_LEN, LogHeader, LogStart, Policies, Settings, Tombstone,
    encode_frame,
};
use crate::head::{Counts, Position};
use crate::ids::{Epoch, Lineage, Lsn};
use crate::model::TimeRange;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What a commit does to the head when it is settled.
#[derive(Debug)]
pub(super) enum Operation {
    /// Points by slot: runs of (slot, number of points), and the columns they lie in.
    Points { runs: Vec<(u32, u32)>, timestamps: Vec<i64>, bits: Vec<u64> },
    /// A deletion.
    Delete(Tombstone),
    /// A deletion that what was derived from the points outlives.
    Expire(Tombstone),
    /// Settings and policies from here on.
    Settings { settings: Settings, policies: Policies },
    /// Windows of a downsampling rule that are done.
    Downsampled { rule: u32, done: Vec<TimeRange> },
    /// Segments that lie in the container.
    Attach(Attachment),
    /// Only history.
    Mark,
}

/// A commit that is encoded but not visible yet.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) position: Position,
    pub(super) operation: Operation,
    /// Series there are once it is visible.
    pub(super) counts: Counts,
    /// Bytes of frames up to its end, counted from the start of the outbox it was in.
    pub(super) frame_len: u64,
}

/// A log file that takes no more frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClosedFile {
    pub(super) first_lsn: Lsn,
    pub(super) len: u64,
}

/// A piece of log for the host to write. When every effect is done, hand it to [`super::Engine::settle`].
#[derive(Debug)]
#[must_use = "commits in it are neither durable nor visible before it is settled"]
pub struct LogWrite {
    /// What to do, in order; the syncs asked for by the durability level come after them.
    pub effects: Vec<Effect>,
    /// The file the frames went to, for [`Effect::SyncLog`].
    pub first_lsn: Lsn,
    /// LSN of the last commit in it.
    pub last: Lsn,
    pub(super) commits: VecDeque<Prepared>,
    pub(super) file: OpenFile,
}

/// The file that takes frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenFile {
    pub(super) first_lsn: Lsn,
    /// End of its settled frames, bytes.
    pub(super) end: u64,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) lineage: Lineage,
    pub(super) epoch: Epoch,
    /// `None` while the database has no log file (packed, restored) or is open for reading only.
    pub(super) file: Option<OpenFile>,
    pub(super) closed: Vec<ClosedFile>,
    /// What backups have not taken yet.
    pub(super) holds: Vec<LogHold>,
    /// A last log file without a whole header: a crash interrupted its making.
    pub(super) unfinished: Option<Lsn>,
    /// Frames that are prepared and not yet taken.
    outbox: Vec<u8>,
    prepared: VecDeque<Prepared>,
    taken: bool,
    /// After the last prepared commit.
    pub(super) tail: Position,
    /// After the last visible commit.
    pub(super) settled: Position,
    /// Commits up to here are known to be on the medium.
    pub(super) durable: Lsn,
    /// Commits up to here were on the medium when the superblock was written: a replay must find them.
    pub(super) known_durable: Lsn,
}

impl Log {
    pub(super) fn new(lineage: Lineage, epoch: Epoch, position: Position) -> Self {
        Self {
            lineage,
            epoch,
            file: None,
            closed: Vec::new(),
            holds: Vec::new(),
            unfinished: None,
            outbox: Vec::new(),
            prepared: VecDeque::new(),
            taken: false,
            tail: position,
            settled: position,
            durable: position.lsn,
            known_durable: position.lsn,
        }
    }

    /// Encodes a commit.
    pub(super) fn prepare(
        &mut self,
        points: u32,
        kind: crate::format::CommitKind,
        payload: &[u8],
        now_ns: i64,
        operation: Operation,
        counts: Counts,
    ) -> Result<Position> {
        let lsn = self
            .tail
            .lsn
            .checked_add(1)
            .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "the last LSN is used"))?;
        let commit_time_ns = match self.tail.lsn {
            0 => now_ns,
            // Commit times never run backwards, whatever the host's clock does.
            _ => now_ns.max(self.tail.commit_time_ns.checked_add(1).ok_or_else(clock_at_its_end)?),
        };
        let head =
            FrameHead { lsn, host_clock_ns: now_ns, commit_time_ns, durable_lsn: self.durable, kind, points };
        let before = self.outbox.len();
        let chain = encode_frame(&head, payload, &self.tail.chain, &self.epoch, &mut self.outbox)?;
        let frame_len = (self.outbox.len() - before) as u64;
        self.tail = Position { lsn, commit_time_ns, chain };
        self.prepared.push_back(Prepared { position: self.tail, operation, counts, frame_len });
        Ok(self.tail)
    }

    /// Everything prepared, to be written; `None` when there is nothing or the last piece is not settled yet.
    pub(super) fn take(&mut self, now_ns: i64, file_bytes_max: u64) -> Result<Option<LogWrite>> {
        let Some(last) = self.prepared.back().map(|commit| commit.position.lsn) else { return Ok(None) };
        if self.taken {
            return Ok(None);
        }
        let mut effects = Vec::new();
        let mut file = self
            .file
            .ok_or_else(|| Error::new(ErrorKind::ReadOnly, "the database has no log to write to"))?;
        let full = file.end + self.outbox.len() as u64 > file_bytes_max && file.end > LOG_HEADER_LEN as u64;
        if full {
            // The old file is whole before a new one exists: a bad frame in it is then damage, never a torn tail.
            effects.push(Effect::SyncLog { first_lsn: file.first_lsn });
            effects.push(self.create_file(now_ns));
            file = OpenFile { first_lsn: self.settled.lsn + 1, end: LOG_HEADER_LEN as u64 };
        }
        let bytes = core::mem::take(&mut self.outbox);
        effects.push(Effect::AppendLog { first_lsn: file.first_lsn, offset: file.end, bytes });
        self.taken = true;
        Ok(Some(LogWrite {
            effects,
            first_lsn: file.first_lsn,
            last,
            commits: core::mem::take(&mut self.prepared),
            file,
        }))
    }

    /// Takes note that a piece is written. The frames' buffer is kept for the next piece.
    pub(super) fn written(&mut self, write: &mut LogWrite) {
        if let Some(old) = self.file.filter(|old| old.first_lsn != write.file.first_lsn) {
            self.closed.push(ClosedFile { first_lsn: old.first_lsn, len: old.end });
            self.durable = self.durable.max(write.file.first_lsn - 1);
        }
        let end = write.commits.iter().map(|commit| commit.frame_len).sum::<u64>() + write.file.end;
        self.file = Some(OpenFile { end, ..write.file });
        self.taken = false;
        if let Some(Effect::AppendLog { bytes, .. }) = write.effects.pop()
            && self.outbox.is_empty()
            && bytes.capacity() <= 1 << 20
        {
            self.outbox = bytes;
            self.outbox.clear();
        }
    }

    /// Takes back everything that is not settled, `write` included, because it could not be written.
    /// Returns how many commits that were.
    pub(super) fn retract(&mut self, write: LogWrite) -> usize {
        let count = write.commits.len() + self.prepared.len();
        self.taken = false;
        self.outbox.clear();
        self.prepared.clear();
        self.tail = self.settled;
        count
    }

    /// The effect that makes the log file which follows the settled commits.
    pub(super) fn create_file(&self, now_ns: i64) -> Effect {
        let first_lsn = self.settled.lsn + 1;
        let header = LogHeader {
            features: Features::default(),
            lineage: self.lineage,
            epoch: self.epoch,
            first_lsn,
            chain: self.settled.chain,
            host_clock_ns: now_ns,
        };
        Effect::CreateLog { first_lsn, header: header.encode() }
    }

    /// Where a replay would start that is to see the commits after the settled ones.
    pub(super) fn end(&self) -> LogStart {
        self.file
            .map_or(LogStart::None, |file| LogStart::From { first_lsn: file.first_lsn, offset: file.end })
    }

    /// True when prepared commits wait to be taken.
    pub(super) fn has_prepared(&self) -> bool {
        !self.prepared.is_empty()
    }
}

fn clock_at_its_end() -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        "commit times have reached the end of the clock (year 2262); restore to a new lineage with a right clock",
    )
}
