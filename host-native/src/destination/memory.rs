//! A destination in the memory of this process: for tests and dry runs. It is gone with its value.
use super::{
    Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, PAGE_OBJECTS_MAX, Page, Put,
    PutMode, PutOptions, absent, short, too_long,
};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::ids::Hash;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemoryDestination {
    objects: Mutex<BTreeMap<ObjectName, Arc<[u8]>>>,
}

const PLACE: &str = "memory";

impl MemoryDestination {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Arc<[u8]>>> {
        // Every change is one call of the map: a panic elsewhere leaves it whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, name: &ObjectName) -> Result<Arc<[u8]>> {
        self.objects().get(name).cloned().ok_or_else(|| absent(PLACE, name))
    }
}

impl Destination for MemoryDestination {
    fn place(&self) -> String {
        PLACE.to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { resumable_puts: false, ..Capabilities::ALL }
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        let len = usize::try_from(body.len()).map_err(|_| {
            Error::new(
                ErrorKind::LimitExceeded,
                format!("{} bytes do not fit this machine's memory", body.len()),
            )
            .at(name)
        })?;
        let mut bytes = vec![0; len];
        body.read_exact_at(0, &mut bytes)?;
        let mut objects = self.objects();
        if options.mode == PutMode::CreateOnly && objects.contains_key(name) {
            return Ok(Put::AlreadyThere);
        }
        objects.insert(name.clone(), bytes.into());
        Ok(Put::Written)
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let bytes = self.object(name)?;
        if bytes.len() as u64 > len_max {
            return Err(too_long(PLACE, name, bytes.len() as u64, len_max));
        }
        Ok(bytes.to_vec())
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        let bytes = self.object(name)?;
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| bytes.get(start..)?.get(..usize::try_from(len).ok()?));
        part.map(<[u8]>::to_vec).ok_or_else(|| short(PLACE, name, offset, len, bytes.len() as u64))
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        let len = self.objects().get(name).map(|bytes| bytes.len() as u64);
        Ok(len.map(|len| ObjectMeta { name: name.clone(), len }))
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        let limit = limit.clamp(1, PAGE_OBJECTS_MAX);
        let after = cursor.map(ObjectName::new).transpose()?;
        // Names below a folder do not follow it at once ("a", "a-b", "a/c"), so the start is only a bound.
        let start = match (&after, folder) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(folder)) => Bound::Excluded(folder),
            (None, None) => Bound::Unbounded,
        };
        let mut page = Page::default();
        for (name, bytes) in self.objects().range::<ObjectName, _>((start, Bound::Unbounded)) {
            if folder.is_some_and(|folder| !name.is_below(folder)) {
                if folder.is_some_and(|folder| !name.as_str().starts_with(folder.as_str())) {
                    break;
                }
                continue;
            }
            if page.objects.len() == limit {
                page.next = page.objects.last().map(|last| last.name.to_string());
                break;
            }
            page.objects.push(ObjectMeta { name: name.clone(), len: bytes.len() as u64 });
        }
        Ok(page)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.objects().remove(name);
        Ok(())
    }

    fn clean(&self, _: Option<&ObjectName>, _: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        Ok(Cleaned::default())
    }

    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        self.object(name).map(|bytes| Some(Hash::of(&bytes)))
    }
}
