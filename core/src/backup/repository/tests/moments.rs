//! Every commit in a window is restored to what the database was then, over restores and new epochs too.
use super::repo::Repo;
use crate::backup::repository::*;
use crate::backup::restored_identity;
use crate::backup::tests::host::{Host, SECOND, example, points};
use crate::digest::Digest;
use crate::engine::{Engine, Selector};
use crate::error::ErrorKind;
use crate::ids::{Epoch, Lsn};
use crate::model::TimeRange;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The digest after each commit.
type Model = BTreeMap<(Epoch, Lsn), (i64, Digest)>;

fn note(model: &mut Model, host: &Host, engine: &mut Engine) {
    let position = engine.position();
    let digest = host.digest(engine);
    model.insert((engine.identity().epoch, position.lsn), (position.commit_time_ns, digest));
}

/// Writes a few batches and a deletion, and notes each.
fn live(model: &mut Model, host: &mut Host, engine: &mut Engine, start: i64) {
    for i in 0..3 {
        host.write(engine, &points(start + 10 * i, 7));
        note(model, host, engine);
    }
    let range = TimeRange::new(Some((start + 3) * SECOND), Some((start + 9) * SECOND));
    host.delete(engine, &Selector::metric("cpu"), range);
    note(model, host, engine);
}

impl Repo {
    fn resolve(&self, timeline: &Timeline, moment: &Moment) -> crate::error::Result<RestoreFrom> {
        match timeline.resolve(moment)? {
            Resolved::Restore(from) => Ok(*from),
            Resolved::Scan(scan) => {
                let bytes = &self.objects[&scan.log.name().to_string()];
                let lineage = timeline.points()[0].point.lineage;
                let (mut found, mut stream) = (None, LogStream::of(lineage, &scan.log, bytes.len() as u64));
                stream.push(bytes, &mut |frame, _, _| {
                    found = scan.holds(frame).or(found);
                    Ok(())
                })?;
                stream.finish_object(&scan.log)?;
                timeline.scanned(&scan, found)
            }
        }
    }

    /// The digest and the last commit at a moment, read in place.
    fn digest_at(&mut self, moment: &Moment) -> crate::error::Result<(Lsn, Digest)> {
        let from = self.resolve(&self.timeline(), moment)?;
        let (container, mut engine) = self.open(&from.start, &from.legs)?;
        assert_eq!((engine.position().lsn, engine.identity().epoch), (from.at.lsn, from.at.epoch));
        Ok((engine.position().lsn, self.digest(&container, &mut engine)))
    }

    /// Writes a moment down as a database, as a restore does, and starts `epoch`.
    pub(super) fn restore(&mut self, moment: &Moment, epoch: Epoch) -> Host {
        let from = self.resolve(&self.timeline(), moment).unwrap();
        let record = &from.start;
        let plan =
            RestorePlan::new(&from, &self.lists(record), self.inventory().moves(), record.point.lineage)
                .unwrap();
        let mut data = Vec::new();
        for piece in plan.container.pieces() {
            match piece {
                PointPiece::Object(at) => {
                    let object = &self.objects[&at.object.to_string()];
                    data.extend_from_slice(&object[at.range.offset as usize..at.range.end() as usize]);
                }
                PointPiece::Bytes(bytes) => data.extend_from_slice(bytes),
                PointPiece::Zeros(len) => data.resize(data.len() + len as usize, 0),
            }
        }
        assert_eq!(data.len() as u64, plan.container.file_len());
        let mut host = Host::create();
        host.data = data;
        let logs = plan.assemble(|log| Ok(self.objects[&log.name().to_string()].as_slice())).unwrap();
        host.logs.insert(logs[0].1.first_lsn, logs[0].1.bytes.clone());
        let alone = host.clone();
        let mut engine = {
            let mut opening =
                crate::engine::Opening::new(&alone.data[..65_536], crate::engine::Options::default())
                    .unwrap();
            opening.step(&mut alone.data.as_slice()).unwrap();
            opening.into_engine(&[], alone.data.len() as u64).unwrap()
        };
        replay_legs(&mut engine, &logs).unwrap();
        host.seal(&mut engine);
        let identity = restored_identity(engine.identity(), engine.position(), epoch);
        let fold = engine.begin_epoch(identity).unwrap();
        host.perform(fold.effects.clone());
        let _ = engine.finish_checkpoint(&fold, &[]);
        host.logs.clear();
        host
    }
}

/// A first epoch of five points; a second one, restored to the middle of a window of the first; a third, restored from the
/// second before its first seal.
fn tree() -> (Repo, Model, [Epoch; 3]) {
    let (mut host, mut engine) = example();
    let (mut repo, mut model) = (Repo::default(), Model::new());
    note(&mut model, &host, &mut engine);
    repo.backup(&host, &mut engine);
    for round in 0..4 {
        live(&mut model, &mut host, &mut engine, 1_000 * (round + 1));
        if round % 2 == 1 {
            host.seal(&mut engine);
        }
        live(&mut model, &mut host, &mut engine, 1_000 * (round + 1) + 500);
        repo.backup(&host, &mut engine);
    }
    let first = engine.identity().epoch;
    let (second, third) = (Epoch([0x52; 16]), Epoch([0x53; 16]));
    let mut fork = |repo: &mut Repo, lsn: Lsn, old: Epoch, new: Epoch, start: i64| {
        let mut host = repo.restore(&Moment::Lsn { lsn, epoch: Some(old) }, new);
        let mut engine = host.open();
        note(&mut model, &host, &mut engine);
        live(&mut model, &mut host, &mut engine, start);
        let identity = engine.identity().clone();
        let previous = repo.timeline().continued_by(&identity, &engine.position()).unwrap().entry;
        repo.backup_on(&host, &mut engine, Some(previous));
        live(&mut model, &mut host, &mut engine, start + 500);
        host.seal(&mut engine);
        live(&mut model, &mut host, &mut engine, start + 700);
        repo.backup(&host, &mut engine);
        engine.position().lsn
    };
    let fork_lsn = repo.point(repo.entries[2]).point.lsn - 2;
    fork(&mut repo, fork_lsn, first, second, 50_000);
    fork(&mut repo, fork_lsn + 3, second, third, 90_000);
    (repo, model, [first, second, third])
}

#[test]
fn every_commit_in_the_windows_is_restored_exactly() {
    let (mut repo, model, epochs) = tree();
    let timeline = repo.timeline();
    for epoch in epochs {
        let spans = timeline.spans(epoch);
        assert_eq!(spans.len(), 1, "{epoch}: {timeline}");
        let last = spans[0].last;
        // What the line of this epoch consists of.
        let line: Vec<_> = model
            .iter()
            .filter(|((of, lsn), _)| {
                let branch = timeline.line(epoch).into_iter().find(|branch| branch.identity.epoch == *of);
                branch.is_some_and(|branch| *lsn > branch.from && *lsn <= branch.to)
            })
            .collect();
        assert!(line.len() > 20 || epoch != epochs[0]);
        for ((_, lsn), (time, digest)) in line.iter().filter(|((_, lsn), _)| *lsn >= spans[0].first.lsn) {
            let by_lsn = repo.digest_at(&Moment::Lsn { lsn: *lsn, epoch: Some(epoch) }).unwrap();
            assert_eq!(by_lsn, (*lsn, *digest));
            let by_time = repo.digest_at(&Moment::CommitTime { time_ns: *time, epoch: Some(epoch) }).unwrap();
            assert_eq!(by_time, (*lsn, *digest), "{epoch} {time}");
            if *lsn < last.lsn {
                let after = Moment::CommitTime { time_ns: *time + 1, epoch: Some(epoch) };
                let until = line.iter().filter(|(_, (t, _))| *t <= *time + 1).map(|((_, lsn), _)| *lsn).max();
                assert_eq!(Some(repo.digest_at(&after).unwrap().0), until);
            }
        }
    }
}

#[test]
fn a_moment_in_the_future_or_the_far_past_names_the_nearest() {
    let (repo, model, epochs) = tree();
    let timeline = repo.timeline();
    let newest = timeline.newest().unwrap();
    for (time_ns, word) in [(newest.point.commit_time_ns + 1, "before it"), (-5, "after it")] {
        let error = repo.resolve(&timeline, &Moment::CommitTime { time_ns, epoch: None }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotRestorable);
        assert!(error.message().contains(word), "{error}");
    }
    let error = repo.resolve(&timeline, &Moment::Lsn { lsn: 1 << 40, epoch: None }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRestorable);
    assert!(model.len() > 30 && epochs[2] == newest.point.epoch);
    let from = repo.resolve(&timeline, &Moment::Latest).unwrap();
    assert_eq!((from.start.entry, from.at.lsn), (newest.entry, newest.point.lsn));
}

#[test]
fn a_damaged_record_is_damage_and_never_absence() {
    let (mut repo, _, _) = tree();
    let last = *repo.entries.last().unwrap();
    repo.objects.get_mut(&last.record().to_string()).unwrap()[100] ^= 1;
    let timeline = repo.timeline();
    let error = repo.resolve(&timeline, &Moment::Latest).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Damaged, Some(last.to_string().as_str())));
    let later =
        Moment::CommitTime { time_ns: timeline.newest().unwrap().point.commit_time_ns + 1, epoch: None };
    assert_eq!(repo.resolve(&timeline, &later).unwrap_err().kind(), ErrorKind::Damaged);
    assert!(timeline.to_string().contains("damaged: "), "{timeline}");
}

#[test]
fn two_databases_in_one_repository_are_told_apart() {
    let (repo, _, _) = tree();
    let mut records = repo.records();
    if let Ok(EntryRecord::Point(point)) = &mut records[1].1 {
        point.point.lineage = crate::ids::Lineage([0x77; 16]);
    }
    let error = Timeline::new(records, &[]).unwrap_err();
    assert!(error.message().contains("several databases") && error.message().contains("7777"), "{error}");
}

#[test]
fn a_question_about_one_metric_reads_little_of_the_repository() {
    let (mut repo, _, _) = tree();
    let entry = *repo.entries.last().unwrap();
    let (container, mut engine) = repo.open_point(entry);
    let all: usize = repo.objects.values().map(Vec::len).sum();
    repo.bytes_read = 0;
    let view = repo.view(&container, &mut engine, &Selector::metric("disk"));
    let mut reader = crate::engine::DigestRun::new(alloc::sync::Arc::new(view), false);
    while !matches!(
        reader.step(&mut container.source(&mut repo)).unwrap(),
        crate::source::Step::Ready(Some(_))
    ) {}
    assert!(repo.bytes_read > 0 && repo.bytes_read * 5 < all as u64, "{} of {all}", repo.bytes_read);
}
