//! The JSON members of a point's record, beside those of a snapshot's.
use super::claim::{JobId, entry_of};
use super::encryption::EncryptionFields;
use super::list_page::{ListPageRef, ListRefs};
use super::log_object::LogObject;
use super::name::{Entry, ObjectFile, ObjectName};
use super::point_record::{Gap, PointRecord, PreviousPoint};
use crate::backup::SnapshotRecord;
use crate::backup::record_json::Fields;
use crate::backup::seal::{Opened, ParentFields, exact, number, seal, time};
use crate::error::{Error, Result};
use crate::format::{Policies, PolicyState, Settings};
use crate::head::Position;
use crate::ids::{Chain, Epoch, Hash};
use crate::time::format_timestamp;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// All members as they are written. Read back in two passes, since a flattened member that comes twice is not noticed.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    snapshot: &'a Fields,
    #[serde(flatten)]
    point: &'a PointFields,
}

#[derive(Serialize, Deserialize)]
struct PointFields {
    number: String,
    name: String,
    job: String,
    previous: Option<PreviousFields>,
    checkpoint: PositionFields,
    settings: Settings,
    policies: Policies,
    policy_state: PolicyState,
    database_created_ns: String,
    database_created: String,
    log: Option<LogFields>,
    gap: Option<GapFields>,
    replay: Vec<LogFields>,
    containers: Vec<String>,
    lists: ListsFields,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encryption: Option<EncryptionFields>,
}

#[derive(Serialize, Deserialize)]
struct PreviousFields {
    name: String,
    at: ParentFields,
}

#[derive(Serialize, Deserialize)]
struct PositionFields {
    lsn: String,
    commit_time_ns: String,
    commit_time: String,
    chain: String,
}

#[derive(Serialize, Deserialize)]
struct GapFields {
    first_lsn: String,
    last_lsn: String,
}

#[derive(Serialize, Deserialize)]
struct LogFields {
    name: String,
    epoch: String,
    first_lsn: String,
    last_lsn: String,
    first_commit_time_ns: String,
    first_commit_time: String,
    last_commit_time_ns: String,
    last_commit_time: String,
    after_chain: String,
    chain: String,
    len: String,
    blake3: String,
    /// First and last commit that attaches segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attached: Option<[String; 2]>,
}

#[derive(Serialize, Deserialize)]
struct ListsFields {
    segments: Vec<PageFields>,
    tombstones: Vec<PageFields>,
    metrics: Vec<PageFields>,
}

/// The entries that a member names.
pub(super) fn read_entries(member: &str, names: &[String]) -> Result<Vec<Entry>> {
    names.iter().map(|name| exact(member, name, Entry::parse)).collect()
}

/// A page of a list, in any record.
#[derive(Serialize, Deserialize)]
pub(super) struct PageFields {
    name: String,
    len: String,
    items: String,
}

impl From<&ListPageRef> for PageFields {
    fn from(page: &ListPageRef) -> Self {
        Self { name: page.name().to_string(), len: page.len.to_string(), items: page.items.to_string() }
    }
}

impl PageFields {
    fn read(&self) -> Result<ListPageRef> {
        let name = exact("lists.name", &self.name, ObjectName::parse)?;
        let ObjectFile::Page(hash) = name.file else {
            return Err(Error::damaged(alloc::format!("{:?} is no name of a page", self.name)));
        };
        let page = ListPageRef {
            home: name.entry,
            hash,
            len: number("lists.len", &self.len)?,
            items: number("lists.items", &self.items)?,
        };
        page.check()?;
        Ok(page)
    }
}

/// The members of pages.
pub(super) fn page_fields(pages: &[ListPageRef]) -> Vec<PageFields> {
    pages.iter().map(PageFields::from).collect()
}

/// The pages that the members name.
pub(super) fn read_pages(pages: &[PageFields]) -> Result<Vec<ListPageRef>> {
    pages.iter().map(PageFields::read).collect()
}

impl From<&Position> for PositionFields {
    fn from(position: &Position) -> Self {
        Self {
            lsn: position.lsn.to_string(),
            commit_time_ns: position.commit_time_ns.to_string(),
            commit_time: format_timestamp(position.commit_time_ns),
            chain: position.chain.to_hex(),
        }
    }
}

impl PositionFields {
    fn read(&self) -> Result<Position> {
        Ok(Position {
            lsn: number("checkpoint.lsn", &self.lsn)?,
            commit_time_ns: time("checkpoint.commit_time", &self.commit_time_ns, &self.commit_time)?,
            chain: exact("checkpoint.chain", &self.chain, Chain::from_hex)?,
        })
    }
}

impl From<&LogObject> for LogFields {
    fn from(log: &LogObject) -> Self {
        Self {
            name: log.name().to_string(),
            epoch: log.epoch.to_hex(),
            first_lsn: log.first_lsn.to_string(),
            last_lsn: log.last_lsn.to_string(),
            first_commit_time_ns: log.first_commit_time_ns.to_string(),
            first_commit_time: format_timestamp(log.first_commit_time_ns),
            last_commit_time_ns: log.last_commit_time_ns.to_string(),
            last_commit_time: format_timestamp(log.last_commit_time_ns),
            after_chain: log.after_chain.to_hex(),
            chain: log.chain.to_hex(),
            len: log.len.to_string(),
            blake3: log.blake3.to_hex(),
            attached: log.attached.map(|(first, last)| [first.to_string(), last.to_string()]),
        }
    }
}

impl LogFields {
    fn read(&self) -> Result<LogObject> {
        let name = exact("log.name", &self.name, ObjectName::parse)?;
        let first_lsn = number("log.first_lsn", &self.first_lsn)?;
        if name.file != ObjectFile::Log(first_lsn) {
            return Err(Error::damaged(alloc::format!(
                "{:?} is no log that starts at commit {first_lsn}",
                self.name
            )));
        }
        let (first, last) = (&self.first_commit_time_ns, &self.last_commit_time_ns);
        Ok(LogObject {
            home: name.entry,
            epoch: exact("log.epoch", &self.epoch, Epoch::from_hex)?,
            first_lsn,
            last_lsn: number("log.last_lsn", &self.last_lsn)?,
            first_commit_time_ns: time("log.first_commit_time", first, &self.first_commit_time)?,
            last_commit_time_ns: time("log.last_commit_time", last, &self.last_commit_time)?,
            after_chain: exact("log.after_chain", &self.after_chain, Chain::from_hex)?,
            chain: exact("log.chain", &self.chain, Chain::from_hex)?,
            len: number("log.len", &self.len)?,
            blake3: exact("log.blake3", &self.blake3, Hash::from_hex)?,
            attached: match &self.attached {
                Some([first, last]) => Some((number("log.attached", first)?, number("log.attached", last)?)),
                None => None,
            },
            shipped: None,
        })
    }
}

/// The bytes of the record.
pub(super) fn write(record: &PointRecord, len_max: usize) -> Result<Vec<u8>> {
    let outer = record.outer();
    let record = outer.as_ref().unwrap_or(record);
    let point = PointFields {
        number: record.entry.number.to_string(),
        name: record.entry.to_string(),
        job: record.job.to_string(),
        previous: record.previous.map(|previous| PreviousFields {
            name: previous.entry.to_string(),
            at: ParentFields::from(previous.at),
        }),
        checkpoint: PositionFields::from(&record.checkpoint),
        settings: record.settings,
        policies: record.policies.clone(),
        policy_state: record.policy_state.clone(),
        database_created_ns: record.database_created_ns.to_string(),
        database_created: format_timestamp(record.database_created_ns),
        log: record.log.as_ref().map(LogFields::from),
        gap: record.gap.map(|gap| GapFields {
            first_lsn: gap.first_lsn.to_string(),
            last_lsn: gap.last_lsn.to_string(),
        }),
        replay: record.replay.iter().map(LogFields::from).collect(),
        containers: record.containers.iter().map(ToString::to_string).collect(),
        lists: ListsFields {
            segments: page_fields(&record.lists.segments),
            tombstones: page_fields(&record.lists.tombstones),
            metrics: page_fields(&record.lists.metrics),
        },
        encryption: record.encryption.as_ref().map(EncryptionFields::from),
    };
    let snapshot = Fields::new(record.entry.kind.word(), &record.point);
    seal(&Written { snapshot: &snapshot, point: &point }, len_max)
}

/// The record, not yet checked for what must hold of it.
pub(super) fn read(opened: &Opened<'_>) -> Result<PointRecord> {
    let point = SnapshotRecord::try_from(opened.members::<Fields>()?)?;
    let fields: PointFields = opened.members()?;
    let entry = entry_of(&fields.number, &fields.name)?;
    if entry.kind.word() != opened.kind {
        return Err(Error::damaged(alloc::format!(
            "it is a record of kind {:?}, named {entry}",
            opened.kind
        )));
    }
    let previous = fields.previous.as_ref().map(|previous| {
        Ok(PreviousPoint {
            entry: exact("previous.name", &previous.name, Entry::parse)?,
            at: previous.at.read("previous.at")?,
        })
    });
    let gap = fields.gap.as_ref().map(|gap| {
        Ok(Gap {
            first_lsn: number("gap.first_lsn", &gap.first_lsn)?,
            last_lsn: number("gap.last_lsn", &gap.last_lsn)?,
        })
    });
    let record = PointRecord {
        entry,
        job: exact("job", &fields.job, JobId::from_hex)?,
        point,
        previous: previous.transpose()?,
        lists: ListRefs {
            segments: read_pages(&fields.lists.segments)?,
            tombstones: read_pages(&fields.lists.tombstones)?,
            metrics: read_pages(&fields.lists.metrics)?,
        },
        containers: read_entries("containers", &fields.containers)?,
        checkpoint: fields.checkpoint.read()?,
        replay: fields.replay.iter().map(LogFields::read).collect::<Result<_>>()?,
        log: fields.log.as_ref().map(LogFields::read).transpose()?,
        gap: gap.transpose()?,
        settings: fields.settings,
        policies: fields.policies,
        policy_state: fields.policy_state,
        database_created_ns: time("database_created", &fields.database_created_ns, &fields.database_created)?,
        encryption: fields.encryption.map(EncryptionFields::read).transpose()?,
    };
    match record.outer().is_none_or(|outer| outer == record) {
        true => Ok(record),
        false => Err(Error::damaged("it says in plain what belongs into its encrypted part")),
    }
}
