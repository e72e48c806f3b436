//! Memory: figures taken in a process of its own, so that nothing else is resident in it.
use crate::context::write_all;
use crate::peers;
use chronicle::query::{Aggregate, Query};
use chronicle::{Config, Db};
use chronicle_tests::{measure, workload};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Runs `args` in a child and returns the MiB that it prints; `None` where this is not known.
pub(crate) fn measure(args: &[String]) -> Option<f64> {
    let child = Command::new(std::env::current_exe().ok()?)
        .arg("--child")
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    String::from_utf8(child.stdout).ok()?.trim().parse().ok()
}

/// The child's side.
pub(crate) fn child(args: &[String]) -> ExitCode {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let bytes = match args.as_slice() {
        ["ingest", hosts] => ingest(hosts.parse().unwrap_or(100)),
        ["scan", path] => scan(path),
        ["peer", name, work, folder] => {
            let made = work.parse().ok().and_then(|work| peers::child(name, work, Path::new(folder)));
            return if made.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        _ => None,
    };
    match bytes {
        Some(bytes) => println!("{}", bytes as f64 / f64::from(1 << 20)),
        None => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn ingest(hosts: usize) -> Option<u64> {
    let data = workload::devops(hosts, 24, 1);
    measure::forget_peak();
    let before = measure::resident_bytes()?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).ok()?;
    let db = Db::open(folder.path().join("data.db"), Config::default()).unwrap();
    write_all(&db, &data);
    db.close().unwrap();
    Some(measure::peak_resident_bytes()?.saturating_sub(before))
}

/// Everything is read, and a query that needs every point is answered.
fn scan(path: &str) -> Option<u64> {
    let db = Db::open(path, Config::read_only()).unwrap();
    let points = db.digest(false).unwrap().0.points;
    let rows = db.query(&Query::metric("random").aggregate(Aggregate::Stddev)).unwrap().rows().unwrap();
    assert!(rows.len() == 1 && points > 0);
    measure::peak_resident_bytes()
}
