//! Names in the order of their bytes, from a store that lists folder by folder.
//!
//! A folder sorts as its name and a slash, which is how the names below it sort: so a walk in that order needs no list of
//! everything, and a page reads only the folders that it shows and those above them.
use crate::Result;

/// Shows the files below `prefix` (empty, or ending with a slash) whose names follow `after`, in order, until `show` answers
/// `false`. `entries` lists one folder: whole names of its files, and of its folders with a slash behind; none where the folder is not
/// there.
pub fn walk<T>(
    prefix: &str,
    after: &str,
    entries: &mut dyn FnMut(&str) -> Result<Vec<(String, T)>>,
    show: &mut dyn FnMut(String, T) -> Result<bool>,
) -> Result<()> {
    let mut sorted = |folder: &str| -> Result<std::vec::IntoIter<(String, T)>> {
        let mut found = entries(folder)?;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found.into_iter())
    };
    let mut open = vec![sorted(prefix)?];
    while let Some(folder) = open.last_mut() {
        match folder.next() {
            None => drop(open.pop()),
            Some((name, _)) if name.ends_with('/') => {
                let is_behind = after >= name.as_str() && !after.starts_with(&name);
                if !is_behind {
                    open.push(sorted(&name)?);
                }
            }
            Some((name, _)) if name.as_str() <= after => {}
            Some((name, about)) => {
                if !show(name, about)? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

const PARTIAL: &str = ".partial-";

/// The name under which `job` writes an object until it is whole.
pub fn partial(name: &str, job: &str) -> String {
    format!("{name}{PARTIAL}{job}")
}

/// The job of a name that [`partial`] made.
pub fn job_of(name: &str) -> Option<&str> {
    let (object, job) = name.rsplit_once(PARTIAL)?;
    let exact = job.len() == 32 && job.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (exact && !object.is_empty() && !object.ends_with('/')).then_some(job)
}
