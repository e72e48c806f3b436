//! Snapshot: a pinned catalog and a position in the log. Taking one copies two pointers and blocks nothing.
use super::{Engine, Identity, Pin};
use crate::catalog::Catalog;
use crate::format::LogStart;
use crate::head::Position;
use crate::ids::Lsn;
use crate::source::ByteRange;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Everything a database held at one commit, pinned: what it names is neither overwritten nor deleted while it lives.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What database it is of.
    pub identity: Identity,
    /// The commit it ends with.
    pub position: Position,
    /// Where the commits lie that the catalog does not hold yet, in order. They are written, though perhaps not synced.
    pub log: Vec<LogPart>,
    /// Where commits lie that the catalog holds already and whose log files are still there, in order. Nothing pins them:
    /// a file may be gone when it is read.
    pub history: Vec<LogPart>,
    /// Series that readers see at that commit.
    pub series: u64,
    pub(crate) catalog: Arc<Catalog>,
    #[expect(dead_code, reason = "keeps extents and log files from being reused")]
    pin: Pin,
}

/// Whole frames in a log file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogPart {
    /// Which log file.
    pub first_lsn: Lsn,
    /// Which of its bytes.
    pub range: ByteRange,
}

impl Engine {
    /// The database as of the last visible commit.
    pub fn snapshot(&mut self) -> Snapshot {
        let (mut log, mut history) = (Vec::new(), Vec::new());
        if let (LogStart::From { first_lsn, offset }, Some(file)) = (self.catalog.log, self.log.file) {
            let closed = self.log.closed.iter().map(|closed| (closed.first_lsn, closed.len));
            let mut files: Vec<(Lsn, u64)> = closed.chain([(file.first_lsn, file.end)]).collect();
            files.sort_unstable();
            let first = crate::format::LOG_HEADER_LEN as u64;
            for (lsn, end) in files {
                // Where the catalog's commits end in this file.
                let cut = match lsn.cmp(&first_lsn) {
                    core::cmp::Ordering::Less => end,
                    core::cmp::Ordering::Equal => offset.min(end),
                    core::cmp::Ordering::Greater => first,
                };
                for (parts, range) in [(&mut history, first..cut), (&mut log, cut.max(first)..end)] {
                    if range.start < range.end {
                        let range = ByteRange::new(range.start, range.end - range.start);
                        parts.push(LogPart { first_lsn: lsn, range });
                    }
                }
            }
        }
        Snapshot {
            identity: self.identity.clone(),
            position: self.log.settled,
            log,
            history,
            series: self.dictionary.visible_series(),
            catalog: Arc::clone(&self.catalog),
            pin: self.pin(),
        }
    }
}

impl Snapshot {
    /// The commit up to which the catalog holds everything; the log parts hold the rest.
    pub fn checkpoint(&self) -> Position {
        self.catalog.position
    }

    /// Segments and their lengths: number, and bytes without padding.
    pub fn segments(&self) -> impl Iterator<Item = &crate::format::SegmentEntry> {
        self.catalog.segments.iter()
    }
}
