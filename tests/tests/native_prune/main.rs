//! Pruning repositories and folders of snapshots: what stays, what goes, and that every moment that is left is exact.
mod folder;
mod rules;

use chronicle::backup::repository::{Entry, EntryKind, Moment, PrunePlan};
use chronicle::backup::{
    PlannedPrune, Proof, PruneConfig, PruneReport, Repository, RepositoryReport, plan_prune, prune_with,
};
use chronicle::destination::{Bytes, Destination, Job, MemoryDestination, ObjectName, PutMode, objects};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, ErrorKind, Keep, Point, Result};
use chronicle_tests::ledger::{self, Ledger};
use chronicle_tests::outliving;
use chronicle_tests::workload::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A database, and a repository that it is backed up to.
struct Place {
    folder: tempfile::TempDir,
    db: Db,
    destination: Arc<dyn Destination>,
    ledger: Ledger,
}

fn name(text: impl ToString) -> ObjectName {
    ObjectName::new(text.to_string()).unwrap()
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { background: false, ..ledger::busy_config(chronicle::Durability::Os) };
        let db = Db::open(folder.path().join("data.db"), config).unwrap();
        Self { folder, db, destination: Arc::new(MemoryDestination::new()), ledger: Ledger::default() }
    }

    /// A place with so many points, each of some commits.
    fn with_points(count: u64) -> Self {
        let place = Self::new();
        for point in 1..=count {
            place.work(5);
            if point % 2 == 1 {
                place.db.checkpoint().unwrap();
            }
            place.backup();
        }
        place
    }

    fn work(&self, commits: u64) {
        ledger::fill(&self.db, self.db.position().lsn + commits);
    }

    fn backup(&self) -> Entry {
        let config = DeltaBackupConfig::to_destination(Arc::clone(&self.destination)).continue_newest();
        BackupManager::new(&self.db).create_delta_backup_with(&config, &|_, _| {}).unwrap().record.entry
    }

    fn repository(&self) -> Repository {
        Repository::at_destination(Arc::clone(&self.destination)).unwrap()
    }

    fn config(&self, keep: Keep) -> PruneConfig {
        PruneConfig::at_destination(Arc::clone(&self.destination), keep)
    }

    fn prune(&self, keep: Keep) -> PruneReport {
        let report = prune_with(&self.config(keep)).unwrap();
        assert!(report.waits_for.is_none() && report.hint_error.is_none(), "{report:?}");
        report
    }

    fn plan(&self, keep: Keep) -> Box<PrunePlan> {
        match plan_prune(&self.config(keep)).unwrap() {
            PlannedPrune::Repository(plan) => plan,
            PlannedPrune::Snapshots(plan) => panic!("{plan}"),
        }
    }

    fn points(&self) -> Vec<(u64, u64)> {
        let content = self.repository().content().unwrap();
        content.timeline.points().iter().map(|point| (point.number(), point.point.lsn)).collect()
    }

    fn numbers(&self) -> Vec<u64> {
        self.points().into_iter().map(|(number, _)| number).collect()
    }

    fn objects(&self) -> BTreeMap<String, u64> {
        let found = objects(&*self.destination, None).collect::<Result<Vec<_>>>().unwrap();
        found.into_iter().map(|object| (object.name.to_string(), object.len)).collect()
    }

    fn opened(&self, lsn: u64) -> Result<chronicle::digest::Digest> {
        let opened = self.repository().open_at(&Moment::Lsn { lsn, epoch: None })?;
        Ok(opened.db.digest(false)?.0)
    }

    /// Panics unless the moments that are said to be there are exact, all others are refused, and nothing is damaged.
    fn check(&mut self, every: u64) {
        let content = self.repository().content().unwrap();
        let timeline = &content.timeline;
        let spans = timeline.spans(timeline.newest().unwrap().point.epoch);
        let points: BTreeSet<u64> = timeline.points().iter().map(|point| point.point.lsn).collect();
        for lsn in 1..=self.db.position().lsn {
            let is_there = spans.iter().any(|span| span.first.lsn <= lsn && lsn <= span.last.lsn);
            assert!(is_there || !points.contains(&lsn), "point at {lsn} is in no span");
            if !points.contains(&lsn) && lsn % every != 0 {
                continue;
            }
            match self.opened(lsn) {
                Ok(digest) => {
                    assert!(is_there, "commit {lsn} is said to be lost");
                    assert_eq!(digest, self.ledger.digest(lsn), "commit {lsn}");
                }
                Err(error) => {
                    assert!(!is_there, "commit {lsn} is said to be there: {error}");
                    assert_eq!(error.kind(), ErrorKind::NotRestorable, "commit {lsn}: {error}");
                }
            }
        }
        let report = self.repository().verify(VerifyLevel::Full, &|_, _| {}).unwrap();
        let is_mild = report.findings.iter().all(RepositoryReport::is_mild);
        assert!(is_mild && report.unfinished.is_empty(), "{report:?}");
    }
}

#[test]
fn every_moment_is_exact_after_any_order_of_backups_prunes_and_holds() {
    let (mut removed, mut dropped) = (0, 0);
    for seed in 0..6 {
        let (mut place, mut random) = (Place::new(), Random::new(seed));
        let mut held: BTreeSet<u64> = BTreeSet::new();
        place.work(20);
        place.backup();
        for _ in 0..14 {
            match random.below(8) {
                0 | 1 => {
                    let before = place.points();
                    let window = (random.below(2) == 0).then(|| random.below(30) * 1_000_000);
                    let keep = Keep { pitr_window_ns: window, ..Keep::last(1 + random.below(3)) };
                    let report = place.prune(keep.clone());
                    let after = place.numbers();
                    assert!(
                        before.iter().all(|(number, _)| !held.contains(number) || after.contains(number))
                    );
                    assert_eq!(after.last(), before.last().map(|(number, _)| number));
                    assert_eq!(report.points_kept, after.len() as u64);
                    removed += report.points_removed;
                    dropped += u64::from(window.is_some() && report.objects_deleted > 0);
                    let again = place.prune(keep);
                    assert_eq!(
                        (again.objects_deleted, again.records_deleted),
                        (0, 0),
                        "nothing is left to do"
                    );
                    place.check(7);
                }
                2 => {
                    let points = place.numbers();
                    let number = points[random.below(points.len() as u64) as usize];
                    let kind = if number == 0 { EntryKind::Base } else { EntryKind::Delta };
                    let entry = Entry::new(kind, number);
                    match held.remove(&number) {
                        true => place.repository().release(entry).unwrap(),
                        false => {
                            held.insert(number);
                            place.repository().hold(entry).unwrap();
                        }
                    }
                    assert_eq!(place.repository().held().unwrap(), held);
                }
                3 => place.db.compact().unwrap(),
                4 => place.db.checkpoint().unwrap(),
                _ => {
                    place.work(1 + random.below(25));
                    place.backup();
                }
            }
        }
        place.check(3);
    }
    assert!(removed > 10 && dropped > 0, "{removed} removed, {dropped} windows");
}

#[test]
fn mostly_dead_objects_are_consolidated_and_every_reader_finds_what_was_moved() {
    let place = Place::new();
    let mut digests = BTreeMap::new();
    let mut backup = |place: &Place| {
        place.backup();
        digests.insert(place.db.position().lsn, place.db.digest(false).unwrap().0);
        digests.clone()
    };
    for (week, (metric, bits)) in (1..).zip([("stays", 0), ("later", 4), ("goes", 12)]) {
        outliving::write(&place.db, metric, week, bits);
    }
    backup(&place);
    outliving::delete(&place.db, "goes", 3);
    backup(&place);
    place.db.write_batch(&[Point::new("small", 1, 1.0)]).unwrap();
    let digests_then = backup(&place);
    let check = |place: &Place, digests: &BTreeMap<u64, chronicle::digest::Digest>| {
        for (_, lsn) in place.points() {
            assert_eq!(place.opened(lsn).unwrap(), digests[&lsn], "commit {lsn}");
        }
        let report = place.repository().verify(VerifyLevel::Full, &|_, _| {}).unwrap();
        let is_mild = report.findings.iter().all(RepositoryReport::is_mild);
        assert!(is_mild && report.unfinished.is_empty(), "{report:?}");
    };
    let plan = place.plan(Keep::last(1));
    assert_eq!(plan.mostly_dead.len(), 1, "{plan}");
    assert!(plan.to_string().contains("base/data.db is mostly unneeded"), "{plan}");
    let all = prune_with(&place.config(Keep::last(3))).unwrap();
    assert_eq!((all.bytes_moved, all.objects_deleted), (0, 0), "a base that stays keeps its files");
    let left = prune_with(&place.config(Keep::last(2)).consolidate(false)).unwrap();
    assert_eq!((left.bytes_moved, left.points_removed), (0, 1));
    assert!(place.objects().contains_key("base/data.db"));
    check(&place, &digests_then);
    let report = place.prune(Keep::last(2));
    assert!(report.bytes_moved > 0 && report.bytes_freed > 2 * report.bytes_moved, "{report:?}");
    assert!(!place.objects().contains_key("base/data.db"));
    check(&place, &digests_then);
    let restored = place.folder.path().join("restored");
    let config = chronicle::RestoreConfig::from_destination(Arc::clone(&place.destination), &restored);
    let restored = chronicle::backup::restore_delta_backup(config).unwrap();
    assert_eq!(restored.digest, place.db.digest(false).unwrap().0, "restored from where it was moved to");
    let before = place.objects();
    assert_eq!(place.prune(Keep::last(2)).bytes_moved, 0, "what was moved is not moved again");
    assert_eq!(place.objects(), before);
    // The next deltas name the new place; when that is mostly dead, what is left is moved once more.
    outliving::delete(&place.db, "later", 2);
    let digests_now = backup(&place);
    let delta = place.repository().content().unwrap().timeline.newest().unwrap().clone();
    assert!(delta.containers.iter().all(|home| home.number != 0), "{:?}", delta.containers);
    check(&place, &digests_now);
    assert!(place.prune(Keep::last(1)).bytes_moved > 0);
    check(&place, &digests_now);
    let moves: BTreeSet<String> =
        place.objects().into_keys().filter(|name| name.starts_with("moves-")).collect();
    assert_eq!(moves.iter().filter(|name| name.ends_with("changes.db")).count(), 1, "{moves:?}");
}

#[test]
fn a_window_lets_older_logs_go_and_no_prune_takes_that_back_or_repeats_it() {
    let mut place = Place::with_points(6);
    let window = |keep| Keep { pitr_window_ns: Some(1), ..keep };
    let report = place.prune(window(Keep::last(6)));
    assert_eq!(report.points_removed, 0, "points stay");
    assert!(report.objects_deleted > 0 && report.bytes_freed > 0, "{report:?}");
    place.check(1);
    let content = place.repository().content().unwrap();
    let spans = content.timeline.spans(content.timeline.newest().unwrap().point.epoch);
    assert!(spans.len() > 2, "each point is a moment, and between them are gaps: {spans:?}");
    for keep in [Keep::last(6), window(Keep::last(6)), Keep::last(6)] {
        let again = place.prune(keep);
        assert_eq!((again.objects_deleted, again.records_deleted), (0, 0));
    }
    // Two marks later the log of a point that stays is still known to be gone, and is not damage.
    place.work(4);
    place.backup();
    place.prune(Keep::last(5));
    place.work(4);
    place.backup();
    place.prune(Keep::last(5));
    place.check(1);
    assert_eq!(place.points().len(), 5);
}

#[test]
fn no_prune_takes_the_newest_point_that_was_verified_whatever_becomes_of_the_notes() {
    let verified = Entry::new(EntryKind::Delta, 2);
    let newest = name("proofs/newest");
    let note = name("proofs/2");
    let damage = |place: &Place, name: &ObjectName| {
        let mut bytes = place.destination.get(name, 4_096).unwrap();
        bytes[40] ^= 1;
        let _ = place.destination.put(name, &Bytes(&bytes), PutMode::Overwrite.by(Job([1; 16]))).unwrap();
    };
    type Accident = (&'static str, Box<dyn Fn(&Place)>, Vec<u64>);
    let accidents: [Accident; 7] = [
        ("none", Box::new(|_| {}), vec![2, 5]),
        (
            "the note is gone",
            Box::new(|place| place.destination.delete(&name("proofs/2")).unwrap()),
            vec![2, 5],
        ),
        (
            "the summary is gone",
            Box::new(|place| place.destination.delete(&name("proofs/newest")).unwrap()),
            vec![2, 5],
        ),
        (
            "the note is damaged",
            Box::new({
                let note = note.clone();
                move |place| damage(place, &note)
            }),
            vec![2, 5],
        ),
        (
            "the summary is damaged",
            Box::new({
                let newest = newest.clone();
                move |place| damage(place, &newest)
            }),
            vec![2, 5],
        ),
        (
            "both are damaged",
            Box::new(move |place| {
                damage(place, &note);
                damage(place, &newest);
            }),
            vec![2, 5],
        ),
        (
            "nothing was ever verified",
            Box::new(|place| {
                place.destination.delete(&name("proofs/2")).unwrap();
                place.destination.delete(&name("proofs/newest")).unwrap();
            }),
            vec![5],
        ),
    ];
    for (what, accident, expected) in accidents {
        let mut place = Place::with_points(6);
        let noted = place.repository().note_proof(verified, Proof::Verified).unwrap();
        assert_eq!(place.repository().proofs().unwrap().verified, Some(noted));
        accident(&place);
        place.prune(Keep::last(1));
        assert_eq!(place.numbers(), expected, "{what}");
        place.check(2);
        // A newer one that was verified lets it go, with its note.
        place.repository().note_proof(Entry::new(EntryKind::Delta, 5), Proof::Restored).unwrap();
        if what == "none" {
            place.prune(Keep::last(1));
            assert_eq!(place.numbers(), [5]);
            assert!(!place.objects().contains_key("proofs/2"));
            let proofs = place.repository().proofs().unwrap();
            assert_eq!(proofs.verified.unwrap().entry.number, 5);
            assert_eq!(proofs.restored, proofs.verified);
        }
    }
    let place = Place::with_points(1);
    let nobody = place.repository().note_proof(Entry::new(EntryKind::Delta, 7), Proof::Verified);
    assert_eq!(nobody.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_damaged_record_or_a_missing_object_of_a_point_that_stays_stops_a_prune_before_its_first_deletion() {
    type Spoil = fn(&Place, &ObjectName);
    let spoil: [(&str, Spoil); 2] = [
        ("metadata.json", |place, name| {
            let mut bytes = place.destination.get(name, 1 << 20).unwrap();
            bytes[60] ^= 1;
            let _ = place.destination.put(name, &Bytes(&bytes), PutMode::Overwrite.by(Job([1; 16]))).unwrap();
        }),
        ("list-", |place, name| place.destination.delete(name).unwrap()),
    ];
    for (part, spoil) in spoil {
        let place = Place::with_points(5);
        let newest =
            format!("{}/{part}", place.repository().content().unwrap().timeline.newest().unwrap().entry);
        let victim = place.objects().into_keys().rev().find(|name| name.starts_with(&newest)).unwrap();
        spoil(&place, &name(&victim));
        let before = place.objects();
        let error = prune_with(&place.config(Keep::last(1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.message().contains("nothing is pruned"), "{error}");
        assert_eq!(place.objects(), before, "not even a claim");
    }
}

#[test]
fn a_plan_prints_what_a_prune_does_and_does_nothing() {
    let place = Place::with_points(5);
    let before = place.objects();
    let plan = place.plan(Keep::last(2));
    assert_eq!(place.objects(), before);
    let text = plan.to_string();
    assert!(text.contains("keep: newest, last") && text.contains("remove"), "{text}");
    assert_eq!(plan.removed().map(|entry| entry.number).collect::<Vec<_>>(), [0, 1, 2]);
    let report = prune_with(&place.config(Keep::last(2)).consolidate(false)).unwrap();
    let objects: Vec<String> = plan.deletions_planned().map(|(name, _)| name.to_string()).collect();
    let after = place.objects();
    assert!(
        objects
            .iter()
            .all(|name| text.contains(name) && before.contains_key(name) && !after.contains_key(name))
    );
    assert_eq!((report.objects_deleted, report.bytes_freed), (objects.len() as u64, plan.bytes_freed()));
    assert_eq!((report.points_kept, report.points_removed), (2, 3));
    let gone: BTreeSet<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    assert_eq!(gone.len() as u64, report.objects_deleted + report.records_deleted);
    for keep in [Keep::default(), Keep { pitr_window_ns: Some(9), ..Keep::default() }] {
        assert_eq!(prune_with(&place.config(keep)).unwrap_err().kind(), ErrorKind::InvalidInput, "no rule");
    }
}
