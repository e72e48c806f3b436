//! What a verb prints when it is done: text for people, or one JSON object of the same facts.
use super::failure::Failure;
use chronicle::time::format_timestamp;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::io::Write;

/// A report in both forms.
#[derive(Debug, Default)]
pub(super) struct Report {
    text: String,
    json: Map<String, Value>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a line for people.
    pub(super) fn line(mut self, line: impl Display) -> Self {
        self.text.push_str(&format!("{line}\n"));
        self
    }

    /// Adds a field for machines.
    pub(super) fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.json.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field whose text says it all: a 64-bit integer, a digest, an id.
    pub(super) fn text(self, name: &str, value: impl Display) -> Self {
        self.field(name, value.to_string())
    }

    /// Adds a fact in both forms: a line `label  value`, and a field whose value is the text.
    pub(super) fn fact(self, name: &str, label: &str, value: impl Display) -> Self {
        self.line(format_args!("{label:<16}{value}")).text(name, value)
    }

    /// Prints it to stdout.
    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        print(&self.chosen(json))
    }

    /// Prints it to stderr, for verbs whose result is on stdout.
    pub(super) fn print_aside(&self, json: bool) {
        super::failure::print(self.chosen(json).trim_end());
    }

    fn chosen(&self, json: bool) -> String {
        if json { format!("{}\n", Value::Object(self.json.clone())) } else { self.text.clone() }
    }
}

/// Prints to stdout.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| stdout_failure(&error))
}

/// A failure of stdout. A pipe whose reader is gone is none.
pub(super) fn stdout_failure(error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Failure::Closed;
    }
    chronicle::Error::new(chronicle::ErrorKind::Io, format!("standard output can't be written: {error}"))
        .into()
}

/// A time for people and machines alike.
pub(super) fn time(ns: i64) -> String {
    format_timestamp(ns)
}

/// `1 point`, `2 points`, `10,000 points`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = match (number, noun.ends_with('s')) {
        (1, _) | (_, true) => "",
        _ => "s",
    };
    format!("{} {noun}{plural}", grouped(number))
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 bytes`, `1.5 MiB`.
pub(super) fn bytes(number: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = number as f64;
    let mut unit = None;
    for name in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = Some(name);
    }
    match unit {
        None => count(number, "byte"),
        Some(unit) => format!("{value:.1} {unit}"),
    }
}

/// A tag or metric for people: quoted where it would be misread, without control characters.
pub(super) fn name(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "point"), "1 point");
        assert_eq!(count(1_234_567, "point"), "1,234,567 points");
        assert_eq!(count(0, "series"), "0 series");
        assert_eq!(bytes(1_023), "1,023 bytes");
        assert_eq!(bytes(1_536 << 10), "1.5 MiB");
    }
}
