//! Policies at work: settings and rules that are changed by commits, and which windows of which rule are to be computed.
//!
//! What is not done is remembered as spans of time by rule, which every commit adds to: it is a function of the log, so
//! replay finds it again, and a checkpoint stores it. A rule starts with all of time; a commit says what is done. So the
//! points to come lie in a span that is there already, and only late points, deletions and overwrites add to it.
//! A crash at any moment leaves windows that are computed once more, with the same result.
//!
//! Points that expire are no reason to compute anything: a rule has a floor, below which its windows stay as they are.
mod change;
mod downsampling;
mod slice;
mod spans;

pub use downsampling::{Derived, DownsamplingBatch, DownsamplingRun};

use super::Engine;
use crate::catalog::StoredPolicy;
use crate::format::{
    AttachedSegment, DIRTY_MAX, Expired, Policies, PolicyState, Rule, RuleState, SeriesSet, Settings,
    Tombstone,
};
use crate::head::{Dictionary, Position};
use crate::ids::{Lsn, SeriesId};
use crate::model::TimeRange;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The policies of an open database.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) policies: Arc<Policies>,
    pub(super) state: PolicyState,
    /// By number of a metric: which rules read it, a bit each. As long as commits were seen that name metrics.
    readers: Vec<u32>,
    /// The windows that are being computed.
    claim: Option<Claim>,
    /// Slices in a row in which there was nothing; the next one is longer.
    empty_slices: u32,
}

/// Windows of a rule that someone computes right now.
#[derive(Debug)]
struct Claim {
    rule: u32,
    range: TimeRange,
    /// The last commit that was prepared when it was made: a view that it is computed from must hold it.
    lsn: Lsn,
    /// What later commits touched, as soon as they are prepared; it is not done then.
    touched: Vec<TimeRange>,
}

/// How far a downsampling rule is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleStatus {
    /// The rule.
    pub rule: Rule,
    /// Start of the first window that is complete and not computed as of the last commit; `None` when all are done.
    pub due_from_ns: Option<i64>,
}

impl Policy {
    pub(super) fn new(stored: &StoredPolicy) -> Self {
        Self {
            policies: Arc::clone(&stored.policies),
            state: stored.state.clone(),
            readers: Vec::new(),
            claim: None,
            empty_slices: 0,
        }
    }

    /// Takes note that a series of metric `number` has new points in `range`.
    fn touch_metric(&mut self, number: u32, range: TimeRange, dictionary: &Dictionary) {
        while self.readers.len() <= number as usize {
            let name = dictionary.metric_name(self.readers.len() as u32).unwrap_or_default();
            let bits = self.policies.rules.iter().enumerate().filter(|(_, rule)| rule.metric == name);
            self.readers.push(bits.fold(0, |bits, (index, _)| bits | 1 << index));
        }
        let readers = self.readers.get(number as usize).copied().unwrap_or(0);
        if readers == 0 {
            return;
        }
        for (index, (rule, state)) in self.policies.rules.iter().zip(&mut self.state.rules).enumerate() {
            if readers & 1 << index != 0 {
                touch(state, rule, range);
            }
        }
    }

    fn settings_changed(&mut self, policies: Policies) {
        let old = core::mem::replace(&mut self.policies, Arc::new(policies));
        let all = self.state.expired;
        // What leaves the database's retention has expired with it so far.
        let exceptions = self.policies.exceptions.iter().map(|exception| {
            let known = old.exceptions.iter().position(|other| other.metric == exception.metric);
            known.and_then(|at| self.state.exceptions.get(at)).copied().unwrap_or(all)
        });
        let exceptions: Vec<Expired> = exceptions.collect();
        let rules = self.policies.rules.iter().map(|rule| {
            let known = old.rules.iter().position(|other| other == rule);
            known.and_then(|at| self.state.rules.get(at)).cloned().unwrap_or_else(|| {
                let own = self.policies.exceptions.iter().position(|other| other.metric == rule.metric);
                let expired = own.and_then(|at| exceptions.get(at)).copied().unwrap_or(all);
                new_state(rule, expired.cutoff_ns)
            })
        });
        let rules = rules.collect();
        self.state = PolicyState { expired: all, exceptions, rules };
        self.readers.clear();
        self.claim = None;
    }

    /// Takes note of an expiry: what is derived from the points stays.
    fn expired(&mut self, tombstone: &Tombstone, dictionary: &Dictionary) {
        let cutoff_ns = tombstone.time.max.saturating_add(1);
        let note = |expired: &mut Expired| {
            if expired.cutoff_ns <= cutoff_ns {
                *expired = Expired { cutoff_ns, lsn: tombstone.lsn };
            }
        };
        // Only the set that stands for all metrics without an exception is open to those to come.
        if tombstone.series.contains(SeriesId(u64::MAX - 1)) {
            note(&mut self.state.expired);
        }
        for (exception, expired) in self.policies.exceptions.iter().zip(&mut self.state.exceptions) {
            if names_metric(&tombstone.series, &exception.metric, dictionary) {
                note(expired);
            }
        }
        for (rule, state) in self.policies.rules.iter().zip(&mut self.state.rules) {
            if names_metric(&tombstone.series, &rule.metric, dictionary) {
                raise_floor(state, rule, cutoff_ns);
            }
        }
    }
}

/// The state of a rule that has done nothing yet. Windows of which points may have expired are not its to touch.
fn new_state(rule: &Rule, cutoff_ns: i64) -> RuleState {
    let mut state = RuleState { floor_ns: i64::MIN, dirty: alloc::vec![TimeRange::ALL] };
    raise_floor(&mut state, rule, cutoff_ns);
    state
}

fn raise_floor(state: &mut RuleState, rule: &Rule, cutoff_ns: i64) {
    if cutoff_ns == i64::MIN {
        return;
    }
    // A window that lost its first points stays as it was computed from all of them.
    let window = spans::window_of(cutoff_ns, rule.window());
    let floor = if window.min == cutoff_ns { cutoff_ns } else { window.max.saturating_add(1) };
    state.floor_ns = state.floor_ns.max(floor);
    if state.floor_ns > i64::MIN {
        spans::remove(&mut state.dirty, TimeRange { min: i64::MIN, max: state.floor_ns - 1 });
    }
}

fn touch(state: &mut RuleState, rule: &Rule, range: TimeRange) {
    if state.dirty.last().is_some_and(|open| open.covers(&range)) {
        return;
    }
    let mut windows = spans::windows_over(range, rule.window());
    windows.min = windows.min.max(state.floor_ns);
    spans::insert(&mut state.dirty, windows);
    spans::bound(&mut state.dirty, DIRTY_MAX);
}

fn names_metric(series: &SeriesSet, metric: &str, dictionary: &Dictionary) -> bool {
    dictionary
        .metric_number(metric)
        .is_some_and(|number| series.overlaps(SeriesId::new(number, 0), SeriesId::new(number, u32::MAX)))
}

impl Engine {
    /// What is done with points as they age.
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policy.policies
    }

    /// The downsampling rules, and what each has left to do at the host's time `now_ns`.
    pub fn rules(&self, now_ns: i64) -> Vec<RuleStatus> {
        let rules = self.policy.policies.rules.iter().zip(&self.policy.state.rules);
        rules
            .map(|(rule, state)| RuleStatus {
                rule: rule.clone(),
                due_from_ns: due(rule, state, now_ns).map(|range| range.min),
            })
            .collect()
    }

    /// Settings and policies as of the last visible commit.
    pub(super) fn stored_policy(&self) -> Arc<StoredPolicy> {
        Arc::new(StoredPolicy {
            settings: self.identity.settings,
            policies: Arc::clone(&self.policy.policies),
            state: self.policy.state.clone(),
        })
    }

    /// Takes note of points that a commit adds: runs of (slot, number of points), and their timestamps.
    pub(super) fn note_points(&mut self, runs: &[(u32, u32)], timestamps: &[i64]) {
        if self.policy.policies.rules.is_empty() {
            return;
        }
        for (id, range) in ranges_of(&self.dictionary, runs, timestamps) {
            self.policy.touch_metric(id.metric(), range, &self.dictionary);
        }
    }

    /// Takes note of points that a prepared commit will add.
    pub(super) fn note_prepared(&mut self, runs: &[(u32, u32)], timestamps: &[i64]) {
        let Policy { policies, claim: Some(claim), .. } = &mut self.policy else { return };
        let Some(rule) = policies.rules.iter().find(|rule| rule.id == claim.rule) else { return };
        let metric = self.dictionary.metric_number(&rule.metric);
        for (id, range) in ranges_of(&self.dictionary, runs, timestamps) {
            if metric == Some(id.metric()) && range.overlaps(&claim.range) {
                spans::insert(&mut claim.touched, spans::windows_over(range, rule.window()));
                spans::bound(&mut claim.touched, DIRTY_MAX);
            }
        }
    }

    /// Takes note of segments that a commit attaches: each may hold points of every metric between its first and last.
    pub(super) fn note_attached(&mut self, segments: &[AttachedSegment]) {
        if self.policy.policies.rules.is_empty() {
            return;
        }
        for summary in segments.iter().map(|segment| segment.summary).filter(|it| it.points > 0) {
            // Whatever a frame says: there are no more metrics than these.
            let end = summary.series_max.metric().saturating_add(1).min(self.dictionary.metric_numbers().end);
            for number in summary.series_min.metric()..end {
                self.policy.touch_metric(number, summary.time, &self.dictionary);
            }
        }
    }

    /// Takes note of segments that a prepared commit will attach.
    pub(super) fn note_prepared_attached(&mut self, segments: &[AttachedSegment]) {
        let Policy { policies, claim: Some(claim), .. } = &mut self.policy else { return };
        let Some(rule) = policies.rules.iter().find(|rule| rule.id == claim.rule) else { return };
        let Some(number) = self.dictionary.metric_number(&rule.metric) else { return };
        for summary in segments.iter().map(|segment| segment.summary) {
            let metrics = summary.series_min.metric()..=summary.series_max.metric();
            if metrics.contains(&number) && summary.time.overlaps(&claim.range) {
                spans::insert(&mut claim.touched, spans::windows_over(summary.time, rule.window()));
                spans::bound(&mut claim.touched, DIRTY_MAX);
            }
        }
    }

    /// Takes note of a deletion.
    pub(super) fn note_deletion(&mut self, tombstone: &Tombstone) {
        for (rule, state) in self.policy.policies.rules.iter().zip(&mut self.policy.state.rules) {
            if names_metric(&tombstone.series, &rule.metric, &self.dictionary) {
                touch(state, rule, tombstone.time);
            }
        }
    }

    /// Takes note of a prepared deletion.
    pub(super) fn note_prepared_deletion(&mut self, tombstone: &Tombstone) {
        let Policy { policies, claim: Some(claim), .. } = &mut self.policy else { return };
        let Some(rule) = policies.rules.iter().find(|rule| rule.id == claim.rule) else { return };
        if names_metric(&tombstone.series, &rule.metric, &self.dictionary) {
            spans::insert(&mut claim.touched, spans::windows_over(tombstone.time, rule.window()));
        }
    }

    /// Takes note of an expiry.
    pub(super) fn note_expiry(&mut self, tombstone: &Tombstone) {
        self.policy.expired(tombstone, &self.dictionary);
    }

    /// Takes note of settings and policies that are in force from here on.
    pub(super) fn note_settings(&mut self, settings: Settings, policies: Policies) {
        self.identity.settings = settings;
        self.policy.settings_changed(policies);
    }

    /// Takes note of windows that are done.
    pub(super) fn note_downsampled(&mut self, rule: u32, done: &[TimeRange]) {
        let rules = self.policy.policies.rules.iter().zip(&mut self.policy.state.rules);
        for (_, state) in rules.filter(|(known, _)| known.id == rule) {
            done.iter().for_each(|&range| spans::remove(&mut state.dirty, range));
            spans::bound(&mut state.dirty, DIRTY_MAX);
        }
    }

    /// True when commits are prepared or written that readers do not see yet.
    fn lags_behind(&self, position: Lsn) -> bool {
        let Position { lsn, .. } = self.log.settled;
        lsn < position
    }
}

/// The complete windows of a rule that come next, as of the host's time `now_ns`.
fn due(rule: &Rule, state: &RuleState, now_ns: i64) -> Option<TimeRange> {
    let delay = i64::try_from(rule.delay_ns).unwrap_or(i64::MAX);
    let end = spans::window_of(now_ns.saturating_sub(delay), rule.window()).min;
    let first = *state.dirty.first()?;
    let due = TimeRange { min: first.min, max: first.max.min(end.checked_sub(1)?) };
    (!due.is_empty()).then_some(due)
}

/// The series of each run, and the range of its timestamps.
fn ranges_of<'a>(
    dictionary: &'a Dictionary,
    runs: &'a [(u32, u32)],
    timestamps: &'a [i64],
) -> impl Iterator<Item = (SeriesId, TimeRange)> {
    let mut start = 0;
    runs.iter().filter_map(move |&(slot, count)| {
        let run = timestamps.get(start..start + count as usize)?;
        start += count as usize;
        let range = run.iter().fold(TimeRange::EMPTY, |range, &timestamp| TimeRange {
            min: range.min.min(timestamp),
            max: range.max.max(timestamp),
        });
        Some((dictionary.id(slot)?, range))
    })
}
