//! Hosts that may put and read, and not delete: they back up and ship; what is pruned is pruned elsewhere.
use crate::scenario::{open, write};
use chronicle::backup::repository::Keep;
use chronicle::backup::{PruneConfig, Repository, StreamConfig, Streamer, prune_with};
use chronicle::destination::{
    Body, Capabilities, Cleaned, Destination, Job, MemoryDestination, ObjectMeta, ObjectName, Page, Put,
    PutOptions,
};
use chronicle::verify::VerifyLevel;
use chronicle::{BackupManager, DeltaBackupConfig, Error, ErrorKind, Result};
use std::sync::Arc;

/// A policy that denies deletion, and, if it says so, listing.
struct Denied {
    inner: Arc<dyn Destination>,
    listing: bool,
}

fn denied() -> Error {
    Error::new(ErrorKind::Permission, "the policy denies it")
}

impl Destination for Denied {
    fn place(&self) -> String {
        self.inner.place()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        self.inner.put(name, body, options)
    }
    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        self.inner.get(name, len_max)
    }
    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.inner.get_range(name, offset, len)
    }
    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        self.inner.stat(name)
    }
    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        if self.listing { self.inner.list(folder, cursor, limit) } else { Err(denied()) }
    }
    fn delete(&self, _: &ObjectName) -> Result<()> {
        Err(denied())
    }
    fn clean(&self, _: Option<&ObjectName>, _: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        Err(denied())
    }
}

#[test]
fn a_host_that_may_not_delete_nor_list_backs_up_ships_and_restores_and_another_one_prunes() {
    for listing in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let whole: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
        let host: Arc<dyn Destination> = Arc::new(Denied { inner: Arc::clone(&whole), listing });
        let (db, data) = (open(&dir.path().join("data.db")), dir.path().join("data.db"));
        let config = || DeltaBackupConfig::to_destination(Arc::clone(&host)).continue_newest();
        let mut streamer = Streamer::open(&data, StreamConfig::new(config())).unwrap();
        for batch in 0..6 {
            write(&db, batch);
            match batch % 2 {
                0 => drop(BackupManager::new(&db).create_delta_backup(config()).unwrap()),
                _ => streamer.pass().unwrap(),
            }
            // Whatever was left behind stays, and is no failure.
            streamer.fold_now().unwrap();
            write(&db, batch + 10);
            streamer.pass().unwrap();
            assert!(streamer.status().error.is_none());
        }
        let repository = Repository::at_destination(Arc::clone(&host)).unwrap();
        let newest = repository.open_at(&chronicle::backup::repository::Moment::Latest).unwrap();
        assert_eq!(newest.db.digest(false).unwrap().0, db.digest(false).unwrap().0);
        drop(streamer);
        let keep = || Keep::last(2);
        let refused = prune_with(&PruneConfig::at_destination(Arc::clone(&host), keep())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Permission, "{refused}");
        let pruned = prune_with(&PruneConfig::at_destination(Arc::clone(&whole), keep())).unwrap();
        assert!(pruned.objects_deleted > 4, "{pruned:?}");
        let repository = Repository::at_destination(Arc::clone(&whole)).unwrap();
        assert!(repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap().findings.is_empty());
        let newest = repository.open_at(&chronicle::backup::repository::Moment::Latest).unwrap();
        assert_eq!(newest.db.digest(false).unwrap().0, db.digest(false).unwrap().0);
    }
}
