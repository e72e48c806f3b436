//! Objects: reading whole objects and ranges of them by what records say.
use crate::error::FromJs;
use crate::medium::bytes_of;
use chronicle_core::backup::repository::{
    CLAIM_LEN_MAX, Claim, ENTRY_RECORD_LEN_MAX, Entry, EntryRecord, ListItem, ListPageRef, LogObject,
    LogStream, MANIFEST_LEN_MAX, MANIFEST_NAME, Manifest, PointLists, PointNumber, PointRecord, TakeFrame,
    claim_name, read_list,
};
use chronicle_core::error::{At, Error, ErrorKind, Result};
use chronicle_core::ids::Lineage;
use chronicle_core::source::ByteRange;
use js_sys::Array;
use std::collections::BTreeMap;
use std::fmt::Display;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// See `ObjectStore` in `ts/objects/store.ts`, which is its contract.
    pub type ObjectStore;

    #[wasm_bindgen(method, getter)]
    fn place(this: &ObjectStore) -> String;

    #[wasm_bindgen(method, catch)]
    async fn size(this: &ObjectStore, name: String) -> core::result::Result<JsValue, JsValue>;

    /// `requests` are triples of name, offset and length; a missing object is null.
    #[wasm_bindgen(method, catch)]
    async fn get(this: &ObjectStore, requests: Array) -> core::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getWhole)]
    async fn get_whole(this: &ObjectStore, name: String, max: f64) -> core::result::Result<JsValue, JsValue>;
}

/// The objects below one place.
pub(crate) struct Objects {
    store: ObjectStore,
    place: String,
}

impl Objects {
    pub(crate) fn new(store: ObjectStore) -> Self {
        let place = store.place();
        Self { store, place }
    }

    /// What it is called in messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Bytes of an object; `None` when there is none.
    pub(crate) async fn len_of(&self, name: impl Display) -> Result<Option<u64>> {
        // A length in bytes; the cast saturates.
        Ok(self.store.size(name.to_string()).await.answered()?.as_f64().map(|len| len as u64))
    }

    /// An object of at most `len_max` bytes; `None` when there is none.
    pub(crate) async fn get(&self, name: impl Display, len_max: usize) -> Result<Option<Vec<u8>>> {
        let name = name.to_string();
        let found = self.store.get_whole(name.clone(), len_max as f64).await.answered()?;
        if found.is_null() || found.is_undefined() {
            return Ok(None);
        }
        let bytes = bytes_of(found)?;
        match bytes.len() <= len_max {
            true => Ok(Some(bytes)),
            false => Err(Error::damaged(format!("it has more than {len_max} bytes")).at(name)),
        }
    }

    /// Exactly these bytes of objects that a record names, side by side.
    pub(crate) async fn ranges(&self, wanted: &[(String, ByteRange)]) -> Result<Vec<Vec<u8>>> {
        let requests: Array = wanted
            .iter()
            .map(|(name, range)| {
                Array::of3(&name.into(), &(range.offset as f64).into(), &(range.len as f64).into())
            })
            .collect();
        let answers = Array::from(&self.store.get(requests).await.answered()?);
        let mut read = Vec::with_capacity(wanted.len());
        for ((name, range), answer) in wanted.iter().zip(answers.iter()) {
            if answer.is_null() || answer.is_undefined() {
                let error = Error::damaged("an object is missing that a record names: verify this backup");
                return Err(error.at(name).at(&self.place));
            }
            let bytes = bytes_of(answer)?;
            if bytes.len() as u64 != range.len {
                let error = format!("{} bytes were asked for, {} came: it was cut", range.len, bytes.len());
                return Err(Error::damaged(error).at(name).at(&self.place));
            }
            read.push(bytes);
        }
        Ok(read)
    }

    /// Whether anybody began a repository here. A first claim that is gone is damage, and whoever reads on says so.
    pub(super) async fn is_repository(&self) -> Result<bool> {
        Ok(self.is_claimed(0).await? || self.len_of("base/metadata.json").await?.is_some())
    }

    /// Whether a number is claimed.
    pub(super) async fn is_claimed(&self, number: PointNumber) -> Result<bool> {
        Ok(self.len_of(claim_name(number)).await?.is_some())
    }

    /// The claim on a number; `None` when it is free.
    pub(super) async fn claim(&self, number: PointNumber) -> Result<Option<Claim>> {
        let bytes = self.get(claim_name(number), CLAIM_LEN_MAX).await?;
        bytes.map(|bytes| Claim::parse(number, &bytes).at(|| &self.place)).transpose()
    }

    /// An entry's record; `None` when there is none. What can't be read is `Some(Err)`: it is damage, not absence.
    pub(super) async fn record(&self, entry: Entry) -> Result<Option<Result<EntryRecord>>> {
        match self.get(entry.record(), ENTRY_RECORD_LEN_MAX).await {
            Ok(bytes) => {
                let Some(bytes) = bytes else { return Ok(None) };
                let record = EntryRecord::parse(entry, &bytes).at(|| &self.place);
                if let Ok(EntryRecord::Point(point)) = &record
                    && point.encryption.is_some()
                {
                    return Err(Error::unsupported(
                        "this backup is encrypted, and this package does not open encrypted ones yet: restore it with the native `chronicle restore --identity`",
                    )
                    .at(&self.place));
                }
                Ok(Some(record))
            }
            Err(error) if matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Damaged) => {
                Ok(Some(Err(Error::damaged(error.message()).at(entry.record()).at(&self.place))))
            }
            Err(error) => Err(error),
        }
    }

    /// The manifest, if there is one that can be read. It is a hint.
    pub(super) async fn manifest(&self) -> Option<Manifest> {
        Manifest::parse(&self.get(MANIFEST_NAME, MANIFEST_LEN_MAX).await.ok()??).ok()
    }

    /// The lists of a point.
    pub(super) async fn lists(&self, record: &PointRecord) -> Result<PointLists> {
        Ok(PointLists {
            segments: self.list(&record.lists.segments).await?,
            tombstones: self.list(&record.lists.tombstones).await?,
            metrics: self.list(&record.lists.metrics).await?,
        })
    }

    /// The items of a list of pages.
    pub(super) async fn list<T: ListItem>(&self, pages: &[ListPageRef]) -> Result<Vec<T>> {
        let wanted: Vec<(String, ByteRange)> = pages
            .iter()
            .map(|page| (page.name().to_string(), ByteRange::new(0, u64::from(page.len))))
            .collect();
        let read = self.ranges(&wanted).await?;
        let bytes: BTreeMap<_, _> = pages.iter().map(|page| page.name()).zip(read).collect();
        let page_of = |page: &ListPageRef| -> Result<&[u8]> {
            let found = bytes.get(&page.name()).map(Vec::as_slice);
            found.ok_or_else(|| Error::damaged("a page was not fetched").at(page.name()))
        };
        read_list(pages, &mut |page: &ListPageRef| page_of(page)).at(|| &self.place)
    }

    /// The frames of a log object, in order. What `take` was given counts only when this returns without an error.
    pub(super) async fn each_frame(
        &self,
        lineage: Lineage,
        log: &LogObject,
        take: TakeFrame<'_>,
    ) -> Result<()> {
        let mut stream = LogStream::of(lineage, log, log.len);
        while let Some(range) = stream.missing() {
            let mut read = self.ranges(&[(log.name().to_string(), range)]).await?;
            stream.push(&read.pop().unwrap_or_default(), take).at(|| log.name()).at(|| &self.place)?;
        }
        stream.finish_object(log).at(|| log.name()).at(|| &self.place)
    }
}
