//! Attach: points of any number as one commit, whose segments lie in `data.db` before the frame that names them is written.
//!
//! The host, with no other commit under way and everything sealed: [`Engine::begin_attach`], which numbers the commit;
//! series by [`Engine::attach_series`], segments of it by [`crate::segment::SegmentBuilder`], each placed and written;
//! [`Engine::attach_definitions`] last, placed and written too; `data.db` synced; [`Engine::prepare_attach`]; the log written and
//! **synced**; [`Engine::settle_attach`], and the checkpoint that it answers performed.
//!
//! What it keeps true: the frame is whole only after all that it names is durable. The catalog before the commit ends with
//! the commit right before it, in both superblock slots; so whichever a crash leaves, a replay meets the frame with
//! nothing in memory, and takes its segments into the catalog as they are. Until both slots are of a later commit, the
//! extents belong to no one else.
use super::checkpoint::{Checkpoint, Edit};
use super::log::{LogWrite, Operation};
use super::seal::entry;
use super::{Engine, NameStep, Placed};
use crate::catalog::{Catalog, check};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{AttachedSegment, Attachment, Commit, CommitKind, LogStart, SegmentEntry};
use crate::head::{Dictionary, Position};
use crate::ids::{Lsn, SeriesId};
use crate::model::PointSource;
use crate::segment::{BuiltSegment, DictionaryBuilder};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Engine {
    /// The number of the commit that is about to attach segments, and a checkpoint to be performed first: after it both
    /// slots are of the commit before. Nothing else may be committed, sealed or compacted until it is settled or given up.
    ///
    /// `InvalidInput` when something is not sealed yet, or a commit is under way.
    pub fn begin_attach(&mut self) -> Result<(Lsn, Checkpoint)> {
        self.check_writable()?;
        if self.has_unsealed() || self.has_prepared() || !self.frozen.is_empty() || self.head.points() > 0 {
            return Err(Error::invalid("seal everything before segments are attached"));
        }
        let lsn = self
            .log
            .settled
            .lsn
            .checked_add(1)
            .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "the last LSN is used"))?;
        Ok((lsn, self.seal_log()?))
    }

    /// Numbers of the series of these points, in their order. Those that are new are added, invisible until the commit is
    /// settled; [`Engine::abandon_attach`] takes them back.
    pub fn attach_series<P: PointSource>(&mut self, points: &[P]) -> Result<NameStep<Vec<SeriesId>>> {
        let counts = self.dictionary.counts();
        let (mut ids, mut wanted, mut failed) = (Vec::with_capacity(points.len()), Vec::new(), None);
        for point in points {
            match self.dictionary.resolve(point, &self.options.limits, &mut wanted) {
                Ok(found) => ids.extend(found.map(|(_, id)| id)),
                Err(error) => failed = Some(error),
            }
            if failed.is_some() {
                break;
            }
        }
        if failed.is_some() || !wanted.is_empty() {
            self.dictionary.roll_back(counts);
        }
        match (failed, self.load_of(wanted)) {
            (Some(error), _) => Err(error),
            (None, Some(load)) => Ok(NameStep::Load(load)),
            (None, None) => Ok(NameStep::Ready(ids)),
        }
    }

    /// Numbers of the series of these points that exist; `None` for the others. Adds none.
    pub fn find_series<P: PointSource>(&mut self, points: &[P]) -> Result<NameStep<Vec<Option<SeriesId>>>> {
        let (mut ids, mut wanted) = (Vec::with_capacity(points.len()), Vec::new());
        for point in points {
            ids.push(self.dictionary.find(point, &mut wanted)?.map(|(_, id)| id));
        }
        Ok(self.load_of(wanted).map_or(NameStep::Ready(ids), NameStep::Load))
    }

    /// The dictionary run of the series that were added for the commit `lsn`; `None` without any.
    pub fn attach_definitions(&self, lsn: Lsn) -> Result<Option<BuiltSegment>> {
        let known = self.dictionary.visible().series;
        let ids = self.dictionary.definitions(known, self.dictionary.counts().series);
        let names = self.dictionary.names(&ids)?;
        let mut builder = DictionaryBuilder::new();
        for (&id, row) in ids.iter().zip(0..) {
            builder.push(id, names.tags(row))?;
        }
        Ok(builder.finish().map(|run| run.of_commits(lsn)))
    }

    /// Prepares the commit that [`Engine::begin_attach`] numbered, of segments that are written and synced.
    pub fn prepare_attach(&mut self, placed: &[Placed], now_ns: i64) -> Result<Position> {
        self.check_writable()?;
        let counts = self.dictionary.counts();
        let names = self.dictionary.metric_names(self.catalog.metrics.len(), counts.metrics);
        let attachment = Attachment {
            metrics: names.map(String::from).collect(),
            segments: placed
                .iter()
                .map(|placed| AttachedSegment { offset: placed.offset, summary: placed.summary })
                .collect(),
        };
        let next = self.log.tail.lsn.saturating_add(1);
        self.attached_entries(&attachment, next)?;
        let points = attachment.segments.iter().fold(0, |sum: u64, it| sum.saturating_add(it.summary.points));
        let payload = Commit::Attach(attachment.clone()).encode()?;
        self.note_prepared_attached(&attachment.segments);
        let points = u32::try_from(points).unwrap_or(u32::MAX);
        let operation = Operation::Attach(attachment);
        self.log.prepare(points, CommitKind::Attach, &payload, now_ns, operation, counts)
    }

    /// Makes the commit visible, once its frame is written and synced, and answers the checkpoint that stores it.
    pub fn settle_attach(&mut self, mut write: LogWrite) -> Result<Checkpoint> {
        self.log.written(&mut write);
        let commit = write.commits.pop_front().filter(|_| write.commits.is_empty());
        let Some((commit, attachment)) =
            commit.and_then(|mut commit| match core::mem::replace(&mut commit.operation, Operation::Mark) {
                Operation::Attach(attachment) => Some((commit, attachment)),
                _ => None,
            })
        else {
            return Err(Self::broken("an attaching commit is not alone"));
        };
        let added = self.attached_entries(&attachment, commit.position.lsn)?;
        self.log.durable = self.log.durable.max(write.last);
        self.log.settled = commit.position;
        self.note_attached(&attachment.segments);
        let policy = self.stored_policy();
        let checkpoint = self.publish(Edit {
            position: commit.position,
            log: self.log.end(),
            removed: Vec::new(),
            added,
            tombstones: Vec::new(),
            metrics: attachment.metrics,
            all_pages: false,
            policy: Some(policy),
        })?;
        self.dictionary.show(commit.counts);
        self.dictionary.note_stored(commit.counts.series);
        Ok(checkpoint)
    }

    /// Gives up what was not prepared: series and places are taken back.
    pub fn abandon_attach(&mut self, placed: impl IntoIterator<Item = Placed>) {
        self.abandon(placed);
        self.dictionary.roll_back(self.dictionary.visible());
    }

    /// Takes the segments of a commit that was read from the log into the catalog. `log` is where the next commit is.
    pub(super) fn replay_attach(
        &mut self,
        position: Position,
        attachment: Attachment,
        log: LogStart,
    ) -> Result<()> {
        let before = self.catalog.position.lsn;
        if before.saturating_add(1) != position.lsn {
            return Err(Error::damaged(alloc::format!(
                "the commit attaches segments to a catalog that ends with the commit before it; this one ends with {before}: restore from a backup"
            )));
        }
        let added = self.attached_entries(&attachment, position.lsn)?;
        added.iter().try_for_each(|entry| entry.check(self.file_len))?;
        self.note_attached_names(&attachment)?;
        let mut next = Catalog::clone(&self.catalog);
        next.position = position;
        next.log = log;
        let extents: Vec<_> = added.iter().map(SegmentEntry::extent).collect();
        let mut pages = next.segments.edit(|_| false, added);
        pages.extend(next.metrics.edit(|_| false, attachment.metrics));
        check(&next)?;
        extents.into_iter().for_each(|extent| self.space.occupy(extent));
        // The catalog on the medium names them until the next one is there.
        pages.iter().for_each(|page| self.space.release(next.generation + 1, page.extent()));
        // As an opening finds it: nothing was replayed before.
        let mut dictionary = Dictionary::new(self.options.hash_seed, next.series_stored());
        next.metrics.iter().try_for_each(|name| dictionary.define_metric(name))?;
        dictionary.show(dictionary.counts());
        self.dictionary = dictionary;
        self.note_attached(&attachment.segments);
        next.policy = self.stored_policy();
        self.catalog = Arc::new(next);
        Ok(())
    }

    /// The effects that store a catalog which a replay made; none where it made none.
    pub(super) fn store_replayed(&mut self) -> Result<Vec<super::Effect>> {
        let pages = self.catalog.page_refs().count();
        let all = self.catalog.segments.pages().len()
            + self.catalog.tombstones.pages().len()
            + self.catalog.metrics.pages().len();
        if pages == all {
            return Ok(Vec::new());
        }
        Ok(self.replace(Vec::new(), Vec::new(), false)?.effects)
    }

    /// The catalog's entries for what the commit `lsn` attaches, as one run.
    fn attached_entries(&mut self, attachment: &Attachment, lsn: Lsn) -> Result<Vec<SegmentEntry>> {
        let run = self.take_run();
        let duration = self.identity.settings.partition_duration_ns;
        let entry = |segment: &AttachedSegment| {
            let AttachedSegment { offset, summary } = *segment;
            match (summary.lsn_min, summary.lsn_max) == (lsn, lsn) {
                true => Ok(entry(Placed { summary, offset }, run, duration)),
                false => Err(Error::damaged(alloc::format!(
                    "commit {lsn} attaches segment {}, which is of commits {} to {}",
                    summary.identity,
                    summary.lsn_min,
                    summary.lsn_max
                ))),
            }
        };
        attachment.segments.iter().map(entry).collect()
    }

    /// Names that the commit brings are new ones.
    fn note_attached_names(&self, attachment: &Attachment) -> Result<()> {
        match attachment.metrics.iter().find(|name| self.dictionary.metric_number(name).is_some()) {
            Some(name) => Err(Error::damaged(alloc::format!("metric {name:?} is defined twice"))),
            None => Ok(()),
        }
    }
}
