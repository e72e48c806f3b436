//! Probe: what a query costs that reads a database from afar.
use chronicle_core::engine::{Engine, Opening, Options, QueryRun};
use chronicle_core::format::HEADER_AREA_LEN;
use chronicle_core::model::Point;
use chronicle_core::query::{Aggregate, Query, hours, minutes};
use chronicle_core::source::ByteRange;
use chronicle_tests::simulator::{BASE_NS, ColdStore, SimDb, naive_rows};
use chronicle_tests::workload::Random;
use std::sync::Arc;

const DAY: i64 = 24 * 3_600_000_000_000;

/// Thirty days of a point a minute, three metrics of eight hosts, sealed daily and compacted by the policy.
fn database() -> SimDb {
    let mut db = SimDb::new(Options::default(), 1);
    let mut random = Random::new(1);
    for day in 0..30 {
        let mut batch = Vec::new();
        for minute in 0..1440 {
            for series in 0..24 {
                let metric = ["cpu", "memory", "disk"][series % 3];
                let value = random.below(1000) as f64 / 10.0;
                let time = BASE_NS + day * DAY + minute * minutes(1);
                batch.push(Point::new(metric, time, value).tag("host", format!("host-{}", series / 3)));
            }
        }
        db.write(&batch, true);
        db.seal();
        while db.compact(false) {}
    }
    db
}

/// The header, then four rounds: catalog, dictionaries, indexes, blocks. Opening needs the first of them. The dictionaries
/// are a round of their own because which series are meant is known only then.
#[test]
fn a_day_of_one_metric_is_read_in_four_rounds_after_the_header() {
    let mut db = database();
    let bytes = db.disk.data.bytes().to_vec();
    let mut store = ColdStore::new(&bytes);
    store.fetch(vec![ByteRange::new(0, HEADER_AREA_LEN)]);
    let mut opening = Opening::new(&bytes[..HEADER_AREA_LEN as usize], Options::default()).unwrap();
    store.drive(|store| opening.step(store)).unwrap();
    let mut engine = opening.into_engine(&[], 0).unwrap();
    let opened = (store.rounds.len(), store.bytes());

    let from = (BASE_NS / DAY + 12) * DAY;
    let query = Query::metric("cpu").range(from..from + DAY).aggregate(Aggregate::Mean).window(hours(1));
    let view = |engine: &mut Engine| engine.view(&query.selector(), query.range);
    let view = Arc::new(store.drive(|store| engine.with_names(store, view)).unwrap().unwrap());
    let mut run = QueryRun::new(&query, view, 1 << 24).unwrap();
    let mut rows = 0;
    while let Some(batch) = store.drive(|store| run.step(store)).unwrap() {
        rows += batch.len();
    }
    let range = query.range;
    let points = Query::metric("cpu").range(range.min..=range.max);
    let expected = naive_rows(&points, &db.oracle.at(db.engine.position().lsn));
    assert_eq!((rows, expected.len()), (24, 8 * 1440));

    let rounds: Vec<u64> =
        store.rounds.iter().map(|ranges| ranges.iter().map(|range| range.len).sum()).collect();
    let blocks: u64 = rounds[4..].iter().sum();
    println!("file {} bytes; rounds {rounds:?}; opened after {opened:?}", bytes.len());
    assert_eq!(rounds.len(), 5, "header, catalog, dictionaries, indexes, blocks");
    assert_eq!(opened.0, 2);
    // Blocks of 4,096 points hold almost three days of a point a minute.
    let metadata: u64 = rounds[1..4].iter().sum();
    assert!(
        blocks <= 3 * bytes.len() as u64 / 30,
        "{blocks} bytes of blocks for a day of a third of the data"
    );
    assert!(metadata <= 32 << 10, "{metadata} bytes of catalog, dictionaries and indexes");
    assert!(store.bytes() <= 2 * blocks + HEADER_AREA_LEN + (32 << 10));
}
