//! What checks work with: a scratch folder, names and jobs that are remembered, and the sweeping up.
use super::super::{Body, Capabilities, Destination, Job, ObjectName, Put, PutMode, PutOptions, objects};
use super::Options;
use super::body::Pattern;
use crate::error::{Error, Result};
use crate::host::random_u64;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A promise that is not kept: in which way.
pub(super) struct Flaw(pub(super) String);

/// What a check answers.
pub(super) type Checked = std::result::Result<(), Flaw>;

impl From<Error> for Flaw {
    fn from(error: Error) -> Self {
        Self(format!("{error:?}"))
    }
}

/// Ends a check with a flaw unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err($crate::destination::conformance::bench::Flaw(format!($($said)+)));
        }
    };
}
pub(super) use ensure;

/// One run of the suite.
pub(super) struct Bench<'a> {
    pub(super) destination: &'a dyn Destination,
    pub(super) options: &'a Options,
    scratch: ObjectName,
    seed: u64,
    jobs: AtomicU64,
    names: Mutex<BTreeSet<ObjectName>>,
    small_puts: Mutex<Vec<Duration>>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(destination: &'a dyn Destination, options: &'a Options) -> Result<Self> {
        let seed = random_u64()?;
        let scratch = match &options.scratch {
            Some(scratch) => scratch.clone(),
            None => ObjectName::new(format!("chronicle-test-{seed:016x}"))?,
        };
        Ok(Self {
            destination,
            options,
            scratch,
            seed,
            jobs: AtomicU64::new(0),
            names: Mutex::default(),
            small_puts: Mutex::default(),
        })
    }

    /// A folder of this check alone.
    pub(super) fn folder(&self, name: &str) -> Result<ObjectName> {
        self.scratch.join(name)
    }

    /// A name that will be swept up.
    pub(super) fn name(&self, name: &str) -> Result<ObjectName> {
        let name = self.scratch.join(name)?;
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        Ok(name)
    }

    /// A job that nobody had before.
    pub(super) fn job(&self) -> Job {
        let number = self.jobs.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(self.seed.to_le_bytes().into_iter().chain(number.to_be_bytes())) {
            *to = from;
        }
        Job(id)
    }

    /// Whether a job is one of this run.
    pub(super) fn is_ours(&self, job: Job) -> bool {
        job.0.starts_with(&self.seed.to_le_bytes())
    }

    pub(super) fn put(&self, name: &ObjectName, body: &dyn Body, mode: PutMode) -> Result<Put> {
        self.destination.put(name, body, PutOptions { mode, job: self.job() })
    }

    /// Puts an object that must be new.
    pub(super) fn create(&self, name: &ObjectName, body: &dyn Body) -> Checked {
        let mode = if self.can().create_only { PutMode::CreateOnly } else { PutMode::Overwrite };
        let started = Instant::now();
        let put = self.put(name, body, mode)?;
        if body.len() <= 64 {
            self.small_puts.lock().unwrap_or_else(PoisonError::into_inner).push(started.elapsed());
        }
        ensure!(put == Put::Written, "a new name is said to be there already");
        Ok(())
    }

    pub(super) fn can(&self) -> Capabilities {
        self.destination.capabilities()
    }

    /// That an object is exactly this, by every way of looking.
    pub(super) fn expect(&self, name: &ObjectName, pattern: &Pattern) -> Checked {
        match self.destination.stat(name)? {
            None => ensure!(false, "it is not there after it was put"),
            Some(meta) => {
                ensure!(
                    meta.len == pattern.len,
                    "its length is said to be {}, not {}",
                    meta.len,
                    pattern.len
                );
                ensure!(meta.name == *name, "it is said to be {}", meta.name);
            }
        }
        let bytes = self.destination.get(name, pattern.len)?;
        ensure!(bytes.len() as u64 == pattern.len, "{} of {} bytes come back", bytes.len(), pattern.len);
        ensure!(bytes == pattern.all(), "other bytes come back than were put");
        Ok(())
    }

    /// That there is no object of this name, by every way of looking.
    pub(super) fn expect_absent(&self, name: &ObjectName) -> Checked {
        ensure!(self.destination.stat(name)?.is_none(), "it is there, and must not be");
        match self.destination.get(name, u64::MAX) {
            Ok(bytes) => ensure!(false, "{} bytes of it can be read, and it must not be there", bytes.len()),
            Err(error) => {
                let kind = error.kind();
                ensure!(
                    kind == crate::ErrorKind::NotFound,
                    "reading what is not there is {kind:?}, not NotFound"
                );
            }
        }
        Ok(())
    }

    /// Names below a folder of the scratch folder, from the folder on.
    pub(super) fn listed(&self, folder: &ObjectName) -> Result<Vec<(String, u64)>> {
        let start = folder.as_str().len() + 1;
        objects(self.destination, Some(folder))
            .map(|object| {
                object.map(|object| {
                    (object.name.as_str().get(start..).unwrap_or_default().to_owned(), object.len)
                })
            })
            .collect()
    }

    /// Runs `work` in several threads at once, and answers what each said.
    pub(super) fn race<T: Send>(&self, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let start = std::sync::Barrier::new(self.options.threads);
        let work = |index| {
            start.wait();
            work(index)
        };
        let work = &work;
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.options.threads).map(|index| scope.spawn(move || work(index))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        })
    }

    /// Whether anything can be stored at all.
    pub(super) fn first_put(&self) -> Result<()> {
        let name = self.name("first")?;
        self.put(&name, &Pattern { seed: 1, len: 32 }, PutMode::Overwrite).map(|_| ())
    }

    pub(super) fn small_put(&self) -> Option<Duration> {
        let mut took = self.small_puts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        took.sort_unstable();
        took.get(took.len() / 2).copied()
    }

    /// Deletes everything of this run, and answers what could not be.
    pub(super) fn sweep(&self) -> Vec<String> {
        let names: Vec<ObjectName> =
            self.names.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        // A failure shows in what is left.
        let _ = self.destination.clean(Some(&self.scratch), &|job| self.is_ours(job));
        let left = self.race(|index| {
            let ours = names.iter().skip(index).step_by(self.options.threads);
            ours.filter(|name| self.destination.delete(name).is_err())
                .filter(|name| !matches!(self.destination.stat(name), Ok(None)))
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        });
        left.concat()
    }
}
