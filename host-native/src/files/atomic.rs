//! Whole files and folders that appear at once, or not at all, and survive a power cut once they have.
//!
//! The order is always the same: bytes, sync, name, sync of the folder. A crash leaves the old state or the new
//! one, and perhaps a `<name>.tmp-<random>` beside it, which nothing reads. What lies inside a folder that is renamed
//! must be synced before, by whoever wrote it.
use super::os_error::{OsContext, os_error};
use super::paths::random_name;
use chronicle_core::error::{Error, Result};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Makes the names in a folder durable. File systems that know no such sync are taken at their word.
pub fn sync_dir(folder: &Path) -> Result<()> {
    // Other systems cannot open folders as files; their renames are journalled.
    #[cfg(unix)]
    match std::fs::File::open(folder).os("open the folder", folder)?.sync_all() {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => {}
        result => result.os("sync the folder", folder)?,
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Makes the name of `path` itself durable.
pub fn sync_parent_dir(path: &Path) -> Result<()> {
    sync_dir(parent(path))
}

/// Puts `bytes` at `path`, replacing what is there in one step.
pub fn write_file_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = Temporary::write(path, bytes)?;
    std::fs::rename(&temporary.path, path).os("replace", path)?;
    temporary.keep();
    sync_parent_dir(path)
}

/// Puts `bytes` at `path` unless something is there already
/// ([`AlreadyExists`](chronicle_core::error::ErrorKind::AlreadyExists)). Of several that try, one wins, and nobody
/// ever sees a part of the file. After an I/O error it may be there, whole, and not yet durable.
pub fn create_file_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = Temporary::write(path, bytes)?;
    rename_file_no_replace(&temporary.path, path).os("create", path)?;
    temporary.keep();
    sync_parent_dir(path)
}

/// Renames a synced file, on one file system, unless something is at `to` already.
pub fn rename_file_durably(from: &Path, to: &Path) -> Result<()> {
    rename_file_no_replace(from, to).os(&format!("rename {} to this", from.display()), to)?;
    sync_parents(from, to)
}

/// Renames a folder whose content is synced, on one file system, unless something (even an empty folder) is at `to`
/// already.
pub fn rename_dir_durably(from: &Path, to: &Path) -> Result<()> {
    let operation = format!("rename {} to this", from.display());
    match rename_no_replace(from, to) {
        Err(error) if is_unsupported(&error) => rename_dir_onto_claim(from, to).os(&operation, to)?,
        result => result.os(&operation, to)?,
    }
    sync_parents(from, to)
}

/// Deletes a file, durably. One that is gone already is fine.
pub fn remove_durably(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(os_error("delete", path, &error)),
        _ => sync_parent_dir(path),
    }
}

fn sync_parents(from: &Path, to: &Path) -> Result<()> {
    // The new name first: between the two syncs a crash may leave both names, never none.
    sync_parent_dir(to)?;
    if parent(from) == parent(to) { Ok(()) } else { sync_parent_dir(from) }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A synced file under a name of its own, deleted unless kept.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(target: &Path, bytes: &[u8]) -> Result<Self> {
        let mut name = target
            .file_name()
            .ok_or_else(|| Error::invalid("a path to a file is needed").at(target.display()))?
            .to_os_string();
        name.push(format!(".tmp-{:016x}", random_name()));
        let path = parent(target).join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).os("create", &path)?;
        let temporary = Self { path };
        file.write_all(bytes).os("write", &temporary.path)?;
        file.sync_all().os("sync", &temporary.path)?;
        Ok(temporary)
    }

    /// It has its final name.
    fn keep(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn rename_file_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    match rename_file_whole(from, to) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => rename_file_onto_claim(from, to),
        result => result,
    }
}

/// Renames a file unless something is at `to`; whoever looks sees nothing there, or the whole file. `Unsupported` where the
/// file system has neither an exclusive rename nor links: then nothing was done.
pub(crate) fn rename_file_whole(from: &Path, to: &Path) -> io::Result<()> {
    match rename_no_replace(from, to) {
        Err(error) if is_unsupported(&error) => match link_no_replace(from, to) {
            Err(error) if is_unsupported(&error) || has_no_links(&error) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            result => result,
        },
        result => result,
    }
}

/// Where there are no links either (exFAT): the name is claimed with an empty file. A crash in between leaves that,
/// which no reader takes for a record.
fn rename_file_onto_claim(from: &Path, to: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(to)?;
    std::fs::rename(from, to)
}

/// Where the system can't rename exclusively (NFS), it can link exclusively.
fn link_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}

/// Making a folder is exclusive everywhere, and a folder may be renamed onto an empty one: so the name is claimed
/// first.
fn rename_dir_onto_claim(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir(to)?;
    if cfg!(windows) {
        std::fs::remove_dir(to)?;
    }
    std::fs::rename(from, to).inspect_err(|_| {
        // Removes an empty folder only: ours, or one that would have been fine to claim.
        let _ = std::fs::remove_dir(to);
    })
}

#[cfg(target_os = "linux")]
fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(target_os = "linux"))]
fn rename_no_replace(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// exFAT says EPERM. A folder that is not ours says EACCES.
fn has_no_links(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error());
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::PermissionDenied;
}

fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronicle_core::error::ErrorKind;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writing_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manifest.json");
        write_file_durably(&path, b"old").unwrap();
        write_file_durably(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["manifest.json"]);
    }

    #[test]
    fn creating_never_overwrites_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metadata.json");
        create_file_durably(&path, b"first").unwrap();
        assert_eq!(create_file_durably(&path, b"second").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(names(dir.path()), ["metadata.json"]);
    }

    #[test]
    fn of_many_creators_one_wins_with_its_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("claim");
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let creators: Vec<_> = (0..8u8)
                .map(|id| {
                    let path = &path;
                    scope.spawn(move || create_file_durably(path, &[id; 10_000]).is_ok().then_some(id))
                })
                .collect();
            creators.into_iter().filter_map(|creator| creator.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(std::fs::read(&path).unwrap(), vec![winners[0]; 10_000]);
    }

    #[test]
    fn a_folder_is_published_once() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("snap.partial-1"), dir.path().join("snap"));
        std::fs::create_dir(&from).unwrap();
        std::fs::write(from.join("data.db"), b"x").unwrap();
        rename_dir_durably(&from, &to).unwrap();
        assert_eq!(names(&to), ["data.db"]);
        std::fs::create_dir(&from).unwrap();
        assert_eq!(rename_dir_durably(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(dir.path()), ["snap", "snap.partial-1"]);
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        let error = rename_dir_durably(&from, &dir.path().join("empty")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "an empty folder is someone's, too");
    }

    #[test]
    fn the_ways_round_a_missing_exclusive_rename_are_exclusive_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("b"), b"b").unwrap();
        for (rename, to) in [(link_no_replace as fn(&Path, &Path) -> _, "c"), (rename_file_onto_claim, "d")] {
            std::fs::write(at("a"), b"a").unwrap();
            rename(&at("a"), &at(to)).unwrap();
            assert_eq!(rename(&at("b"), &at(to)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read(at(to)).unwrap(), b"a");
        }
        for name in ["d1", "d2"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join(name), b"").unwrap();
        }
        rename_dir_onto_claim(&at("d1"), &at("e")).unwrap();
        assert_eq!(
            rename_dir_onto_claim(&at("d2"), &at("e")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(names(dir.path()), ["b", "c", "d", "d2", "e"]);
        assert_eq!(names(&at("e")), ["d1"]);
    }

    #[test]
    fn deleting_what_is_gone_is_fine_and_a_missing_folder_is_not() {
        let dir = tempfile::tempdir().unwrap();
        remove_durably(&dir.path().join("gone")).unwrap();
        assert_eq!(sync_dir(&dir.path().join("gone")).unwrap_err().kind(), ErrorKind::NotFound);
        let error = write_file_durably(&dir.path().join("gone/x"), b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
