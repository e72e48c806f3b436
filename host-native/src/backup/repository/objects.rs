//! The objects of a repository: reading them by what records say, putting them so that they are known to be there.
use super::opened::Opened;
use crate::destination::{Destination, ObjectName};
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::regular_file::RegularFile;
use chronicle_core::backup::repository::{
    BackupState, CLAIM_LEN_MAX, Claim, Claimed, ENTRY_RECORD_LEN_MAX, Entry, EntryKind, EntryRecord,
    Inventory, KeptObject, ListItem, ListPageRef, LogObject, MANIFEST_LEN_MAX, MANIFEST_NAME, Manifest,
    MoveTable, MovesRecord, ObjectName as RepositoryName, PointLists, PointNumber, PointRecord,
    STATE_LEN_MAX, STATE_NAME, Timeline, claim_name, read_list,
};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// How often a call is made that fails in a passing way.
pub(super) const TRIES_MAX: u32 = 5;
/// How long is waited before the second try; then twice as long each time.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(20);

/// A repository at a destination.
#[derive(Clone)]
pub(in crate::backup) struct Objects {
    pub(super) destination: Arc<dyn Destination>,
    /// Where the objects are age files.
    pub(super) opened: Option<Arc<Opened>>,
}

impl Objects {
    /// Where they are.
    pub(super) fn destination(&self) -> &dyn Destination {
        &*self.destination
    }

    /// What the destination is called in messages.
    pub(super) fn place(&self) -> String {
        self.destination.place()
    }

    /// Makes a call until it succeeds, fails for good, or has failed too often. Once, where the destination does that itself.
    pub(super) fn retry<T>(&self, mut call: impl FnMut(&dyn Destination) -> Result<T>) -> Result<T> {
        if self.destination.capabilities().retries {
            return call(&*self.destination);
        }
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES_MAX {
            match call(&*self.destination) {
                Err(error) if error.kind() == ErrorKind::Transient => std::thread::sleep(wait),
                result => return result,
            }
            wait *= 2;
        }
        call(&*self.destination)
    }

    /// An object of at most `len_max` bytes; `None` when there is none.
    pub(super) fn get(&self, name: impl Display, len_max: usize) -> Result<Option<Vec<u8>>> {
        let name = ObjectName::new(name.to_string())?;
        match self.retry(|destination| destination.get(&name, len_max as u64)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Exactly these bytes of an object that a record names.
    pub(super) fn range(&self, name: impl Display, offset: u64, len: u64) -> Result<Vec<u8>> {
        let name = ObjectName::new(name.to_string())?;
        let bytes = self
            .retry(|destination| destination.get_range(&name, offset, len))
            .map_err(|error| self.missing(error))?;
        match bytes.len() as u64 == len {
            true => Ok(bytes),
            false => Err(Error::damaged(format!("{len} bytes were asked for, {} came", bytes.len()))
                .at(&name)
                .at(self.place())),
        }
    }

    /// The error when a log object has not the hash that its record says.
    pub(super) fn another_log(&self, log: &LogObject) -> Error {
        Error::damaged(
            "it is not the log that its record describes (BLAKE3 differs): restore to a moment before it or behind \
             the next point, and run `chronicle verify` on the repository",
        )
        .at(log.name())
        .at(self.place())
    }

    /// Copies bytes of a container into a file, as they were before they were encrypted. The caller syncs, and checks them.
    pub(super) fn copy(
        &self,
        name: RepositoryName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        if self.is_encrypted() {
            return target.write_all_at(target_offset, &self.data(name, offset, len)?);
        }
        self.copy_stored(name, offset, len, target, target_offset)
    }

    /// The same of an object as it is stored.
    pub(super) fn copy_stored(
        &self,
        name: RepositoryName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        let name = ObjectName::new(name.to_string())?;
        self.retry(|destination| destination.get_to(&name, offset, len, target, target_offset))
            .map_err(|error| self.missing(error))
    }

    /// An object that a record names and that is not there is damage, not absence.
    fn missing(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::NotFound => Error::damaged(format!(
                "an object is missing that a record names ({}): run `chronicle verify` on the repository",
                error.message()
            ))
            .at(error.place().unwrap_or_default()),
            _ => error,
        }
    }

    /// Whether anybody began a repository here.
    pub(super) fn is_there(&self) -> Result<bool> {
        // A first claim that is gone is damage, and whoever reads on says so. A snapshot may have any name.
        let base = Entry::new(EntryKind::Base, 0);
        Ok(self.is_claimed(0)? || matches!(self.record(base)?, Some(Ok(EntryRecord::Point(_)))))
    }

    /// The entry of this number that has a record, without reading it, or its claim.
    pub(super) fn recorded(&self, number: PointNumber) -> Result<Option<Entry>> {
        for kind in [EntryKind::Base, EntryKind::Delta, EntryKind::Prune, EntryKind::Moves] {
            let entry = Entry::new(kind, number);
            if entry.check().is_ok() {
                let name = ObjectName::new(entry.record().to_string())?;
                if self.retry(|destination| destination.stat(&name))?.is_some() {
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    /// Whether a number is claimed, without reading the claim.
    pub(super) fn is_claimed(&self, number: PointNumber) -> Result<bool> {
        self.len_of(claim_name(number)).map(|found| found.is_some())
    }

    /// How many bytes an object has; `None` when there is none.
    pub(super) fn len_of(&self, name: impl Display) -> Result<Option<u64>> {
        let name = ObjectName::new(name.to_string())?;
        self.retry(|destination| destination.stat(&name)).map(|found| found.map(|found| found.len))
    }

    /// Deletes an object, and tells how many bytes it had; `None` when it was gone already.
    pub(super) fn delete(&self, name: impl Display) -> Result<Option<u64>> {
        let name = ObjectName::new(name.to_string())?;
        let found = self.retry(|destination| destination.stat(&name))?;
        if found.is_some() {
            self.retry(|destination| destination.delete(&name))?;
        }
        Ok(found.map(|found| found.len))
    }

    /// The claim on a number; `None` when it is free.
    pub(super) fn claim(&self, number: PointNumber) -> Result<Option<Claim>> {
        let bytes = self.get(claim_name(number), CLAIM_LEN_MAX)?;
        bytes.map(|bytes| Claim::parse(number, &bytes).at(|| self.place())).transpose()
    }

    /// The bytes of an entry's record; `None` when there is none.
    pub(super) fn record_bytes(&self, entry: Entry) -> Result<Option<Vec<u8>>> {
        self.get(entry.record(), ENTRY_RECORD_LEN_MAX)
    }

    /// An entry's record; `None` when there is none. What can't be read is `Some(Err)`: it is damage, not absence.
    pub(super) fn record(&self, entry: Entry) -> Result<Option<Result<EntryRecord>>> {
        match self.record_bytes(entry) {
            Ok(bytes) => Ok(bytes.map(|bytes| {
                let record = EntryRecord::parse(entry, &bytes);
                record.and_then(|record| self.unseal(record, &bytes)).at(|| self.place())
            })),
            Err(error) if matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Damaged) => {
                Ok(Some(Err(Error::damaged(error.message()).at(entry.record()).at(self.place()))))
            }
            Err(error) => Err(error),
        }
    }

    /// The manifest, if there is one that can be read. It is a hint.
    pub(super) fn manifest(&self) -> Option<Manifest> {
        Manifest::parse(&self.get(MANIFEST_NAME, MANIFEST_LEN_MAX).ok()??).ok()
    }

    /// The state, if there is one that can be read. It is a hint.
    pub(super) fn state(&self) -> Option<BackupState> {
        BackupState::parse(&self.get(STATE_NAME, STATE_LEN_MAX).ok()??).ok()
    }

    /// Every record, and what the newest mark and the newest moves list.
    pub(super) fn inventory(&self) -> Result<Inventory> {
        let inventory = Inventory::new(self.entries()?);
        let kept = self.kept(&inventory)?;
        let moves = inventory.newest_moves().map(|moves| self.moves(moves)).transpose()?.unwrap_or_default();
        Ok(inventory.with_pages(kept, moves))
    }

    /// Records that are gone, though others or a hint name their points, become damaged ones.
    pub(super) fn find_lost(&self, entries: &mut [Claimed]) {
        if entries.iter().all(|(_, record)| record.is_some()) {
            return;
        }
        let manifest = self.manifest().map(|manifest| manifest.points).unwrap_or_default();
        let state = self.state().map(|state| state.entry);
        let hinted = manifest.into_iter().map(|point| point.entry).chain(state);
        let lost = Inventory::new(entries.iter().cloned()).lost(hinted);
        for (entry, record) in entries.iter_mut().filter(|(entry, _)| lost.contains(entry)) {
            let error = Error::damaged("its record is gone, though others name this entry");
            *record = Some(Err(error.at(entry.record()).at(self.place())));
        }
    }

    /// What the records add up to.
    pub(super) fn timeline(&self) -> Result<Timeline> {
        self.timeline_of(self.entries()?)
    }

    /// The same, of records that are read already.
    pub(super) fn timeline_of(&self, entries: Vec<Claimed>) -> Result<Timeline> {
        let inventory = Inventory::new(entries.clone());
        let kept = self.kept(&inventory)?;
        let records = entries.into_iter().filter_map(|(entry, record)| Some((entry, record?)));
        let timeline = Timeline::new(records, &kept).at(|| self.place())?;
        let mut timeline = timeline.without(inventory.condemned());
        self.add_shipped(&mut timeline)?;
        Ok(timeline)
    }

    pub(super) fn kept(&self, inventory: &Inventory) -> Result<Vec<KeptObject>> {
        let Some(mark) = inventory.newest_prune() else { return Ok(Vec::new()) };
        self.list(&mark.kept)
    }

    /// The lists of a point.
    pub(super) fn lists(&self, record: &PointRecord) -> Result<PointLists> {
        if let Some(opened) = &self.opened {
            opened.expect_open(record).at(|| self.place())?;
        }
        Ok(PointLists {
            segments: self.list(&record.lists.segments)?,
            tombstones: self.list(&record.lists.tombstones)?,
            metrics: self.list(&record.lists.metrics)?,
        })
    }

    /// Where a record of moves says that segments lie; without a key only where they lie no more.
    pub(super) fn moves(&self, record: &MovesRecord) -> Result<MoveTable> {
        if !self.can_read() {
            return Ok(MoveTable::new(record, []));
        }
        Ok(MoveTable::new(record, self.list(&record.segments)?))
    }

    /// The items of a list of pages.
    pub(super) fn list<T: ListItem>(&self, pages: &[ListPageRef]) -> Result<Vec<T>> {
        let (mut plain, mut bytes) = (Vec::new(), Pages::new());
        match &self.opened {
            Some(opened) => {
                for page in opened.pages(self, pages).at(|| self.place())? {
                    plain.push(page.plain);
                    bytes.insert(page.plain.name(), page.bytes);
                }
            }
            None => {
                plain.extend_from_slice(pages);
                for page in pages {
                    if let std::collections::btree_map::Entry::Vacant(slot) = bytes.entry(page.name()) {
                        slot.insert(Arc::new(self.range(page.name(), 0, u64::from(page.len))?));
                    }
                }
            }
        }
        read_list(&plain, &mut |page: &ListPageRef| page_of(&bytes, page)).at(|| self.place())
    }
}

/// A claim that must be there.
pub(super) fn gone(number: PointNumber) -> Error {
    Error::damaged(
        "the claim is gone, though its record or later numbers are there: `chronicle backup repair` puts it back",
    )
    .at(claim_name(number))
}

type Pages = BTreeMap<RepositoryName, Arc<Vec<u8>>>;

fn page_of<'a>(pages: &'a Pages, page: &ListPageRef) -> Result<&'a [u8]> {
    let found = pages.get(&page.name()).map(|bytes| bytes.as_slice());
    found.ok_or_else(|| Error::damaged("a page was not fetched").at(page.name()))
}
