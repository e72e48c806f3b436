//! Size: bytes of `data.db` per point after compaction, everything counted, and where they go.
//!
//! Lossless is a condition: the digest of what the database holds is compared with the digest of what was generated.
use crate::context::{Context, build, file_len};
use crate::report::{Goal, Line};
use chronicle::digest::Digest;
use chronicle::model::{Series, Tags};
use chronicle::{Config, Db, Selector, TimeRange};
use chronicle_core::engine::{Engine, Opening, Options};
use chronicle_core::format::HEADER_AREA_LEN;
use chronicle_core::segment::{SEGMENT_HEADER_BYTES, SegmentKind, inspect_segment_header};
use chronicle_core::source::Step;
use chronicle_tests::workload::{self, SeriesData};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

pub(crate) fn run(context: &mut Context) {
    let quick = context.quick;
    let devops = context.devops();
    let path = context.devops_db();
    // VictoriaMetrics and the entropy estimate for these generators; kept as constants, for they can't run in here.
    line(context, "devops", &path, &devops, (0.95, 0.90), ("entropy estimate", 0.878), "");
    let iot = workload::iot(if quick { 100 } else { 1000 }, 7, 1);
    one(context, "iot", &iot, (1.85, 1.70), ("entropy estimate", 1.67), "");
    let nab = [format!("{MANIFEST}/../shared/data/nab"), format!("{MANIFEST}/../../shared/data/nab")];
    let nab = std::env::var("NAB").into_iter().chain(nab).find_map(workload::real);
    match nab {
        Some(real) => {
            let note = format!(
                "{} files of NAB with {} points are here; the goal is of all 58 files (365,509 points)",
                real.len(),
                real.iter().map(|series| series.bits.len()).sum::<usize>()
            );
            one(context, "real", &real, (1.50, 1.43), ("scaled ints + pco", 1.505), &note);
        }
        None => eprintln!("size, real: left out; give the data folder of NAB as NAB=<folder>"),
    }
    let random = workload::random(if quick { 400_000 } else { 2_000_000 }, 1);
    one(context, "random", &random, (9.80, 9.70), ("entropy estimate", 9.66), "");
}

fn one(
    context: &mut Context,
    name: &str,
    data: &[SeriesData],
    goal: (f64, f64),
    limit: (&str, f64),
    note: &str,
) {
    let path = context.fresh(name).join("data.db");
    build(&path, data);
    line(context, name, &path, data, goal, limit, note);
}

fn line(
    context: &mut Context,
    name: &str,
    path: &Path,
    data: &[SeriesData],
    (floor, aim): (f64, f64),
    (limit, bound): (&str, f64),
    note: &str,
) {
    let expected = digest_of(data);
    let db = Db::open(path, Config::read_only()).unwrap();
    assert!(db.digest(false).unwrap().0 == expected, "{name}: what came back is not what was written");
    let points = expected.points as f64;
    let len = file_len(path);
    let split = Split::of(path);
    let rest = len - split.blocks - split.index;
    let per = |bytes: u64| bytes as f64 / points;
    let parts = format!(
        "blocks {:.4}, index {:.4}, header area, dictionary, catalog, padding and free {:.4}; {} segments, {} blocks of {:.0} points, all bits back{}{note}",
        per(split.blocks),
        per(split.index),
        per(rest),
        split.segments,
        split.block_count,
        points / split.block_count as f64,
        if note.is_empty() { "" } else { "; " },
    );
    let figure = per(len);
    let line = Line::one("size", name, "B/point", figure)
        .against(limit, bound, figure / bound)
        .goal(Goal::at_most(floor, aim))
        .note(parts);
    context.report.push(line);
}

/// The digest of what the database must hold: of points with one series and time, the last.
fn digest_of(data: &[SeriesData]) -> Digest {
    let mut digest = Digest::default();
    for series in data {
        let tags = Tags::new(series.tags.iter().cloned()).unwrap();
        let key = Series { metric: series.metric.clone(), tags }.key();
        if series.timestamps.is_sorted_by(|a, b| a < b) {
            digest.add(key, &series.timestamps, &series.bits);
            continue;
        }
        let last: BTreeMap<i64, u64> =
            series.timestamps.iter().copied().zip(series.bits.iter().copied()).collect();
        last.iter().for_each(|(&timestamp, &bits)| digest.add(key, &[timestamp], &[bits]));
    }
    digest
}

/// Where the bytes of a data file go.
#[derive(Default)]
struct Split {
    blocks: u64,
    index: u64,
    segments: usize,
    block_count: usize,
}

impl Split {
    fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut source = bytes.as_slice();
        let header = &bytes[..bytes.len().min(HEADER_AREA_LEN as usize)];
        let mut opening = Opening::new(header, Options::default()).unwrap();
        assert!(matches!(opening.step(&mut source).unwrap(), Step::Ready(())));
        let mut engine = opening.into_engine(&[], 0).unwrap();
        let mut split = Self::default();
        let view = |engine: &mut Engine| engine.view(&Selector::all(), TimeRange::ALL);
        let Step::Ready(catalog) = engine.with_names(&mut source, view).unwrap() else {
            panic!("all is there")
        };
        for extent in catalog.extents() {
            let bytes = &bytes[extent.offset as usize..extent.end() as usize];
            let header = inspect_segment_header(bytes).unwrap();
            if header.kind != SegmentKind::Points {
                continue;
            }
            split.segments += 1;
            split.index += u64::from(header.index_len) + SEGMENT_HEADER_BYTES as u64;
            split.blocks += header.index_offset - SEGMENT_HEADER_BYTES as u64;
            let index = &bytes[header.index_offset as usize..];
            split.block_count +=
                chronicle_core::segment::SegmentIndex::parse(None, index, None).unwrap().len();
        }
        split
    }
}
