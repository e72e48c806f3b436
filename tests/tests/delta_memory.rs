//! Memory of backups and restores with a long log, counted by the allocator: it does not grow with the log.
use chronicle::backup::restore_delta_backup;
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, RestoreConfig};
use chronicle_tests::allocation::{Counting, peak_bytes};
use chronicle_tests::workload::Random;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

#[test]
fn a_log_of_any_length_takes_the_same_memory_to_back_up_and_to_restore() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        background: false,
        durability: chronicle::Durability::Os,
        wal_keep_bytes: u64::MAX,
        read_threads: 1,
        ..Config::default()
    };
    let db = Db::open(folder.path().join("data.db"), config).unwrap();
    let repository = folder.path().join("repo");
    let backup = || DeltaBackupConfig::new(&repository).continue_newest();
    BackupManager::new(&db).create_delta_backup(backup()).unwrap();
    let mut random = Random::new(3);
    let mut peaks = Vec::new();
    let mut written = 0;
    // Log of some 16, 74 and 74 MB, sealed on the way, so that each point starts behind it.
    for (round, batches) in [20i64, 90, 90].into_iter().enumerate() {
        for _ in 0..batches {
            let points: Vec<Point> = (0..100_000)
                .map(|i| Point::new("noise", written + i, f64::from_bits((random.bits() >> 2) | (1 << 61))))
                .collect();
            db.write_batch(&points).unwrap();
            written += 100_000;
            if written % 500_000 == 0 {
                db.checkpoint().unwrap();
            }
        }
        let mut log = 0;
        let backed_up = peak_bytes(|| {
            let report = BackupManager::new(&db).create_delta_backup_with(&backup(), &|_, _| {}).unwrap();
            log = report.record.log.unwrap().len as usize;
        });
        // The commit before the last one: its log is replayed over the point before.
        let target = folder.path().join(format!("restored-{round}"));
        let lsn = db.position().lsn - 1;
        let restored = peak_bytes(|| {
            let restored =
                restore_delta_backup(RestoreConfig::new(&repository, &target).at_lsn(lsn)).unwrap();
            assert_eq!(restored.digest.points as i64, written - 100_000);
        });
        std::fs::remove_dir_all(&target).unwrap();
        println!(
            "log {} MiB: {} MiB to back up, {} MiB to restore",
            log / MIB,
            backed_up / MIB,
            restored / MIB
        );
        peaks.push((log, backed_up, restored));
    }
    let [(small_log, small_backup, small), (log, large_backup, large), _] = peaks[..] else { panic!() };
    assert!(log > 3 * small_log && log > 64 * MIB, "{peaks:?}");
    assert!(large_backup < small_backup + 16 * MIB && large_backup < 48 * MIB, "{peaks:?}");
    assert!(large < small + 32 * MIB && large < 320 * MIB, "{peaks:?}");
}
