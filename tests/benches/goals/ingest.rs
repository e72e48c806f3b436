//! Ingest: durable batches with tags as strings, sealing and compaction included; one durable commit; memory.
use crate::context::{BATCH, Context, points, write_batch};
use crate::report::{Better, Entry, Goal, Line};
use crate::resident;
use chronicle::{Config, Db};
use chronicle_tests::measure::{Cost, Pairs, Samples, alternate, time};
use chronicle_tests::workload::{self, PointRef};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// Alternations of one commit and one bare sync.
const COMMITS: usize = 1500;

pub(crate) fn run(context: &mut Context) {
    let data = context.devops();
    let batches: Vec<Vec<PointRef<'_>>> = workload::batches(&data, BATCH).collect();
    let total = points(&data) as f64;
    throughput(context, &batches, total);
    drop(batches);
    commits(context, &workload::batches(&data, BATCH).take(300).collect::<Vec<_>>());
    let hosts = context.hosts();
    if let Some(peak) = resident::measure(&["ingest".into(), hosts.to_string()]) {
        let made = context.peers.made(context.devops_work());
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let peers =
            made.iter().filter_map(|(name, made)| Some(Entry::one(name, mebibytes(made.peak?), peak)));
        let line = Line::one("ingest", "memory: growth of the resident peak, devops", "MiB", peak)
            .peers(peers.collect())
            .goal(Goal::at_most(128.0, 64.0))
            .note(
                "a process of its own; the points that it holds too, to hand them over, are taken off; peers without \
                 waiting for the medium, VictoriaMetrics its server's whole peak",
            );
        context.report.push(line);
    }
}

/// All batches, closed at the end: what is still in memory is sealed inside the time measured.
fn chronicle(folder: &Path, batches: &[Vec<PointRef<'_>>]) -> (Cost, Cost) {
    let db = Db::open(folder.join("data.db"), Config::default()).unwrap();
    let ((_, batches_only), all) = time(|| {
        let written = time(|| batches.iter().for_each(|batch| write_batch(&db, batch)));
        db.close().unwrap();
        written
    });
    (all, batches_only)
}

/// Chronicle with everything, until it is closed; peers with their share, until the last batch is acknowledged.
fn throughput(context: &mut Context, batches: &[Vec<PointRef<'_>>], total: f64) {
    let mut writing = Samples::default();
    let folder = context.fresh("ingest");
    let mut ours = || {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let (all, batches_only) = chronicle(&folder, batches);
        writing.push(total / batches_only.wall);
        Cost { wall: all.wall / total, cpu: all.cpu / total }
    };
    // The first warms up.
    ours();
    let runs = context.runs(3);
    let compared = context.peers.ingests(batches, runs, ours);
    let (wall, cpu) = (|cost: &Cost| 1.0 / cost.wall, |cost: &Cost| 1.0 / cost.cpu);
    let line = Line::new("ingest", "durable batches of 10,000, wall", "points/s", compared.ours(wall))
        .peers(compared.peers(wall))
        .goal(Goal::at_least(3e6, 8e6))
        .note(format!(
            "until closed, everything sealed; {:.2} M points/s until the last batch returned; peers until the last \
             batch returned, slow ones with the first part of the data (SQLite, redb, fjall 1/10, tsink 1/20, DuckDB, \
             VictoriaMetrics 1/4)",
            writing.median() / 1e6
        ));
    context.report.push(line);
    let line =
        Line::new("ingest", "durable batches of 10,000, per CPU second", "points/s", compared.ours(cpu))
            .peers(compared.peers(cpu))
            .better(Better::More);
    context.report.push(line);
}

/// Single commits in turn with the same bytes appended to a file that was filled before, and synced.
fn commits(context: &mut Context, batches: &[Vec<PointRef<'_>>]) {
    let folder = context.fresh("commits");
    let db = Db::open(folder.join("data.db"), Config { background: false, ..Config::default() }).unwrap();
    let bare = Bare::new(&folder.join("bare"), 512 << 20);
    write_batch(&db, &batches[0]);
    let replayed = || db.gauges().replay_bytes;

    let before = replayed();
    write_batch(&db, &batches[1][..1]);
    let bytes = (replayed() - before) as usize;
    let runs = context.runs(COMMITS);
    let mut single = batches[1].iter().cycle();
    let commit = || {
        let started = Instant::now();
        write_batch(&db, std::slice::from_ref(single.next().unwrap()));
        started.elapsed().as_secs_f64() * 1e3
    };
    let small = alternate(runs, commit, || bare.append(bytes) * 1e3);
    context.report.push(
        Line::new("ingest", "one durable commit of one point, p50", "ms", small.a())
            .against(
                format!("append + fdatasync of {bytes} B, filled file"),
                small.b().median(),
                small.a().median() / small.b().median(),
            )
            .goal(Goal::at_most(2.6, 1.6).of_ratio())
            .note(format!(
                "p99 {:.2} ms, bare p99 {:.2} ms; the floor of 0.5 ms is 2.6x of the bare sync it was set beside",
                small.a().quantile(0.99),
                small.b().quantile(0.99)
            )),
    );

    let before = replayed();
    write_batch(&db, &batches[1]);
    let bytes = (replayed() - before) as usize;
    let mut next = batches[2..].iter();
    let mut pairs = Pairs::default();
    for batch in next.by_ref() {
        let started = Instant::now();
        write_batch(&db, batch);
        pairs.push(started.elapsed().as_secs_f64() * 1e3, bare.append(bytes) * 1e3);
    }
    context.report.push(
        Line::new("ingest", "one durable commit of 10,000 points, p50", "ms", pairs.a())
            .against(
                format!("append + fdatasync of {bytes} B, filled file"),
                pairs.b().median(),
                pairs.a().median() / pairs.b().median(),
            )
            .note(format!(
                "no sealing beside it; {:.1} B/point in the log; as a limit {:.1} M points/s; p99 {:.2} ms, bare p99 {:.2} ms",
                bytes as f64 / BATCH as f64,
                BATCH as f64 / pairs.b().median() / 1e3,
                pairs.a().quantile(0.99),
                pairs.b().quantile(0.99)
            )),
    );
    db.close().unwrap();
}

/// The limit of a commit: bytes into a file whose blocks were all written before, and a sync of them.
pub(crate) struct Bare {
    file: File,
    len: u64,
    at: std::cell::Cell<u64>,
    bytes: Vec<u8>,
}

impl Bare {
    pub(crate) fn new(path: &Path, len: u64) -> Self {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(path).unwrap();
        let zeros = vec![0; 1 << 20];
        (0..len >> 20).for_each(|step| file.write_all_at(&zeros, step << 20).unwrap());
        file.sync_all().unwrap();
        Self { file, len, at: 0.into(), bytes: vec![0xa5; 1 << 20] }
    }

    /// Seconds for `bytes`, at most 1 MiB; starts over at the end of the file.
    pub(crate) fn append(&self, bytes: usize) -> f64 {
        let at = if self.at.get() + bytes as u64 > self.len { 0 } else { self.at.get() };
        let started = Instant::now();
        self.file.write_all_at(&self.bytes[..bytes], at).unwrap();
        self.file.sync_data().unwrap();
        self.at.set(at + bytes as u64);
        started.elapsed().as_secs_f64()
    }
}
