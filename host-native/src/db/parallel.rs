//! Reading side by side: the parts of a large query on several threads.
//!
//! Threads are started for one query and end with it; a query that is small, or comes while the threads that the
//! database may use are busy, is read by its caller alone. The answer does not depend on it.
use super::MapSource;
use super::answer::CancelToken;
use super::shared::lock;
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::engine::{DigestRun, QueryPart, QueryRun};
use chronicle_core::source::Step;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

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
    /// Runs `help` on each helper, as far as the system has threads to give, and `own` on the caller's thread. Returns when
    /// all are done.
    fn run(&self, help: impl Fn() + Sync, own: impl FnOnce()) {
        std::thread::scope(|scope| {
            for _ in 0..self.count {
                let helper = std::thread::Builder::new().name("chronicle-read".into());
                // Without it there is one reader less.
                let _ = helper.spawn_scoped(scope, &help);
            }
            own();
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
    let work = || shared.work(&mut source.another());
    permit.run(work, work);
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

/// Reads what is left of a digest on several threads, if there is enough of it and helpers are free; otherwise does
/// nothing. `go_on` is asked on the caller's thread, with the points read by all; false when it said no.
pub(super) fn read_digest(
    run: &mut DigestRun,
    source: &MapSource<'_>,
    helpers: &Helpers,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<bool> {
    let permit = helpers.take(usize::MAX);
    let parts = if permit.count > 0 { run.split() } else { Vec::new() };
    let points = AtomicU64::new(run.points_read());
    let stop = AtomicBool::new(false);
    let (parts, read) = (Mutex::new(parts), Mutex::new((run, Ok(true))));
    let work = |go_on: &mut dyn FnMut(u64) -> bool| {
        let mut source = source.another();
        loop {
            // Bound first: in a `while let` the guard would be held while the part is read.
            let next = lock(&parts).pop();
            let Some(mut part) = next else { return };
            let result = read_digest_part(&mut part, &mut source, &stop, &mut |more| {
                go_on(points.fetch_add(more, Ordering::Relaxed) + more)
            });
            let (run, outcome) = &mut *lock(&read);
            match result {
                Ok(true) => run.join(&part),
                other => {
                    stop.store(true, Ordering::Relaxed);
                    // An error says more than that somebody stopped.
                    if outcome.is_ok() {
                        *outcome = other;
                    }
                    return;
                }
            }
        }
    };
    permit.run(|| work(&mut |_| true), || work(go_on));
    read.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

/// True when it was read to its end.
fn read_digest_part(
    part: &mut DigestRun,
    source: &mut MapSource<'_>,
    stop: &AtomicBool,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<bool> {
    loop {
        let before = part.points_read();
        match part.step(source)? {
            Step::Ready(Some(_)) => return Ok(true),
            Step::Ready(None) if go_on(part.points_read() - before) && !stop.load(Ordering::Relaxed) => {}
            Step::Ready(None) => return Ok(false),
            Step::Missing(_) | Step::Done => {
                return Err(Error::new(ErrorKind::Io, "a mapped segment is not there"));
            }
        }
    }
}

pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the query was cancelled")
}
