//! Log search: where in the source's log files a delta's own log begins.
//!
//! It asks for one log file, or a few where files are gone, and looks for the commit that the previous point ends with.
//! The chain there must be the same: otherwise the database has another history than the repository, and is refused.
use crate::backup::LogCopy;
use crate::engine::{LogPart, Snapshot};
use crate::error::{At, Error, Result};
use crate::format::{EpochParent, LOG_HEADER_LEN, log_file_name};
use crate::head::Position;
use crate::ids::{Epoch, Lineage, Lsn};
use crate::source::ByteRange;
use alloc::vec::Vec;

use super::log_assembly::position;
use super::log_stream::LogStream;
use super::point_record::Gap;

/// The frames that a delta copies.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogCut {
    /// The commit before the first frame.
    pub after: Position,
    /// Where the frames lie, in order; none where nothing is to be copied.
    pub parts: Vec<LogPart>,
    /// Commits between the wanted one and `after`.
    pub gap: Option<Gap>,
}

/// What a search needs next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogStep {
    /// Read these bytes of a log file of the source, and give them to [`LogSearch::answer`].
    Read(LogPart),
    /// Where the frames begin.
    Found(LogCut),
}

/// A log file that is looked through.
#[derive(Clone, Debug)]
struct Reading {
    stream: LogStream,
    /// Where the frames behind the wanted commit begin, and what they follow.
    found: Option<(u64, Position)>,
}

/// A search on its way.
#[derive(Clone, Debug)]
pub struct LogSearch {
    lineage: Lineage,
    epoch: Epoch,
    /// The commit whose successors are wanted.
    wanted: EpochParent,
    /// Whole log files up to the snapshot's end, in order.
    files: Vec<LogPart>,
    /// What is taken once the search has shown that the histories are one.
    instead: Option<LogCut>,
    /// The first of the files, as far as it was read.
    reading: Option<Reading>,
    found: Option<LogCut>,
}

impl LogSearch {
    /// Of the commits of `snapshot` behind `wanted`: the previous point's end, or where the epoch of the snapshot began.
    pub fn new(snapshot: &Snapshot, wanted: EpochParent) -> Self {
        let mut files: Vec<LogPart> = Vec::new();
        for part in snapshot.history.iter().chain(&snapshot.log) {
            let range = ByteRange::new(0, part.range.end());
            match files.last_mut().filter(|last| last.first_lsn == part.first_lsn) {
                Some(last) => last.range = range,
                None => files.push(LogPart { first_lsn: part.first_lsn, range }),
            }
        }
        // The file that the wanted commit's successor lies in is the last one that starts at or before it.
        let first =
            files.partition_point(|file| file.first_lsn <= wanted.lsn.saturating_add(1)).saturating_sub(1);
        files.drain(..first.min(files.len()));
        let nothing = snapshot.position.lsn <= wanted.lsn;
        let (lineage, epoch) = (snapshot.identity.lineage, snapshot.identity.epoch);
        Self {
            lineage,
            epoch,
            wanted,
            files,
            instead: None,
            reading: None,
            found: nothing.then(LogCut::default),
        }
    }

    /// The same search; but what is copied is everything behind the checkpoint.
    pub(super) fn whole_tail(snapshot: &Snapshot, wanted: EpochParent) -> Self {
        let tail = Self::behind_checkpoint(snapshot);
        let search = Self::new(snapshot, wanted);
        let found = search.found.map(|_| tail.clone());
        Self { instead: Some(tail), found, ..search }
    }

    /// A search that is over: the frames are those of `cut`.
    pub(super) fn known(snapshot: &Snapshot, cut: LogCut) -> Self {
        let (lineage, epoch) = (snapshot.identity.lineage, snapshot.identity.epoch);
        let Position { lsn, chain, .. } = cut.after;
        Self {
            lineage,
            epoch,
            wanted: EpochParent { epoch, lsn, chain },
            files: Vec::new(),
            instead: None,
            reading: None,
            found: Some(cut),
        }
    }

    /// The commits of the snapshot behind its checkpoint: where they lie is known without reading.
    pub fn behind_checkpoint(snapshot: &Snapshot) -> LogCut {
        LogCut { after: snapshot.checkpoint(), parts: snapshot.log.clone(), gap: None }
    }

    /// What to do next.
    pub fn next(&self) -> LogStep {
        match (&self.found, self.files.first()) {
            (Some(cut), _) => LogStep::Found(cut.clone()),
            (None, Some(file)) => {
                let len = file.range.end();
                let begun = || LogStream::new(self.lineage, self.epoch, file.first_lsn, len);
                let missing =
                    self.reading.as_ref().map_or_else(|| begun().missing(), |it| it.stream.missing());
                LogStep::Read(LogPart { range: missing.unwrap_or(ByteRange::new(len, 0)), ..*file })
            }
            // Not a single frame is left: the checkpoint holds what is new.
            (None, None) => LogStep::Found(self.instead.clone().unwrap_or_default()),
        }
    }

    /// Takes the bytes of the file that [`LogSearch::next`] asked for; `None` when the file is gone. `Damaged` for a file
    /// that can't be read, `InvalidInput` for one that shows another history than the wanted one.
    pub fn answer(&mut self, bytes: Option<&[u8]>) -> Result<()> {
        let Some(file) = self.files.first().copied() else { return Ok(()) };
        match bytes {
            None => {
                self.reading = None;
                self.files.remove(0);
            }
            Some(bytes) => {
                let place = || alloc::format!("log file {}", log_file_name(file.first_lsn));
                if let Some(cut) = self.read(file, bytes).at(place)? {
                    self.found = Some(self.instead.take().unwrap_or(cut));
                }
            }
        }
        Ok(())
    }

    /// Takes the next bytes of the file; the cut, once the commit that is wanted was passed.
    fn read(&mut self, file: LogPart, bytes: &[u8]) -> Result<Option<LogCut>> {
        let len = file.range.end();
        let mut reading = self.reading.take().unwrap_or_else(|| Reading {
            stream: LogStream::new(self.lineage, self.epoch, file.first_lsn, len),
            found: None,
        });
        let wanted = self.wanted.lsn;
        reading.stream.push(bytes, &mut |frame, _, _| {
            if frame.head.lsn == wanted {
                reading.found = Some((frame.offset + frame.len_padded(), position(frame)));
            }
            Ok(())
        })?;
        if file.first_lsn > wanted
            && let Some(chain) = reading.stream.first_chain()
        {
            let after = Position { lsn: file.first_lsn.saturating_sub(1), commit_time_ns: 0, chain };
            reading.found = Some((LOG_HEADER_LEN as u64, after));
        }
        match (reading.found, reading.stream.missing()) {
            (Some((offset, after)), _) => self.cut(file, offset, after).map(Some),
            (None, Some(_)) => {
                self.reading = Some(reading);
                Ok(None)
            }
            (None, None) => Err(Error::damaged(alloc::format!(
                "it ends before commit {wanted}, which it should hold: keep the file, and verify the database"
            ))),
        }
    }

    fn cut(&self, file: LogPart, offset: u64, after: Position) -> Result<LogCut> {
        let wanted = self.wanted.lsn;
        if after.lsn == wanted && after.chain != self.wanted.chain {
            return Err(forked(self.wanted, &after));
        }
        let gap = (after.lsn > wanted).then_some(Gap { first_lsn: wanted + 1, last_lsn: after.lsn });
        let rest = self.files.iter().skip(1).map(|file| {
            let first = LOG_HEADER_LEN as u64;
            let range = ByteRange::new(first, file.range.end().saturating_sub(first));
            LogPart { first_lsn: file.first_lsn, range }
        });
        let range = ByteRange::new(offset, file.range.end().saturating_sub(offset));
        let parts = core::iter::once(LogPart { first_lsn: file.first_lsn, range }).chain(rest);
        Ok(LogCut { after, parts: parts.filter(|part| part.range.len > 0).collect(), gap })
    }
}

/// The database has, at an LSN that a point knows, another history than the point.
pub(super) fn forked(point: EpochParent, here: &Position) -> Error {
    Error::invalid(alloc::format!(
        "the database and the repository went different ways: after commit {} of epoch {} the chain is {} here and {} in \
         the repository; two copies of one database were written to, and no moment could be told from its other one. Back this \
         one up to a repository of its own",
        here.lsn,
        point.epoch,
        here.chain,
        point.chain
    ))
}

/// What a written log object holds: read back before the record says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogContent {
    /// Commit time of its first commit, Unix ns.
    pub first_commit_time_ns: i64,
    /// After its last commit.
    pub end: Position,
    /// Points that its commits add.
    pub points: u64,
    /// The first and the last of its commits that attach segments.
    pub attached: Option<(Lsn, Lsn)>,
}

impl LogCopy {
    /// The same in windows, for a file of any length.
    pub fn stream(&self, lineage: Lineage, epoch: Epoch) -> LogStream {
        LogStream::new(lineage, epoch, self.first_lsn, self.len())
    }

    /// Reads the bytes of the copied file, and checks that they are whole: every frame follows the one before. `None` for
    /// a file without a frame.
    pub fn read_back(&self, bytes: &[u8], lineage: Lineage, epoch: Epoch) -> Result<Option<LogContent>> {
        let mut stream = self.stream(lineage, epoch);
        stream.push(bytes, &mut |_, _, _| Ok(())).and_then(|()| stream.finish()).at(|| self.file_name())
    }
}
