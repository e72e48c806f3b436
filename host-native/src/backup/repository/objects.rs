//! The objects of a repository: reading them by what records say, putting them so that they are known to be there.
use crate::destination::{Body, Bytes, Destination, ObjectName, Put, PutMode, PutOptions};
use crate::error::{At, Error, ErrorKind, Result};
use crate::files::regular_file::RegularFile;
use chronicle_core::backup::repository::{
    BackupState, CLAIM_LEN_MAX, Claim, Claimed, ENTRY_RECORD_LEN_MAX, Entry, EntryKind, EntryRecord,
    Inventory, JobId, KeptObject, ListPageRef, LogObject, MANIFEST_LEN_MAX, MANIFEST_NAME, Manifest,
    MoveTable, MovesRecord, NewestSearch, PointLists, PointNumber, PointRecord, STATE_LEN_MAX, STATE_NAME,
    SearchStep, Timeline, Void, claim_name, read_list,
};
use chronicle_core::ids::{Hash, Job};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// How often a call is made that fails in a passing way.
const TRIES_MAX: u32 = 5;
/// How long is waited before the second try; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// A repository at a destination.
#[derive(Clone)]
pub(in crate::backup) struct Objects {
    destination: Arc<dyn Destination>,
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
    pub(super) fn new(destination: Arc<dyn Destination>) -> Self {
        Self { destination }
    }

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

    /// A log object, whole, as its record says it is.
    pub(super) fn log(&self, log: &LogObject) -> Result<Vec<u8>> {
        let bytes = self.range(log.name(), 0, log.len)?;
        match Hash::of(&bytes) == log.blake3 {
            true => Ok(bytes),
            false => Err(Error::damaged(
                "it is not the log that its record describes (BLAKE3 differs): restore to a moment before it or behind \
                 the next point, and run `chronicle verify` on the repository",
            )
            .at(log.name())
            .at(self.place())),
        }
    }

    /// Copies bytes of an object into a file. The caller syncs, and checks them.
    pub(super) fn copy(
        &self,
        name: &ObjectName,
        offset: u64,
        len: u64,
        target: &RegularFile,
        target_offset: u64,
    ) -> Result<()> {
        self.retry(|destination| destination.get_to(name, offset, len, target, target_offset))
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
    fn is_claimed(&self, number: PointNumber) -> Result<bool> {
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
            Ok(bytes) => Ok(bytes.map(|bytes| EntryRecord::parse(entry, &bytes).at(|| self.place()))),
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

    /// The newest claimed number. `Damaged` where the claim behind it is gone and its record is there: a reader would take an
    /// older point for the newest, and a writer would take the number again.
    pub(super) fn newest(&self) -> Result<Option<PointNumber>> {
        loop {
            let newest = self.newest_claim()?;
            let next = newest.map_or(0, |newest| newest + 1);
            match self.recorded(next)? {
                None => return Ok(newest),
                // Somebody may have claimed and recorded it in between.
                Some(_) if self.is_claimed(next)? => {}
                Some(_) => return Err(gone(next).at(self.place())),
            }
        }
    }

    /// The newest claimed number, as far as claims tell.
    pub(super) fn newest_claim(&self) -> Result<Option<PointNumber>> {
        let mut search = NewestSearch::new(self.manifest().map(|manifest| manifest.newest_number));
        loop {
            match search.next() {
                SearchStep::Found(newest) => return Ok(newest),
                SearchStep::Ask(number) => search.answer(self.is_claimed(number)?),
            }
        }
    }

    /// Every record, and what the newest mark and the newest moves list.
    pub(super) fn inventory(&self) -> Result<Inventory> {
        let inventory = Inventory::new(self.entries()?);
        let kept = self.kept(&inventory)?;
        let moves = inventory.newest_moves().map(|moves| self.moves(moves)).transpose()?.unwrap_or_default();
        Ok(inventory.with_pages(kept, moves))
    }

    /// Every claimed number with its record, in order. A claim that can't be read is an error: what it names is not known. A
    /// record that must have been there and is gone is damage, as one is that can't be read.
    pub(super) fn entries(&self) -> Result<Vec<Claimed>> {
        let numbers = 0..self.newest()?.map_or(0, |newest| newest + 1);
        let mut entries = Vec::new();
        for number in numbers {
            let claim = self.claim(number)?.ok_or_else(|| gone(number).at(self.place()))?;
            entries.push((claim.entry, self.record(claim.entry)?));
        }
        self.find_lost(&mut entries);
        Ok(entries)
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
        Ok(timeline.without(inventory.condemned()))
    }

    pub(super) fn kept(&self, inventory: &Inventory) -> Result<Vec<KeptObject>> {
        let Some(mark) = inventory.newest_prune() else { return Ok(Vec::new()) };
        let pages = self.pages(mark.kept.iter())?;
        read_list(&mark.kept, &mut |page: &ListPageRef| page_of(&pages, page)).at(|| self.place())
    }

    /// The lists of a point.
    pub(super) fn lists(&self, record: &PointRecord) -> Result<PointLists> {
        let pages = self.pages(record.lists.iter().map(|(_, page)| page))?;
        record.lists.read(|page| page_of(&pages, page)).at(|| self.place())
    }

    /// Where a record of moves says that segments lie.
    pub(super) fn moves(&self, record: &MovesRecord) -> Result<MoveTable> {
        let pages = self.pages(record.segments.iter())?;
        let segments = read_list(&record.segments, &mut |page: &ListPageRef| page_of(&pages, page))?;
        Ok(MoveTable::new(record, segments))
    }

    fn pages<'a>(&self, pages: impl Iterator<Item = &'a ListPageRef>) -> Result<Pages> {
        let mut found = Pages::new();
        for page in pages {
            if let std::collections::btree_map::Entry::Vacant(slot) = found.entry(page.name()) {
                slot.insert(self.range(page.name(), 0, u64::from(page.len))?);
            }
        }
        Ok(found)
    }

    /// Puts an object that is this job's own, and asks for it again: length, and hash where the destination can tell it.
    /// Returns false when it was there already, left by an earlier attempt.
    pub(super) fn put(&self, name: impl Display, body: &dyn Body, blake3: Hash, job: JobId) -> Result<bool> {
        let name = ObjectName::new(name.to_string())?;
        if self.holds(&name, body.len(), blake3)? == Some(true) {
            return Ok(false);
        }
        let options = PutMode::Overwrite.by(Job(job.0));
        let mut wait = FIRST_WAIT;
        for attempt in 1..=TRIES_MAX {
            self.retry(|destination| destination.put(&name, body, options)).map(drop)?;
            if self.holds(&name, body.len(), blake3)? == Some(true) {
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
        .at(&name)
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

/// A claim that must be there.
pub(super) fn gone(number: PointNumber) -> Error {
    Error::damaged(
        "the claim is gone, though its record or later numbers are there: `chronicle backup repair` puts it back",
    )
    .at(claim_name(number))
}

type Pages = BTreeMap<chronicle_core::backup::repository::ObjectName, Vec<u8>>;

fn page_of<'a>(pages: &'a Pages, page: &ListPageRef) -> Result<&'a [u8]> {
    let found = pages.get(&page.name()).map(Vec::as_slice);
    found.ok_or_else(|| Error::damaged("a page was not fetched").at(page.name()))
}
