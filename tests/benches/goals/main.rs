//! The numbers that Chronicle set out to reach: `cargo bench -p chronicle-tests --bench goals`.
//!
//! Each line has Chronicle's figure, a peer or a limit measured in turn with it in the same run, their ratio, and the
//! floor and the aim. `-- size read` picks rows; `--quick` takes smaller data (its figures are for finding mistakes, not
//! for comparing); `--json FILE` and `--markdown FILE` write the table. Scratch data lies under `target/tmp`; the large
//! database is kept there between runs.
mod context;
mod formats;
mod ingest;
mod limits;
mod open;
mod read;
mod report;
mod resident;
mod restore;
mod series;
mod size;
mod snapshot;
mod sqlite;
mod verify;

use chronicle_tests::measure;
use context::Context;
use std::process::ExitCode;

type Row = (&'static str, fn(&mut Context));
const ROWS: [Row; 8] = [
    ("size", size::run),
    ("ingest", ingest::run),
    ("formats", formats::run),
    ("read", read::run),
    ("open", open::run),
    ("series", series::run),
    ("snapshot", snapshot::run),
    ("restore", restore::run),
    ("verify", verify::run),
];

fn main() -> ExitCode {
    let (mut picked, mut quick, mut json, mut markdown) = (Vec::new(), false, None, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo passes it to every bench.
            "--bench" => {}
            "--quick" => quick = true,
            "--json" => json = args.next(),
            "--markdown" => markdown = args.next(),
            "--child" => return resident::child(&args.collect::<Vec<_>>()),
            row if ROWS.iter().any(|(name, _)| *name == row) => picked.push(arg),
            other => {
                let names = ROWS.map(|(name, _)| name).join(" ");
                eprintln!("unknown argument {other:?}; known: {names} --quick --json FILE --markdown FILE");
                return ExitCode::FAILURE;
            }
        }
    }
    let mut context = Context::new(quick);
    let mut machine = measure::machine(context.folder());
    if quick {
        machine.push_str(", QUICK: smaller data");
    }
    for (_, run) in ROWS.iter().filter(|(name, _)| picked.is_empty() || picked.iter().any(|p| p == name)) {
        run(&mut context);
    }
    let table = context.report.markdown();
    println!("\n{machine}\n\n{table}");
    let write = |file: Option<String>, text: String| file.map_or(Ok(()), |file| std::fs::write(file, text));
    let written =
        write(json, context.report.json(&machine)).and(write(markdown, format!("{machine}\n\n{table}")));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the table could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}
