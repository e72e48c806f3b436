//! Objects by name, and a backup and a restore over them.
use crate::backup::FileRecord;
use crate::backup::repository::*;
use crate::backup::tests::host::Host;
use crate::engine::{DigestRun, Engine, Options, Selector, Snapshot};
use crate::error::Result;
use crate::ids::Hash;
use crate::model::TimeRange;
use crate::source::{ByteRange, Step};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

pub(crate) const JOB: JobId = JobId([9; 16]);

#[derive(Clone, Default)]
pub(crate) struct Repo {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Every claimed number with the name it was claimed for.
    pub(crate) claimed: Vec<Entry>,
    /// Entries with a record, in order of number.
    pub(crate) entries: Vec<Entry>,
    /// Bytes that readers in place were given.
    pub(crate) bytes_read: u64,
}

impl ObjectSource for Repo {
    fn read(&mut self, at: &ObjectRange) -> Result<Option<&[u8]>> {
        self.bytes_read += at.range.len;
        let object = &self.objects[&at.object.to_string()];
        Ok(Some(&object[at.range.offset as usize..at.range.end() as usize]))
    }
}

fn slice(file: &[u8], range: ByteRange) -> Vec<u8> {
    file[range.offset as usize..range.end() as usize].to_vec()
}

impl Repo {
    pub(crate) fn point(&self, entry: Entry) -> PointRecord {
        let bytes = &self.objects[&entry.record().to_string()];
        EntryRecord::parse(entry, bytes).unwrap().as_point().unwrap().clone()
    }

    pub(crate) fn records(&self) -> Vec<(Entry, Result<EntryRecord>)> {
        let read =
            |entry: &Entry| (*entry, EntryRecord::parse(*entry, &self.objects[&entry.record().to_string()]));
        self.entries.iter().map(read).collect()
    }

    pub(crate) fn timeline(&self) -> Timeline {
        let inventory = self.inventory();
        let kept = inventory.newest_prune().map(|mark| self.kept(mark)).unwrap_or_default();
        Timeline::new(self.records(), &kept).unwrap().without(inventory.condemned())
    }

    pub(crate) fn kept(&self, mark: &PruneRecord) -> Vec<KeptObject> {
        read_list(&mark.kept, &mut |page: &ListPageRef| Ok(self.objects[&page.name().to_string()].as_slice()))
            .unwrap()
    }

    pub(crate) fn page(&self, page: &ListPageRef) -> Result<Vec<LocatedSegment>> {
        decode_page(page, &self.objects[&page.name().to_string()])
    }

    pub(crate) fn inventory(&self) -> Inventory {
        let record = |entry: &Entry| {
            let bytes = self.objects.get(&entry.record().to_string());
            (*entry, bytes.map(|bytes| EntryRecord::parse(*entry, bytes)))
        };
        let inventory = Inventory::new(self.claimed.iter().map(record));
        let kept = inventory.newest_prune().map(|mark| self.kept(mark)).unwrap_or_default();
        let moves = inventory.newest_moves().map(|moves| {
            let segments: Vec<LocatedSegment> =
                moves.segments.iter().flat_map(|page| self.page(page).unwrap()).collect();
            MoveTable::new(moves, segments)
        });
        inventory.with_pages(kept, moves.unwrap_or_default())
    }

    pub(crate) fn lists(&self, record: &PointRecord) -> PointLists {
        record.lists.read(|page| Ok(self.objects[&page.name().to_string()].as_slice())).unwrap()
    }

    pub(crate) fn ground(&self, previous: Option<Entry>) -> Ground {
        let previous = previous.map(|entry| {
            let record = self.point(entry);
            PreviousState { lists: self.lists(&record), record }
        });
        let inventory = self.inventory();
        let (condemned, moves) = (inventory.condemned().clone(), inventory.moves().clone());
        Ground { previous, condemned, moves, ..Ground::default() }
    }

    pub(crate) fn plan(
        &self,
        host: &Host,
        snapshot: &Snapshot,
        entry: Entry,
        ground: &Ground,
    ) -> Result<DeltaPlan> {
        let mut search = DeltaPlan::log_search(snapshot, ground)?;
        let cut = loop {
            match search.next() {
                LogStep::Found(cut) => break cut,
                LogStep::Read(part) => {
                    search.answer(host.logs.get(&part.first_lsn).map(Vec::as_slice))?;
                }
            }
        };
        DeltaPlan::new(snapshot, entry, ground, cut)
    }

    /// Carries a plan out and writes its record.
    pub(crate) fn carry_out(&mut self, host: &Host, engine: &mut Engine, plan: &DeltaPlan) -> PointRecord {
        let (mut files, mut content) = (Vec::new(), None);
        if let Some(container) = &plan.container {
            let mut bytes = Vec::new();
            for piece in container.pieces() {
                match piece {
                    crate::backup::Piece::Copy(from) => bytes.extend(slice(&host.data, from)),
                    crate::backup::Piece::Bytes(new) => bytes.extend_from_slice(new),
                    crate::backup::Piece::Zeros(len) => bytes.resize(bytes.len() + len as usize, 0),
                }
            }
            assert_eq!(bytes.len() as u64, container.file_len);
            files.push((plan.entry.container(), bytes));
        }
        if let Some(log) = &plan.log {
            let mut bytes = log.header.clone();
            log.parts.iter().for_each(|part| bytes.extend(slice(&host.logs[&part.first_lsn], part.range)));
            content = log.read_back(&bytes, plan.identity.lineage, plan.identity.epoch).unwrap();
            files.push((plan.entry.object(ObjectFile::Log(log.first_lsn)), bytes));
        }
        let listed = files
            .iter()
            .map(|(name, bytes)| FileRecord {
                name: name.file.to_string(),
                len: bytes.len() as u64,
                blake3: Hash::of(bytes),
            })
            .collect();
        for page in &plan.pages {
            assert!(self.objects.insert(page.name.to_string(), page.bytes.clone()).is_none());
        }
        let digest = host.digest(engine);
        let record = plan.record(JOB, 5, Ok(digest), content, listed).unwrap();
        for (name, bytes) in files {
            assert!(self.objects.insert(name.to_string(), bytes).is_none());
        }
        let bytes = record.to_bytes().unwrap();
        assert_eq!(EntryRecord::parse(plan.entry, &bytes).unwrap(), record);
        self.objects.insert(plan.entry.record().to_string(), bytes);
        self.entries.push(plan.entry);
        self.claimed.push(plan.entry);
        record.as_point().unwrap().clone()
    }

    /// A base where there is none, else a delta on the newest point.
    pub(crate) fn backup(&mut self, host: &Host, engine: &mut Engine) -> PointRecord {
        let newest = self.entries.iter().rev().find(|entry| entry.kind.is_point()).copied();
        self.backup_on(host, engine, newest)
    }

    pub(crate) fn backup_on(
        &mut self,
        host: &Host,
        engine: &mut Engine,
        previous: Option<Entry>,
    ) -> PointRecord {
        let snapshot = engine.snapshot();
        let number = self.claimed.last().map_or(0, |entry| entry.number + 1);
        let kind = if previous.is_some() { EntryKind::Delta } else { EntryKind::Base };
        let mut ground = self.ground(previous);
        ground.ancestry = self.timeline().ancestry(snapshot.identity.parent);
        let plan = self.plan(host, &snapshot, Entry::new(kind, number), &ground).unwrap();
        self.carry_out(host, engine, &plan)
    }

    /// Opens a point in place, and replays `legs` over it.
    pub(crate) fn open(&mut self, record: &PointRecord, legs: &[Leg]) -> Result<(PointContainer, Engine)> {
        let inventory = self.inventory();
        let container = PointContainer::new(record, &self.lists(record), inventory.moves())?;
        let mut opening = container.opening(Options::default())?;
        assert!(matches!(opening.step(&mut container.source(self))?, Step::Ready(())));
        let mut engine = opening.into_engine(&[], container.file_len())?;
        let mut assembled = Vec::new();
        let mut after = record.checkpoint;
        for leg in legs {
            let mut assembly = LogAssembly::new(record.point.lineage, leg.identity.epoch, after, leg.until);
            for log in &leg.logs {
                assembly.add(log, &self.objects[&log.name().to_string()])?;
            }
            let log = assembly.finish()?;
            after = log.end;
            assembled.push((leg.clone(), log));
        }
        replay_legs(&mut engine, &assembled)?;
        Ok((container, engine))
    }

    /// A point as its record says it is.
    pub(crate) fn open_point(&mut self, entry: Entry) -> (PointContainer, Engine) {
        let record = self.point(entry);
        let leg = Leg { identity: record.identity(), logs: record.replay.clone(), until: record.point.lsn };
        self.open(&record, &[leg]).unwrap()
    }

    pub(crate) fn view(
        &mut self,
        container: &PointContainer,
        engine: &mut Engine,
        selector: &Selector,
    ) -> crate::engine::ReadView {
        let mut source = container.source(self);
        match engine.with_names(&mut source, |engine| engine.view(selector, TimeRange::ALL)).unwrap() {
            Step::Ready(view) => view,
            Step::Missing(_) | Step::Done => panic!("everything is at hand"),
        }
    }

    pub(crate) fn digest(
        &mut self,
        container: &PointContainer,
        engine: &mut Engine,
    ) -> crate::digest::Digest {
        let view = self.view(container, engine, &Selector::all());
        let mut run = DigestRun::new(Arc::new(view), false);
        loop {
            match run.step(&mut container.source(self)).unwrap() {
                Step::Ready(Some(digest)) => return digest,
                Step::Ready(None) => {}
                Step::Missing(_) | Step::Done => panic!("everything is at hand"),
            }
        }
    }
}
