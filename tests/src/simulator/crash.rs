//! Every crash: around each effect of whatever runs, every state that a crash may leave is opened and compared.
use super::check::check_engine;
use super::clock::Clock;
use super::db::{Observer, Promise, SimDb, open_engine};
use super::disk::SimDisk;
use super::file::Loss;
use super::work::Work;
use crate::workload::Random;
use chronicle_core::engine::{Effect, ReplayEnd};
use std::cell::Cell;
use std::rc::Rc;

/// Counts of what was enumerated.
#[derive(Debug, Default)]
pub struct Crashes {
    /// Effects that were looked at.
    pub effects: Cell<u64>,
    /// Disks that were opened.
    pub images: Cell<u64>,
    /// Of those, disks on which work went on.
    pub continued: Cell<u64>,
}

impl Crashes {
    /// An observer that opens everything a crash may leave. One image in `continue_every` is worked on after it.
    pub fn observer(self: &Rc<Self>, seed: u64, continue_every: u64) -> Observer {
        let counts = Rc::clone(self);
        let mut random = Random::new(seed);
        Box::new(move |disk, next, promise| {
            counts.effects.set(counts.effects.get() + 1);
            for image in images(disk, next, &mut random) {
                counts.images.set(counts.images.get() + 1);
                check_image(&image, promise, &mut random);
                if random.below(continue_every) == 0 {
                    counts.continued.set(counts.continued.get() + 1);
                    go_on(&image, promise, &mut random);
                }
            }
        })
    }
}

/// What a crash may leave before, during and right after the next effect.
fn images(disk: &SimDisk, next: Option<&Effect>, random: &mut Random) -> Vec<SimDisk> {
    let cuts = next.map(SimDisk::cuts).unwrap_or_default();
    let torn = cuts.into_iter().filter_map(|cut| disk.tear(next?, cut));
    let mut images = Vec::new();
    for (index, before) in std::iter::once(disk.clone()).chain(torn).enumerate() {
        // Every loss for the whole effects; for each tear the two ends and one in between.
        let losses: &[Loss] = match (before.is_dirty(), index) {
            (false, _) => &[Loss::None],
            (true, 0) => &[
                Loss::None,
                Loss::All,
                Loss::Zeros,
                Loss::Sectors(512),
                Loss::Sectors(512),
                Loss::Sectors(4096),
                Loss::Sectors(4096),
            ],
            (true, _) => &[Loss::None, Loss::Sectors([512, 4096][random.below(2) as usize])],
        };
        images.extend(losses.iter().map(|loss| before.crash(*loss, random)));
    }
    images
}

/// Opens an image: it must hold a state between what was acknowledged and what was prepared, and recover.
pub fn check_image(image: &SimDisk, promise: &mut Promise<'_>, random: &mut Random) {
    let mut disk = image.clone();
    let (mut engine, end) = open_engine(&disk, promise.options).expect("a crash is no damage");
    let lsn = engine.position().lsn;
    assert!(lsn >= promise.acknowledged, "commit {} was durable, {lsn} is left", promise.acknowledged);
    assert!(lsn <= promise.oracle.last_lsn(), "commit {lsn} was never prepared");
    check_engine(&mut engine, &mut disk, promise.oracle);
    let effects = engine.start_log(end != ReplayEnd::Clean, 0).expect("a log to go on with");
    // A second crash, during the recovery.
    for effect in &effects {
        for again in images(&disk, Some(effect), random) {
            let (engine, _) = open_engine(&again, promise.options).expect("a crash while recovering");
            let found = engine.position();
            assert_eq!(found, promise.oracle.position(found.lsn));
            assert!(
                found.lsn >= promise.acknowledged,
                "the second crash lost commit {}",
                promise.acknowledged
            );
        }
        disk.perform(effect);
    }
}

/// Works on after a crash, and crashes again.
fn go_on(image: &SimDisk, promise: &Promise<'_>, random: &mut Random) {
    let oracle = promise.oracle.clone();
    let clock = Clock::new(random.bits());
    let options = promise.options.clone();
    let mut db =
        SimDb::open(image.clone(), oracle, clock, options, promise.acknowledged, None).expect("opens");
    let mut work = Work::new(random.bits());
    for round in 0..3 {
        let batch = work.batch(20);
        db.write(&batch, round != 1);
        if random.below(2) == 0 {
            db.seal();
        }
        let batch = work.batch(20);
        db.write(&batch, round == 1);
        db.check_all();
        let loss = [Loss::None, Loss::All, Loss::Zeros, Loss::Sectors(512)][random.below(4) as usize];
        db = db.crash(loss, random).expect("a crash after a crash");
        db.check_all();
    }
}
