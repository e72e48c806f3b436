//! Names of objects: relative, `/` between the parts, and of characters that every destination takes as they are.
//!
//! What it keeps true: a name can't climb out of its destination, can't be read as two names by two systems (no backslash,
//! colon, control or wildcard character, no part that ends with a dot or space), and leaves room for the suffix of a part
//! that is being written. It says nothing of what the names mean.
use crate::error::{Error, Result};
use chronicle_core::ids::Job;
use std::fmt;

/// Longest name, bytes of UTF-8. What plugins promise to take.
pub const NAME_BYTES_MAX: usize = 512;
/// Longest part of a name. Most file systems stop at 255, and an unfinished object has a suffix of 41.
pub const PART_BYTES_MAX: usize = 200;

/// Between the name of an object and the id of the job that is putting it.
const PARTIAL: &str = ".partial-";

/// A checked name of an object, or of a folder of objects.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match flaw(&name) {
            None => Ok(Self(name)),
            // Names come from outside, too: shown in bounds, without control characters.
            Some(flaw) => {
                let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
                Err(Error::invalid(format!("\"{shown}\" is no name of an object: {flaw}")))
            }
        }
    }

    /// `self/rest`.
    pub fn join(&self, rest: &str) -> Result<Self> {
        Self::new(format!("{self}/{rest}"))
    }

    /// The name as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, at least one.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether it lies below `folder`, at any depth.
    pub fn is_below(&self, folder: &ObjectName) -> bool {
        self.0.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The last part, while `job` is putting the object.
    pub(super) fn partial(&self, job: Job) -> String {
        let last = self.parts().next_back().unwrap_or_default();
        format!("{last}{PARTIAL}{job}")
    }
}

/// Whose unfinished object a file of this name is, if it is one.
pub(super) fn job_of_partial(file_name: &str) -> Option<Job> {
    let (object, job) = file_name.rsplit_once(PARTIAL)?;
    let exact = job.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (!object.is_empty() && exact).then(|| Job::from_hex(job)).flatten()
}

fn flaw(name: &str) -> Option<String> {
    if name.len() > NAME_BYTES_MAX {
        return Some(format!("it is longer than {NAME_BYTES_MAX} bytes"));
    }
    name.split('/').find_map(|part| {
        let problem = match part {
            "" => "a part of it is empty",
            "." | ".." => "it leads elsewhere",
            part if part.len() > PART_BYTES_MAX => {
                return Some(format!("a part has more than {PART_BYTES_MAX} bytes"));
            }
            part if part.starts_with(' ') || part.ends_with([' ', '.']) => {
                "a part starts or ends with a space, or ends with a dot"
            }
            part if job_of_partial(part).is_some() => "it is that of an unfinished object",
            part if is_device(part) => "it is that of a device on Windows",
            part => return part.chars().find_map(forbidden),
        };
        Some(problem.to_owned())
    })
}

fn forbidden(c: char) -> Option<String> {
    // Also line separators and the marks that turn the direction of writing: they make a name look like another.
    let hidden = c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    (hidden || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
        .then(|| format!("it has the character {c:?}"))
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered =
        |device: &str| stem.strip_prefix(device).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_repository_and_plain_odd_ones_are_taken_as_they_are() {
        for name in [
            "manifest.json",
            "claims/17",
            "base/data.db.wal-00000000000000000001",
            "a b/ü/日本",
            "#1",
            "50%2F",
            ".hidden",
            "a~",
            "-x",
            "console",
        ] {
            assert_eq!(ObjectName::new(name).unwrap().as_str(), name);
        }
        let longest = format!("{}/{}/{}", "a".repeat(200), "b".repeat(200), "c".repeat(110));
        assert_eq!(longest.len(), NAME_BYTES_MAX);
        assert!(ObjectName::new(longest).is_ok());
    }

    #[test]
    fn a_name_that_could_lead_elsewhere_or_be_read_in_two_ways_is_refused() {
        let long_part = "a".repeat(PART_BYTES_MAX + 1);
        let long_name = ["a"; NAME_BYTES_MAX].join("/");
        let partial = format!("x.partial-{}", "0".repeat(32));
        for name in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            "a\\b",
            "c:",
            "a\0",
            "a\nb",
            "a\u{7f}",
            "a ",
            " a",
            "a.",
            "a/b /c",
            "nul",
            "NUL.txt",
            "com1",
            "a*",
            "a?",
            "a<b",
            "\u{202e}a",
            &long_part,
            &long_name,
            &partial,
        ] {
            let error = ObjectName::new(name).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{name:?}");
            assert!(error.to_string().len() < 1_000 && !error.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn the_name_of_an_unfinished_object_says_whose_it_is_and_no_other_name_does() {
        let job = Job([0xa5; 16]);
        let name = ObjectName::new("base/data.db").unwrap();
        assert_eq!(job_of_partial(&name.partial(job)), Some(job));
        for other in [
            "data.db",
            ".partial-",
            "x.partial-1",
            &format!("x.partial-{}", "A5".repeat(16)),
            &format!(".partial-{job}"),
        ] {
            assert_eq!(job_of_partial(other), None, "{other}");
        }
    }

    #[test]
    fn below_a_folder_is_what_has_it_as_whole_parts() {
        let name = |text: &str| ObjectName::new(text).unwrap();
        assert!(name("a/b/c").is_below(&name("a")) && name("a/b").is_below(&name("a")));
        assert!(!name("ab/c").is_below(&name("a")) && !name("a").is_below(&name("a")));
    }
}
