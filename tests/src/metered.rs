//! A destination that counts what is asked of it, and can break off or refuse: cost is a number of requests and bytes, and an
//! interrupted job is one that got no further.
use chronicle::destination::{
    Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, Page, Put, PutOptions,
};
use chronicle::ids::Hash;
use chronicle::{Error, ErrorKind, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What was asked of a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// Calls of any kind but hashes, which real stores don't have.
    pub requests: u64,
    /// Bytes that were got.
    pub got: u64,
    /// Bytes that were put.
    pub put: u64,
}

/// Counts for another destination.
pub struct Metered<D> {
    /// The destination.
    pub inner: D,
    requests: AtomicU64,
    got: AtomicU64,
    put: AtomicU64,
    /// Bytes that may still be moved; then everything fails.
    left: AtomicU64,
    refused: Mutex<Option<&'static str>>,
}

impl<D> Metered<D> {
    /// Counts from nothing on.
    pub fn new(inner: D) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            inner,
            requests: zero(),
            got: zero(),
            put: zero(),
            left: AtomicU64::new(u64::MAX),
            refused: Mutex::new(None),
        }
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Asked {
        Asked {
            requests: self.requests.swap(0, Relaxed),
            got: self.got.swap(0, Relaxed),
            put: self.put.swap(0, Relaxed),
        }
    }

    /// Breaks off after so many more bytes, got or put.
    pub fn break_after(&self, bytes: u64) {
        self.left.store(bytes, Relaxed);
    }

    /// Refuses every put of a name that ends so, from now on.
    pub fn refuse(&self, end: Option<&'static str>) {
        *self.refused.lock().expect("nobody panicked") = end;
    }

    fn moves(&self, bytes: u64) -> Result<()> {
        match self.left.try_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::new(ErrorKind::Io, "broken off, as a kill would")),
        }
    }

    fn count(&self) -> &Self {
        self.requests.fetch_add(1, Relaxed);
        self
    }
}

struct Counted<'a, D>(&'a dyn Body, &'a Metered<D>);

impl<D: Send + Sync> Body for Counted<'_, D> {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.1.moves(buffer.len() as u64)?;
        self.1.put.fetch_add(buffer.len() as u64, Relaxed);
        self.0.read_exact_at(offset, buffer)
    }
}

impl<D: Destination> Destination for Metered<D> {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        let refused = *self.refused.lock().expect("nobody panicked");
        match refused.is_some_and(|end| name.as_str().ends_with(end)) {
            true => Err(Error::new(ErrorKind::Full, "it is refused").at(name)),
            false => self.count().inner.put(name, &Counted(body, self), options),
        }
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let bytes = self.count().inner.get(name, len_max)?;
        self.moves(bytes.len() as u64)?;
        self.got.fetch_add(bytes.len() as u64, Relaxed);
        Ok(bytes)
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.moves(len)?;
        self.got.fetch_add(len, Relaxed);
        self.count().inner.get_range(name, offset, len)
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        self.count().inner.stat(name)
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        self.count().inner.list(folder, cursor, limit)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.count().inner.delete(name)
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        self.count().inner.clean(folder, is_over)
    }

    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        self.inner.hash(name)
    }
}
