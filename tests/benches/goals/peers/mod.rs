//! Peers: other databases that do the same work in the same run, one file each.
//!
//! A peer is used as a good user of it would: its header says how, and what is not comparable. What it answers is
//! compared with Chronicle's answer, so that no figure is of different work. A peer that is not installed, or that fails,
//! says so loudly once and leaves its column empty; the run goes on.
mod duckdb;
mod fjall;
mod fleet;
mod http;
mod process;
mod redb;
mod sqlite;
mod tsink;
mod victoriametrics;

pub(crate) use fleet::{Fleet, Member, child, close, compare};

use chronicle_tests::measure::{self, Cost, time};
use chronicle_tests::workload::{PointRef, SeriesData};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A database that Chronicle is measured against.
pub(crate) trait Peer {
    /// What its column is called.
    fn name(&self) -> &'static str;

    /// Its version and how it is used, in a sentence or two: a note below the table.
    fn about(&self) -> String;

    /// Whether it can run here; why not, and what installs it.
    fn installed(&self) -> Result<(), String> {
        Ok(())
    }

    /// The durable ingest takes one batch in so many, from the first on: slow peers would take minutes.
    fn ingest_share(&self) -> usize {
        10
    }

    /// The largest relative difference between its answers and Chronicle's.
    fn tolerance(&self) -> f64 {
        // Sums are added up in other orders.
        1e-9
    }

    /// Opens the database in `folder`, making it when the folder is empty. With `durable`, each batch is on the medium
    /// when its write returns; else nothing waits for the medium, which is for making databases that are read or weighed.
    fn open(&self, folder: &Path, durable: bool) -> Box<dyn Store>;

    /// Bytes of the closed database in `folder`. Logs don't count, as Chronicle's does not: all is in its final form.
    fn bytes(&self, folder: &Path) -> u64 {
        folder_len(folder, &|_| true)
    }

    /// What opening the database in `folder` takes, until it has answered something.
    fn opening(&self, folder: &Path) -> Cost {
        let (store, cost) = time(|| self.open(folder, true));
        store.close();
        cost
    }
}

/// An open database of a peer. Costs are of the work alone, all threads and processes of the peer counted; handing the
/// points over, where they are handed over, is not.
pub(crate) trait Store {
    /// Writes batches until the last is acknowledged.
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost;

    /// Brings the data into the form in which the peer would keep it for long.
    fn compact(&mut self);

    /// The sum of every value; `range` holds all points.
    fn sum(&mut self, range: &Range<i64>) -> (f64, Cost);

    /// The same with one thread, where the peer would use more.
    fn sum_on_one_thread(&mut self, range: &Range<i64>) -> (f64, Cost) {
        self.sum(range)
    }

    /// Number and sum of the values of a series in a range, fetched one by one; the cost is of one of `repeat` fetches.
    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost);

    /// Means over windows of five minutes, in order of time, one series after the other.
    fn means(&mut self, series: &[SeriesData]) -> (Vec<f64>, Cost);

    /// Growth of the resident peak of its process since the points were handed over, in bytes.
    fn peak(&mut self) -> Option<u64>;

    /// Writes everything to `file` as the text that it exports best: its name among the formats, and the cost.
    fn text_out(&mut self, _file: &Path) -> Option<(&'static str, Cost)> {
        None
    }

    /// Takes in what [`Store::text_out`] wrote; this database is empty.
    fn text_in(&mut self, _file: &Path) -> Option<Cost> {
        None
    }

    /// Closes it in order.
    fn close(self: Box<Self>);
}

/// All peers, in the order of the columns.
pub(crate) fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(duckdb::DuckDb),
        Box::new(victoriametrics::VictoriaMetrics),
        Box::new(sqlite::SqlitePeer),
        Box::new(redb::Redb),
        Box::new(fjall::Fjall),
        Box::new(tsink::Tsink),
    ]
}

/// Where `install.sh` puts what cargo does not bring.
pub(crate) fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("peers")
}

/// Installs what cargo does not bring; says so when that fails, and goes on.
pub(crate) fn install() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/goals/peers/install.sh");
    match std::process::Command::new("bash").arg(script).arg(tools()).status() {
        Ok(status) if status.success() => {}
        failed => eprintln!("!! PEERS: not everything could be installed ({failed:?})"),
    }
}

/// Five minutes, the window of [`Store::means`].
const WINDOW: i64 = 300 * 1_000_000_000;

/// The version of a crate in `Cargo.lock`.
fn locked(name: &str) -> &'static str {
    const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
    let start = format!("name = \"{name}\"\nversion = \"");
    LOCK.split(start.as_str()).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("of unknown version")
}

/// A series as `metric,key=value,...`, into `text`.
fn name_into(text: &mut String, series: &SeriesData) {
    text.clear();
    text.push_str(&series.metric);
    for (key, value) in &series.tags {
        let _ = write!(text, ",{key}={value}");
    }
}

/// A series as `metric,key=value,...`.
fn name_of(series: &SeriesData) -> String {
    let mut name = String::new();
    name_into(&mut name, series);
    name
}

/// Numbers for names of series, as an application keeps them beside a key-value store.
#[derive(Default)]
struct Numbers {
    known: HashMap<String, u32>,
    name: String,
}

impl Numbers {
    /// The number of a series; whether it is new, and its name then.
    fn of(&mut self, series: &SeriesData) -> (u32, Option<&str>) {
        name_into(&mut self.name, series);
        if let Some(&number) = self.known.get(&self.name) {
            return (number, None);
        }
        let number = self.known.len() as u32 + 1;
        self.known.insert(self.name.clone(), number);
        (number, Some(&self.name))
    }

    /// The number of a series that was written.
    fn get(&self, series: &SeriesData) -> u32 {
        self.known[&name_of(series)]
    }
}

/// Adds up means of windows from points in order of time.
#[derive(Default)]
struct Means {
    done: Vec<f64>,
    window: Option<i64>,
    sum: f64,
    count: u32,
}

impl Means {
    fn push(&mut self, timestamp: i64, value: f64) {
        let window = timestamp.div_euclid(WINDOW);
        if self.window != Some(window) {
            self.end();
            self.window = Some(window);
        }
        self.sum += value;
        self.count += 1;
    }

    /// Ends a series.
    fn end(&mut self) {
        if self.count > 0 {
            self.done.push(self.sum / f64::from(self.count));
        }
        (self.window, self.sum, self.count) = (None, 0.0, 0);
    }
}

/// Repeats a fetch and gives the cost of one.
pub(crate) fn repeated<T>(repeat: usize, mut fetch: impl FnMut() -> T) -> (T, Cost) {
    let (answer, cost) = time(|| {
        (1..repeat).for_each(|_| {
            std::hint::black_box(fetch());
        });
        fetch()
    });
    let repeat = repeat.max(1) as f64;
    (answer, Cost { wall: cost.wall / repeat, cpu: cost.cpu / repeat })
}

/// The resident peak of this process above `before`.
fn growth(before: Option<u64>) -> Option<u64> {
    Some(measure::peak_resident_bytes()?.saturating_sub(before?))
}

/// Bytes of those files in a folder whose names count, as long as they say they are.
fn folder_len(folder: &Path, counts: &dyn Fn(&str) -> bool) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let len = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_len(&entry.path(), counts),
        Ok(metadata) if counts(&entry.file_name().to_string_lossy()) => metadata.len(),
        _ => 0,
    };
    entries.flatten().map(len).sum()
}
