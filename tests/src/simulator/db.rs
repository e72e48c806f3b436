//! A host in memory: performs what the engine asks for, on a [`SimDisk`], and tells the [`Oracle`] of every commit.
use super::clock::Clock;
use super::disk::SimDisk;
use super::file::Loss;
use super::view::{SimView, at_hand};
use crate::oracle::Oracle;
use crate::workload::Random;
use chronicle_core::engine::{
    Checkpoint, CompactionJob, CompactionStep, Effect, Engine, Expiry, LogWrite, Opening, Options, Placed,
    ReplayEnd, SealJob, Selector, create,
};
use chronicle_core::error::Result;
use chronicle_core::format::{HEADER_AREA_LEN, LogStart, Settings};
use chronicle_core::head::Position;
use chronicle_core::ids::{Epoch, Lineage};
use chronicle_core::model::{Point, TimeRange};
use chronicle_core::source::Step;

/// Called before each effect and after the last of a list: what is on the disk, the effect that comes next, and which
/// commits a crash may leave.
pub type Observer = Box<dyn FnMut(&SimDisk, Option<&Effect>, &mut Promise<'_>)>;

/// What was promised at some moment.
pub struct Promise<'a> {
    /// Every commit.
    pub oracle: &'a mut Oracle,
    /// The last commit that was acknowledged as durable.
    pub acknowledged: u64,
    /// How the database is opened.
    pub options: &'a Options,
}

/// A database on a simulated disk.
pub struct SimDb {
    /// The engine.
    pub engine: Engine,
    /// Its medium.
    pub disk: SimDisk,
    /// What it must hold.
    pub oracle: Oracle,
    /// The host's clock.
    pub clock: Clock,
    /// The last commit acknowledged as durable.
    pub acknowledged: u64,
    /// How the last log file ended when it was opened.
    pub replay_end: ReplayEnd,
    options: Options,
    observer: Option<Observer>,
    prepared: Vec<LogWrite>,
    /// The effects of opening are performed.
    recovered: bool,
}

/// A compaction that goes on beside writes.
pub struct SimCompaction {
    job: CompactionJob,
    placed: Vec<Placed>,
    done: bool,
}

/// The lineage of every simulated database.
pub const LINEAGE: Lineage = Lineage([0x11; 16]);
/// The epoch of every simulated database.
pub const EPOCH: Epoch = Epoch([0x22; 16]);
/// One hour, ns: the partitions of simulated databases.
pub const HOUR: i64 = 3_600_000_000_000;

/// Options under which everything happens often.
pub fn small_options() -> Options {
    Options {
        seal_points: 500,
        checkpoint_bytes: 64 << 10,
        log_file_bytes: 6 << 10,
        wal_keep_bytes: 12 << 10,
        hash_seed: 7,
        ..Options::default()
    }
}

/// A disk with a new, empty database on it.
pub fn new_disk() -> SimDisk {
    let settings = Settings {
        partition_duration_ns: HOUR as u64,
        retention_ns: None,
        retention_bytes: None,
        retention_suspended: false,
    };
    SimDisk::new(create(LINEAGE, EPOCH, settings, 0).expect("a new database"))
}

/// Opens what is on a disk and replays its log, without writing anything.
pub fn open_engine(disk: &SimDisk, options: &Options) -> Result<(Engine, ReplayEnd)> {
    let mut source = disk.data.bytes();
    let header = source.get(..HEADER_AREA_LEN as usize).unwrap_or(source);
    let mut opening = Opening::new(header, options.clone())?;
    match opening.step(&mut source)? {
        Step::Ready(()) => {}
        step => panic!("everything is in memory, yet opening came to {step:?}"),
    }
    opening.note_older(&mut source);
    let first = match opening.log_start() {
        LogStart::From { first_lsn, .. } => first_lsn,
        LogStart::None => opening.superblock().root.lsn + 1,
    };
    let mut engine = opening.into_engine(&[], source.len() as u64)?;
    let older = disk.logs.range(..first).map(|(&first_lsn, file)| (first_lsn, file.bytes().len() as u64));
    engine.note_closed_logs(older);
    let mut end = ReplayEnd::Clean;
    let mut files = disk.logs.range(first..).peekable();
    while let Some((&first_lsn, file)) = files.next() {
        end = engine.replay(first_lsn, file.bytes(), files.peek().is_none())?;
    }
    Ok((engine, end))
}

impl SimDb {
    /// A new database.
    pub fn new(options: Options, seed: u64) -> Self {
        Self::open(new_disk(), Oracle::default(), Clock::new(seed), options, 0, None).expect("a new database")
    }

    /// Opens a database; `acknowledged` commits of the oracle must be there, the ones after the last that is are cut
    /// from the oracle.
    pub fn open(
        disk: SimDisk,
        mut oracle: Oracle,
        mut clock: Clock,
        options: Options,
        acknowledged: u64,
        observer: Option<Observer>,
    ) -> Result<Self> {
        let (mut engine, replay_end) = open_engine(&disk, &options)?;
        let lsn = engine.position().lsn;
        assert!(lsn >= acknowledged, "commit {acknowledged} was durable, the database ends at {lsn}");
        assert!(lsn <= oracle.last_lsn(), "the database ends at {lsn}, behind the last commit");
        assert_eq!(engine.position(), oracle.position(lsn), "position after opening");
        oracle.cut(lsn);
        let effects = engine.start_log(replay_end != ReplayEnd::Clean, clock.now())?;
        let prepared = Vec::new();
        let mut db = Self {
            engine,
            disk,
            oracle,
            clock,
            acknowledged,
            replay_end,
            options,
            observer,
            prepared,
            recovered: false,
        };
        db.perform(&effects);
        db.recovered = true;
        db.acknowledged = db.acknowledged.max(db.engine.durable_lsn());
        Ok(db)
    }

    /// Has `observer` called around every effect from now on.
    pub fn observe(&mut self, observer: Option<Observer>) {
        self.observer = observer;
    }

    /// How it was opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Performs effects in order.
    pub fn perform(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.tell(Some(effect));
            self.disk.perform(effect);
        }
        if !effects.is_empty() {
            self.tell(None);
        }
    }

    fn tell(&mut self, next: Option<&Effect>) {
        if let Some(observer) = &mut self.observer {
            // While the log is being recovered the engine already counts on the effects that are still to be performed.
            let durable = if self.recovered { self.engine.durable_lsn() } else { 0 };
            let acknowledged = self.acknowledged.max(durable);
            observer(
                &self.disk,
                next,
                &mut Promise { oracle: &mut self.oracle, acknowledged, options: &self.options },
            );
        }
    }

    /// Prepares a batch without writing it.
    pub fn prepare(&mut self, points: &[Point]) -> Result<Position> {
        let now = self.clock.now();
        let mut source = self.disk.data.bytes();
        let position =
            at_hand(self.engine.with_names(&mut source, |engine| engine.prepare_points(points, now)))?;
        if !points.is_empty() {
            self.oracle.points(position, points);
        }
        Ok(position)
    }

    /// Takes what is prepared and performs it, but does not settle it yet. True if there was anything.
    pub fn write_prepared(&mut self) -> bool {
        let now = self.clock.now();
        let Some(write) = self.engine.take_log_write(now).expect("a log to write to") else { return false };
        self.perform(&write.effects);
        self.prepared.push(write);
        true
    }

    /// Settles what was written.
    pub fn settle(&mut self, durable: bool) {
        for write in std::mem::take(&mut self.prepared) {
            if durable {
                self.perform(&[Effect::SyncLog { first_lsn: write.first_lsn }]);
            }
            let last = write.last;
            self.engine.settle(write, durable);
            if durable {
                self.acknowledged = self.acknowledged.max(last);
                self.tell(None);
            }
        }
    }

    /// Writes and settles everything prepared.
    pub fn flush(&mut self, durable: bool) {
        self.settle(durable);
        if self.write_prepared() {
            self.settle(durable);
        }
    }

    /// Writes a batch as one commit.
    pub fn write(&mut self, points: &[Point], durable: bool) -> Position {
        let position = self.prepare(points).expect("a batch within the limits");
        self.flush(durable);
        position
    }

    /// Syncs the log file that takes frames.
    pub fn perform_sync(&mut self) {
        if let Some((&first_lsn, _)) = self.disk.logs.last_key_value() {
            self.perform(&[Effect::SyncLog { first_lsn }]);
        }
        self.acknowledged = self.acknowledged.max(self.engine.position().lsn);
    }

    /// Prepares a deletion; false when no series is named.
    pub fn prepare_delete(&mut self, selector: &Selector, range: TimeRange) -> bool {
        let now = self.clock.now();
        let mut source = self.disk.data.bytes();
        let prepare = |engine: &mut Engine| engine.prepare_delete(selector, range, now);
        let position = at_hand(self.engine.with_names(&mut source, prepare)).expect("a deletion");
        if let Some(position) = position {
            self.oracle.delete(position, selector, range);
        }
        position.is_some()
    }

    /// Deletes.
    pub fn delete(&mut self, selector: &Selector, range: TimeRange, durable: bool) -> bool {
        let any = self.prepare_delete(selector, range);
        self.flush(durable);
        any
    }

    /// Prepares the expiry of everything before `cutoff`.
    pub fn prepare_expire(&mut self, cutoff: i64) {
        let now = self.clock.now();
        if let Some(position) = self.engine.prepare_expire(&Expiry::before(cutoff), now).expect("an expiry") {
            self.oracle.delete(position, &Selector::all(), TimeRange::new(None, Some(cutoff)));
        }
    }

    /// Seals the head, if there is anything to seal.
    pub fn seal(&mut self) -> bool {
        let Some(job) = self.begin_seal() else { return false };
        self.finish_seal(job);
        true
    }

    /// Begins a seal.
    pub fn begin_seal(&mut self) -> Option<SealJob> {
        at_hand(self.engine.with_names(&mut self.disk.data.bytes(), Engine::begin_seal)).expect("a seal")
    }

    /// Builds, places, writes and installs a seal.
    pub fn finish_seal(&mut self, job: SealJob) {
        let mut placed = Vec::new();
        for built in job.build().expect("segments of a head") {
            let (place, effect) = self.engine.place(built);
            self.perform(&[effect]);
            placed.push(place);
        }
        let checkpoint = self.engine.install_seal(job, placed).expect("a catalog with the seal");
        self.checkpoint(checkpoint);
    }

    /// Performs a checkpoint and what follows it.
    pub fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.perform(&checkpoint.effects);
        let aftermath = self.engine.finish_checkpoint(&checkpoint, &[]);
        self.perform(&aftermath.effects);
    }

    /// Runs one compaction to its end; false when none is due.
    pub fn compact(&mut self, all: bool) -> bool {
        let Some(compaction) = self.begin_compaction(all) else { return false };
        self.finish_compaction(compaction);
        true
    }

    /// Begins a compaction.
    pub fn begin_compaction(&mut self, all: bool) -> Option<SimCompaction> {
        let begin = |engine: &mut Engine| engine.begin_compaction(all);
        let job =
            at_hand(self.engine.with_names(&mut self.disk.data.bytes(), begin)).expect("a compaction")?;
        Some(SimCompaction { job, placed: Vec::new(), done: false })
    }

    /// One step of a compaction; false when it is ready to be installed.
    pub fn step_compaction(&mut self, compaction: &mut SimCompaction) -> bool {
        let mut source = self.disk.data.bytes();
        match compaction.job.step(&mut source).expect("a compaction of sound segments") {
            Step::Ready(CompactionStep::Working) => {}
            Step::Ready(CompactionStep::Built(built)) => {
                let (place, effect) = self.engine.place(built);
                self.perform(&[effect]);
                compaction.placed.push(place);
            }
            Step::Missing(ranges) => panic!("everything is in memory, yet {ranges:?} are missing"),
            Step::Done => compaction.done = true,
        }
        !compaction.done
    }

    /// Runs a compaction to its end and installs it.
    pub fn finish_compaction(&mut self, mut compaction: SimCompaction) {
        while self.step_compaction(&mut compaction) {}
        let SimCompaction { job, placed, .. } = compaction;
        let checkpoint = self.engine.install_compaction(&job, placed).expect("a catalog with the compaction");
        drop(job);
        self.checkpoint(checkpoint);
    }

    /// Merges the dictionary runs when there are more than `runs_max`.
    pub fn merge_dictionary(&mut self, runs_max: usize) -> bool {
        let Some(mut merge) = self.engine.begin_dictionary_merge(runs_max) else { return false };
        let built = at_hand(merge.step(&mut self.disk.data.bytes())).expect("a dictionary");
        let (place, effect) = self.engine.place(built);
        self.perform(&[effect]);
        let checkpoint =
            self.engine.install_dictionary(&merge, place).expect("a catalog with the dictionary");
        self.checkpoint(checkpoint);
        true
    }

    /// Closes without a farewell and opens again: what was written is still in the machine's memory.
    pub fn reopen(self) -> Result<Self> {
        self.crash(Loss::None, &mut Random::new(0))
    }

    /// Crashes, and opens what is left.
    pub fn crash(self, loss: Loss, random: &mut Random) -> Result<Self> {
        let Self { disk, oracle, clock, options, acknowledged, observer, .. } = self;
        Self::open(disk.crash(loss, random), oracle, clock, options, acknowledged, observer)
    }

    /// A view of every series, or of those that `selector` selects.
    pub fn view(&mut self, selector: &Selector, range: TimeRange) -> SimView {
        SimView::take(&mut self.engine, &mut self.disk, &mut self.oracle, selector, range).expect("a view")
    }
}
