//! What a prune keeps and takes, and that everything that stays still reads.
use super::deltas::history;
use super::repo::{JOB, Repo};
use crate::backup::repository::*;
use crate::backup::tests::host::{Host, SECOND, example, points};
use crate::engine::{Engine, Selector};
use crate::error::ErrorKind;
use crate::ids::Hash;
use crate::model::TimeRange;
use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;

impl Repo {
    fn plan_prune(&self, keep: &Keep) -> PrunePlan {
        let inventory = self.inventory();
        let kept = PrunePlan::choose(&inventory, keep, &BTreeSet::new(), None).unwrap();
        PrunePlan::new(&inventory, keep, kept, |page| self.page(page)).unwrap()
    }

    /// A prune from its plan to its last deletion.
    fn prune(&mut self, keep: &Keep) -> PrunePlan {
        let mut plan = self.plan_prune(keep);
        let absent = |name: &&ObjectName| !self.objects.contains_key(&name.to_string());
        plan.forget(&plan.recondemned.iter().filter(absent).copied().collect());
        self.carry_out_prune(&plan);
        plan
    }

    fn carry_out_prune(&mut self, plan: &PrunePlan) {
        assert!(plan.needed.iter().all(|name| self.objects.contains_key(&name.to_string())));
        assert!(plan.needed.is_disjoint(&plan.condemned_objects));
        let entry = Entry::new(EntryKind::Prune, self.claimed.last().unwrap().number + 1);
        self.claimed.push(entry);
        let (mark, pages) = plan.mark(entry, JOB, 3).unwrap();
        pages.into_iter().for_each(|page| drop(self.objects.insert(page.name.to_string(), page.bytes)));
        self.objects.insert(entry.record().to_string(), mark.to_bytes().unwrap());
        self.entries.push(entry);
        self.work_off(&mark);
    }

    fn work_off(&mut self, mark: &EntryRecord) {
        let EntryRecord::Prune(mark) = mark else { unreachable!() };
        let Ok((entries, objects)) = PrunePlan::deletions(mark, &self.inventory()) else { return };
        for entry in entries {
            self.objects.remove(&entry.record().to_string());
            self.entries.retain(|other| *other != entry);
        }
        objects.into_iter().for_each(|name| drop(self.objects.remove(&name.to_string())));
    }

    fn consolidate(&mut self, vacate: &BTreeSet<Entry>) {
        let inventory = self.inventory();
        let entry = Entry::new(EntryKind::Moves, self.claimed.last().unwrap().number + 1);
        let needed: Vec<LocatedSegment> = inventory
            .points()
            .flat_map(|point| &point.lists.segments)
            .flat_map(|page| self.page(page).unwrap())
            .collect();
        let newest = inventory.points().last().unwrap();
        let plan = MovesPlan::new(entry, vacate, needed, newest, inventory.moves()).unwrap();
        let mut bytes = Vec::new();
        for piece in plan.pieces() {
            match piece {
                PointPiece::Object(at) => {
                    let object = &self.objects[&at.object.to_string()];
                    bytes.extend_from_slice(&object[at.range.offset as usize..at.range.end() as usize]);
                }
                PointPiece::Bytes(new) => bytes.extend_from_slice(new),
                PointPiece::Zeros(len) => bytes.resize(bytes.len() + len as usize, 0),
            }
        }
        assert_eq!(bytes.len() as u64, plan.file_len());
        let record = plan.record(JOB, 4, Hash::of(&bytes)).to_bytes().unwrap();
        self.objects.insert(entry.container().to_string(), bytes);
        for page in plan.pages {
            self.objects.insert(page.name.to_string(), page.bytes);
        }
        self.objects.insert(entry.record().to_string(), record);
        self.entries.push(entry);
        self.claimed.push(entry);
    }

    /// Every point reads to its digest, and a full check finds every object as it should be.
    fn assert_sound(&mut self) {
        let inventory = self.inventory();
        let points: Vec<Entry> = inventory.points().map(|point| point.entry).collect();
        for entry in points {
            let (container, mut engine) = self.open_point(entry);
            assert_eq!(Some(self.digest(&container, &mut engine)), self.point(entry).point.digest, "{entry}");
        }
        for check in VerifyPlan::new(&inventory).objects {
            let bytes = &self.objects[&check.name.to_string()];
            assert_eq!(Some(bytes.len() as u64), check.len, "{}", check.name);
            assert_eq!(Some(Hash::of(bytes)), check.blake3, "{}", check.name);
        }
        // Nothing is there that nobody knows.
        let known = inventory.objects();
        for name in self.objects.keys() {
            let name = ObjectName::parse(name).unwrap();
            assert!(name.file == ObjectFile::Record || known.contains_key(&name), "orphan {name}");
        }
    }
}

fn last(count: u64) -> Keep {
    Keep { last: count, ..Keep::default() }
}

#[test]
fn a_prune_keeps_what_the_rules_say_and_every_kept_point_reads() {
    let (mut repo, mut host, mut engine) = history();
    repo.assert_sound();
    let plan = repo.prune(&last(2));
    assert_eq!(plan.kept.keys().copied().collect::<Vec<_>>(), [4, 5]);
    let text = plan.to_string();
    assert!(text.contains("keep: newest, last") && text.contains("remove"), "{text}");
    repo.assert_sound();
    assert!(!repo.objects.contains_key("base/metadata.json"));
    assert!(repo.inventory().unfinished().is_empty(), "the claims of pruned points are closed");
    // Life goes on: a delta on what is left, and another prune.
    host.write(&mut engine, &points(9_000, 20));
    host.seal(&mut engine);
    repo.backup(&host, &mut engine);
    repo.assert_sound();
    let plan = repo.prune(&last(1));
    assert!(!plan.recondemned.is_empty() && plan.recondemned.is_disjoint(&plan.condemned_objects));
    repo.assert_sound();
    assert_eq!(repo.inventory().points().count(), 1);
    assert_eq!(
        repo.entries.iter().filter(|entry| entry.kind == EntryKind::Prune).count(),
        1,
        "one mark stands for all"
    );
}

#[test]
fn without_a_window_every_moment_between_kept_points_stays() {
    let (mut repo, _, _) = history();
    let before = repo.timeline().spans(repo.timeline().newest().unwrap().point.epoch)[0];
    repo.prune(&last(2));
    let timeline = repo.timeline();
    let spans = timeline.spans(timeline.newest().unwrap().point.epoch);
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].last, before.last);
    assert_eq!(spans[0].first.lsn, timeline.points()[0].checkpoint.lsn);
}

#[test]
fn a_window_drops_older_logs_and_keeps_the_points_and_a_start() {
    let (repo, _, _) = history();
    let end = repo.timeline().newest().unwrap().point.commit_time_ns;
    let keep = Keep { last: 1, pitr_window_ns: Some(SECOND as u64), ..Keep::default() };
    let mut pruned = repo.clone();
    let inventory = pruned.inventory();
    let kept = PrunePlan::choose(&inventory, &keep, &[0].into(), None).unwrap();
    let plan = PrunePlan::new(&inventory, &keep, kept, |page| pruned.page(page)).unwrap();
    pruned.carry_out_prune(&plan);
    assert!(plan.condemned_objects.iter().any(|name| matches!(name.file, ObjectFile::Log(_))), "{plan}");
    pruned.assert_sound();
    let timeline = pruned.timeline();
    let spans = timeline.spans(timeline.newest().unwrap().point.epoch);
    assert!(spans.len() > 1);
    for time_ns in [end - SECOND, end] {
        let moment = Moment::CommitTime { time_ns, epoch: None };
        assert!(timeline.resolve(&moment).is_ok(), "{time_ns}");
    }
    // What was dropped is a gap, with its two neighbours.
    let lsn = spans[0].last.lsn + 1;
    let error = timeline.resolve(&Moment::Lsn { lsn, epoch: None }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRestorable);
    assert!(error.message().contains("before it") && error.message().contains("after it"), "{error}");
}

#[test]
fn without_a_rule_or_with_a_damaged_record_nothing_is_pruned() {
    let (mut repo, _, _) = history();
    let choose =
        |repo: &Repo, keep: &Keep| PrunePlan::choose(&repo.inventory(), keep, &BTreeSet::new(), None);
    assert_eq!(choose(&repo, &Keep::default()).unwrap_err().kind(), ErrorKind::InvalidInput);
    repo.objects.get_mut("delta-001/metadata.json").unwrap()[50] ^= 1;
    assert_eq!(choose(&repo, &last(1)).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn held_and_verified_points_stay() {
    let (repo, _, _) = history();
    let kept = PrunePlan::choose(&repo.inventory(), &last(1), &[1].into(), Some(2)).unwrap();
    assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [1, 2, 5]);
    assert!(kept[&1].contains(&Reason::Held) && kept[&2].contains(&Reason::NewestVerified));
}

#[test]
fn rules_count_back_from_the_newest_point_by_the_utc_calendar() {
    let (repo, _, _) = history();
    let template = repo.point(repo.entries[1]);
    let at = |number: u64, text: &str| {
        let mut point = template.clone();
        point.entry.number = number;
        point.point.commit_time_ns = crate::time::parse_timestamp(text).unwrap();
        point
    };
    let points = [
        at(1, "2022-12-31T23:30:00Z"),
        at(2, "2023-01-01T00:10:00Z"),
        at(3, "2023-01-01T23:59:00Z"),
        at(4, "2023-01-02T00:01:00Z"),
        at(5, "2023-01-02T10:15:00Z"),
        at(6, "2023-01-02T10:45:00Z"),
    ];
    let points: Vec<&PointRecord> = points.iter().collect();
    let chosen =
        |keep: Keep| keep.choose(&points, &BTreeSet::new(), None).keys().copied().collect::<Vec<_>>();
    let none = Keep::default();
    assert_eq!(chosen(Keep { hourly: 3, ..none.clone() }), [3, 4, 6]);
    assert_eq!(chosen(Keep { daily: 2, ..none.clone() }), [3, 6]);
    // 2023-01-02 is a Monday.
    assert_eq!(chosen(Keep { weekly: 2, ..none.clone() }), [3, 6]);
    assert_eq!(chosen(Keep { monthly: 9, ..none.clone() }), [1, 6]);
    assert_eq!(chosen(Keep { yearly: 2, ..none.clone() }), [1, 6]);
    let within = Some(35 * 60 * SECOND as u64);
    assert_eq!(chosen(Keep { within_ns: within, ..none }), [5, 6]);
}

#[test]
fn an_unfinished_job_below_the_mark_holds_up_every_deletion() {
    let (mut repo, _, _) = history();
    let dead = Entry::new(EntryKind::Delta, 6);
    repo.claimed.push(dead);
    let plan = repo.plan_prune(&last(1));
    assert_eq!(plan.unfinished, [6]);
    let entry = Entry::new(EntryKind::Prune, 7);
    repo.claimed.push(entry);
    let (mark, pages) = plan.mark(entry, JOB, 3).unwrap();
    pages.into_iter().for_each(|page| drop(repo.objects.insert(page.name.to_string(), page.bytes)));
    repo.objects.insert(entry.record().to_string(), mark.to_bytes().unwrap());
    let EntryRecord::Prune(record) = &mark else { unreachable!() };
    assert_eq!(PrunePlan::deletions(record, &repo.inventory()).unwrap_err().kind(), ErrorKind::Busy);
    let void = EntryRecord::Void(Void { entry: dead, job: JOB, created_ns: 1 });
    repo.objects.insert(dead.record().to_string(), void.to_bytes().unwrap());
    repo.work_off(&mark);
    assert!(!repo.objects.contains_key("base/metadata.json"));
    repo.entries.push(entry);
    assert_eq!(repo.inventory().points().count(), 1);
}

#[test]
fn a_plan_that_does_not_know_a_mark_begins_again() {
    let (mut repo, _, _) = history();
    let planned = repo.inventory();
    let open = Entry::new(EntryKind::Prune, 6);
    repo.claimed.push(open);
    repo.prune(&last(2));
    let marked = Entry::new(EntryKind::Prune, 7);
    let (to_void, unknown) = repo.inventory().prunes_unknown_to(&planned, 8);
    assert_eq!((to_void, unknown), (Vec::from([open]), Vec::from([marked])));
    assert_eq!(repo.inventory().prunes_unknown_to(&repo.inventory(), 8), (Vec::from([open]), Vec::new()));
}

#[test]
fn moved_segments_are_found_and_the_old_object_can_go() {
    let (mut repo, mut host, mut engine) = history();
    repo.prune(&last(2));
    let vacate: BTreeSet<Entry> = [Entry::new(EntryKind::Base, 0)].into();
    repo.consolidate(&vacate);
    repo.assert_sound();
    let plan = repo.prune(&last(2));
    assert!(plan.condemned_objects.contains(&Entry::new(EntryKind::Base, 0).container()), "{plan}");
    assert!(!repo.objects.contains_key("base/data.db"));
    repo.assert_sound();
    host.write(&mut engine, &points(9_500, 20));
    let record = repo.backup(&host, &mut engine);
    assert!(!record.containers.contains(&Entry::new(EntryKind::Base, 0)));
    repo.assert_sound();
    // Moved once more, out of the container of the moves.
    let moves = *repo.entries.iter().find(|entry| entry.kind == EntryKind::Moves).unwrap();
    repo.consolidate(&[moves].into());
    repo.prune(&last(2));
    repo.assert_sound();
}

fn grow(host: &mut Host, engine: &mut Engine, step: u8, at: i64) {
    host.write(engine, &points(at, 20));
    match step % 3 {
        0 => host.seal(engine),
        1 => host.delete(
            engine,
            &Selector::metric("cpu"),
            TimeRange::new(Some((at - 50) * SECOND), Some(at * SECOND)),
        ),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn backups_and_prunes_in_any_order_leave_every_kept_point_whole(steps in proptest::collection::vec(any::<u8>(), 5..14)) {
        let (mut host, mut engine) = example();
        let mut repo = Repo::default();
        repo.backup(&host, &mut engine);
        for (index, step) in steps.into_iter().enumerate() {
            grow(&mut host, &mut engine, step, 1_000 * (index as i64 + 1));
            match step % 5 {
                0 => drop(repo.prune(&last(1 + u64::from(step) % 3))),
                1 => {
                    let window = Some(u64::from(step) * SECOND as u64 / 20);
                    drop(repo.prune(&Keep { last: 2, pitr_window_ns: window, ..Keep::default() }));
                }
                2 => {
                    let inventory = repo.inventory();
                    let needs = inventory.points().flat_map(|point| inventory.needs(point));
                    let containers = needs.filter(|name| *name == name.entry.container() && name.entry.kind != EntryKind::Moves);
                    // A base's own file is needed for its record's sake, even when its segments were moved.
                    let vacate = containers.map(|name| name.entry).find(|home| {
                        !inventory.newest_moves().is_some_and(|moves| moves.vacated.contains(home))
                            && inventory.points().any(|point| point.containers.contains(home))
                    });
                    vacate.into_iter().for_each(|home| repo.consolidate(&[home].into()));
                }
                _ => drop(repo.backup(&host, &mut engine)),
            }
            repo.assert_sound();
        }
    }
}
