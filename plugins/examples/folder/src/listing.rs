//! Names in the order of their bytes, from a tree of folders. A folder sorts as its name and a slash, which is how the names
//! below it sort: so a walk in that order needs no list of everything.
use crate::{PARTIAL, ROOT};
use chronicle_plugin::{Leftover, ObjectMeta, Page, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// A file, or a folder whose name ends with a slash.
struct Entry {
    name: String,
    size: u64,
}

pub(crate) fn page(prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page> {
    let mut page = Page::default();
    walk(prefix, cursor.unwrap_or_default(), &mut |entry| {
        if job_of(&entry.name).is_some() {
            return true;
        }
        if page.objects.len() == limit {
            page.next = page.objects.last().map(|last| last.name.clone());
            return false;
        }
        page.objects.push(ObjectMeta { name: entry.name, size: entry.size });
        true
    })?;
    Ok(page)
}

pub(crate) fn leftovers(prefix: &str) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    walk(prefix, "", &mut |entry| {
        if let Some(job) = job_of(&entry.name) {
            found.push(Leftover { job: job.to_owned(), id: entry.name.clone(), size: entry.size });
        }
        true
    })?;
    Ok(found)
}

/// The job of an unfinished object.
pub(crate) fn job_of(name: &str) -> Option<&str> {
    let (object, job) = name.rsplit_once(PARTIAL)?;
    let exact = job.len() == 32 && job.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (exact && !object.is_empty() && !object.ends_with('/')).then_some(job)
}

/// Shows the files below `prefix` whose names follow `after`, until `show` has had enough.
fn walk(prefix: &str, after: &str, show: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
    let mut open = vec![entries(prefix)?.into_iter()];
    while let Some(folder) = open.last_mut() {
        match folder.next() {
            None => drop(open.pop()),
            Some(entry) if entry.name.ends_with('/') => {
                let is_behind = after >= entry.name.as_str() && !after.starts_with(&entry.name);
                if !is_behind {
                    open.push(entries(&entry.name)?.into_iter());
                }
            }
            Some(entry) if entry.name.as_str() <= after => {}
            Some(entry) => {
                if !show(entry) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn entries(folder: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let listed = match fs::read_dir(Path::new(ROOT).join(folder)) {
        // Never there, or deleted while it was listed.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(entries);
        }
        listed => listed?,
    };
    for entry in listed {
        let entry = entry?;
        // A name that is not UTF-8 is not an object of ours, nor is a link.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            entries.push(Entry { name: format!("{folder}{name}/"), size: 0 });
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(about) => entries.push(Entry { name: format!("{folder}{name}"), size: about.len() }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
