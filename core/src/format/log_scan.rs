//! Reading a log file: its frames in order, and then the decision what its end means.
//!
//! A frame is only handed out when its checksum, LSN, chain and commit time follow from the one before. Where that
//! stops, the question is whether a write was interrupted (a tear: the rest is cut, nothing that was acknowledged as
//! synced is lost) or bytes that were once on disk have changed (damage: nothing may be cut). Only a witness can tell:
//! a later frame, or the caller, that knows the missing LSN was durable.
//!
//! It works on the bytes of a whole file, or from a [`LogPosition`] on, for a reader that follows a growing file: keep
//! [`LogScan::position`], read the file again from its offset, [`LogScan::resume`]. Such a reader takes every stop as
//! "nothing more yet" and leaves [`LogScan::end`], which looks through the rest, to whoever recovers the file. What it
//! has read may be ahead of what is synced, and gone after a power cut; the chain then says so.
use super::frame::{FRAME_HEAD_LEN, Frame, SealedFrame};
use super::log_evidence::{Evidence, Wanted, search};
use super::log_file::{LOG_HEADER_LEN, LogHeader};
use super::reader::is_zero;
use crate::error::{At, Error, ErrorKind, Result};
use crate::ids::{Chain, Epoch, Lineage, Lsn};
use alloc::string::{String, ToString};
use core::ops::Range;

/// What the caller knows about a log file before reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogExpectation {
    /// The database's history.
    pub lineage: Lineage,
    /// The epoch that the file must be of.
    pub epoch: Epoch,
    /// LSN of its first frame, from its name.
    pub first_lsn: Lsn,
    /// Chain before its first frame, if known. Without it the header's is taken, and the caller compares the chain
    /// when it comes to an LSN whose chain it knows.
    pub chain: Option<Chain>,
    /// Commit time before its first frame, Unix nanoseconds; `i64::MIN` if not known.
    pub commit_time_ns: i64,
    /// Every commit up to this one was once synced: from the catalog, or from later log files. 0 if not known.
    pub known_durable_lsn: Lsn,
}

/// A place between two frames, and what the next frame must follow from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogPosition {
    /// Where the next frame starts in the file; a multiple of 8.
    pub offset: u64,
    /// LSN of the next frame.
    pub next_lsn: Lsn,
    /// Chain before the next frame.
    pub chain: Chain,
    /// Commit time of the frame before, Unix nanoseconds; `i64::MIN` if not known.
    pub commit_time_ns: i64,
}

/// What the end of a log file means. `offset` is where the next frame would start; it may lie up to 7 bytes behind a
/// file that was cut off in its last padding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The file ends there, or only zeros follow: go on writing.
    Clean {
        /// Where the next frame goes.
        offset: u64,
    },
    /// An interrupted write: cut the file here, say how much was lost, and go on writing. Offset 0 means that not even
    /// the header was finished: make the file anew.
    Torn {
        /// Where the next frame goes.
        offset: u64,
        /// Bytes from there to the last one that is not zero.
        bytes_lost: u64,
        /// What was wrong with them.
        reason: String,
    },
    /// Commits that were synced can't be read: stop, cut nothing, restore or salvage.
    Damaged {
        /// Where the missing frame should be.
        offset: u64,
        /// The first LSN that can't be read.
        missing_lsn: Lsn,
        /// What is wrong, and how it is known.
        error: Error,
    },
    /// The next frame is whole and in its place, but needs a newer Chronicle: stop, cut nothing.
    Unsupported {
        /// Where that frame is.
        offset: u64,
        /// Its LSN.
        lsn: Lsn,
        /// What it needs.
        error: Error,
    },
}

/// Yields the frames of one log file; [`LogScan::end`] then says what its end means.
pub struct LogScan<'a> {
    bytes: &'a [u8],
    /// Where `bytes` start in the file.
    base: u64,
    epoch: Epoch,
    known_durable_lsn: Lsn,
    header: Option<LogHeader>,
    position: LogPosition,
    padding_damage: Option<u64>,
    stop: Option<Stop>,
}

/// Why no further frame was handed out.
enum Stop {
    /// Nothing, or no frame of this history.
    NoFrame(String),
    /// A frame of this history that says what can't be, or what is not known here.
    Refused(Error),
}

impl<'a> LogScan<'a> {
    /// Scans a whole file. Errors: `InvalidInput` for a file of another lineage, epoch or history, `Unsupported` for a
    /// newer one, `Damaged` for one whose header contradicts its name. A header that can't be read is no error here
    /// but the file's [`End`]: it may never have been finished.
    pub fn new(bytes: &'a [u8], expected: &LogExpectation) -> Result<Self> {
        let mut scan = Self {
            bytes,
            base: 0,
            epoch: expected.epoch,
            known_durable_lsn: expected.known_durable_lsn,
            header: None,
            position: LogPosition {
                offset: 0,
                next_lsn: expected.first_lsn,
                chain: expected.chain.unwrap_or_default(),
                commit_time_ns: expected.commit_time_ns,
            },
            padding_damage: None,
            stop: None,
        };
        match LogHeader::decode(bytes) {
            Ok(header) => {
                check_header(&header, expected).at(|| "log file")?;
                scan.header = Some(header);
                scan.position.offset = LOG_HEADER_LEN as u64;
                scan.position.chain = header.chain;
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => return Err(error),
            Err(error) => scan.stop = Some(Stop::NoFrame(error.message().to_string())),
        }
        Ok(scan)
    }

    /// Goes on at `position` with `bytes`, which are those of the file from `position.offset` to its end.
    pub fn resume(bytes: &'a [u8], epoch: Epoch, position: LogPosition, known_durable_lsn: Lsn) -> Self {
        Self {
            bytes,
            base: position.offset,
            epoch,
            known_durable_lsn,
            header: None,
            position,
            padding_damage: None,
            stop: None,
        }
    }

    /// Passes over the frames before `position`, which the catalog stands for. Does nothing when the header can't be read.
    pub fn skip_to(&mut self, position: LogPosition) {
        if self.stop.is_none() {
            self.position = position;
        }
    }

    /// The file's header; `None` when it can't be read, or after [`LogScan::resume`].
    pub fn header(&self) -> Option<&LogHeader> {
        self.header.as_ref()
    }
    /// Behind the last frame that was handed out.
    pub fn position(&self) -> LogPosition {
        self.position
    }
    /// Where the first padding that is not zero lies. It harms no frame, and is no reason to lose one, but something
    /// has written there: `verify` reports it.
    pub fn padding_damage(&self) -> Option<u64> {
        self.padding_damage
    }

    /// What the end of the file means; passes over the frames that were not asked for yet.
    pub fn end(&mut self) -> End {
        while self.next().is_some() {}
        let LogPosition { offset, next_lsn: missing_lsn, .. } = self.position;
        let reason = match &self.stop {
            Some(Stop::Refused(error)) => {
                let error = error.clone();
                return match error.kind() {
                    ErrorKind::Unsupported => End::Unsupported { offset, lsn: missing_lsn, error },
                    _ => End::Damaged { offset, missing_lsn, error },
                };
            }
            Some(Stop::NoFrame(reason)) => reason.clone(),
            None => String::new(),
        };
        match self.witness(missing_lsn) {
            Some(witness) => {
                let error = Error::damaged(alloc::format!(
                    "LSN {missing_lsn} can't be read ({reason}), but {witness}: this is damage and no interrupted \
                     write; keep the file, restore from a backup"
                ));
                End::Damaged { offset, missing_lsn, error: error.at(alloc::format!("log offset {offset}")) }
            }
            None => match self.rest().iter().rposition(|&byte| byte != 0) {
                None if offset > 0 => End::Clean { offset },
                last => End::Torn { offset, bytes_lost: last.map_or(0, |last| last as u64 + 1), reason },
            },
        }
    }

    /// Who knows that `missing_lsn` was once on disk, in words.
    fn witness(&self, missing_lsn: Lsn) -> Option<String> {
        if self.known_durable_lsn >= missing_lsn {
            return Some(alloc::format!("every commit up to {} was once synced", self.known_durable_lsn));
        }
        // A header is synced before the first frame is appended: any frame at all proves that it was there.
        let header_is_missing = self.position.offset == 0;
        let durable_lsn_min = if header_is_missing { 0 } else { missing_lsn };
        let wanted = Wanted { epoch: &self.epoch, missing_lsn, durable_lsn_min };
        Some(match search(self.rest(), &wanted)? {
            Evidence::Frame { distance, lsn, .. } if header_is_missing => {
                alloc::format!(
                    "the frame of LSN {lsn} follows {distance} bytes on, and frames follow a finished header"
                )
            }
            Evidence::Frame { distance, lsn, durable_lsn } => alloc::format!(
                "the frame of LSN {lsn}, {distance} bytes on, says that every commit up to {durable_lsn} was synced"
            ),
            Evidence::TooManyCandidates => {
                "more of what follows looks like frames than can be checked".to_string()
            }
        })
    }

    /// What follows the last frame.
    fn rest(&self) -> &'a [u8] {
        self.slice(self.position.offset, 0..u64::MAX)
    }

    /// The part of `range`, relative to `offset` in the file, that is there.
    fn slice(&self, offset: u64, range: Range<u64>) -> &'a [u8] {
        let from = offset.saturating_add(range.start).saturating_sub(self.base);
        let to = offset.saturating_add(range.end).saturating_sub(self.base).min(self.bytes.len() as u64);
        match (usize::try_from(from), usize::try_from(to)) {
            (Ok(from), Ok(to)) => self.bytes.get(from..to).unwrap_or_default(),
            _ => &[],
        }
    }

    fn read_next(&self) -> core::result::Result<Frame<'a>, Stop> {
        let position = &self.position;
        let rest = self.rest();
        if is_zero(rest.get(..FRAME_HEAD_LEN).unwrap_or(rest)) {
            return Err(Stop::NoFrame("there is no frame".to_string()));
        }
        let sealed = SealedFrame::read(rest, &self.epoch)
            .map_err(|error| Stop::NoFrame(error.message().to_string()))?;
        if sealed.lsn != position.next_lsn || !sealed.follows(&position.chain) {
            return Err(Stop::NoFrame(alloc::format!(
                "a frame of LSN {} is there that does not follow the frame before it",
                sealed.lsn
            )));
        }
        let place = || alloc::format!("log offset {}, LSN {}", position.offset, sealed.lsn);
        let frame = sealed.open(position.offset).at(place).map_err(Stop::Refused)?;
        // i64::MIN stands for "not known", and nothing can follow i64::MAX.
        if frame.head.commit_time_ns <= position.commit_time_ns && position.commit_time_ns != i64::MIN {
            let error = Error::damaged(alloc::format!(
                "commit time {} does not follow {}",
                frame.head.commit_time_ns,
                position.commit_time_ns
            ));
            return Err(Stop::Refused(error.at(place())));
        }
        if sealed.lsn == Lsn::MAX {
            return Err(Stop::Refused(Error::damaged("no commit can have the last LSN").at(place())));
        }
        Ok(frame)
    }
}

impl<'a> Iterator for LogScan<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        if self.stop.is_some() {
            return None;
        }
        match self.read_next() {
            Ok(frame) => {
                let padding = frame.len_unpadded()..frame.len_padded();
                if self.padding_damage.is_none() && !is_zero(self.slice(frame.offset, padding.clone())) {
                    self.padding_damage = Some(frame.offset + padding.start);
                }
                self.position = LogPosition {
                    offset: frame.offset + frame.len_padded(),
                    next_lsn: frame.head.lsn + 1,
                    chain: frame.chain,
                    commit_time_ns: frame.head.commit_time_ns,
                };
                Some(frame)
            }
            Err(stop) => {
                self.stop = Some(stop);
                None
            }
        }
    }
}

/// Compares the header with what the caller knows.
fn check_header(header: &LogHeader, expected: &LogExpectation) -> Result<()> {
    if header.lineage != expected.lineage {
        return Err(Error::invalid(alloc::format!(
            "it is of another database: lineage {} where {} is expected; put it where it belongs",
            header.lineage,
            expected.lineage
        )));
    }
    if header.epoch != expected.epoch {
        return Err(Error::invalid(alloc::format!(
            "it is of another epoch of this database: {} where {} is expected; put it where it belongs",
            header.epoch,
            expected.epoch
        )));
    }
    if header.first_lsn != expected.first_lsn {
        return Err(Error::damaged(alloc::format!(
            "its header says that it starts at LSN {}, its name says {}: it was renamed",
            header.first_lsn,
            expected.first_lsn
        )));
    }
    match expected.chain {
        Some(chain) if chain != header.chain => Err(Error::invalid(alloc::format!(
            "it continues another history: chain {} where {chain} is expected before LSN {}",
            header.chain,
            header.first_lsn
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
