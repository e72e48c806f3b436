//! The timeline against brute force: random trees of epochs, with points, logs and holes, asked for every commit and time.
extern crate std;

use super::deltas::history;
use crate::backup::repository::*;
use crate::error::ErrorKind;
use crate::format::EpochParent;
use crate::head::Position;
use crate::ids::{Chain, Epoch, Hash, Lsn};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use proptest::prelude::*;

/// What happens next in one epoch.
#[derive(Clone, Debug)]
enum Event {
    Commit(u8),
    Checkpoint,
    /// A point; with false its log holds only what is behind the checkpoint.
    Point(bool),
    /// A new epoch from so many commits before the newest.
    Restore(u8),
}

struct World {
    records: Vec<(Entry, crate::error::Result<EntryRecord>)>,
    /// Commit times by epoch and LSN, and where each epoch starts.
    times: BTreeMap<(Epoch, Lsn), i64>,
    parents: BTreeMap<Epoch, Option<(Epoch, Lsn)>>,
    states: BTreeSet<(Epoch, Lsn)>,
    framed: BTreeSet<(Epoch, Lsn)>,
    newest: Option<(Epoch, Lsn)>,
}

fn chain(epoch: Epoch, lsn: Lsn) -> Chain {
    Chain(Hash::of(&[epoch.0.as_slice(), &lsn.to_le_bytes()].concat()).0)
}

impl World {
    fn new(template: &PointRecord, events: &[Event]) -> Self {
        let mut it = Self {
            records: Vec::new(),
            times: BTreeMap::new(),
            parents: BTreeMap::new(),
            states: BTreeSet::new(),
            framed: BTreeSet::new(),
            newest: None,
        };
        let (mut epoch, mut lsn, mut time, mut checkpoint, mut sent, mut parent) =
            (Epoch([1; 16]), 0u64, 1_000i64, 0u64, 0u64, None::<EpochParent>);
        it.parents.insert(epoch, None);
        for event in events {
            match *event {
                Event::Commit(step) => {
                    lsn += 1;
                    time += 1 + i64::from(step % 3);
                    it.times.insert((epoch, lsn), time);
                }
                Event::Checkpoint => checkpoint = lsn,
                Event::Restore(back) if it.states.iter().any(|(of, _)| *of == epoch) => {
                    let from = parent.map_or(0, |parent| parent.lsn);
                    let at = lsn.saturating_sub(u64::from(back % 4)).max(from + 1);
                    if at > lsn {
                        continue;
                    }
                    parent = Some(EpochParent { epoch, lsn: at, chain: chain(epoch, at) });
                    let old = epoch;
                    epoch = Epoch([epoch.0[0] + 1; 16]);
                    it.parents.insert(epoch, Some((old, at)));
                    time = it.times[&(old, at)];
                    (lsn, checkpoint, sent) = (at, at, at);
                }
                Event::Restore(_) => {}
                Event::Point(whole) => {
                    let from = parent.map_or(0, |parent| parent.lsn);
                    let position = it.position(epoch, lsn, parent);
                    let first = if whole { sent.min(checkpoint).max(from) + 1 } else { checkpoint + 1 };
                    let number = it.records.len() as u64;
                    let entry =
                        Entry::new(if number == 0 { EntryKind::Base } else { EntryKind::Delta }, number);
                    let log = (first <= lsn).then(|| LogObject {
                        home: entry,
                        epoch,
                        first_lsn: first,
                        last_lsn: lsn,
                        first_commit_time_ns: it.times[&(epoch, first)],
                        last_commit_time_ns: time,
                        after_chain: chain(epoch, first - 1),
                        chain: position.chain,
                        len: 1_000,
                        blake3: Hash([1; 32]),
                        attached: None,
                        shipped: None,
                    });
                    it.framed.extend((first..=lsn).map(|lsn| (epoch, lsn)));
                    it.states.insert((epoch, checkpoint));
                    it.newest = Some((epoch, lsn));
                    let mut record = template.clone();
                    record.entry = entry;
                    record.checkpoint = it.position(epoch, checkpoint, parent);
                    (record.log, record.replay) =
                        (log, log.filter(|_| checkpoint < lsn).into_iter().collect());
                    (record.point.epoch, record.point.parent) = (epoch, parent);
                    (record.point.lsn, record.point.chain) = (lsn, position.chain);
                    record.point.commit_time_ns = position.commit_time_ns;
                    record.point.complete_until_ns = position.commit_time_ns;
                    it.records.push((entry, Ok(EntryRecord::Point(Box::new(record)))));
                    sent = lsn;
                }
            }
        }
        it
    }

    fn position(&self, epoch: Epoch, lsn: Lsn, parent: Option<EpochParent>) -> Position {
        let inherited = parent.filter(|parent| parent.lsn == lsn);
        let of = inherited.map_or(epoch, |parent| parent.epoch);
        let commit_time_ns = self.time(of, lsn);
        Position { lsn, commit_time_ns, chain: inherited.map_or(chain(epoch, lsn), |parent| parent.chain) }
    }

    fn time(&self, epoch: Epoch, lsn: Lsn) -> i64 {
        match (self.times.get(&(epoch, lsn)), self.parents[&epoch]) {
            (Some(time), _) => *time,
            (None, Some((parent, _))) => self.time(parent, lsn),
            (None, None) => 0,
        }
    }

    /// The commits of a line, oldest first: (epoch, LSN, time).
    fn line(&self, epoch: Epoch, to: Lsn) -> Vec<(Epoch, Lsn, i64)> {
        let parent = self.parents[&epoch];
        let mut line = parent.map(|(parent, at)| self.line(parent, at.min(to))).unwrap_or_default();
        let own = self.times.iter().filter(|((of, lsn), _)| *of == epoch && *lsn <= to);
        line.extend(own.map(|((of, lsn), time)| (*of, *lsn, *time)));
        line
    }

    /// LSNs of a line that can be restored, by brute force.
    fn restorable(&self, leaf: Epoch, line: &[(Epoch, Lsn, i64)]) -> BTreeSet<Lsn> {
        let on_line: BTreeMap<Lsn, Epoch> = line.iter().map(|(epoch, lsn, _)| (*lsn, *epoch)).collect();
        let up = |epoch: &Epoch| self.parents[epoch].map(|(parent, _)| parent);
        let epochs: BTreeSet<Epoch> = core::iter::successors(Some(leaf), up).collect();
        let mut found = BTreeSet::new();
        for (epoch, lsn) in &self.states {
            let own = on_line.get(lsn) == Some(epoch);
            let inherited = epochs.contains(epoch) && self.parents[epoch].is_some_and(|(_, at)| at == *lsn);
            let start = *lsn == 0 && epochs.contains(epoch);
            if own || inherited || start {
                found.insert(*lsn);
            }
        }
        for (epoch, lsn, _) in line {
            if found.contains(&(lsn - 1)) && self.framed.contains(&(*epoch, *lsn)) {
                found.insert(*lsn);
            }
        }
        found
    }
}

/// What a scan of the object's frames would answer.
fn scan(world: &World, scan: &TimeScan) -> Option<Position> {
    let commits = world.times.iter().filter(|((epoch, lsn), time)| {
        *epoch == scan.log.epoch
            && (scan.log.first_lsn..=scan.log.last_lsn.min(scan.lsn_max)).contains(lsn)
            && **time <= scan.time_ns
    });
    commits.max().map(|((epoch, lsn), time)| Position {
        lsn: *lsn,
        commit_time_ns: *time,
        chain: chain(*epoch, *lsn),
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => any::<u8>().prop_map(Event::Commit),
        1 => Just(Event::Checkpoint),
        2 => prop_oneof![3 => Just(true), 1 => Just(false)].prop_map(Event::Point),
        1 => any::<u8>().prop_map(Event::Restore),
    ];
    proptest::collection::vec(event, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_moment_is_exact_or_refused_for_a_reason(events in events(), seed in any::<u64>()) {
        std::thread_local!(static TEMPLATE: PointRecord = { let (repo, _, _) = history(); repo.point(repo.entries[1]) });
        let world = TEMPLATE.with(|template| World::new(template, &events));
        let mut records = world.records.clone();
        // In any order.
        let len = records.len().max(1);
        records.rotate_left(seed as usize % len);
        let timeline = Timeline::new(records, &[]).unwrap();
        let Some((epoch, end)) = world.newest else {
            prop_assert_eq!(timeline.resolve(&Moment::Latest).unwrap_err().kind(), ErrorKind::NotRestorable);
            return Ok(());
        };
        let line = world.line(epoch, end);
        let restorable = world.restorable(epoch, &line);
        for (of, lsn, _) in &line {
            let found = timeline.resolve(&Moment::Lsn { lsn: *lsn, epoch: None });
            prop_assert_eq!(found.is_ok(), restorable.contains(lsn), "LSN {}", lsn);
            if let Ok(Resolved::Restore(from)) = found {
                prop_assert_eq!((from.at.lsn, from.legs.last().unwrap().until), (*lsn, *lsn));
                let mut at = from.start.checkpoint.lsn;
                prop_assert!(at <= *lsn && from.legs.last().unwrap().identity.epoch == *of || at == *lsn);
                for leg in &from.legs {
                    for log in &leg.logs {
                        prop_assert!(log.epoch == leg.identity.epoch && log.first_lsn <= at + 1 && log.last_lsn > at);
                        at = log.last_lsn;
                    }
                    prop_assert!(at >= leg.until);
                    at = leg.until;
                }
            }
        }
        let spanned: BTreeSet<Lsn> =
            timeline.spans(epoch).iter().flat_map(|span| span.first.lsn..=span.last.lsn).collect();
        prop_assert_eq!(&spanned, &restorable.iter().copied().filter(|lsn| *lsn <= end).collect());
        let first_time = line.first().map_or(0, |(_, _, time)| *time);
        for time_ns in first_time - 2..=line.last().map_or(0, |(_, _, time)| *time) + 2 {
            let truth = line.iter().rev().find(|(_, _, time)| *time <= time_ns);
            let found = match timeline.resolve(&Moment::CommitTime { time_ns, epoch: None }) {
                Ok(Resolved::Restore(from)) => Ok(from.at.lsn),
                Ok(Resolved::Scan(asked)) => timeline.scanned(&asked, scan(&world, &asked)).map(|from| from.at.lsn),
                Err(error) => Err(error),
            };
            match (found, truth) {
                (Ok(lsn), truth) => prop_assert_eq!(Some(lsn), truth.map(|(_, lsn, _)| *lsn), "time {}", time_ns),
                (Err(error), Some((_, lsn, time))) => {
                    prop_assert_eq!(error.kind(), ErrorKind::NotRestorable);
                    let known = restorable.contains(lsn)
                        && (*time == time_ns || (*lsn < end && restorable.contains(&(lsn + 1))));
                    prop_assert!(!known, "time {} is commit {}: {}", time_ns, lsn, error);
                }
                (Err(_), None) => {}
            }
        }
    }
}
