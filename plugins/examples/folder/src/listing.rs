//! Names of a tree of folders. Lengths are asked for when a file is shown, not when its folder is read: a page shows few of many.
use crate::ROOT;
use chronicle_plugin::tree::{job_of, walk};
use chronicle_plugin::{Leftover, ObjectMeta, Page, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

pub(crate) fn page(prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page> {
    let mut page = Page::default();
    walk(prefix, cursor.unwrap_or_default(), &mut entries, &mut |name, ()| {
        if job_of(&name).is_some() {
            return Ok(true);
        }
        if page.objects.len() == limit {
            page.next = page.objects.last().map(|last| last.name.clone());
            return Ok(false);
        }
        if let Some(size) = size(&name)? {
            page.objects.push(ObjectMeta { name, size });
        }
        Ok(true)
    })?;
    Ok(page)
}

pub(crate) fn leftovers(prefix: &str) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    walk(prefix, "", &mut entries, &mut |id, ()| {
        if let (Some(job), Some(size)) = (job_of(&id).map(str::to_owned), size(&id)?) {
            found.push(Leftover { id, job, size });
        }
        Ok(true)
    })?;
    Ok(found)
}

/// `None` when it was deleted while it was listed.
fn size(name: &str) -> Result<Option<u64>> {
    match fs::metadata(Path::new(ROOT).join(name)) {
        Ok(about) => Ok(Some(about.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn entries(folder: &str) -> Result<Vec<(String, ())>> {
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
            entries.push((format!("{folder}{name}/"), ()));
        } else if kind.is_file() {
            entries.push((format!("{folder}{name}"), ()));
        }
    }
    Ok(entries)
}
