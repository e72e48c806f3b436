//! Snapshots: full ones against `cp` and a sync of the same bytes, for how long the engine is held, and what a writer
//! notices of them.
use crate::context::{BATCH, Context, file_len, write_batch};
use crate::limits::copy_and_sync;
use crate::report::{Goal, Line};
use chronicle::{BackupManager, Config, Db};
use chronicle_tests::measure::{Cost, Pairs, Samples, time};
use chronicle_tests::workload::{self, PointRef};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Commits of 10,000 points that are timed, idle and beside snapshots each, in one turn.
const WRITES: usize = 60;
const TURNS: usize = 5;

pub(crate) fn run(context: &mut Context) {
    // A copy of its own: the one that is kept stays as it is.
    let kept = context.backup_db();
    let folder = context.fresh("snapshot");
    let path = folder.join("data.db");
    copy_database(kept.parent().unwrap(), &folder);
    let db = Db::open(&path, Config { background: false, ..Config::default() }).unwrap();
    full(context, &db, &folder);
    writer(context, &db, &folder);
    db.close().unwrap();
}

/// Copies all files of a closed database.
pub(crate) fn copy_database(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn full(context: &mut Context, db: &Db, folder: &Path) {
    let (target, copy) = (folder.join("copy"), folder.join("cp.db"));
    let reference = folder.join("reference");
    BackupManager::new(db).create_snapshot(&reference).unwrap();
    let packed = reference.join("data.db");
    let (mut wall, mut cpu, mut held) = (Pairs::default(), Pairs::default(), Samples::default());
    for run in 0..=context.runs(7) {
        let (report, ours) = time(|| BackupManager::new(db).create_snapshot(&target).unwrap());
        let ((), theirs): ((), Cost) = time(|| copy_and_sync(&packed, &copy));
        fs::remove_dir_all(&target).unwrap();
        if run > 0 {
            wall.push(ours.wall, theirs.wall);
            cpu.push(ours.cpu, theirs.cpu);
            held.push(report.held.as_secs_f64() * 1e3);
        }
    }
    let megabytes = file_len(&packed) as f64 / 1e6;
    let speed = |pairs: &Pairs| pairs.ratios().map(|ratio| 1.0 / ratio).median();
    let line = Line::new("snapshot", format!("full, {megabytes:.0} MB, synced and checked"), "s", wall.a())
        .against("cp + sync", wall.b().median(), speed(&wall))
        .goal(Goal::at_least(0.85, 0.97).of_ratio())
        .note("the ratio is of speed: 1 is as fast as cp");
    context.report.push(line);
    let line = Line::new("snapshot", "the same, CPU", "s", cpu.a()).against(
        "cp + sync, CPU",
        cpu.b().median(),
        speed(&cpu),
    );
    context.report.push(line);
    let line = Line::one("snapshot", "the engine is held, at most", "ms", held.max())
        .goal(Goal::at_most(2.0, 0.2))
        .note(format!("median {:.4} ms, no writer beside it", held.median()));
    context.report.push(line);
}

/// Latencies of a writer, in turn idle and while another thread makes one snapshot after the other.
fn writer(context: &mut Context, db: &Db, folder: &Path) {
    let data = workload::devops(100, 3, 2);
    let batches: Vec<Vec<PointRef<'_>>> = workload::batches(&data, BATCH).collect();
    let mut batches = batches.iter().cycle();
    let mut write = |count: usize, small: bool, samples: &mut Samples| {
        for _ in 0..count {
            let batch = batches.next().unwrap();
            let batch = if small { &batch[..1] } else { batch.as_slice() };
            let started = Instant::now();
            write_batch(db, batch);
            samples.push(started.elapsed().as_secs_f64() * 1e3);
        }
    };
    for (small, what) in [(false, "commits of 10,000 points"), (true, "commits of one point")] {
        let (mut idle, mut busy, mut held) = (Samples::default(), Samples::default(), Samples::default());
        for _ in 0..context.runs(TURNS) {
            write(WRITES, small, &mut idle);
            let (stop, made) = (AtomicBool::new(false), AtomicUsize::new(0));
            let holds: Samples = std::thread::scope(|scope| {
                let snapshots = scope.spawn(|| {
                    let mut holds = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let target = folder.join("beside");
                        let report = BackupManager::new(db).create_snapshot(&target).unwrap();
                        holds.push(report.held.as_secs_f64() * 1e3);
                        fs::remove_dir_all(&target).unwrap();
                        made.fetch_add(1, Ordering::Relaxed);
                    }
                    holds
                });
                // At least one whole snapshot, or the samples would be of its first part only.
                let mut rounds = 0;
                while made.load(Ordering::Relaxed) == 0 || rounds == 0 {
                    write(WRITES / 4, small, &mut busy);
                    rounds += 1;
                }
                stop.store(true, Ordering::Relaxed);
                snapshots.join().unwrap().into_iter().collect()
            });
            held.push(holds.max());
        }
        let note = format!(
            "p50 {:.2} ms against {:.2} idle ({:.2}x); the engine was held {:.4} ms at most",
            busy.median(),
            idle.median(),
            busy.median() / idle.median(),
            held.max()
        );
        let (ours, theirs) = (busy.quantile(0.99), idle.quantile(0.99));
        let line = Line::one("snapshot", format!("writer p99 beside snapshots, {what}"), "ms", ours)
            .against("idle p99", theirs, ours / theirs)
            .goal(Goal::at_most(1.5, 1.15).of_ratio())
            .note(note);
        context.report.push(line);
    }
}
