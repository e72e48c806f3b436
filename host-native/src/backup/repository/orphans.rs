//! Orphans: objects that nobody names. They cost room and are no damage; a listing finds them, and decides nothing.
use super::objects::Objects;
use super::sealing::KEY_NAME;
use super::survey::Survey;
use crate::destination::objects as listed;
use crate::error::Result;
use chronicle_core::backup::repository::{
    DESTINATION_NAME, Entry, MANIFEST_NAME, NEWEST_PROOFS_NAME, STATE_NAME, parse_numbered,
};
use chronicle_core::backup::repository::{ObjectFile, ObjectName};
use std::collections::BTreeSet;

/// Names that are kept; more are only counted.
pub const ORPHANS_NAMED_MAX: usize = 100;

/// Objects that nobody names.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    /// How many there are.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first of them by name, with their lengths.
    pub named: Vec<(String, u64)>,
    /// How many objects below numbers lie there that are claimed and have no record: of a job at work, or a dead one's.
    pub unfinished: u64,
    /// The bytes of these.
    pub unfinished_bytes: u64,
}

/// Goes through a listing of everything.
pub(super) fn find(objects: &Objects, survey: &Survey) -> Result<Orphans> {
    let inventory = &survey.inventory;
    let mut known: BTreeSet<ObjectName> = inventory.objects().into_keys().collect();
    known.extend(survey.entries.iter().map(|(entry, _)| entry.record()));
    // What a mark condemns is on its way out.
    known.extend(inventory.condemned().objects.iter().copied());
    known.extend(inventory.condemned().entries.iter().map(|entry| entry.record()));
    let unfinished: BTreeSet<Entry> = survey
        .entries
        .iter()
        // What a damaged record named is not known: it is not nobody's.
        .filter(|(entry, record)| match record {
            None => inventory.unfinished().contains(&entry.number),
            Some(record) => record.is_err(),
        })
        .map(|(entry, _)| *entry)
        .collect();
    let entries: BTreeSet<Entry> = survey.entries.iter().map(|(entry, _)| *entry).collect();
    let mut orphans = Orphans::default();
    for object in objects.retry(|destination| listed(destination, None).collect::<Result<Vec<_>>>())? {
        let text = object.name.as_str();
        let is_ours = [MANIFEST_NAME, STATE_NAME, NEWEST_PROOFS_NAME, DESTINATION_NAME, KEY_NAME]
            .contains(&text)
            || ["claims", "holds", "proofs"].iter().any(|folder| parse_numbered(folder, text).is_some());
        let name = ObjectName::parse(text);
        // Frames behind a point are its stream's; those behind no point are nobody's.
        let is_shipped = name
            .is_some_and(|name| matches!(name.file, ObjectFile::Shipped(_)) && entries.contains(&name.entry));
        if is_ours || is_shipped || name.is_some_and(|name| known.contains(&name)) {
            continue;
        }
        if name.is_some_and(|name| unfinished.contains(&name.entry)) {
            orphans.unfinished += 1;
            orphans.unfinished_bytes = orphans.unfinished_bytes.saturating_add(object.len);
            continue;
        }
        orphans.count += 1;
        orphans.bytes = orphans.bytes.saturating_add(object.len);
        if orphans.named.len() < ORPHANS_NAMED_MAX {
            orphans.named.push((text.to_owned(), object.len));
        }
    }
    Ok(orphans)
}
