//! Limit: a destination that moves so many bytes a second, up and down together, and no more.
//!
//! Whoever would be too fast waits before its next bytes; several threads share one allowance. What one host copies by itself (a
//! range of a file into a folder) goes through it too, so nothing here hands out files.
use super::{Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, Page, Put, PutOptions};
use crate::error::Result;
use chronicle_core::ids::Hash;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that may pass at once after a pause.
const BURST: Duration = Duration::from_millis(100);

/// See the module.
pub(crate) struct Limited {
    inner: Arc<dyn Destination>,
    allowance: Allowance,
}

struct Allowance {
    bytes_per_second: NonZeroU64,
    /// When everything that passed so far is paid for.
    paid: Mutex<Instant>,
}

impl Limited {
    pub(crate) fn new(inner: Arc<dyn Destination>, bytes_per_second: NonZeroU64) -> Self {
        Self { inner, allowance: Allowance { bytes_per_second, paid: Mutex::new(Instant::now()) } }
    }
}

impl Allowance {
    /// Waits until so many bytes may pass.
    fn pass(&self, bytes: u64) {
        let price = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.get() as f64);
        let now = Instant::now();
        let wait = {
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            *paid = (*paid).max(earliest) + price;
            paid.saturating_duration_since(now)
        };
        std::thread::sleep(wait);
    }
}

/// A body whose bytes are paid for as they are read.
struct Paid<'a> {
    inner: &'a dyn Body,
    allowance: &'a Allowance,
}

impl Body for Paid<'_> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.allowance.pass(buffer.len() as u64);
        self.inner.read_exact_at(offset, buffer)
    }
}

impl Destination for Limited {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        self.inner.put(name, &Paid { inner: body, allowance: &self.allowance }, options)
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let bytes = self.inner.get(name, len_max)?;
        self.allowance.pass(bytes.len() as u64);
        Ok(bytes)
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        let bytes = self.inner.get_range(name, offset, len)?;
        self.allowance.pass(len);
        Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{Bytes, MemoryDestination, PutMode};

    #[test]
    fn bytes_take_their_time_in_both_directions_and_over_threads() {
        let memory: Arc<dyn Destination> = Arc::new(MemoryDestination::new());
        let limited = Limited::new(memory, NonZeroU64::new(1_000_000).unwrap());
        let name = ObjectName::new("a").unwrap();
        let started = Instant::now();
        let _ = limited.put(&name, &Bytes(&[7; 200_000]), PutMode::Overwrite.by(Job([1; 16]))).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| limited.get(&name, 1 << 20).unwrap());
            }
        });
        assert_eq!(limited.get_range(&name, 0, 100_000).unwrap().len(), 100_000);
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(550) && took < Duration::from_secs(5), "{took:?}");
    }
}
