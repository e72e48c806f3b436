//! Verify: every checksum of a data file, against a bare loop of CRC-32 over the same bytes, and against BLAKE3 of them.
use crate::context::{Context, file_len};
use crate::limits::{blake3, crc};
use crate::report::{Goal, Line};
use crate::snapshot::copy_database;
use chronicle::verify::{VerifyLevel, verify};
use chronicle::{BackupManager, Config, Db};
use chronicle_tests::measure::{Pairs, alternate, time};
use std::hint::black_box;
use std::path::Path;

pub(crate) fn run(context: &mut Context) {
    let kept = context.backup_db();
    let folder = context.fresh("verify");
    copy_database(kept.parent().unwrap(), &folder);
    let snapshot = folder.join("snapshot");
    let db = Db::open(folder.join("data.db"), Config::default()).unwrap();
    BackupManager::new(&db).create_snapshot(&snapshot).unwrap();
    db.close().unwrap();
    // The packed file as a database of its own: it has no free space, which a bare loop would read and verify would not.
    let packed = context.fresh("verify-packed");
    chronicle::restore_snapshot(&snapshot, packed.join("db")).unwrap();
    let data = packed.join("db").join("data.db");

    let check = |path: &Path, level| {
        let verified = verify(path, level).unwrap();
        assert!(verified.report.findings.iter().next().is_none());
    };
    let ours = || time(|| check(&data, VerifyLevel::Full)).1;
    let loop_over = || time(|| black_box(crc(&data))).1;
    let runs = context.runs(9);
    let what = format!("full, {:.0} MB data file", file_len(&data) as f64 / 1e6);
    let speed = |pairs: &Pairs| pairs.ratios().map(|ratio| 1.0 / ratio).median();
    let pairs = alternate(runs, || ours().cpu, || loop_over().cpu);
    let line = Line::new("verify", format!("{what}, CPU"), "s", pairs.a())
        .against("mmap + crc32 loop, CPU", pairs.b().median(), speed(&pairs))
        .goal(Goal::at_least(0.5, 0.9).of_ratio())
        .note("the ratio is of speed; only the aim is in the goals, the floor of this line is half of the bare loop");
    context.report.push(line);
    let pairs = alternate(runs, || ours().cpu, || time(|| black_box(blake3(&data, false))).1.cpu);
    let line = Line::new("verify", format!("{what}, CPU"), "s", pairs.a())
        .against("BLAKE3, one core, CPU", pairs.b().median(), speed(&pairs))
        .goal(Goal::at_least(2.0, 2.0).of_ratio());
    context.report.push(line);
    let pairs = alternate(runs, || ours().wall, || time(|| black_box(blake3(&data, true))).1.wall);
    let line = Line::new("verify", format!("{what}, wall"), "s", pairs.a()).against(
        "BLAKE3, all cores",
        pairs.b().median(),
        speed(&pairs),
    );
    context.report.push(line);
    let of_snapshot = || time(|| check(&snapshot, VerifyLevel::Full)).1.cpu;
    let pairs = alternate(runs, of_snapshot, || time(|| black_box(blake3(&data, false))).1.cpu);
    let line = Line::new("verify", "full, snapshot of it with file hashes, CPU", "s", pairs.a()).against(
        "BLAKE3, one core, CPU",
        pairs.b().median(),
        speed(&pairs),
    );
    context.report.push(line);
}
