//! The container and the log: superblock slots, catalog pages, log files, commits.
use super::Arguments;
use chronicle_core::digest::Digest;
use chronicle_core::engine::{Opening, Options, Selector};
use chronicle_core::format::{
    CatalogRoot, Commit, CommitKind, EpochParent, Expired, Features, FrameHead, HEADER_AREA_LEN,
    LOG_HEADER_LEN, LogExpectation, LogHeader, LogScan, LogStart, Page, PageKind, PageRef, PointsPayload,
    Policies, PolicyState, RetentionException, Role, Rule, RuleFunction, RuleState, RuleTarget,
    SLOT_HEAD_LEN, SLOT_LEN, SegmentEntry, SegmentKind, SegmentSummary, SeriesDefinition, SeriesSet,
    Settings, Superblock, Tombstone, decode_slot, encode_frame, encode_slot, newest,
};
use chronicle_core::head::Position;
use chronicle_core::ids::{Chain, Epoch, Hash, Hash16, Lineage, SeriesId};
use chronicle_core::model::{Tags, TimeRange};
use chronicle_core::source::Step;
use chronicle_core::verify::{Level, verify_catalog, verify_header, verify_log};

const LINEAGE: Lineage = Lineage([1; 16]);
const EPOCH: Epoch = Epoch([2; 16]);
const FILE_LEN: u64 = 1 << 40;
const FIRST_LSN: u64 = 5;

/// A superblock slot: as it is, and with its hash made right, in its place in a header area.
pub fn decode_superblock(data: &[u8]) {
    let _ = newest(data);
    let mut slot = data.to_vec();
    slot.truncate(SLOT_LEN);
    if slot.len() < SLOT_HEAD_LEN {
        return;
    }
    let root_len = Arguments(&slot[80..]).u32() as usize;
    if let Some(root) = slot.get(SLOT_HEAD_LEN..).and_then(|rest| rest.get(..root_len)) {
        let hash = Hash16::of(&[&slot[..112], root].concat());
        slot[112..128].copy_from_slice(&hash.0);
    }
    if let Ok(superblock) = decode_slot(&slot) {
        assert_eq!(decode_slot(&encode_slot(&superblock).unwrap()), Ok(superblock));
    }
    let mut area = vec![0; HEADER_AREA_LEN as usize];
    let at = if Arguments(&slot[40..]).u64().is_multiple_of(2) { 0 } else { SLOT_LEN };
    area[at..at + slot.len()].copy_from_slice(&slot);
    for packed in [false, true] {
        let _ = verify_header(&area, FILE_LEN, packed);
    }
    if let Ok((superblock, _)) = newest(&area) {
        let _ = verify_catalog(&superblock, &mut &area[..]);
        open(&area);
    }
}

/// Opens a container that is all in memory, as far as it goes.
fn open(file: &[u8]) {
    let Ok(mut opening) = Opening::new(file, Options::default()) else { return };
    if matches!(opening.step(&mut &file[..]), Ok(Step::Ready(()))) {
        opening.note_older(&mut &file[..]);
        let Ok(mut engine) = opening.into_engine(&[], 0) else { return };
        let _ = engine.with_names(&mut &file[..], |engine| engine.view(&Selector::all(), TimeRange::ALL));
        assert!(engine.gauges().file_bytes >= HEADER_AREA_LEN);
    }
}

/// The body of a catalog page, after what the root says of it: kind, entries, first number, time.
pub fn decode_catalog_page(data: &[u8]) {
    let mut arguments = Arguments(data);
    let Ok(kind) = PageKind::try_from(arguments.u8() % 4) else { return };
    let (entries, first) = (arguments.u32(), arguments.u64());
    let time = TimeRange { min: arguments.i64(), max: arguments.i64() };
    let mut page = b"CHRNPAGE".to_vec();
    page.extend_from_slice(&u32::from(u8::from(kind)).to_le_bytes());
    page.extend_from_slice(&crc32fast::hash(arguments.0).to_le_bytes());
    page.extend_from_slice(arguments.0);
    let reference = PageRef {
        kind,
        offset: HEADER_AREA_LEN,
        len: page.len() as u32,
        hash: Hash16::of(&page),
        entries,
        first,
        time,
    };
    if let Ok(decoded) = Page::decode(&reference, &page, FILE_LEN) {
        let (reference, bytes) = decoded.encode(HEADER_AREA_LEN).unwrap();
        assert_eq!(Page::decode(&reference, &bytes, FILE_LEN), Ok(decoded));
    }
}

/// The header of a log file: as it is, and with its checksum made right.
pub fn decode_log_header(data: &[u8]) {
    let _ = LogHeader::decode(data);
    let mut bytes = data.to_vec();
    seal_header(&mut bytes);
    if let Ok(header) = LogHeader::decode(&bytes) {
        assert_eq!(LogHeader::decode(&header.encode()), Ok(header));
    }
}

fn seal_header(file: &mut [u8]) {
    if file.len() >= LOG_HEADER_LEN {
        let crc = crc32fast::hash(&file[..LOG_HEADER_LEN - 4]);
        file[LOG_HEADER_LEN - 4..LOG_HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Makes checksum and chain of the first `count` frames right.
fn seal_frames(file: &mut [u8], count: u8) {
    let Some(header) = file.get(..LOG_HEADER_LEN) else { return };
    let mut chain: [u8; 32] = Arguments(&header[80..]).array();
    let mut at = LOG_HEADER_LEN;
    for _ in 0..count {
        let Some(frame) = file.get_mut(at..).filter(|rest| rest.len() >= 80) else { return };
        let end = 80 + Arguments(frame).u32() as usize;
        let Some(frame) = frame.get_mut(..end) else { return };
        chain = Hash::of(&[&chain, &frame[8..48], &frame[80..]].concat()).0;
        frame[48..80].copy_from_slice(&chain);
        let crc = crc32fast::hash(&[&EPOCH.0, &frame[8..]].concat());
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        at += end.next_multiple_of(8);
    }
}

/// A log file, after two bytes: how many frames get their checksums made right, and an LSN known to be durable.
pub fn decode_log(data: &[u8]) {
    let mut arguments = Arguments(data);
    let (sealed, durable) = (arguments.u8() % 16, arguments.u8() % 16);
    let mut file = arguments.0.to_vec();
    seal_header(&mut file);
    seal_frames(&mut file, sealed);
    let expected = LogExpectation {
        lineage: LINEAGE,
        epoch: EPOCH,
        first_lsn: FIRST_LSN,
        chain: None,
        commit_time_ns: i64::MIN,
        known_durable_lsn: u64::from(durable),
    };
    let Ok(mut scan) = LogScan::new(&file, &expected) else { return };
    let mut frames = Vec::new();
    let mut middle = None;
    while let Some(frame) = scan.next() {
        let _ = Commit::decode(frame.head.kind, frame.payload);
        frames.push((frame.head.lsn, frame.chain));
        if frames.len() == 2 {
            middle = Some(scan.position());
        }
    }
    let _ = scan.end();
    for level in [Level::Checksums, Level::Everything] {
        let report = verify_log(&file, &expected, &Position::default(), true, level);
        assert!(report.commits <= frames.len() as u64);
    }
    assert!(frames.iter().enumerate().all(|(index, &(lsn, _))| lsn == FIRST_LSN + index as u64));
    if let Some(position) = middle {
        let rest = file.get(position.offset as usize..).unwrap_or_default();
        let resumed = LogScan::resume(rest, EPOCH, position, 0);
        let resumed: Vec<_> = resumed.map(|frame| (frame.head.lsn, frame.chain)).collect();
        assert_eq!(resumed, frames[2..], "a scan that goes on sees what a whole one does");
    }
}

/// The payload of a commit, after its kind.
pub fn decode_commit(data: &[u8]) {
    let mut arguments = Arguments(data);
    let Ok(kind) = CommitKind::try_from(arguments.u8() % 8) else { return };
    let Ok(commit) = Commit::decode(kind, arguments.0) else { return };
    let bytes = commit.encode().unwrap();
    assert_eq!(Commit::decode(kind, &bytes).as_ref(), Ok(&commit));
    if let Commit::Points(points) = &commit {
        super::decode_frame_columns(points.columns);
    }
}

fn summary() -> SegmentSummary {
    SegmentSummary {
        identity: Hash([4; 32]),
        len: 10_000,
        index_offset: 9_000,
        index_len: 1_000,
        points: 5_000,
        blocks: 4,
        series: 2,
        lsn_min: 3,
        lsn_max: 90,
        time: TimeRange { min: 1_000, max: 2_000 },
        series_min: SeriesId(1),
        series_max: SeriesId(2),
        digest: Digest { points: 5_000, lanes: [7, 8] },
    }
}

fn tombstone() -> Tombstone {
    let series = SeriesSet::from_sorted_ids([1, 2, 3, 9, 1 << 32].map(SeriesId)).unwrap();
    Tombstone { lsn: 95, series, time: TimeRange { min: -5, max: 5 } }
}

fn pages() -> Vec<Page> {
    let entry = |offset, run| SegmentEntry {
        kind: SegmentKind::Points,
        offset,
        run,
        partition_min: -1,
        partition_max: 0,
        summary: summary(),
    };
    vec![
        Page::Segments(vec![entry(131_072, 1), entry(262_144, 2)]),
        Page::Tombstones(vec![tombstone()]),
        Page::Metrics { first: 3, names: vec!["cpu".into(), "mem, \"x\"".into()] },
    ]
}

const SETTINGS: Settings = Settings {
    partition_duration_ns: 604_800_000_000_000,
    retention_ns: Some(1),
    retention_bytes: None,
    retention_suspended: false,
};

fn policies() -> Policies {
    let target = |function, metric: &str| RuleTarget { function, metric: metric.into() };
    Policies {
        exceptions: vec![RetentionException { metric: "cpu.mean_1h".into(), retention_ns: Some(9) }],
        rules: vec![Rule {
            id: 1,
            metric: "cpu".into(),
            filter: "host != 'b'".into(),
            window_ns: 3_600_000_000_000,
            delay_ns: 60_000_000_000,
            targets: vec![
                target(RuleFunction::Mean, "cpu.mean_1h"),
                target(RuleFunction::Percentile(99.0f64.to_bits()), "cpu.p99_1h"),
            ],
        }],
    }
}

pub(super) fn superblock_seeds() -> Vec<Vec<u8>> {
    let (mut offset, mut pages_of_root) = (HEADER_AREA_LEN, Vec::new());
    for page in pages() {
        let (mut reference, bytes) = page.encode(offset).unwrap();
        reference.first = 0;
        pages_of_root.push(reference);
        offset += bytes.len() as u64;
    }
    let root = |parent, log| CatalogRoot {
        parent,
        created_ns: -2,
        settings: SETTINGS,
        policies: policies(),
        policy_state: PolicyState {
            expired: Expired { cutoff_ns: 600, lsn: 40 },
            exceptions: vec![Expired::default()],
            rules: vec![RuleState { floor_ns: 600, dirty: vec![TimeRange { min: 1_200, max: i64::MAX }] }],
        },
        lsn: 100,
        commit_time_ns: 1_706_400_000_000_000_000,
        chain: Chain([3; 32]),
        durable_lsn: 1_000,
        log,
        file_len: FILE_LEN,
        points_stored: 15_000,
        series_count: 2,
        metric_count: 2,
        pages: pages_of_root.clone(),
    };
    let parent = EpochParent { epoch: Epoch([7; 16]), lsn: 40, chain: Chain([8; 32]) };
    let roots =
        [root(None, LogStart::None), root(Some(parent), LogStart::From { first_lsn: 81, offset: 4_096 })];
    let seed = |(generation, root)| {
        let superblock = Superblock {
            role: Role::Database,
            features: Features::default(),
            generation,
            lineage: LINEAGE,
            epoch: EPOCH,
            root,
        };
        let bytes = encode_slot(&superblock).unwrap();
        assert_eq!(decode_slot(&bytes), Ok(superblock));
        bytes
    };
    (6..).zip(roots).map(seed).collect()
}

pub(super) fn page_seeds() -> Vec<Vec<u8>> {
    let seed = |page: Page| {
        let (reference, bytes) = page.encode(HEADER_AREA_LEN).unwrap();
        assert_eq!(Page::decode(&reference, &bytes, FILE_LEN), Ok(page));
        let mut input = vec![u8::from(reference.kind)];
        input.extend_from_slice(&reference.entries.to_le_bytes());
        input.extend_from_slice(&reference.first.to_le_bytes());
        input.extend_from_slice(&reference.time.min.to_le_bytes());
        input.extend_from_slice(&reference.time.max.to_le_bytes());
        input.extend_from_slice(&bytes[16..reference.len as usize]);
        input
    };
    pages().into_iter().map(seed).collect()
}

fn log_header() -> LogHeader {
    LogHeader {
        features: Features::default(),
        lineage: LINEAGE,
        epoch: EPOCH,
        first_lsn: FIRST_LSN,
        chain: Chain([9; 32]),
        host_clock_ns: 5,
    }
}

pub(super) fn log_header_seeds() -> Vec<Vec<u8>> {
    let bytes = log_header().encode();
    assert_eq!(LogHeader::decode(&bytes), Ok(log_header()));
    vec![bytes]
}

fn commits(columns: &[u8]) -> Vec<Commit<'_>> {
    let definition = |id, host: &str| SeriesDefinition {
        id: SeriesId(id),
        metric: "cpu".into(),
        tags: Tags::new([("host", host), ("region", "é")]).unwrap(),
    };
    let new_series = vec![definition(0, "a"), definition(1, "b")];
    vec![
        Commit::Points(PointsPayload { new_series, columns }),
        Commit::Points(PointsPayload { new_series: Vec::new(), columns }),
        Commit::Delete { time: TimeRange { min: 0, max: 9 }, series: tombstone().series },
        Commit::Delete { time: TimeRange::ALL, series: SeriesSet::all() },
        Commit::Expire { cutoff: -1, series: SeriesSet::except_metrics([3, 7]) },
        Commit::Settings { settings: SETTINGS, policies: policies() },
        Commit::Downsampled { rule: 1, done: vec![TimeRange { min: i64::MIN, max: 59 }] },
        Commit::NewEpoch(EpochParent { epoch: Epoch([7; 16]), lsn: 40, chain: Chain([8; 32]) }),
        Commit::Gap { first_lsn: 3, last_lsn: 4 },
    ]
}

/// A file with one frame of every kind, once as it is and once with zeros ahead.
pub(super) fn log_seeds() -> Vec<Vec<u8>> {
    let columns = super::codec::frame_seeds().swap_remove(0);
    let commits = commits(&columns);
    let mut file = log_header().encode();
    let mut chain = log_header().chain;
    for (lsn, commit) in (FIRST_LSN..).zip(&commits) {
        let head = FrameHead {
            lsn,
            host_clock_ns: 10,
            commit_time_ns: lsn as i64,
            durable_lsn: lsn.saturating_sub(2),
            kind: commit.kind(),
            points: 1,
        };
        chain = encode_frame(&head, &commit.encode().unwrap(), &chain, &EPOCH, &mut file).unwrap();
    }
    let expected = LogExpectation {
        lineage: LINEAGE,
        epoch: EPOCH,
        first_lsn: FIRST_LSN,
        chain: Some(log_header().chain),
        commit_time_ns: i64::MIN,
        known_durable_lsn: 0,
    };
    let found = LogScan::new(&file, &expected).unwrap().map(|frame| frame.payload.to_vec());
    assert!(found.eq(commits.iter().map(|commit| commit.encode().unwrap())));
    let with = |sealed: u8, zeros: usize| [&[sealed, 0], &file[..], &vec![0; zeros]].concat();
    vec![with(15, 0), with(3, 0), with(15, 200), with(0, 8)]
}

pub(super) fn commit_seeds() -> Vec<Vec<u8>> {
    let columns = super::codec::frame_seeds().swap_remove(1);
    let seed = |commit: Commit<'_>| {
        let payload = commit.encode().unwrap();
        assert_eq!(Commit::decode(commit.kind(), &payload), Ok(commit.clone()));
        [&[u8::from(commit.kind())], &payload[..]].concat()
    };
    commits(&columns).into_iter().map(seed).collect()
}
