//! What runs when.
use crate::place::{A_WHILE, HOUR, MINUTE, Place, job, runs, task, wait_until};
use chronicle::schedule::{
    BackupKind, Event, HookConfig, Level, NewBaseConfig, ScheduleConfig, ScheduleStatus, Task, VerifyConfig,
};
use chronicle::{BackupScheduler, ErrorKind, backup::Repository};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn a_machine_that_slept_for_a_day_makes_one_backup_and_a_clock_set_back_a_year_stops_none() {
    let place = Place::new();
    let scheduler = place.start([place.hourly("a", "repo")]);
    wait_until("the first backup", || runs(&scheduler, "a") == (1, 0));
    place.clock.advance(24 * HOUR + 7 * MINUTE);
    wait_until("the late backup", || runs(&scheduler, "a") == (2, 0));
    sleep(A_WHILE);
    assert_eq!(runs(&scheduler, "a"), (2, 0), "late by a day is once");
    place.clock.advance(-365 * 24 * HOUR);
    wait_until("a backup by a clock that was set back", || runs(&scheduler, "a") == (3, 0));
    sleep(A_WHILE);
    assert_eq!(runs(&scheduler, "a"), (3, 0));
    place.clock.advance(HOUR + 1);
    wait_until("the next regular backup", || runs(&scheduler, "a") == (4, 0));
    let points = Repository::open(place.path("repo")).unwrap().content().unwrap().timeline.points().len();
    assert_eq!(points, 4);
}

#[test]
fn when_a_job_ran_last_is_read_off_its_destination() {
    let place = Place::new();
    let run_due = || place.builder(ScheduleConfig::new([place.hourly("a", "repo")])).run_due().unwrap();
    assert_eq!(run_due().len(), 1);
    assert_eq!(run_due().len(), 0, "another scheduler knows of the run");
    place.clock.advance(HOUR + MINUTE);
    let reports = run_due();
    assert_eq!((reports.len(), reports[0].point.as_deref()), (1, Some("delta-001")));
    let upcoming = place.builder(ScheduleConfig::new([place.hourly("a", "repo")])).upcoming(3).unwrap();
    assert_eq!(upcoming.len(), 1);
    // The point's own time is the machine's, an hour before the test's: it is late.
    assert!(upcoming[0].due && upcoming[0].times.len() == 3 && upcoming[0].told.is_empty());
}

#[test]
fn two_jobs_of_one_destination_take_turns() {
    let place = Place::new();
    let log = place.path("log");
    let script = format!("echo begin >> {0}; sleep 0.2; echo end >> {0}", log.display());
    let slow = |name: &str, dest: &str| {
        let mut job = place.hourly(name, dest);
        job.on_success = Some(HookConfig::command(["sh", "-c", &script]));
        job
    };
    std::os::unix::fs::symlink(place.path("repo"), place.path("the same")).unwrap();
    std::fs::create_dir(place.path("repo")).unwrap();
    let scheduler = place.start([slow("a", "repo"), slow("b", "the same")]);
    wait_until("both", || runs(&scheduler, "a").0 == 1 && runs(&scheduler, "b").0 == 1);
    scheduler.stop();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "begin\nend\nbegin\nend\n");
}

#[test]
fn a_slow_destination_keeps_no_other_waiting() {
    let place = Place::new();
    let mut slow = place.hourly("slow", "repo");
    slow.on_success = Some(HookConfig::command(["sleep", "5"]));
    let started = Instant::now();
    let scheduler = place.start([slow, place.hourly("fast", "other")]);
    wait_until("the fast one", || runs(&scheduler, "fast").0 == 1);
    assert!(started.elapsed() < Duration::from_secs(5) && runs(&scheduler, "slow").0 == 0);
}

#[test]
fn a_run_out_of_turn_is_waited_for_and_counts_as_the_last() {
    let place = Place::new();
    let scheduler = place.start([place.hourly("a", "repo")]);
    wait_until("the first backup", || runs(&scheduler, "a") == (1, 0));
    place.clock.advance(50 * MINUTE);
    let report = scheduler.run_now("a").unwrap();
    assert_eq!((report.event, report.point.as_deref()), (Event::Success, Some("delta-001")));
    let next = task(&scheduler, "a", Task::Backup).next.unwrap();
    assert_eq!(next, report.started + HOUR);
    assert_eq!(scheduler.run_now("b").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(scheduler.run_task_now("a", Task::Verify).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn stopping_finishes_what_runs_and_begins_nothing() {
    let place = Place::new();
    let done = place.path("done");
    let mut job = place.hourly("a", "repo");
    job.on_success = Some(HookConfig::command(["sh", "-c", &format!("sleep 0.5; touch {}", done.display())]));
    let scheduler = place.start([job, place.hourly("b", "repo")]);
    wait_until("a run", || crate::place::job(&scheduler, "a").running.is_some());
    scheduler.stop();
    assert!(done.exists(), "the hook belongs to the run");
    let points = Repository::open(place.path("repo")).unwrap().content().unwrap().timeline.points().len();
    assert_eq!(points, 1, "b was due, and is not begun");
}

#[test]
fn a_failure_that_may_pass_is_tried_again_and_one_that_can_not_is_not() {
    let place = Place::new();
    let config = |dest: &str, source: &str| {
        let mut job = place.hourly("a", dest);
        job.source = Some(place.path(source));
        job.retries = 2;
        job.retry_wait = Duration::from_secs(300);
        chronicle::schedule::ScheduleBuilder::new(ScheduleConfig::new([job])).clock(place.clock.clone())
    };
    let failed = |scheduler: &BackupScheduler| runs(scheduler, "a").1;
    let scheduler = config("repo", "not there yet.db").start().unwrap();
    for attempt in 1..=3 {
        wait_until("an attempt", || failed(&scheduler) == attempt);
        let last = task(&scheduler, "a", Task::Backup).last.unwrap();
        assert_eq!(u64::from(last.attempt), attempt);
        assert!(last.error.unwrap().message.contains("no such"), "it says why");
        sleep(A_WHILE);
        assert_eq!(failed(&scheduler), attempt, "not before it is time");
        place.clock.advance(5 * MINUTE);
    }
    sleep(A_WHILE);
    assert_eq!(failed(&scheduler), 3, "then only at the regular time");
    drop(scheduler);
    std::fs::write(place.path("file"), "no folder").unwrap();
    let scheduler = config("file/repo", "data.db").start().unwrap();
    wait_until("the failure", || failed(&scheduler) == 1);
    place.clock.advance(5 * MINUTE);
    sleep(A_WHILE);
    assert_eq!(failed(&scheduler), 1, "a path through a file stays one");
}

#[test]
fn a_new_base_comes_after_so_many_points_or_so_long() {
    let place = Place::new();
    let mut job = place.hourly("a", "repo");
    job.new_base = Some(NewBaseConfig { points: Some(3), age: Some(Duration::from_secs(86_400)) });
    let scheduler = place.start([job]);
    wait_until("the first backup", || runs(&scheduler, "a").0 == 1);
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(scheduler.run_now("a").unwrap().point.unwrap());
    }
    place.clock.advance(24 * HOUR + MINUTE);
    made.push(scheduler.run_now("a").unwrap().point.unwrap());
    assert_eq!(made[..3], ["delta-001", "delta-002", "base-003"]);
    // The first of the two after a day is a regular one that was due, or the one that was asked for.
    assert!(made[4] == "base-005" || made[4] == "delta-006", "{made:?}");
    let fresh = job_freshness(&scheduler);
    assert!(fresh.points_since_base <= 2, "{fresh:?}");
}

fn job_freshness(scheduler: &BackupScheduler) -> chronicle::schedule::Freshness {
    job(scheduler, "a").freshness.unwrap()
}

#[test]
fn snapshots_of_one_second_have_names_of_their_own_and_the_newest_is_restored() {
    let place = Place::new();
    let mut config = place.hourly("a", "snapshots");
    config.kind = BackupKind::Snapshot;
    let scheduler = place.start([config]);
    wait_until("the first backup", || runs(&scheduler, "a").0 == 1);
    place.db.write(chronicle::Point::new("cpu", 2, 2.0)).unwrap();
    let report = scheduler.run_now("a").unwrap();
    assert!(report.point.unwrap().ends_with("Z-2"));
    let restored =
        chronicle::restore_snapshot(place.path("snapshots/latest"), place.path("restored")).unwrap();
    assert_eq!(restored.digest.points, 2);
}

#[test]
fn a_verification_waits_for_a_backup_is_noted_and_is_not_repeated_by_the_next_scheduler() {
    let place = Place::new();
    for (kind, dest) in [(BackupKind::Delta, "repo"), (BackupKind::Snapshot, "snapshots")] {
        let config = || {
            let mut job = place.hourly("a", dest);
            job.kind = kind;
            job.verify = Some(VerifyConfig {
                level: Level::Full,
                schedule: None,
                every: Some(Duration::from_secs(86_400)),
            });
            ScheduleConfig::new([job])
        };
        let tasks = || -> Vec<(Task, Event)> {
            let reports = place.builder(config()).run_due().unwrap();
            reports.iter().map(|report| (report.task, report.event)).collect()
        };
        assert_eq!(tasks(), [(Task::Backup, Event::Success), (Task::Verify, Event::Success)], "{kind:?}");
        assert_eq!(tasks(), [], "{kind:?}");
        let scheduler = place.builder(config()).start().unwrap();
        wait_until("a look", || job(&scheduler, "a").freshness.is_some());
        let fresh = job_freshness(&scheduler);
        assert!(fresh.verified.is_some() && fresh.verified_made == fresh.newest_made, "{fresh:?}");
    }
}

#[test]
fn a_damaged_backup_is_a_failure_with_its_findings_and_no_proof() {
    let place = Place::new();
    let mut job = place.hourly("a", "repo");
    job.verify =
        Some(VerifyConfig { level: Level::Full, schedule: None, every: Some(Duration::from_secs(86_400)) });
    place.builder(ScheduleConfig::new([place.hourly("a", "repo")])).run_due().unwrap();
    let data = place.path("repo/base/data.db");
    let mut bytes = std::fs::read(&data).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&data, bytes).unwrap();
    let reports = place.builder(ScheduleConfig::new([job])).run_due().unwrap();
    let [report] = reports.as_slice() else { panic!("{reports:?}") };
    assert_eq!((report.task, report.event), (Task::Verify, Event::Failure));
    assert!(report.findings[0].contains("base/data.db"), "{report:?}");
    let fresh = chronicle::schedule::Freshness::of(&place.path("repo")).unwrap();
    assert_eq!(fresh.verified, None);
}

#[test]
fn a_status_is_saved_and_loaded_and_every_run_is_told() {
    let place = Place::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let builder = place.builder(ScheduleConfig::new([place.hourly("a", "repo")]));
    let scheduler = builder.on_run(move |report| sink.lock().unwrap().push(report.clone())).start().unwrap();
    wait_until("the first backup", || told.lock().unwrap().len() == 1);
    let status = scheduler.status();
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<ScheduleStatus>(&text).unwrap(), status);
    assert_eq!(status.jobs[0].tasks[0].last.as_ref(), told.lock().unwrap().first());
}

#[test]
fn another_database_than_the_open_one_is_refused() {
    let place = Place::new();
    let mut job = place.hourly("a", "repo");
    job.source = Some(place.path("other.db"));
    let error = place.builder(ScheduleConfig::new([job])).start().err().unwrap();
    assert!(error.to_string().contains("job \"a\"") && error.message().contains("leave it out"), "{error}");
    let error = chronicle::schedule::ScheduleBuilder::new(ScheduleConfig::new([place.hourly("a", "repo")]));
    assert!(error.start().err().unwrap().message().contains("no source"));
}
