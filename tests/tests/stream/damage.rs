//! Shipped frames that are lost, cut or changed: told, and never passed over in silence.
use crate::{at, config, open};
use chronicle::ErrorKind;
use chronicle::backup::repository::Moment;
use chronicle::backup::{Repository, Streamer};
use chronicle::destination::{Bytes, Destination, Job, MemoryDestination, ObjectName, PutMode};
use chronicle::verify::VerifyLevel;
use chronicle_tests::ledger::{self, Ledger};
use std::sync::Arc;

/// Five objects of two commits each behind the base, which holds none.
fn shipped() -> Arc<dyn Destination> {
    let dir = tempfile::tempdir().unwrap();
    let destination: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
    let db = open(dir.path());
    let mut streamer = Streamer::open(dir.path().join("data.db"), config(&destination)).unwrap();
    streamer.pass().unwrap();
    for round in 1..=5 {
        ledger::fill(&db, 2 * round);
        streamer.pass().unwrap();
    }
    destination
}

#[test]
fn whatever_happens_to_one_object_is_told_and_the_moments_before_it_stay() {
    let victim = ObjectName::new("wal/base/2").unwrap();
    let overwrite = |store: &dyn Destination, bytes: &[u8]| {
        let _ = store.put(&victim, &Bytes(bytes), PutMode::Overwrite.by(Job([1; 16]))).unwrap();
    };
    for harm in ["lost", "cut", "empty", "record", "frames", "another"] {
        let (store, mut ledger) = (shipped(), Ledger::default());
        let mut bytes = store.get(&victim, 1 << 20).unwrap();
        match harm {
            "lost" => store.delete(&victim).unwrap(),
            "cut" => overwrite(&*store, &bytes[..bytes.len() - 1]),
            "empty" => overwrite(&*store, b""),
            "another" => {
                overwrite(&*store, &store.get(&ObjectName::new("wal/base/1").unwrap(), 1 << 20).unwrap())
            }
            _ => {
                let at = if harm == "frames" { 150 } else { bytes.len() - 100 };
                bytes[at] ^= 1;
                overwrite(&*store, &bytes);
            }
        }
        let repository = Repository::at_destination(Arc::clone(&store)).unwrap();
        let error =
            repository.open_at(&Moment::Latest).err().unwrap_or_else(|| panic!("{harm}: read all the same"));
        assert_eq!(error.kind(), ErrorKind::Damaged, "{harm}: {error}");
        assert!(error.to_string().contains("wal/base"), "{harm}: {error}");
        let whole = repository.open_at(&at(4)).unwrap();
        assert_eq!(whole.db.digest(false).unwrap().0, ledger.digest(4), "{harm}");
        assert!(repository.open_at(&at(10)).is_err(), "{harm}");
        let report = repository.verify(VerifyLevel::Full, &|_, _| {}).unwrap();
        assert_eq!(report.damage(), 1, "{harm}: {:?}", report.findings);
    }
}
