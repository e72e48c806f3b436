//! The JSON members of a snapshot's record, which are also those that every record of a point starts with.
use super::record::{FileRecord, SnapshotRecord};
use super::seal::{ParentFields, exact, number, time};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::ids::{Chain, Epoch, Hash, Lineage};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The members of version 0, in order. Numbers of 64 bits are strings, since JavaScript's are not exact beyond 2^53.
#[derive(Serialize, Deserialize)]
pub(super) struct Fields {
    format_version: u32,
    kind: String,
    lineage: String,
    epoch: String,
    parent: Option<ParentFields>,
    lsn: String,
    commit_time_ns: String,
    /// The same in words; so are all members without a unit in their name.
    commit_time: String,
    chain: String,
    complete_until_ns: String,
    complete_until: String,
    created_ns: String,
    created: String,
    points_stored: String,
    series: String,
    segments: String,
    digest: Option<String>,
    digest_reason: Option<String>,
    stored_digest: String,
    log_points: String,
    files: Vec<FileFields>,
}

#[derive(Serialize, Deserialize)]
struct FileFields {
    name: String,
    len: String,
    blake3: String,
}

impl Fields {
    /// The members of `record`, which is of `kind`.
    pub(super) fn new(kind: &str, record: &SnapshotRecord) -> Self {
        Self {
            format_version: record.format_version,
            kind: kind.to_string(),
            lineage: record.lineage.to_hex(),
            epoch: record.epoch.to_hex(),
            parent: record.parent.map(ParentFields::from),
            lsn: record.lsn.to_string(),
            commit_time_ns: record.commit_time_ns.to_string(),
            commit_time: format_timestamp(record.commit_time_ns),
            chain: record.chain.to_hex(),
            complete_until_ns: record.complete_until_ns.to_string(),
            complete_until: format_timestamp(record.complete_until_ns),
            created_ns: record.created_ns.to_string(),
            created: format_timestamp(record.created_ns),
            points_stored: record.points_stored.to_string(),
            series: record.series.to_string(),
            segments: record.segments.to_string(),
            digest: record.digest.map(|digest| digest.to_string()),
            digest_reason: record.digest_reason.clone(),
            stored_digest: record.stored_digest.to_string(),
            log_points: record.log_points.to_string(),
            files: record
                .files
                .iter()
                .map(|file| FileFields {
                    name: file.name.clone(),
                    len: file.len.to_string(),
                    blake3: file.blake3.to_hex(),
                })
                .collect(),
        }
    }
}

impl TryFrom<Fields> for SnapshotRecord {
    type Error = Error;
    fn try_from(fields: Fields) -> Result<Self> {
        let parent = fields.parent.map(|parent| parent.read("parent"));
        let files = fields.files.into_iter().map(|file| {
            Ok(FileRecord {
                len: number("files.len", &file.len)?,
                blake3: exact("files.blake3", &file.blake3, Hash::from_hex)?,
                name: file.name,
            })
        });
        let digest = |text: &String| exact("digest", text, Digest::parse);
        Ok(Self {
            format_version: fields.format_version,
            lineage: exact("lineage", &fields.lineage, Lineage::from_hex)?,
            epoch: exact("epoch", &fields.epoch, Epoch::from_hex)?,
            parent: parent.transpose()?,
            lsn: number("lsn", &fields.lsn)?,
            commit_time_ns: time("commit_time", &fields.commit_time_ns, &fields.commit_time)?,
            chain: exact("chain", &fields.chain, Chain::from_hex)?,
            complete_until_ns: time("complete_until", &fields.complete_until_ns, &fields.complete_until)?,
            created_ns: time("created", &fields.created_ns, &fields.created)?,
            points_stored: number("points_stored", &fields.points_stored)?,
            series: number("series", &fields.series)?,
            segments: number("segments", &fields.segments)?,
            digest: fields.digest.as_ref().map(digest).transpose()?,
            digest_reason: fields.digest_reason,
            stored_digest: exact("stored_digest", &fields.stored_digest, Digest::parse)?,
            log_points: number("log_points", &fields.log_points)?,
            files: files.collect::<Result<_>>()?,
        })
    }
}
