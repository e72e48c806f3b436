//! Reading a moment in place: a database over the objects of a repository, of which only what is asked for is fetched.
//!
//! Catalog and header are made from the record and its lists, the log behind them is replayed in memory; segments stay where
//! they are, and are read in windows that are checked as those of a file are. A small cache keeps what was fetched last.
use super::history::{History, assemble};
use super::objects::Objects;
use super::verify::Repository;
use crate::db::{Config, Db, Fetch, Store};
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::paths::DbPaths;
use crate::host::random_u64;
use crate::lru::Lru;
use chronicle_core::backup::repository::{
    Entry, Moment, ObjectRange, ObjectSource, Place, PointContainer, SpanEnd, replay_legs,
};
use chronicle_core::source::{ByteRange, Step};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What is fetched at a time: a whole number of these from the start of a segment, or what there is up to its end.
const WINDOW_BYTES: u64 = 16 << 10;
/// What is kept of it.
const CACHE_BYTES_MAX: u64 = 32 << 20;

/// A moment that is open.
pub struct OpenMoment {
    /// The database as it was; it can only be read.
    pub db: Db,
    /// Which moment it is.
    pub at: SpanEnd,
    /// The point whose lists it starts from.
    pub start: Entry,
    /// Ns from the newest point's last commit to now; negative when the clock was set back.
    pub newest_age_ns: Option<i64>,
    /// Other lines of history that the moment may have been meant on: name the epoch to choose one.
    pub other_lines: Vec<SpanEnd>,
}

impl Repository {
    /// Opens a moment for reading, where it lies. Fetches the records, the pages of one point's lists and the log behind
    /// them; then what is asked for. Errors as of a restore: `NotRestorable`, `Damaged`, `Transient`, `Io`.
    pub fn open_at(&self, moment: &Moment) -> Result<OpenMoment> {
        let objects = self.objects();
        let (history, from) = History::find(objects, moment)?;
        let lists = objects.lists(&from.start)?;
        let container = PointContainer::new(&from.start, &lists, &history.moves).at(|| objects.place())?;
        let config = Config { background: false, ..Config::read_only() };
        let mut opening = container.opening(config.engine_options(random_u64()?))?;
        match opening.step(&mut container.source(&mut NoObjects))? {
            Step::Ready(()) => {}
            Step::Missing(_) | Step::Done => return Err(Error::damaged("its catalog is not whole")),
        }
        let mut engine = opening.into_engine(&[], container.file_len())?;
        let legs = assemble(objects, from.start.point.lineage, from.start.checkpoint, &from.legs)?;
        let end = replay_legs(&mut engine, &legs).at(|| objects.place())?;
        if let Some(told) = history.told(&from.at).filter(|told| told.point.chain != end.chain) {
            return Err(Error::damaged("its commits are not those that its record names")
                .at(told.entry)
                .at(objects.place()));
        }
        let bytes = PointBytes { container, objects: objects.clone(), kept: Mutex::new(Lru::new()) };
        let paths = DbPaths::new(Path::new(&objects.place()))?;
        Ok(OpenMoment {
            db: Db::in_place(paths, config, Store::Fetched(Box::new(bytes)), engine)?,
            other_lines: history.timeline.other_lines(moment, &from.at),
            at: from.at,
            start: from.start.entry,
            newest_age_ns: history.timeline.age_ns(crate::now_ns()),
        })
    }
}

/// The catalog's pages are at hand; whoever asks for more while it is read is wrong.
struct NoObjects;

impl ObjectSource for NoObjects {
    fn read(&mut self, _: &ObjectRange) -> Result<Option<&[u8]>> {
        Err(Error::new(ErrorKind::Io, "a catalog does not lie in objects"))
    }
}

struct PointBytes {
    container: PointContainer,
    objects: Objects,
    kept: Mutex<Lru<ByteRange, Arc<Vec<u8>>>>,
}

impl Fetch for PointBytes {
    fn header(&self) -> &[u8] {
        self.container.header()
    }

    fn fetch(&self, extent: ByteRange, range: ByteRange) -> Result<(u64, Arc<Vec<u8>>)> {
        let window = window_of(extent, range);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&window).cloned();
        if let Some(bytes) = kept {
            return Ok((window.offset, bytes));
        }
        let bytes = Arc::new(match self.container.find(window)? {
            Place::Here(bytes) => bytes.to_vec(),
            Place::There(ObjectRange { object, range }) => {
                self.objects.data(object, range.offset, range.len)?
            }
        });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(window, Arc::clone(&bytes), window.len);
        while kept.weight() > CACHE_BYTES_MAX && kept.len() > 1 {
            kept.pop_oldest();
        }
        Ok((window.offset, bytes))
    }
}

/// The windows of the extent that the range touches.
fn window_of(extent: ByteRange, range: ByteRange) -> ByteRange {
    let start = range.offset.saturating_sub(extent.offset) / WINDOW_BYTES * WINDOW_BYTES;
    let end = range.end().saturating_sub(extent.offset).next_multiple_of(WINDOW_BYTES).min(extent.len);
    ByteRange::new(extent.offset + start, end.saturating_sub(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_the_range_and_stays_in_its_extent() {
        let extent = ByteRange::new(4_096, 100_000);
        for (offset, len) in [(4_096, 1), (20_480, 1), (20_479, 2), (104_095, 1), (4_096, 100_000)] {
            let range = ByteRange::new(offset, len);
            let window = window_of(extent, range);
            assert!(window.offset >= extent.offset && window.end() <= extent.end(), "{window:?}");
            assert!(window.offset <= offset && range.end() <= window.end(), "{window:?}");
            assert!(window.len < len + 2 * WINDOW_BYTES, "{window:?}");
        }
    }
}
