//! Delta plan: what a new point of a repository consists of, decided before a byte is moved.
//!
//! New segments are a set difference by identity; so a delta reads what is new, and nothing else. A base is the same with
//! nothing to stand on. The same input gives the same bytes: a job that was interrupted goes on with what is there.
use super::claim::JobId;
use super::continuation::Continuation;
use super::ground::Ground;
use super::list::{LocatedSegment, MetricName, PointLists};
use super::list_page::{ListRefs, NewPage, write_list};
use super::log_object::LogObject;
use super::log_search::{LogContent, LogCut, LogSearch};
use super::name::{Entry, EntryKind, ObjectFile, ObjectName};
use super::point_record::{Gap, PointRecord, PreviousPoint, REPLAY_LOGS_MAX};
use super::record::EntryRecord;
use crate::backup::pack::check_log;
use crate::backup::record::SNAPSHOT_VERSION;
use crate::backup::{FileRecord, LogCopy, PackedFile, SnapshotRecord};
use crate::catalog::{Catalog, StoredPolicy};
use crate::digest::Digest;
use crate::engine::{Identity, Snapshot};
use crate::error::{Error, Result};
use crate::format::{LOG_HEADER_LEN, LogStart, Policies, Role, SegmentEntry, Tombstone};
use crate::head::Position;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a new point brings. Keep the [`Snapshot`] until it is carried out.
#[derive(Clone, Debug)]
pub struct DeltaPlan {
    /// Its number and name.
    pub entry: Entry,
    /// What it continues; none for a base.
    pub previous: Option<PreviousPoint>,
    /// The container with the new segments, if there are any; `data.db` of a base, `changes.db` of a delta.
    pub container: Option<PackedFile>,
    /// The new log object, if there is one; a base always has one, perhaps without a frame.
    pub log: Option<LogCopy>,
    /// Pages of the lists that no earlier point has.
    pub pages: Vec<NewPage>,
    /// Commits whose frames are gone; their data is in the point.
    pub gap: Option<Gap>,
    /// What database it is of.
    pub identity: Identity,
    /// The lists hold every commit up to here.
    pub checkpoint: Position,
    /// The commit it ends with.
    pub position: Position,
    pub(super) lists: ListRefs,
    containers: Vec<Entry>,
    /// Settings and policies, as of the checkpoint.
    policy: Arc<StoredPolicy>,
    /// Earlier log objects that replay needs.
    pub(super) replay: Vec<LogObject>,
    pub(super) totals: Totals,
}

/// Counts over the whole point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    series: u64,
    pub(super) segments: u64,
    points_stored: u64,
    stored_digest: Digest,
}

impl DeltaPlan {
    /// The search for the first frame that the point brings: drive it, and give what it finds to [`DeltaPlan::new`].
    /// `InvalidInput` when the database is not the previous point's future.
    pub fn log_search(snapshot: &Snapshot, ground: &Ground) -> Result<LogSearch> {
        let Some(previous) = &ground.previous else {
            return Ok(LogSearch::known(snapshot, LogSearch::behind_checkpoint(snapshot)));
        };
        let continuation = ground.continuation(snapshot, previous)?;
        let after = continuation.after().ok_or_else(|| Continuation::none(&snapshot.identity))?;
        Ok(match replay_before(snapshot, ground) {
            Some(_) => LogSearch::new(snapshot, after),
            // What is to be replayed would lie in too many objects, or in condemned ones: all of it is brought anew.
            None => LogSearch::whole_tail(snapshot, after),
        })
    }

    /// Plans the point `entry`: a base where `ground` has no previous point. `InvalidInput` when the database is not the
    /// previous point's future, `Damaged` when lists and snapshot contradict each other.
    pub fn new(snapshot: &Snapshot, entry: Entry, ground: &Ground, cut: LogCut) -> Result<Self> {
        check_log(snapshot)?;
        let is_base = entry.kind == EntryKind::Base;
        if !entry.kind.is_point() || is_base != ground.previous.is_none() {
            return Err(Error::invalid("a base continues no point, and a delta continues one"));
        }
        let mut plan = Self {
            entry,
            previous: ground.previous.as_ref().map(|previous| previous.record.as_previous()),
            container: None,
            log: None,
            pages: Vec::new(),
            gap: cut.gap,
            identity: snapshot.identity.clone(),
            checkpoint: snapshot.checkpoint(),
            position: snapshot.position,
            lists: ListRefs::default(),
            containers: Vec::new(),
            policy: Arc::clone(&snapshot.catalog.policy),
            replay: Vec::new(),
            totals: totals(snapshot),
        };
        if let Some(previous) = &ground.previous {
            let continuation = ground.continuation(snapshot, previous)?;
            if continuation == Continuation::Elsewhere {
                return Err(Continuation::none(&snapshot.identity));
            }
            let same = previous.record.as_previous().at;
            let (Position { lsn, chain, .. }, epoch) = (plan.position, plan.identity.epoch);
            if (same.epoch, same.lsn, same.chain) == (epoch, lsn, chain) && ground.is_untouched(previous) {
                // The same commits: whatever a compaction did since, the point is the previous one.
                return Ok(plan.repeating(&previous.record));
            }
            plan.replay = replay_before(snapshot, ground).unwrap_or_default();
        }
        if is_base || !cut.parts.is_empty() {
            plan.log = Some(LogCopy::new(snapshot, cut.after, cut.parts)?);
        }
        let lists = plan.lay_out(snapshot, ground)?;
        plan.write_lists(&lists, ground)?;
        Ok(plan)
    }

    fn repeating(mut self, record: &PointRecord) -> Self {
        self.lists = record.lists.clone();
        self.containers = record.containers.clone();
        self.policy = Arc::new(record.policy());
        self.replay = record.replay.clone();
        self.checkpoint = record.checkpoint;
        let SnapshotRecord { series, segments, points_stored, stored_digest, .. } = record.point;
        self.totals = Totals { series, segments, points_stored, stored_digest };
        self
    }

    /// Puts what is new into a container, and says where everything lies.
    fn lay_out(&mut self, snapshot: &Snapshot, ground: &Ground) -> Result<PointLists> {
        let held = ground.held()?;
        let (mut segments, mut new) = (Vec::new(), Vec::new());
        for entry in snapshot.segments() {
            match held.get(&entry.summary.identity) {
                Some(place) if place.entry.summary == entry.summary => {
                    let entry = SegmentEntry { offset: place.entry.offset, ..*entry };
                    segments.push(LocatedSegment { entry, home: place.home });
                }
                Some(_) => {
                    return Err(Error::damaged(alloc::format!(
                        "segment {} has another summary in the repository than here: verify both",
                        entry.summary.identity
                    )));
                }
                None => new.push(*entry),
            }
        }
        if self.entry.kind == EntryKind::Base {
            let start = LogStart::From { first_lsn: self.checkpoint.lsn + 1, offset: LOG_HEADER_LEN as u64 };
            let (role, durable) = (Role::Database, self.position.lsn);
            let catalog = &snapshot.catalog;
            self.container = Some(PackedFile::new(role, &self.identity, catalog, new, start, durable)?);
        } else if !new.is_empty() {
            let mut catalog = Catalog::empty(LogStart::None, Arc::clone(&self.policy));
            catalog.position = self.checkpoint;
            let durable = self.checkpoint.lsn;
            let packed =
                PackedFile::new(Role::Changes, &self.identity, &catalog, new, LogStart::None, durable)?;
            self.container = Some(packed);
        }
        let placed = self.container.iter().flat_map(|container| &container.segments);
        segments.extend(placed.map(|entry| LocatedSegment { entry: *entry, home: self.entry }));
        segments.sort_by_key(LocatedSegment::order);
        let mut tombstones: Vec<Tombstone> = snapshot.catalog.tombstones.iter().cloned().collect();
        tombstones.sort_by_key(|tombstone| tombstone.lsn);
        let metrics = snapshot.catalog.metrics.iter().cloned().map(MetricName).collect();
        Ok(PointLists { segments, tombstones, metrics })
    }

    fn write_lists(&mut self, lists: &PointLists, ground: &Ground) -> Result<()> {
        self.containers = lists.containers();
        let known =
            ground.previous.as_ref().map(|previous| previous.record.lists.clone()).unwrap_or_default();
        let known: Vec<_> = known
            .iter()
            .filter(|(_, page)| ground.condemned.spares(&page.name()))
            .map(|(_, page)| *page)
            .collect();
        self.lists = ListRefs {
            segments: write_list(&lists.segments, self.entry, &known, &mut self.pages)?,
            tombstones: write_list(&lists.tombstones, self.entry, &known, &mut self.pages)?,
            metrics: write_list(&lists.metrics, self.entry, &known, &mut self.pages)?,
        };
        // Two lists may have the same page only if they are the same list; one object is written once.
        let mut seen: BTreeMap<ObjectName, ()> = BTreeMap::new();
        self.pages.retain(|page| seen.insert(page.name, ()).is_none());
        Ok(())
    }

    /// The pages of its lists, those of earlier points included.
    pub fn lists(&self) -> &ListRefs {
        &self.lists
    }

    /// True when nothing but the record is to be written.
    pub fn is_record_only(&self) -> bool {
        self.container.is_none() && self.log.is_none() && self.pages.is_empty()
    }

    /// The objects to write before the record, in any order, with their lengths.
    pub fn objects(&self) -> Vec<(ObjectName, u64)> {
        let container = self.container.iter().map(|file| (self.entry.container(), file.file_len));
        let log = self.log.iter().map(|log| (self.entry.object(ObjectFile::Log(log.first_lsn)), log.len()));
        let pages = self.pages.iter().map(|page| (page.name, page.bytes.len() as u64));
        container.chain(log).chain(pages).collect()
    }

    /// Bytes that are read from the source, log included.
    pub fn source_bytes(&self) -> u64 {
        let log = self.log.iter().flat_map(|log| &log.parts).map(|part| part.range.len);
        self.container.iter().map(PackedFile::source_bytes).chain(log).sum()
    }

    /// The record that makes the point exist, once the objects are where they belong: `files` are container and log as
    /// they were written (in any order), `log` is what [`LogCopy::read_back`] found in the latter.
    ///
    /// `created_ns` is the host's clock; `digest` that of everything visible, or the reason why it was not computed.
    pub fn record(
        &self,
        job: JobId,
        created_ns: i64,
        digest: core::result::Result<Digest, String>,
        log: Option<LogContent>,
        mut files: Vec<FileRecord>,
    ) -> Result<EntryRecord> {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let (digest, digest_reason) = match digest {
            Ok(digest) => (Some(digest), None),
            Err(reason) => (None, Some(reason)),
        };
        let own = self.own_log(log, &files)?;
        let mut replay = self.replay.clone();
        replay.extend(own.filter(|_| self.position.lsn > self.checkpoint.lsn));
        let point = SnapshotRecord {
            format_version: SNAPSHOT_VERSION,
            lineage: self.identity.lineage,
            epoch: self.identity.epoch,
            parent: self.identity.parent,
            lsn: self.position.lsn,
            commit_time_ns: self.position.commit_time_ns,
            chain: self.position.chain,
            complete_until_ns: self.position.commit_time_ns,
            created_ns,
            points_stored: self.totals.points_stored,
            series: self.totals.series,
            segments: self.totals.segments,
            digest,
            digest_reason,
            stored_digest: self.totals.stored_digest,
            log_points: log.map_or(0, |log| log.points),
            files,
        };
        let record = PointRecord {
            entry: self.entry,
            job,
            point,
            previous: self.previous,
            lists: self.lists.clone(),
            containers: self.containers.clone(),
            checkpoint: self.checkpoint,
            replay,
            log: own,
            gap: self.gap,
            settings: self.policy.settings,
            policies: Policies::clone(&self.policy.policies),
            policy_state: self.policy.state.clone(),
            database_created_ns: self.identity.created_ns,
            encryption: None,
        };
        record.check()?;
        Ok(EntryRecord::Point(Box::new(record)))
    }

    fn own_log(&self, content: Option<LogContent>, files: &[FileRecord]) -> Result<Option<LogObject>> {
        let planned = self.log.as_ref().filter(|log| !log.is_empty());
        let (copy, content) = match (planned, content) {
            (None, None) => return Ok(None),
            (Some(copy), Some(content)) => (copy, content),
            _ => return Err(Error::damaged("the log that was written is not the one that was planned")),
        };
        if content.end != self.position {
            return Err(Error::damaged(alloc::format!(
                "the log that was written ends with commit {}, the snapshot with {}: run the backup again",
                content.end.lsn,
                self.position.lsn
            )));
        }
        let name = copy.file_name();
        let file = files.iter().find(|file| file.name == name).ok_or_else(|| {
            Error::invalid(alloc::format!("{name} was planned, and is not among the files that were written"))
        })?;
        Ok(Some(LogObject {
            home: self.entry,
            epoch: self.identity.epoch,
            first_lsn: copy.first_lsn,
            last_lsn: content.end.lsn,
            first_commit_time_ns: content.first_commit_time_ns,
            last_commit_time_ns: content.end.commit_time_ns,
            after_chain: copy.after_chain,
            chain: content.end.chain,
            len: file.len,
            blake3: file.blake3,
            attached: content.attached,
            shipped: None,
        }))
    }
}

/// Log objects of the previous point that a replay from the new checkpoint needs; `None` when they don't reach from there
/// to the point's end, when one is condemned, or when there would be too many with the new one.
fn replay_before(snapshot: &Snapshot, ground: &Ground) -> Option<Vec<LogObject>> {
    let Some(previous) = &ground.previous else { return Some(Vec::new()) };
    let (record, checkpoint) = (&previous.record, snapshot.checkpoint());
    if record.point.epoch != snapshot.identity.epoch || checkpoint.lsn >= record.point.lsn {
        return Some(Vec::new());
    }
    let needed: Vec<LogObject> =
        record.replay.iter().filter(|log| log.last_lsn > checkpoint.lsn).copied().collect();
    let reach = needed.first().is_some_and(|first| first.first_lsn <= checkpoint.lsn + 1);
    let spared = needed.iter().all(|log| ground.condemned.spares(&log.name()));
    (reach && spared && needed.len() < REPLAY_LOGS_MAX).then_some(needed)
}

fn totals(snapshot: &Snapshot) -> Totals {
    let mut totals =
        Totals { series: snapshot.series, segments: 0, points_stored: 0, stored_digest: Digest::default() };
    for entry in snapshot.segments() {
        totals.segments += 1;
        totals.points_stored += entry.summary.points;
        totals.stored_digest.join(&entry.summary.digest);
    }
    totals
}
