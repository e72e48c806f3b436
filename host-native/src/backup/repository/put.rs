//! Putting objects: each is asked for again, and is known to be there, whole, when a call returns.
use super::age_names::is_encrypted;
use super::body::{HashingBody, hash_of};
use super::objects::{FIRST_WAIT, Objects, TRIES_MAX};
use super::sealing::Sealing;
use crate::destination::{Body, Bytes, ObjectName, Put, PutMode, PutOptions};
use crate::error::{Error, ErrorKind, Result};
use chronicle_core::backup::repository::{
    ENTRY_RECORD_LEN_MAX, Entry, JobId, ListPageRef, NewPage, ObjectName as RepositoryName, Void,
};
use chronicle_core::ids::{Hash, Job};
use std::fmt::Display;
use std::sync::Arc;

/// An object as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stored {
    pub(super) len: u64,
    pub(super) blake3: Hash,
    /// False when it was there already, left by an earlier attempt.
    pub(super) is_new: bool,
}

/// What a creation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Created {
    /// The object is ours.
    Ours,
    /// Another one was first.
    Another,
}

impl Objects {
    /// Puts an object that is this job's own, and asks for it again: length, and hash where the destination can tell it.
    /// Returns false when it was there already, left by an earlier attempt.
    pub(super) fn put(&self, name: impl Display, body: &dyn Body, blake3: Hash, job: JobId) -> Result<bool> {
        let name = ObjectName::new(name.to_string())?;
        if self.is_encrypted() && is_encrypted(name.as_str()) {
            return Err(Error::invalid("an object was not encrypted, and the repository is")
                .at(&name)
                .at(self.place()));
        }
        self.put_as_it_is(&name, body, blake3, job)
    }

    /// An object as it was stored before, encrypted or not.
    pub(super) fn put_back(
        &self,
        name: RepositoryName,
        body: &dyn Body,
        blake3: Hash,
        job: JobId,
    ) -> Result<bool> {
        self.put_as_it_is(&ObjectName::new(name.to_string())?, body, blake3, job)
    }

    /// The same for an object that is encrypted where `sealing` says so. Says what is stored.
    pub(super) fn put_sealed(
        &self,
        name: RepositoryName,
        body: &dyn Body,
        blake3: Hash,
        job: JobId,
        sealing: Option<&Sealing>,
    ) -> Result<Stored> {
        let Some(sealing) = sealing else {
            let is_new = self.put(name, body, blake3, job)?;
            return Ok(Stored { len: body.len(), blake3, is_new });
        };
        let (body, name) = (sealing.body(&name, body, blake3)?, ObjectName::new(name.to_string())?);
        if self.retry(|destination| destination.stat(&name))?.is_none() {
            // Nothing to compare with: what is sent is hashed on the way, and not encrypted twice.
            let hashing = HashingBody::new(&body);
            self.retry(|destination| destination.put(&name, &hashing, PutMode::Overwrite.by(Job(job.0))))
                .map(drop)?;
            if let Some(blake3) = hashing.hash()
                && self.holds(&name, body.len(), blake3)? == Some(true)
            {
                return Ok(Stored { len: body.len(), blake3, is_new: true });
            }
        }
        let blake3 = hash_of(&body, &|_| {})?;
        let is_new = self.put_as_it_is(&name, &body, blake3, job)?;
        Ok(Stored { len: body.len(), blake3, is_new })
    }

    /// A new page of a list, which is kept in mind.
    pub(super) fn put_page(
        &self,
        page: &NewPage,
        items: u32,
        job: JobId,
        sealing: Option<&Sealing>,
    ) -> Result<bool> {
        let (Some(sealing), Some(opened)) = (sealing, self.opened()) else {
            return self.put(page.name, &Bytes(&page.bytes), Hash::of(&page.bytes), job);
        };
        let stored = sealing.page(page)?;
        let hash = Hash::of(&stored.bytes);
        let name = ObjectName::new(stored.name.to_string())?;
        let is_new = self.put_as_it_is(&name, &Bytes(&stored.bytes), hash, job)?;
        let len = u32::try_from(stored.bytes.len()).unwrap_or(u32::MAX);
        let stored = ListPageRef { home: page.name.entry, hash, len, items };
        stored.check()?;
        opened.keep_page(stored, Arc::new(page.bytes.clone()));
        Ok(is_new)
    }

    fn put_as_it_is(&self, name: &ObjectName, body: &dyn Body, blake3: Hash, job: JobId) -> Result<bool> {
        if self.holds(name, body.len(), blake3)? == Some(true) {
            return Ok(false);
        }
        let options = PutMode::Overwrite.by(Job(job.0));
        let mut wait = FIRST_WAIT;
        for attempt in 1..=TRIES_MAX {
            self.retry(|destination| destination.put(name, body, options)).map(drop)?;
            if self.holds(name, body.len(), blake3)? == Some(true) {
                return Ok(true);
            }
            if attempt < TRIES_MAX {
                std::thread::sleep(wait);
                wait *= 2;
            }
        }
        Err(Error::damaged(
            "the object is not what was sent, although the destination said that it was stored: no point was recorded; \
             find out what is wrong with it with `chronicle dest test`",
        )
        .at(name)
        .at(self.place()))
    }

    /// Whether an object is there with this content; `None` when it is not there at all.
    fn holds(&self, name: &ObjectName, len: u64, blake3: Hash) -> Result<Option<bool>> {
        let Some(found) = self.retry(|destination| destination.stat(name))? else { return Ok(None) };
        if found.len != len {
            return Ok(Some(false));
        }
        match self.retry(|destination| destination.hash(name)) {
            Ok(hash) => Ok(Some(hash.is_none_or(|hash| hash == blake3))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Damaged) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    /// Creates a small object of ours; what is there decides, not what the destination answers.
    pub(super) fn create(&self, name: impl Display, bytes: &[u8], job: JobId) -> Result<Created> {
        let name = ObjectName::new(name.to_string())?;
        let options = PutOptions { mode: PutMode::CreateOnly, job: Job(job.0) };
        let mut wait = FIRST_WAIT;
        for attempt in 1..=TRIES_MAX {
            let put: Put = self.retry(|destination| destination.put(&name, &Bytes(bytes), options))?;
            let found = self.get(&name, ENTRY_RECORD_LEN_MAX)?;
            match found {
                Some(found) if found == bytes => return Ok(Created::Ours),
                Some(_) if put == Put::AlreadyThere => return Ok(Created::Another),
                _ if attempt < TRIES_MAX => {
                    std::thread::sleep(wait);
                    wait *= 2;
                }
                _ => {}
            }
        }
        Err(Error::damaged(
            "the object is not what was sent, although the destination said that it was stored; find out what is wrong \
             with it with `chronicle dest test`",
        )
        .at(&name)
        .at(self.place()))
    }

    /// Closes a claim for good, unless its record was first.
    pub(super) fn close(&self, entry: Entry, job: JobId, closer: JobId, now_ns: i64) -> Result<()> {
        let void = Void { entry, job, created_ns: now_ns };
        self.create(entry.record(), &void.to_bytes()?, closer).map(drop)
    }

    /// Replaces a hint.
    pub(super) fn hint(&self, name: &str, bytes: &[u8], job: JobId) -> Result<()> {
        let name = ObjectName::new(name)?;
        let options = PutMode::Overwrite.by(Job(job.0));
        self.retry(|destination| destination.put(&name, &Bytes(bytes), options)).map(drop)
    }
}
