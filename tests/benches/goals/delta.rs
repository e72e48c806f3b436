//! Delta repositories: one more delta against restic and against `cp`, what a restore costs behind 500 of them, a restore to a
//! commit in the middle of a log, and what encryption costs.
use crate::context::{BATCH, Context, file_len, points, quiet, write_all, write_batch};
use crate::limits::copy_and_sync;
use crate::report::{Goal, Line};
use crate::restic::Restic;
use crate::snapshot::copy_database;
use chronicle::backup::{DeltaReport, restore_delta_backup};
use chronicle::crypt::{EncryptTo, Identity};
use chronicle::{BackupManager, Config, Db, DeltaBackupConfig, RestoreConfig};
use chronicle_tests::measure::{Pairs, Samples, time};
use chronicle_tests::workload::{self, SeriesData};
use std::fs;
use std::path::Path;

/// Random doubles in a database of about 10 MB, and 1 % of them.
const SMALL_POINTS: usize = 1_040_000;
const DELTAS: usize = 500;

pub(crate) fn run(context: &mut Context) {
    let small = context.fresh("delta-small");
    let db = Db::open(small.join("data.db"), quiet()).unwrap();
    write_all(&db, &workload::random(SMALL_POINTS, 1));
    db.compact().unwrap();
    db.close().unwrap();
    let few = SMALL_POINTS / 100;
    let mut day = 0;
    let on_small = one_more(context, &small, few, &mut day);
    fs::remove_dir_all(&small).unwrap();
    let kept = context.large_db();
    let large = context.fresh("delta-large");
    copy_database(kept.parent().unwrap(), &large);
    let on_large = one_more(context, &large, few, &mut day);
    let line = Line::one("delta", "the same few points on 1 GB over 10 MB, CPU", "x", on_large / on_small)
        .goal(Goal::at_most(1.3, 1.0));
    context.report.push(line);
    fs::remove_dir_all(large.join("repo")).unwrap();
    let _ = fs::remove_dir_all(large.join("restic"));
    let many = if context.quick { 10 * few } else { 100 * few };
    one_more(context, &large, many, &mut day);
    fs::remove_dir_all(&large).unwrap();
    five_hundred(context);
    to_a_commit(context);
    encrypted(context);
}

fn delta(db: &Db, repository: &Path) -> DeltaReport {
    let config = DeltaBackupConfig::new(repository).continue_newest();
    BackupManager::new(db).create_delta_backup_with(&config, &|_, _| {}).unwrap()
}

/// Points of the first series, each `day` behind the one before.
fn later(count: usize, day: u64) -> Vec<SeriesData> {
    const DAYS: i64 = 3 * 86_400_000_000_000;
    let mut data = workload::random(count, 1_000 + day);
    for time in data.iter_mut().flat_map(|series| &mut series.timestamps) {
        *time += DAYS * day as i64;
    }
    data
}

/// A delta each time that `more` points came and were sealed, over the database in `folder`, the first of them on the day after
/// `day`. Returns its CPU seconds.
fn one_more(context: &mut Context, folder: &Path, more: usize, day: &mut u64) -> f64 {
    let (data, repository, copy) = (folder.join("data.db"), folder.join("repo"), folder.join("cp.db"));
    let megabytes = file_len(&data) as f64 / 1e6;
    let db = Db::open(&data, Config { background: false, ..quiet() }).unwrap();
    delta(&db, &repository);
    // restic reads files as they lie there; in this bench nobody writes meanwhile.
    let mut restic = Restic::new(folder);
    let rival = |restic: &mut Option<Restic>| {
        restic.as_ref().and_then(|it| match it.backup(&data) {
            Ok(cost) => Some(cost),
            Err(why) => {
                eprintln!("!! restic: {why}");
                None
            }
        })
    };
    rival(&mut restic);
    let (mut cpu, mut wall, mut read) = (Pairs::default(), Pairs::default(), Samples::default());
    let (mut theirs_cpu, mut theirs_wall) = (Pairs::default(), Pairs::default());
    let mut stored = 0.0;
    for run in 0..=context.runs(5) {
        *day += 1;
        write_all(&db, &later(more, *day));
        db.checkpoint().unwrap();
        let (report, ours) = time(|| delta(&db, &repository));
        let ((), copied) = time(|| copy_and_sync(&data, &copy));
        let theirs = rival(&mut restic);
        if run > 0 {
            cpu.push(ours.cpu, copied.cpu);
            wall.push(ours.wall, copied.wall);
            read.push(report.bytes_read as f64 / report.bytes as f64);
            stored = report.bytes as f64 / 1e6;
            if let Some(theirs) = theirs {
                theirs_cpu.push(ours.cpu, theirs.cpu);
                theirs_wall.push(ours.wall, theirs.wall);
            }
        }
    }
    db.close().unwrap();
    fs::remove_file(&copy).unwrap();
    let what = format!("{more} more points on {megabytes:.0} MB");
    let mut push = |what: String, ours: &Pairs, theirs: &Pairs| {
        let mut line = Line::new("delta", what, "s", ours.a());
        if theirs.a().median().is_finite() {
            line = line.against("restic", theirs.b().median(), theirs.ratio());
        }
        context.report.push(line.note(format!("{stored:.2} MB were sent")));
    };
    push(format!("{what}, CPU"), &cpu, &theirs_cpu);
    push(what.clone(), &wall, &theirs_wall);
    let line = Line::new("delta", format!("{what}, against copying all of it"), "s", cpu.a()).against(
        "cp + sync, CPU",
        cpu.b().median(),
        cpu.ratio(),
    );
    // The goal is that of 1 %, of a file that takes longer to copy than a process takes to start.
    let line = match megabytes > 100.0 {
        true => line.goal(Goal::at_most(0.1, 0.02).of_ratio()),
        false => line,
    };
    context.report.push(line);
    let line = Line::new("delta", format!("{what}: bytes read over bytes sent"), "x", read)
        .goal(Goal::at_most(1.2, 1.0));
    context.report.push(line);
    cpu.a().median()
}

/// The restore of the newest point behind one delta and behind 500.
fn five_hundred(context: &mut Context) {
    let folder = context.fresh("delta-many");
    let (one, many) = (folder.join("one"), folder.join("many"));
    let db = Db::open(folder.join("data.db"), Config { background: false, ..quiet() }).unwrap();
    write_all(&db, &workload::random(2 * SMALL_POINTS, 3));
    db.compact().unwrap();
    delta(&db, &many);
    let more = workload::random(20 * DELTAS, 4);
    let more: Vec<_> = workload::batches(&more, 20).collect();
    for (count, batch) in more.iter().enumerate() {
        write_batch(&db, batch);
        if count % 10 == 9 {
            db.checkpoint().unwrap();
        }
        delta(&db, &many);
        if count == 0 {
            copy_folder(&many, &one);
        }
    }
    db.close().unwrap();
    let restore = |repository: &Path| {
        let target = folder.join("target");
        let (report, cost) = time(|| restore_delta_backup(RestoreConfig::new(repository, &target)).unwrap());
        assert!(report.digest_proven);
        fs::remove_dir_all(&target).unwrap();
        cost.wall
    };
    let mut pairs = Pairs::default();
    for run in 0..=context.runs(9) {
        let (behind_many, behind_one) = (restore(&many), restore(&one));
        if run > 0 {
            pairs.push(behind_many, behind_one);
        }
    }
    let line = Line::new("delta", format!("restore behind {} deltas", more.len()), "s", pairs.a())
        .against("behind 1 delta", pairs.b().median(), pairs.ratio())
        .goal(Goal::at_most(1.2, 1.05).of_ratio());
    context.report.push(line);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A restore to the commit before the last one: everything is replayed from an empty base.
fn to_a_commit(context: &mut Context) {
    let data = workload::devops(if context.quick { 10 } else { 60 }, 24, 5);
    let folder = context.fresh("delta-commit");
    let repository = folder.join("repo");
    let db = Db::open(folder.join("data.db"), quiet()).unwrap();
    delta(&db, &repository);
    workload::batches(&data, BATCH).for_each(|batch| write_batch(&db, &batch));
    let last = delta(&db, &repository).record.point.lsn;
    db.close().unwrap();
    let mut rates = Samples::default();
    for run in 0..=context.runs(5) {
        let target = folder.join("target");
        let config = RestoreConfig::new(&repository, &target).at_lsn(last - 1);
        let (report, cost) = time(|| restore_delta_backup(config).unwrap());
        assert_eq!(report.position.lsn, last - 1);
        fs::remove_dir_all(&target).unwrap();
        if run > 0 {
            rates.push(points(&data) as f64 / cost.wall / 1e6);
        }
    }
    let line = Line::new("delta", "restore to a commit, all of it replayed", "M points/s", rates)
        .goal(Goal::at_least(5.0, 10.0))
        .note(format!(
            "devops, {:.1} M points; fetching, sealing and verifying inside",
            points(&data) as f64 / 1e6
        ));
    context.report.push(line);
}

/// An encrypted snapshot folder against a plain one.
fn encrypted(context: &mut Context) {
    let kept = context.backup_db();
    let folder = context.fresh("delta-encrypted");
    copy_database(kept.parent().unwrap(), &folder);
    let db = Db::open(folder.join("data.db"), Config { background: false, ..Config::default() }).unwrap();
    let recipient = Identity::random().unwrap().recipient();
    let (plain, sealed) = (folder.join("plain"), folder.join("sealed"));
    let (mut wall, mut cpu) = (Pairs::default(), Pairs::default());
    for run in 0..=context.runs(5) {
        let to = EncryptTo::recipients([recipient.clone()]).unwrap();
        let manager = BackupManager::new(&db);
        let (_, ours) = time(|| manager.create_encrypted_snapshot(&sealed, to, &|_, _| {}).unwrap());
        let (_, theirs) = time(|| manager.create_snapshot(&plain).unwrap());
        fs::remove_dir_all(&sealed).unwrap();
        fs::remove_dir_all(&plain).unwrap();
        if run > 0 {
            wall.push(ours.wall, theirs.wall);
            cpu.push(ours.cpu, theirs.cpu);
        }
    }
    db.close().unwrap();
    let speed = |pairs: &Pairs| pairs.ratios().map(|ratio| 1.0 / ratio).median();
    let line = Line::new("delta", "encrypted snapshot", "s", wall.a())
        .against("a plain one", wall.b().median(), speed(&wall))
        .goal(Goal::at_least(0.4, 0.7).of_ratio())
        .note(format!("the ratio is of speed; of CPU {:.2}x", speed(&cpu)));
    context.report.push(line);
}
