//! A job: one attempt after another to add a point, in the steps of the protocol.
//!
//! Keeps true: a claim before anything is put; the record last, after every object was found to be whole; a claim of an attempt
//! that died is used again or closed.
use super::body::{ContainerBody, hash_of};
use super::delta::{After, DeltaDryRun, DeltaReport};
use super::hints;
use super::host_state::{HostFiles, HostState};
use super::log::{self, FoundLog};
use super::look::{Found, look_back};
use super::objects::Objects;
use super::put::{Created, Stored};
use super::sealing::Sealing;
use super::slot::Slot;
use super::standing::{check_past, look};
use crate::backup::Progress;
use crate::backup::snapshot::DIGEST_POINTS_MAX;
use crate::db::{Db, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{now_ns, random_epoch};
use chronicle_core::backup::FileRecord;
use chronicle_core::backup::repository::{
    BackupState, Claim, DeltaPlan, Entry, EntryRecord, Ground, JobId, LogContent, ObjectFile, PointNumber,
    PointRecord, claim_name,
};
use chronicle_core::digest::Digest;
use chronicle_core::engine::{ReadView, Snapshot};
use chronicle_core::verify::{Level, verify_segment};
use std::time::Instant;

/// Everything an attempt needs.
pub(super) struct Job<'db> {
    db: &'db Db,
    objects: Objects,
    slot: Slot,
    after: After,
    /// To whom objects are encrypted, if they are.
    sealing: Option<Sealing>,
    /// What is kept beside the database for that.
    files: Option<HostFiles>,
    base_reason: Option<String>,
}

/// The files of a point, as they were put.
struct Sent {
    files: Vec<FileRecord>,
    log: Option<LogContent>,
    bytes: u64,
    bytes_resumed: u64,
}

impl<'db> Job<'db> {
    pub(super) fn new(db: &'db Db, objects: Objects, slot: Slot, after: After) -> Self {
        Self { db, objects, slot, after, sealing: None, files: None, base_reason: None }
    }

    /// Encrypts.
    pub(super) fn sealed(self, sealing: Option<Sealing>, files: Option<HostFiles>) -> Self {
        Self { sealing, files, ..self }
    }

    /// Makes a new base, for a reason that the report says.
    pub(super) fn begin_anew(&mut self, reason: &str) {
        (self.after, self.base_reason) = (After::NewBase, Some(reason.into()));
    }

    pub(super) fn place(&self) -> String {
        self.objects.place()
    }

    /// One attempt; `None` when the number was taken, or the claim closed, by somebody else.
    pub(super) fn attempt(
        &mut self,
        started: Instant,
        progress: Progress<'_>,
    ) -> Result<Option<DeltaReport>> {
        // Who is refused claims nothing.
        let newest = self.objects.newest()?;
        let (snapshot, view) = self.db.snapshot_with_view()?;
        let paths = &self.db.shared.paths;
        let mut found = look(&self.objects, newest, &snapshot, self.after)?;
        if let Some(reason) = found.why_closed(&self.objects) {
            (self.after, self.base_reason) = (After::NewBase, Some(reason));
            found = Found::nothing();
        }
        if self.after == After::NewBase {
            check_past(&self.objects, newest.map_or(0, |newest| newest + 1), &snapshot, paths)?;
        }
        let mut log = log::find(paths, &snapshot, &found.ground_of_log())?;
        let Some((job, entry)) = self.claim(newest, &found, &snapshot)? else { return Ok(None) };
        if self.after != After::NewBase {
            // What came between the look and the claim counts.
            let again = look_back(&self.objects, entry.number, &snapshot, Some(job))?;
            if !again.continues_as(&found) {
                log = log::find(paths, &snapshot, &again.ground_of_log())?;
            }
            found = again;
        } else {
            check_past(&self.objects, entry.number, &snapshot, paths)?;
        }
        if found.entry(entry.number, self.after == After::NewBase) != entry {
            self.objects.close(entry, job, job, now_ns())?;
            return Ok(None);
        }
        let ground = match self.after {
            After::NewBase => Ground::default(),
            _ => found.ground(&self.objects)?,
        };
        let plan = log.plan(&snapshot, entry, &ground)?;
        self.check_source(&plan, &snapshot)?;
        if let (Some(sealing), Some(files)) = (&mut self.sealing, &self.files) {
            sealing.secret = files.secret(job)?;
        }
        let sent = self.send(&plan, &mut log, job, progress)?;
        let digest = self.digest(&plan, &ground, view)?;
        let mut record = plan.record(job, now_ns(), digest, sent.log, sent.files)?;
        if let (EntryRecord::Point(point), Some(sealing)) = (&mut record, &self.sealing) {
            if let Some(opened) = self.objects.opened() {
                point.lists = opened.stored_lists(&point.lists)?;
            }
            sealing.seal(point)?;
        }
        let bytes = record.to_bytes()?;
        if self.objects.create(entry.record(), &bytes, job)? == Created::Another {
            return self.lost(entry);
        }
        let EntryRecord::Point(record) = record else { return Ok(None) };
        let state = BackupState::after(&record, &bytes);
        let left = self.slot.end(state.at).and_then(|()| hints::leave(&self.objects, job, &record, &state));
        let left = left.and_then(|()| self.leave_host_state(&record, &state));
        let hint_error = left.err();
        Ok(Some(DeltaReport {
            place: self.place(),
            record: *record,
            state,
            base_reason: self.base_reason.take(),
            bytes: sent.bytes,
            bytes_resumed: sent.bytes_resumed,
            bytes_read: plan.source_bytes(),
            single_writer: false,
            hint_error,
            took: started.elapsed(),
        }))
    }

    /// Takes a number: the one of an attempt that died, if it is still the newest and has the right name, else the next.
    /// `None` when another job was first.
    fn claim(
        &mut self,
        newest: Option<PointNumber>,
        found: &Found,
        snapshot: &Snapshot,
    ) -> Result<Option<(JobId, Entry)>> {
        let new_base = self.after == After::NewBase;
        if let Some((job, number)) = self.slot.interrupted()
            && let Some(claim) = self.objects.claim(number)?.filter(|claim| claim.job == job)
            && self.objects.record_bytes(claim.entry)?.is_none()
        {
            let is_newest = newest == Some(number);
            if is_newest
                && claim.epoch == snapshot.identity.epoch
                && found.entry(number, new_base) == claim.entry
            {
                return Ok(Some((job, claim.entry)));
            }
            self.objects.close(claim.entry, job, job, now_ns())?;
        }
        let job = JobId(random_epoch()?.0);
        let entry = found.entry(newest.map_or(0, |newest| newest + 1), new_base);
        let claim = Claim {
            entry,
            job,
            lineage: snapshot.identity.lineage,
            epoch: snapshot.identity.epoch,
            created_ns: now_ns(),
            is_encrypted: entry.number == 0 && self.objects.is_encrypted(),
        };
        self.slot.begin(job, entry.number)?;
        match self.objects.create(claim_name(entry.number), &claim.to_bytes()?, job)? {
            Created::Ours => Ok(Some((job, entry))),
            Created::Another => {
                let winner = self.objects.claim(entry.number)?;
                let same = winner.filter(|winner| {
                    winner.lineage == snapshot.identity.lineage && winner.entry.kind.is_point()
                });
                match same {
                    Some(winner) if self.objects.record_bytes(winner.entry)?.is_none() => Err(Error::new(
                        ErrorKind::Busy,
                        format!(
                            "another backup of this database (job {}) is at work on {}: wait for it to end",
                            winner.job, winner.entry
                        ),
                    )
                    .at(self.place())),
                    _ => Ok(None),
                }
            }
        }
    }

    /// Damage of the database must not travel: what is about to be sent is checked.
    fn check_source(&self, plan: &DeltaPlan, snapshot: &Snapshot) -> Result<()> {
        let Some(container) = &plan.container else { return Ok(()) };
        let mut moved: Vec<_> = container.moves.iter().map(|part| part.from).collect();
        moved.sort_unstable();
        for entry in snapshot.segments() {
            let extent = entry.extent();
            let after = moved.partition_point(|part| part.offset <= extent.offset);
            let is_sent = after
                .checked_sub(1)
                .and_then(|at| moved.get(at))
                .is_some_and(|part| extent.end() <= part.end());
            if !is_sent {
                continue;
            }
            let bytes = self.db.shared.store.read(extent, extent)?.1;
            if let Some(finding) =
                verify_segment(&bytes, entry, Level::Checksums, None).findings.iter().next()
            {
                return Err(Error::damaged(format!(
                    "the database is damaged, so no point of it was made: {finding}; `chronicle verify` lists everything"
                ))
                .at(self.db.path().display()));
            }
        }
        Ok(())
    }

    /// Puts the objects of the point, each known to be there when this returns.
    fn send(
        &self,
        plan: &DeltaPlan,
        found: &mut FoundLog,
        job: JobId,
        progress: Progress<'_>,
    ) -> Result<Sent> {
        let sealing = self.sealing.as_ref();
        let total: u64 = plan.objects().iter().map(|(_, len)| len).sum();
        let mut sent = Sent { files: Vec::new(), log: None, bytes: 0, bytes_resumed: 0 };
        let mut count = |len: u64, is_new: bool| {
            sent.bytes += len;
            sent.bytes_resumed += if is_new { 0 } else { len };
            progress(sent.bytes, total);
        };
        if let Some(file) = &plan.container {
            let name = plan.entry.container();
            let body = ContainerBody::new(self.db.shared.store.data()?, file);
            let blake3 = hash_of(&body, &|done| progress(done / 2, total))?;
            let Stored { len, blake3, is_new } =
                self.objects.put_sealed(name, &body, blake3, job, sealing)?;
            count(file.file_len, is_new);
            sent.files.push(FileRecord { name: name.file.to_string(), len, blake3 });
        }
        if let Some(log) = &plan.log {
            let body = found.body(&self.db.shared.paths, log)?;
            let (content, blake3) = body.look_through(log, &plan.identity)?;
            sent.log = content;
            let name = plan.entry.object(ObjectFile::Log(log.first_lsn));
            let Stored { len, blake3, is_new } =
                self.objects.put_sealed(name, &body, blake3, job, sealing)?;
            count(log.len(), is_new);
            sent.files.push(FileRecord { name: name.file.to_string(), len, blake3 });
        }
        for page in &plan.pages {
            let items = plan.lists().iter().find(|(_, listed)| listed.name() == page.name);
            let items = items.map_or(0, |(_, listed)| listed.items);
            let is_new = self.objects.put_page(page, items, job, sealing)?;
            count(page.bytes.len() as u64, is_new);
        }
        Ok(sent)
    }

    /// What the next delta of this host needs and can't read back.
    fn leave_host_state(&self, record: &PointRecord, state: &BackupState) -> Result<()> {
        let (Some(files), Some(opened)) = (&self.files, self.objects.opened()) else { return Ok(()) };
        let pages = opened.page_bytes(&record.lists);
        files.leave(&HostState { record: state.record, inner: record.inner()?, pages })
    }

    /// Of everything visible: what the previous record says, where nothing was committed since.
    fn digest(
        &self,
        plan: &DeltaPlan,
        ground: &Ground,
        view: ReadView,
    ) -> Result<std::result::Result<Digest, String>> {
        let previous = ground.previous.as_ref().map(|previous| &previous.record);
        let same = previous.filter(|record| record.as_previous().at == end_of(plan));
        if let Some(digest) = same.and_then(|record| record.point.digest) {
            return Ok(Ok(digest));
        }
        Ok(self.db.digest_of(view, DIGEST_POINTS_MAX)?.ok_or_else(|| {
            format!(
                "more than {DIGEST_POINTS_MAX} points would have to be read, because segments overlap; compact the database"
            )
        }))
    }

    /// Something is there in place of the record: a void of whoever thought that this job was dead.
    fn lost(&self, entry: Entry) -> Result<Option<DeltaReport>> {
        match self.objects.record(entry)? {
            Some(Ok(EntryRecord::Void(_))) => Ok(None),
            _ => Err(Error::new(
                ErrorKind::Busy,
                "another job wrote the record of the point that this one claimed: two jobs had one name, which a \
                 destination must not allow; run `chronicle dest test` on it",
            )
            .at(entry.record())
            .at(self.place())),
        }
    }
}

fn end_of(plan: &DeltaPlan) -> chronicle_core::format::EpochParent {
    chronicle_core::format::EpochParent {
        epoch: plan.identity.epoch,
        lsn: plan.position.lsn,
        chain: plan.position.chain,
    }
}

/// See [`crate::backup::BackupManager::plan_delta_backup`].
pub(super) fn plan(db: &Db, objects: &Objects, after: After) -> Result<DeltaDryRun> {
    let newest = objects.newest()?;
    let snapshot = lock(&db.shared.engine).engine.snapshot();
    let (mut after, mut found) = (after, look(objects, newest, &snapshot, after)?);
    if found.why_closed(objects).is_some() {
        (after, found) = (After::NewBase, Found::nothing());
    }
    if after == After::NewBase {
        check_past(objects, newest.map_or(0, |newest| newest + 1), &snapshot, &db.shared.paths)?;
    }
    let entry = found.entry(newest.map_or(0, |newest| newest + 1), after == After::NewBase);
    let log = log::find(&db.shared.paths, &snapshot, &found.ground_of_log())?;
    let plan = log.plan(&snapshot, entry, &found.ground(objects)?)?;
    Ok(DeltaDryRun { plan, _snapshot: snapshot })
}
