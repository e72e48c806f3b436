//! Probe: the segments of a later snapshot without those of an earlier one are what is new, and little more.
use chronicle_core::engine::{Options, Snapshot};
use chronicle_core::model::Point;
use chronicle_tests::simulator::{BASE_NS, SimDb};
use chronicle_tests::workload::Random;
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000_000;
const BASE_POINTS: i64 = 200_000;

/// Length of each segment by identity.
fn segments(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    snapshot.segments().map(|entry| (entry.summary.identity.to_hex(), entry.summary.len)).collect()
}

#[test]
fn bytes_of_a_delta_are_in_proportion_to_what_is_new_compaction_included() {
    let mut db = SimDb::new(Options::default(), 1);
    let mut random = Random::new(1);
    let mut time = BASE_NS;
    let mut grow = |db: &mut SimDb, points: i64| {
        let mut batch = Vec::new();
        for i in 0..points {
            time += SECOND;
            let value = random.below(100_000) as f64 / 100.0;
            batch.push(Point::new("cpu", time, value).tag("host", (i % 20).to_string()));
        }
        db.write(&batch, true);
        db.seal();
        while db.compact(false) {}
    };
    grow(&mut db, BASE_POINTS);
    let base: u64 = segments(&db.engine.snapshot()).values().sum();
    let (mut before, mut new_bytes, mut worst) = (segments(&db.engine.snapshot()), 0, 0);
    for round in 1..=30 {
        grow(&mut db, BASE_POINTS / 100);
        let after = segments(&db.engine.snapshot());
        let added: u64 = after.iter().filter(|(id, _)| !before.contains_key(*id)).map(|(_, len)| len).sum();
        let reused: u64 = after.iter().filter(|(id, _)| before.contains_key(*id)).map(|(_, len)| len).sum();
        assert!(reused >= base, "round {round}: the base was rewritten for one percent");
        (new_bytes, worst) = (new_bytes + added, worst.max(added));
        before = after;
    }
    let ratio = new_bytes as f64 / (base as f64 * 0.30);
    println!(
        "base {base} bytes; 30 deltas of 1 %: {new_bytes} bytes, {ratio:.2} times what is new; the largest {worst}"
    );
    assert!(ratio < 4.0, "deltas carry {ratio:.2} times what is new");
    assert!(worst < base / 4, "one delta of one percent has {worst} bytes, the base {base}");
}
