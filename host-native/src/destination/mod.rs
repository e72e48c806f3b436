//! Where backups go: whole objects under names, on a disk, in memory, in a store.
//!
//! [`Destination`] is the contract, and the only thing that the rooms above know. What it keeps true: an object appears
//! whole or not at all; a read gives exactly the bytes that were asked for, or an error; nothing is inferred from a
//! listing; no failure is passed over. It knows nothing of backups, records or numbers. A passing failure is
//! [`ErrorKind::Transient`]: the caller decides, except of destinations that say that they tried again ([`Capabilities`]).
//!
//! [`open`] makes one from a path or URL, [`conformance`] proves that one keeps the contract.
mod body;
mod capabilities;
pub mod conformance;
mod folder;
mod limit;
mod memory;
mod name;
#[cfg(feature = "remote")]
mod object_store;
mod objects;
mod url;

pub use body::{Body, Bytes, FileBody};
pub use capabilities::Capabilities;
pub use folder::FolderDestination;
pub(crate) use limit::Limited;
pub use memory::MemoryDestination;
pub use name::{NAME_BYTES_MAX, ObjectName, PART_BYTES_MAX};
#[cfg(feature = "plugins")]
pub(crate) use object_store::runtime;
#[cfg(feature = "remote")]
pub use object_store::{S3Backend, S3Config, Secret};
pub use objects::{Objects, objects};
pub(crate) use url::refuse_url;
pub use url::{Settings, is_url, open, open_with};

use crate::error::{Error, ErrorKind, Result};
use crate::files::regular_file::RegularFile;
use chronicle_core::ids::Hash;
pub use chronicle_core::ids::Job;

/// Most objects in one page of a listing.
pub const PAGE_OBJECTS_MAX: usize = 1_000;

/// Bytes that are moved at a time where the memory of this process is in between.
const WINDOW_BYTES: u64 = 1 << 20;

/// A place for whole objects. All calls block; all may be made from several threads.
///
/// Errors have the kind that tells what to do: `NotFound`, `Permission`, `Full`, `Transient` (may be tried again, and may
/// already have happened), `Busy`, `Unsupported` (see [`Capabilities`]), `Damaged` (the bytes are not there in the length that was
/// asked for), `LimitExceeded`, `InvalidInput`, `Io`.
pub trait Destination: Send + Sync {
    /// What it is called in messages and reports: a path or URL, without secrets.
    fn place(&self) -> String;

    /// What it can do, as far as that is known without trying.
    fn capabilities(&self) -> Capabilities;

    /// Stores an object whole, durably. When this returns, every reader finds it; after an error nobody ever finds a
    /// part of it, but it may be there as a whole (a lost acknowledgement), which [`stat`](Self::stat) tells.
    ///
    /// An interrupted put leaves nothing under `name`, and perhaps a part aside under the job's id. The next put of the same
    /// name by the same job goes on from it, after comparing it with `body`; [`clean`](Self::clean) removes it.
    /// One job puts one name once at a time: a second one meanwhile is `Busy`.
    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put>;

    /// The whole object, in one consistent read also while it is overwritten. `LimitExceeded`, without reading it, when it
    /// is longer than `len_max`.
    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>>;

    /// Exactly `len` bytes from `offset` on. An object that ends before `offset + len` is `Damaged`.
    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>>;

    /// What is known of an object without reading it; `None` when there is none.
    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>>;

    /// One page of the objects whose names start with `folder` and a slash (all objects without one), in the order of
    /// the bytes of their names. `cursor` is `next` of the page before. A page has at most `limit` and at most
    /// [`PAGE_OBJECTS_MAX`] objects, and may have fewer; the last one has no `next`. Whether an object that
    /// comes or goes meanwhile is in it is not said. [`objects`] walks the pages.
    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page>;

    /// Deletes an object, durably. One that is not there is fine.
    fn delete(&self, name: &ObjectName) -> Result<()>;

    /// Removes what interrupted puts left below `folder` (everywhere without one), of those jobs that are over: the caller
    /// knows, `is_over` tells. What a living put is found to hold stays.
    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned>;

    /// BLAKE3 of the stored bytes, read at the destination. `None` where that would move them here.
    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        let _ = name;
        Ok(None)
    }

    /// Copies exactly `len` bytes from `offset` on to `target_offset` of a file, in bounded memory. The caller syncs.
    fn get_to(
        &self,
        name: &ObjectName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        const GET_BYTES: u64 = 8 * WINDOW_BYTES;
        let mut done = 0;
        while done < len {
            let step = GET_BYTES.min(len - done);
            let bytes = self.get_range(name, offset.saturating_add(done), step)?;
            if bytes.len() as u64 != step {
                return Err(short(self.place(), name, offset.saturating_add(done), step, bytes.len() as u64));
            }
            target.write_all_at(target_offset.saturating_add(done), &bytes)?;
            done += step;
        }
        Ok(())
    }
}

/// How an object is put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PutOptions {
    /// What happens when there is one of that name.
    pub mode: PutMode,
    /// Whose put it is.
    pub job: Job,
}

/// What a put does when an object of that name is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutMode {
    /// Leaves it; of several creators at once exactly one wins. `Unsupported` where the destination can't promise that.
    CreateOnly,
    /// Replaces it in one step.
    Overwrite,
}

impl PutMode {
    /// Options of a put of `job` in this mode.
    pub fn by(self, job: Job) -> PutOptions {
        PutOptions { mode: self, job }
    }
}

/// What a put came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an object that was there already is not the one that was put"]
pub enum Put {
    /// The object is the one that was put.
    Written,
    /// Create-only, and one was there: perhaps our own, whose acknowledgement was lost. Read it to know.
    AlreadyThere,
}

/// What is known of an object without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectMeta {
    /// Its whole name.
    pub name: ObjectName,
    /// Its length in bytes.
    pub len: u64,
}

/// A part of a listing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// In order of name.
    pub objects: Vec<ObjectMeta>,
    /// Asks for the next page; `None` when this is the last. Means something to the destination that gave it only.
    pub next: Option<String>,
}

/// What [`Destination::clean`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cleaned {
    /// Leftovers that are gone.
    pub removed: u64,
    /// Bytes that they held.
    pub bytes: u64,
    /// Leftovers that stay, because a put that is alive holds them or their job is not over.
    pub kept: u64,
}

pub(crate) fn absent(place: &str, name: &ObjectName) -> Error {
    Error::new(ErrorKind::NotFound, "there is no such object: check the name and the destination")
        .at(name)
        .at(place)
}

pub(crate) fn too_long(place: &str, name: &ObjectName, len: u64, len_max: u64) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("it has {len} bytes, of which at most {len_max} were expected"),
    )
    .at(name)
    .at(place)
}

pub(crate) fn short(
    place: impl std::fmt::Display,
    name: &ObjectName,
    offset: u64,
    len: u64,
    object_len: u64,
) -> Error {
    Error::damaged(format!(
        "{len} bytes at offset {offset} were expected, but the object ends at {object_len}: verify this backup"
    ))
    .at(name)
    .at(place)
}
