//! A destination that counts how many reads there were, and of how many bytes; and that can refuse what is put.
use chronicle::destination::{
    Body, Capabilities, Cleaned, Destination, FolderDestination, Job, ObjectMeta, ObjectName, Page, Put,
    PutOptions, objects,
};
use chronicle::ids::Hash;
use chronicle::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder, and what was read of it.
pub struct Counting {
    inner: FolderDestination,
    reads: AtomicU64,
    bytes: AtomicU64,
    refused: Mutex<Option<&'static str>>,
}

impl Counting {
    /// Over a folder, which is made when there is none.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        let inner = FolderDestination::new(folder.as_ref()).expect("a folder is a destination");
        Self { inner, reads: AtomicU64::new(0), bytes: AtomicU64::new(0), refused: Mutex::new(None) }
    }

    /// Refuses every put of a name that ends so, from now on.
    pub fn refuse(&self, end: Option<&'static str>) {
        *self.refused.lock().expect("nobody panicked") = end;
    }

    /// How many reads there were, and how many bytes came.
    pub fn read(&self) -> (u64, u64) {
        (self.reads.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Bytes of everything that is there.
    pub fn stored(&self) -> u64 {
        objects(&self.inner, None).map(|object| object.expect("it can be listed").len).sum()
    }

    fn count(&self, bytes: Result<Vec<u8>>) -> Result<Vec<u8>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.as_ref().map_or(0, Vec::len) as u64, Ordering::Relaxed);
        bytes
    }
}

impl Destination for Counting {
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
            false => self.inner.put(name, body, options),
        }
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        self.count(self.inner.get(name, len_max))
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.count(self.inner.get_range(name, offset, len))
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        self.inner.stat(name)
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        self.inner.list(folder, cursor, limit)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.inner.delete(name)
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        self.inner.clean(folder, is_over)
    }

    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        self.inner.hash(name)
    }
}
