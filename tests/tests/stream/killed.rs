//! The program, killed at any moment while another process writes, and a host that is lost.
use crate::{comes_back, open};
use chronicle::destination::{Destination, FolderDestination};
use chronicle_tests::child::Victim;
use chronicle_tests::ledger::{self, Ledger};
use chronicle_tests::program::{chronicle, command, parse};
use chronicle_tests::workload::Random;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_stream_that_is_killed_again_and_again_loses_nothing_that_it_said_was_shipped() {
    let dir = tempfile::tempdir().unwrap();
    let (data, repository) = (dir.path().join("data.db"), dir.path().join("repo"));
    let db = open(dir.path());
    let destination: Arc<dyn Destination> = Arc::new(FolderDestination::new(&repository).unwrap());
    let (mut random, mut ledger, mut shipped, mut last) = (Random::new(5), Ledger::default(), 0, 0);
    let arguments = ["backup", "stream", "--interval", "10ms", "--fold-every", "100ms", "--json"];
    for _ in 0..8 {
        let mut program = command();
        program.args(arguments).arg("--source").arg(&data).arg("--dest").arg(&repository);
        let mut stream = Victim::start(&mut program);
        stream.expect("{");
        for _ in 0..random.below(10) + 3 {
            last += random.below(4) + 1;
            ledger::fill(&db, last);
            std::thread::sleep(Duration::from_millis(random.below(25)));
        }
        for line in stream.kill() {
            shipped = shipped.max(parse(&line)["shipped_lsn"].as_str().unwrap().parse().unwrap());
        }
        comes_back(&destination, &mut ledger, [shipped.max(1)]);
    }
    let once = ["backup", "stream", "--once", "--json", "--source"];
    let arguments = [&once[..], &[data.to_str().unwrap(), "--dest", repository.to_str().unwrap()]].concat();
    let told = chronicle(&arguments).json();
    assert_eq!(told["shipped_lsn"], last.to_string());
    // The host is lost. What was written last is there.
    drop(db);
    std::fs::remove_file(&data).unwrap();
    comes_back(&destination, &mut ledger, 1..=last);
    let report = chronicle(&["backup", "verify", "--source", repository.to_str().unwrap()]);
    report.done();
}
