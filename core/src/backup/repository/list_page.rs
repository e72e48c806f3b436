//! Pages of lists: immutable objects named by their hash, cut where the content says.
//!
//! A page ends behind an item that says so ([`ListItem::ends_page`]), behind the 1,000th, or when its body reaches 1 MiB.
//! An insertion therefore changes the page it falls into, and not those behind it: unchanged pages keep their
//! hash, and points share them. What it is not: part of a container; the page of a catalog is [`crate::format::Page`].
use super::list::{ListItem, ListKind, PointLists, page_name};
use super::name::{Entry, ObjectName};
use crate::error::{At, Error, ErrorKind, Result};
use crate::format::{PAGE_LEN_MAX, metadata};
use crate::ids::Hash;
use alloc::vec::Vec;

/// The first bytes of every page.
pub const LIST_PAGE_MAGIC: [u8; 8] = *b"CHRNLIST";
/// Bytes before the body: magic, kind (u32), CRC32 of the body (u32).
pub const LIST_PAGE_HEADER_LEN: usize = 16;
/// Most items in a page.
pub const LIST_PAGE_ITEMS_MAX: u32 = 1_000;
/// Bytes of items from which a page ends.
const BODY_LEN_ENOUGH: usize = 1 << 20;

/// Where a page lies and what it must be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListPageRef {
    /// Whose object it is: the entry that wrote it first.
    pub home: Entry,
    /// BLAKE3 of its bytes, which is its name.
    pub hash: Hash,
    /// Bytes.
    pub len: u32,
    /// Items, at least 1.
    pub items: u32,
}

impl ListPageRef {
    /// Name of the object.
    pub fn name(&self) -> ObjectName {
        page_name(self.home, self.hash)
    }

    /// What must hold of every reference.
    pub fn check(&self) -> Result<()> {
        self.home.check()?;
        let wrong = if self.items == 0 || self.items > LIST_PAGE_ITEMS_MAX {
            "no items, or too many"
        } else if self.len > PAGE_LEN_MAX || (self.len as usize) <= LIST_PAGE_HEADER_LEN {
            "an impossible length"
        } else {
            return Ok(());
        };
        Err(Error::damaged(alloc::format!("page {} has {wrong}", self.hash)))
    }
}

/// A page that has to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPage {
    /// Name of the object.
    pub name: ObjectName,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The pages of one point's lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListRefs {
    /// Pages of [`PointLists::segments`].
    pub segments: Vec<ListPageRef>,
    /// Pages of [`PointLists::tombstones`].
    pub tombstones: Vec<ListPageRef>,
    /// Pages of [`PointLists::metrics`].
    pub metrics: Vec<ListPageRef>,
}

impl ListRefs {
    /// Every page, with what it lists.
    pub fn iter(&self) -> impl Iterator<Item = (ListKind, &ListPageRef)> {
        let segments = self.segments.iter().map(|page| (ListKind::Segments, page));
        let tombstones = self.tombstones.iter().map(|page| (ListKind::Tombstones, page));
        segments.chain(tombstones).chain(self.metrics.iter().map(|page| (ListKind::Metrics, page)))
    }

    /// What must hold of the pages of every record.
    pub fn check(&self) -> Result<()> {
        self.iter().try_for_each(|(_, page)| page.check())
    }

    /// Reads all lists; `fetch` gives the bytes of a page.
    pub fn read<'a>(&self, mut fetch: impl FnMut(&ListPageRef) -> Result<&'a [u8]>) -> Result<PointLists> {
        Ok(PointLists {
            segments: read_list(&self.segments, &mut fetch)?,
            tombstones: read_list(&self.tombstones, &mut fetch)?,
            metrics: read_list(&self.metrics, &mut fetch)?,
        })
    }
}

/// Cuts and encodes a list whose items are in order. Pages that `known` has are named where they lie; the others are new,
/// and `home`'s.
pub fn write_list<T: ListItem>(
    items: &[T],
    home: Entry,
    known: &[ListPageRef],
    new: &mut Vec<NewPage>,
) -> Result<Vec<ListPageRef>> {
    let (mut pages, mut body, mut count) = (Vec::new(), Vec::new(), 0u32);
    for (index, item) in items.iter().enumerate() {
        metadata::encode_into(item, "an item of a list", &mut body)?;
        count += 1;
        let last = index + 1 == items.len();
        if last || count == LIST_PAGE_ITEMS_MAX || body.len() >= BODY_LEN_ENOUGH || item.ends_page() {
            let bytes = encode_page(T::KIND, count, &body)?;
            let hash = Hash::of(&bytes);
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let page = match known.iter().find(|page| page.hash == hash) {
                Some(known) => *known,
                None => {
                    let page = ListPageRef { home, hash, len, items: count };
                    new.push(NewPage { name: page.name(), bytes });
                    page
                }
            };
            // The same fact is asserted where the page is read.
            page.check()?;
            pages.push(page);
            (body, count) = (Vec::new(), 0);
        }
    }
    Ok(pages)
}

/// Reads a list from its pages, in order; `fetch` gives the bytes of a page.
pub fn read_list<'a, T: ListItem>(
    pages: &[ListPageRef],
    fetch: &mut impl FnMut(&ListPageRef) -> Result<&'a [u8]>,
) -> Result<Vec<T>> {
    let mut items: Vec<T> = Vec::new();
    for page in pages {
        let read = decode_page::<T>(page, fetch(page)?)?;
        if items.last().zip(read.first()).is_some_and(|(last, first)| !last.may_precede(first)) {
            return Err(Error::damaged("it does not follow the page before it").at(page.name()));
        }
        items.extend(read);
    }
    Ok(items)
}

fn encode_page(kind: ListKind, count: u32, items: &[u8]) -> Result<Vec<u8>> {
    // A postcard list is its number of elements, then the elements.
    let mut body = metadata::encode(&count, "the number of items")?;
    body.extend_from_slice(items);
    let mut bytes = Vec::with_capacity(LIST_PAGE_HEADER_LEN + body.len());
    bytes.extend_from_slice(&LIST_PAGE_MAGIC);
    bytes.extend_from_slice(&u32::from(kind).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    match u32::try_from(bytes.len()) {
        Ok(len) if len <= PAGE_LEN_MAX => Ok(bytes),
        _ => Err(Error::new(ErrorKind::LimitExceeded, "an item is too large for a page of a list")),
    }
}

/// Reads the page that `page` means. Its hash is compared first; the items are then still not believed.
pub fn decode_page<T: ListItem>(page: &ListPageRef, bytes: &[u8]) -> Result<Vec<T>> {
    let place = || page.name();
    page.check().at(place)?;
    if bytes.len() as u64 != u64::from(page.len) || Hash::of(bytes) != page.hash {
        return Err(Error::damaged("its bytes are not the ones that it is named after").at(place()));
    }
    decode_items(page, bytes).at(place)
}

fn decode_items<T: ListItem>(page: &ListPageRef, bytes: &[u8]) -> Result<Vec<T>> {
    let (header, body) = bytes
        .split_at_checked(LIST_PAGE_HEADER_LEN)
        .ok_or_else(|| Error::damaged("it is shorter than its header"))?;
    let mut expected = Vec::from(LIST_PAGE_MAGIC);
    expected.extend_from_slice(&u32::from(T::KIND).to_le_bytes());
    expected.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    if header != expected {
        return Err(Error::damaged("its header is not that of a page of this kind"));
    }
    let (count, _): (u32, _) = metadata::decode_prefix(body, "the number of items")?;
    if count != page.items {
        return Err(Error::damaged(alloc::format!(
            "it has {count} items, and the record says {}",
            page.items
        )));
    }
    let items: Vec<T> = metadata::decode(body, "the list")?;
    items.iter().try_for_each(T::check)?;
    match items.array_windows().all(|[a, b]| a.may_precede(b)) {
        true => Ok(items),
        false => Err(Error::damaged("its items are out of order")),
    }
}
