//! A database open in this process.
//!
//! What it keeps true: a write that returned is as durable as was asked for and visible to every later read; no write
//! waits for a seal, a compaction, a snapshot or a backup; a read sees one commit and nothing after it.
mod answer;
mod attach;
mod batches;
mod blocks;
mod commit;
mod config;
mod explain;
mod handle;
mod inspect;
mod maintenance;
mod names;
mod open;
mod parallel;
mod policy;
mod reader;
mod scan;
mod shared;
mod slots;
mod store;
mod upkeep;

pub use answer::{Answer, CancelToken, QueryOptions, Row};
pub(crate) use attach::{Attaching, Quiet};
pub use config::{Config, Durability};
pub use explain::Explanation;
pub use handle::{SeriesHandle, SeriesPoint};
pub use inspect::Layout;
use open::Place;
pub use open::Recovery;
pub(crate) use open::{pin_generation, read_header};
pub use policy::{Downsampling, DownsamplingStatus, Retention};
pub(crate) use reader::{FileSource, MapSource};
pub use scan::{MetricInfo, PointRun, SeriesPoints};
pub(crate) use shared::{Shared, lock};
pub(crate) use slots::read_slot;
pub(crate) use store::{Fetch, Store};
pub use upkeep::DownsamplingReport;

use crate::error::{ErrorKind, Result};
use crate::files::paths::DbPaths;
use chronicle_core::engine::{Engine, Gauges, Identity, Selector};
use chronicle_core::head::Position;
use chronicle_core::ids::Lsn;
use chronicle_core::model::{PointSource, Series, SeriesMemo, Tags, TimeRange};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// An open database. Clones share it; it is closed by [`Db::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Db {
    pub(crate) shared: Arc<Shared>,
    /// Stops the background thread when the last clone goes.
    background: Arc<Background>,
    recovery: Arc<Recovery>,
}

struct Background {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Db {
    /// Opens the database whose data file is `path`, and makes it when [`Config::create`] says so.
    ///
    /// Recovers what a crash left: commits in the log are replayed, a torn tail that was never durable is cut and told
    /// in [`Db::recovery`]. Errors: `NotFound`, `Busy` (another writer), `InvalidInput` (no Chronicle file),
    /// `Unsupported` (newer format), `Damaged` (what was acknowledged can't be read; nothing is changed), `Io`.
    pub fn open(path: impl AsRef<Path>, config: Config) -> Result<Self> {
        Self::open_in(path.as_ref(), config, Place::Open)
    }

    /// Opens a copy that is being built, in a folder that nobody else uses.
    pub(crate) fn open_private(path: &Path, config: Config) -> Result<Self> {
        Self::open_in(path, config, Place::Private)
    }

    fn open_in(path: &Path, config: Config, place: Place) -> Result<Self> {
        let (shared, recovery) = open::open(path, config, place)?;
        let shared = Arc::new(shared);
        // A durability that is kept by a thread needs it, whether or not the thread may seal and compact too.
        let syncs = matches!(shared.config.durability, Durability::Interval(_));
        let runs = (shared.config.background || syncs) && !shared.config.read_only;
        let thread = runs.then(|| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("chronicle".into()).spawn(move || shared.run_background())
        });
        let thread = thread
            .transpose()
            .map_err(|error| crate::error::io("start the background thread", path, &error))?;
        let background = Background { shared: Arc::clone(&shared), thread: Mutex::new(thread) };
        let db = Self { shared, background: Arc::new(background), recovery: Arc::new(recovery) };
        if !db.shared.config.read_only && place == Place::Open {
            // The first commit of a restored database says where it comes from.
            db.shared.commit(|cell, now| cell.engine.prepare_new_epoch(now))?;
        }
        Ok(db)
    }

    /// A database whose bytes are elsewhere, at the position of `engine`; it can only be read.
    pub(crate) fn in_place(paths: DbPaths, config: Config, store: Store, engine: Engine) -> Result<Self> {
        let shared = Arc::new(Shared::new((paths, config), store, engine, None, (None, None))?);
        let background = Background { shared: Arc::clone(&shared), thread: Mutex::new(None) };
        Ok(Self { shared, background: Arc::new(background), recovery: Arc::default() })
    }

    /// True of a backup that is read where it lies: it has no files of its own.
    pub fn is_in_place(&self) -> bool {
        self.shared.store.data().is_err()
    }

    /// What recovery found when this database was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The data file.
    pub fn path(&self) -> &Path {
        self.shared.paths.data()
    }

    /// Lineage, epoch and settings.
    pub fn identity(&self) -> Identity {
        lock(&self.shared.engine).engine.identity().clone()
    }

    /// The last visible commit.
    pub fn position(&self) -> Position {
        lock(&self.shared.engine).engine.position()
    }

    /// Sizes right now.
    pub fn gauges(&self) -> Gauges {
        lock(&self.shared.engine).engine.gauges()
    }

    /// Writes points as one commit and returns its LSN: all of them or none, as durable as [`Config::durability`] says when
    /// the call returns, visible to every read after it. Of points of one series and time the last one wins.
    ///
    /// Errors: `InvalidInput` and `LimitExceeded` name the point; nothing was written. `Full`: nothing was written, make
    /// room and try again. `Poisoned` or `Io`: the medium failed; reopen.
    pub fn write_batch<P: PointSource>(&self, points: &[P]) -> Result<Lsn> {
        if points.is_empty() {
            self.shared.check_writable()?;
            return Ok(self.position().lsn);
        }
        self.shared.write_points(points)
    }

    /// A handle for writing many points of one series: a write with it does not look at names. It may be of a series that
    /// has no points yet; the first write makes it. `InvalidInput` for tags that no series can have.
    ///
    /// A handle is for this `Db` and its clones. Given to another database it still writes to the same series by name.
    pub fn series<K: Into<String>, V: Into<String>>(
        &self,
        metric: impl Into<String>,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<SeriesHandle> {
        let series = Series { metric: metric.into(), tags: Tags::new(tags)? };
        Ok(SeriesHandle::new(series, self.memo()))
    }

    /// A memo for a series of this database.
    pub(crate) fn memo(&self) -> SeriesMemo {
        lock(&self.shared.engine).engine.memo()
    }

    /// Writes one point; see [`Db::write_batch`]. Many points are far cheaper in batches.
    pub fn write<P: PointSource>(&self, point: P) -> Result<Lsn> {
        self.write_batch(&[point])
    }

    /// Deletes the points that exist now of the selected series in `range`, as one commit. `None` when no series matches.
    /// Points written later are not touched, whatever their timestamps.
    pub fn delete(&self, selector: &Selector, range: impl Into<TimeRange>) -> Result<Option<Lsn>> {
        let range = range.into();
        self.shared.commit_named(|engine, now| engine.prepare_delete(selector, range, now))
    }

    /// Makes everything that is visible durable, whatever the durability level.
    pub fn sync(&self) -> Result<()> {
        self.shared.check_writable()?;
        self.shared.sync()
    }

    /// Moves everything visible into segments; after it a reopening has nothing to replay.
    pub fn checkpoint(&self) -> Result<()> {
        self.shared.check_writable()?;
        self.shared.seal()
    }

    /// Merges segments, carries out deletions and gives space back, until nothing is left to do. Other calls go on.
    pub fn compact(&self) -> Result<()> {
        self.checkpoint()?;
        for _ in 0..PASSES_MAX {
            if !self.shared.compact_once(true)? {
                break;
            }
        }
        for _ in 0..RELOCATIONS_MAX {
            if !self.shared.give_space_back()? {
                break;
            }
        }
        Ok(())
    }

    /// Makes a private copy, everything in it sealed, the start of a new epoch.
    pub(crate) fn begin_epoch(&self, identity: Identity) -> Result<()> {
        self.shared.begin_epoch(identity)
    }

    /// Closes the database: what is visible is durable, the background has stopped, the lock is free. Clones that are left
    /// refuse to write. Dropping the last clone does the same, but can't report errors.
    pub fn close(self) -> Result<()> {
        self.background.shut_down()
    }
}

/// Passes of [`Db::compact`]: each leaves fewer runs or deletions, so the bound only guards against a mistake in that.
const PASSES_MAX: usize = 64;
/// Times that segments are moved: towards the front, out of each other's way, and to the front again.
const RELOCATIONS_MAX: usize = 6;

/// Log bytes above which closing makes a checkpoint, so that the next opening is quick.
const CLOSE_CHECKPOINT_BYTES: u64 = 256 << 10;

impl Background {
    fn shut_down(&self) -> Result<()> {
        let Some(()) = self.stop() else { return Ok(()) };
        if self.shared.config.read_only || self.shared.check_writable().is_err() {
            self.shared.closed.store(true, Ordering::Release);
            return Ok(());
        }
        let replay = lock(&self.shared.engine).engine.gauges().replay_bytes;
        let sealed = if replay > CLOSE_CHECKPOINT_BYTES { self.shared.seal() } else { Ok(()) };
        // A full medium is no loss: the log holds everything, and is durable.
        let sealed =
            sealed.or_else(|error| if error.kind() == ErrorKind::Full { Ok(()) } else { Err(error) });
        let synced = self.shared.sync().and_then(|()| self.shared.seal_log());
        self.shared.closed.store(true, Ordering::Release);
        if let Some((_, log)) = lock(&self.shared.log).take() {
            // Zeros that were filled ahead are only worth something to a running writer.
            let _ = log.trim(log.end());
        }
        sealed.and(synced)
    }

    /// Stops the thread; `None` when it was shut down before.
    fn stop(&self) -> Option<()> {
        if self.shared.closed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.shared.wake).stop = true;
        self.shared.wake_up.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
        Some(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronicle_core::model::Point;
    use std::time::{Duration, Instant};

    #[test]
    fn commits_become_durable_by_interval_also_where_nothing_is_sealed_in_the_background() {
        let folder = tempfile::tempdir().unwrap();
        let durability = Durability::Interval(Duration::from_millis(5));
        let config = Config { durability, background: false, ..Config::default() };
        let db = Db::open(folder.path().join("data.db"), config).unwrap();
        let lsn = db.write(Point::new("m", 1, 1.0)).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while lock(&db.shared.engine).engine.durable_lsn() < lsn {
            assert!(Instant::now() < deadline, "commit {lsn} is visible and was never synced");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
