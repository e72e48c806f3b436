//! `chronicle plugin test` and `bench`: a plugin before it is installed, or one that is.
use super::super::failure::{Failure, print as print_aside};
use super::super::progress::while_working;
use super::super::report::{Report, bytes, print};
use super::super::{Outcome, Status};
use super::junit::junit;
use super::rights::Rights;
use chronicle::destination::conformance::{Options, Outcome as CheckOutcome, run};
use chronicle::destination::{Bytes, Destination, Job, ObjectName, PutMode};
use chronicle::plugin::{PluginDestination, PluginHome};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Find out whether a plugin keeps the contract, by trying everything that backups need
#[derive(Args)]
#[command(after_help = "\
It is the suite that every destination of Chronicle passes. Exit status 1 when a check fails that backups need. The plugin's log
follows on stderr when something failed.

Examples:
  chronicle plugin test my-store.wasm --allow-folder store=/tmp/scratch
  chronicle plugin test my-store.wasm --set url=http://127.0.0.1:8080 --allow-private-host 127.0.0.1:8080 --junit report.xml
  chronicle plugin test folder --profile quick --json")]
pub(super) struct Test {
    /// A component, or the name of an installed plugin
    plugin: String,
    /// How much is tried
    #[arg(long, value_enum, default_value_t = Profile::Full)]
    profile: Profile,
    /// Also write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    rights: Rights,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// Few seconds: small bodies, short races
    Quick,
    /// Everything
    Full,
}

/// Measure a plugin: opening, small calls, and bytes a second
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle plugin bench my-store.wasm --allow-folder store=/tmp/scratch
  chronicle plugin bench folder --megabytes 256 --json")]
pub(super) struct Bench {
    /// A component, or the name of an installed plugin
    plugin: String,
    /// Length of the large object
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    megabytes: u32,
    #[command(flatten)]
    rights: Rights,
}

/// A file is opened with the rights that were given here, an installed plugin with its own.
fn open(plugin: &str, rights: &Rights) -> Result<PluginDestination, Failure> {
    let config = rights.config()?;
    if Path::new(plugin).is_file() {
        return Ok(while_working("compiling", || PluginHome::open_file(Path::new(plugin), &config))?);
    }
    if config != Default::default() {
        return Err(Failure::usage(
            "an installed plugin is tried with what it was granted: give a file for others",
        ));
    }
    Ok(PluginHome::from_env()?.open(plugin, None)?)
}

impl Test {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let destination = open(&self.plugin, &self.rights)?;
        let options = match self.profile {
            Profile::Full => Options::default(),
            Profile::Quick => Options {
                large_bytes: 1 << 20,
                rounds: 1,
                race_bytes: vec![60, 40_000],
                ..Options::default()
            },
        };
        let result = while_working("testing", || run(&destination, &options));
        let passed = result.as_ref().is_ok_and(|card| card.passed());
        if !passed && !json {
            for line in destination.log().lines().rev().take(40).collect::<Vec<_>>().into_iter().rev() {
                print_aside(&format!("plugin: {line}"));
            }
        }
        let card = result?;
        if let Some(path) = &self.junit {
            std::fs::write(path, junit(&card)).map_err(|error| {
                chronicle::Error::new(chronicle::ErrorKind::Io, format!("can't be written: {error}"))
                    .at(path.display())
            })?;
        }
        let kept = card.checks.iter().filter(|check| check.outcome == CheckOutcome::Passed).count();
        if json {
            let mut card_json = card.to_json();
            card_json["score"] = json!({ "kept": kept, "of": card.checks.len() });
            card_json["log"] = Value::from(destination.log());
            print(&format!("{card_json}\n"))?;
        } else {
            print(&format!("{card}score: {kept} of {} checks\n", card.checks.len()))?;
        }
        Ok(if passed { Status::Done } else { Status::Incomplete })
    }
}

impl Bench {
    pub(super) fn run(&self, json: bool) -> Outcome {
        let started = Instant::now();
        let destination = open(&self.plugin, &self.rights)?;
        let opened = started.elapsed();
        let name = ObjectName::new(format!("chronicle-bench-{:016x}", chronicle::now_ns()))?;
        let measured = measure(&destination, &name, self.megabytes);
        destination.delete(&name)?;
        let (stat, put, get) = measured?;
        let len = u64::from(self.megabytes) << 20;
        let rate = |took: Duration| (len as f64 / took.as_secs_f64().max(1e-9)) as u64;
        Report::new()
            .line(format!(
                "open            {opened:.1?} (a file is compiled each time, an installed plugin once)"
            ))
            .line(format!("stat            {stat:.1?}"))
            .line(format!("put             {}/s", bytes(rate(put))))
            .line(format!("get             {}/s", bytes(rate(get))))
            .field("open_ms", opened.as_secs_f64() * 1e3)
            .field("stat_us", stat.as_secs_f64() * 1e6)
            .text("put_bytes_per_s", rate(put))
            .text("get_bytes_per_s", rate(get))
            .print(json)?;
        Ok(Status::Done)
    }
}

fn measure(
    destination: &dyn Destination,
    name: &ObjectName,
    megabytes: u32,
) -> Result<(Duration, Duration, Duration), Failure> {
    const STATS: u32 = 200;
    let body: Vec<u8> = (0..u64::from(megabytes) << 17)
        .flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    let started = Instant::now();
    let _ = destination.put(name, &Bytes(&body), PutMode::Overwrite.by(Job([7; 16])))?;
    let put = started.elapsed();
    let started = Instant::now();
    let read = destination.get(name, body.len() as u64)?;
    let get = started.elapsed();
    if read != body {
        return Err(chronicle::Error::damaged("the bytes that came back are not those that were put")
            .at(name)
            .into());
    }
    let started = Instant::now();
    for _ in 0..STATS {
        destination.stat(name)?;
    }
    Ok((started.elapsed() / STATS, put, get))
}
