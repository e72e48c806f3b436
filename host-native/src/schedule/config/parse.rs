//! From the text of `chronicle.toml` to its types, and errors that say the line and what was probably meant.
use super::ScheduleConfig;
use crate::error::{At, Error, Result};
use crate::files::os_error::OsContext;
use std::path::{Path, PathBuf};

/// Most bytes of a configuration: more is a slip in a path.
const BYTES_MAX: u64 = 1 << 20;

pub(super) fn load(path: &Path) -> Result<ScheduleConfig> {
    let len = std::fs::metadata(path).os("read the configuration", path)?.len();
    if len > BYTES_MAX {
        return Err(Error::invalid(format!("it has {len} bytes; a configuration has at most {BYTES_MAX}"))
            .at(path.display()));
    }
    let bytes = std::fs::read(path).os("read the configuration", path)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| {
            Error::invalid(format!("it is not UTF-8 from byte {}", error.utf8_error().valid_up_to()))
        })
        .at(|| path.display().to_string())?;
    let mut config = ScheduleConfig::parse(&text).at(|| path.display().to_string())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for job in &mut config.jobs {
        job.dest = below(folder, &job.dest);
        job.source = job.source.as_deref().map(|source| below(folder, source));
        if let Some(drill) = &mut job.drill {
            drill.report = drill.report.as_deref().map(|report| below(folder, report));
            drill.scratch = drill.scratch.as_deref().map(|scratch| below(folder, scratch));
        }
    }
    config.metrics.file = config.metrics.file.as_deref().map(|file| below(folder, file));
    Ok(config)
}

/// A path as the file means it; a URL is a URL.
fn below(folder: &Path, path: &Path) -> PathBuf {
    if path.to_str().is_some_and(|text| text.contains("://")) { path.to_owned() } else { folder.join(path) }
}

pub(super) fn parse(text: &str) -> Result<ScheduleConfig> {
    toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| line(text, span.start));
        let error = Error::invalid(explained(error.message()));
        match place {
            Some(line) => error.at(format_args!("line {line}")),
            None => error,
        }
    })
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// What serde says of a name that it does not know lists those it does: the nearest is probably meant.
fn explained(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let (Some(given), true) = (names.next(), message.starts_with("unknown ")) else {
        return message.to_owned();
    };
    let known: Vec<&str> = names.collect();
    let what = if message.starts_with("unknown field") { "key" } else { "value" };
    let nearest = known.iter().min_by_key(|name| distance(given, name));
    let meant = match nearest {
        // Further away than this it is a guess.
        Some(name) if distance(given, name) * 2 <= given.len().max(name.len()) => {
            format!(" (did you mean {name:?}?)")
        }
        _ => String::new(),
    };
    format!("unknown {what} {given:?}{meant}; known here: {}", known.join(", "))
}

/// How many letters have to be changed, put in or taken out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (other, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            left = (left + 1).min(above + 1).min(diagonal + usize::from(letter != *other));
            (diagonal, *cell) = (above, left);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        ScheduleConfig::parse(text).unwrap_err().to_string()
    }

    const JOB: &str = "[[job]]\nname = \"a\"\nsource = \"data.db\"\ndest = \"/backup\"\n";

    #[test]
    fn a_key_that_is_not_known_is_named_with_its_line_and_the_nearest_one() {
        for (key, line, nearest) in [
            (format!("{JOB}shedule = \"0 3 * * *\"\n"), 5, "schedule"),
            (format!("{JOB}every = \"1h\"\n[job.verify]\nevry = \"1d\"\n"), 7, "every"),
            (format!("\n\ntimezon = \"UTC\"\n{JOB}every = \"1h\"\n"), 3, "timezone"),
            (format!("{JOB}every = \"1h\"\nkind = \"detla\"\n"), 6, "delta"),
        ] {
            let error = refused(&key);
            assert!(
                error.contains(&format!("line {line}:"))
                    && error.contains(&format!("did you mean {nearest:?}")),
                "{error}"
            );
        }
        let error = refused(&format!("{JOB}every = \"1h\"\nzzzzzzzzzzz = 1\n"));
        assert!(error.contains("zzzzzzzzzzz") && !error.contains("did you mean"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_its_line() {
        assert!(refused(&format!("{JOB}every = \"fast\"\n")).contains("line 5: "));
        assert!(refused(&format!("{JOB}every = 15\n")).contains("line 5: "));
        assert!(refused("[[job]\n").contains("line 1: "));
        assert!(refused("[[job]]\nname = \"a\"\nevery = \"1h\"\n").contains("dest"));
    }

    #[test]
    fn distances_are_the_fewest_changes() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "abc", 0), ("evry", "every", 1), ("", "ab", 2), ("abc", "b", 2)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
