//! Removing what interrupted puts left, and nothing else.
use super::super::name::job_of_partial;
use super::super::{Cleaned, Job, ObjectName};
use super::partial::Partial;
use super::place::Root;
use crate::error::{ErrorKind, Result};
use crate::files::os_error::OsContext;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Removes the parts of jobs that are over. Both must hold: the caller knows that the job is over, and nobody has the file
/// locked. A lock alone proves nothing: it may be that of another host, on a network file system that keeps locks to itself.
pub(super) fn clean(
    root: &Root,
    folder: Option<&ObjectName>,
    is_over: &dyn Fn(Job) -> bool,
) -> Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    let mut folders: Vec<PathBuf> = root.find_folder(folder)?.into_iter().collect();
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.os("list the folder", &folder)?,
        };
        let before = cleaned.removed;
        for entry in entries {
            let entry = entry.os("list the folder", &folder)?;
            let name = entry.file_name();
            let job = name.to_str().and_then(job_of_partial);
            match (entry.file_type(), job) {
                (Ok(kind), None) if kind.is_dir() => folders.push(entry.path()),
                (Ok(kind), Some(job)) if kind.is_file() => {
                    if is_over(job) {
                        remove(&entry.path(), &mut cleaned)?;
                    } else {
                        cleaned.kept += 1;
                    }
                }
                _ => {}
            }
        }
        if cleaned.removed > before {
            root.remove_empty_folders(&folder.join("removed"))?;
        }
    }
    Ok(cleaned)
}

fn remove(path: &Path, cleaned: &mut Cleaned) -> Result<()> {
    match Partial::find(path) {
        Ok(Some(partial)) => {
            let bytes = partial.len()?;
            partial.discard()?;
            cleaned.removed += 1;
            cleaned.bytes += bytes;
            Ok(())
        }
        // It got its name, or somebody else removed it.
        Ok(None) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Busy => {
            cleaned.kept += 1;
            Ok(())
        }
        Err(error) => Err(error),
    }
}
