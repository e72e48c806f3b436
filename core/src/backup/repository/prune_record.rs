//! Record of a prune, the mark: what is condemned. From its existence on nobody may begin to refer to that.
//!
//! Written before anything is deleted, and never rewritten. The newest one is complete: what earlier marks condemned and
//! is still there is condemned again, and the objects that outlive their records are all listed.
use super::claim::{JobId, entry_of};
use super::list_page::ListPageRef;
use super::name::{Entry, ObjectName, PointNumber};
use super::point_json::{PageFields, page_fields, read_entries, read_pages};
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::seal::{Opened, exact, number, seal, time};
use crate::error::{Error, Result};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Everything the record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PruneRecord {
    /// Its number and name.
    pub entry: Entry,
    /// The job that claimed it.
    pub job: JobId,
    /// Host clock, Unix ns. For people.
    pub created_ns: i64,
    /// Every claim below this number is closed: what has no record there was pruned.
    pub settled_below: PointNumber,
    /// Entries whose records go, ascending; and those that went and are not below `settled_below`.
    pub condemned_entries: Vec<Entry>,
    /// Objects and pages that go with them, ascending; records are not among them.
    pub condemned_objects: Vec<ObjectName>,
    /// Pages of [`super::KeptObject`]: objects that are needed though their records are condemned or gone.
    pub kept: Vec<ListPageRef>,
}

#[derive(Serialize, Deserialize)]
struct PruneFields {
    format_version: u32,
    kind: String,
    number: String,
    name: String,
    job: String,
    created_ns: String,
    created: String,
    settled_below: String,
    condemned_entries: Vec<String>,
    condemned_objects: Vec<String>,
    kept: Vec<PageFields>,
}

pub(super) fn write(record: &PruneRecord, len_max: usize) -> Result<Vec<u8>> {
    let fields = PruneFields {
        format_version: SNAPSHOT_VERSION,
        kind: record.entry.kind.word().to_string(),
        number: record.entry.number.to_string(),
        name: record.entry.to_string(),
        job: record.job.to_string(),
        created_ns: record.created_ns.to_string(),
        created: format_timestamp(record.created_ns),
        settled_below: record.settled_below.to_string(),
        condemned_entries: record.condemned_entries.iter().map(ToString::to_string).collect(),
        condemned_objects: record.condemned_objects.iter().map(ToString::to_string).collect(),
        kept: page_fields(&record.kept),
    };
    seal(&fields, len_max)
}

pub(super) fn read(opened: &Opened<'_>) -> Result<PruneRecord> {
    let fields: PruneFields = opened.members()?;
    let objects =
        fields.condemned_objects.iter().map(|name| exact("condemned_objects", name, ObjectName::parse));
    Ok(PruneRecord {
        entry: entry_of(&fields.number, &fields.name)?,
        job: exact("job", &fields.job, JobId::from_hex)?,
        created_ns: time("created", &fields.created_ns, &fields.created)?,
        settled_below: number("settled_below", &fields.settled_below)?,
        condemned_entries: read_entries("condemned_entries", &fields.condemned_entries)?,
        condemned_objects: objects.collect::<Result<_>>()?,
        kept: read_pages(&fields.kept)?,
    })
}

impl PruneRecord {
    /// What must hold of every one.
    pub(super) fn check(&self) -> Result<()> {
        self.entry.check()?;
        self.kept.iter().try_for_each(ListPageRef::check)?;
        let ascending = self.condemned_entries.array_windows().all(|[a, b]| a < b)
            && self.condemned_objects.array_windows().all(|[a, b]| a < b);
        let own_or_later = self.condemned_entries.iter().any(|entry| entry.number >= self.entry.number)
            || self.condemned_objects.iter().any(|name| {
                name.entry.number >= self.entry.number || name.file == super::name::ObjectFile::Record
            });
        let wrong = if !ascending {
            "what it condemns is out of order"
        } else if own_or_later || self.settled_below > self.entry.number {
            "it condemns what is not before it, or a record among the objects"
        } else {
            return Ok(());
        };
        Err(Error::damaged(wrong))
    }
}
