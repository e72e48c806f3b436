//! Large objects, in parts. Beside the object lies a marker `<name>.partial-<job>` while it is uploaded, which holds the id
//! of the upload: no listing of objects has it, and whoever cleans up finds the upload by it. What is killed before the
//! marker is there leaves an upload without a part, which takes no room.
use super::failure::Failure;
use super::{ANSWER_BYTES_MAX, ObjectStoreDestination, PART_BYTES, SIDE_BY_SIDE};
use crate::destination::{Body, Job, ObjectName, Put};
use crate::error::{Error, ErrorKind, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use std::sync::Arc;

/// Most parts of an object, everywhere.
const PARTS_MAX: u64 = 10_000;
/// Longest part: so many times [`SIDE_BY_SIDE`] is the memory that an upload takes.
const PART_BYTES_MAX: u64 = 64 << 20;
/// Longest object.
pub(super) const OBJECT_BYTES_MAX: u64 = PARTS_MAX * PART_BYTES_MAX;
/// Longest id of an upload.
const ID_BYTES_MAX: u64 = 8 << 10;

/// The shortest parts that are few enough.
fn part_bytes(len: u64) -> u64 {
    len.div_ceil(PARTS_MAX).next_multiple_of(1 << 20).max(PART_BYTES)
}

impl ObjectStoreDestination {
    fn uploads(&self) -> Result<&Arc<dyn MultipartStore>> {
        self.store.uploads.as_ref().ok_or_else(|| Error::unsupported("this server takes no objects in parts"))
    }

    /// Puts an object in parts, which replaces what is there in one step.
    pub(super) async fn upload(&self, name: &ObjectName, body: &dyn Body, job: Job) -> Result<Put> {
        let path = self.path(name.as_str())?;
        let marker = match name.as_str().rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{}", name.partial(job)),
            None => name.partial(job),
        };
        // Of an attempt that was killed.
        self.abort_left(&marker).await?;
        let uploads = self.uploads()?;
        let id = self
            .patience
            .call(ANSWER_BYTES_MAX, || uploads.create_multipart(&path))
            .await
            .map_err(|failure| self.at(failure, Some(name.as_str())))?;
        let marker_path = self.path(&marker)?;
        let text = PutPayload::from(id.clone().into_bytes());
        let sent = match self.put_bytes(&marker_path, &text, false).await {
            Ok(()) => self.send(name, &path, &id, body).await,
            Err(failure) => Err(self.at(failure, Some(name.as_str()))),
        };
        match sent {
            Ok(()) => {
                // The object is there. A marker that stays is cleaned up with the job.
                let _ = self.remove(&marker).await;
                Ok(Put::Written)
            }
            Err(error) => {
                if self.abort(&path, &id).await.is_ok() {
                    let _ = self.remove(&marker).await;
                }
                Err(error)
            }
        }
    }

    async fn send(&self, name: &ObjectName, path: &Path, id: &String, body: &dyn Body) -> Result<()> {
        let (uploads, len) = (self.uploads()?, body.len());
        let step = part_bytes(len);
        let part = |index: u64| async move {
            let start = index * step;
            let mut bytes = vec![0; usize::try_from(step.min(len - start)).unwrap_or(0)];
            body.read_exact_at(start, &mut bytes)?;
            let bytes = PutPayload::from(bytes);
            let number = usize::try_from(index).unwrap_or(usize::MAX);
            self.patience
                .call(ANSWER_BYTES_MAX, || uploads.put_part(path, id, number, bytes.clone()))
                .await
                .map_err(|failure| self.at(failure, Some(name.as_str())))
        };
        let parts: Vec<PartId> =
            stream::iter(0..len.div_ceil(step)).map(part).buffered(SIDE_BY_SIDE).try_collect().await?;
        let done = self
            .patience
            .call(ANSWER_BYTES_MAX, || uploads.complete_multipart(path, id, parts.clone()))
            .await;
        match done {
            Ok(_) => Ok(()),
            Err(failure) => self.settle(failure, name, len).await,
        }
    }

    /// The answer to the last step may have been lost: then the upload is gone, and the object there.
    async fn settle(&self, failure: Failure, name: &ObjectName, len: u64) -> Result<()> {
        if failure.unsure
            && failure.error.kind() != ErrorKind::Transient
            && self.find(name).await? == Some(len)
        {
            return Ok(());
        }
        // That an upload is gone does not say that anything is not found.
        let error = match failure.is_absent {
            true => Error::new(
                ErrorKind::Transient,
                "the upload is gone before it was complete: does something abort uploads there?",
            ),
            false => failure.error,
        };
        Err(error.at(name).at(&self.store.place))
    }

    async fn abort(&self, path: &Path, id: &String) -> Result<()> {
        let uploads = self.uploads()?;
        match self.patience.call(ANSWER_BYTES_MAX, || uploads.abort_multipart(path, id)).await {
            Ok(()) => Ok(()),
            // It ended, or was aborted already.
            Err(failure) if failure.is_absent => Ok(()),
            Err(failure) => Err(self.at(failure, Some(path.as_ref()))),
        }
    }

    /// Aborts the upload that a marker names, if there is that marker, and removes it.
    pub(super) async fn abort_left(&self, marker: &str) -> Result<()> {
        let marker_path = self.path(marker)?;
        let id = self
            .patience
            .call(ID_BYTES_MAX, || async { self.store.objects.get(&marker_path).await?.bytes().await })
            .await;
        let id = match id {
            Ok(id) => id,
            Err(failure) if failure.is_absent => return Ok(()),
            Err(failure) => return Err(self.at(failure, Some(marker))),
        };
        let Some((object, _)) = marker.rsplit_once(".partial-") else { return Ok(()) };
        if let Ok(id) = String::from_utf8(id.to_vec())
            && self.store.uploads.is_some()
        {
            self.abort(&self.path(object)?, &id).await?;
        }
        self.remove(marker).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_object_fits_in_the_parts_that_there_may_be() {
        for len in [PART_BYTES + 1, 80 << 30, 100 << 30, OBJECT_BYTES_MAX] {
            assert!(len.div_ceil(part_bytes(len)) <= PARTS_MAX && part_bytes(len) <= PART_BYTES_MAX);
        }
        assert_eq!(part_bytes(PART_BYTES + 1), PART_BYTES);
    }
}
