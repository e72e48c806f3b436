//! What was opened of an encrypted repository: keys, headers, records and pages.
use super::age_names::is_encrypted;
use super::host_state::HostState;
use super::objects::Objects;
use super::sealing::is_sealed;
use crate::crypt::{Identity, Keys, OpenObject, decrypt, missing_key, wrong_key};
use crate::destination::ObjectName;
use crate::error::{At, Error, ErrorKind, Result};
use chronicle_core::backup::repository::{
    Condemned, Entry, EntryRecord, ListPageRef, ListRefs, ObjectFile, ObjectName as Name, PointRecord,
    SHIP_RECORD_LEN, record_hash,
};
use chronicle_core::ids::Hash;
use chronicle_core::source::ByteRange;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A page, open.
#[derive(Clone)]
pub(super) struct OpenPage {
    /// What the plain bytes are named after.
    pub(super) plain: ListPageRef,
    pub(super) bytes: Arc<Vec<u8>>,
}

/// Plain bytes of an object, and where they lie in it.
type ReadChunks = (Name, ByteRange, Arc<Vec<u8>>);

/// See the module.
#[derive(Default)]
pub(super) struct Opened {
    keys: Keys,
    /// What this host knows without a key.
    local: Option<HostState>,
    objects: Mutex<BTreeMap<Name, OpenObject>>,
    /// To whom the objects of an entry are encrypted, as its record says.
    recipients: Mutex<BTreeMap<Entry, Vec<String>>>,
    /// By the name under which it is stored.
    pages: Mutex<BTreeMap<Name, (ListPageRef, OpenPage)>>,
    /// The chunks that were read last, as a range of plain bytes.
    last: Mutex<Option<ReadChunks>>,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clone for Opened {
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone(), local: self.local.clone(), ..Self::default() }
    }
}

impl Opened {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, ..Self::default() }
    }

    pub(super) fn with_identity(self, identity: Identity) -> Self {
        Self { keys: self.keys.identity(identity), ..self }
    }

    pub(super) fn with_local(self, local: HostState) -> Self {
        Self { local: Some(local), ..self }
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The error for a record that stays closed.
    fn closed(&self, recipients: &[String]) -> Error {
        match self.has_keys() {
            true => wrong_key(recipients),
            false => missing_key(),
        }
    }

    /// Opens the encrypted part of a record, if there is a key or this host wrote it. One that stays closed is no error; a damaged
    /// one is.
    pub(super) fn unseal(&self, mut record: EntryRecord, bytes: &[u8]) -> Result<EntryRecord> {
        if let EntryRecord::Point(point) = &mut record {
            let Some(part) = point.encryption.clone() else {
                return Err(
                    Error::damaged("it is not encrypted, and the repository is").at(point.entry.record())
                );
            };
            hold(&self.recipients).insert(point.entry, part.recipients.clone());
            let local = self.local.as_ref().filter(|local| local.record == record_hash(bytes));
            let inner = match local {
                Some(local) => Ok(local.inner.clone()),
                None => decrypt(&part.inner, &self.keys, &part.recipients),
            };
            match inner {
                Ok(inner) => point.open(&inner)?,
                Err(error) if matches!(error.kind(), ErrorKind::Permission | ErrorKind::InvalidInput) => {}
                Err(error) => return Err(error.at("encrypted part").at(point.entry.record())),
            }
        }
        Ok(record)
    }

    fn recipients_of(&self, entry: Entry) -> Vec<String> {
        hold(&self.recipients).get(&entry).cloned().unwrap_or_default()
    }

    /// The plain bytes of a whole object.
    pub(super) fn whole(&self, name: Name, stored: &[u8]) -> Result<Vec<u8>> {
        if !self.has_keys() {
            return Err(missing_key().at(name));
        }
        decrypt(stored, &self.keys, &self.recipients_of(name.entry)).at(|| name)
    }

    /// An object whose header was read.
    pub(super) fn object(&self, objects: &Objects, name: Name) -> Result<OpenObject> {
        if let Some(open) = hold(&self.objects).get(&name) {
            return Ok(open.clone());
        }
        if !self.has_keys() {
            return Err(missing_key().at(name));
        }
        let stored = ObjectName::new(name.to_string())?;
        let found = objects.retry(|destination| destination.stat(&stored))?;
        let found = found.ok_or_else(|| Error::damaged("it is missing; verify this backup").at(name))?;
        let len = match name.file {
            ObjectFile::Shipped(_) => found.len.saturating_sub(SHIP_RECORD_LEN as u64),
            _ => found.len,
        };
        let head = objects.range(name, 0, len.min(OpenObject::HEAD_LEN_MAX))?;
        let recipients = self.recipients_of(name.entry);
        let open = OpenObject::new(&head, len, &self.keys, &recipients).at(|| name)?;
        hold(&self.objects).insert(name, open.clone());
        Ok(open)
    }

    /// An object by its first bytes, as if it were so long. Nothing is kept of it.
    pub(super) fn open(&self, name: Name, head: &[u8], len: u64) -> Result<OpenObject> {
        OpenObject::new(head, len, &self.keys, &self.recipients_of(name.entry)).at(|| name)
    }

    /// That the key opens an object, and that its length is one that it can have. A hash says whether its bytes are right.
    pub(super) fn check(&self, objects: &Objects, name: Name) -> Result<()> {
        if !is_encrypted(&name.to_string()) {
            return Ok(());
        }
        self.object(objects, name).map(drop)
    }

    /// A range of the plain bytes of an object; fetches the chunks it touches, and what is in front of the first one once.
    pub(super) fn range(&self, objects: &Objects, name: Name, range: ByteRange) -> Result<Vec<u8>> {
        let open = self.object(objects, name)?;
        let cut = |whole: &ByteRange, bytes: &[u8]| {
            let skip = usize::try_from(range.offset.checked_sub(whole.offset)?).ok()?;
            Some(bytes.get(skip..)?.get(..usize::try_from(range.len).ok()?)?.to_vec())
        };
        let last = hold(&self.last).clone().filter(|(of, _, _)| *of == name);
        if let Some(found) = last.and_then(|(_, whole, bytes)| cut(&whole, &bytes)) {
            return Ok(found);
        }
        let whole = open.whole_chunks(range)?;
        let stored = open.stored(whole)?;
        let sealed = objects.range(name, stored.offset, stored.len)?;
        let plain = open.read(whole, &sealed).at(|| name).at(|| objects.place())?;
        let found =
            cut(&whole, &plain).ok_or_else(|| Error::damaged("fewer bytes came than were asked for"))?;
        *hold(&self.last) = Some((name, whole, Arc::new(plain)));
        Ok(found)
    }

    /// Opens pages, each where it lies or from what this host knows; gives the references to their plain bytes, in order.
    pub(super) fn pages(&self, objects: &Objects, pages: &[ListPageRef]) -> Result<Vec<OpenPage>> {
        pages.iter().map(|page| self.page(objects, page)).collect()
    }

    fn page(&self, objects: &Objects, page: &ListPageRef) -> Result<OpenPage> {
        let name = page.name();
        if let Some((_, open)) = hold(&self.pages).get(&name) {
            return Ok(open.clone());
        }
        let bytes = match self.local.as_ref().and_then(|local| local.pages.get(&name)) {
            Some(bytes) => bytes.clone(),
            None => {
                let stored = objects.range(name, 0, u64::from(page.len))?;
                if Hash::of(&stored) != page.hash {
                    let error = Error::damaged("its bytes are not the ones that it is named after");
                    return Err(error.at(name).at(objects.place()));
                }
                match is_sealed(page) {
                    true => Arc::new(self.whole(name, &stored)?),
                    false => Arc::new(stored),
                }
            }
        };
        Ok(self.keep_page(*page, bytes))
    }

    /// Remembers the plain bytes of a page.
    pub(super) fn keep_page(&self, stored: ListPageRef, bytes: Arc<Vec<u8>>) -> OpenPage {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let plain = ListPageRef { hash: Hash::of(&bytes), len, ..stored };
        let open = OpenPage { plain, bytes };
        hold(&self.pages).insert(stored.name(), (stored, open.clone()));
        open
    }

    /// An error when the record's encrypted part is needed and closed.
    pub(super) fn expect_open(&self, record: &PointRecord) -> Result<()> {
        match (&record.encryption, record.is_withheld()) {
            (Some(part), true) => Err(self.closed(&part.recipients).at(record.entry)),
            _ => Ok(()),
        }
    }

    /// Lists that name plain pages, as lists that name stored ones. Every page was opened, or kept, before.
    pub(super) fn stored_lists(&self, lists: &ListRefs) -> Result<ListRefs> {
        let by_plain = self.by_plain();
        map_lists(lists, |page| stored_page(&by_plain, page))
    }

    /// The same for the pages of one list.
    pub(super) fn stored_pages(&self, pages: &[ListPageRef]) -> Result<Vec<ListPageRef>> {
        let by_plain = self.by_plain();
        pages.iter().map(|page| stored_page(&by_plain, page)).collect()
    }

    fn by_plain(&self) -> BTreeMap<Name, ListPageRef> {
        hold(&self.pages).values().map(|(stored, open)| (open.plain.name(), *stored)).collect()
    }

    /// Lists that name plain pages, for lists that name stored ones.
    pub(super) fn plain_lists(&self, objects: &Objects, lists: &ListRefs) -> Result<ListRefs> {
        map_lists(lists, |page| self.page(objects, page).map(|open| open.plain))
    }

    /// What marks condemn, with the names of plain pages beside those of the stored ones.
    pub(super) fn with_plain_names(&self, mut condemned: Condemned) -> Condemned {
        let plain: Vec<Name> = hold(&self.pages)
            .iter()
            .filter(|(stored, _)| condemned.objects.contains(stored))
            .map(|(_, (_, open))| open.plain.name())
            .collect();
        condemned.objects.extend(plain);
        condemned
    }

    /// The plain bytes of the pages of these lists, by the name under which each is stored.
    pub(super) fn page_bytes(&self, lists: &ListRefs) -> BTreeMap<Name, Arc<Vec<u8>>> {
        let pages = hold(&self.pages);
        let found = lists
            .iter()
            .filter_map(|(_, page)| Some((page.name(), pages.get(&page.name())?.1.bytes.clone())));
        found.collect()
    }
}

fn stored_page(by_plain: &BTreeMap<Name, ListPageRef>, page: &ListPageRef) -> Result<ListPageRef> {
    let stored = by_plain.get(&page.name()).copied();
    stored.ok_or_else(|| Error::damaged("a page was named before it was stored").at(page.name()))
}

/// Lists of other pages, one for one.
pub(super) fn map_lists(
    lists: &ListRefs,
    mut page: impl FnMut(&ListPageRef) -> Result<ListPageRef>,
) -> Result<ListRefs> {
    let mut map = |pages: &[ListPageRef]| pages.iter().map(&mut page).collect::<Result<Vec<_>>>();
    Ok(ListRefs {
        segments: map(&lists.segments)?,
        tombstones: map(&lists.tombstones)?,
        metrics: map(&lists.metrics)?,
    })
}
