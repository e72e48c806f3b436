//! The JSON of a record, and its seal: how the bytes of `metadata.json` cover themselves.
//!
//! The file is one JSON object whose last member is `"checksum"`. Its text has a fixed length, so the sealed bytes are all
//! but the last [`SEAL_LEN`], and the rest has one possible form: no byte of the file can change unnoticed.
use super::record::{FileRecord, SNAPSHOT_VERSION, SnapshotRecord};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::EpochParent;
use crate::ids::{Chain, Epoch, Hash, Lineage};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

const SEAL_START: &str = ",\n  \"checksum\": \"";
const SEAL_END: &str = "\"\n}\n";
/// Bytes from the comma before the checksum to the end of the file.
const SEAL_LEN: usize = SEAL_START.len() + 64 + SEAL_END.len();
const KIND: &str = "snapshot";

/// What every version of the record has, read before anything else.
#[derive(Deserialize)]
struct Outer {
    format_version: u32,
    kind: String,
}

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
struct ParentFields {
    epoch: String,
    lsn: String,
    chain: String,
}

#[derive(Serialize, Deserialize)]
struct FileFields {
    name: String,
    len: String,
    blake3: String,
}

/// The bytes of the file.
pub(super) fn seal(fields: &Fields) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(fields)
        .map_err(|error| Error::invalid(alloc::format!("the record can't be written: {error}")))?;
    // The object is closed by the seal.
    bytes.truncate(bytes.len().saturating_sub("\n}".len()));
    let seal = seal_of(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    Ok(bytes)
}

/// The members of a file whose seal holds and whose version this build reads.
pub(super) fn open(bytes: &[u8]) -> Result<Fields> {
    let split = bytes.len().checked_sub(SEAL_LEN).and_then(|at| bytes.split_at_checked(at));
    let Some((sealed, seal)) = split else {
        return Err(Error::damaged("it is too short for a record: its writing was cut off"));
    };
    if seal != seal_of(sealed).as_bytes() {
        return Err(Error::damaged(
            "its checksum is not that of its bytes: it was cut off, changed, or edited",
        ));
    }
    let not_json = |error: serde_json::Error| {
        Error::damaged(alloc::format!("its checksum holds, but it is not a record: {error}"))
    };
    let Outer { format_version, kind } = serde_json::from_slice(bytes).map_err(not_json)?;
    if format_version > SNAPSHOT_VERSION {
        return Err(Error::unsupported(alloc::format!(
            "the record has version {format_version}; this build reads versions up to {SNAPSHOT_VERSION}: use a newer \
             Chronicle"
        )));
    }
    if kind != KIND {
        return Err(Error::unsupported(alloc::format!("it is a record of kind {kind:?}, not of a {KIND}")));
    }
    serde_json::from_slice(bytes).map_err(not_json)
}

fn seal_of(sealed: &[u8]) -> String {
    alloc::format!("{SEAL_START}{}{SEAL_END}", Hash::of(sealed))
}

impl From<&SnapshotRecord> for Fields {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            format_version: record.format_version,
            kind: KIND.to_string(),
            lineage: record.lineage.to_hex(),
            epoch: record.epoch.to_hex(),
            parent: record.parent.map(|parent| ParentFields {
                epoch: parent.epoch.to_hex(),
                lsn: parent.lsn.to_string(),
                chain: parent.chain.to_hex(),
            }),
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
        let parent = fields.parent.map(|parent| {
            Ok(EpochParent {
                epoch: exact("parent.epoch", &parent.epoch, Epoch::from_hex)?,
                lsn: number("parent.lsn", &parent.lsn)?,
                chain: exact("parent.chain", &parent.chain, Chain::from_hex)?,
            })
        });
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

/// A value whose text is exactly the one that is written: two texts never mean one value.
fn exact<T: ToString>(member: &str, text: &str, read: impl Fn(&str) -> Option<T>) -> Result<T> {
    read(text)
        .filter(|value| value.to_string() == text)
        .ok_or_else(|| Error::damaged(alloc::format!("member {member} can't be {text:?}")))
}

fn number<T: ToString + core::str::FromStr>(member: &str, text: &str) -> Result<T> {
    exact(member, text, |text| text.parse().ok())
}

/// A time and its text for people, which must agree: nobody should read another moment than a program does.
fn time(member: &str, ns: &str, text: &str) -> Result<i64> {
    let ns = number(member, ns)?;
    match format_timestamp(ns) == text {
        true => Ok(ns),
        false => Err(Error::damaged(alloc::format!("member {member} says {text:?}, its twin in ns {ns}"))),
    }
}
