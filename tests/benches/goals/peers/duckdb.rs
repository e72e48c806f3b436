//! DuckDB from PyPI, driven through `duckdb.py` in a virtual environment: an embedded column store.
//!
//! Points in a table of (series, time, value), names of series in a second table; a batch is an Arrow table with names as
//! strings, inserted with a join, one transaction each. Durable is its default. Its size is of a file that was written
//! sorted by series and time, its best form for this work. Fair: costs are taken inside its process, so neither Python's
//! start nor the hand-over counts; ingest on one thread (faster than two here), queries on all, and the sum on one as
//! well. Not comparable: it is a general column store with SQL, and it sorts nothing by itself.
use super::process::Worker;
use super::{Peer, Store, name_of, tools};
use chronicle_tests::measure::Cost;
use chronicle_tests::workload::{PointRef, SeriesData};
use serde_json::{Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct DuckDb;

fn python() -> PathBuf {
    tools().join("venv/bin/python")
}

/// Isolated, or Python would take `duckdb.py` for the module of that name.
fn worker() -> Worker {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/goals/peers/duckdb.py");
    Worker::start(Command::new(python()).arg("-I").arg(script)).unwrap()
}

fn cost(answer: &Value) -> Cost {
    Cost { wall: answer["wall"].as_f64().unwrap(), cpu: answer["cpu"].as_f64().unwrap() }
}

fn path(folder: &Path) -> String {
    folder.join("duck.db").display().to_string()
}

impl Peer for DuckDb {
    fn name(&self) -> &'static str {
        "DuckDB"
    }

    fn about(&self) -> String {
        let version =
            Command::new(python()).args(["-c", "import duckdb; print(duckdb.__version__)"]).output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let version = version.unwrap_or_default();
        format!(
            "{version} from PyPI, Arrow batches in, wal_autocheckpoint 1 GB, one thread writing, all reading, file sorted"
        )
    }

    fn installed(&self) -> Result<(), String> {
        let hint = "tests/benches/goals/peers/install.sh or --install brings it";
        let imports =
            Command::new(python()).args(["-c", "import duckdb, pyarrow"]).stderr(Stdio::null()).status();
        if imports.is_ok_and(|status| status.success()) { Ok(()) } else { Err(hint.into()) }
    }

    fn ingest_share(&self) -> usize {
        4
    }

    fn open(&self, folder: &Path, durable: bool) -> Box<dyn Store> {
        let mut worker = worker();
        worker.ask(&json!({"do": "open", "path": path(folder), "durable": durable}), &[]);
        Box::new(Open { worker, path: path(folder) })
    }

    fn opening(&self, folder: &Path) -> Cost {
        let mut worker = worker();
        let answer = worker.ask(&json!({"do": "open", "path": path(folder), "durable": true}), &[]);
        worker.ask(&json!({"do": "close"}), &[]);
        worker.end();
        cost(&answer)
    }
}

struct Open {
    worker: Worker,
    path: String,
}

impl Open {
    fn sum_with(&mut self, one_thread: bool) -> (f64, Cost) {
        let answer = self.worker.ask(&json!({"do": "sum", "one_thread": one_thread}), &[]);
        (answer["answer"].as_f64().unwrap(), cost(&answer))
    }
}

impl Store for Open {
    fn load(&mut self, batches: &[Vec<PointRef<'_>>]) -> Cost {
        let mut names: Vec<Option<String>> = Vec::new();
        for point in batches.iter().flatten() {
            if names.len() <= point.index {
                names.resize(point.index + 1, None);
            }
            names[point.index].get_or_insert_with(|| name_of(point.series));
        }
        // A batch may hold every series: all names are known before the first.
        let names: Vec<String> = names.into_iter().map(Option::unwrap_or_default).collect();
        self.worker.ask(&json!({"do": "names", "names": names}), &[]);
        for batch in batches {
            let series: Vec<u8> = batch.iter().flat_map(|point| (point.index as i32).to_le_bytes()).collect();
            let times: Vec<u8> = batch.iter().flat_map(|point| point.timestamp.to_le_bytes()).collect();
            let values: Vec<u8> = batch.iter().flat_map(|point| point.value.to_le_bytes()).collect();
            self.worker.ask(&json!({"do": "batch", "points": batch.len()}), &[&series, &times, &values]);
        }
        cost(&self.worker.ask(&json!({"do": "load"}), &[]))
    }

    fn compact(&mut self) {
        self.worker.ask(&json!({"do": "compact", "path": self.path}), &[]);
    }

    fn sum(&mut self, _: &Range<i64>) -> (f64, Cost) {
        self.sum_with(false)
    }

    fn sum_on_one_thread(&mut self, _: &Range<i64>) -> (f64, Cost) {
        self.sum_with(true)
    }

    fn values(&mut self, series: &SeriesData, range: Range<i64>, repeat: usize) -> ((u64, f64), Cost) {
        let command = json!({
            "do": "values", "series": name_of(series), "start": range.start, "end": range.end, "repeat": repeat
        });
        let answer = self.worker.ask(&command, &[]);
        let found = &answer["answer"];
        ((found[0].as_u64().unwrap(), found[1].as_f64().unwrap()), cost(&answer))
    }

    fn means(&mut self, series: &[SeriesData]) -> (Vec<f64>, Cost) {
        let names: Vec<String> = series.iter().map(name_of).collect();
        let answer = self.worker.ask(&json!({"do": "means", "series": names}), &[]);
        let means = answer["answer"].as_array().unwrap();
        (means.iter().map(|mean| mean.as_f64().unwrap()).collect(), cost(&answer))
    }

    fn peak(&mut self) -> Option<u64> {
        self.worker.ask(&json!({"do": "peak"}), &[])["answer"].as_u64()
    }

    fn text_out(&mut self, file: &Path) -> Option<(&'static str, Cost)> {
        let answer = self.worker.ask(&json!({"do": "text_out", "file": file}), &[]);
        Some(("csv", cost(&answer)))
    }

    fn text_in(&mut self, file: &Path) -> Option<Cost> {
        Some(cost(&self.worker.ask(&json!({"do": "text_in", "file": file}), &[])))
    }

    fn close(mut self: Box<Self>) {
        self.worker.ask(&json!({"do": "close"}), &[]);
        self.worker.end();
    }
}
