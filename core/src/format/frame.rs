//! A frame: one commit in the log.
//!
//! Two checks with two purposes: the CRC32 (with the epoch in it) says that the bytes are what this epoch wrote, and
//! the chain says that they follow this very history. What the payload means is [`super::commit`].
use super::commit_kind::CommitKind;
use super::reader::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Chain, Epoch, Lsn};
use alloc::vec::Vec;

/// Bytes of a frame before its payload.
pub const FRAME_HEAD_LEN: usize = 80;
/// Frames start at multiples of this; the bytes between two frames are zero.
pub const FRAME_ALIGNMENT: usize = 8;
/// Most bytes of a payload.
pub const PAYLOAD_LEN_MAX: u32 = 1 << 30;
/// A commit time further than this ahead of the host clock is flagged.
pub const AHEAD_NS: i64 = 1_000_000_000;
const FLAG_AHEAD: u8 = 1;

/// What a frame says about its commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// Number of the commit, at least 1.
    pub lsn: Lsn,
    /// Host clock at the commit, Unix nanoseconds. Trusted for nothing.
    pub host_clock_ns: i64,
    /// Commit time, Unix nanoseconds; above that of the commit before.
    pub commit_time_ns: i64,
    /// Every commit up to this one was known to be synced when the frame was made; below `lsn`.
    pub durable_lsn: Lsn,
    /// What kind of commit it is.
    pub kind: CommitKind,
    /// Number of points that it adds.
    pub points: u32,
}

impl FrameHead {
    /// True when the commit time was more than a second ahead of the host clock: that clock had been set back.
    pub fn is_ahead_of_host_clock(&self) -> bool {
        self.commit_time_ns.saturating_sub(self.host_clock_ns) > AHEAD_NS
    }
}

/// A frame as it was read and checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Where it starts in the log file.
    pub offset: u64,
    /// What it says about its commit.
    pub head: FrameHead,
    /// Chain after it.
    pub chain: Chain,
    /// The commit: see [`super::commit::Commit::decode`].
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of head and payload.
    pub fn len_unpadded(&self) -> u64 {
        FRAME_HEAD_LEN as u64 + self.payload.len() as u64
    }
    /// Bytes from this frame to the next one.
    pub fn len_padded(&self) -> u64 {
        self.len_unpadded().next_multiple_of(FRAME_ALIGNMENT as u64)
    }
}

/// Appends a frame, padding included, and returns the chain after it. `out` is at a frame boundary: its length is a
/// multiple of 8. A payload above [`PAYLOAD_LEN_MAX`] is `LimitExceeded`, and a head that no reader would accept is
/// `InvalidInput`; then nothing is appended.
pub fn encode_frame(
    head: &FrameHead,
    payload: &[u8],
    previous: &Chain,
    epoch: &Epoch,
    out: &mut Vec<u8>,
) -> Result<Chain> {
    let payload_len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    if payload_len > PAYLOAD_LEN_MAX {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            alloc::format!(
                "a commit of {} bytes: at most {PAYLOAD_LEN_MAX} fit a frame; split the batch",
                payload.len()
            ),
        ));
    }
    if head.durable_lsn >= head.lsn || !out.len().is_multiple_of(FRAME_ALIGNMENT) {
        return Err(Error::invalid(alloc::format!(
            "frame {} can't say that LSN {} is durable, nor start at byte {}",
            head.lsn,
            head.durable_lsn,
            out.len()
        )));
    }
    let mut fixed = [0u8; FRAME_HEAD_LEN];
    let kind_and_flags = [head.kind.into(), if head.is_ahead_of_host_clock() { FLAG_AHEAD } else { 0 }];
    fixed[0..4].copy_from_slice(&payload_len.to_le_bytes());
    fixed[8..16].copy_from_slice(&head.lsn.to_le_bytes());
    fixed[16..24].copy_from_slice(&head.host_clock_ns.to_le_bytes());
    fixed[24..32].copy_from_slice(&head.commit_time_ns.to_le_bytes());
    fixed[32..40].copy_from_slice(&head.durable_lsn.to_le_bytes());
    fixed[40..42].copy_from_slice(&kind_and_flags);
    fixed[44..48].copy_from_slice(&head.points.to_le_bytes());
    let chain = chain_after(previous, &fixed[8..48], payload);
    fixed[48..80].copy_from_slice(&chain.0);
    let crc = checksum(epoch, &fixed[8..], payload);
    fixed[4..8].copy_from_slice(&crc.to_le_bytes());
    out.reserve(FRAME_HEAD_LEN + payload.len() + FRAME_ALIGNMENT);
    out.extend_from_slice(&fixed);
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(FRAME_ALIGNMENT), 0);
    Ok(chain)
}

/// Bytes that are a frame of some epoch, by length and checksum; nothing is known yet about its place in a history.
pub(crate) struct SealedFrame<'a> {
    pub(crate) lsn: Lsn,
    pub(crate) durable_lsn: Lsn,
    pub(crate) commit_time_ns: i64,
    host_clock_ns: i64,
    kind: u8,
    flags: u8,
    zero: u16,
    points: u32,
    chain: Chain,
    chained: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl<'a> SealedFrame<'a> {
    /// Checks length and checksum of the frame at the start of `bytes`.
    pub(crate) fn read(bytes: &'a [u8], epoch: &Epoch) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let (payload_len, crc) = (reader.u32()?, reader.u32()?);
        let chained = Reader::new(bytes).take(48)?.get(8..).unwrap_or_default();
        let frame = Self {
            lsn: reader.u64()?,
            host_clock_ns: reader.i64()?,
            commit_time_ns: reader.i64()?,
            durable_lsn: reader.u64()?,
            kind: reader.u8()?,
            flags: reader.u8()?,
            zero: reader.u16()?,
            points: reader.u32()?,
            chain: Chain(reader.array()?),
            chained,
            payload: &[],
        };
        if payload_len > PAYLOAD_LEN_MAX {
            return Err(Error::damaged(alloc::format!("a payload of {payload_len} bytes is not possible")));
        }
        let payload = reader.take(usize::try_from(payload_len).unwrap_or(usize::MAX))?;
        let sealed = bytes.get(8..FRAME_HEAD_LEN).unwrap_or_default();
        if crc != checksum(epoch, sealed, payload) {
            return Err(Error::damaged("the frame's checksum is wrong, or of another epoch"));
        }
        Ok(Self { payload, ..frame })
    }

    /// True when the frame follows the history that `previous` stands for.
    pub(crate) fn follows(&self, previous: &Chain) -> bool {
        self.chain == chain_after(previous, self.chained, self.payload)
    }

    /// The frame, if what it says is possible and known here.
    pub(crate) fn open(&self, offset: u64) -> Result<Frame<'a>> {
        let kind = CommitKind::try_from(self.kind)?;
        if self.zero != 0 || self.flags & !FLAG_AHEAD != 0 {
            return Err(Error::unsupported("the frame uses flags that this build does not know"));
        }
        let head = FrameHead {
            lsn: self.lsn,
            host_clock_ns: self.host_clock_ns,
            commit_time_ns: self.commit_time_ns,
            durable_lsn: self.durable_lsn,
            kind,
            points: self.points,
        };
        if self.durable_lsn >= self.lsn || head.is_ahead_of_host_clock() != (self.flags & FLAG_AHEAD != 0) {
            return Err(Error::damaged("the frame contradicts itself"));
        }
        Ok(Frame { offset, head, chain: self.chain, payload: self.payload })
    }
}

/// Reads the frame at the start of `bytes` with all its checks: checksum, chain, and fields that make sense. `offset`
/// is only copied into the result. [`super::log_scan::LogScan`] reads files; this is for a frame that travels alone.
pub fn decode_frame<'a>(bytes: &'a [u8], offset: u64, epoch: &Epoch, previous: &Chain) -> Result<Frame<'a>> {
    let sealed = SealedFrame::read(bytes, epoch)?;
    if !sealed.follows(previous) {
        return Err(Error::damaged(alloc::format!(
            "frame {} belongs to another history: it does not follow chain {previous}",
            sealed.lsn
        )));
    }
    sealed.open(offset)
}

fn checksum(epoch: &Epoch, sealed_head: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&epoch.0);
    crc.update(sealed_head);
    crc.update(payload);
    crc.finalize()
}

fn chain_after(previous: &Chain, chained_head: &[u8], payload: &[u8]) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous.0).update(chained_head).update(payload);
    Chain(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::examples::{CHAIN, EPOCH};
    use super::*;
    use alloc::string::String;

    fn head() -> FrameHead {
        FrameHead {
            lsn: 9,
            host_clock_ns: 1_000,
            commit_time_ns: 2_000_000_000,
            durable_lsn: 5,
            kind: CommitKind::Expire,
            points: 0,
        }
    }
    fn encoded(payload: &[u8]) -> (Vec<u8>, Chain) {
        let mut out = Vec::new();
        let chain = encode_frame(&head(), payload, &CHAIN, &EPOCH, &mut out).unwrap();
        (out, chain)
    }

    #[test]
    fn a_frame_reads_back_whatever_its_padding() {
        for len in 0..20 {
            let payload = alloc::vec![0xee; len];
            let (bytes, chain) = encoded(&payload);
            let frame = decode_frame(&bytes, 128, &EPOCH, &CHAIN).unwrap();
            assert_eq!(frame, Frame { offset: 128, head: head(), chain, payload: &payload });
            assert_eq!(frame.len_padded(), bytes.len() as u64);
            assert_eq!(bytes.len() % 8, 0);
        }
    }

    #[test]
    fn the_bytes_of_a_frame_never_change() {
        let (bytes, _) = encoded(b"payload");
        let hex: String = bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }
    const GOLDEN: &str = "07000000517156cd0900000000000000e803000000000000009435770000000005000000000000000301000000000000\
        8c8bff1fc7e9bc264d8ca4c97a2756aa95f12db45de5fd66b1c65d8aad27fde07061796c6f616400";

    #[test]
    fn a_frame_of_another_epoch_or_history_is_not_accepted() {
        let (bytes, _) = encoded(b"payload");
        assert!(decode_frame(&bytes, 0, &Epoch([0x23; 16]), &CHAIN).is_err());
        let error = decode_frame(&bytes, 0, &EPOCH, &Chain([0; 32])).unwrap_err();
        assert!(error.message().contains("another history"), "{error}");
    }

    #[test]
    fn every_flipped_byte_but_the_padding_is_damage() {
        let (mut bytes, _) = encoded(b"payload");
        for at in 0..FRAME_HEAD_LEN + 7 {
            bytes[at] ^= 0x10;
            assert!(decode_frame(&bytes, 0, &EPOCH, &CHAIN).is_err(), "byte {at}");
            bytes[at] ^= 0x10;
        }
    }

    #[test]
    fn a_well_sealed_frame_with_unknown_kind_or_flags_is_unsupported() {
        for (at, value) in [(40, 9), (40, 0), (41, 3), (42, 1)] {
            let (mut bytes, _) = encoded(b"payload");
            bytes[at] = value;
            let chain = chain_after(&CHAIN, &bytes[8..48], b"payload");
            bytes[48..80].copy_from_slice(&chain.0);
            let crc = checksum(&EPOCH, &bytes[8..80], b"payload");
            bytes[4..8].copy_from_slice(&crc.to_le_bytes());
            let error = decode_frame(&bytes, 0, &EPOCH, &CHAIN).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "byte {at}: {error}");
        }
    }

    #[test]
    fn a_frame_never_calls_itself_durable() {
        let mut out = Vec::new();
        let head = FrameHead { durable_lsn: 9, ..head() };
        assert!(encode_frame(&head, b"", &CHAIN, &EPOCH, &mut out).is_err());
        assert!(out.is_empty());
    }
}
