//! A host in memory: one `data.db`, its log files, and every effect carried out at once.
use crate::backup::{FileRecord, PackPlan, Piece, SnapshotRecord};
use crate::digest::Digest;
use crate::engine::{DigestRun, Effect, Engine, NameStep, Opening, Options, ReplayEnd, Selector, create};
use crate::format::{HEADER_AREA_LEN, LogStart, SLOT_LEN, Settings, log_file_name};
use crate::head::Position;
use crate::ids::{Epoch, Hash, Lineage};
use crate::model::{Point, TimeRange};
use crate::source::Step;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub(crate) const SECOND: i64 = 1_000_000_000;

#[derive(Clone, Default)]
pub(crate) struct Host {
    pub(crate) data: Vec<u8>,
    pub(crate) logs: BTreeMap<u64, Vec<u8>>,
    now_ns: i64,
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    file.resize(file.len().max(end), 0);
    file[start..end].copy_from_slice(bytes);
}

impl Host {
    pub(crate) fn create() -> Self {
        let settings = Settings {
            partition_duration_ns: 3_600 * SECOND as u64,
            retention_ns: Some(1 << 60),
            retention_bytes: None,
            retention_suspended: false,
        };
        let data = create(Lineage([1; 16]), Epoch([2; 16]), settings, 5).unwrap();
        Self { data, logs: BTreeMap::new(), now_ns: SECOND }
    }

    /// The engine over what is stored, its log replayed, as a reader sees it.
    pub(crate) fn open_to_read(&self) -> crate::error::Result<Engine> {
        let mut opening = Opening::new(&self.data[..HEADER_AREA_LEN as usize], Options::default())?;
        let mut source = self.data.as_slice();
        assert!(matches!(opening.step(&mut source)?, Step::Ready(())));
        opening.note_older(&mut source);
        let start = opening.log_start();
        let mut engine = opening.into_engine(&[], 0)?;
        let first = match start {
            LogStart::From { first_lsn, .. } => first_lsn,
            LogStart::None => engine.position().lsn + 1,
        };
        let files: Vec<_> = self.logs.range(first..).collect();
        for (index, (first_lsn, bytes)) in files.iter().enumerate() {
            let end = engine.replay(**first_lsn, *bytes, index + 1 == files.len())?;
            assert_eq!(end, ReplayEnd::Clean);
        }
        Ok(engine)
    }

    /// The same for a writer.
    pub(crate) fn open(&mut self) -> Engine {
        let mut engine = self.open_to_read().unwrap();
        let effects = engine.start_log(false, self.now_ns).unwrap();
        self.perform(effects);
        engine.prepare_new_epoch(self.now_ns).unwrap();
        self.commit(&mut engine);
        engine
    }

    pub(crate) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::CreateLog { first_lsn, header } => {
                    assert!(self.logs.insert(first_lsn, header).is_none(), "log files are never overwritten");
                }
                Effect::TruncateLog { first_lsn, len } => {
                    self.logs.get_mut(&first_lsn).unwrap().truncate(len as usize);
                }
                Effect::AppendLog { first_lsn, offset, bytes } => {
                    put(self.logs.get_mut(&first_lsn).unwrap(), offset, &bytes);
                }
                Effect::DropLog { first_lsn } => drop(self.logs.remove(&first_lsn)),
                Effect::WriteData { offset, bytes } => put(&mut self.data, offset, &bytes),
                Effect::WriteSlot { slot, bytes } => {
                    put(&mut self.data, u64::from(slot) * SLOT_LEN as u64, &bytes);
                }
                Effect::TruncateData { len } => self.data.truncate(len as usize),
                Effect::SyncLog { .. } | Effect::SyncData => {}
            }
        }
        // Extents are whole pages of the file, even where a write ended inside one.
        self.data.resize(self.data.len().next_multiple_of(4096), 0);
    }

    /// A call that needs names.
    pub(crate) fn named<T>(
        &self,
        engine: &mut Engine,
        call: impl FnMut(&mut Engine) -> crate::error::Result<NameStep<T>>,
    ) -> T {
        match engine.with_names(&mut self.data.as_slice(), call).unwrap() {
            Step::Ready(answer) => answer,
            Step::Missing(_) | Step::Done => panic!("everything is at hand"),
        }
    }

    /// Loads the names of all series.
    pub(crate) fn load_names(&self, engine: &mut Engine) {
        self.named(engine, |engine| Ok(engine.load_all_names().map_or(NameStep::Ready(()), NameStep::Load)));
    }

    /// Writes and settles what is prepared.
    pub(crate) fn commit(&mut self, engine: &mut Engine) {
        let Some(write) = engine.take_log_write(self.now_ns).unwrap() else { return };
        self.perform(write.effects.clone());
        engine.settle(write, true);
    }

    pub(crate) fn write(&mut self, engine: &mut Engine, points: &[Point]) -> Position {
        self.now_ns += SECOND;
        let position = self.named(engine, |engine| engine.prepare_points(points, self.now_ns));
        self.commit(engine);
        position
    }

    pub(crate) fn delete(&mut self, engine: &mut Engine, selector: &Selector, range: TimeRange) {
        self.now_ns += SECOND;
        self.named(engine, |engine| engine.prepare_delete(selector, range, self.now_ns)).unwrap();
        self.commit(engine);
    }

    pub(crate) fn seal(&mut self, engine: &mut Engine) {
        let Some(job) = self.named(engine, Engine::begin_seal) else { return };
        let built = job.build().unwrap();
        let placed = built
            .into_iter()
            .map(|segment| {
                let (placed, effect) = engine.place(segment);
                self.perform(alloc::vec![effect]);
                placed
            })
            .collect();
        let checkpoint = engine.install_seal(job, placed).unwrap();
        self.perform(checkpoint.effects.clone());
        let aftermath = engine.finish_checkpoint(&checkpoint, &[]);
        self.perform(aftermath.effects);
    }

    /// The digest of everything visible, every point read.
    pub(crate) fn digest(&self, engine: &mut Engine) -> Digest {
        let view = self.named(engine, |engine| engine.view(&Selector::all(), TimeRange::ALL));
        let mut run = DigestRun::new(Arc::new(view), false);
        loop {
            match run.step(&mut self.data.as_slice()).unwrap() {
                Step::Ready(Some(digest)) => return digest,
                Step::Ready(None) => {}
                Step::Missing(_) | Step::Done => panic!("everything is at hand"),
            }
        }
    }

    /// Carries out a plan into a host of its own, as a stream.
    pub(crate) fn pack(&self, plan: &PackPlan) -> Self {
        let range = |file: &[u8], range: crate::source::ByteRange| {
            file[range.offset as usize..range.end() as usize].to_vec()
        };
        let mut data = Vec::new();
        for piece in plan.pieces() {
            match piece {
                Piece::Copy(from) => data.extend(range(&self.data, from)),
                Piece::Bytes(bytes) => data.extend_from_slice(bytes),
                Piece::Zeros(len) => data.resize(data.len() + len as usize, 0),
            }
        }
        let mut log = plan.log.header.clone();
        for part in &plan.log.parts {
            log.extend(range(&self.logs[&part.first_lsn], part.range));
        }
        Self { data, logs: BTreeMap::from([(plan.log.first_lsn, log)]), now_ns: self.now_ns }
    }

    /// The record of this host's files, which a plan led to.
    pub(crate) fn record(&self, plan: &PackPlan, digest: Digest, log_points: u64) -> SnapshotRecord {
        let logs =
            self.logs.iter().map(|(lsn, bytes)| (alloc::format!("data.db{}", log_file_name(*lsn)), bytes));
        let files = logs.chain([("data.db".into(), &self.data)]);
        let files = files
            .map(|(name, bytes)| FileRecord { name, len: bytes.len() as u64, blake3: Hash::of(bytes) })
            .collect();
        plan.record(9, Ok(digest), log_points, files).unwrap()
    }
}

/// `count` points of two metrics with two series each, from `start` seconds on.
pub(crate) fn points(start: i64, count: i64) -> Vec<Point> {
    (0..count)
        .map(|i| {
            let metric = if i % 3 == 0 { "cpu" } else { "memory" };
            let host = if i % 2 == 0 { "a" } else { "b" };
            Point::new(metric, (start + i) * SECOND, (i * i) as f64 / 7.0).tag("host", host)
        })
        .collect()
}

/// A database with sealed runs, deletions of sealed and of unsealed points, free space and an unsealed tail.
pub(crate) fn example() -> (Host, Engine) {
    let mut host = Host::create();
    let mut engine = host.open();
    host.write(&mut engine, &points(0, 300));
    host.seal(&mut engine);
    host.write(&mut engine, &points(100, 300));
    host.delete(&mut engine, &Selector::metric("cpu"), TimeRange::new(Some(20 * SECOND), Some(120 * SECOND)));
    host.seal(&mut engine);
    host.write(&mut engine, &points(250, 300));
    let new = [Point::new("disk", SECOND, f64::NAN).tag("host", "c")];
    host.write(&mut engine, &new);
    host.delete(
        &mut engine,
        &Selector::metric("memory"),
        TimeRange::new(Some(260 * SECOND), Some(270 * SECOND)),
    );
    host.write(&mut engine, &points(600, 20));
    (host, engine)
}
