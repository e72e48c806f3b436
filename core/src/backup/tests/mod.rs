//! A snapshot from the engine to bytes, to a restored database, and back.
pub(crate) mod host;
mod record;

use super::{PackPlan, Piece, restored_identity};
use crate::engine::{Effect, Selector};
use crate::error::ErrorKind;
use crate::format::{
    Commit, CommitKind, EpochParent, Features, FrameHead, LogExpectation, LogHeader, LogScan, LogStart,
    OtherSlot, encode_frame, newest,
};
use crate::ids::Epoch;
use crate::model::TimeRange;
use alloc::string::ToString;
use alloc::vec::Vec;
use host::{Host, SECOND, example, points};

const NEW_EPOCH: Epoch = Epoch([3; 16]);

#[test]
fn a_packed_copy_holds_every_visible_point_of_the_snapshot_and_none_after_it() {
    let (mut host, mut engine) = example();
    let snapshot = engine.snapshot();
    let digest = host.digest(&mut engine);
    // Life goes on: the snapshot's extents and log stay, what comes after it is not in it.
    host.write(&mut engine, &points(5_000, 50));
    host.seal(&mut engine);
    host.seal(&mut engine);
    let plan = PackPlan::new(&snapshot).unwrap();
    let copy = host.pack(&plan);
    let mut opened = copy.open_to_read().unwrap();
    assert_eq!(copy.digest(&mut opened), digest);
    assert_eq!(opened.position(), snapshot.position);
    assert_eq!(copy.data.len() as u64, plan.data.file_len);
    assert_eq!(copy.logs[&plan.log.first_lsn].len() as u64, plan.log.len());
    let (superblock, report) = newest(&copy.data).unwrap();
    assert_eq!((superblock.generation, report.other), (1, OtherSlot::Empty));
    copy.record(&plan, digest, 3).matches(&superblock).unwrap();
}

#[test]
fn the_two_ways_to_carry_out_a_plan_give_the_same_bytes() {
    let (host, mut engine) = example();
    let plan = PackPlan::new(&engine.snapshot()).unwrap();
    let mut file = alloc::vec![0; plan.data.file_len as usize];
    for part in &plan.data.moves {
        let bytes = &host.data[part.from.offset as usize..part.from.end() as usize];
        file[part.to as usize..part.to as usize + bytes.len()].copy_from_slice(bytes);
    }
    for (offset, bytes) in &plan.data.writes {
        file[*offset as usize..*offset as usize + bytes.len()].copy_from_slice(bytes);
    }
    assert!(host.pack(&plan).data == file);
    assert!(plan.pieces().all(|piece| !piece.is_empty()));
    let copied: u64 = plan.data.moves.iter().map(|part| part.from.len).sum();
    assert_eq!(plan.source_bytes(), copied + plan.log.len() - plan.log.header.len() as u64);
    assert!(plan.to_string().contains("data.db.wal-"), "{plan}");
}

#[test]
fn a_snapshot_that_is_packed_twice_gives_the_same_bytes_and_no_garbage_of_the_source() {
    let (mut host, mut engine) = example();
    let snapshot = engine.snapshot();
    let first = host.pack(&PackPlan::new(&snapshot).unwrap());
    // What lies between extents of the source is covered by no checksum, and must not get into a copy.
    for entry in snapshot.segments() {
        let end = entry.extent().end() as usize;
        host.data[end..end.next_multiple_of(4096)].fill(0xee);
    }
    let second = host.pack(&PackPlan::new(&snapshot).unwrap());
    assert!(first.data == second.data && first.logs == second.logs);
}

#[test]
fn segments_lie_in_order_of_time_behind_the_dictionary() {
    let (mut host, mut engine) = example();
    host.write(&mut engine, &points(-9_000, 5));
    host.seal(&mut engine);
    let copy = host.pack(&PackPlan::new(&engine.snapshot()).unwrap());
    let mut opened = copy.open_to_read().unwrap();
    let snapshot = opened.snapshot();
    let mut entries: Vec<_> = snapshot.segments().copied().collect();
    entries.sort_unstable_by_key(|entry| entry.offset);
    assert!(entries.is_sorted_by_key(|entry| (
        entry.summary.points > 0,
        entry.summary.time.min.saturating_mul(i64::from(entry.summary.points > 0))
    )));
}

#[test]
fn a_database_without_a_commit_packs_and_opens() {
    let mut host = Host::create();
    let mut engine = host.open();
    let plan = PackPlan::new(&engine.snapshot()).unwrap();
    let copy = host.pack(&plan);
    assert_eq!((plan.log.first_lsn, plan.log.is_empty(), plan.source_bytes()), (1, true, 0));
    assert_eq!(copy.open_to_read().unwrap().position().lsn, 0);
    assert!(matches!(plan.pieces().last(), Some(Piece::Bytes(_) | Piece::Zeros(_))));
}

/// Opens a staged copy, folds its log in and starts the new epoch, as a restore does.
fn restore(staged: &mut Host, epoch: Epoch) {
    let mut engine = staged.open_to_read().unwrap();
    staged.seal(&mut engine);
    let identity = restored_identity(engine.identity(), engine.position(), epoch);
    let fold = engine.begin_epoch(identity).unwrap();
    staged.perform(fold.effects.clone());
    let _ = engine.finish_checkpoint(&fold, &[]);
    staged.logs.clear();
}

#[test]
fn a_restored_copy_is_one_file_of_a_new_epoch_that_goes_on() {
    let (host, mut engine) = example();
    let digest = host.digest(&mut engine);
    let snapshot = engine.snapshot();
    let mut restored = host.pack(&PackPlan::new(&snapshot).unwrap());
    restore(&mut restored, NEW_EPOCH);

    let (superblock, report) = newest(&restored.data).unwrap();
    let parent = superblock.root.parent.unwrap();
    assert_eq!((superblock.epoch, superblock.root.log), (NEW_EPOCH, LogStart::None));
    assert_eq!(report.other, OtherSlot::Empty, "no superblock of the old epoch stays behind");
    assert_eq!((parent.epoch, parent.lsn), (snapshot.identity.epoch, snapshot.position.lsn));
    assert_eq!(parent.chain, snapshot.position.chain);
    assert!(superblock.root.settings.retention_suspended);

    let mut opened = restored.open();
    assert_eq!(restored.digest(&mut opened), digest);
    assert_eq!(opened.position().lsn, parent.lsn + 1, "the commit that starts the epoch");
    restored.write(&mut opened, &points(9_000, 30));
    assert!(opened.prepare_new_epoch(0).unwrap().is_none(), "an epoch starts once");
    let mut expected = host.clone();
    expected.write(&mut engine, &points(9_000, 30));
    let with_more = expected.digest(&mut engine);
    assert_eq!(restored.digest(&mut opened), with_more);
    drop(opened);
    let mut again = restored.open();
    assert_eq!(restored.digest(&mut again), with_more);
    assert_eq!(again.position().lsn, parent.lsn + 2);
    // The log continues the parent's chain, and starts with the commit that says so.
    let (first_lsn, log) = restored.logs.iter().next().unwrap();
    assert_eq!(*first_lsn, parent.lsn + 1);
    let expectation = LogExpectation {
        lineage: superblock.lineage,
        epoch: NEW_EPOCH,
        first_lsn: *first_lsn,
        chain: Some(parent.chain),
        commit_time_ns: snapshot.position.commit_time_ns,
        known_durable_lsn: 0,
    };
    let first = LogScan::new(log, &expectation).unwrap().next().unwrap();
    assert_eq!(first.head.kind, CommitKind::NewEpoch);
    // A snapshot of the restored database is one like any other.
    let copy = restored.pack(&PackPlan::new(&again.snapshot()).unwrap());
    assert_eq!(copy.digest(&mut copy.open_to_read().unwrap()), with_more);
}

#[test]
fn a_crash_anywhere_in_the_fold_leaves_the_old_epoch_or_the_new_one() {
    let (host, mut engine) = example();
    let mut staged = host.pack(&PackPlan::new(&engine.snapshot()).unwrap());
    let mut engine = staged.open_to_read().unwrap();
    staged.seal(&mut engine);
    let old = engine.identity().epoch;
    let identity = restored_identity(engine.identity(), engine.position(), NEW_EPOCH);
    let fold = engine.begin_epoch(identity).unwrap();
    for done in 0..=fold.effects.len() {
        let mut crashed = staged.clone();
        crashed.perform(fold.effects[..done].to_vec());
        // The effect in progress is torn after its first bytes.
        if let Some(Effect::WriteSlot { slot, bytes }) = fold.effects.get(done) {
            crashed.perform(alloc::vec![Effect::WriteSlot { slot: *slot, bytes: bytes[..100].to_vec() }]);
        }
        let (superblock, _) = newest(&crashed.data).unwrap();
        let whole = done > 1;
        assert_eq!(superblock.epoch, if whole { NEW_EPOCH } else { old }, "after {done} effects");
        if whole {
            crashed.logs.clear();
        }
        crashed.open_to_read().unwrap();
    }
}

#[test]
fn an_epoch_does_not_begin_over_unsealed_commits_nor_elsewhere() {
    let (mut host, mut engine) = example();
    let identity = restored_identity(engine.identity(), engine.position(), NEW_EPOCH);
    assert_eq!(engine.begin_epoch(identity.clone()).unwrap_err().kind(), ErrorKind::InvalidInput);
    host.write(&mut engine, &points(0, 1));
    host.seal(&mut engine);
    // Made for an earlier commit.
    assert_eq!(engine.begin_epoch(identity).unwrap_err().kind(), ErrorKind::InvalidInput);
    let same = restored_identity(engine.identity(), engine.position(), engine.identity().epoch);
    assert_eq!(engine.begin_epoch(same).unwrap_err().kind(), ErrorKind::InvalidInput);
    host.delete(&mut engine, &Selector::all(), TimeRange::ALL);
}

#[test]
fn a_first_epoch_starts_without_a_commit_that_says_so() {
    let mut host = Host::create();
    let mut engine = host.open();
    assert_eq!(engine.prepare_new_epoch(SECOND).unwrap(), None);
    assert_eq!(engine.position().lsn, 0);
}

#[test]
fn a_crash_while_the_first_writer_opens_a_restored_copy_loses_nothing() {
    let (host, mut engine) = example();
    let mut restored = host.pack(&PackPlan::new(&engine.snapshot()).unwrap());
    restore(&mut restored, NEW_EPOCH);
    let digest = host.digest(&mut engine);
    let parent = engine.position().lsn;
    let effects = restored.open_to_read().unwrap().start_log(false, SECOND).unwrap();
    assert!(matches!(effects[0], Effect::CreateLog { .. }));
    for done in 0..=effects.len() {
        let mut crashed = restored.clone();
        crashed.perform(effects[..done].to_vec());
        let mut opened = crashed.open();
        assert_eq!(opened.position().lsn, parent + 1, "the epoch starts once, after {done} effects");
        assert_eq!(crashed.digest(&mut opened), digest);
        crashed.write(&mut opened, &points(0, 1));
        assert_eq!(crashed.open_to_read().unwrap().position().lsn, parent + 2);
    }
}

#[test]
fn a_log_whose_epoch_starts_elsewhere_than_the_superblock_says_is_refused() {
    let (host, mut engine) = example();
    let snapshot = engine.snapshot();
    let mut restored = host.pack(&PackPlan::new(&snapshot).unwrap());
    restore(&mut restored, NEW_EPOCH);
    let parent = newest(&restored.data).unwrap().0.root.parent.unwrap();
    let first_lsn = parent.lsn + 1;
    let header = LogHeader {
        features: Features::default(),
        lineage: snapshot.identity.lineage,
        epoch: NEW_EPOCH,
        first_lsn,
        chain: parent.chain,
        host_clock_ns: 0,
    };
    let head = FrameHead {
        lsn: first_lsn,
        host_clock_ns: 0,
        commit_time_ns: snapshot.position.commit_time_ns + 1,
        durable_lsn: parent.lsn,
        kind: CommitKind::NewEpoch,
        points: 0,
    };
    for (named, opens) in [(parent, true), (EpochParent { lsn: parent.lsn - 1, ..parent }, false)] {
        let payload = Commit::NewEpoch(named).encode().unwrap();
        let mut log = header.encode();
        encode_frame(&head, &payload, &parent.chain, &NEW_EPOCH, &mut log).unwrap();
        restored.logs = [(first_lsn, log)].into();
        assert_eq!(restored.open_to_read().is_ok(), opens);
    }
}
