//! Is there a later frame which proves that the missing one was once on disk?
//!
//! The search looks at every aligned offset. A few fields are compared first, so that garbage costs a comparison and
//! not a checksum; the checksums that remain have a budget in proportion to the file, so that no file, however it was
//! made, takes time in the square of its length. A spent budget counts as proof: refusing to cut is the safe side.
use super::frame::{FRAME_ALIGNMENT, FRAME_HEAD_LEN, PAYLOAD_LEN_MAX, SealedFrame};
use crate::ids::{Epoch, Lsn};

/// Checksummed bytes that a search may always use, on top of four times the bytes it looks through.
const BUDGET_MIN: usize = 16 << 20;

/// What is looked for: a frame of `epoch` with an LSN from `missing_lsn` on, which says that at least `durable_lsn_min`
/// was durable.
pub(crate) struct Wanted<'a> {
    pub(crate) epoch: &'a Epoch,
    pub(crate) missing_lsn: Lsn,
    pub(crate) durable_lsn_min: Lsn,
}

/// Proof that the missing frame was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Evidence {
    /// This frame says so.
    Frame {
        /// Bytes from the start of the search to the frame.
        distance: usize,
        /// Its LSN.
        lsn: Lsn,
        /// What it says was durable.
        durable_lsn: Lsn,
    },
    /// So much looks like frames that not all of it could be checked.
    TooManyCandidates,
}

/// Looks through `bytes`, which start at an aligned offset.
pub(crate) fn search(bytes: &[u8], wanted: &Wanted<'_>) -> Option<Evidence> {
    // Every commit takes a frame, so the file can't hold an LSN further ahead than it has bytes.
    let lsn_max = wanted.missing_lsn.saturating_add(bytes.len() as u64);
    let mut budget = bytes.len().saturating_mul(4).saturating_add(BUDGET_MIN);
    for distance in (0..bytes.len()).step_by(FRAME_ALIGNMENT) {
        let from = bytes.get(distance..).unwrap_or_default();
        let Some(candidate) = Candidate::read(from) else { break };
        if candidate.lsn < wanted.missing_lsn
            || candidate.lsn > lsn_max
            || candidate.durable_lsn < wanted.durable_lsn_min
            || candidate.durable_lsn >= candidate.lsn
            || candidate.frame_len > from.len()
        {
            continue;
        }
        match budget.checked_sub(candidate.frame_len) {
            Some(rest) => budget = rest,
            None => return Some(Evidence::TooManyCandidates),
        }
        if let Ok(frame) = SealedFrame::read(from, wanted.epoch) {
            return Some(Evidence::Frame { distance, lsn: frame.lsn, durable_lsn: frame.durable_lsn });
        }
    }
    None
}

/// The fields that are worth a look before a checksum.
struct Candidate {
    frame_len: usize,
    lsn: Lsn,
    durable_lsn: Lsn,
}

impl Candidate {
    /// `None` when no frame's head fits any more.
    fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; FRAME_HEAD_LEN] = bytes.first_chunk()?;
        let u64_at = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
        let payload_len = u32::from_le_bytes(*head.first_chunk()?);
        let frame_len = match usize::try_from(payload_len) {
            Ok(len) if payload_len <= PAYLOAD_LEN_MAX => FRAME_HEAD_LEN.saturating_add(len),
            _ => usize::MAX,
        };
        Some(Self { frame_len, lsn: u64_at(8)?, durable_lsn: u64_at(32)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::commit_kind::CommitKind;
    use super::super::examples::{CHAIN, EPOCH};
    use super::super::frame::{FrameHead, encode_frame};
    use super::*;
    extern crate std;
    use alloc::vec::Vec;

    const WANTED: Wanted<'_> = Wanted { epoch: &EPOCH, missing_lsn: 7, durable_lsn_min: 7 };

    fn frame(lsn: u64, durable_lsn: u64) -> Vec<u8> {
        let head = FrameHead {
            lsn,
            host_clock_ns: 0,
            commit_time_ns: 0,
            durable_lsn,
            kind: CommitKind::Expire,
            points: 0,
        };
        let mut out = Vec::new();
        encode_frame(&head, b"12345", &CHAIN, &EPOCH, &mut out).unwrap();
        out
    }

    #[test]
    fn only_a_later_frame_that_calls_the_missing_one_durable_is_proof() {
        let after_garbage = |frame: Vec<u8>| {
            let mut bytes = alloc::vec![0xff; 24];
            bytes.extend_from_slice(&frame);
            search(&bytes, &WANTED)
        };
        assert_eq!(
            after_garbage(frame(9, 7)),
            Some(Evidence::Frame { distance: 24, lsn: 9, durable_lsn: 7 })
        );
        assert_eq!(after_garbage(frame(9, 6)), None);
        assert_eq!(after_garbage(frame(6, 5)), None);
        // Further ahead than the file has bytes: not of this file.
        assert_eq!(after_garbage(frame(1_000_000, 7)), None);
        let mut damaged = frame(9, 7);
        damaged[80] ^= 1;
        assert_eq!(after_garbage(damaged), None);
    }

    #[test]
    fn a_file_made_of_false_heads_does_not_take_time_in_the_square_of_its_length() {
        // Every 80 bytes a head that claims the whole rest of 64 MiB: checked in full, 26 TB of checksums.
        let mut bytes = alloc::vec![0u8; 64 << 20];
        let total = bytes.len();
        for at in (0..total - 80).step_by(80) {
            let claimed = ((total - at - 80) as u32).to_le_bytes();
            bytes[at..at + 4].copy_from_slice(&claimed);
            bytes[at + 8] = 9;
            bytes[at + 32] = 8;
        }
        let started = std::time::Instant::now();
        assert_eq!(search(&bytes, &WANTED), Some(Evidence::TooManyCandidates));
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn garbage_costs_no_checksums() {
        let mut state = 1u64;
        let bytes: Vec<u8> = (0..8 << 20)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let started = std::time::Instant::now();
        assert_eq!(search(&bytes, &WANTED), None);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
