//! Random work: what a host and its users do to a database, in an order that a seed determines.
use super::db::{HOUR, SimCompaction, SimDb};
use super::file::Loss;
use super::view::SimView;
use crate::workload::Random;
use chronicle_core::engine::{SealJob, Selector};
use chronicle_core::model::{Point, TimeRange};

/// Where the data of simulated databases begins, Unix ns.
pub const BASE_NS: i64 = 1_780_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Compactions after which a policy that still finds work is taken to be endless.
const COMPACTIONS_MAX: usize = 40;

/// A source of operations, with the jobs and readers that are under way.
pub struct Work {
    /// Where everything is drawn from.
    pub random: Random,
    cursor_ns: i64,
    series_made: u64,
    seal: Option<SealJob>,
    compaction: Option<SimCompaction>,
    views: Vec<SimView>,
}

impl Work {
    /// Work that `seed` determines.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            cursor_ns: BASE_NS,
            series_made: 0,
            seal: None,
            compaction: None,
            views: Vec::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn timestamp(&mut self) -> i64 {
        match self.below(100) {
            0..60 => {
                self.cursor_ns += self.random.below(90) as i64 * SECOND + self.random.below(3) as i64;
                self.cursor_ns
            }
            // Late, often on a timestamp that exists.
            60..90 => BASE_NS + self.random.below(40) as i64 * 7 * 60 * SECOND,
            90..97 => self.cursor_ns - self.random.below(6 * HOUR as u64) as i64,
            97 => self.pick(&[i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]),
            _ => self.cursor_ns,
        }
    }

    fn value(&mut self) -> f64 {
        match self.below(60) {
            0 => f64::from_bits(0x7ff8_0000_0000_0000 | self.below(1 << 40)),
            1 => f64::from_bits(0xfff0_0000_0000_0001),
            2 => self.pick(&[f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0]),
            _ => self.below(100_000) as f64 - 50_000.0,
        }
    }

    fn point(&mut self) -> Point {
        let metric = self.pick(&["cpu", "cpu", "memory", "a \"name\",\nwith µ"]);
        let mut point = Point::new(metric, self.timestamp(), self.value());
        if self.below(5) > 0 {
            let host = self.pick(&["a", "b", "c"]);
            point = point.tag("host", host);
        }
        if self.below(4) == 0 {
            point = point.tag("dc", "").tag("az", "1");
        }
        if self.below(60) == 0 {
            self.series_made += 1;
            point = point.tag("request", self.series_made.to_string());
        }
        if self.below(2) == 0 {
            point.tags.reverse();
        }
        point
    }

    /// A batch of up to `most` points.
    pub fn batch(&mut self, most: u64) -> Vec<Point> {
        let points = 1 + self.below(most);
        let mut batch: Vec<Point> = (0..points).map(|_| self.point()).collect();
        if self.below(3) == 0 {
            // Doubles inside a batch: the later one wins.
            let mut double = batch[self.below(points) as usize].clone();
            double.value = self.value();
            batch.push(double);
        }
        batch
    }

    fn selector(&mut self) -> Selector {
        match self.below(6) {
            0 => Selector::all(),
            1 | 2 => Selector::metric(self.pick(&["cpu", "memory", "nothing"])),
            3 => Selector::all().tag("host", self.pick(&["a", "b", ""])),
            _ => Selector::metric("cpu").tag("host", self.pick(&["a", "b", ""])),
        }
    }

    fn range(&mut self) -> TimeRange {
        let (a, b) = (self.timestamp(), self.timestamp());
        match self.below(8) {
            0 => TimeRange::ALL,
            1 => TimeRange { min: a, max: a },
            _ => TimeRange { min: a.min(b), max: a.max(b) },
        }
    }

    fn prepare_something(&mut self, db: &mut SimDb) {
        match self.below(10) {
            0 | 1 => {
                let (selector, range) = (self.selector(), self.range());
                db.prepare_delete(&selector, range);
            }
            2 => db.prepare_expire(BASE_NS - HOUR),
            _ => {
                let batch = self.batch(40);
                db.prepare(&batch).expect("a batch within the limits");
            }
        }
    }

    /// Does one thing; says what, so that a failure can be told.
    pub fn step(&mut self, db: &mut SimDb) -> &'static str {
        let durable = self.below(2) == 0;
        match self.below(100) {
            0..30 => {
                let batch = self.batch(60);
                db.write(&batch, durable);
                "write"
            }
            30..38 => {
                for _ in 0..2 + self.below(3) {
                    self.prepare_something(db);
                }
                db.flush(durable);
                "group commit"
            }
            38..43 => {
                self.prepare_something(db);
                db.write_prepared();
                self.prepare_something(db);
                db.settle(durable);
                db.flush(durable);
                "prepare while a write is under way"
            }
            43..49 => {
                let (selector, range) = (self.selector(), self.range());
                db.delete(&selector, range, durable);
                "delete"
            }
            49..51 => {
                let cutoff = self.timestamp();
                db.prepare_expire(cutoff.min(self.cursor_ns - HOUR));
                db.flush(durable);
                "expire"
            }
            51..61 => self.seal(db),
            61..71 => self.compact(db),
            71..77 => {
                self.views.push(db.view(&Selector::all(), TimeRange::ALL));
                let (selector, range) = (self.selector(), self.range());
                let mut view = db.view(&selector, range);
                let selected =
                    |series: &chronicle_core::model::Series| crate::oracle::selects(&selector, series);
                let state = view.state.iter().filter(|((series, _), _)| selected(series));
                view.state = std::rc::Rc::new(state.map(|(key, bits)| (key.clone(), *bits)).collect());
                self.views.push(view);
                "take views"
            }
            77..82 => {
                let keep = self.below(3) as usize;
                self.views.truncate(keep);
                "drop views"
            }
            82..85 => {
                let runs_max = self.below(3) as usize;
                db.merge_dictionary(runs_max);
                "merge the dictionary"
            }
            85..90 => {
                let by = self.pick(&[HOUR, -HOUR, 86_400 * SECOND, -SECOND, 1 << 55, -(1 << 55)]);
                db.clock.jump(by);
                "set the clock"
            }
            90..94 => {
                let lsn = db.engine.position().lsn;
                db.perform_sync();
                db.engine.synced(lsn);
                "sync"
            }
            94..97 => {
                self.seal.take().into_iter().for_each(|job| db.finish_seal(job));
                self.compaction.take().into_iter().for_each(|job| db.finish_compaction(job));
                let (batch, give_up) = (self.batch(60), self.below(4) == 0);
                db.attach(&batch, give_up);
                "attach segments"
            }
            _ => "nothing",
        }
    }

    fn seal(&mut self, db: &mut SimDb) -> &'static str {
        match self.seal.take() {
            Some(job) => {
                db.finish_seal(job);
                "finish a seal"
            }
            None if self.below(2) == 0 => {
                self.seal = db.begin_seal();
                "begin a seal"
            }
            None => {
                db.seal();
                "seal"
            }
        }
    }

    fn compact(&mut self, db: &mut SimDb) -> &'static str {
        if let Some(mut compaction) = self.compaction.take() {
            if self.below(2) == 0 {
                db.step_compaction(&mut compaction);
                self.compaction = Some(compaction);
                return "step a compaction";
            }
            db.finish_compaction(compaction);
            return "finish a compaction";
        }
        let all = self.below(3) == 0;
        if self.below(2) == 0 {
            self.compaction = db.begin_compaction(all);
            return "begin a compaction";
        }
        let rounds = (0..COMPACTIONS_MAX).take_while(|_| db.compact(all)).count();
        assert!(rounds < COMPACTIONS_MAX, "compaction (all: {all}) finds work for ever");
        "compact"
    }

    /// Leaves or kills the process, or cuts the power, and opens again. Jobs and readers are gone.
    pub fn reopen(&mut self, db: SimDb) -> SimDb {
        let db = self.abandon(db);
        let loss = self.pick(&[Loss::None, Loss::None, Loss::All, Loss::Sectors(512), Loss::Sectors(4096)]);
        db.crash(loss, &mut self.random).expect("a crash leaves a database")
    }

    /// Forgets jobs and readers.
    pub fn abandon(&mut self, db: SimDb) -> SimDb {
        self.seal = None;
        self.compaction = None;
        self.views.clear();
        db
    }

    /// Views must go on answering what they did.
    pub fn check_views(&self, db: &SimDb) {
        self.views.iter().for_each(|view| view.check_points(db.disk.data.bytes()));
    }
}
