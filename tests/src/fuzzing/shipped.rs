//! What lies in a stream's objects: their records, and the log that they are cut from.
use chronicle_core::backup::repository::*;
use chronicle_core::format::EpochParent;
use chronicle_core::ids::{Chain, Epoch, Hash, Lineage};

const HOME: Entry = Entry::new(EntryKind::Delta, 5);

/// The record of the third object behind a delta, without its checksum and the blanks in front, which are made here.
pub fn decode_ship_record(data: &[u8]) {
    let _ = ShipRecord::parse(HOME, 2, data);
    let sealed = [data, format!(",\n  \"checksum\": \"{}\"\n}}\n", Hash::of(data)).as_bytes()].concat();
    let blanks = vec![b' '; SHIP_RECORD_LEN.saturating_sub(sealed.len())];
    if let Ok(record) = ShipRecord::parse(HOME, 2, &[blanks, sealed].concat()) {
        assert_eq!(ShipRecord::parse(HOME, 2, &record.to_bytes().unwrap()), Ok(record));
    }
}

pub(super) fn ship_record_seeds() -> Vec<Vec<u8>> {
    let log = LogObject {
        home: HOME,
        epoch: Epoch([2; 16]),
        first_lsn: 4,
        last_lsn: 9,
        first_commit_time_ns: 10,
        last_commit_time_ns: 100,
        after_chain: Chain([1; 32]),
        chain: Chain([2; 32]),
        len: 1_000,
        blake3: Hash([6; 32]),
        attached: None,
        shipped: Some(2),
    };
    let record = ShipRecord { log, lineage: Lineage([1; 16]), job: JobId([4; 16]), points: 12 };
    let mut bytes = record.to_bytes().unwrap();
    bytes.truncate(bytes.len() - 85);
    vec![bytes.trim_ascii_start().to_vec()]
}

/// A log file that a writer is at work on.
pub fn decode_log_tail(data: &[u8]) {
    let sent = EpochParent { epoch: Epoch([2; 16]), lsn: 3, chain: Chain([1; 32]) };
    let mut tail = ShipTail::new(Lineage([1; 16]), sent);
    let Ok(Some(part)) = tail.reads(&[4]) else { return };
    let mut rest = data;
    for _ in 0..4 {
        match tail.take(rest) {
            Ok(TailStep::Ship(cut)) => {
                assert!(cut.bytes.len() <= data.len().next_multiple_of(8) && cut.content.end.lsn > 3);
                tail.shipped(&cut);
            }
            Ok(TailStep::Again) => {}
            _ => return,
        }
        let Ok(Some(next)) = tail.reads(&[4]) else { return };
        let skip = usize::try_from(next.range.offset - part.range.offset).unwrap();
        rest = data.get(skip..).unwrap_or_default();
    }
}

pub(super) fn log_tail_seeds() -> Vec<Vec<u8>> {
    use chronicle_core::format::{Features, LogHeader};
    let header = LogHeader {
        features: Features::default(),
        lineage: Lineage([1; 16]),
        epoch: Epoch([2; 16]),
        first_lsn: 4,
        chain: Chain([1; 32]),
        host_clock_ns: 0,
    };
    vec![header.encode()]
}
