//! Opening a container: header, catalog pages, then the log; and making a new one. Dictionary runs are read later, by who
//! needs names: see [`super::NameLoad`].
use super::policy::Policy;
use super::{Engine, Identity, Options, checkpoint, log, pins};
use crate::catalog::{Catalog, CatalogLoad, StoredPolicy};
use crate::error::Result;
use crate::format::{
    HEADER_AREA_LEN, LogStart, OtherSlot, SLOT_LEN, Settings, SlotReport, Superblock, decode_slot,
    encode_slot, newest,
};
use crate::head::{Dictionary, Head};
use crate::ids::{Epoch, Generation, Lineage};
use crate::source::{ByteRange, Source, Step};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::space::Space;

/// The bytes of a new, empty `data.db`: a header area with one valid superblock. It has no log file yet.
pub fn create(lineage: Lineage, epoch: Epoch, settings: Settings, created_ns: i64) -> Result<Vec<u8>> {
    let identity = Identity { lineage, epoch, parent: None, created_ns, settings };
    let policy = Arc::new(StoredPolicy::new(settings));
    let superblock = checkpoint::superblock(&identity, &Catalog::empty(LogStart::None, policy), 0);
    let slot = encode_slot(&superblock)?;
    let mut bytes = alloc::vec![0u8; HEADER_AREA_LEN as usize];
    bytes.iter_mut().zip(slot).for_each(|(to, from)| *to = from);
    Ok(bytes)
}

/// A container being opened. Step it until it is ready, then make the engine and replay the log.
pub struct Opening {
    superblock: Superblock,
    report: SlotReport,
    older: Option<Superblock>,
    catalog: Option<Catalog>,
    /// Extents that the older superblock names; `None` when they can't be told.
    older_extents: Option<Vec<ByteRange>>,
    options: Options,
}

impl Opening {
    /// Reads the header area, the first [`HEADER_AREA_LEN`] bytes of the file (fewer when it is shorter).
    pub fn new(header_area: &[u8], options: Options) -> Result<Self> {
        let (superblock, report) = newest(header_area)?;
        let older = match report.other {
            OtherSlot::Older { .. } => {
                let start = (1 - report.slot) * SLOT_LEN;
                header_area
                    .get(start..)
                    .map(|rest| rest.get(..SLOT_LEN).unwrap_or(rest))
                    .map(decode_slot)
                    .transpose()?
            }
            OtherSlot::Empty | OtherSlot::Damaged(_) => None,
        };
        Ok(Self { superblock, report, older, catalog: None, older_extents: Some(Vec::new()), options })
    }

    /// The newest valid superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// What the slots held.
    pub fn report(&self) -> &SlotReport {
        &self.report
    }

    /// Reads the catalog's pages: at most one round of missing ranges.
    pub fn step(&mut self, source: &mut dyn Source) -> Result<Step<()>> {
        if self.catalog.is_none() {
            match CatalogLoad::new(&self.superblock.root, self.superblock.generation).step(source)? {
                Step::Ready(catalog) => self.catalog = Some(catalog),
                Step::Missing(ranges) => return Ok(Step::Missing(ranges)),
                Step::Done => return Ok(Step::Done),
            }
        }
        Ok(Step::Ready(()))
    }

    /// For a writer: reads what the older superblock still names, so that none of it is overwritten before the next
    /// checkpoint. When that catalog can't be read, nothing free is reused until then.
    pub fn note_older(&mut self, source: &mut dyn Source) {
        let _ = self.step_older(source);
    }

    /// [`Opening::note_older`] for a host that has to fetch first: answers what to fetch before it is called again. As long
    /// as anything is missing the older catalog counts as unreadable.
    pub fn step_older(&mut self, source: &mut dyn Source) -> Step<()> {
        let Some(older) = &self.older else { return Step::Ready(()) };
        self.older_extents = None;
        match CatalogLoad::new(&older.root, older.generation).step(source) {
            Ok(Step::Missing(ranges)) => return Step::Missing(ranges),
            Ok(Step::Ready(catalog)) => self.older_extents = Some(catalog.extents()),
            Ok(Step::Done) | Err(_) => {}
        }
        Step::Ready(())
    }

    /// The log file in which replay starts, if the container has a log.
    pub fn log_start(&self) -> LogStart {
        self.superblock.root.log
    }

    /// First byte behind every extent that the catalog names; a shorter file was cut.
    pub fn file_len_needed(&self) -> u64 {
        let extents = self.catalog.iter().flat_map(|catalog| catalog.extents());
        extents.map(|extent| extent.end()).max().unwrap_or(0).max(HEADER_AREA_LEN)
    }

    /// The engine, at the catalog's position: replay the log next. `foreign_pins` are generations that
    /// other processes pin, `file_len` is the length of the file: a reader of an older generation may use all of it.
    pub fn into_engine(self, foreign_pins: &[Generation], file_len: u64) -> Result<Engine> {
        let Self { superblock, catalog, older_extents, options, .. } = self;
        let catalog = catalog.ok_or_else(|| Engine::broken("the catalog is not loaded"))?;
        let mut dictionary = Dictionary::new(options.hash_seed, catalog.series_stored());
        catalog.metrics.iter().try_for_each(|name| dictionary.define_metric(name))?;
        dictionary.show(dictionary.counts());
        let generation = superblock.generation;
        let mut used = catalog.extents();
        let current = used.clone();
        let mut pending = Vec::new();
        let unknown_reader = foreign_pins.iter().any(|&pin| pin + 1 < generation);
        let quarantine = (older_extents.is_none() || unknown_reader).then_some(generation);
        for extent in older_extents.unwrap_or_default() {
            if !current.contains(&extent) {
                used.push(extent);
                pending.push(extent);
            }
        }
        let mut space = Space::new(used, quarantine);
        if quarantine.is_some() {
            space.reserve_to(file_len);
        }
        pending.into_iter().for_each(|extent| space.release(generation, extent));

        let root = &superblock.root;
        let identity = Identity {
            lineage: superblock.lineage,
            epoch: superblock.epoch,
            parent: root.parent,
            created_ns: root.created_ns,
            settings: root.settings,
        };
        let mut log = log::Log::new(superblock.lineage, superblock.epoch, catalog.position);
        log.known_durable = root.durable_lsn;
        Ok(Engine {
            options,
            dictionary,
            run_indexes: Vec::new(),
            head: Head::default(),
            frozen: Vec::new(),
            tombstones: Arc::new(catalog.tombstones.iter().cloned().collect()),
            unsealed_marks: 0,
            log_starts: alloc::vec![(generation, catalog.log)],
            next_run: catalog.segments.iter().map(|entry| entry.run).max().unwrap_or(0),
            space,
            log,
            pins: pins::Pins::default(),
            policy: Policy::new(&catalog.policy),
            file_len,
            size_checked: None,
            batch: super::batch::Batch::default(),
            catalog: Arc::new(catalog),
            identity,
        })
    }
}
