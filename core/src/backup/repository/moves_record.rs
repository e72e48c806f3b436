//! Record of moves: where segments lie now that were copied out of objects of which little was needed.
//!
//! The newest one is complete: it repeats what earlier ones still have to say. A reader that is sent to a container in
//! [`MovesRecord::vacated`] looks the segment's identity up here; records of points are never rewritten.
use super::claim::{JobId, entry_of};
use super::list_page::ListPageRef;
use super::name::Entry;
use super::point_json::{PageFields, page_fields, read_entries, read_pages};
use crate::backup::FileRecord;
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{Opened, exact, number, seal, time};
use crate::error::{Error, Result};
use crate::ids::Hash;
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Everything the record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovesRecord {
    /// Its number and name.
    pub entry: Entry,
    /// The job that claimed it.
    pub job: JobId,
    /// Host clock, Unix ns. For people.
    pub created_ns: i64,
    /// Its `changes.db`.
    pub file: FileRecord,
    /// Entries whose containers a reader passes by, ascending.
    pub vacated: Vec<Entry>,
    /// Entries in whose containers the new places lie, ascending.
    pub containers: Vec<Entry>,
    /// Pages of [`super::LocatedSegment`]: the new places.
    pub segments: Vec<ListPageRef>,
}

#[derive(Serialize, Deserialize)]
struct MovesFields {
    format_version: u32,
    kind: String,
    number: String,
    name: String,
    job: String,
    created_ns: String,
    created: String,
    file: MovedFile,
    vacated: Vec<String>,
    containers: Vec<String>,
    segments: Vec<PageFields>,
}

#[derive(Serialize, Deserialize)]
struct MovedFile {
    name: String,
    len: String,
    blake3: String,
}

pub(super) fn write(record: &MovesRecord, len_max: usize) -> Result<Vec<u8>> {
    let fields = MovesFields {
        format_version: SNAPSHOT_VERSION,
        kind: record.entry.kind.word().to_string(),
        number: record.entry.number.to_string(),
        name: record.entry.to_string(),
        job: record.job.to_string(),
        created_ns: record.created_ns.to_string(),
        created: format_timestamp(record.created_ns),
        file: MovedFile {
            name: record.file.name.clone(),
            len: record.file.len.to_string(),
            blake3: record.file.blake3.to_hex(),
        },
        vacated: record.vacated.iter().map(ToString::to_string).collect(),
        containers: record.containers.iter().map(ToString::to_string).collect(),
        segments: page_fields(&record.segments),
    };
    seal(&fields, len_max)
}

pub(super) fn read(opened: &Opened<'_>) -> Result<MovesRecord> {
    let fields: MovesFields = opened.members()?;
    Ok(MovesRecord {
        entry: entry_of(&fields.number, &fields.name)?,
        job: exact("job", &fields.job, JobId::from_hex)?,
        created_ns: time("created", &fields.created_ns, &fields.created)?,
        file: FileRecord {
            len: number("file.len", &fields.file.len)?,
            blake3: exact("file.blake3", &fields.file.blake3, Hash::from_hex)?,
            name: fields.file.name,
        },
        vacated: read_entries("vacated", &fields.vacated)?,
        containers: read_entries("containers", &fields.containers)?,
        segments: read_pages(&fields.segments)?,
    })
}

impl MovesRecord {
    /// What must hold of every one.
    pub(super) fn check(&self) -> Result<()> {
        self.entry.check()?;
        self.segments.iter().try_for_each(ListPageRef::check)?;
        let wrong = if self.file.name != super::name::CHANGES_FILE_NAME {
            "its file is no changes.db"
        } else if !self.vacated.array_windows().all(|[a, b]| a < b) {
            "what it vacates is out of order"
        } else if !self.containers.array_windows().all(|[a, b]| a < b) {
            "the containers it names are out of order"
        } else if self.vacated.iter().any(|home| home.number >= self.entry.number) {
            "it vacates what is not before it"
        } else {
            return Ok(());
        };
        Err(Error::damaged(wrong))
    }
}
