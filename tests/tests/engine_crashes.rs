//! Every crash around every effect of short sequences.
use chronicle_core::engine::Selector;
use chronicle_core::model::TimeRange;
use chronicle_tests::simulator::{Crashes, SimDb, Work, small_options};
use std::rc::Rc;

fn seeds(default: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("CHRONICLE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..asked.unwrap_or(default)
}

/// Every kind of work, in an order that a seed determines.
#[test]
fn whatever_a_crash_leaves_opens_to_a_state_that_was_promised() {
    let crashes = Rc::new(Crashes::default());
    for seed in seeds(3) {
        let mut work = Work::new(seed ^ 0xc4a5);
        let mut db = SimDb::new(small_options(), seed);
        db.observe(Some(crashes.observer(seed, 40)));
        for step in 0..50 {
            match step {
                20 | 33 => db = work.reopen(db),
                _ => {
                    work.step(&mut db);
                }
            }
        }
    }
    println!("{crashes:?}");
    assert!(crashes.images.get() > 2000);
}

/// One after the other: a write, a seal, a compaction, a merged dictionary, log files that fill up and go.
#[test]
fn every_operation_can_be_crashed_at_every_effect() {
    let crashes = Rc::new(Crashes::default());
    for seed in seeds(1) {
        let mut work = Work::new(seed);
        let mut db = SimDb::new(small_options(), seed);
        db.observe(Some(crashes.observer(seed, 30)));
        for round in 0..12 {
            for part in 0..3 {
                db.write(&work.batch(60), part != 1);
            }
            if round % 3 == 1 {
                db.delete(&Selector::metric("cpu").tag("host", "a"), TimeRange::ALL, round % 2 == 0);
            }
            let compaction = db.begin_compaction(round % 2 == 0);
            let seal = db.begin_seal();
            db.write(&work.batch(20), false);
            seal.into_iter().for_each(|job| db.finish_seal(job));
            db.write(&work.batch(20), false);
            compaction.into_iter().for_each(|job| db.finish_compaction(job));
            db.merge_dictionary(2);
            if round % 4 == 2 {
                db.attach(&work.batch(60), false);
                db.write(&work.batch(20), false);
            }
        }
        assert!(db.engine.generation() > 15 && *db.disk.logs.first_key_value().unwrap().0 > 1);
    }
    println!("{crashes:?}");
}
