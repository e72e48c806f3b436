//! One suite for every destination: does it keep the contract of [`Destination`]?
//!
//! [`run`] works on real objects under a scratch folder of the destination, which it empties again, and answers a [`Card`]. Ids of
//! checks are stable: reports, tests and people refer to them. A check that passes proves nothing for ever; one that fails is a
//! fact. Chronicle runs it when a repository is made; `chronicle dest test URL` runs it for a person.
mod bench;
mod body;
mod card;
mod create;
mod get;
mod leftovers;
mod list;
mod names;
mod put;

pub use card::{Card, Check, Need, Outcome, Suitability};

use super::{Capabilities, Destination, ObjectName, PAGE_OBJECTS_MAX};
use crate::error::{ErrorKind, Result};
use bench::{Bench, Checked};
use std::time::Instant;

/// How much the suite does.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that it works in, which should not exist; by default `chronicle-test-<random>`.
    pub scratch: Option<ObjectName>,
    /// Length of the large object, bytes.
    pub large_bytes: u64,
    /// Objects in the listing that has more than one page.
    pub objects: usize,
    /// Threads that race.
    pub threads: usize,
    /// How often they race, per length of body.
    pub rounds: usize,
    /// Lengths of the bodies that race, bytes.
    pub race_bytes: Vec<u64>,
    /// The checks that are made; empty for all.
    pub only: Vec<&'static str>,
    /// Makes no more checks after one that speaks against every use of the destination as it is set up.
    pub stop_early: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scratch: None,
            large_bytes: (16 << 20) + 1,
            objects: 1_100,
            threads: 8,
            rounds: 4,
            race_bytes: create::RACE_BYTES.to_vec(),
            only: Vec::new(),
            stop_early: false,
        }
    }
}

impl Options {
    /// What a destination must pass before a repository is made there: some seconds, and little to move.
    pub fn trial() -> Self {
        Self {
            objects: PAGE_OBJECTS_MAX + 8,
            race_bytes: vec![60, 40_000],
            only: vec![
                "put.create",
                "put.create-only",
                "put.create-only.race",
                "put.overwrite",
                "get.whole",
                "get.absent",
                "get.range.exact",
                "get.range.past-end",
                "list.pages",
                "list.after-put",
                "delete.present",
            ],
            stop_early: true,
            ..Self::default()
        }
    }
}

/// One promise, and how it is tried.
struct Spec {
    id: &'static str,
    need: Need,
    /// What the destination must say it can for this to be tried.
    can: fn(&Capabilities) -> bool,
    about: &'static str,
    run: fn(&Bench<'_>) -> Checked,
}

const ALWAYS: fn(&Capabilities) -> bool = |_| true;

/// Runs every check. An error when nothing can be stored there at all (no rights, no room, no such place): then there is
/// nothing to check.
pub fn run(destination: &dyn Destination, options: &Options) -> Result<Card> {
    let started = Instant::now();
    let bench = Bench::new(destination, options)?;
    let outcome = run_in(&bench);
    // Whatever happened: nothing of the suite stays.
    let (left, small_put) = (bench.sweep(), bench.small_put());
    let checks = outcome?;
    Ok(Card {
        destination: destination.place(),
        capabilities: destination.capabilities(),
        checks,
        small_put,
        left,
        took: started.elapsed(),
    })
}

fn run_in(bench: &Bench<'_>) -> Result<Vec<Check>> {
    if let Err(error) = bench.first_put()
        && matches!(
            error.kind(),
            ErrorKind::Permission
                | ErrorKind::Full
                | ErrorKind::NotFound
                | ErrorKind::Unsupported
                | ErrorKind::InvalidInput
        )
    {
        return Err(error);
    }
    let capabilities = bench.destination.capabilities();
    let specs =
        [create::CHECKS, put::CHECKS, get::CHECKS, list::CHECKS, names::CHECKS, leftovers::CHECKS].concat();
    let check = |spec: &&Spec| {
        let started = Instant::now();
        let outcome = match (spec.can)(&capabilities) {
            false => Outcome::Skipped,
            true => (spec.run)(bench).map_or_else(|flaw| Outcome::Failed(flaw.0), |()| Outcome::Passed),
        };
        Check { id: spec.id, need: spec.need, about: spec.about, outcome, took: started.elapsed() }
    };
    let only = &bench.options.only;
    let mut checks = Vec::new();
    for spec in specs.iter().filter(|spec| only.is_empty() || only.contains(&spec.id)) {
        let check = check(spec);
        let matters = match check.need {
            Need::Required => true,
            Need::SeveralWriters => !capabilities.single_writer,
            Need::Optional => false,
        };
        let is_over = bench.options.stop_early && matters && matches!(check.outcome, Outcome::Failed(_));
        checks.push(check);
        if is_over {
            break;
        }
    }
    Ok(checks)
}
