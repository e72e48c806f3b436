//! From what a user wrote to a destination: a path, or a URL.
use super::{Destination, FolderDestination};
use crate::error::{Error, Result};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is known of a destination beside its URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// The user declares that nobody else writes there.
    pub single_writer: bool,
    /// How long a request to a server is tried; by default two minutes.
    pub retry_time_max: Option<Duration>,
    /// How many bytes a second are moved at most, up and down together; by default as many as can be.
    pub bytes_per_second_max: Option<NonZeroU64>,
}

/// [`open_with`] nothing known beside.
pub fn open(url: &str) -> Result<Box<dyn Destination>> {
    open_with(url, Settings::default())
}

/// Opens the destination at a path, or a URL: `file://`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
/// `http(s)://host/path` (WebDAV). Nothing is read or made yet. Another scheme is `Unsupported`, and the message says what
/// this build lacks.
pub fn open_with(url: &str, settings: Settings) -> Result<Box<dyn Destination>> {
    let folder = |path: PathBuf| -> Result<Box<dyn Destination>> {
        let folder = FolderDestination::new(path)?;
        Ok(Box::new(if settings.single_writer { folder.single_writer() } else { folder }))
    };
    match scheme(url) {
        None if url.is_empty() => Err(Error::invalid("a destination is needed: a path or a URL")),
        None => folder(url.into()),
        Some(("file", rest)) => folder(file_path(url, rest)?),
        #[cfg(feature = "plugins")]
        Some(("plugin", rest)) => {
            crate::plugin::open(rest, settings).map_err(|error| error.at(without_secrets(url)))
        }
        Some((scheme, rest)) => remote(scheme, rest, url, settings)
            .unwrap_or_else(|| Err(lacking(scheme)))
            .map_err(|error| error.at(without_secrets(url))),
    }
}

#[cfg(feature = "remote")]
fn remote(scheme: &str, rest: &str, url: &str, settings: Settings) -> Option<Result<Box<dyn Destination>>> {
    let opened = super::object_store::open(scheme, rest, url, settings)?;
    Some(opened.map(|store| Box::new(store) as Box<dyn Destination>))
}

#[cfg(not(feature = "remote"))]
fn remote(_: &str, _: &str, _: &str, _: Settings) -> Option<Result<Box<dyn Destination>>> {
    None
}

/// An error where a path must lie on a disk of this machine, and a URL is given. `what` says what it is for.
pub(crate) fn refuse_url(path: &Path, what: &str) -> Result<()> {
    match path.to_str().filter(|text| is_url(text)) {
        None => Ok(()),
        Some(url) => Err(Error::invalid(format!("{what}, and this is a URL")).at(without_secrets(url))),
    }
}

/// Whether a source or destination is a URL, and not a path.
pub fn is_url(text: &str) -> bool {
    scheme(text).is_some()
}

/// `scheme` and what follows `://`. A Windows drive is none, and a path may have a colon anywhere else.
fn scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let plain = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (plain && scheme.starts_with(|c: char| c.is_ascii_alphabetic())).then_some((scheme, rest))
}

fn lacking(scheme: &str) -> Error {
    let what = match scheme {
        "s3" => "S3 stores",
        "gs" => "Google Cloud Storage",
        "az" => "Azure Blob Storage",
        "http" | "https" => "WebDAV servers",
        "plugin" => "plugins",
        _ => {
            return Error::unsupported(
                "the scheme of this URL is not known; this build takes a path or file:///path",
            );
        }
    };
    Error::unsupported(format!("this build has no destination for {what}; it takes a path or file:///path"))
}

/// Schemes, hosts and paths only: what lies before an `@` or behind a `?` may be a password.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match scheme(url) {
        Some((scheme, rest)) => {
            let (host, path) =
                rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
        None => url.to_owned(),
    }
}

fn file_path(url: &str, rest: &str) -> Result<PathBuf> {
    let invalid = |what: &str| Err(Error::invalid(what).at(url));
    let Some(path) = rest.strip_prefix("localhost").unwrap_or(rest).strip_prefix('/') else {
        return invalid("a file URL has an absolute path and no host: write file:///path");
    };
    if path.contains(['?', '#']) {
        return invalid("a file URL has no query; in a path write ? as %3F and # as %23");
    }
    let Some(bytes) = percent_decoded(path).filter(|bytes| !bytes.contains(&0)) else {
        return invalid(
            "a % in a file URL is followed by two hexadecimal digits other than 00; write a plain % as %25",
        );
    };
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        Ok(PathBuf::from("/").join(std::ffi::OsString::from_vec(bytes)))
    }
    #[cfg(not(unix))]
    match String::from_utf8(bytes) {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(_) => invalid("the path is not UTF-8"),
    }
}

pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn refusal(url: &str) -> Error {
        open(url).err().unwrap_or_else(|| panic!("{url} is taken"))
    }

    #[test]
    fn a_path_and_a_file_url_lead_to_the_same_folder() {
        for url in
            ["/backup/my repo/ü", "file:///backup/my%20repo/%C3%BC", "file://localhost/backup/my repo/ü"]
        {
            assert_eq!(open(url).unwrap().place(), "/backup/my repo/ü");
        }
        for path in ["backup", "./a:b", "C:/backup", "a://b c".trim_start_matches("a://")] {
            assert_eq!(open(path).unwrap().place(), path);
        }
    }

    #[test]
    fn a_scheme_that_this_build_lacks_is_named_without_secrets() {
        let mut lacked = vec![("plugin://me:geheim@sftp/x?geheim", "plugins"), ("ftp://host", "not known")];
        if cfg!(not(feature = "remote")) {
            lacked.extend([("s3://bucket/prefix", "S3"), ("gs://b", "Google"), ("az://b", "Azure")]);
            lacked.push(("https://me:geheim@host/dav?sig=geheim", "WebDAV"));
        }
        for (url, word) in lacked {
            let error = refusal(url);
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let text = error.to_string();
            assert!(text.contains(word) && !text.contains("geheim"), "{text}");
        }
    }

    #[cfg(feature = "remote")]
    #[test]
    fn a_url_of_a_store_that_is_not_clear_is_refused_without_secrets() {
        for url in [
            "s3://",
            "s3:///prefix",
            "s3://key:geheim@bucket/prefix",
            "s3://bucket/a//b",
            "s3://bucket/../b",
            "s3://bucket/x?key=geheim",
            "gs://",
            "az://",
            "https://me:geheim@host/dav?sig=geheim",
            "https://me:geheim@/dav",
        ] {
            let error = refusal(url);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
        let place = open("https://me:geheim@host/a%20b/c/").unwrap().place();
        assert_eq!(place, "https://host/a b/c");
        assert_eq!(open("s3://bucket/a b/").unwrap().place(), "s3://bucket/a b");
    }

    #[test]
    fn a_file_url_that_is_not_clear_is_refused() {
        for url in [
            "",
            "file://",
            "file://host/x",
            "file:///a?b",
            "file:///a#b",
            "file:///a%2",
            "file:///a%zz",
            "file:///a%00",
        ] {
            assert_eq!(refusal(url).kind(), ErrorKind::InvalidInput, "{url}");
        }
    }
}
