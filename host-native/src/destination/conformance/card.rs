//! What the suite found: for people, for machines, and the one question that matters: what is it good for?
use super::super::Capabilities;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// What the suite found.
#[derive(Clone, Debug)]
pub struct Card {
    /// What the destination is called.
    pub destination: String,
    /// What it says of itself.
    pub capabilities: Capabilities,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// How long a small create-only put took, median; `None` when none succeeded.
    pub small_put: Option<Duration>,
    /// Objects of the suite that could not be deleted.
    pub left: Vec<String>,
    /// How long everything took.
    pub took: Duration,
}

/// One promise, and whether it is kept.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its stable name.
    pub id: &'static str,
    /// What depends on it.
    pub need: Need,
    /// The promise, in words.
    pub about: &'static str,
    /// Whether it is kept.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What depends on a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Every backup.
    Required,
    /// Backups by more than one writer.
    SeveralWriters,
    /// Nothing but comfort.
    Optional,
}

/// Whether a promise is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was, this time.
    Passed,
    /// It is not: why.
    Failed(String),
    /// The destination says that it can't do this.
    Skipped,
}

/// What Chronicle can use a destination for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suitability {
    /// Any number of hosts may back up there at once.
    SeveralWriters,
    /// One writer, which is declared to be the only one.
    SingleWriter,
    /// Nothing: backups there could not be relied on.
    Unusable,
}

impl fmt::Display for Suitability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SeveralWriters => "safe for several writers",
            Self::SingleWriter => "single writer only",
            Self::Unusable => "not usable for backups",
        })
    }
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::SeveralWriters => "several-writers",
            Self::Optional => "optional",
        }
    }
}

impl Card {
    /// What it can be used for.
    pub fn suitability(&self) -> Suitability {
        let all = |need, fine: fn(&Outcome) -> bool| {
            self.checks.iter().filter(|check| check.need == need).all(|check| fine(&check.outcome))
        };
        if !all(Need::Required, |outcome| !matches!(outcome, Outcome::Failed(_))) {
            Suitability::Unusable
        } else if all(Need::SeveralWriters, |outcome| *outcome == Outcome::Passed) {
            Suitability::SeveralWriters
        } else {
            Suitability::SingleWriter
        }
    }

    /// Whether it may be used as it is set up: for several writers, or for the one who declared to be alone.
    pub fn passed(&self) -> bool {
        match self.suitability() {
            Suitability::SeveralWriters => true,
            Suitability::SingleWriter => self.capabilities.single_writer,
            Suitability::Unusable => false,
        }
    }

    /// The ids of the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_))).map(|check| check.id)
    }

    /// The card for machines. Durations are in ms.
    pub fn to_json(&self) -> Value {
        let ms = |took: Duration| took.as_secs_f64() * 1e3;
        let can = self.capabilities;
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                let (outcome, why) = match &check.outcome {
                    Outcome::Passed => ("passed", None),
                    Outcome::Failed(why) => ("failed", Some(why)),
                    Outcome::Skipped => ("skipped", None),
                };
                json!({
                    "id": check.id,
                    "need": check.need.name(),
                    "about": check.about,
                    "outcome": outcome,
                    "why": why,
                    "ms": ms(check.took),
                })
            })
            .collect();
        json!({
            "destination": self.destination,
            "suitability": self.suitability().to_string(),
            "passed": self.passed(),
            "capabilities": {
                "create_only": can.create_only,
                "ranged_reads": can.ranged_reads,
                "list": can.list,
                "delete": can.delete,
                "hash": can.hash,
                "resumable_puts": can.resumable_puts,
                "single_writer": can.single_writer,
                "object_bytes_max": can.object_bytes_max.map(|len| len.to_string()),
            },
            "checks": checks,
            "small_put_ms": self.small_put.map(ms),
            "left": self.left,
            "ms": ms(self.took),
        })
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "destination {}", self.destination)?;
        for check in &self.checks {
            let word = match (&check.outcome, check.need) {
                (Outcome::Passed, _) => "ok",
                (Outcome::Failed(_), Need::Optional) => "no",
                (Outcome::Failed(_), _) => "FAILED",
                (Outcome::Skipped, _) => "can't",
            };
            writeln!(f, "  {word:<7} {:<24} {}", check.id, check.about)?;
            if let Outcome::Failed(why) = &check.outcome {
                writeln!(f, "          {why}")?;
            }
        }
        if let Some(took) = self.small_put {
            writeln!(f, "a small object is durable after {:.1} ms (median)", took.as_secs_f64() * 1e3)?;
        }
        if !self.left.is_empty() {
            writeln!(f, "could not be deleted: {}", self.left.join(", "))?;
        }
        write!(f, "{}", self.suitability())?;
        match self.suitability() {
            Suitability::SingleWriter if !self.capabilities.single_writer => {
                writeln!(f, ": declare that nobody else writes there, or use another destination")
            }
            _ => writeln!(f),
        }
    }
}
