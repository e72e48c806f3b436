//! Prunes under accidents: killed at every effect, at once with backups, before destinations that lie.
use chronicle::backup::repository::Moment;
use chronicle::backup::{PruneConfig, PruneReport, Repository, prune_with};
use chronicle::destination::{
    Body, Bytes, Capabilities, Cleaned, Destination, Job, MemoryDestination, ObjectMeta, ObjectName, Page,
    Put, PutMode, PutOptions, objects,
};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Error, ErrorKind, Keep, Point, Result};
use chronicle_tests::ledger;
use chronicle_tests::lying::{Lie, Lying, Rule};
use chronicle_tests::outliving;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn open(folder: &Path) -> Db {
    let config = Config { background: false, ..ledger::busy_config(chronicle::Durability::Os) };
    Db::open(folder.join("data.db"), config).unwrap()
}

fn work(db: &Db, commits: u64) {
    let last = db.position().lsn + commits;
    ledger::fill(db, last);
    match last % 3 {
        0 => db.checkpoint().unwrap(),
        1 => db.compact().unwrap(),
        _ => {}
    }
}

fn backup(db: &Db, destination: &Arc<dyn Destination>) -> Result<chronicle::DeltaReport> {
    let config = DeltaBackupConfig::to_destination(Arc::clone(destination)).continue_newest();
    BackupManager::new(db).create_delta_backup_with(&config, &|_, _| {})
}

fn prune(destination: &Arc<dyn Destination>, keep: Keep, void_unfinished: bool) -> Result<PruneReport> {
    prune_with(&PruneConfig::at_destination(Arc::clone(destination), keep).void_unfinished(void_unfinished))
}

/// Panics unless every point that is listed reads to the digest that was recorded when it was made. Returns their numbers.
fn every_point_comes_back(destination: &Arc<dyn Destination>) -> BTreeSet<u64> {
    let repository = Repository::at_destination(Arc::clone(destination)).unwrap();
    let content = repository.content().unwrap();
    for point in content.timeline.points() {
        let opened = repository.open_at(&Moment::Lsn { lsn: point.point.lsn, epoch: None }).unwrap();
        // Its bytes are compared by `is_sound`.
        let digest = opened.db.digest(true).unwrap().0;
        assert_eq!(point.point.digest, Some(digest), "{}", point.entry);
    }
    content.timeline.points().iter().map(|point| point.number()).collect()
}

fn is_sound(destination: &Arc<dyn Destination>) {
    let repository = Repository::at_destination(Arc::clone(destination)).unwrap();
    let report = repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
}

fn content(destination: &dyn Destination) -> BTreeMap<ObjectName, Vec<u8>> {
    let found = objects(destination, None).collect::<Result<Vec<_>>>().unwrap();
    found
        .into_iter()
        .map(|object| (object.name.clone(), destination.get(&object.name, 1 << 24).unwrap()))
        .collect()
}

fn copy_of(content: &BTreeMap<ObjectName, Vec<u8>>) -> MemoryDestination {
    let copy = MemoryDestination::new();
    for (name, bytes) in content {
        let _ = copy.put(name, &Bytes(bytes), PutMode::Overwrite.by(Job([7; 16]))).unwrap();
    }
    copy
}

/// The host dies at an effect: before it, or after it and before the answer; no call succeeds from then on.
struct Dying {
    inner: Arc<MemoryDestination>,
    effects: AtomicU64,
    dies_at: u64,
    after: bool,
}

impl Dying {
    fn is_dead(&self) -> Result<()> {
        match self.effects.load(Ordering::Relaxed) > self.dies_at {
            true => Err(Error::new(ErrorKind::Io, "the host is dead")),
            false => Ok(()),
        }
    }

    fn effect<T>(&self, effect: impl FnOnce(&MemoryDestination) -> Result<T>) -> Result<T> {
        self.is_dead()?;
        let is_last = self.effects.fetch_add(1, Ordering::Relaxed) == self.dies_at;
        match (is_last, self.after) {
            (false, _) => effect(&self.inner),
            (true, true) => effect(&self.inner).and_then(|_| self.is_dead()).and_then(|()| unreachable!()),
            (true, false) => self.is_dead().and_then(|()| unreachable!()),
        }
    }
}

impl Destination for Dying {
    fn place(&self) -> String {
        self.inner.place()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        self.effect(|inner| inner.put(name, body, options))
    }
    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        self.is_dead()?;
        self.inner.get(name, len_max)
    }
    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.is_dead()?;
        self.inner.get_range(name, offset, len)
    }
    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        self.is_dead()?;
        self.inner.stat(name)
    }
    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        self.is_dead()?;
        self.inner.list(folder, cursor, limit)
    }
    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.effect(|inner| inner.delete(name))
    }
    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        self.inner.clean(folder, is_over)
    }
}

#[test]
fn killed_at_every_effect_every_listed_point_comes_back_and_the_next_prune_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let destination: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
    outliving::write(&db, "stays", 1, 0);
    outliving::write(&db, "goes", 2, 6);
    backup(&db, &destination).unwrap();
    outliving::delete(&db, "goes", 2);
    for commit in 0..7 {
        backup(&db, &destination).unwrap();
        db.write_batch(&[Point::new("small", commit, 1.0)]).unwrap();
        if commit % 2 == 0 {
            db.checkpoint().unwrap();
        }
        if commit == 3 {
            let keep = PruneConfig::at_destination(Arc::clone(&destination), Keep::last(4));
            assert_eq!(prune_with(&keep.consolidate(false)).unwrap().points_removed, 1);
        }
    }
    backup(&db, &destination).unwrap();
    let before = content(&*destination);
    let keep = || Keep { pitr_window_ns: Some(1), ..Keep::last(3) };
    // What is left of an undisturbed one: bytes of objects, but those of marks and claims, which may be more.
    let left = |destination: &dyn Destination| {
        let mut left = content(destination);
        left.retain(|name, _| {
            !["claims/", "prune-", "moves-", "manifest", "proofs/"]
                .iter()
                .any(|other| name.as_str().starts_with(other))
        });
        left
    };
    let undisturbed: Arc<dyn Destination> = Arc::new(copy_of(&before));
    let report = prune(&undisturbed, keep(), false).unwrap();
    assert!(report.bytes_moved > 0 && report.objects_deleted > 10, "{report:?}");
    let (expected, points) = (left(&*undisturbed), every_point_comes_back(&undisturbed));
    let mut deaths = 0;
    for after in [false, true] {
        for dies_at in 0.. {
            let inner = Arc::new(copy_of(&before));
            let dying = Dying { inner: Arc::clone(&inner), effects: AtomicU64::new(0), dies_at, after };
            let dying: Arc<dyn Destination> = Arc::new(dying);
            // What can't be written of the hints is no failure.
            let outcome = prune(&dying, keep(), false).map(|report| report.hint_error);
            if matches!(outcome, Ok(None)) {
                break;
            }
            deaths += 1;
            let inner: Arc<dyn Destination> = inner;
            let listed = every_point_comes_back(&inner);
            assert!(listed.is_superset(&points), "killed at {dies_at}: {listed:?}");
            is_sound(&inner);
            // A dead prune holds nothing up; dead moves do, until they are closed.
            prune(&inner, keep(), true).unwrap_or_else(|error| panic!("killed at {dies_at}: {error}"));
            assert_eq!(every_point_comes_back(&inner), points, "killed at {dies_at}");
            assert!(left(&*inner) == expected, "killed at {dies_at}: something else is left");
            is_sound(&inner);
            if dies_at % 9 == 0 {
                // The database is the same in every world: what it sends is of this one.
                let mut last = content(&*inner);
                last.retain(|name, _| name.as_str() != "state.json");
                let next: Arc<dyn Destination> = Arc::new(copy_of(&last));
                backup(&db, &next).unwrap();
                every_point_comes_back(&next);
                is_sound(&next);
            }
        }
    }
    assert!(deaths >= 50, "{deaths}");
}

#[test]
fn backups_and_prunes_at_once_end_and_no_point_names_what_is_gone() {
    const ROUNDS: u64 = 25;
    for void_unfinished in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        work(&db, 20);
        let destination: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
        backup(&db, &destination).unwrap();
        // Each side has its rounds, and may be told that the other one was faster; neither waits for the other.
        let busy = |outcome: Result<()>| match outcome {
            Ok(()) => 0,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                1
            }
        };
        let (busy_backups, busy_prunes) = std::thread::scope(|scope| {
            let backups = scope.spawn(|| {
                (0..ROUNDS)
                    .map(|_| {
                        work(&db, 1);
                        busy(backup(&db, &destination).map(drop))
                    })
                    .sum::<u64>()
            });
            let prunes = (0..ROUNDS)
                .map(|round| {
                    busy(prune(&destination, Keep::last(3), void_unfinished && round % 3 == 0).map(drop))
                })
                .sum::<u64>();
            (backups.join().unwrap(), prunes)
        });
        assert!(
            busy_backups < ROUNDS / 2,
            "{busy_backups} backups and {busy_prunes} prunes were told to wait"
        );
        every_point_comes_back(&destination);
        is_sound(&destination);
        work(&db, 1);
        backup(&db, &destination).unwrap();
        let report = prune(&destination, Keep::last(3), true).unwrap();
        assert!(report.waits_for.is_none(), "{report:?}");
        assert_eq!(every_point_comes_back(&destination).len(), 3);
        is_sound(&destination);
    }
}

#[test]
fn an_unfinished_backup_holds_the_deletion_up_until_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let lying = Arc::new(Lying::new(MemoryDestination::new(), 1));
    let destination: Arc<dyn Destination> = Arc::clone(&lying) as Arc<dyn Destination>;
    for _ in 0..3 {
        work(&db, 5);
        backup(&db, &destination).unwrap();
    }
    lying.add(Rule::new(Lie::ErrorBefore(ErrorKind::Full)).on("delta-003/metadata.json").times(1));
    work(&db, 5);
    backup(&db, &destination).unwrap_err();
    let waits = prune(&destination, Keep::last(1), false).unwrap();
    assert_eq!(waits.waits_for.as_ref().map(Error::kind), Some(ErrorKind::Busy), "{waits:?}");
    assert_eq!((waits.records_deleted, waits.objects_deleted), (0, 0));
    assert!(content(&*destination).keys().any(|name| name.as_str() == "base/metadata.json"));
    every_point_comes_back(&destination);
    let done = prune(&destination, Keep::last(1), true).unwrap();
    assert!(done.waits_for.is_none() && done.points_removed > 0, "{done:?}");
    assert_eq!(every_point_comes_back(&destination), [2].into());
    let next = backup(&db, &destination).unwrap();
    assert!(next.record.number() > 3, "the number that was closed is not used again");
    every_point_comes_back(&destination);
    is_sound(&destination);
}

#[test]
fn no_destination_that_lies_makes_a_prune_take_what_a_point_needs() {
    let transient = Lie::ErrorBefore(ErrorKind::Transient);
    let lies = [
        (Lie::LostAcknowledgement, "", 30),
        (transient, "", 20),
        (Lie::TornPut, "list-", 50),
        (Lie::TornPut, "changes.db", 60),
        (Lie::ObjectGone, "/", 30),
        (Lie::RepeatedSuccess, "", 50),
        (Lie::ShortBody, "", 3),
        (Lie::WrongRange, "", 5),
        (Lie::WrongRange, "changes.db", 100),
        (Lie::StaleGet, "", 50),
        (Lie::WrongLength, "", 2),
        (Lie::DeleteIgnored, "", 50),
        (Lie::StaleList, "", 100),
        (Lie::ShortList, "", 100),
    ];
    let (mut told, mut done, mut failed) = (0, 0, 0);
    for (seed, (lie, part, percent)) in lies.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        let lying = Arc::new(Lying::new(MemoryDestination::new(), seed as u64));
        let destination: Arc<dyn Destination> = Arc::clone(&lying) as Arc<dyn Destination>;
        for round in 0..4 {
            for _ in 0..4 {
                work(&db, 7);
                backup(&db, &destination).unwrap_or_else(|error| panic!("after {lie:?}: {error}"));
            }
            lying.add(Rule::new(lie).on(part).percent(percent));
            match prune(&destination, Keep::last(2 + round % 2), true) {
                Ok(_) => done += 1,
                Err(_) => failed += 1,
            }
            told += lying.told().len();
            lying.repent();
            every_point_comes_back(&destination);
            is_sound(&destination);
        }
        let report = prune(&destination, Keep::last(2), true).unwrap();
        assert!(report.waits_for.is_none(), "after {lie:?}: {report:?}");
        assert_eq!(every_point_comes_back(&destination).len(), 2, "after {lie:?}");
        is_sound(&destination);
    }
    assert!(told > 100 && done > 15 && failed > 3, "{told} lies, {done} prunes, {failed} failures");
}
