//! The names of a database's files.
//!
//! All of them lie beside `data.db` and start with its whole file name and a dot, whatever that name is (spaces and
//! bytes that are not UTF-8 included). Where the path is a symbolic link, the file it leads to counts, and the
//! siblings lie beside *that*: two links to one database must find the same lock. Two hard links cannot be told
//! from two databases; do not make them.
//!
//! Only names are judged here. Nothing is opened, and no content is trusted.
use super::os_error::OsContext;
use chronicle_core::error::{Error, Result};
use chronicle_core::ids::Lsn;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

/// As many links as Linux follows before it calls the chain a loop.
const LINKS_MAX: usize = 40;

/// Where the files of one database are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DbPaths {
    data: PathBuf,
    folder: PathBuf,
    file_name: OsString,
}

/// A file beside `data.db` that belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sibling {
    /// Which of the kinds its name says.
    pub kind: SiblingKind,
    /// Where it is.
    pub path: PathBuf,
}

/// What a sibling's name says about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SiblingKind {
    /// `wal-<20 digits>`: log whose first frame has this LSN.
    Log(Lsn),
    /// Starts with `wal` but is not a name we give: a copy someone made, or damage. Never replayed.
    OddLog,
    /// `lock`: the writer's.
    Lock,
    /// `pin-…`: a reader's.
    Pin,
    /// `slot-…`: a backup's.
    Slot,
    /// `tmp-…`: what an interrupted durable write of `data.db` leaves.
    Temporary,
}

/// A log file's name, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogName {
    /// LSN of its first frame.
    pub first_lsn: Lsn,
    /// Where it is.
    pub path: PathBuf,
}

impl DbPaths {
    /// The paths around `data.db` at `path`. The file need not exist; its folder is not looked at. A trailing slash
    /// is ignored, a symbolic link is followed, the result is absolute.
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        let given = path.as_ref();
        let unusable =
            || Error::invalid("a path to a data file is needed, such as data.db").at(given.display());
        if given.as_os_str().is_empty() || given.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(unusable());
        }
        let mut data = std::path::absolute(given).os("find", given)?;
        for _ in 0..LINKS_MAX {
            let file_name = data.file_name().ok_or_else(unusable)?.to_os_string();
            let folder = data.parent().ok_or_else(unusable)?.to_path_buf();
            data = folder.join(&file_name);
            match std::fs::read_link(&data) {
                Ok(target) => data = folder.join(target),
                // Not a link, not there, or not to be read: opening it will say what is wrong, if anything is.
                Err(_) => return Ok(Self { data, folder, file_name }),
            }
        }
        Err(Error::invalid("symbolic links lead in a circle: name the file itself").at(given.display()))
    }

    /// `data.db`, absolute, never a symbolic link.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder all files lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log file whose first frame has `first_lsn`.
    pub fn log(&self, first_lsn: Lsn) -> PathBuf {
        self.sibling(&format!("wal-{first_lsn:020}"))
    }

    /// The writer's lock file.
    pub fn lock(&self) -> PathBuf {
        self.sibling("lock")
    }

    /// The file of a backup's slot. The name is 1 to 64 of `a-z A-Z 0-9 - _`.
    pub fn slot(&self, name: &str) -> Result<PathBuf> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(Error::invalid(format!("slot name {name:?}: 1 to 64 of a-z A-Z 0-9 - _ are needed")));
        }
        Ok(self.sibling(&format!("slot-{name}")))
    }

    /// A file beside the database that only this host uses.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        self.sibling(suffix)
    }

    pub(super) fn sibling(&self, suffix: &str) -> PathBuf {
        let mut name = self.file_name.clone();
        name.push(".");
        name.push(suffix);
        self.folder.join(name)
    }

    /// The part of a sibling's name behind `<file name>.`; none if it is no sibling or not ASCII, as ours all are.
    pub(super) fn suffix<'a>(&self, name: &'a OsStr) -> Option<&'a str> {
        let rest = name.as_encoded_bytes().strip_prefix(self.file_name.as_encoded_bytes())?;
        std::str::from_utf8(rest.strip_prefix(b".")?).ok().filter(|suffix| suffix.is_ascii())
    }

    /// Everything beside `data.db` that bears one of our names, sorted by kind and name. Other files, also those
    /// that start with `data.db.`, are someone else's.
    pub fn siblings(&self) -> Result<Vec<Sibling>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).os("list", &self.folder)? {
            let name = entry.os("list", &self.folder)?.file_name();
            if let Some(kind) = self.suffix(&name).and_then(kind_of) {
                found.push(Sibling { kind, path: self.folder.join(name) });
            }
        }
        found.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        Ok(found)
    }

    /// The log files, lowest first LSN first.
    pub fn log_files(&self) -> Result<Vec<LogName>> {
        let name = |sibling: Sibling| match sibling.kind {
            SiblingKind::Log(first_lsn) => Some(LogName { first_lsn, path: sibling.path }),
            _ => None,
        };
        Ok(self.siblings()?.into_iter().filter_map(name).collect())
    }

    /// The slot files, by name.
    pub fn slots(&self) -> Result<Vec<PathBuf>> {
        let siblings = self.siblings()?.into_iter();
        Ok(siblings.filter(|sibling| sibling.kind == SiblingKind::Slot).map(|sibling| sibling.path).collect())
    }
}

fn kind_of(suffix: &str) -> Option<SiblingKind> {
    if suffix == "lock" {
        Some(SiblingKind::Lock)
    } else if suffix.starts_with("wal") {
        Some(log_lsn(suffix).map_or(SiblingKind::OddLog, SiblingKind::Log))
    } else if suffix.starts_with("pin-") {
        Some(SiblingKind::Pin)
    } else if suffix.starts_with("slot-") {
        Some(SiblingKind::Slot)
    } else if suffix.starts_with("tmp-") {
        Some(SiblingKind::Temporary)
    } else {
        None
    }
}

fn log_lsn(suffix: &str) -> Option<Lsn> {
    let digits = suffix.strip_prefix("wal-")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// 64 bits for a name that no one else picks at the same time. Names made of it are still created exclusively: this
/// is no source of secrets or identities.
pub(super) fn random_name() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    if let Ok(now) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        hasher.write_u128(now.as_nanos());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(paths: &DbPaths, suffix: &str) {
        std::fs::write(paths.sibling(suffix), b"").unwrap();
    }

    #[test]
    fn log_files_are_found_and_sorted_as_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let paths = DbPaths::new(dir.path().join("data.db")).unwrap();
        for lsn in [10_000_000_000, 1, 999, u64::MAX] {
            std::fs::write(paths.log(lsn), b"").unwrap();
        }
        touch(&paths, "wal-00000000000000000007.bak");
        touch(&paths, "wal-7");
        touch(&paths, "wal-+0000000000000000007");
        touch(&paths, "wal-99999999999999999999");
        std::fs::write(dir.path().join("other.db.wal-00000000000000000003"), b"").unwrap();
        let found: Vec<Lsn> = paths.log_files().unwrap().iter().map(|log| log.first_lsn).collect();
        assert_eq!(found, [1, 999, 10_000_000_000, u64::MAX]);
    }

    #[test]
    fn siblings_are_ours_only_and_odd_logs_are_not_hidden() {
        let dir = tempfile::tempdir().unwrap();
        let paths = DbPaths::new(dir.path().join("data.db")).unwrap();
        for suffix in
            ["lock", "pin-7-00ff", "slot-nightly", "wal-1", "tmp-12", "bak", "partial-1", "lock.old"]
        {
            touch(&paths, suffix);
        }
        std::fs::write(paths.log(5), b"").unwrap();
        std::fs::write(dir.path().join("data.dbx"), b"").unwrap();
        std::fs::write(dir.path().join("data.db"), b"").unwrap();
        let kinds: Vec<SiblingKind> = paths.siblings().unwrap().iter().map(|sibling| sibling.kind).collect();
        use SiblingKind::*;
        assert_eq!(kinds, [Log(5), OddLog, Lock, Pin, Slot, Temporary]);
        assert_eq!(paths.slots().unwrap(), [paths.slot("nightly").unwrap()]);
    }

    #[test]
    fn odd_file_names_have_siblings_too() {
        let dir = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        let odd = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9 \n.db");
        #[cfg(not(unix))]
        let odd = OsStr::new("caf\u{e9} .db");
        for name in [OsStr::new("my data"), OsStr::new(".hidden"), OsStr::new("a.wal-b"), odd] {
            let paths = DbPaths::new(dir.path().join(name)).unwrap();
            std::fs::write(paths.log(3), b"").unwrap();
            assert_eq!(paths.log_files().unwrap().len(), 1, "{name:?}");
            assert_eq!(paths.data().file_name(), Some(name));
        }
    }

    #[test]
    fn a_trailing_slash_and_dots_do_not_change_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let plain = DbPaths::new(dir.path().join("data.db")).unwrap();
        assert_eq!(DbPaths::new(dir.path().join("data.db/")).unwrap(), plain);
        assert_eq!(DbPaths::new(dir.path().join("./data.db/.")).unwrap(), plain);
    }

    #[test]
    fn a_path_without_a_file_name_is_refused() {
        for path in ["", "/", "..", "a/..", "a\0b"] {
            let kind = DbPaths::new(path).map_err(|error| error.kind());
            assert_eq!(kind, Err(chronicle_core::error::ErrorKind::InvalidInput), "{path:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn siblings_lie_beside_the_file_a_link_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("disk")).unwrap();
        std::os::unix::fs::symlink("disk/real.db", dir.path().join("middle")).unwrap();
        std::os::unix::fs::symlink("middle", dir.path().join("link.db")).unwrap();
        let real = DbPaths::new(dir.path().join("disk/real.db")).unwrap();
        assert_eq!(
            DbPaths::new(dir.path().join("link.db")).unwrap(),
            real,
            "while the file does not exist yet"
        );
        std::fs::write(real.data(), b"").unwrap();
        assert_eq!(DbPaths::new(dir.path().join("link.db")).unwrap(), real);
    }

    #[test]
    #[cfg(unix)]
    fn a_circle_of_links_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("b", dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("b")).unwrap();
        assert!(DbPaths::new(dir.path().join("a")).is_err());
    }

    #[test]
    fn slot_names_cannot_leave_the_folder() {
        let paths = DbPaths::new("data.db").unwrap();
        for name in ["", "../x", "a/b", "a.b", "é"] {
            assert!(paths.slot(name).is_err(), "{name:?}");
        }
    }
}
