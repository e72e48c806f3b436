//! Every crash around every effect of short sequences.
use chronicle_tests::simulator::{Crashes, SimDb, Work, small_options};
use std::rc::Rc;

fn seeds(default: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("CHRONICLE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..asked.unwrap_or(default)
}

#[test]
fn whatever_a_crash_leaves_opens_to_a_state_that_was_promised() {
    let crashes = Rc::new(Crashes::default());
    for seed in seeds(3) {
        let mut work = Work::new(seed ^ 0xc4a5);
        let mut db = SimDb::new(small_options(), seed);
        db.observe(Some(crashes.observer(seed, 40)));
        for step in 0..40 {
            let did = match step {
                20 | 33 => {
                    db = work.reopen(db);
                    "reopen"
                }
                _ => work.step(&mut db),
            };
            let _ = did;
        }
    }
    eprintln!("{crashes:?}");
    assert!(crashes.images.get() > 1000);
}
