//! Upkeep: carrying out downsampling rules and retention, in the background or on request, a bounded piece at a time.
//!
//! Rules come before retention: points do not expire before their windows are computed, unless a rule can't be
//! carried out at all. What goes wrong with one rule is kept for [`Db::downsampling`] and does not stop the others.
use super::Db;
use super::shared::{Shared, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::host::now_ns;
use chronicle_core::engine::{DownsamplingBatch, Engine, Expiry};
use chronicle_core::ids::Lsn;
use chronicle_core::source::Step;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the background computes windows before it looks at seals and compactions again.
const TURN: Duration = Duration::from_millis(500);
/// How long a rule that failed is left alone.
const RETRY: Duration = Duration::from_secs(10);
/// Derived points in a commit.
const COMMIT_POINTS: usize = 10_000;
/// Expiries that are carried out in a row; each takes at least a partition, so the bound only guards against a mistake in that.
const EXPIRIES_MAX: usize = 4_096;
/// How long commits of other callers may take to become visible before a rule waits for its next turn.
const VISIBLE: Duration = Duration::from_secs(1);

/// What carrying out downsampling rules came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DownsamplingReport {
    /// Slices of time that were computed.
    pub slices: u64,
    /// Derived points that were written: new ones, and ones with another value than before.
    pub points: u64,
    /// Deletions of derived points whose windows have no points any more.
    pub deletions: u64,
}

/// How a slice ended.
enum Slice {
    /// Its windows are computed.
    Done,
    /// The rule has nothing to do.
    Idle,
    /// Others were faster; try again later.
    Later,
}

impl Db {
    /// Carries out all downsampling rules, until every complete window is computed. The background does the same.
    ///
    /// The first error of a rule is returned after the others are done. While rules are suspended (a restored database),
    /// nothing is done.
    pub fn run_downsampling(&self) -> Result<DownsamplingReport> {
        self.shared.check_writable()?;
        let _alone = lock(&self.shared.upkeep);
        lock(&self.shared.rule_errors).clear();
        let mut report = DownsamplingReport::default();
        // What becomes due meanwhile is the next call's: the shortest windows would keep this one for ever.
        let now_ns = now_ns();
        while self.shared.run_rules(&mut report, now_ns, None)? {
            std::thread::sleep(Duration::from_millis(1));
        }
        let errors = lock(&self.shared.rule_errors);
        match errors.iter().next() {
            Some((id, (error, _))) => Err(error.clone().at(format!("downsampling rule {id}"))),
            None => Ok(report),
        }
    }

    /// Lets everything expire that is too old or too much, and gives its space back to the file. The background does the same.
    /// Returns the number of expiries.
    pub fn apply_retention(&self) -> Result<u64> {
        self.shared.check_writable()?;
        let _alone = lock(&self.shared.upkeep);
        self.shared.expire()
    }
}

impl Shared {
    /// A turn of the background: rules, and when they are done, retention. True when there is more to do at once.
    pub(super) fn keep_up(&self) -> Result<bool> {
        let Ok(_alone) = self.upkeep.try_lock() else { return Ok(false) };
        let mut report = DownsamplingReport::default();
        let deadline = Instant::now() + TURN;
        if self.run_rules(&mut report, now_ns(), Some(deadline))? {
            // What only waits for others is tried again at the next tick.
            return Ok(Instant::now() >= deadline);
        }
        self.expire()?;
        Ok(false)
    }

    /// Computes what is due of all rules at `now_ns`, in turns, until `deadline`. True when something is left to do.
    fn run_rules(
        &self,
        report: &mut DownsamplingReport,
        now_ns: i64,
        deadline: Option<Instant>,
    ) -> Result<bool> {
        let rules: Vec<u32> = {
            let cell = lock(&self.engine);
            cell.engine.policies().rules.iter().map(|rule| rule.id).collect()
        };
        let (mut left, mut working) = (false, true);
        while working && !self.is_stopping() {
            (working, left) = (false, false);
            for &rule in &rules {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Ok(true);
                }
                let failed_lately =
                    lock(&self.rule_errors).get(&rule).is_some_and(|(_, when)| when.elapsed() < RETRY);
                if failed_lately {
                    continue;
                }
                match self.run_slice(rule, now_ns, report) {
                    Ok(Slice::Done) => (working, left) = (true, true),
                    Ok(Slice::Later) => left = true,
                    Ok(Slice::Idle) => {
                        lock(&self.rule_errors).remove(&rule);
                    }
                    // The medium's, not the rule's.
                    Err(error)
                        if matches!(error.kind(), ErrorKind::Full | ErrorKind::Poisoned | ErrorKind::Io) =>
                    {
                        return Err(error);
                    }
                    Err(error) => {
                        lock(&self.rule_errors).insert(rule, (error, Instant::now()));
                    }
                }
                if lock(&self.engine).engine.seal_is_due() {
                    self.seal()?;
                }
            }
        }
        Ok(left && !self.is_stopping())
    }

    fn run_slice(&self, rule: u32, now_ns: i64, report: &mut DownsamplingReport) -> Result<Slice> {
        let claimed = lock(&self.engine).engine.claim_windows(rule, now_ns);
        let Some(lsn) = claimed else { return Ok(Slice::Idle) };
        if !self.becomes_visible(lsn)? {
            return Ok(Slice::Later);
        }
        let run = self.with_names(Engine::begin_downsampling)?;
        let Some(mut run) = run else { return Ok(Slice::Later) };
        let mut source = self.source(run.extents());
        loop {
            match run.step(&mut source)? {
                Step::Ready(batch) => self.write_derived(batch, report)?,
                Step::Missing(_) => {
                    return Err(Error::new(ErrorKind::Io, "a mapped segment is not there").at(self.name()));
                }
                Step::Done => break,
            }
            if self.is_stopping() {
                return Ok(Slice::Later);
            }
        }
        let done = self.commit_now(|cell, now| cell.engine.prepare_downsampled(&run, now))?;
        report.slices += u64::from(done.is_some());
        Ok(if done.is_some() { Slice::Done } else { Slice::Later })
    }

    fn write_derived(&self, batch: DownsamplingBatch, report: &mut DownsamplingReport) -> Result<()> {
        for points in batch.points.chunks(COMMIT_POINTS) {
            self.commit_named_now(|engine, now| Ok(engine.prepare_points(points, now)?.map(Some)))?;
            report.points += points.len() as u64;
            if lock(&self.engine).engine.seal_is_due() {
                self.seal()?;
            }
        }
        for (series, range) in batch.deletions {
            self.commit_now(|cell, now| cell.engine.prepare_delete_series(series, range, now))?;
            report.deletions += 1;
        }
        Ok(())
    }

    /// Waits until readers see the commit `lsn`; its own caller writes it. False when that takes too long.
    fn becomes_visible(&self, lsn: Lsn) -> Result<bool> {
        let deadline = Instant::now() + VISIBLE;
        while lock(&self.engine).engine.position().lsn < lsn {
            self.check_writable()?;
            if Instant::now() >= deadline || self.is_stopping() {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(true)
    }

    fn expire(&self) -> Result<u64> {
        let mut expiries = 0;
        for _ in 0..EXPIRIES_MAX {
            let by_age = lock(&self.engine).engine.expiry_due(now_ns());
            let expiry = match by_age {
                Some(expiry) => Some(expiry),
                None => self.oldest_partition()?,
            };
            let Some(expiry) = expiry else { break };
            self.commit_now(|cell, now| cell.engine.prepare_expire(&expiry, now))?;
            expiries += 1;
            // Only what a checkpoint holds is dropped, and only what is dropped shows what is left.
            self.seal()?;
            while self.compact_once(false)? && !self.is_stopping() {}
            if self.is_stopping() {
                break;
            }
        }
        Ok(expiries)
    }

    /// The oldest partition, when the database is larger than it is told to be.
    fn oldest_partition(&self) -> Result<Option<Expiry>> {
        let search = lock(&self.engine).engine.size_expiry();
        let Some(mut search) = search else { return Ok(None) };
        let mut source = self.source(search.extents());
        match search.step(&mut source)? {
            Step::Ready(expiry) => Ok(expiry),
            Step::Missing(_) | Step::Done => {
                Err(Error::new(ErrorKind::Io, "a mapped segment is not there").at(self.name()))
            }
        }
    }

    fn is_stopping(&self) -> bool {
        lock(&self.wake).stop || self.closed.load(Ordering::Acquire)
    }
}
