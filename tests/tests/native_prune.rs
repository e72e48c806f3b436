//! Pruning repositories and folders of snapshots: what stays, what goes, and that every moment that is left is exact.
use chronicle::backup::repository::{Entry, EntryKind, Moment, PrunePlan};
use chronicle::backup::{
    PlannedPrune, Proof, PruneConfig, PruneReport, Repository, plan_prune, prune_with, restore_snapshot,
};
use chronicle::destination::{Bytes, Destination, Job, MemoryDestination, ObjectName, PutMode, objects};
use chronicle::verify::VerifyLevel;
use chronicle::{
    BackupManager, Config, Db, DeltaBackupConfig, ErrorKind, Keep, Point, Result, Selector, TimeRange,
};
use chronicle_core::backup::repository::{Kept, Reason};
use chronicle_core::time::{CalendarPeriod, parse_timestamp};
use chronicle_tests::ledger::{self, Ledger};
use chronicle_tests::oracle::{self, Oracle};
use chronicle_tests::workload::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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
        assert!(report.findings.is_empty() && report.unfinished.is_empty(), "{report:?}");
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

/// Commits of two metrics in weeks of their own, so that segments of the one outlive those of the other.
fn spread(db: &Db, oracle: &mut Oracle, week: i64) {
    for (metric, week, count) in [("stays", 2 * week, 400), ("goes", 2 * week + 1, 4_000)] {
        let mut random = Random::new(week as u64);
        let points: Vec<Point> = (0..count)
            .map(|i| {
                let time = (week * 7 * 86_400 + i) * 1_000_000_000;
                Point::new(metric, time, f64::from_bits(random.bits() >> 2)).tag("s", (i % 3).to_string())
            })
            .collect();
        db.write_batch(&points).unwrap();
        oracle.points(db.position(), &points);
    }
}

#[test]
fn mostly_dead_objects_are_consolidated_and_every_reader_finds_what_was_moved() {
    let (place, mut oracle) = (Place::new(), Oracle::default());
    for week in 1..=5 {
        spread(&place.db, &mut oracle, week);
        place.db.compact().unwrap();
        place.backup();
    }
    let selector = Selector::metric("goes");
    place.db.delete(&selector, TimeRange::ALL).unwrap().unwrap();
    oracle.delete(place.db.position(), &selector, TimeRange::ALL);
    place.db.compact().unwrap();
    place.backup();
    spread(&place.db, &mut oracle, 6);
    place.backup();
    let check = |place: &Place, oracle: &mut Oracle| {
        let content = place.repository().content().unwrap();
        for span in content.timeline.spans(content.timeline.newest().unwrap().point.epoch) {
            for lsn in span.first.lsn..=span.last.lsn {
                assert_eq!(place.opened(lsn).unwrap(), oracle::digest(&oracle.at(lsn)), "commit {lsn}");
            }
        }
        let report = place.repository().verify(VerifyLevel::Full, &|_, _| {}).unwrap();
        assert!(report.findings.is_empty() && report.unfinished.is_empty(), "{report:?}");
    };
    let before = place.objects();
    let plan = place.plan(Keep::last(1));
    assert!(plan.mostly_dead.len() > 2, "{plan}");
    assert!(plan.to_string().contains("mostly unneeded"), "{plan}");
    let left = prune_with(&place.config(Keep::last(1)).consolidate(false)).unwrap();
    assert_eq!(left.bytes_moved, 0);
    check(&place, &mut oracle);
    let report = place.prune(Keep::last(1));
    assert!(report.bytes_moved > 0 && report.bytes_freed > 2 * report.bytes_moved, "{report:?}");
    for (home, _) in &plan.mostly_dead {
        let name = home.container().to_string();
        assert!(before.contains_key(&name) && !place.objects().contains_key(&name), "{name} is gone");
    }
    check(&place, &mut oracle);
    let lsn = place.db.position().lsn;
    let restored = place.folder.path().join("restored");
    let config = chronicle::RestoreConfig::from_destination(Arc::clone(&place.destination), &restored);
    let restored = chronicle::backup::restore_delta_backup(config).unwrap();
    assert_eq!(restored.digest, oracle::digest(&oracle.at(lsn)), "restored from where it was moved to");
    let before = place.objects();
    assert_eq!(place.prune(Keep::last(1)).bytes_moved, 0, "what was moved is not moved again");
    assert_eq!(place.objects(), before);
    // The next deltas name the new places; and what was moved is moved once more when it is mostly dead there.
    for week in 7..=9 {
        spread(&place.db, &mut oracle, week);
        place.db.compact().unwrap();
        place.backup();
    }
    check(&place, &mut oracle);
    let old = TimeRange::new(None, Some(9 * 7 * 86_400 * 1_000_000_000));
    for selector in [Selector::metric("stays"), Selector::metric("goes")] {
        let range = if selector == Selector::metric("stays") { old } else { TimeRange::ALL };
        place.db.delete(&selector, range).unwrap().unwrap();
        oracle.delete(place.db.position(), &selector, range);
    }
    place.db.compact().unwrap();
    place.backup();
    assert!(place.prune(Keep::last(1)).bytes_moved > 0);
    check(&place, &mut oracle);
    assert!(
        place.objects().keys().filter(|name| name.starts_with("moves-")).count() <= 3,
        "{:?}",
        place.objects()
    );
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

/// What the rules say, read literally and slowly: for each period each point asks whether a newer one is in it.
fn naive(keep: &Keep, points: &[(u64, i64)]) -> BTreeSet<u64> {
    let mut newest_first = points.to_vec();
    newest_first.sort_by_key(|(number, time)| (-i128::from(*time), u64::MAX - number));
    let mut kept: BTreeSet<u64> = points.iter().map(|(number, _)| *number).max().into_iter().collect();
    for (index, (number, time)) in newest_first.iter().enumerate() {
        if (index as u64) < keep.last {
            kept.insert(*number);
        }
        if keep.within_ns.is_some_and(|within| (newest_first[0].1 - time) as u64 <= within) {
            kept.insert(*number);
        }
        for (period, count) in [
            (CalendarPeriod::Hour, keep.hourly),
            (CalendarPeriod::Day, keep.daily),
            (CalendarPeriod::Week, keep.weekly),
            (CalendarPeriod::Month, keep.monthly),
            (CalendarPeriod::Year, keep.yearly),
        ] {
            let newer = &newest_first[..index];
            let of = period.number(*time);
            let newer_periods: BTreeSet<i64> = newer.iter().map(|(_, time)| period.number(*time)).collect();
            if !newer_periods.contains(&of) && (newer_periods.len() as u64) < count {
                kept.insert(*number);
            }
        }
    }
    kept
}

#[test]
fn the_rules_choose_what_a_slow_reading_of_them_chooses_also_where_times_stand_still_or_run_back() {
    const MINUTE: i64 = 60_000_000_000;
    let mut random = Random::new(9);
    for round in 0..400 {
        let mut time = parse_timestamp("2023-12-30T22:00:00Z").unwrap();
        let points: Vec<(u64, i64)> = (0..random.below(60))
            .map(|number| {
                // Steps of minutes to weeks; now and then a clock that was set back by a day, or stood still.
                time += match random.below(12) {
                    0 => -24 * 60 * MINUTE,
                    1 => 0,
                    scale => random.below(1 << scale) as i64 * 7 * MINUTE,
                };
                (number * 2, time)
            })
            .collect();
        let mut some = || if random.below(2) == 0 { 0 } else { random.below(9) };
        let mut keep = Keep {
            last: some(),
            hourly: some(),
            daily: some(),
            weekly: some(),
            monthly: some(),
            yearly: some(),
            ..Keep::default()
        };
        keep.within_ns = (some() > 4).then(|| some() * 3_600_000_000_000);
        let kept: Kept = keep.choose_by_time(&points, &BTreeSet::new(), []);
        assert_eq!(
            kept.keys().copied().collect::<BTreeSet<_>>(),
            naive(&keep, &points),
            "{round}: {keep:?} {points:?}"
        );
        let newest = points.iter().map(|(number, _)| *number).max();
        assert!(newest.is_none_or(|newest| kept[&newest].contains(&Reason::Newest)));
    }
}

fn snapshots(folder: &Path, count: u64) -> (Db, Ledger) {
    let config = Config { background: false, ..ledger::busy_config(chronicle::Durability::Os) };
    let db = Db::open(folder.join("data.db"), config).unwrap();
    for number in 1..=count {
        ledger::fill(&db, number * 5);
        // The names say nothing of the order.
        let name = format!("backup/of day {}", (number * 7) % 10);
        std::fs::create_dir_all(folder.join("backup")).unwrap();
        BackupManager::new(&db).create_snapshot(folder.join(name)).unwrap();
    }
    (db, Ledger::default())
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_folder_of_snapshots_keeps_the_newest_and_everything_that_is_no_snapshot() {
    let place = tempfile::tempdir().unwrap();
    let (db, mut ledger) = snapshots(place.path(), 6);
    let folder = place.path().join("backup");
    for foreign in ["of day 0.partial-0123", "notes", "a database"] {
        std::fs::create_dir(folder.join(foreign)).unwrap();
    }
    std::fs::write(folder.join("notes/metadata.json"), b"{\"title\": \"of another program\"}").unwrap();
    std::fs::write(folder.join("a database/data.db"), b"of somebody").unwrap();
    std::fs::write(folder.join("list.txt"), b"of somebody").unwrap();
    let before = names(&folder);
    let plan = plan_prune(&PruneConfig::new(&folder, Keep::last(2))).unwrap().to_string();
    assert!(plan.contains("2 snapshots stay, 4 go"), "{plan}");
    assert_eq!(names(&folder), before, "a plan does nothing");
    let report = chronicle::prune(&folder, Keep::last(2)).unwrap();
    assert_eq!((report.points_kept, report.points_removed, report.records_deleted), (2, 4, 4));
    let gone: BTreeSet<String> = before.difference(&names(&folder)).cloned().collect();
    assert_eq!(gone, ["of day 7", "of day 4", "of day 1", "of day 8"].map(str::to_owned).into());
    for (name, lsn) in [("of day 5", 25), ("of day 2", 30)] {
        let restored = restore_snapshot(folder.join(name), place.path().join(name)).unwrap();
        assert_eq!(restored.digest, ledger.digest(lsn));
    }
    // Killed between the loss of its name and that of its files.
    std::fs::rename(folder.join("of day 5"), folder.join("of day 5.partial-pruned")).unwrap();
    std::fs::remove_file(folder.join("of day 5.partial-pruned/metadata.json")).unwrap();
    assert_eq!(chronicle::prune(&folder, Keep::last(9)).unwrap().points_kept, 1);
    assert!(!folder.join("of day 5.partial-pruned").exists());
    db.close().unwrap();
}

#[test]
fn a_folder_with_two_databases_a_damaged_snapshot_or_foreign_files_in_one_is_not_pruned() {
    let place = tempfile::tempdir().unwrap();
    let (db, _) = snapshots(place.path(), 3);
    let folder = place.path().join("backup");
    let keep = |count| PruneConfig::new(&folder, Keep::last(count));
    let refused = |kind, says: &str| {
        let before = names(&folder);
        let error = prune_with(&keep(1)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(names(&folder), before);
    };
    let other = tempfile::tempdir().unwrap();
    let (other_db, _) = snapshots(other.path(), 1);
    std::fs::rename(other.path().join("backup/of day 7"), folder.join("other")).unwrap();
    refused(ErrorKind::InvalidInput, "has other");
    std::fs::remove_dir_all(folder.join("other")).unwrap();

    std::fs::write(folder.join("of day 7/my notes"), b"dear to somebody").unwrap();
    refused(ErrorKind::InvalidInput, "my notes");
    assert_eq!(prune_with(&keep(3)).unwrap().points_removed, 0, "it stays, and may hold what it will");
    std::fs::remove_file(folder.join("of day 7/my notes")).unwrap();

    let record = folder.join("of day 4/metadata.json");
    let bytes = std::fs::read(&record).unwrap();
    std::fs::write(&record, &bytes[..bytes.len() - 9]).unwrap();
    refused(ErrorKind::Damaged, "metadata.json");
    std::fs::write(&record, &bytes).unwrap();

    let newest = folder.join("of day 1/data.db");
    let data = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &data[..data.len() - 4_096]).unwrap();
    refused(ErrorKind::Damaged, "nothing is pruned");
    std::fs::write(&newest, &data).unwrap();

    assert_eq!(prune_with(&keep(0)).unwrap_err().kind(), ErrorKind::InvalidInput, "no rule");
    assert_eq!(prune_with(&keep(1)).unwrap().points_removed, 2);
    drop((db, other_db));
}
