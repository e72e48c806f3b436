//! Backups of a living database: what each brings, and that every point reads back.
use super::repo::Repo;
use crate::backup::repository::*;
use crate::backup::tests::host::{Host, SECOND, example, points};
use crate::engine::{Engine, Selector};
use crate::error::ErrorKind;
use crate::format::Role;
use crate::ids::Epoch;
use crate::model::TimeRange;
use alloc::string::ToString;
use alloc::vec::Vec;

/// A base and five deltas, with seals, deletions and a delta with nothing new between them.
pub(super) fn history() -> (Repo, Host, Engine) {
    let (mut host, mut engine) = example();
    let mut repo = Repo::default();
    repo.backup(&host, &mut engine);
    host.write(&mut engine, &points(5_000, 50));
    repo.backup(&host, &mut engine);
    host.seal(&mut engine);
    host.write(&mut engine, &points(5_100, 50));
    host.delete(&mut engine, &Selector::metric("cpu"), TimeRange::new(Some(0), Some(50 * SECOND)));
    host.write(&mut engine, &points(5_200, 10));
    host.seal(&mut engine);
    repo.backup(&host, &mut engine);
    repo.backup(&host, &mut engine);
    host.write(&mut engine, &points(6_000, 50));
    repo.backup(&host, &mut engine);
    host.write(&mut engine, &points(7_000, 50));
    repo.backup(&host, &mut engine);
    (repo, host, engine)
}

#[test]
fn every_point_reads_in_place_to_the_digest_in_its_record() {
    let (mut repo, _, _) = history();
    for entry in repo.entries.clone() {
        let (container, mut engine) = repo.open_point(entry);
        let record = repo.point(entry);
        assert_eq!(Some(repo.digest(&container, &mut engine)), record.point.digest, "{entry}");
        assert_eq!(engine.position(), record.position());
    }
}

#[test]
fn a_base_opens_by_hand_as_a_database() {
    let (repo, _, _) = history();
    let record = repo.point(Entry::new(EntryKind::Base, 0));
    let log = record.brought().find(|(name, _)| matches!(name.file, ObjectFile::Log(_))).unwrap().0;
    let ObjectFile::Log(first_lsn) = log.file else { unreachable!() };
    let mut host = Host::create();
    host.data = repo.objects["base/data.db"].clone();
    host.logs = [(first_lsn, repo.objects[&log.to_string()].clone())].into();
    let mut engine = host.open_to_read().unwrap();
    assert_eq!(Some(host.digest(&mut engine)), record.point.digest);
    let (superblock, _) = crate::format::newest(&host.data).unwrap();
    record.point.matches(&superblock).unwrap();
}

#[test]
fn changes_are_a_whole_container_of_their_own_role() {
    let (repo, _, _) = history();
    let bytes = &repo.objects["delta-002/changes.db"];
    let (superblock, _) = crate::format::newest(bytes).unwrap();
    assert_eq!(superblock.role, Role::Changes);
    assert_eq!(superblock.root.file_len, bytes.len() as u64);
}

#[test]
fn a_delta_with_nothing_new_is_a_record_and_nothing_else() {
    let (repo, _, _) = history();
    let below = |entry: &str| repo.objects.keys().filter(|name| name.starts_with(entry)).count();
    assert_eq!(below("delta-003/"), 1);
    let (before, after) = (repo.point(repo.entries[2]), repo.point(repo.entries[3]));
    assert_eq!((before.lists, before.replay), (after.lists, after.replay));
}

#[test]
fn a_delta_brings_only_new_segments_and_names_the_others_where_they_lie() {
    let (repo, _, engine) = history();
    let record = repo.point(*repo.entries.last().unwrap());
    let lists = repo.lists(&record);
    assert_eq!(lists.segments.len(), { engine }.snapshot().segments().count());
    let homes: alloc::collections::BTreeSet<_> = lists.segments.iter().map(|segment| segment.home).collect();
    assert!(homes.contains(&repo.entries[0]) && homes.contains(&repo.entries[2]));
    for segment in &lists.segments {
        let bytes = &repo.objects[&segment.home.container().to_string()];
        let start = (segment.entry.offset + segment.entry.summary.index_offset) as usize;
        let index = &bytes[start..start + segment.entry.summary.index_len as usize];
        assert_eq!(crate::ids::Hash::of(index), segment.entry.summary.identity);
    }
}

#[test]
fn every_commit_is_in_a_log_of_the_repository() {
    let (repo, _, _) = history();
    let mut next = repo.point(repo.entries[0]).checkpoint.lsn + 1;
    for entry in &repo.entries {
        let record = repo.point(*entry);
        assert_eq!(record.gap, None);
        if let Some(log) = record.log {
            assert_eq!(log.first_lsn, next, "{entry}");
            next = log.last_lsn + 1;
        }
    }
    assert_eq!(next, repo.point(*repo.entries.last().unwrap()).point.lsn + 1);
}

#[test]
fn frames_that_are_gone_are_a_gap_and_no_lost_data() {
    let (mut repo, mut host, mut engine) = history();
    host.write(&mut engine, &points(8_000, 5));
    host.write(&mut engine, &points(8_010, 5));
    host.seal(&mut engine);
    let last = host.write(&mut engine, &points(8_020, 5));
    let newest = repo.point(*repo.entries.last().unwrap());
    // The log files up to the checkpoint are gone: what is left starts with the last commit.
    let mut engine = {
        let log = *host.logs.keys().next_back().unwrap();
        let bytes = &host.logs[&log];
        let copy = crate::backup::PackPlan::new(&engine.snapshot()).unwrap();
        let packed = host.pack(&copy);
        assert!(!bytes.is_empty());
        host = packed;
        host.open()
    };
    let record = repo.backup(&host, &mut engine);
    let gap = record.gap.unwrap();
    assert_eq!((gap.first_lsn, gap.last_lsn), (newest.point.lsn + 1, last.lsn - 1));
    let (container, mut engine) = repo.open_point(record.entry);
    assert_eq!(Some(repo.digest(&container, &mut engine)), record.point.digest);
}

#[test]
fn replay_never_needs_more_than_sixteen_objects() {
    let (mut host, mut engine) = example();
    let mut repo = Repo::default();
    for i in 0..40 {
        host.write(&mut engine, &points(10_000 + i, 2));
        repo.backup(&host, &mut engine);
    }
    let counts: Vec<usize> = repo.entries.iter().map(|entry| repo.point(*entry).replay.len()).collect();
    assert!(
        counts.iter().all(|&count| count <= REPLAY_LOGS_MAX) && counts.contains(&REPLAY_LOGS_MAX),
        "{counts:?}"
    );
    for entry in [repo.entries[17], repo.entries[39]] {
        let (container, mut engine) = repo.open_point(entry);
        assert_eq!(Some(repo.digest(&container, &mut engine)), repo.point(entry).point.digest);
    }
}

#[test]
fn the_same_snapshot_plans_the_same_bytes() {
    let (repo, mut host, mut engine) = history();
    host.write(&mut engine, &points(9_000, 9));
    host.seal(&mut engine);
    let snapshot = engine.snapshot();
    let ground = repo.ground(repo.entries.last().copied());
    let entry = Entry::new(EntryKind::Delta, 99);
    let [a, b] = [(); 2].map(|()| repo.plan(&host, &snapshot, entry, &ground).unwrap());
    assert_eq!((&a.pages, &a.log), (&b.pages, &b.log));
    let [a_file, b_file] = [&a, &b].map(|plan| plan.container.as_ref().unwrap());
    assert_eq!((&a_file.moves, &a_file.writes), (&b_file.moves, &b_file.writes));
    let text = a.to_string();
    assert!(text.contains("delta-099") && text.contains("continues delta-005"), "{text}");
}

#[test]
fn another_database_a_rewound_one_and_a_forked_one_are_refused() {
    let (repo, host, mut engine) = history();
    let ground = repo.ground(repo.entries.last().copied());
    let entry = Entry::new(EntryKind::Delta, 6);
    let refused = |host: &Host, engine: &mut Engine, word: &str| {
        let error = repo.plan(host, &engine.snapshot(), entry, &ground).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(word), "{error}");
    };
    // The example's own copy, before the last writes.
    let (mut older, mut older_engine) = example();
    refused(&older, &mut older_engine, "rewound");
    // It goes on by itself, to more commits than the repository knows.
    for i in 0..20 {
        older.write(&mut older_engine, &points(20_000 + i, 1));
    }
    refused(&older, &mut older_engine, "different ways");
    let mut foreign = ground.clone();
    foreign.previous.as_mut().unwrap().record.point.lineage = crate::ids::Lineage([7; 16]);
    let error = repo.plan(&host, &engine.snapshot(), entry, &foreign).err().unwrap();
    assert!(error.message().contains("another database"), "{error}");
    let mut elsewhere = ground;
    elsewhere.previous.as_mut().unwrap().record.point.epoch = Epoch([7; 16]);
    let error = repo.plan(&host, &engine.snapshot(), entry, &elsewhere).err().unwrap();
    assert!(error.message().contains("in the past of this database"), "{error}");
}

#[test]
fn a_condemned_object_counts_as_absent() {
    let (mut repo, mut host, mut engine) = history();
    host.write(&mut engine, &points(9_000, 9));
    let mut ground = repo.ground(repo.entries.last().copied());
    let lists = &ground.previous.as_ref().unwrap().lists;
    let victim = lists.segments.iter().find(|segment| segment.home.number == 2).unwrap().home;
    ground.condemned.objects.insert(victim.container());
    ground
        .condemned
        .objects
        .extend(ground.previous.as_ref().unwrap().record.lists.iter().map(|(_, page)| page.name()));
    let plan = repo.plan(&host, &engine.snapshot(), Entry::new(EntryKind::Delta, 6), &ground).unwrap();
    let record = repo.carry_out(&host, &mut engine, &plan);
    assert!(record.lists.iter().all(|(_, page)| page.home == record.entry));
    assert!(repo.lists(&record).segments.iter().all(|segment| segment.home != victim));
    let (container, mut engine) = repo.open_point(record.entry);
    assert_eq!(Some(repo.digest(&container, &mut engine)), record.point.digest);
}
