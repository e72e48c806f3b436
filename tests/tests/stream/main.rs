//! Streams: what was shipped can be restored, commit by commit, whatever happens to the stream, the network or the host.
#![cfg(target_os = "linux")]
mod cut;
mod damage;
mod killed;
mod rows;

use chronicle::backup::repository::Moment;
use chronicle::backup::{Repository, StreamConfig};
use chronicle::destination::Destination;
use chronicle::{Config, Db, DeltaBackupConfig, Durability};
use chronicle_tests::ledger::{self, Ledger};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn open(folder: &Path) -> Db {
    let config = Config { background: false, ..ledger::busy_config(Durability::Os) };
    Db::open(folder.join("data.db"), config).unwrap()
}

pub(crate) fn config(destination: &Arc<dyn Destination>) -> StreamConfig {
    let delta = DeltaBackupConfig::to_destination(Arc::clone(destination));
    StreamConfig::new(delta).interval(Duration::from_millis(20))
}

pub(crate) fn at(lsn: u64) -> Moment {
    Moment::Lsn { lsn, epoch: None }
}

/// Panics unless each of these commits is there as it was, and the newest moment is the last of them or a later one.
pub(crate) fn comes_back(
    destination: &Arc<dyn Destination>,
    ledger: &mut Ledger,
    commits: impl IntoIterator<Item = u64>,
) {
    let repository = Repository::at_destination(Arc::clone(destination)).unwrap();
    let mut last = 0;
    for lsn in commits {
        let opened = repository.open_at(&at(lsn)).unwrap_or_else(|error| panic!("commit {lsn}: {error}"));
        assert_eq!(opened.db.digest(false).unwrap().0, ledger.digest(lsn), "commit {lsn}");
        last = lsn;
    }
    let newest = repository.open_at(&Moment::Latest).unwrap();
    let lsn = newest.db.position().lsn;
    assert!(lsn >= last, "the newest moment is commit {lsn}, before {last}");
    assert_eq!(newest.db.digest(false).unwrap().0, ledger.digest(lsn), "the newest moment");
}
