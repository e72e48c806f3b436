//! The oracle: what a database holds after each commit, kept in the plainest way there is.
//!
//! A map from (series, timestamp) to bits for every LSN, made by carrying out the commits one by one. It knows nothing of
//! segments, heads, logs or time ranges in files.
use crate::question::is_found;
use chronicle_core::digest::Digest;
use chronicle_core::engine::Selector;
use chronicle_core::head::Position;
use chronicle_core::model::{Point, Series, Tags, TimeRange};
use chronicle_core::query::{Filter, FilterNode, Matcher};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Everything visible after a commit: bits by series and timestamp.
pub type State = BTreeMap<(Rc<Series>, i64), u64>;

/// What one commit did.
#[derive(Clone, Debug)]
enum Operation {
    Points(Vec<(Rc<Series>, i64, u64)>),
    Delete(Selector, TimeRange),
    DeleteSeries(Vec<Series>, TimeRange),
    /// Changes no point.
    Mark,
}

/// The states of one history, from before the first commit on.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    commits: Vec<(Position, Operation)>,
    /// Every [`Oracle::STRIDE`]th state, by LSN.
    kept: BTreeMap<u64, Rc<State>>,
    series: BTreeMap<Series, Rc<Series>>,
    /// Series by the commit that first mentioned them.
    first_mention: BTreeMap<Rc<Series>, u64>,
    /// The last state that was asked for.
    last: Option<(u64, Rc<State>)>,
}

impl Oracle {
    /// Commits between two states that are kept.
    const STRIDE: u64 = 8;

    /// Takes note of a batch that became the commit at `position`.
    pub fn points(&mut self, position: Position, points: &[Point]) {
        let mut batch = Vec::with_capacity(points.len());
        for point in points {
            let tags = Tags::new(point.tags.iter().cloned()).expect("tags of an accepted point");
            let series = Series { metric: point.metric.clone(), tags };
            let series = match self.series.get(&series) {
                Some(known) => Rc::clone(known),
                None => {
                    let known = Rc::new(series.clone());
                    self.series.insert(series, Rc::clone(&known));
                    known
                }
            };
            self.first_mention.entry(Rc::clone(&series)).or_insert(position.lsn);
            batch.push((series, point.timestamp, point.value.to_bits()));
        }
        self.commit(position, Operation::Points(batch));
    }

    /// Takes note of a deletion.
    pub fn delete(&mut self, position: Position, selector: &Selector, range: TimeRange) {
        self.commit(position, Operation::Delete(selector.clone(), range));
    }

    /// Takes note of a deletion of these series.
    pub fn delete_series(&mut self, position: Position, series: Vec<Series>, range: TimeRange) {
        self.commit(position, Operation::DeleteSeries(series, range));
    }

    /// Takes note of a commit that changes no point.
    pub fn mark(&mut self, position: Position) {
        self.commit(position, Operation::Mark);
    }

    fn commit(&mut self, position: Position, operation: Operation) {
        assert_eq!(position.lsn, self.last_lsn() + 1, "LSNs follow each other");
        if let Some((before, _)) = self.commits.last() {
            assert!(before.commit_time_ns < position.commit_time_ns, "commit times never run backwards");
        }
        self.commits.push((position, operation));
    }

    /// The last commit.
    pub fn last_lsn(&self) -> u64 {
        self.commits.len() as u64
    }

    /// Position after a commit.
    pub fn position(&self, lsn: u64) -> Position {
        match lsn.checked_sub(1) {
            Some(index) => self.commits[index as usize].0,
            None => Position::default(),
        }
    }

    /// Forgets the commits after `lsn`: a crash took them.
    pub fn cut(&mut self, lsn: u64) {
        self.commits.truncate(lsn as usize);
        self.kept.retain(|&kept, _| kept <= lsn);
        self.first_mention.retain(|_, first| *first <= lsn);
        self.last = self.last.take().filter(|(last, _)| *last <= lsn);
    }

    /// What is visible after commit `lsn`.
    pub fn at(&mut self, lsn: u64) -> Rc<State> {
        if let Some((_, state)) = self.last.as_ref().filter(|(last, _)| *last == lsn) {
            return Rc::clone(state);
        }
        let near = self.kept.range(..=lsn).next_back().map(|(&lsn, state)| (lsn, Rc::clone(state)));
        let near = near.into_iter().chain(self.last.clone().filter(|(last, _)| *last < lsn));
        let (mut at, state) = near.max_by_key(|(lsn, _)| *lsn).unwrap_or_default();
        let mut state = State::clone(&state);
        while at < lsn {
            apply(&mut state, &self.commits[at as usize].1);
            at += 1;
            if at % Self::STRIDE == 0 {
                self.kept.entry(at).or_insert_with(|| Rc::new(state.clone()));
            }
        }
        let state = Rc::new(state);
        self.last = Some((lsn, Rc::clone(&state)));
        state
    }

    /// Number of series that commits up to `lsn` mentioned, deleted or not.
    pub fn series_count(&self, lsn: u64) -> usize {
        self.first_mention.values().filter(|&&first| first <= lsn).count()
    }
}

fn apply(state: &mut State, operation: &Operation) {
    match operation {
        Operation::Points(points) => {
            for (series, timestamp, bits) in points {
                state.insert((Rc::clone(series), *timestamp), *bits);
            }
        }
        Operation::Delete(selector, range) => {
            state.retain(|(series, timestamp), _| !(range.contains(*timestamp) && selects(selector, series)));
        }
        Operation::DeleteSeries(gone, range) => {
            state.retain(|(series, timestamp), _| {
                !(range.contains(*timestamp) && gone.iter().any(|gone| *gone == **series))
            });
        }
        Operation::Mark => {}
    }
}

/// Whether a selector names a series.
pub fn selects(selector: &Selector, series: &Series) -> bool {
    selector.metric.as_ref().is_none_or(|metric| *metric == series.metric)
        && takes(&selector.filter, &|key| series.tags.get(key).to_owned())
}

/// Whether a filter takes a series with these tags, computed from the filter alone: patterns are those of another library.
pub fn takes(filter: &Filter, tag: &dyn Fn(&str) -> String) -> bool {
    match filter.node() {
        FilterNode::All(filters) => filters.iter().all(|filter| takes(filter, tag)),
        FilterNode::Any(filters) => filters.iter().any(|filter| takes(filter, tag)),
        FilterNode::Match(matcher) => match matcher {
            Matcher::Equal { key, value } => tag(key) == *value,
            Matcher::NotEqual { key, value } => tag(key) != *value,
            Matcher::In { key, values } => values.contains(&tag(key)),
            Matcher::NotIn { key, values } => !values.contains(&tag(key)),
            Matcher::Match { key, regex } => is_found(regex.as_str(), &tag(key)),
            Matcher::NotMatch { key, regex } => !is_found(regex.as_str(), &tag(key)),
            other => panic!("the oracle does not know {other:?}"),
        },
        other => panic!("the oracle does not know {other:?}"),
    }
}

/// Digest of a state, point by point.
pub fn digest(state: &State) -> Digest {
    let mut digest = Digest::default();
    let mut key = None;
    for ((series, timestamp), bits) in state {
        let key = match &key {
            Some((known, key)) if Rc::ptr_eq(known, series) => *key,
            _ => key.insert((Rc::clone(series), series.key())).1,
        };
        digest.add(key, &[*timestamp], &[*bits]);
    }
    digest
}
