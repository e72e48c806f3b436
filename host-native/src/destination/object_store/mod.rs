//! Object stores as destinations: S3, Google Cloud Storage, Azure Blob Storage, and WebDAV servers.
//!
//! What it keeps true: a create-only put that was answered with "is there" after an answer was lost is settled by reading
//! back; a range is exactly what was asked for, or an error; no answer takes more memory than was asked for; large objects
//! go in parts, of which a few are in memory; an upload that broke off is found again by a marker beside its object and aborted.
//! Requests are retried here, and only here: see [`patience`]. It does not check content: whoever reads has hashes.
mod base64;
mod config;
mod failure;
mod patience;
mod read;
mod runtime;
mod store;
mod upload;
mod wire;

pub use config::{S3Backend, S3Config, Secret};
#[cfg(feature = "plugins")]
pub(crate) use runtime::runtime;

use super::name::job_of_partial;
use super::{
    Body, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, PAGE_OBJECTS_MAX, Page, Put,
    PutMode, PutOptions, Settings,
};
use crate::error::{Error, ErrorKind, Result};
use crate::files::regular_file::RegularFile;
use failure::Failure;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use patience::{Patience, RETRY_TIME_MAX};
use runtime::block_on;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use store::Store;

/// Longest object that is put in one request, and length of a part.
const PART_BYTES: u64 = 8 << 20;
/// Longest object that is created exclusively: that takes one request, and its memory. Records are far shorter.
const CREATE_BYTES_MAX: u64 = 64 << 20;
/// Parts that are on their way at once.
const SIDE_BY_SIDE: usize = 4;
/// Longest answer that is no object.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Longest listing of a server that has no pages.
const LISTING_BYTES_MAX: u64 = 64 << 20;

/// Objects in a bucket, container or WebDAV folder, below a prefix.
pub(super) struct ObjectStoreDestination {
    store: Store,
    patience: Patience,
    single_writer: bool,
    /// The bucket has answered for itself: what is not found is absent, and not its bucket.
    has_bucket: AtomicBool,
}

impl fmt::Debug for ObjectStoreDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreDestination").field("place", &self.store.place).finish_non_exhaustive()
    }
}

/// Opens the store at a URL whose scheme is one of ours; `None` when it is not.
pub(super) fn open(
    scheme: &str,
    rest: &str,
    url: &str,
    settings: Settings,
) -> Option<Result<ObjectStoreDestination>> {
    let store = match scheme {
        "s3" => Store::s3(rest),
        "gs" => Store::gcs(rest),
        "az" => Store::azure(rest),
        "http" | "https" => Store::webdav(url),
        _ => return None,
    };
    Some(store.and_then(|store| ObjectStoreDestination::new(store, settings)))
}

impl ObjectStoreDestination {
    fn new(store: Store, settings: Settings) -> Result<Self> {
        let made = Self {
            patience: Patience::new(settings.retry_time_max.unwrap_or(RETRY_TIME_MAX)),
            single_writer: settings.single_writer,
            has_bucket: AtomicBool::new(store.pages.is_none()),
            store,
        };
        // A prefix has the characters of names.
        if made.store.root.is_empty() {
            Ok(made)
        } else {
            ObjectName::new(made.store.root.as_str()).map(|_| made)
        }
    }

    fn key(&self, name: &str) -> String {
        if self.store.root.is_empty() { name.to_owned() } else { format!("{}/{name}", self.store.root) }
    }

    fn path(&self, name: &str) -> Result<Path> {
        Path::parse(self.key(name)).map_err(|error| Error::invalid(wire::shown(&error.to_string())))
    }

    /// The place goes with every error.
    fn at(&self, failure: Failure, name: Option<&str>) -> Error {
        let error = match name {
            Some(name) => failure.error.at(name),
            None => failure.error,
        };
        error.at(&self.store.place)
    }

    async fn put_bytes(
        &self,
        path: &Path,
        bytes: &PutPayload,
        create: bool,
    ) -> std::result::Result<(), Failure> {
        let mode = if create { object_store::PutMode::Create } else { object_store::PutMode::Overwrite };
        let mut tries = 0;
        loop {
            let put = self
                .patience
                .call(ANSWER_BYTES_MAX, || {
                    self.store.objects.put_opts(path, bytes.clone(), mode.clone().into())
                })
                .await;
            tries += 1;
            match put {
                // A WebDAV folder that somebody else made in the same moment.
                Err(failure)
                    if self.store.pages.is_none()
                        && tries < 16
                        && failure
                            .answer
                            .status
                            .is_some_and(|status| matches!(status.as_u16(), 405 | 409)) => {}
                put => return put.map(|_| self.has_bucket.store(true, Ordering::Relaxed)),
            }
        }
    }

    /// Leaves what is there.
    async fn create(&self, name: &ObjectName, bytes: Vec<u8>) -> Result<Put> {
        if !self.store.create_only && !self.single_writer {
            return Err(Error::unsupported(
                "this server can't create an object only where there is none, so that several writers would overwrite \
                 each other; declare that nobody else writes there (--single-writer), or use another destination",
            )
            .at(name)
            .at(&self.store.place));
        }
        if self.single_writer && self.find(name).await?.is_some() {
            return Ok(Put::AlreadyThere);
        }
        let (path, bytes) = (self.path(name.as_str())?, bytes::payload(bytes));
        match self.put_bytes(&path, &bytes, self.store.create_only).await {
            Ok(()) => Ok(Put::Written),
            // Of a WebDAV server it would say that there is no such folder.
            Err(failure) if !self.store.create_only => Err(self.at(failure, Some(name.as_str()))),
            Err(failure) if failure.is_conflict && failure.unsure => {
                // An answer was lost: what is there is ours if it says what we said.
                let there = self.read(name, bytes.content_length() as u64).await;
                let ours = matches!(there, Ok(there) if bytes::is(&bytes, &there));
                Ok(if ours { Put::Written } else { Put::AlreadyThere })
            }
            Err(failure) if failure.is_conflict => Ok(Put::AlreadyThere),
            Err(failure) => Err(self.at(failure, Some(name.as_str()))),
        }
    }

    /// A page of keys without the root, markers of uploads included.
    async fn page(
        &self,
        folder: Option<&ObjectName>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, u64)>, Option<String>)> {
        let Some(pages) = &self.store.pages else { return self.page_of_all(folder, cursor, limit).await };
        let prefix = match (self.store.root.as_str(), folder) {
            ("", None) => String::new(),
            (root, None) => format!("{root}/"),
            (_, Some(folder)) => self.key(folder.as_str()) + "/",
        };
        let options = || PaginatedListOptions {
            max_keys: Some(limit),
            page_token: cursor.map(str::to_owned),
            ..PaginatedListOptions::default()
        };
        let listed = self
            .patience
            .call(ANSWER_BYTES_MAX, || {
                pages.list_paginated(Some(&prefix).filter(|p| !p.is_empty()).map(|p| p.as_str()), options())
            })
            .await
            .map_err(|failure| self.at(failure, folder.map(ObjectName::as_str)))?;
        self.has_bucket.store(true, Ordering::Relaxed);
        let found =
            listed.result.objects.into_iter().map(|object| (object.location.to_string(), object.size));
        Ok((self.below_root(found), listed.page_token))
    }

    /// A server without pages lists everything each time.
    async fn page_of_all(
        &self,
        folder: Option<&ObjectName>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, u64)>, Option<String>)> {
        use futures_util::TryStreamExt;
        let path = match folder {
            Some(folder) => Some(self.path(folder.as_str())?),
            None if self.store.root.is_empty() => None,
            None => Some(self.path("")?),
        };
        let listed: Vec<object_store::ObjectMeta> = self
            .patience
            .call(LISTING_BYTES_MAX, || self.store.objects.list(path.as_ref()).try_collect())
            .await
            .map_err(|failure| self.at(failure, folder.map(ObjectName::as_str)))?;
        let mut found =
            self.below_root(listed.into_iter().map(|object| (object.location.to_string(), object.size)));
        found.sort_unstable();
        found.retain(|(name, _)| cursor.is_none_or(|cursor| name.as_str() > cursor));
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(name, _)| name.clone());
        Ok((found, next))
    }

    fn below_root(&self, keys: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
        let root = &self.store.root;
        keys.filter_map(|(key, len)| match root.as_str() {
            "" => Some((key, len)),
            root => Some((key.strip_prefix(root)?.strip_prefix('/')?.to_owned(), len)),
        })
        .collect()
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match self.patience.call(ANSWER_BYTES_MAX, || self.store.objects.delete(&path)).await {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_absent => Ok(()),
            Err(failure) => Err(self.at(failure, Some(name))),
        }
    }
}

impl Destination for ObjectStoreDestination {
    fn place(&self) -> String {
        self.store.place.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: self.store.create_only,
            hash: false,
            resumable_puts: false,
            single_writer: self.single_writer,
            object_bytes_max: Some(match self.store.uploads {
                Some(_) => upload::OBJECT_BYTES_MAX,
                None => CREATE_BYTES_MAX,
            }),
            retries: true,
            must_be_tried: true,
            ..Capabilities::ALL
        }
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        let len = body.len();
        let max = match (options.mode, &self.store.uploads) {
            (PutMode::Overwrite, Some(_)) => upload::OBJECT_BYTES_MAX,
            _ => CREATE_BYTES_MAX,
        };
        if len > max {
            let message = format!("it has {len} bytes, and at most {max} can be put there in this way");
            return Err(Error::new(ErrorKind::LimitExceeded, message).at(name).at(&self.store.place));
        }
        let whole = |body: &dyn Body| {
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
            body.read_exact_at(0, &mut bytes).map(|()| bytes)
        };
        match options.mode {
            PutMode::CreateOnly => block_on(self.create(name, whole(body)?)),
            PutMode::Overwrite if len > PART_BYTES && self.store.uploads.is_some() => {
                block_on(self.upload(name, body, options.job))
            }
            PutMode::Overwrite => {
                let (path, bytes) = (self.path(name.as_str())?, bytes::payload(whole(body)?));
                let put = block_on(async { Ok(self.put_bytes(&path, &bytes, false).await) })?;
                put.map(|()| Put::Written).map_err(|failure| self.at(failure, Some(name.as_str())))
            }
        }
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        block_on(self.read(name, len_max))
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        block_on(self.read_range(name, offset, len))
    }

    fn get_to(
        &self,
        name: &ObjectName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        let step_max = PART_BYTES * SIDE_BY_SIDE as u64;
        let mut done = 0;
        while done < len {
            let step = step_max.min(len - done);
            let bytes = self.get_range(name, offset.saturating_add(done), step)?;
            target.write_all_at(target_offset.saturating_add(done), &bytes)?;
            done += step;
        }
        Ok(())
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        let len = block_on(self.find(name))?;
        Ok(len.map(|len| ObjectMeta { name: name.clone(), len }))
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        let limit = limit.clamp(1, PAGE_OBJECTS_MAX);
        let (keys, next) = block_on(self.page(folder, cursor, limit))?;
        let named = keys.into_iter().filter_map(|(key, len)| {
            // Names that no object of ours may have, and markers of uploads, are passed over.
            let name = ObjectName::new(key).ok()?;
            folder.is_none_or(|folder| name.is_below(folder)).then_some(ObjectMeta { name, len })
        });
        Ok(Page { objects: named.collect(), next })
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        block_on(self.remove(name.as_str()))
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        let (mut cleaned, mut cursor) = (Cleaned::default(), None);
        loop {
            let (keys, next) = block_on(self.page(folder, cursor.as_deref(), PAGE_OBJECTS_MAX))?;
            for (key, _) in keys {
                let Some(job) = job_of_partial(&key) else { continue };
                if is_over(job) {
                    block_on(self.abort_left(&key))?;
                    cleaned.removed += 1;
                } else {
                    cleaned.kept += 1;
                }
            }
            if next.is_none() || next == cursor {
                return Ok(cleaned);
            }
            cursor = next;
        }
    }
}

/// Bytes as `object_store` takes them.
mod bytes {
    use object_store::PutPayload;

    pub(super) fn payload(bytes: Vec<u8>) -> PutPayload {
        PutPayload::from(bytes)
    }

    pub(super) fn is(payload: &PutPayload, bytes: &[u8]) -> bool {
        payload.content_length() == bytes.len() && payload.iter().flatten().eq(bytes)
    }
}
