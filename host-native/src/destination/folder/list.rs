//! Listing a folder in the order of names, a page at a time, in memory bounded by the page.
use super::super::name::job_of_partial;
use super::super::{ObjectMeta, ObjectName, PAGE_OBJECTS_MAX, Page};
use super::place::Root;
use crate::error::{Error, Result};
use crate::files::os_error::os_error;
use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

/// One page; the cursor is the last name of the page before. What is no object is passed over: links, devices, names that no object
/// may have, parts of unfinished objects.
pub(super) fn page(
    root: &Root,
    folder: Option<&ObjectName>,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page> {
    let limit = limit.clamp(1, PAGE_OBJECTS_MAX);
    let after = cursor.map(ObjectName::new).transpose()?;
    let mut objects = Vec::new();
    if let Some(path) = root.find_folder(folder)? {
        let prefix = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        let after = after.as_ref().map_or("", ObjectName::as_str);
        // One more than asked for tells whether there is a next page.
        collect(&path, &prefix, after, limit + 1, &mut objects)?;
    }
    let more = objects.len() > limit;
    objects.truncate(limit);
    let next = objects.last().filter(|_| more).map(|last: &ObjectMeta| last.name.to_string());
    Ok(Page { objects, next })
}

/// Adds the objects of a folder behind `after`, until there are `limit`.
fn collect(
    path: &Path,
    prefix: &str,
    after: &str,
    limit: usize,
    objects: &mut Vec<ObjectMeta>,
) -> Result<()> {
    let mut from = after.to_owned();
    while objects.len() < limit {
        let entries = first_entries(path, prefix, after, &from, limit - objects.len())?;
        let Some((last, _)) = entries.last_key_value() else { break };
        from.clone_from(last);
        for (key, entry) in entries {
            if objects.len() == limit {
                break;
            }
            if key.ends_with('/') {
                collect(&entry.path(), &key, after, limit, objects)?;
            } else if let Some(object) = object(key, &entry)? {
                objects.push(object);
            }
        }
    }
    Ok(())
}

/// Of the entries of a folder that come behind `from`, the first `count`. A folder's key ends with a slash: that is
/// what puts its objects at their place between the files beside it.
fn first_entries(
    path: &Path,
    prefix: &str,
    after: &str,
    from: &str,
    count: usize,
) -> Result<BTreeMap<String, DirEntry>> {
    let mut first = BTreeMap::new();
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(first),
        entries => entries.map_err(|error| listing(path, &error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| listing(path, &error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| job_of_partial(name).is_none()) else { continue };
        let key = format!("{prefix}{name}");
        let Ok(kind) = entry.file_type() else { continue };
        if ObjectName::new(&*key).is_err() || !(kind.is_dir() || kind.is_file()) {
            continue;
        }
        let key = if kind.is_dir() { key + "/" } else { key };
        // The folder that `after` lies in comes before it, and has what follows.
        let holds_after = from == after && key.ends_with('/') && after.starts_with(&key);
        if *key > *from || holds_after {
            first.insert(key, entry);
            if first.len() > count {
                first.pop_last();
            }
        }
    }
    Ok(first)
}

/// `None` when it went meanwhile.
fn object(key: String, entry: &DirEntry) -> Result<Option<ObjectMeta>> {
    match entry.metadata() {
        Ok(metadata) if metadata.is_file() => {
            Ok(Some(ObjectMeta { name: ObjectName::new(key)?, len: metadata.len() }))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(os_error("look at", &entry.path(), &error)),
    }
}

fn listing(path: &Path, error: &io::Error) -> Error {
    os_error("list the folder", path, error)
}
