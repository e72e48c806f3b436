//! The numbers that Chronicle set out to reach: `cargo bench -p chronicle-tests --bench goals`.
//!
//! Each line has Chronicle's figure, the best peer or a limit measured in turn with it in the same run, their ratio, and
//! the floor and the aim; a second table has every peer's figure. `-- size read` picks rows; `--peers DuckDB,redb` picks
//! peers (`--peers none`: none); `--install` first installs those that cargo does not bring; `--quick` takes smaller data
//! (its figures are for finding mistakes, not for comparing); `--json FILE`, `--markdown FILE` and `--svg FILE` write the
//! tables and a chart. Scratch data lies under `target/tmp`; the large database is kept there between runs.
mod chart;
mod context;
mod delta;
mod formats;
mod ingest;
mod limits;
mod open;
mod peers;
mod read;
mod report;
mod resident;
mod restic;
mod restore;
mod series;
mod size;
mod snapshot;
mod verify;
mod works;
mod writers;

use chronicle_tests::measure;
use context::Context;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

type Row = (&'static str, fn(&mut Context));
const ROWS: &[Row] = &[
    ("size", size::run),
    ("ingest", ingest::run),
    ("writers", writers::run),
    ("formats", formats::run),
    ("read", read::run),
    ("open", open::run),
    ("series", series::run),
    ("snapshot", snapshot::run),
    ("restore", restore::run),
    ("verify", verify::run),
    ("delta", delta::run),
];

fn main() -> ExitCode {
    let (mut picked, mut peers, mut quick) = (Vec::new(), Vec::new(), false);
    let (mut json, mut markdown, mut svg) = (None, None, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo passes it to every bench.
            "--bench" => {}
            "--quick" => quick = true,
            "--json" => json = args.next(),
            "--markdown" => markdown = args.next(),
            "--svg" => svg = args.next(),
            "--install" => peers::install(),
            "--peers" => peers = args.next().unwrap_or_default().split(',').map(String::from).collect(),
            "--child" => return resident::child(&args.collect::<Vec<_>>()),
            row if ROWS.iter().any(|(name, _)| *name == row) => picked.push(arg),
            other => {
                let names: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
                let names = names.join(" ");
                eprintln!("unknown argument {other:?}; known: {names}");
                eprintln!("  --quick --install --peers NAME,.. --json FILE --markdown FILE --svg FILE");
                return ExitCode::FAILURE;
            }
        }
    }
    // Peers may panic and the run goes on: one line for each, whatever backtraces are asked for.
    std::panic::set_hook(Box::new(|panic| eprintln!("!! {panic}")));
    let mut context = Context::new(quick, &peers);
    let mut machine = measure::machine(context.folder());
    if quick {
        machine.push_str(", QUICK: smaller data");
    }
    let mut failed = Vec::new();
    for (name, run) in ROWS.iter().filter(|(name, _)| picked.is_empty() || picked.iter().any(|p| p == name)) {
        // A row that fails costs its own lines, not those of an hour before it.
        if catch_unwind(AssertUnwindSafe(|| run(&mut context))).is_err() {
            eprintln!("!! ROW {name}: failed, see above");
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        machine.push_str(&format!(", FAILED ROWS: {}", failed.join(" ")));
    }
    let table = context.report.markdown();
    println!("\n{machine}\n\n{table}");
    let write = |file: Option<String>, text: String| file.map_or(Ok(()), |file| std::fs::write(file, text));
    let written = write(json, context.report.json(&machine))
        .and(write(markdown, format!("{machine}\n\n{table}")))
        .and(write(svg, chart::svg(&context.report, &machine)));
    match written {
        Ok(()) if failed.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the table could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}
