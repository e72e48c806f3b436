//! Reads: whole objects, ranges, and whether there is one.
use super::failure::Failure;
use super::{ANSWER_BYTES_MAX, ObjectStoreDestination, PART_BYTES, SIDE_BY_SIDE};
use crate::destination::{ObjectName, short, too_long};
use crate::error::{Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt};
use std::sync::atomic::Ordering;

impl ObjectStoreDestination {
    /// Its length; `None` when there is no such object.
    pub(super) async fn find(&self, name: &ObjectName) -> Result<Option<u64>> {
        let path = self.path(name.as_str())?;
        match self.patience.call(ANSWER_BYTES_MAX, || self.store.objects.head(&path)).await {
            Ok(meta) => {
                self.has_bucket.store(true, Ordering::Relaxed);
                Ok(Some(meta.size))
            }
            // The answer to HEAD has no words: that to GET says what it is that is not there or not allowed.
            Err(failure) => match failure.answer.code.is_some() || self.is_plain(&failure) {
                true => self.absent_or(failure, name).map(|()| None),
                false => match self.some(&path, GetRange::Bounded(0..1), 1).await {
                    Err(failure) => self.absent_or(failure, name).map(|()| None),
                    Ok(_) => self.absent_or(failure, name).map(|()| None),
                },
            },
        }
    }

    /// Nothing more is to be learned of this failure.
    fn is_plain(&self, failure: &Failure) -> bool {
        match failure.is_absent {
            true => self.has_bucket.load(Ordering::Relaxed),
            false => !matches!(failure.answer.status.map(|status| status.as_u16()), Some(400 | 401 | 403)),
        }
    }

    fn absent_or(&self, failure: Failure, name: &ObjectName) -> Result<()> {
        if failure.is_absent {
            // Only a bucket that is there knows which objects are not.
            self.has_bucket.store(true, Ordering::Relaxed);
            return Ok(());
        }
        Err(self.at(failure, Some(name.as_str())))
    }

    async fn some(
        &self,
        path: &Path,
        range: GetRange,
        max: u64,
    ) -> std::result::Result<(Vec<u8>, u64), Failure> {
        let answered = self.patience.call(max, || async {
            let options = GetOptions { range: Some(range.clone()), ..GetOptions::default() };
            let found = self.store.objects.get_opts(path, options).await?;
            let len = found.meta.size;
            Ok((found.bytes().await?, len))
        });
        answered.await.map(|(bytes, len)| (bytes.to_vec(), len))
    }

    /// The whole object.
    pub(super) async fn read(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let path = self.path(name.as_str())?;
        let got = self
            .patience
            .call(len_max, || async {
                let found = self.store.objects.get(&path).await?;
                let len = found.meta.size;
                Ok((found.bytes().await?, len))
            })
            .await;
        match got {
            Ok((bytes, len)) if bytes.len() as u64 == len => Ok(bytes.to_vec()),
            Ok((bytes, len)) => Err(short(&self.store.place, name, 0, len, bytes.len() as u64)),
            Err(failure) => match failure.answer.too_long {
                Some(len) => Err(too_long(&self.store.place, name, len, len_max)),
                None => Err(self.at(failure, Some(name.as_str()))),
            },
        }
    }

    /// Exactly this range.
    pub(super) async fn read_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(len);
        // Before memory is taken for it, and where a server can't be asked for nothing.
        if len == 0 || len > PART_BYTES || end.is_none() {
            let there =
                self.find(name).await?.ok_or_else(|| super::super::absent(&self.store.place, name))?;
            if end.is_none_or(|end| end > there) {
                return Err(short(&self.store.place, name, offset, len, there));
            }
        }
        let path = self.path(name.as_str())?;
        let starts = (0..len.div_ceil(PART_BYTES)).map(|index| offset + index * PART_BYTES);
        let end = end.unwrap_or(offset);
        let parts = stream::iter(starts)
            .map(|start| self.read_part(name, &path, start, PART_BYTES.min(end - start)))
            .buffered(SIDE_BY_SIDE);
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        let mut parts = std::pin::pin!(parts);
        while let Some(part) = parts.try_next().await? {
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    async fn read_part(&self, name: &ObjectName, path: &Path, offset: u64, len: u64) -> Result<Vec<u8>> {
        match self.some(path, GetRange::Bounded(offset..offset + len), len).await {
            Ok((bytes, _)) if bytes.len() as u64 == len => Ok(bytes),
            Ok((_, there)) => Err(short(&self.store.place, name, offset, len, there)),
            Err(failure) => Err(self.range_error(failure, name, offset, len).await),
        }
    }

    /// A range behind the end is told in many ways; the length tells which it is.
    async fn range_error(&self, failure: Failure, name: &ObjectName, offset: u64, len: u64) -> Error {
        // More came than was asked for.
        if failure.answer.too_long.is_some() {
            let message =
                "the store ignores ranges: it answers with more than was asked for; use another destination";
            return Error::unsupported(message).at(name).at(&self.store.place);
        }
        if failure.error.kind() == ErrorKind::Damaged
            && let Ok(Some(there)) = self.find(name).await
            && offset.saturating_add(len) > there
        {
            return short(&self.store.place, name, offset, len, there);
        }
        self.at(failure, Some(name.as_str()))
    }
}
