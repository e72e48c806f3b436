//! A folder on a disk or network file system as a destination. Every object is a regular file at its name.
//!
//! What it keeps true, also when killed at any point: an object is written aside as `<name>.partial-<job>`, synced, and gets its
//! name in one step; then every folder above it is synced. No symbolic link below the root is followed; files that are no objects
//! of ours are not touched. Nothing is left to the closing of a file, whose errors nobody hears: bytes are synced before.
//!
//! Network file systems: where two can't rename exclusively (NFS), they link; what the server says twice (an exclusive creation
//! that "is there already", a rename whose source "is gone") is looked at before it is believed; a stale handle is `Transient`.
mod clean;
mod list;
mod partial;
mod place;

use super::{
    Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, Page, Put, PutMode, PutOptions,
    absent, short, too_long,
};
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::remove_durably;
use crate::files::copy::{copy_range, hash_file};
use crate::files::regular_file::{Access, Links, RegularFile};
use chronicle_core::ids::Hash;
use partial::Partial;
use place::{Found, Root};
use std::path::{Path, PathBuf};

/// Windows in which an object is hashed.
const HASH_WINDOW_BYTES: u64 = 32 << 20;
/// How often a folder that vanishes under a put (someone deleted the last object in it) is made again.
const TRIES_MAX: usize = 16;

/// Objects as files below a folder.
#[derive(Debug)]
pub struct FolderDestination {
    root: Root,
    single_writer: bool,
}

impl FolderDestination {
    /// The folder is made by the first put; the one that it lies in must be there then. Nothing is touched yet.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self { root: Root::new(root.into())?, single_writer: false })
    }

    /// Declares that nobody else writes there. Then a creation where names can't be given exclusively looks first and renames then.
    #[must_use]
    pub fn single_writer(mut self) -> Self {
        self.single_writer = true;
        self
    }

    /// The folder, as it was given.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// The file of an object that is there.
    fn open(&self, name: &ObjectName) -> Result<RegularFile> {
        let absent = || absent(&self.place(), name);
        let Found::Object { path, .. } = self.root.find(name)? else { return Err(absent()) };
        RegularFile::open_with(&path, Access::ReadOnly, Links::Refuse).map_err(|error| match error.kind() {
            ErrorKind::NotFound => absent(),
            _ => error,
        })
    }

    fn check_range(&self, file: &RegularFile, name: &ObjectName, offset: u64, len: u64) -> Result<()> {
        let object_len = file.len()?;
        match offset.checked_add(len) {
            Some(end) if end <= object_len => Ok(()),
            _ => Err(short(self.place(), name, offset, len, object_len)),
        }
    }

    /// One attempt; `None` when the folder vanished before the part was made.
    fn try_put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Option<Put>> {
        let path = self.root.make_folders(name)?;
        let partial_path = path.with_file_name(name.partial(options.job));
        let create_only = options.mode == PutMode::CreateOnly;
        if matches!(self.root.find(name)?, Found::Object { .. }) && create_only {
            // What our own interrupted attempt may have left beside it.
            if let Some(leftover) = Partial::find(&partial_path)? {
                leftover.discard()?;
            }
            // Whoever made it may not have come to this yet, and our caller may go on from it.
            self.root.sync_folders(name)?;
            return Ok(Some(Put::AlreadyThere));
        }
        let Some(partial) = Partial::open(&partial_path)? else { return Ok(None) };
        partial.fill(body)?;
        let partial = partial.sync()?;
        let put = if create_only {
            partial.publish_new(&path, self.single_writer)?
        } else {
            partial.replace(&path)?
        };
        self.root.sync_folders(name)?;
        Ok(Some(put))
    }
}

impl Destination for FolderDestination {
    fn place(&self) -> String {
        self.root.path().display().to_string()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { single_writer: self.single_writer, ..Capabilities::ALL }
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        for _ in 0..TRIES_MAX {
            if let Some(put) = self.try_put(name, body, options)? {
                return Ok(put);
            }
        }
        Err(Error::new(
            ErrorKind::Transient,
            "its folder keeps being removed: find out which program does that",
        )
        .at(name)
        .at(self.place()))
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let file = self.open(name)?;
        let len = file.len()?;
        if len > len_max {
            return Err(too_long(&self.place(), name, len, len_max));
        }
        file.read_exact_at(0, len)
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        let file = self.open(name)?;
        self.check_range(&file, name, offset, len)?;
        file.read_exact_at(offset, len)
    }

    fn get_to(
        &self,
        name: &ObjectName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        let file = self.open(name)?;
        self.check_range(&file, name, offset, len)?;
        copy_range(file.file(), offset, target.file(), target_offset, len).map_err(|error| {
            error.at(format_args!("{} to {}", file.path().display(), target.path().display()))
        })
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        Ok(match self.root.find(name)? {
            Found::Object { len, .. } => Some(ObjectMeta { name: name.clone(), len }),
            Found::Nothing => None,
        })
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        list::page(&self.root, folder, cursor, limit)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let path = self.root.join(name);
        if let Found::Nothing = self.root.find(name)? {
            // Whoever deleted it may have been killed before this.
            return self.root.sync_lowest_folder(&path);
        }
        match remove_durably(&path) {
            // The folder went with somebody else's object.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => result?,
        }
        self.root.remove_empty_folders(&path)
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        clean::clean(&self.root, folder, is_over)
    }

    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        let path = self.open(name)?.path().to_owned();
        hash_file(&path, HASH_WINDOW_BYTES).map(|(hash, _)| Some(Hash(*hash.as_bytes())))
    }
}
