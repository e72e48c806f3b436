//! The command line: one file a verb. It turns arguments into calls of the library, and what they answer into text.
//!
//! What it keeps true: results go to stdout and everything else to stderr; `--json` makes both machine-readable; the exit
//! status says what happened (see [`failure`]); nothing half-written is left behind. Only this folder prints.
mod answer;
mod args;
mod backup;
mod canvas;
mod compact;
mod completions;
mod delete;
mod delta;
mod demo;
mod dest;
mod diff;
mod digest;
mod downsample;
mod drill;
mod export;
mod failure;
mod import;
mod init;
mod inspect;
mod interrupt;
mod into;
mod keys;
mod metrics;
mod names;
mod output;
mod partial;
mod place;
mod plot;
#[cfg(feature = "plugins")]
mod plugin;
mod progress;
mod prune;
mod query;
mod repair;
mod report;
mod repository;
mod restore;
mod rows;
mod salvage;
mod schedule;
mod settings;
mod slots;
mod snapshots;
mod stream;
mod verify;
mod write;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// An embedded time-series database that you can always get back.
#[derive(Parser)]
#[command(name = "chronicle", version, max_term_width = 110, after_help = AFTER_HELP)]
struct Cli {
    /// Print one JSON object instead of text for people; errors too. 64-bit integers are strings in it
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
Exit status: 0 done, 1 failed (or something was left out), 2 wrong usage, 3 damaged or lost data found,
4 nothing can be restored from that source at that time.

Examples:
  chronicle demo
  chronicle init   --path data.db --partition 1h --retention 30d
  chronicle import --path data.db --input metrics.csv
  chronicle query  --path data.db 'SELECT mean(value) FROM cpu GROUP BY time(5m), host'";

#[derive(Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Init(init::Init),
    Settings(settings::Settings),
    Downsample(downsample::Downsample),
    Write(write::Write),
    Import(import::Import),
    Export(export::Export),
    Query(query::QueryArgs),
    Delete(delete::Delete),
    Metrics(metrics::Metrics),
    Inspect(inspect::Inspect),
    Digest(digest::Digest),
    Compact(compact::Compact),
    Verify(verify::Verify),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Dest(dest::Dest),
    Drill(drill::Drill),
    #[cfg(feature = "plugins")]
    Plugin(plugin::Plugin),
    Completions(completions::Completions),
}

/// How a verb ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    /// As asked.
    Done,
    /// Some of the data was left out, which the report says; the exit status is 1.
    Incomplete,
    /// Damage was found, which the report lists; the exit status is 3.
    Damaged,
}

/// What every verb answers.
type Outcome = Result<Status, Failure>;

/// Runs the program with the arguments of this process.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error),
    };
    let json = cli.json;
    let outcome = match cli.verb {
        Verb::Demo(verb) => verb.run(json),
        Verb::Init(verb) => verb.run(json),
        Verb::Settings(verb) => verb.run(json),
        Verb::Downsample(verb) => verb.run(json),
        Verb::Write(verb) => verb.run(json),
        Verb::Import(verb) => verb.run(json),
        Verb::Export(verb) => verb.run(json),
        Verb::Query(verb) => verb.run(json),
        Verb::Delete(verb) => verb.run(json),
        Verb::Metrics(verb) => verb.run(json),
        Verb::Inspect(verb) => verb.run(json),
        Verb::Digest(verb) => verb.run(json),
        Verb::Compact(verb) => verb.run(json),
        Verb::Verify(verb) => verb.run(json),
        Verb::Backup(verb) => verb.run(json),
        Verb::Restore(verb) => verb.run(json),
        Verb::Dest(verb) => verb.run(json),
        Verb::Drill(verb) => verb.run(json),
        #[cfg(feature = "plugins")]
        Verb::Plugin(verb) => verb.run(json),
        Verb::Completions(verb) => verb.run(Cli::command()),
    };
    match outcome {
        Ok(Status::Done) => ExitCode::SUCCESS,
        Ok(Status::Incomplete) => ExitCode::FAILURE,
        Ok(Status::Damaged) => ExitCode::from(failure::DAMAGED),
        Err(failure) => failure.tell(json),
    }
}
