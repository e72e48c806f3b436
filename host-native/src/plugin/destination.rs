//! A plugin as a destination.
use super::bindings::types;
use super::fault::Fault;
use super::grants::Granted;
use super::instance::{Program, call};
use super::limits::Limits;
use super::pool::Pool;
use super::transfer;
use crate::destination::{
    Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, PAGE_OBJECTS_MAX, Page, Put,
    PutMode, PutOptions, absent, short, too_long,
};
use crate::error::{Error, ErrorKind, Result};

/// Leftovers that a plugin may tell of at once.
const LEFTOVERS_MAX: usize = 100_000;

/// An open plugin. All objects lie under its prefix.
pub struct PluginDestination {
    pool: Pool,
    place: String,
    prefix: Option<ObjectName>,
    features: types::Capabilities,
    single_writer: bool,
}

impl PluginDestination {
    pub(super) fn open(
        program: Program,
        name: &str,
        prefix: Option<ObjectName>,
        (granted, limits): (Granted, Limits),
        settings: Vec<(String, String)>,
    ) -> Result<Self> {
        let place = match &prefix {
            Some(prefix) => format!("plugin://{name}/{prefix}"),
            None => format!("plugin://{name}"),
        };
        let pool = Pool::new(program, granted, limits, settings, place.clone());
        let features = pool.run(async |instance| {
            let root = instance.root;
            call!(instance, store.call_capabilities(root))
        })?;
        pool.allow_instances(features.max_instances);
        Ok(Self { pool, place, prefix, features, single_writer: false })
    }

    /// Declares that one host only will ever write there.
    #[must_use]
    pub fn single_writer(mut self) -> Self {
        self.single_writer = true;
        self
    }

    /// What the plugin said of late: its log and its stderr, at most 64 KiB of each instance.
    pub fn log(&self) -> String {
        self.pool.log()
    }

    /// The name in the plugin.
    fn inner(&self, name: &ObjectName) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_string(),
        }
    }

    fn inner_folder(&self, folder: Option<&ObjectName>) -> String {
        match (&self.prefix, folder) {
            (None, None) => String::new(),
            (None, Some(folder)) => format!("{folder}/"),
            (Some(prefix), None) => format!("{prefix}/"),
            (Some(prefix), Some(folder)) => format!("{prefix}/{folder}/"),
        }
    }

    /// The name out here of an object that was listed below `folder`. `None` for objects of others that have no name here.
    fn outer(&self, name: &str, folder: &str) -> Result<Option<ObjectName>> {
        let own = self.inner_folder(None);
        let rest = name.starts_with(folder).then(|| name.strip_prefix(&own)).flatten();
        let Some(rest) = rest.filter(|_| !name.split('/').any(|part| part == "..")) else {
            let error = Fault::broken("its listing has a name that was not asked for").into_error();
            return Err(error.at(&self.place));
        };
        Ok(ObjectName::new(rest).ok())
    }

    fn read(
        &self,
        name: &ObjectName,
        offset: u64,
        len: Option<u64>,
        check: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<transfer::Read> {
        let inner = self.inner(name);
        let read = self.pool.run(async |instance| transfer::get(instance, &inner, offset, len, check).await);
        read.map_err(|error| match error.kind() {
            ErrorKind::NotFound => absent(&self.place, name),
            _ => error,
        })
    }
}

impl Destination for PluginDestination {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: self.features.features.contains(types::Features::CREATE_ONLY),
            ranged_reads: true,
            list: true,
            delete: true,
            hash: false,
            resumable_puts: false,
            single_writer: self.single_writer,
            object_bytes_max: self.features.max_object,
            retries: false,
            must_be_tried: true,
        }
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        if options.mode == PutMode::CreateOnly && !self.capabilities().create_only {
            return Err(Error::unsupported("this plugin can't promise that of several creators one wins")
                .at(name)
                .at(&self.place));
        }
        if let Some(max) = self.features.max_object.filter(|max| body.len() > *max) {
            let message =
                format!("{} bytes are more than this plugin stores in one object ({max})", body.len());
            return Err(Error::new(ErrorKind::LimitExceeded, message).at(name).at(&self.place));
        }
        let inner = self.inner(name);
        self.pool.run(async |instance| transfer::put(instance, &inner, body, options).await)
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let check = |size: u64| match size > len_max {
            true => Err(too_long(&self.place, name, size, len_max)),
            false => Ok(()),
        };
        self.read(name, 0, None, &check).map(|read| read.bytes)
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        let check = |size: u64| match offset.checked_add(len).is_some_and(|end| end <= size) {
            true => Ok(()),
            false => Err(short(&self.place, name, offset, len, size)),
        };
        let read = self.read(name, offset, Some(len), &check)?;
        match read.bytes.len() as u64 == len {
            true => Ok(read.bytes),
            false => Err(short(&self.place, name, offset, len, read.size)),
        }
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        let inner = self.inner(name);
        let found = self.pool.run(async |instance| {
            let root = instance.root;
            let found = call!(instance, store.call_stat(root, &inner))?;
            let meta = instance.answered(found)?;
            match meta.name == inner {
                true => Ok(meta.size),
                false => Err(Fault::broken("it answered about another object than it was asked for")),
            }
        });
        match found {
            Ok(len) => Ok(Some(ObjectMeta { name: name.clone(), len })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        let limit = limit.clamp(1, PAGE_OBJECTS_MAX);
        let prefix = self.inner_folder(folder);
        let page = self.pool.run(async |instance| {
            let (root, count) = (instance.root, u32::try_from(limit).unwrap_or(u32::MAX));
            let page = call!(instance, store.call_list_objects(root, &prefix, cursor, count))?;
            let page = instance.answered(page)?;
            match page.objects.len() > limit {
                true => Err(Fault::broken(format!("it listed {} objects of {limit}", page.objects.len()))),
                false => Ok(page),
            }
        })?;
        let mut objects = Vec::with_capacity(page.objects.len());
        for meta in page.objects {
            if let Some(name) = self.outer(&meta.name, &prefix)? {
                objects.push(ObjectMeta { name, len: meta.size });
            }
        }
        Ok(Page { objects, next: page.next })
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let inner = self.inner(name);
        let deleted = self.pool.run(async |instance| {
            let root = instance.root;
            let deleted = call!(instance, store.call_delete(root, &inner))?;
            instance.answered(deleted)
        });
        match deleted {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        let mut cleaned = Cleaned::default();
        if !self.features.features.contains(types::Features::LEFTOVERS) {
            return Ok(cleaned);
        }
        let prefix = self.inner_folder(folder);
        let found = self.pool.run(async |instance| {
            let root = instance.root;
            let found = call!(instance, store.call_leftovers(root, &prefix))?;
            let found = instance.answered(found)?;
            match found.len() > LEFTOVERS_MAX {
                true => Err(Fault::broken(format!("it told of {} leftovers", found.len()))),
                false => Ok(found),
            }
        })?;
        for leftover in found {
            if !Job::from_hex(&leftover.job).is_some_and(is_over) {
                cleaned.kept += 1;
                continue;
            }
            self.pool.run(async |instance| {
                let root = instance.root;
                let removed = call!(instance, store.call_remove_leftover(root, &leftover.id))?;
                instance.answered(removed)
            })?;
            cleaned.removed += 1;
            cleaned.bytes = cleaned.bytes.saturating_add(leftover.size);
        }
        Ok(cleaned)
    }
}
