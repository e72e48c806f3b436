//! Log stream: the frames of a log object, read in windows, so that a log of any length takes little memory.
//!
//! It asks for the next bytes and hands out frames that follow the one before by LSN and chain, as
//! [`LogScan`](crate::format::LogScan) does. What it holds is a window and, while that is incomplete, one commit.
use super::log_object::LogObject;
use super::log_search::LogContent;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{
    CommitKind, End, FRAME_ALIGNMENT, FRAME_HEAD_LEN, Frame, LOG_HEADER_LEN, LogExpectation, LogPosition,
    LogScan, PAYLOAD_LEN_MAX,
};
use crate::head::Position;
use crate::ids::{Chain, Epoch, Lineage, Lsn};
use crate::source::ByteRange;
use alloc::vec::Vec;

/// Bytes that are asked for at a time.
pub const LOG_WINDOW_BYTES: u64 = 1 << 20;

/// Takes a frame, the chain before it, and its bytes without padding.
pub type TakeFrame<'a> = &'a mut dyn FnMut(&Frame<'_>, Chain, &[u8]) -> Result<()>;

/// A log object that is read from its first byte to its last.
#[derive(Clone, Debug)]
pub struct LogStream {
    expected: LogExpectation,
    /// Bytes of the object.
    len: u64,
    /// What of it is not read yet starts here: `buffer`, then what is to come.
    base: u64,
    buffer: Vec<u8>,
    position: Option<LogPosition>,
    first_chain: Option<Chain>,
    content: Option<LogContent>,
}

impl LogStream {
    /// Of `len` bytes that begin with the header of a log file of commits from `first_lsn` on.
    pub fn new(lineage: Lineage, epoch: Epoch, first_lsn: Lsn, len: u64) -> Self {
        let expected = LogExpectation {
            lineage,
            epoch,
            first_lsn,
            chain: None,
            commit_time_ns: i64::MIN,
            known_durable_lsn: 0,
        };
        Self { expected, len, base: 0, buffer: Vec::new(), position: None, first_chain: None, content: None }
    }

    /// Of an object that a record names, of `len` bytes before it was encrypted; [`LogStream::finish_object`] ends it.
    pub fn of(lineage: Lineage, log: &LogObject, len: u64) -> Self {
        let mut it = Self::new(lineage, log.epoch, log.first_lsn, len);
        it.expected.chain = Some(log.after_chain);
        it.expected.known_durable_lsn = log.last_lsn;
        it
    }

    /// The chain before the first frame, once the header was read.
    pub(super) fn first_chain(&self) -> Option<Chain> {
        self.first_chain
    }

    /// The bytes to push next; `None` when all were.
    pub fn missing(&self) -> Option<ByteRange> {
        let at = self.base.saturating_add(self.buffer.len() as u64);
        let len = self.len.saturating_sub(at).min(LOG_WINDOW_BYTES);
        (len > 0).then(|| ByteRange::new(at, len))
    }

    /// Takes the next bytes, any number, and hands out every frame that is whole with them. `Damaged` where one does not follow.
    pub fn push(&mut self, bytes: &[u8], take: TakeFrame<'_>) -> Result<()> {
        if self.buffer.is_empty() {
            let used = self.read(bytes, take)?;
            self.buffer.extend_from_slice(bytes.get(used..).unwrap_or_default());
            self.base = self.base.saturating_add(used as u64);
        } else {
            let mut buffer = core::mem::take(&mut self.buffer);
            buffer.extend_from_slice(bytes);
            let used = self.read(&buffer, take)?;
            buffer.drain(..used.min(buffer.len()));
            (self.buffer, self.base) = (buffer, self.base.saturating_add(used as u64));
        }
        Ok(())
    }

    /// What it held; `None` without a frame. `Damaged` when it does not end with a whole commit.
    pub fn finish(self) -> Result<Option<LogContent>> {
        match self.missing().is_none() && self.buffer.is_empty() && self.position.is_some() {
            true => Ok(self.content),
            false => Err(unfinished()),
        }
    }

    /// The same, of an object: it must hold what its record names.
    pub fn finish_object(self, log: &LogObject) -> Result<()> {
        let content = self.finish()?;
        let told = content.map(|content| (content.end, content.first_commit_time_ns));
        match told == Some((log.end(), log.first_commit_time_ns)) {
            true => Ok(()),
            false => Err(Error::damaged("its commits are not those that the record names")),
        }
    }

    /// Reads the frames that are whole, and says how many bytes they and the header take.
    fn read(&mut self, bytes: &[u8], take: TakeFrame<'_>) -> Result<usize> {
        let is_end = self.base.saturating_add(bytes.len() as u64) >= self.len;
        let (start, position) = match self.position {
            Some(position) => (0, position),
            None if bytes.len() < LOG_HEADER_LEN && !is_end => return Ok(0),
            None => {
                let header = bytes.get(..LOG_HEADER_LEN).unwrap_or(bytes);
                let scan = LogScan::new(header, &self.expected)?;
                if scan.header().is_none() {
                    return Err(Error::damaged("its header can't be read"));
                }
                self.first_chain = Some(scan.position().chain);
                (LOG_HEADER_LEN, scan.position())
            }
        };
        let whole = if is_end { bytes.len() } else { whole_frames(bytes, start) };
        let frames = bytes.get(start..whole).unwrap_or_default();
        let mut scan =
            LogScan::resume(frames, self.expected.epoch, position, self.expected.known_durable_lsn);
        let mut before = position.chain;
        for frame in scan.by_ref() {
            let at = usize::try_from(frame.offset.saturating_sub(position.offset)).unwrap_or(usize::MAX);
            let len = usize::try_from(frame.len_unpadded()).unwrap_or(usize::MAX);
            let raw = frames.get(at..).and_then(|rest| rest.get(..len));
            take(&frame, before, raw.ok_or_else(unfinished)?)?;
            before = frame.chain;
            self.note(&frame);
        }
        self.position = Some(scan.position());
        if scan.position().offset < self.base.saturating_add(whole as u64) {
            return Err(match scan.end() {
                End::Damaged { error, .. } | End::Unsupported { error, .. } => error,
                End::Torn { reason, .. } => Error::damaged(reason),
                End::Clean { .. } => unfinished(),
            });
        }
        Ok(whole)
    }

    fn note(&mut self, frame: &Frame<'_>) {
        let time = frame.head.commit_time_ns;
        let end = Position { lsn: frame.head.lsn, commit_time_ns: time, chain: frame.chain };
        let points = u64::from(frame.head.points);
        let attaches = (frame.head.kind == CommitKind::Attach).then_some((end.lsn, end.lsn));
        self.content = Some(match self.content {
            None => LogContent { first_commit_time_ns: time, end, points, attached: attaches },
            Some(before) => LogContent {
                end,
                points: before.points.saturating_add(points),
                attached: before
                    .attached
                    .map_or(attaches, |(first, last)| Some((first, attaches.map_or(last, |(_, last)| last)))),
                ..before
            },
        });
    }
}

/// Where the last frame ends that is whole by its length. One whose length can't be is left to the scan.
fn whole_frames(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        let Some(&payload_len) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else { return at };
        let payload_len = u32::from_le_bytes(payload_len);
        if payload_len > PAYLOAD_LEN_MAX {
            return bytes.len();
        }
        let len = usize::try_from(payload_len).unwrap_or(usize::MAX).saturating_add(FRAME_HEAD_LEN);
        let next = at.saturating_add(len).checked_next_multiple_of(FRAME_ALIGNMENT);
        match next.filter(|&next| next <= bytes.len()) {
            Some(next) => at = next,
            None => return at,
        }
    }
}

fn unfinished() -> Error {
    Error::new(
        ErrorKind::Damaged,
        "it does not end with a whole commit: what was copied is not what was planned; run the backup again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Features, FrameHead, LogHeader, encode_frame};
    use alloc::vec;

    const LINEAGE: Lineage = Lineage([1; 16]);
    const EPOCH: Epoch = Epoch([2; 16]);

    /// Commits 5 to 34, of lengths that no window divides.
    fn log() -> (Vec<u8>, Frames) {
        let header = LogHeader {
            features: Features::default(),
            lineage: LINEAGE,
            epoch: EPOCH,
            first_lsn: 5,
            chain: Chain([3; 32]),
            host_clock_ns: 0,
        };
        let (mut bytes, mut chain, mut frames) = (header.encode(), header.chain, Vec::new());
        for lsn in 5..35u64 {
            let payload = vec![lsn as u8; (lsn as usize * 37) % 301];
            let kind = CommitKind::Gap;
            let head = FrameHead {
                lsn,
                host_clock_ns: 0,
                commit_time_ns: lsn as i64,
                durable_lsn: lsn - 1,
                kind,
                points: 2,
            };
            chain = encode_frame(&head, &payload, &chain, &EPOCH, &mut bytes).unwrap();
            frames.push((lsn, FRAME_HEAD_LEN + payload.len()));
        }
        (bytes, frames)
    }

    type Frames = Vec<(Lsn, usize)>;

    fn read(bytes: &[u8], window: usize) -> Result<(Frames, Option<LogContent>)> {
        let mut stream = LogStream::new(LINEAGE, EPOCH, 5, bytes.len() as u64);
        let mut found = Vec::new();
        while let Some(range) = stream.missing() {
            let start = range.offset as usize;
            let end = (start + window.min(range.len as usize)).min(bytes.len());
            stream.push(&bytes[start..end], &mut |frame, _, raw| {
                found.push((frame.head.lsn, raw.len()));
                Ok(())
            })?;
        }
        Ok((found, stream.finish()?))
    }

    #[test]
    fn windows_of_any_size_give_the_same_frames() {
        let (bytes, frames) = log();
        for window in [1, 7, 80, 127, 128, 129, 1_000, usize::MAX] {
            let (found, content) = read(&bytes, window).unwrap();
            assert_eq!(found, frames, "window {window}");
            let content = content.unwrap();
            assert_eq!((content.end.lsn, content.points, content.first_commit_time_ns), (34, 60, 5));
        }
    }

    #[test]
    fn whatever_byte_is_flipped_or_cut_off_it_is_damage_in_every_window() {
        let (bytes, _) = log();
        for window in [64, 500, usize::MAX] {
            for at in (128..bytes.len()).step_by(3) {
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x40;
                // Padding is in no frame.
                if let Ok((found, _)) = read(&flipped, window) {
                    assert_eq!(found.len(), 30, "byte {at}, window {window}");
                }
                let cut = read(&bytes[..at], window);
                assert!(
                    cut.map_or(true, |(found, _)| found.len() < 30 || bytes.len() - at < 8),
                    "cut at {at}"
                );
            }
        }
    }
}
