//! Downsampling rules in the simulated database: whatever happens in between, the derived points are those of a naive
//! computation as soon as the rules had their turn.
use chronicle_core::engine::{Expiry, Selector};
use chronicle_core::format::{Policies, Rule, RuleFunction, RuleTarget, SeriesSet};
use chronicle_core::model::{Point, Series, Tags, TimeRange};
use chronicle_core::query::Matcher;
use chronicle_tests::simulator::{Crashes, Loss, SimDb, small_options};
use chronicle_tests::workload::Random;
use std::collections::BTreeMap;
use std::rc::Rc;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_779_999_999 * SECOND;

type Derived = BTreeMap<(Tags, i64), u64>;

fn rule(id: u32, metric: &str, window: i64, targets: &[(RuleFunction, &str)]) -> Rule {
    let target = |&(function, metric): &(RuleFunction, &str)| RuleTarget { function, metric: metric.into() };
    Rule {
        id,
        metric: metric.into(),
        filter: String::new(),
        window_ns: (window * SECOND) as u64,
        delay_ns: 0,
        targets: targets.iter().map(target).collect(),
    }
}

fn policies() -> Policies {
    let mut filtered = rule(3, "cpu", 7, &[(RuleFunction::Min, "a.min")]);
    filtered.filter = "host = 'a'".into();
    filtered.delay_ns = 3 * SECOND as u64;
    let rules = vec![
        rule(1, "cpu", 60, &[(RuleFunction::Sum, "cpu.sum"), (RuleFunction::Last, "cpu.last")]),
        rule(2, "cpu.sum", 600, &[(RuleFunction::Count, "cpu.sum.count")]),
        filtered,
    ];
    Policies { exceptions: Vec::new(), rules }
}

/// An expiry of the source: what was derived below `floor` of each target then stays.
struct Floor {
    lsn: u64,
    cutoff: i64,
    kept: BTreeMap<String, Derived>,
}

struct Run {
    db: SimDb,
    random: Random,
    now: i64,
    floors: Vec<Floor>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut db = SimDb::new(small_options(), seed);
        db.set_policies(policies(), true);
        Self { db, random: Random::new(seed ^ 0x51ce), now: START + 3_600 * SECOND, floors: Vec::new() }
    }

    fn below(&mut self, bound: u64) -> i64 {
        self.random.below(bound) as i64
    }

    fn host(&mut self) -> &'static str {
        ["a", "b", "c"][self.below(3) as usize]
    }

    fn batch(&mut self) -> Vec<Point> {
        let late = self.below(3) == 0;
        let count = 1 + self.below(25);
        (0..count)
            .map(|_| {
                let back = if late { self.below(3_600) } else { self.below(20) };
                let at = self.now - back * SECOND - self.below(3) * SECOND / 3;
                Point::new("cpu", at, self.below(100) as f64).tag("host", self.host())
            })
            .collect()
    }

    /// Does one thing. Hosts let nothing expire while a slice is computed; `computing` says that one is.
    fn disturb(&mut self, computing: bool) {
        let durable = self.below(2) == 0;
        self.now += self.below(40) * SECOND;
        match self.below(20) {
            0..10 => {
                let batch = self.batch();
                self.db.write(&batch, durable);
            }
            10 | 11 => {
                let (a, b) = (self.below(3_600), self.below(600));
                let start = self.now - a * SECOND;
                let selector = Selector::metric("cpu").tag("host", self.host());
                self.db.delete(&selector, TimeRange { min: start, max: start + b * SECOND }, durable);
            }
            12 if !computing => self.expire(durable),
            13 | 14 => {
                self.db.seal();
            }
            15 => {
                self.db.compact(self.random.below(2) == 0);
            }
            16 => {
                if let Some(checkpoint) = self.db.engine.drop_covered().unwrap() {
                    self.db.checkpoint(checkpoint);
                }
            }
            _ => {
                let batch = self.batch();
                self.db.prepare(&batch).unwrap();
            }
        }
    }

    fn expire(&mut self, durable: bool) {
        self.db.flush(durable);
        let view = self.db.view(&Selector::metric("cpu"), TimeRange::EMPTY);
        let Some(number) = view.view.series().first().map(|series| series.info().id.metric()) else { return };
        drop(view);
        let cutoff = self.now - (1_800 + self.below(1_800)) * SECOND;
        let targets = policies().rules.into_iter().flat_map(|rule| rule.targets);
        let kept = targets.map(|target| (target.metric.clone(), self.stored(&target.metric))).collect();
        self.db.expire(&Expiry { series: SeriesSet::of_metric(number), cutoff_ns: cutoff }, durable);
        self.floors.push(Floor { lsn: self.db.oracle.last_lsn(), cutoff, kept });
    }

    /// A slice of some rule, disturbed, finished or not.
    fn some_slice(&mut self) {
        let durable = self.below(2) == 0;
        let rule = 1 + self.below(3) as u32;
        let Some(mut run) = self.db.begin_slice(rule, self.now) else { return };
        for _ in 0..self.below(3) {
            self.disturb(true);
        }
        while self.db.step_slice(&mut run, durable) {
            match self.below(12) {
                0 => return,
                1 | 2 => self.disturb(true),
                _ => {}
            }
        }
        if self.below(8) > 0 {
            self.db.finish_slice(&run, durable);
        }
    }

    fn crash(mut self) -> Self {
        let loss = [Loss::None, Loss::All, Loss::Zeros, Loss::Sectors(512)][self.below(4) as usize];
        self.db = self.db.crash(loss, &mut self.random).unwrap();
        let lsn = self.db.oracle.last_lsn();
        self.floors.retain(|floor| floor.lsn <= lsn);
        self
    }

    fn state(&mut self, metric: &str) -> BTreeMap<(Rc<Series>, i64), u64> {
        let state = self.db.oracle.at(self.db.engine.position().lsn);
        let of = state.iter().filter(|((series, _), _)| series.metric == metric);
        of.map(|(key, &bits)| (key.clone(), bits)).collect()
    }

    fn stored(&mut self, metric: &str) -> Derived {
        let state = self.state(metric).into_iter();
        state.map(|((series, at), bits)| ((series.tags.clone(), at), bits)).collect()
    }

    /// Lets the rules have their turn, and compares.
    fn settle(&mut self) {
        self.db.catch_up(self.now);
        self.db.check_all();
        for rule in policies().rules {
            let window = rule.window();
            let end = (self.now - rule.delay_ns as i64).div_euclid(window) * window;
            let cutoff = self.floors.iter().map(|floor| floor.cutoff).max().filter(|_| rule.metric == "cpu");
            let floor = cutoff.map_or(i64::MIN, |cutoff| (cutoff + window - 1).div_euclid(window) * window);
            let mut windows: BTreeMap<(Tags, i64), Vec<f64>> = BTreeMap::new();
            for ((series, at), bits) in self.state(&rule.metric) {
                let start = at.div_euclid(window) * window;
                let taken = rule.filter.is_empty()
                    || Matcher::Equal { key: "host".into(), value: "a".into() }.matches(&series.tags);
                if taken && start >= floor && start < end {
                    windows.entry((series.tags.clone(), start)).or_default().push(f64::from_bits(bits));
                }
            }
            for target in &rule.targets {
                let value = |values: &Vec<f64>| match target.function {
                    RuleFunction::Sum => values.iter().sum::<f64>(),
                    RuleFunction::Count => values.len() as f64,
                    RuleFunction::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
                    _ => *values.last().unwrap(),
                };
                let mut expected: Derived =
                    windows.iter().map(|(key, values)| (key.clone(), value(values).to_bits())).collect();
                // Below the floor nothing changes after the expiry that made it.
                let mut low = i64::MIN;
                for expiry in self.floors.iter().filter(|_| rule.metric == "cpu") {
                    let high = (expiry.cutoff + window - 1).div_euclid(window) * window;
                    let kept = expiry.kept[&target.metric].iter();
                    let kept = kept.filter(|((_, at), _)| (low..high.max(low)).contains(at));
                    expected.extend(kept.map(|(key, &bits)| (key.clone(), bits)));
                    low = low.max(high);
                }
                let stored = self.stored(&target.metric);
                assert_eq!(stored, expected, "{} at {}", target.metric, self.now);
            }
        }
    }
}

#[test]
fn derived_points_are_those_of_a_naive_computation_after_whatever_happened() {
    let seeds = std::env::var("CHRONICLE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    for seed in 0..seeds {
        let mut run = Run::new(seed);
        for _ in 0..40 {
            for _ in 0..run.below(8) {
                match run.below(10) {
                    0..5 => run.disturb(false),
                    _ => run.some_slice(),
                }
            }
            if run.below(4) == 0 {
                run = run.crash();
            }
            if run.below(3) == 0 {
                run.settle();
            }
        }
        run.settle();
    }
}

#[test]
fn a_crash_around_every_effect_of_rules_and_settings_opens_to_what_was_promised() {
    let crashes = Rc::new(Crashes::default());
    for seed in 0..2 {
        let mut run = Run::new(seed);
        run.db.observe(Some(crashes.observer(seed, 60)));
        for _ in 0..6 {
            run.disturb(false);
            run.some_slice();
        }
        run.db.seal();
        run.db.set_policies(Policies::default(), true);
    }
    assert!(crashes.images.get() > 500, "{crashes:?}");
}

#[test]
fn a_new_rule_takes_no_windows_whose_points_have_expired() {
    let mut run = Run::new(5);
    let points: Vec<Point> = (0..600).map(|i| Point::new("cpu", START + i * SECOND, 1.0)).collect();
    run.db.write(&points, true);
    run.settle();
    let before = run.stored("cpu.sum");
    // Taken out and added again: what it wrote of points that are gone is still there.
    run.db.set_policies(Policies::default(), true);
    run.db.expire(
        &Expiry { series: SeriesSet::except_metrics([1, 2, 3, 4]), cutoff_ns: START + 330 * SECOND },
        true,
    );
    run.db.set_policies(policies(), true);
    run.db.catch_up(run.now);
    assert_eq!(run.stored("cpu.sum"), before);
}

#[test]
fn a_clock_that_leaps_ahead_computes_windows_early_and_expires_nothing() {
    let mut run = Run::new(8);
    for _ in 0..3 {
        let batch = run.batch();
        run.db.write(&batch, true);
        run.db.catch_up(run.now + (365 << 20) * SECOND);
    }
    let mut settings = run.db.engine.identity().settings;
    settings.retention_ns = Some(400 * 86_400 * SECOND as u64);
    let now = run.db.clock.now();
    let position = run.db.engine.prepare_settings(settings, policies(), now).unwrap().unwrap();
    run.db.oracle.mark(position);
    run.db.seal();
    run.db.flush(true);
    run.db.seal();
    assert_eq!(run.db.engine.expiry_due(i64::MAX), None);
    // The points that come when the clock is right again.
    let batch = run.batch();
    run.db.write(&batch, true);
    run.now += 3_600 * SECOND;
    run.settle();
}
