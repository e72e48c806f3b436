//! Logs made, broken and read again.
use super::super::commit::Commit;
use super::super::commit_kind::CommitKind;
use super::super::examples::{CHAIN, EPOCH, LINEAGE};
use super::super::features::Features;
use super::super::frame::{FrameHead, encode_frame};
use super::*;
use crate::format::SeriesSet;
use alloc::vec::Vec;

const FIRST_LSN: u64 = 7;
const EXPECTED: LogExpectation = LogExpectation {
    lineage: LINEAGE,
    epoch: EPOCH,
    first_lsn: FIRST_LSN,
    chain: Some(CHAIN),
    commit_time_ns: 99,
    known_durable_lsn: 0,
};

/// A log under construction, and where each of its frames starts.
struct Log {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    chain: Chain,
    epoch: Epoch,
}

impl Log {
    fn new() -> Self {
        let header = LogHeader {
            features: Features::default(),
            lineage: LINEAGE,
            epoch: EPOCH,
            first_lsn: FIRST_LSN,
            chain: CHAIN,
            host_clock_ns: 0,
        };
        Self { bytes: header.encode(), starts: Vec::new(), chain: CHAIN, epoch: EPOCH }
    }
    /// Five frames with payloads of 3, 4, 5, 6 and 7 bytes, where nothing is known to be durable.
    fn of_five() -> Self {
        (0..5u64).fold(Self::new(), |log, index| log.frame(FIRST_LSN + index, 0))
    }
    fn frame(mut self, lsn: u64, durable_lsn: u64) -> Self {
        self.push(&FrameHead {
            lsn,
            host_clock_ns: 0,
            commit_time_ns: 100 * i64::try_from(lsn).unwrap(),
            durable_lsn,
            kind: CommitKind::Expire,
            points: 0,
        });
        self
    }
    fn push(&mut self, head: &FrameHead) {
        let payload = alloc::vec![lsn_byte(head.lsn); usize::try_from(head.lsn % 100).unwrap() - 4];
        self.starts.push(self.bytes.len());
        self.chain = encode_frame(head, &payload, &self.chain, &self.epoch, &mut self.bytes).unwrap();
    }
    fn zeros(mut self, len: usize) -> Self {
        self.bytes.resize(self.bytes.len() + len, 0);
        self
    }
}

fn lsn_byte(lsn: u64) -> u8 {
    0xa0 | u8::try_from(lsn % 16).unwrap()
}

/// LSNs and payloads that a scan hands out, and its end.
fn scan(bytes: &[u8]) -> (Vec<(u64, Vec<u8>)>, End) {
    scan_expecting(bytes, &EXPECTED)
}

fn scan_expecting(bytes: &[u8], expected: &LogExpectation) -> (Vec<(u64, Vec<u8>)>, End) {
    let mut scan = LogScan::new(bytes, expected).unwrap();
    let frames = scan.by_ref().map(|frame| (frame.head.lsn, frame.payload.to_vec())).collect();
    let end = scan.end();
    assert_eq!(end, scan.end(), "the end changes when it is asked for twice");
    (frames, end)
}

fn offset_of(end: &End) -> u64 {
    match end {
        End::Clean { offset }
        | End::Torn { offset, .. }
        | End::Damaged { offset, .. }
        | End::Unsupported { offset, .. } => *offset,
    }
}

#[test]
fn a_log_reads_back_to_its_end() {
    let log = Log::of_five();
    let (frames, end) = scan(&log.bytes);
    assert_eq!(frames.iter().map(|(lsn, _)| *lsn).collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
    assert!(frames.iter().all(|(lsn, payload)| payload.iter().all(|byte| *byte == lsn_byte(*lsn))));
    assert_eq!(end, End::Clean { offset: log.bytes.len() as u64 });
}

#[test]
fn zeros_ahead_of_use_are_a_clean_end() {
    let log = Log::of_five();
    let end = log.bytes.len() as u64;
    for len in [1, 7, 8, 79, 80, 81, 5_000] {
        assert_eq!(scan(&[&log.bytes[..], &alloc::vec![0; len]].concat()).1, End::Clean { offset: end });
    }
}

#[test]
fn a_flipped_byte_never_gives_other_data_and_stops_at_its_frame() {
    let log = Log::of_five();
    let (whole, _) = scan(&log.bytes);
    for at in LOG_HEADER_LEN..log.bytes.len() {
        let mut bytes = log.bytes.clone();
        bytes[at] ^= 0x20;
        let index = log.starts.iter().rposition(|start| *start <= at).unwrap();
        let (frames, end) = scan(&bytes);
        if at >= log.starts[index] + FRAME_HEAD_LEN + whole[index].1.len() {
            // Padding: everything is still read, and it is reported.
            assert_eq!((&frames, end), (&whole, End::Clean { offset: bytes.len() as u64 }));
            let mut scan = LogScan::new(&bytes, &EXPECTED).unwrap();
            scan.end();
            assert!(scan.padding_damage().is_some_and(|offset| offset <= at as u64));
            continue;
        }
        assert_eq!(frames, whole[..index], "byte {at}");
        assert!(matches!(end, End::Torn { .. }), "byte {at}: {end:?}");
        assert_eq!(offset_of(&end), log.starts[index] as u64);
        let known = LogExpectation { known_durable_lsn: 11, ..EXPECTED };
        let (frames, end) = scan_expecting(&bytes, &known);
        assert_eq!(frames, whole[..index]);
        assert!(matches!(end, End::Damaged { missing_lsn, .. } if missing_lsn == 7 + index as u64));
    }
}

#[test]
fn a_cut_at_every_length_keeps_the_frames_before_it() {
    let log = Log::of_five();
    let (whole, _) = scan(&log.bytes);
    for len in 0..log.bytes.len() {
        let (frames, end) = scan(&log.bytes[..len]);
        let complete =
            log.starts.iter().zip(&whole).filter(|(start, (_, p))| *start + FRAME_HEAD_LEN + p.len() <= len);
        let complete = complete.count();
        assert_eq!(frames, whole[..complete], "length {len}");
        match &end {
            End::Clean { offset } => {
                assert_eq!(*offset, (len as u64).next_multiple_of(8));
                assert!(log.starts.contains(&(*offset as usize)) || *offset == log.bytes.len() as u64);
            }
            End::Torn { offset, bytes_lost, .. } => {
                let expected = if len < LOG_HEADER_LEN { 0 } else { log.starts[complete] as u64 };
                assert_eq!(*offset, expected);
                assert!(offset + bytes_lost <= len as u64);
            }
            other => panic!("length {len}: {other:?}"),
        }
        let known = LogExpectation { known_durable_lsn: FIRST_LSN + complete as u64, ..EXPECTED };
        assert!(matches!(scan_expecting(&log.bytes[..len], &known).1, End::Damaged { .. }));
    }
}

#[test]
fn a_tear_and_damage_are_told_apart() {
    let torn_from = |index: usize, log: Log, len: usize| {
        let mut bytes = log.bytes;
        bytes[log.starts[index]..log.starts[index] + len].fill(0);
        scan(&bytes)
    };
    let frames = |durable: [u64; 4]| {
        (FIRST_LSN..).zip(durable).fold(Log::new(), |log, (lsn, durable)| log.frame(lsn, durable))
    };
    // What the four frames (LSN 7 to 10) call durable; which one is overwritten with zeros; missing LSN if damaged.
    let cases: [([u64; 4], usize, Option<u64>); 8] = [
        ([0, 0, 0, 0], 1, None),
        ([0, 0, 7, 7], 1, None),
        ([0, 0, 8, 8], 1, Some(8)),
        ([0, 0, 0, 8], 1, Some(8)),
        ([0, 0, 8, 8], 2, None),
        ([0, 0, 8, 9], 2, Some(9)),
        ([0, 7, 8, 9], 0, Some(7)),
        ([0, 7, 8, 9], 3, None),
    ];
    for (durable, index, missing) in cases {
        for len in [4, 16, 80] {
            let (read, end) = torn_from(index, frames(durable), len);
            assert_eq!(read.len(), index);
            match (&end, missing) {
                (End::Torn { bytes_lost, .. }, None) => {
                    // A last frame of zeros with its payload still there, or frames after it: never clean.
                    assert!(*bytes_lost > 0, "{durable:?} {index}");
                }
                (End::Damaged { missing_lsn, .. }, Some(missing)) => assert_eq!(*missing_lsn, missing),
                _ => panic!("{durable:?}, frame {index}, {len} bytes: {end:?}"),
            }
        }
    }
}

#[test]
fn a_lost_frame_whose_place_the_next_one_took_is_damage_when_it_was_durable() {
    // LSN 8 is missing without a hole: the search starts at the very place of the missing frame.
    for (durable, damaged) in [(7, false), (8, true)] {
        let log = Log::new().frame(7, 0);
        let (_, end) = scan(&log.frame(9, durable).bytes);
        assert_eq!(matches!(end, End::Damaged { missing_lsn: 8, .. }), damaged, "{end:?}");
    }
}

#[test]
fn a_witness_far_behind_is_found() {
    let mut log = Log::of_five();
    log.bytes.truncate(log.starts[4]);
    log.bytes.resize(log.bytes.len() + (1 << 20), 0x5a);
    let log = log.frame(13, 11);
    let End::Damaged { missing_lsn, error, offset } = scan(&log.bytes).1 else { panic!("not damaged") };
    assert_eq!((missing_lsn, offset), (11, log.starts[4] as u64));
    assert!(error.message().contains("LSN 13"), "{error}");
}

#[test]
fn stale_bytes_after_the_tail_are_cut_and_never_read() {
    // A crash lost frame 8; the writer cut there and wrote another 8. Frame 9 of the old tail still lies behind it,
    // whole, of this epoch and with the next LSN: only the chain tells.
    let old = Log::new().frame(7, 0).frame(8, 0).frame(9, 0);
    let mut new = Log::new().frame(7, 0);
    new.push(&FrameHead {
        lsn: 8,
        host_clock_ns: 5,
        commit_time_ns: 801,
        durable_lsn: 0,
        kind: CommitKind::Expire,
        points: 0,
    });
    let end = new.bytes.len();
    assert_eq!(end, old.starts[2]);
    new.bytes.extend_from_slice(&old.bytes[old.starts[2]..]);
    let (frames, tail) = scan(&new.bytes);
    assert_eq!(frames.len(), 2);
    assert!(matches!(tail, End::Torn { offset, .. } if offset == end as u64), "{tail:?}");
}

#[test]
fn frames_of_another_epoch_are_neither_read_nor_evidence() {
    let mut log = Log::new().frame(7, 0);
    log.epoch = Epoch([0x99; 16]);
    let log = log.frame(8, 7).frame(9, 8);
    let (frames, end) = scan(&log.bytes);
    assert_eq!(frames.len(), 1);
    assert!(matches!(end, End::Torn { .. }), "{end:?}");
}

#[test]
fn a_file_of_another_history_is_refused_with_both_ids() {
    let bytes = Log::of_five().bytes;
    let other = Lineage([0xab; 16]);
    let cases = [
        (LogExpectation { lineage: other, ..EXPECTED }, other.to_hex(), LINEAGE.to_hex()),
        (LogExpectation { epoch: Epoch([0xcd; 16]), ..EXPECTED }, Epoch([0xcd; 16]).to_hex(), EPOCH.to_hex()),
        (LogExpectation { first_lsn: 8, ..EXPECTED }, "LSN 7".into(), "says 8".into()),
        (LogExpectation { chain: Some(Chain([1; 32])), ..EXPECTED }, Chain([1; 32]).to_hex(), CHAIN.to_hex()),
    ];
    for (expected, one, two) in cases {
        let Err(error) = LogScan::new(&bytes, &expected) else { panic!("accepted") };
        assert!(error.message().contains(&one) && error.message().contains(&two), "{error}");
    }
}

#[test]
fn a_damaged_header_is_a_tear_only_when_no_frame_follows() {
    let mut bytes = Log::new().zeros(4096).bytes;
    bytes[60] ^= 1;
    assert!(matches!(scan(&bytes).1, End::Torn { offset: 0, .. }));
    assert!(matches!(scan(&[]).1, End::Torn { offset: 0, bytes_lost: 0, .. }));
    assert!(matches!(scan(&[0; 5_000]).1, End::Torn { offset: 0, bytes_lost: 0, .. }));
    for at in 0..LOG_HEADER_LEN {
        let mut bytes = Log::of_five().bytes;
        bytes[at] ^= 1;
        let (frames, end) = scan(&bytes);
        assert_eq!(frames, []);
        assert!(matches!(end, End::Damaged { offset: 0, missing_lsn: 7, .. }), "byte {at}: {end:?}");
    }
}

#[test]
fn commit_times_never_run_backwards() {
    let mut log = Log::new().frame(7, 0);
    let head = FrameHead {
        lsn: 8,
        host_clock_ns: 0,
        commit_time_ns: 700,
        durable_lsn: 0,
        kind: CommitKind::Expire,
        points: 0,
    };
    log.push(&head);
    let (frames, end) = scan(&log.bytes);
    assert_eq!(frames.len(), 1);
    // The frame is authentic, so a writer was wrong: nothing may be cut.
    assert!(matches!(end, End::Damaged { missing_lsn: 8, .. }), "{end:?}");
    let after_the_file = LogExpectation { commit_time_ns: 700, ..EXPECTED };
    assert!(matches!(scan_expecting(&log.bytes, &after_the_file).1, End::Damaged { missing_lsn: 7, .. }));
}

#[test]
fn a_whole_frame_of_an_unknown_kind_is_never_cut() {
    let log = Log::new().frame(7, 0);
    let start = log.bytes.len();
    let mut bytes = log.frame(8, 0).bytes;
    // Kind 200, with chain and checksum made right again.
    bytes[start + 40] = 200;
    let previous: [u8; 32] = bytes[176..208].try_into().unwrap();
    let mut chained = previous.to_vec();
    chained.extend_from_slice(&bytes[start + 8..start + 48]);
    chained.extend_from_slice(&bytes[start + 80..start + 84]);
    bytes[start + 48..start + 80].copy_from_slice(blake3::hash(&chained).as_bytes());
    let sealed = [&EPOCH.0[..], &bytes[start + 8..start + 84]].concat();
    bytes[start + 4..start + 8].copy_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
    let (frames, end) = scan(&bytes);
    assert_eq!(frames.len(), 1);
    let End::Unsupported { offset, lsn: 8, error } = end else { panic!("{end:?}") };
    assert_eq!(offset, start as u64);
    assert!(error.message().contains("200"), "{error}");
}

#[test]
fn a_reader_that_follows_reads_each_frame_once() {
    let log = Log::of_five();
    let (whole, _) = scan(&log.bytes);
    let mut seen = Vec::new();
    let mut position = LogScan::new(&log.bytes[..LOG_HEADER_LEN], &EXPECTED).unwrap().position();
    // The file grows by 13 bytes at a time, into a preallocated rest of zeros.
    for len in (LOG_HEADER_LEN..log.bytes.len() + 13).step_by(13) {
        let mut file = log.bytes[..len.min(log.bytes.len())].to_vec();
        file.resize(8192, 0);
        let from = usize::try_from(position.offset).unwrap();
        let mut scan = LogScan::resume(&file[from..], EPOCH, position, 0);
        seen.extend(scan.by_ref().map(|frame| (frame.head.lsn, frame.payload.to_vec())));
        position = scan.position();
    }
    assert_eq!(seen, whole);
    let mut rest = LogScan::resume(&[], EPOCH, position, 0);
    assert_eq!(rest.end(), End::Clean { offset: log.bytes.len() as u64 });
}

#[test]
fn an_expiry_travels_through_a_log() {
    let commit = Commit::Expire { cutoff: -5, series: SeriesSet::all() };
    let mut bytes = Log::new().bytes;
    let head = FrameHead {
        lsn: FIRST_LSN,
        host_clock_ns: 0,
        commit_time_ns: 100,
        durable_lsn: 6,
        kind: commit.kind(),
        points: 0,
    };
    encode_frame(&head, &commit.encode().unwrap(), &CHAIN, &EPOCH, &mut bytes).unwrap();
    let frame = LogScan::new(&bytes, &EXPECTED).unwrap().next().unwrap();
    assert_eq!(Commit::decode(frame.head.kind, frame.payload).unwrap(), commit);
}
