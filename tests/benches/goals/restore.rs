//! Restore: every byte copied, verified and synced, against `cp` and a sync of the same bytes.
use crate::context::{Context, file_len};
use crate::limits::copy_and_sync;
use crate::report::{Goal, Line};
use crate::snapshot::copy_database;
use chronicle::{BackupManager, Config, Db, restore_snapshot};
use chronicle_tests::measure::{Pairs, time};
use std::fs;

pub(crate) fn run(context: &mut Context) {
    let kept = context.backup_db();
    let folder = context.fresh("restore");
    copy_database(kept.parent().unwrap(), &folder);
    let snapshot = folder.join("snapshot");
    let db = Db::open(folder.join("data.db"), Config::default()).unwrap();
    BackupManager::new(&db).create_snapshot(&snapshot).unwrap();
    db.close().unwrap();
    let (target, copy) = (folder.join("target"), folder.join("cp.db"));
    let packed = snapshot.join("data.db");
    let (mut wall, mut cpu) = (Pairs::default(), Pairs::default());
    for run in 0..=context.runs(7) {
        let (report, ours) = time(|| restore_snapshot(&snapshot, &target).unwrap());
        assert!(report.digest_proven);
        let ((), theirs) = time(|| copy_and_sync(&packed, &copy));
        fs::remove_dir_all(&target).unwrap();
        if run > 0 {
            wall.push(ours.wall, theirs.wall);
            cpu.push(ours.cpu, theirs.cpu);
        }
    }
    let megabytes = file_len(&packed) as f64 / 1e6;
    let speed = |pairs: &Pairs| pairs.ratios().map(|ratio| 1.0 / ratio).median();
    let line = Line::new("restore", format!("{megabytes:.0} MB, every byte verified"), "s", wall.a())
        .against("cp + sync", wall.b().median(), speed(&wall))
        .goal(Goal::at_least(0.8, 0.93).of_ratio())
        .note("the ratio is of speed: 1 is as fast as cp");
    context.report.push(line);
    let line = Line::new("restore", "the same, CPU", "s", cpu.a()).against(
        "cp + sync, CPU",
        cpu.b().median(),
        speed(&cpu),
    );
    context.report.push(line);
}
