//! The protocol itself, without bytes: jobs take its steps in any order, crash anywhere, and no record may ever name an
//! object that is not there. Each rule is also left out once, and must be missed.
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// A segment or a page: whose it is, and what it holds.
type Object = (usize, u8);

#[derive(Clone, Debug, PartialEq)]
enum Record {
    Point(BTreeSet<Object>),
    Mark { entries: BTreeSet<usize>, objects: BTreeSet<Object> },
    Void,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Backup,
    Prune,
}

/// Which rule of the protocol is left out.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mutant {
    None,
    /// A prune does not wait until every claim below its mark is closed.
    NoWaiting,
    /// A prune does not look at the records that appeared since its plan.
    NoLateLook,
    /// A backup passes over the claim of a prune that has no mark yet.
    NoVoiding,
    /// Objects are named by their content alone.
    SharedNames,
    /// A point exists before its objects.
    RecordFirst,
}

#[derive(Default)]
struct World {
    claims: Vec<Kind>,
    records: BTreeMap<usize, Record>,
    objects: BTreeSet<Object>,
}

impl World {
    fn create(&mut self, number: usize, record: Record) -> bool {
        match self.records.contains_key(&number) {
            true => false,
            false => self.records.insert(number, record).is_none(),
        }
    }

    fn newest_mark(&self, below: usize) -> (BTreeSet<usize>, BTreeSet<Object>) {
        let mark = self.records.range(..below).rev().find_map(|(_, record)| match record {
            Record::Mark { entries, objects } => Some((entries.clone(), objects.clone())),
            _ => None,
        });
        mark.unwrap_or_default()
    }

    /// What no record may miss.
    fn broken(&self) -> Option<usize> {
        let missing = |(number, record): (&usize, &Record)| match record {
            Record::Point(refs) if !refs.is_subset(&self.objects) => Some(*number),
            _ => None,
        };
        self.records.iter().find_map(missing)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

enum Job {
    Backup(Backup),
    Prune(Prune),
}

/// A backup between two steps.
struct Backup {
    live: BTreeSet<u8>,
    /// Points that it passes over: it goes on on another branch than the newest point's.
    passes: usize,
    number: Option<usize>,
    /// The next number that it looks at for marks and its previous point.
    looks_at: Option<usize>,
    previous: BTreeSet<Object>,
    condemned: (BTreeSet<usize>, BTreeSet<Object>),
    to_send: Option<Vec<Object>>,
    refs: BTreeSet<Object>,
}

impl Backup {
    /// One step; true when it is over.
    fn step(&mut self, world: &mut World, mutant: Mutant) -> bool {
        let Some(number) = self.number else {
            world.claims.push(Kind::Backup);
            self.number = Some(world.claims.len() - 1);
            self.looks_at = self.number.and_then(|number| number.checked_sub(1));
            return false;
        };
        if let Some(at) = self.looks_at {
            match world.records.get(&at) {
                Some(Record::Point(_)) if self.passes > 0 => self.passes -= 1,
                Some(Record::Point(refs)) if !self.condemned.0.contains(&at) => {
                    (self.previous, self.looks_at) = (refs.clone(), None);
                    return false;
                }
                Some(Record::Mark { entries, objects }) => {
                    self.condemned.0.extend(entries);
                    self.condemned.1.extend(objects);
                }
                None if world.claims[at] == Kind::Prune
                    && !self.condemned.0.contains(&at)
                    && mutant != Mutant::NoVoiding =>
                {
                    world.create(at, Record::Void);
                }
                _ => {}
            }
            self.looks_at = at.checked_sub(1);
            return false;
        }
        let send = self.to_send.get_or_insert_with(|| {
            let mut send = Vec::new();
            for content in &self.live {
                let held = self
                    .previous
                    .iter()
                    .find(|object| object.1 == *content && !self.condemned.1.contains(object));
                let owner = if mutant == Mutant::SharedNames { 0 } else { number };
                let object = held.copied().unwrap_or((owner, *content));
                if held.is_none() {
                    send.push(object);
                }
                self.refs.insert(object);
            }
            send
        });
        if mutant == Mutant::RecordFirst {
            world.create(number, Record::Point(self.refs.clone()));
        }
        match send.pop() {
            Some(object) => drop(world.objects.insert(object)),
            None => {
                world.create(number, Record::Point(self.refs.clone()));
                return true;
            }
        }
        false
    }
}

/// A prune between two steps.
struct Prune {
    keep: usize,
    voids_unfinished: bool,
    /// Records as they were read, and the next number to read.
    known: BTreeMap<usize, Record>,
    reads: usize,
    /// Claims there were when the reading began.
    until: Option<usize>,
    number: Option<usize>,
    checks: Option<usize>,
    mark: Option<(BTreeSet<usize>, BTreeSet<Object>)>,
    waits_for: usize,
    deletes: Option<(Vec<usize>, Vec<Object>)>,
}

impl Prune {
    fn new(keep: usize, voids_unfinished: bool) -> Self {
        let (known, reads, until, number, checks, mark) = (BTreeMap::new(), 0, None, None, None, None);
        Self {
            keep,
            voids_unfinished,
            known,
            reads,
            until,
            number,
            checks,
            mark,
            waits_for: 0,
            deletes: None,
        }
    }

    fn plan(&self) -> (BTreeSet<usize>, BTreeSet<Object>) {
        let gone = self.known.iter().rev().find_map(|(number, record)| match record {
            Record::Mark { entries, objects } => {
                let (mut entries, mut objects) = (entries.clone(), objects.clone());
                spare(&self.known, *number, &mut entries, &mut objects);
                Some((entries, objects))
            }
            _ => None,
        });
        let (mut entries, gone_objects) = gone.unwrap_or_default();
        let points: Vec<_> = self
            .known
            .iter()
            .filter(|(number, _)| !entries.contains(number))
            .filter_map(|(number, record)| match record {
                Record::Point(refs) => Some((*number, refs)),
                _ => None,
            })
            .collect();
        let cut = points.len().saturating_sub(self.keep);
        let needed: BTreeSet<Object> =
            points[cut..].iter().flat_map(|(_, refs)| refs.iter().copied()).collect();
        let named = points.iter().flat_map(|(_, refs)| refs.iter().copied());
        let objects = named.filter(|object| !needed.contains(object)).chain(gone_objects).collect();
        entries.extend(points[..cut].iter().map(|(number, _)| *number));
        entries.extend(
            self.known.iter().filter(|(_, r)| matches!(r, Record::Mark { .. })).map(|(number, _)| *number),
        );
        (entries, objects)
    }

    fn step(&mut self, world: &mut World, mutant: Mutant) -> bool {
        let until = *self.until.get_or_insert(world.claims.len());
        if self.reads < until {
            if let Some(record) = world.records.get(&self.reads) {
                self.known.insert(self.reads, record.clone());
            }
            self.reads += 1;
            return false;
        }
        let Some(number) = self.number else {
            world.claims.push(Kind::Prune);
            self.number = Some(world.claims.len() - 1);
            return false;
        };
        // Marks are in one order: each knows every one before it.
        let at = *self.checks.get_or_insert(0);
        if at < number {
            self.checks = Some(at + 1);
            let pruned = self.plan().0.contains(&at);
            if world.claims[at] == Kind::Prune && !self.known.contains_key(&at) && !pruned {
                world.create(at, Record::Void);
                if world.records.get(&at).is_none_or(|record| *record != Record::Void) {
                    world.create(number, Record::Void);
                    *self = Self::new(self.keep, self.voids_unfinished);
                }
            }
            return false;
        }
        let Some(mark) = &self.mark else {
            let (entries, objects) = self.plan();
            if world.create(number, Record::Mark { entries: entries.clone(), objects: objects.clone() }) {
                self.mark = Some((entries, objects));
            } else {
                *self = Self::new(self.keep, self.voids_unfinished);
            }
            return false;
        };
        if self.waits_for < number && mutant != Mutant::NoWaiting {
            let at = self.waits_for;
            self.waits_for += 1;
            if !world.records.contains_key(&at) && !mark.0.contains(&at) {
                if !self.voids_unfinished {
                    return true;
                }
                world.create(at, Record::Void);
            }
            return false;
        }
        if self.deletes.is_none() {
            let (mut entries, mut objects) = mark.clone();
            if mutant != Mutant::NoLateLook {
                spare(&world.records, number, &mut entries, &mut objects);
            }
            self.deletes = Some((entries.into_iter().collect(), objects.into_iter().collect()));
        }
        let Some((entries, objects)) = &mut self.deletes else { return true };
        match (entries.pop(), objects.pop()) {
            (Some(entry), object) => {
                objects.extend(object);
                world.records.remove(&entry);
            }
            (None, Some(object)) => drop(world.objects.remove(&object)),
            (None, None) => return true,
        }
        false
    }
}

/// Takes off a mark what points below it need that it does not condemn, and all that the points so spared need.
fn spare(
    records: &BTreeMap<usize, Record>,
    mark: usize,
    entries: &mut BTreeSet<usize>,
    objects: &mut BTreeSet<Object>,
) {
    let points = records.range(..mark).filter(|(number, _)| !entries.contains(number));
    let mut spare: Vec<BTreeSet<Object>> = points
        .filter_map(|(_, record)| match record {
            Record::Point(refs) => Some(refs.clone()),
            _ => None,
        })
        .collect();
    while let Some(refs) = spare.pop() {
        for object in refs {
            let brings_back = objects.remove(&object) && entries.remove(&object.0);
            if let (true, Some(Record::Point(refs))) = (brings_back, records.get(&object.0)) {
                spare.push(refs.clone());
            }
        }
    }
}

/// Runs jobs against each other; the number of a record that names what is not there, if one ever did.
fn run(seed: u64, mutant: Mutant) -> Option<usize> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut world, mut jobs) = (World::default(), Vec::<Job>::new());
    let mut started = 0;
    while started < 14 || !jobs.is_empty() {
        if started < 14 && (jobs.is_empty() || (jobs.len() < 4 && random.below(8) == 0)) {
            started += 1;
            jobs.push(match random.below(5) {
                0 | 1 => Job::Prune(Prune::new(1 + random.below(2), random.below(3) > 0)),
                _ => {
                    let live = (0..6).filter(|_| random.below(3) > 0).collect();
                    let (previous, condemned, refs) = Default::default();
                    let (passes, number, looks_at, to_send) = (random.below(4) / 2, None, None, None);
                    Job::Backup(Backup { live, passes, number, looks_at, previous, condemned, to_send, refs })
                }
            });
        }
        let index = random.below(jobs.len());
        let over = match &mut jobs[index] {
            Job::Backup(job) => job.step(&mut world, mutant),
            Job::Prune(job) => job.step(&mut world, mutant),
        };
        // A crash leaves what was done.
        if over || random.below(60) == 0 {
            jobs.swap_remove(index);
        }
        if let Some(broken) = world.broken() {
            return Some(broken);
        }
    }
    assert!(world.newest_mark(usize::MAX).0.len() <= world.claims.len());
    None
}

const SEEDS: u64 = 5_000;

#[test]
fn no_record_ever_names_an_object_that_is_not_there() {
    for seed in 0..SEEDS {
        assert_eq!(run(seed, Mutant::None), None, "seed {seed}");
    }
}

#[test]
fn every_rule_of_the_protocol_is_needed() {
    for mutant in
        [Mutant::NoWaiting, Mutant::NoLateLook, Mutant::NoVoiding, Mutant::SharedNames, Mutant::RecordFirst]
    {
        let found = (0..4 * SEEDS).find(|seed| run(*seed, mutant).is_some());
        assert!(found.is_some(), "nothing goes wrong without a rule: {mutant:?}");
    }
}
