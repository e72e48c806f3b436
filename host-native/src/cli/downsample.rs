//! `chronicle downsample`: adds, lists, removes and carries out downsampling rules.
use super::args::{parse_duration, parse_metric};
use super::init::span;
use super::place::{Source, Target};
use super::report::{Report, count, name, time};
use super::{Outcome, Status};
use chronicle::format::{Rule, RuleTarget};
use chronicle::query::{Aggregate, Query, Select, parse_sql};
use chronicle::{Config, Downsampling, DownsamplingStatus};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;

/// Keep functions over windows of a metric as metrics of their own
#[derive(Args)]
#[command(after_help = "\
A rule reads every series of a metric and writes, for each window, a point at the window's start with the same tags. Late
points, overwrites and deletions are followed: their windows are computed again. What was computed outlives the
points it was made of: targets are kept until --keep, whatever the database's retention.

Examples:
  chronicle downsample add --path data.db --metric cpu --every 5m --function mean --function max --keep 2y
  chronicle downsample add --path data.db --metric cpu --every 1h --function 'percentile(99)' --target cpu.p99 --where \"dc = 'a'\"
  chronicle downsample run --path data.db")]
pub(super) struct Downsample {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Add(Add),
    List(List),
    Remove(Remove),
    Run(Run),
}

/// Add a rule
#[derive(Args)]
struct Add {
    #[command(flatten)]
    target: Target,
    /// The metric that is read
    #[arg(long, value_name = "NAME", value_parser = parse_metric)]
    metric: String,
    /// Length of the windows: 1m, 5m, 1h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    every: u64,
    /// count, sum, mean, min, max, first, last, stddev, percentile(P) or rate. Repeatable
    #[arg(long = "function", value_name = "FUNCTION", value_parser = parse_function, required = true)]
    functions: Vec<Aggregate>,
    /// The metric that is written, one for each --function [default: METRIC.FUNCTION_WINDOW, as cpu.mean_5m]
    #[arg(long = "target", value_name = "NAME", value_parser = parse_metric)]
    targets: Vec<String>,
    /// Only series with these tags, as in a query: "host = 'a' AND dc != 'b'"
    #[arg(long = "where", value_name = "CONDITIONS", default_value = "", hide_default_value = true)]
    filter: String,
    /// How long after its end a window is first computed [default: at once]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    delay: Option<u64>,
    /// Age at which the computed points expire [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    keep: Option<u64>,
    /// Take over a target that has points: those at the start of a window are overwritten, or deleted where the window has
    /// no points
    #[arg(long)]
    adopt: bool,
}

/// List the rules and how far they are
#[derive(Args)]
struct List {
    #[command(flatten)]
    source: Source,
}

/// Remove a rule; what it computed stays
#[derive(Args)]
struct Remove {
    #[command(flatten)]
    target: Target,
    /// Its number, from `chronicle downsample list`
    #[arg(long, value_name = "NUMBER")]
    id: u32,
}

/// Compute every complete window now, instead of in the background of whoever has the database open
#[derive(Args)]
struct Run {
    #[command(flatten)]
    target: Target,
}

impl Downsample {
    pub(super) fn run(&self, json: bool) -> Outcome {
        match &self.verb {
            Verb::Add(verb) => verb.run(json),
            Verb::List(verb) => verb.run(json),
            Verb::Remove(verb) => verb.run(json),
            Verb::Run(verb) => verb.run(json),
        }
    }
}

/// Open for changes, without doing what is due in passing.
fn quiet() -> Config {
    Config { background: false, ..Config::default() }
}

impl Add {
    fn run(&self, json: bool) -> Outcome {
        if !self.targets.is_empty() && self.targets.len() != self.functions.len() {
            let message = "give a --target for each --function, in the same order, or none";
            return Err(super::failure::Failure::usage(message));
        }
        let db = self.target.open(quiet())?;
        let mut rule = Downsampling::new(&self.metric, Duration::from_nanos(self.every))
            .filter(&self.filter)
            .delay(Duration::from_nanos(self.delay.unwrap_or(0)));
        if let Some(keep) = self.keep {
            rule = rule.keep(Duration::from_nanos(keep));
        }
        if self.adopt {
            rule = rule.adopt();
        }
        for (index, &function) in self.functions.iter().enumerate() {
            rule = match self.targets.get(index) {
                Some(target) => rule.function_to(function, target),
                None => rule.function(function),
            };
        }
        let known = db.metric_names().contains(&self.metric);
        let id = db.add_downsampling(rule)?;
        let rules = db.downsampling();
        db.close()?;
        let added = rules.into_iter().find(|status| status.rule.id == id);
        let mut report = Report::new().text("id", id);
        if !known {
            // It may be on its way; a slip of the pen is seen here.
            report = report.line(format_args!("there are no points of {} yet", name(&self.metric)));
        }
        match added {
            Some(status) => report
                .line(format_args!("added rule {id}: {}", sentence(&status.rule)))
                .field("rule", facts(&status)),
            None => report,
        }
        .print(json)?;
        Ok(Status::Done)
    }
}

impl List {
    fn run(&self, json: bool) -> Outcome {
        let db = self.source.open()?;
        let rules = db.downsampling();
        let suspended = db.settings().retention_suspended;
        let mut report = Report::new();
        if rules.is_empty() {
            report = report.line("no rules; add one with `chronicle downsample add`");
        }
        for status in &rules {
            report = report.line(format_args!("{}: {}", status.rule.id, sentence(&status.rule)));
            report = report.line(format_args!("   {}", progress(status)));
        }
        if suspended && !rules.is_empty() {
            report = report.line("suspended until `chronicle settings --resume`");
        }
        let list: Vec<Value> = rules.iter().map(facts).collect();
        report.field("rules", list).field("suspended", suspended).print(json)?;
        Ok(Status::Done)
    }
}

impl Remove {
    fn run(&self, json: bool) -> Outcome {
        let db = self.target.open(quiet())?;
        db.remove_downsampling(self.id)?;
        db.close()?;
        Report::new()
            .line(format_args!("removed rule {}; what it computed stays", self.id))
            .text("id", self.id)
            .print(json)?;
        Ok(Status::Done)
    }
}

impl Run {
    fn run(&self, json: bool) -> Outcome {
        let db = self.target.open(quiet())?;
        let suspended = db.settings().retention_suspended;
        let done = db.run_downsampling();
        // What was computed before another rule failed stays.
        db.close()?;
        let done = done?;
        let mut report = Report::new().line(format_args!(
            "wrote {}, deleted {} whose points are gone",
            count(done.points, "point"),
            count(done.deletions, "span")
        ));
        if suspended {
            report =
                Report::new().line("downsampling is suspended: `chronicle settings --resume` lets it go on");
        }
        report
            .text("points", done.points)
            .text("deletions", done.deletions)
            .text("slices", done.slices)
            .field("suspended", suspended)
            .print(json)?;
        Ok(Status::Done)
    }
}

/// The function of a target as text: `mean`, `percentile(99)`.
fn function(target: &RuleTarget) -> String {
    match Aggregate::from(target.function) {
        Aggregate::Percentile(p) => format!("percentile({p})"),
        other => other.name().to_owned(),
    }
}

fn sentence(rule: &Rule) -> String {
    let targets: Vec<String> = rule
        .targets
        .iter()
        .map(|target| format!("{} to {}", function(target), name(&target.metric)))
        .collect();
    let filter = if rule.filter.is_empty() { String::new() } else { format!(" where {}", rule.filter) };
    let delay = if rule.delay_ns == 0 { String::new() } else { format!(", {} after", span(rule.delay_ns)) };
    format!("{}{filter} every {}{delay}: {}", name(&rule.metric), span(rule.window_ns), targets.join(", "))
}

fn progress(status: &DownsamplingStatus) -> String {
    match (&status.error, status.due_from_ns) {
        (Some(error), _) => format!("failed: {error}"),
        (None, None) => "up to date".to_owned(),
        (None, Some(i64::MIN)) => "nothing computed yet".to_owned(),
        (None, Some(from)) => format!("to be computed from {}", time(from)),
    }
}

fn facts(status: &DownsamplingStatus) -> Value {
    let rule = &status.rule;
    let targets: Vec<Value> = rule
        .targets
        .iter()
        .map(|target| json!({ "function": function(target), "target": target.metric }))
        .collect();
    json!({
        "id": rule.id.to_string(),
        "metric": rule.metric,
        "where": rule.filter,
        "every": span(rule.window_ns),
        "delay": span(rule.delay_ns),
        "functions": targets,
        "due_from": status.due_from_ns.map(time),
        "up_to_date": status.due_from_ns.is_none(),
        "error": status.error.as_ref().map(ToString::to_string),
    })
}

/// Reads a function as a query has it, with or without `value`.
fn parse_function(text: &str) -> Result<Aggregate, String> {
    let wrong = || format!("it is one of {} (a percentile as percentile(99))", Aggregate::NAMES.join(", "));
    let expression = match text.split_once('(') {
        None => format!("{text}(value)"),
        Some(("percentile", rest)) if !rest.contains("value") => format!("percentile(value, {rest}"),
        Some(_) => text.to_owned(),
    };
    let query = parse_sql(&format!("SELECT {expression} FROM m"), 0).map_err(|_| wrong())?;
    let plain = Query { select: Select::Points, ..query.clone() } == Query::metric("m");
    match query.select {
        Select::Aggregates(functions) if plain => match functions.as_slice() {
            [function] => Ok(*function),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_as_in_a_query() {
        assert_eq!(parse_function("mean"), Ok(Aggregate::Mean));
        assert_eq!(parse_function("percentile(99.9)"), Ok(Aggregate::Percentile(99.9)));
        assert_eq!(parse_function("max(value)"), Ok(Aggregate::Max));
        for text in ["", "median", "mean, max", "mean(value), max", "percentile", "mean(value) FROM x --"] {
            assert!(parse_function(text).is_err(), "{text}");
        }
    }
}
