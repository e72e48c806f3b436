//! From a name to a path below the root: no symbolic link is followed, folders are made, synced and removed.
use super::super::ObjectName;
use crate::error::{Error, ErrorKind, Result};
use crate::files::atomic::{sync_dir, sync_parent_dir};
use crate::files::os_error::{OsContext, os_error};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The folder that holds the objects.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    /// This process has made its name durable.
    durable: AtomicBool,
}

/// What lies at a name.
pub(super) enum Found {
    /// A regular file.
    Object { path: PathBuf, len: u64 },
    /// Nothing, or a folder, which is no object.
    Nothing,
}

impl Root {
    pub(super) fn new(path: PathBuf) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Error::invalid("a path to a folder is needed"));
        }
        Ok(Self { path, durable: AtomicBool::new(false) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name; nothing is looked at.
    pub(super) fn join(&self, name: &ObjectName) -> PathBuf {
        name.parts().fold(self.path.clone(), |path, part| path.join(part))
    }

    /// Whether the folder is there. Where even the one that it lies in is not, a disk is not mounted or the path is wrong:
    /// that is an error, since "there are no backups" would be the wrong answer.
    pub(super) fn is_there(&self) -> Result<bool> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(_) => Err(not_a_folder(&self.path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let above = self.above();
                match fs::metadata(above) {
                    Ok(_) => Ok(false),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        let message = "this folder is not there: is the disk mounted, and the path right?";
                        Err(Error::new(ErrorKind::NotFound, message).at(above.display()))
                    }
                    Err(error) => Err(os_error("look at", above, &error)),
                }
            }
            Err(error) => Err(os_error("look at", &self.path, &error)),
        }
    }

    fn above(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// What lies at a name.
    pub(super) fn find(&self, name: &ObjectName) -> Result<Found> {
        Ok(match self.look(name)? {
            Some((path, metadata)) if metadata.is_file() => Found::Object { path, len: metadata.len() },
            Some((path, metadata)) if !metadata.is_dir() => return Err(not_an_object(&path)),
            _ => Found::Nothing,
        })
    }

    /// The folder of this name, if there is one.
    pub(super) fn find_folder(&self, name: Option<&ObjectName>) -> Result<Option<PathBuf>> {
        let Some(name) = name else { return Ok(self.is_there()?.then(|| self.path.clone())) };
        Ok(self.look(name)?.filter(|(_, metadata)| metadata.is_dir()).map(|(path, _)| path))
    }

    /// What lies at a name, if anything does and no link is on the way.
    fn look(&self, name: &ObjectName) -> Result<Option<(PathBuf, Metadata)>> {
        if !self.is_there()? {
            return Ok(None);
        }
        let mut path = self.path.clone();
        let mut found = None;
        for part in name.parts() {
            path.push(part);
            let metadata = match fs::symlink_metadata(&path) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    return Ok(None);
                }
                metadata => metadata.os("look at", &path)?,
            };
            if metadata.is_symlink() {
                return Err(not_an_object(&path));
            }
            found = Some(metadata);
        }
        Ok(found.map(|metadata| (path, metadata)))
    }

    /// Makes the folders of a name, and answers its path. They are durable after [`sync_folders`](Self::sync_folders).
    pub(super) fn make_folders(&self, name: &ObjectName) -> Result<PathBuf> {
        if !self.is_there()? {
            make_folder(&self.path)?;
            self.durable.store(false, Ordering::Release);
        }
        let mut path = self.path.clone();
        let mut parts = name.parts().peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            if parts.peek().is_none() {
                break;
            }
            // Another process may remove the folder above as soon as it is empty; its next put makes it again, as ours does.
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(metadata) if metadata.is_symlink() => return Err(not_an_object(&path)),
                Ok(_) => return Err(not_a_folder(&path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => make_folder(&path)?,
                Err(error) => return Err(os_error("look at", &path, &error)),
            }
        }
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(Error::invalid("a folder lies where the object must be").at(path.display()));
        }
        Ok(path)
    }

    /// Makes durable: what the folder of `name` lists, and every folder from there up to the root. Always all of them: that a
    /// folder is there does not say that whoever made it lived to sync it. (A folder without changes is synced in no time.)
    pub(super) fn sync_folders(&self, name: &ObjectName) -> Result<()> {
        let path = self.join(name);
        for folder in path.ancestors().skip(1).take(name.parts().count()) {
            sync_dir(folder)?;
        }
        if !self.durable.load(Ordering::Acquire) {
            match sync_parent_dir(&self.path) {
                // A mount point in a folder that is not ours to open.
                Err(error) if error.kind() == ErrorKind::Permission => {}
                result => result?,
            }
            self.durable.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Removes the folders above `path` that are empty now, never the root, durably.
    pub(super) fn remove_empty_folders(&self, path: &Path) -> Result<()> {
        for folder in path.ancestors().skip(1).take_while(|folder| **folder != self.path) {
            // Not empty, gone already, or not ours to remove: an empty folder harms nobody.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        self.sync_lowest_folder(path)
    }

    /// Makes durable what the lowest folder above `path` that is there lists.
    pub(super) fn sync_lowest_folder(&self, path: &Path) -> Result<()> {
        for folder in path.ancestors().skip(1) {
            match sync_dir(folder) {
                Err(error) if error.kind() == ErrorKind::NotFound && folder != self.path => {}
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                // A file where the name has a folder: nothing was ever there.
                Err(error) if error.kind() == ErrorKind::InvalidInput => {}
                result => return result,
            }
        }
        Ok(())
    }
}

fn make_folder(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // The folder above went meanwhile: the put finds that its part can't be made, and starts over.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.os("make the folder", path),
    }
}

fn not_an_object(path: &Path) -> Error {
    Error::invalid("a symbolic link or special file lies where an object or folder of this destination must be: move it away")
        .at(path.display())
}

fn not_a_folder(path: &Path) -> Error {
    Error::invalid("a file lies where a folder must be").at(path.display())
}
