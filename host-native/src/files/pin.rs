//! Pins: how readers in other processes keep the writer from reusing extents under them.
//!
//! A pin is a file `data.db.pin-<generation>-<random>` under a shared lock. The lock is what counts; it vanishes
//! with its process, and the writer removes the file then. A pin is locked under a temporary name before it gets its
//! own, so whatever bears a pin's name is locked, or its reader is gone.
//!
//! **Order matters.** A reader reads the superblock, pins its generation, and reads the superblock again: if that
//! generation has left both slots, it drops the pin and starts over. The writer publishes a superblock first and
//! lists pins after. So either the list holds the pin, or the reader sees the new superblock.
use super::os_error::{OsContext, os_error};
use super::paths::{DbPaths, random_name};
use super::regular_file::{Links, open_regular};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::ids::Generation;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// How often a writer that tidies up may take a pin in the making for a dead one before we give up.
const TRIES_MAX: usize = 16;

/// A reader's hold on a generation, as long as this value (or at most its process) lives.
#[derive(Debug)]
pub struct Pin {
    generation: Generation,
    /// The pin's own file; none where the writer's lock file is held instead.
    path: Option<PathBuf>,
    /// Open for its lock.
    _file: File,
}

impl Pin {
    /// Pins `generation`. Read the superblock again afterwards; see the module.
    ///
    /// [`ErrorKind::ReadOnly`] means that the folder takes no files from us (read-only medium or permissions); see
    /// [`Pin::keep_writers_off`].
    pub fn create(paths: &DbPaths, generation: Generation) -> Result<Self> {
        for _ in 0..TRIES_MAX {
            let random = random_name();
            let making = paths.sibling(&format!("pin-tmp-{random:016x}"));
            let path = paths.sibling(&format!("pin-{generation}-{random:016x}"));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            let file = match open_regular(&making, &mut options, Links::Refuse) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(refused(&making, &error)),
            };
            match file.try_lock_shared() {
                Ok(()) => {}
                // The writer is just taking it for a dead one.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => {
                    let _ = std::fs::remove_file(&making);
                    return Err(os_error("lock", &making, &error));
                }
            }
            match std::fs::rename(&making, &path) {
                Ok(()) => return Ok(Self { generation, path: Some(path), _file: file }),
                // The writer took it for a dead one before we had locked it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let _ = std::fs::remove_file(&making);
                    return Err(refused(&making, &error));
                }
            }
        }
        Err(Error::new(ErrorKind::Busy, "pin files keep being removed as they are made: try again")
            .at(paths.data().display()))
    }

    /// The pin of a reader whom the folder takes no files from: no writer can open the database while it is held. `None`
    /// where there is no lock file: a copy, which no writer ever had. [`ErrorKind::ReadOnly`] while a writer has it open,
    /// and when that can't be told: without a pin, it would reuse or cut off what is being read.
    pub fn keep_writers_off(paths: &DbPaths, generation: Generation) -> Result<Option<Self>> {
        let path = paths.lock();
        let file = match open_regular(&path, OpenOptions::new().read(true), Links::Refuse) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(&path, &error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { generation, path: None, _file: file })),
            Err(TryLockError::WouldBlock) => {
                let error = io::Error::new(io::ErrorKind::PermissionDenied, "a writer has the database open");
                Err(refused(&path, &error))
            }
            Err(TryLockError::Error(error)) => Err(os_error("lock", &path, &error)),
        }
    }

    /// The generation that it holds.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // Left behind, it is unlocked and the writer's next look removes it.
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn refused(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::ReadOnly,
            format!(
                "cannot pin what is read here: {error}; allow this user to create files in the folder, or read a \
                 snapshot, which needs no pin"
            ),
        )
        .at(path.display()),
        _ => os_error("create a pin", path, error),
    }
}

/// The generations that living readers hold, ascending, with repetitions; for the writer, after it has published a
/// superblock. Removes the files of dead readers. Whatever can't be judged counts as living.
pub fn live_pins(paths: &DbPaths) -> Result<Vec<Generation>> {
    let mut live = Vec::new();
    for entry in std::fs::read_dir(paths.folder()).os("list", paths.folder())? {
        let name = entry.os("list", paths.folder())?.file_name();
        let Some(pin) = paths.suffix(&name).and_then(|suffix| suffix.strip_prefix("pin-")) else { continue };
        let path = paths.folder().join(&name);
        match (pin_name(pin), is_held(&path)?) {
            // One that we may not remove is as dead as before, and asked about again next time.
            (PinName::Making | PinName::Of(_), false) => drop(std::fs::remove_file(&path)),
            (PinName::Of(generation), true) => live.push(generation),
            // A pin of a kind that we do not know holds everything.
            (PinName::Unknown, true) => live.push(0),
            // One in the making holds nothing yet; a file of an unknown kind that nobody holds is not ours to delete.
            (PinName::Making, true) | (PinName::Unknown, false) => {}
        }
    }
    live.sort_unstable();
    Ok(live)
}

enum PinName {
    Of(Generation),
    Making,
    Unknown,
}

fn pin_name(name: &str) -> PinName {
    let is_random = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.split_once('-') {
        Some(("tmp", random)) if is_random(random) => PinName::Making,
        Some((generation, random)) if is_random(random) && !generation.starts_with('+') => {
            generation.parse().map_or(PinName::Unknown, PinName::Of)
        }
        _ => PinName::Unknown,
    }
}

/// Whether someone has it locked. A file that is gone is not held; one that we may not look at is.
fn is_held(path: &Path) -> Result<bool> {
    // An exclusive lock on a network file system needs a file open for writing.
    let open = |write| open_regular(path, OpenOptions::new().read(true).write(write), Links::Refuse);
    let file = match open(true).or_else(|_| open(false)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(_) => return Ok(true),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(os_error("lock", path, &error)),
    }
}

#[cfg(test)]
mod tests;
