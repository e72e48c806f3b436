//! Reading side by side: the parts of a large query on several threads.
//!
//! Threads are started for one query and end with it; a query that is small, or comes while the threads that the
//! database may use are busy, is read by its caller alone. The answer does not depend on it.
use super::MapSource;
use super::answer::CancelToken;
use super::shared::lock;
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::engine::{QueryPart, QueryRun};
use chronicle_core::source::Step;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Threads that queries may use beside their callers'.
pub(crate) struct Helpers(AtomicUsize);

/// Some of them, given back when dropped.
pub(crate) struct Permit<'a> {
    helpers: &'a Helpers,
    count: usize,
}

impl Helpers {
    pub(crate) fn new(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }

    /// As many as are free, up to `most`.
    pub(crate) fn take(&self, most: usize) -> Permit<'_> {
        let mut count = 0;
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
            count = free.min(most);
            Some(free - count)
        });
        Permit { helpers: self, count }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.helpers.0.fetch_add(self.count, Ordering::Relaxed);
    }
}

impl Permit<'_> {
    /// Runs `work` on the caller's thread and on each helper, as far as the system has threads to give.
    pub(crate) fn run(&self, work: impl Fn() + Sync) {
        std::thread::scope(|scope| {
            for _ in 0..self.count {
                let helper = std::thread::Builder::new().name("chronicle-read".into());
                // Without it there is one reader less.
                let _ = helper.spawn_scoped(scope, &work);
            }
            work();
        });
    }
}

/// What the threads of one query share.
struct Shared<'a> {
    run: Mutex<&'a mut QueryRun>,
    cancel: &'a CancelToken,
    /// Bytes held by the run and all parts together.
    held_bytes: AtomicU64,
    stop: AtomicBool,
    /// The error of the first part that failed, by number.
    failed: Mutex<Option<(usize, Error)>>,
}

/// Reads all parts of `run`, if it has several and helpers are free; otherwise does nothing.
pub(super) fn read_parts(
    run: &mut QueryRun,
    source: &MapSource<'_>,
    helpers: &Helpers,
    cancel: &CancelToken,
) -> Result<()> {
    let parts = run.parts_left();
    if parts < 2 {
        return Ok(());
    }
    let permit = helpers.take(parts - 1);
    if permit.count == 0 {
        return Ok(());
    }
    let shared = Shared {
        held_bytes: AtomicU64::new(run.memory_bytes()),
        run: Mutex::new(run),
        cancel,
        stop: AtomicBool::new(false),
        failed: Mutex::new(None),
    };
    permit.run(|| shared.work(&mut source.another()));
    match lock(&shared.failed).take() {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

impl Shared<'_> {
    /// Takes parts and reads them until there are none, or somebody failed.
    fn work(&self, source: &mut MapSource<'_>) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(part) = lock(&self.run).take_part() else { return };
            let number = part.number();
            if let Err(error) = self.read(part, source) {
                self.stop.store(true, Ordering::Relaxed);
                let mut failed = lock(&self.failed);
                if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                    *failed = Some((number, error));
                }
            }
        }
    }

    fn read(&self, mut part: QueryPart, source: &mut MapSource<'_>) -> Result<()> {
        let mut own = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(cancelled());
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let elsewhere = self.held_bytes.load(Ordering::Relaxed).saturating_sub(own);
            let step = part.step(source, elsewhere)?;
            self.account(&mut own, part.memory_bytes());
            match step {
                Step::Ready(()) => {}
                Step::Missing(_) => return Err(Error::new(ErrorKind::Io, "a mapped segment is not there")),
                Step::Done => break,
            }
        }
        let mut run = lock(&self.run);
        let mut before = run.memory_bytes() + own;
        run.join(part)?;
        self.account(&mut before, run.memory_bytes());
        Ok(())
    }

    fn account(&self, before: &mut u64, now: u64) {
        if now >= *before {
            self.held_bytes.fetch_add(now - *before, Ordering::Relaxed);
        } else {
            self.held_bytes.fetch_sub(*before - now, Ordering::Relaxed);
        }
        *before = now;
    }
}

pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the query was cancelled")
}
