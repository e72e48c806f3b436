//! Opening a repository that may be encrypted: whether it is, with which keys, and the plain bytes of what lies there.
use super::age_names::AgeNames;
use super::host_state::HostState;
use super::objects::Objects;
use super::opened::Opened;
use super::sealing::read_key;
use crate::crypt::{Identity, Keys};
use crate::destination::Destination;
use crate::error::{At, Error, ErrorKind, Result};
use chronicle_core::backup::repository::{ENTRY_RECORD_LEN_MAX, EntryRecord, ObjectName as RepositoryName};
use chronicle_core::source::ByteRange;
use std::sync::Arc;

impl Objects {
    /// Of the repository at a destination; a new one is encrypted when `encrypt` says so. `keys` open what is encrypted.
    pub(super) fn open(destination: Arc<dyn Destination>, keys: &Keys, encrypt: bool) -> Result<Self> {
        let mut objects = Self { destination, opened: None };
        if !objects.looks_encrypted()?.unwrap_or(encrypt) {
            return Ok(objects);
        }
        objects.destination = Arc::new(AgeNames::new(objects.destination));
        objects.opened = Some(Arc::new(Opened::new(keys.clone())));
        if let Some(passphrase) = &keys.passphrase {
            let (identity, _) = read_key(&objects, passphrase)?.ok_or_else(|| {
                Error::invalid(
                    "the repository has no key.age: it was not made with a passphrase; pass --identity",
                )
                .at(objects.place())
            })?;
            objects.add_identity(identity);
        }
        Ok(objects)
    }

    /// Whether the first claim says so, or where that is damaged or gone, any record of a point; `None` where nothing is.
    fn looks_encrypted(&self) -> Result<Option<bool>> {
        match self.claim(0) {
            Ok(Some(claim)) => return Ok(Some(claim.is_encrypted)),
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::LimitExceeded) => {}
            Err(error) => return Err(error),
        }
        for number in 0..=self.newest_claim()?.unwrap_or(0) {
            let entry = self.recorded(number)?.filter(|entry| entry.kind.is_point());
            let bytes = entry.map(|entry| self.get(entry.record(), ENTRY_RECORD_LEN_MAX)).transpose();
            if let (Some(entry), Ok(Some(Some(bytes)))) = (entry, bytes)
                && let Ok(EntryRecord::Point(point)) = EntryRecord::parse(entry, &bytes)
            {
                return Ok(Some(point.encryption.is_some()));
            }
        }
        Ok(None)
    }

    /// False where nothing can be read for want of a key.
    pub(super) fn can_read(&self) -> bool {
        self.opened.as_ref().is_none_or(|opened| opened.has_keys())
    }

    /// Whether every object is an age file.
    pub(super) fn is_encrypted(&self) -> bool {
        self.opened.is_some()
    }

    /// What was opened of an encrypted repository.
    pub(super) fn opened(&self) -> Option<&Opened> {
        self.opened.as_deref()
    }

    /// Adds what opens.
    pub(super) fn add_identity(&mut self, identity: Identity) {
        self.change(|opened| opened.with_identity(identity));
    }

    /// Adds what this host knows.
    pub(super) fn add_local(&mut self, local: HostState) {
        self.change(|opened| opened.with_local(local));
    }

    fn change(&mut self, change: impl FnOnce(Opened) -> Opened) {
        if let Some(opened) = self.opened.take() {
            // What was opened before is opened again.
            self.opened = Some(Arc::new(change(Arc::unwrap_or_clone(opened))));
        }
    }

    /// Exactly these bytes of a container, as they were before they were encrypted.
    pub(super) fn data(&self, name: RepositoryName, offset: u64, len: u64) -> Result<Vec<u8>> {
        match &self.opened {
            None => self.range(name, offset, len),
            Some(opened) => opened.range(self, name, ByteRange::new(offset, len)).at(|| self.place()),
        }
    }

    /// Opens the encrypted part of a record, as far as there is a key.
    pub(super) fn unseal(&self, record: EntryRecord, bytes: &[u8]) -> Result<EntryRecord> {
        match (&self.opened, record.as_point().is_some_and(|point| point.encryption.is_some())) {
            (Some(opened), _) => opened.unseal(record, bytes),
            (None, false) => Ok(record),
            (None, true) => {
                Err(Error::damaged("it is encrypted, and the repository is not").at(record.entry().record()))
            }
        }
    }
}
