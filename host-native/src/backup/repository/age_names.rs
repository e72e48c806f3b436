//! Names of age files: the destination of an encrypted repository, whose objects end in `.age`.
//!
//! Records, claims, holds, hints and the pages of a mark are for everybody and keep their names. Only names are changed here;
//! bytes, lengths and hashes are those that are stored.
use crate::destination::{
    Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, Page, Put, PutOptions,
};
use crate::error::Result;
use crate::files::regular_file::RegularFile;
use chronicle_core::backup::repository::{EntryKind, ObjectFile, ObjectName as RepositoryName};
use chronicle_core::ids::Hash;
use std::sync::Arc;

const SUFFIX: &str = ".age";

/// Whether an object is an age file: all data is, and every page but those of a mark. Shipped frames are one with a record behind it.
pub(super) fn is_encrypted(name: &str) -> bool {
    RepositoryName::parse(name).is_some_and(|name| {
        !matches!(name.file, ObjectFile::Record | ObjectFile::Shipped(_))
            && name.entry.kind != EntryKind::Prune
    })
}

/// See the module.
pub(super) struct AgeNames {
    inner: Arc<dyn Destination>,
}

impl AgeNames {
    pub(super) fn new(inner: Arc<dyn Destination>) -> Self {
        Self { inner }
    }

    fn stored(name: &ObjectName) -> Result<ObjectName> {
        match is_encrypted(name.as_str()) {
            true => ObjectName::new(format!("{name}{SUFFIX}")),
            false => Ok(name.clone()),
        }
    }

    /// The name that has this stored one; a name that is not ours stays what it is.
    fn known(name: ObjectName) -> Result<ObjectName> {
        match name.as_str().strip_suffix(SUFFIX).filter(|plain| is_encrypted(plain)) {
            Some(plain) => ObjectName::new(plain),
            None => Ok(name),
        }
    }
}

impl Destination for AgeNames {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        self.inner.put(&Self::stored(name)?, body, options)
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        self.inner.get(&Self::stored(name)?, len_max)
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.inner.get_range(&Self::stored(name)?, offset, len)
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        let found = self.inner.stat(&Self::stored(name)?)?;
        Ok(found.map(|found| ObjectMeta { name: name.clone(), ..found }))
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        // The order stays: of our names none is the start of another one that goes on with less than `.age`.
        let page = self.inner.list(folder, cursor, limit)?;
        let known = |object: ObjectMeta| Ok(ObjectMeta { name: Self::known(object.name)?, ..object });
        Ok(Page { objects: page.objects.into_iter().map(known).collect::<Result<_>>()?, ..page })
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.inner.delete(&Self::stored(name)?)
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        self.inner.clean(folder, is_over)
    }

    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        self.inner.hash(&Self::stored(name)?)
    }

    fn get_to(
        &self,
        name: &ObjectName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        self.inner.get_to(&Self::stored(name)?, offset, len, target, target_offset)
    }
}
