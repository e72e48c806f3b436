//! Long random work on one database, compared with the oracle after every step.
use chronicle_tests::simulator::{SimDb, Work, small_options};

/// Runs as many seeds as `CHRONICLE_SIM_SEEDS` says, or `default` ones.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("CHRONICLE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..asked.unwrap_or(default)
}

struct Trace(u64, Vec<&'static str>);

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = &self.1[self.1.len().saturating_sub(40)..];
            eprintln!("seed {}, after {} steps, the last ones {last:?}", self.0, self.1.len());
        }
    }
}

#[test]
fn whatever_is_done_every_reader_sees_what_the_oracle_says() {
    for seed in seeds(12) {
        let mut work = Work::new(seed);
        let mut db = SimDb::new(small_options(), seed);
        let mut trace = Trace(seed, Vec::new());
        for step in 0..250 {
            if work.random.below(25) == 0 {
                trace.1.push("reopen");
                db = work.reopen(db);
            } else {
                trace.1.push("(step)");
                let did = work.step(&mut db);
                *trace.1.last_mut().unwrap() = did;
            }
            db.check_all();
            work.check_views(&db);
            let mut random = work.random.clone();
            db.check_queries(&mut random);
            if step % 8 == 0 {
                db.check_history(&mut random);
            }
        }
    }
}
