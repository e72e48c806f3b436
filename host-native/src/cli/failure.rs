//! How a verb fails: what is printed, and the exit status.
use chronicle::{Error, ErrorKind};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Wrong arguments.
const USAGE: u8 = 2;
/// Damaged or lost data was found.
pub(super) const DAMAGED: u8 = 3;
/// Nothing can be restored from there.
const NOT_RESTORABLE: u8 = 4;

/// Why a verb ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The library's error.
    Failed(Error),
    /// The arguments make no sense together, or one of them none by itself.
    Usage(Error),
    /// Nobody reads our output any more, as in `| head`. Not an error.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Failure {
    /// A failure of arguments.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(Error::invalid(message))
    }

    /// Prints it, and answers the exit status.
    pub(super) fn tell(&self, json: bool) -> ExitCode {
        let (error, code) = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Usage(error) => (error, USAGE),
            Self::Failed(error) => (error, code_of(error.kind())),
        };
        if json {
            let kind = if code == USAGE { "usage".into() } else { kind_name(error.kind()) };
            print_json(&kind, error.message(), place(error));
        } else {
            let place = place(error).map_or_else(String::new, |place| format!("{place}: "));
            print(&format!("error: {place}{}", error.message()));
        }
        ExitCode::from(code)
    }
}

/// Prints what clap has to say: help and version to stdout, errors to stderr.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that went away has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // The arguments did not parse, so whether they ask for JSON is looked for by hand.
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let message: Vec<&str> = text.split("\n\n").next().unwrap_or(text).lines().map(str::trim).collect();
        print_json("usage", &message.join(" "), None);
    } else {
        let _ = error.print();
    }
    ExitCode::from(USAGE)
}

/// Where it happened, once: layers that name the same file say so only once.
fn place(error: &Error) -> Option<&str> {
    let place = error.place()?;
    let inner = place.split_once(": ").filter(|(outer, inner)| inner.starts_with(outer));
    Some(inner.map_or(place, |(_, inner)| inner))
}

fn code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Damaged => DAMAGED,
        ErrorKind::NotRestorable => NOT_RESTORABLE,
        _ => 1,
    }
}

/// `InvalidInput` as `invalid_input`.
fn kind_name(kind: ErrorKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn print_json(kind: &str, message: &str, place: Option<&str>) {
    let place = place.map_or(Value::Null, Value::from);
    print(&json!({ "error": { "kind": kind, "message": message, "place": place } }).to_string());
}

/// Prints a line to stderr. There is nobody left to tell when that fails.
pub(super) fn print(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
