//! What a reader in place moves: bytes and requests are counted.
use chronicle::backup::Repository;
use chronicle::backup::repository::Moment;
use chronicle::destination::{
    Body, Capabilities, Cleaned, Destination, Job, MemoryDestination, ObjectMeta, ObjectName, Page, Put,
    PutOptions,
};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, Point, Result, Selector, TimeRange};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SECOND: i64 = 1_000_000_000;
const PER_DAY: i64 = 86_400;
const DAY: i64 = PER_DAY * SECOND;
const HOSTS: i64 = 2;

/// Counts what is asked for and what comes.
#[derive(Default)]
struct Counting {
    inner: MemoryDestination,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Counting {
    fn took(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }

    fn count<T>(&self, answer: T, bytes: impl FnOnce(&T) -> u64) -> T {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes(&answer), Ordering::Relaxed);
        answer
    }
}

fn len(bytes: &Result<Vec<u8>>) -> u64 {
    bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
}

impl Destination for Counting {
    fn place(&self) -> String {
        "counted".into()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        self.inner.put(name, body, options)
    }
    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        self.count(self.inner.get(name, len_max), len)
    }
    fn get_range(&self, name: &ObjectName, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        self.count(self.inner.get_range(name, offset, bytes), len)
    }
    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        self.count(self.inner.stat(name), |_| 0)
    }
    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        self.count(self.inner.list(folder, cursor, limit), |_| 0)
    }
    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.inner.delete(name)
    }
    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        self.inner.clean(folder, is_over)
    }
}

/// A metric of one day: each host has a point a second, which is noise, so that points take their bytes.
fn write(db: &Db, metric: i64, day: i64) {
    let points = (0..HOSTS * PER_DAY).map(|index| {
        let (host, second) = (index / PER_DAY, index % PER_DAY);
        let value = ((index + metric * 7 + day * 31) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        Point::new(format!("metric_{metric}"), day * DAY + second * SECOND, value as f64)
            .tag("host", format!("h{host}"))
    });
    for batch in points.collect::<Vec<_>>().chunks(10_000) {
        db.write_batch(batch).unwrap();
    }
}

fn points_of(db: &Db, selector: &Selector, range: TimeRange) -> usize {
    let (mut scan, mut count) = (db.scan(selector, range).unwrap(), 0);
    while let Some(run) = scan.next_run().unwrap() {
        count += run.timestamps.len();
    }
    count
}

#[test]
fn one_metric_of_one_day_moves_at_most_twice_its_own_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { background: false, ..Config::default() };
    let (db, own) = (Db::open(dir.path().join("data.db"), config).unwrap(), tempfile::tempdir().unwrap());
    for day in 0..4 {
        for metric in 0..3 {
            write(&db, metric, day);
        }
        db.checkpoint().unwrap();
    }
    db.compact().unwrap();
    let (selector, range) = (Selector::metric("metric_1"), TimeRange::new(Some(2 * DAY), Some(3 * DAY)));
    // Its own: the same points alone, in a database of theirs.
    let config = Config { background: false, ..Config::default() };
    let alone = Db::open(own.path().join("data.db"), config).unwrap();
    write(&alone, 1, 2);
    alone.checkpoint().unwrap();
    alone.compact().unwrap();
    let packed: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
    BackupManager::new(&alone)
        .create_delta_backup(DeltaBackupConfig::to_destination(Arc::clone(&packed)))
        .unwrap();
    let own_bytes = packed.stat(&ObjectName::new("base/data.db").unwrap()).unwrap().unwrap().len;
    let counting = Arc::new(Counting::default());
    let store: Arc<dyn Destination> = counting.clone();
    BackupManager::new(&db)
        .create_delta_backup(DeltaBackupConfig::to_destination(Arc::clone(&store)))
        .unwrap();
    let repository = Repository::at_destination(Arc::clone(&store)).unwrap();
    let _ = counting.took();
    let opened = repository.open_at(&Moment::Latest).unwrap();
    let (open_requests, open_bytes) = counting.took();
    let count = points_of(&opened.db, &selector, range);
    let (requests, bytes) = counting.took();
    println!(
        "own {own_bytes} bytes; opened with {open_requests} requests, {open_bytes} bytes; read with {requests}, {bytes} bytes, {count} points"
    );
    assert_eq!(count, usize::try_from(HOSTS * PER_DAY).unwrap());
    assert!(bytes <= 2 * own_bytes, "{bytes} bytes moved for {own_bytes}");
    assert!(
        open_requests <= 20 && open_bytes <= 200_000,
        "{open_requests} requests, {open_bytes} bytes to open"
    );
    // What was read is kept.
    assert_eq!(points_of(&opened.db, &selector, range), count);
    assert_eq!(counting.took().1, 0, "the second time nothing moves");
}
