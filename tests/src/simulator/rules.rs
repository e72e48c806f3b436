//! Settings, expiries by series and downsampling rules in the simulated database.
use super::db::SimDb;
use super::view::at_hand;
use chronicle_core::engine::{DownsamplingBatch, DownsamplingRun, Engine, Expiry, Selector};
use chronicle_core::format::{Policies, SeriesSet};
use chronicle_core::model::{Series, TimeRange};
use chronicle_core::source::Step;

impl SimDb {
    /// Gives the database these policies.
    pub fn set_policies(&mut self, policies: Policies, durable: bool) {
        let now = self.clock.now();
        let settings = self.engine.identity().settings;
        if let Some(position) = self.engine.prepare_settings(settings, policies, now).expect("sound policies")
        {
            self.oracle.mark(position);
        }
        self.flush(durable);
    }

    /// Lets points expire.
    pub fn expire(&mut self, expiry: &Expiry, durable: bool) {
        let gone = self.series_in(&expiry.series);
        let now = self.clock.now();
        if let Some(position) = self.engine.prepare_expire(expiry, now).expect("an expiry") {
            self.oracle.delete_series(position, gone, TimeRange::new(None, Some(expiry.cutoff_ns)));
        }
        self.flush(durable);
    }

    /// Chooses windows of a rule, and begins to compute them; `None` when it has nothing to do at `now_ns`.
    pub fn begin_slice(&mut self, rule: u32, now_ns: i64) -> Option<DownsamplingRun> {
        self.engine.claim_windows(rule, now_ns)?;
        at_hand(self.engine.with_names(&mut self.disk.data.bytes(), Engine::begin_downsampling))
            .expect("a sound rule")
    }

    /// One step of a slice, committed; false when all of it is written.
    pub fn step_slice(&mut self, run: &mut DownsamplingRun, durable: bool) -> bool {
        let mut source = self.disk.data.bytes();
        match run.step(&mut source).expect("a slice of sound segments") {
            Step::Ready(DownsamplingBatch { points, deletions }) => {
                for points in points.chunks(7) {
                    self.write(points, durable);
                }
                for (series, range) in deletions {
                    let gone = self.series_in(&series);
                    let now = self.clock.now();
                    let position = self.engine.prepare_delete_series(series, range, now).expect("a deletion");
                    self.oracle.delete_series(position.expect("a deletion"), gone, range);
                    self.flush(durable);
                }
                true
            }
            Step::Missing(ranges) => panic!("everything is in memory, yet {ranges:?} are missing"),
            Step::Done => false,
        }
    }

    /// Says that a slice is done. False when others were faster.
    pub fn finish_slice(&mut self, run: &DownsamplingRun, durable: bool) -> bool {
        let now = self.clock.now();
        let position = self.engine.prepare_downsampled(run, now).expect("a slice");
        if let Some(position) = position {
            self.oracle.mark(position);
        }
        self.flush(durable);
        position.is_some()
    }

    /// Computes everything that is due of every rule.
    pub fn catch_up(&mut self, now_ns: i64) {
        self.flush(true);
        let rules: Vec<u32> = self.engine.policies().rules.iter().map(|rule| rule.id).collect();
        for _ in 0..1_000 {
            let mut idle = true;
            for &rule in &rules {
                if let Some(mut run) = self.begin_slice(rule, now_ns) {
                    idle = false;
                    while self.step_slice(&mut run, true) {}
                    assert!(self.finish_slice(&run, true), "nobody else writes");
                }
            }
            if idle {
                return;
            }
        }
        panic!("the rules find work for ever");
    }

    fn series_in(&mut self, set: &SeriesSet) -> Vec<Series> {
        // Commits that are prepared and not visible are older too.
        self.flush(false);
        let view = |engine: &mut Engine| engine.view(&Selector::all(), TimeRange::EMPTY);
        let view = at_hand(self.engine.with_names(&mut self.disk.data.bytes(), view)).expect("a view");
        let infos = view.series().iter().map(|series| series.info());
        infos.filter(|info| set.contains(info.id)).map(|info| info.series.clone()).collect()
    }
}
