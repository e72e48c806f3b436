//! Bytes: what is at hand of a database, and fetching the rest.
//!
//! A reader is stepped with a [`Source`]; what it misses is fetched side by side, and it is stepped again. Everything that was
//! fetched for one step stays at hand until that step is done, whatever the caches forget meanwhile.
use crate::lru::Lru;
use crate::medium::Medium;
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::ids::Hash;
use chronicle_core::segment::{DecodedBlock, SegmentIndex};
use chronicle_core::source::{BlockKey, ByteRange, CachedBlock, Source, Step};
use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of a medium by where they begin.
type Units = BTreeMap<u64, Rc<Vec<u8>>>;

pub(crate) struct Bytes {
    pub(crate) medium: Medium,
    units: RefCell<Lru<u64, Rc<Vec<u8>>>>,
    indexes: RefCell<Lru<Hash, Arc<SegmentIndex>>>,
    blocks: RefCell<Lru<BlockKey, Arc<DecodedBlock>>>,
    /// Counts writes: what was asked for before one must not be kept behind it.
    writes: Cell<u64>,
}

impl Bytes {
    /// Keeps about `cache_bytes` of what was read.
    pub(crate) fn new(medium: Medium, cache_bytes: u64) -> Self {
        Self {
            medium,
            units: RefCell::new(Lru::new(cache_bytes / 2)),
            indexes: RefCell::new(Lru::new(cache_bytes / 4)),
            blocks: RefCell::new(Lru::new(cache_bytes / 4)),
            writes: Cell::new(0),
        }
    }

    /// Steps a reader until it answers; `None` at its end.
    pub(crate) async fn run<T>(
        &self,
        mut step: impl FnMut(&mut dyn Source) -> Result<Step<T>>,
    ) -> Result<Option<T>> {
        let mut held = Units::new();
        loop {
            let memory = match &self.medium {
                Medium::Memory(memory) => Some(memory.data()),
                _ => None,
            };
            let mut source = BytesSource { bytes: self, memory, held: &mut held, joined: Vec::new() };
            let stepped = step(&mut source);
            drop(source);
            match stepped? {
                Step::Ready(answer) => return Ok(Some(answer)),
                Step::Done => return Ok(None),
                Step::Missing(ranges) => self.fetch(&ranges, &mut held).await?,
            }
        }
    }

    /// [`Bytes::run`] of what always answers.
    pub(crate) async fn run_one<T>(&self, step: impl FnMut(&mut dyn Source) -> Result<Step<T>>) -> Result<T> {
        let answer = self.run(step).await?;
        answer.ok_or_else(|| Error::new(ErrorKind::Io, "a reader ended without an answer; report this"))
    }

    /// A range, read past the caches.
    pub(crate) async fn read(&self, range: ByteRange) -> Result<Vec<u8>> {
        self.check_inside(range)?;
        let mut read = self.medium.fetch(&[range]).await?;
        read.pop().ok_or_else(|| Error::new(ErrorKind::Io, "the storage did not answer"))
    }

    /// Notes that `range` of `data.db` is about to be written.
    pub(crate) fn forget(&self, range: ByteRange) -> Result<()> {
        if let Medium::Stored(_) = &self.medium {
            self.writes.set(self.writes.get() + 1);
            let mut units = self.units.borrow_mut();
            self.medium.units(range)?.iter().for_each(|unit| units.remove(&unit.offset));
        }
        Ok(())
    }

    fn check_inside(&self, range: ByteRange) -> Result<()> {
        match range.end() <= self.medium.len() {
            true => Ok(()),
            false => Err(Error::damaged(format!(
                "bytes {}..{} lie behind the end of the file ({} bytes): it was cut",
                range.offset,
                range.end(),
                self.medium.len()
            ))),
        }
    }

    async fn fetch(&self, ranges: &[ByteRange], held: &mut Units) -> Result<()> {
        let mut wanted = Vec::new();
        for range in ranges {
            self.check_inside(*range)?;
            wanted.extend(
                self.medium.units(*range)?.into_iter().filter(|unit| !held.contains_key(&unit.offset)),
            );
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Err(Error::new(ErrorKind::Io, "a reader asked for what it has; report this"));
        }
        let writes = self.writes.get();
        let read = self.medium.fetch(&wanted).await?;
        for (unit, bytes) in wanted.iter().zip(read) {
            let bytes = Rc::new(bytes);
            if self.writes.get() == writes {
                self.units.borrow_mut().insert(unit.offset, Rc::clone(&bytes), unit.len);
            }
            held.insert(unit.offset, bytes);
        }
        Ok(())
    }
}

struct BytesSource<'a> {
    bytes: &'a Bytes,
    memory: Option<Ref<'a, Vec<u8>>>,
    held: &'a mut Units,
    /// A range that lies in several units.
    joined: Vec<u8>,
}

impl BytesSource<'_> {
    /// Makes a unit held, if it is at hand and whole.
    fn hold(&mut self, unit: ByteRange) -> bool {
        let is_whole = |bytes: &Rc<Vec<u8>>| bytes.len() as u64 >= unit.len;
        if self.held.get(&unit.offset).is_some_and(is_whole) {
            return true;
        }
        match self.bytes.units.borrow_mut().get(&unit.offset).filter(is_whole) {
            Some(bytes) => {
                self.held.insert(unit.offset, bytes);
                true
            }
            None => {
                // One that is shorter was read before the file grew.
                self.held.remove(&unit.offset);
                false
            }
        }
    }
}

impl Source for BytesSource<'_> {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        self.bytes.check_inside(range)?;
        if self.memory.is_some() {
            let bounds = usize::try_from(range.offset).ok().zip(usize::try_from(range.end()).ok());
            let memory = self.memory.as_ref();
            return Ok(memory.zip(bounds).and_then(|(memory, (start, end))| memory.get(start..end)));
        }
        let units = self.bytes.medium.units(range)?;
        let mut is_at_hand = true;
        for unit in &units {
            is_at_hand &= self.hold(*unit);
        }
        if !is_at_hand {
            return Ok(None);
        }
        let part = |held: &'_ Units, unit: &ByteRange| -> Option<(Rc<Vec<u8>>, usize, usize)> {
            let bytes = Rc::clone(held.get(&unit.offset)?);
            let start = usize::try_from(range.offset.saturating_sub(unit.offset)).ok()?;
            let end = usize::try_from(range.end().min(unit.end()).checked_sub(unit.offset)?).ok()?;
            Some((bytes, start, end))
        };
        if let [unit] = units.as_slice() {
            let Some((_, start, end)) = part(self.held, unit) else { return Ok(None) };
            return Ok(self.held.get(&unit.offset).and_then(|bytes| bytes.get(start..end)));
        }
        self.joined.clear();
        for unit in &units {
            let Some((bytes, start, end)) = part(self.held, unit) else { return Ok(None) };
            self.joined.extend_from_slice(bytes.get(start..end).unwrap_or_default());
        }
        Ok(Some(&self.joined))
    }

    fn cached_index(&mut self, identity: &Hash) -> Option<Arc<SegmentIndex>> {
        self.bytes.indexes.borrow_mut().get(identity)
    }

    fn keep_index(&mut self, identity: &Hash, index: &Arc<SegmentIndex>) {
        self.bytes.indexes.borrow_mut().insert(*identity, Arc::clone(index), index.memory_bytes() as u64);
    }

    fn cached_block(&mut self, key: &BlockKey, partly: bool) -> CachedBlock {
        match self.bytes.blocks.borrow_mut().get(key) {
            Some(block) => CachedBlock::Found(block),
            None if partly => CachedBlock::Wanted,
            None => CachedBlock::Unwanted,
        }
    }

    fn keep_block(&mut self, key: &BlockKey, block: &Arc<DecodedBlock>) {
        self.bytes.blocks.borrow_mut().insert(*key, Arc::clone(block), block.memory_bytes() as u64);
    }
}
