//! What a backup finds below its number.
use super::deltas::history;
use super::repo::{JOB, Repo};
use crate::backup::repository::*;
use crate::error::{ErrorKind, Result};
use alloc::string::ToString;
use alloc::vec::Vec;

/// Looks back from the number behind the last claim, and carries out the voids.
fn look(
    repo: &mut Repo,
    engine: &crate::engine::Engine,
) -> Result<(Option<PointRecord>, Condemned, Vec<Entry>)> {
    let number = repo.claimed.last().map_or(0, |entry| entry.number + 1);
    let mut look = LookBack::new(number, engine.identity().clone(), engine.position(), Vec::new());
    let mut voids = Vec::new();
    for _ in 0..1_000 {
        match look.next() {
            LookStep::Done => {
                let (previous, condemned) = look.finish()?;
                return Ok((previous, condemned, voids));
            }
            LookStep::Read(number) => {
                let entry = *repo.claimed.iter().find(|entry| entry.number == number).unwrap();
                let bytes = repo.objects.get(&entry.record().to_string());
                look.answer(entry, bytes.map(|bytes| EntryRecord::parse(entry, bytes)))?;
            }
            LookStep::Void(entry) => {
                let void = EntryRecord::Void(Void { entry, job: JOB, created_ns: 0 }).to_bytes().unwrap();
                repo.objects.entry(entry.record().to_string()).or_insert(void);
                voids.push(entry);
                look.voided();
            }
        }
    }
    panic!("it does not end");
}

#[test]
fn the_newest_point_is_found_behind_unfinished_claims() {
    let (mut repo, _, engine) = history();
    repo.claimed.push(Entry::new(EntryKind::Delta, 6));
    let (previous, condemned, voids) = look(&mut repo, &engine).unwrap();
    assert_eq!((previous.unwrap().entry.number, voids), (5, Vec::new()));
    assert_eq!(condemned, Condemned::default());
    let (previous, _, _) = look(&mut Repo::default(), &engine).unwrap();
    assert!(previous.is_none(), "an empty repository takes a base");
}

#[test]
fn a_prune_without_a_mark_is_closed_and_one_with_a_mark_condemns() {
    let (mut repo, _, engine) = history();
    let (open, marked) = (Entry::new(EntryKind::Prune, 6), Entry::new(EntryKind::Prune, 7));
    repo.claimed.extend([open, marked]);
    let gone = repo.entries[1];
    let mark = PruneRecord {
        entry: marked,
        job: JOB,
        created_ns: 0,
        settled_below: 6,
        condemned_entries: [gone].into(),
        condemned_objects: [gone.container()].into(),
        kept: Vec::new(),
    };
    repo.objects.insert(marked.record().to_string(), EntryRecord::Prune(mark).to_bytes().unwrap());
    let (previous, condemned, voids) = look(&mut repo, &engine).unwrap();
    assert_eq!((previous.unwrap().entry.number, voids), (5, [open].into()));
    assert!(!condemned.spares(&gone.container()));
    assert!(EntryRecord::parse(open, &repo.objects[&open.record().to_string()]).is_ok());
}

#[test]
fn a_damaged_record_on_the_way_is_damage_and_not_passed_over() {
    let (mut repo, _, engine) = history();
    repo.objects.get_mut("delta-005/metadata.json").unwrap()[40] ^= 1;
    let error = look(&mut repo, &engine).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.message().contains("delta-005"), "{error}");
}
