//! Who is told, and that telling breaks nothing.
use crate::place::{Place, runs, wait_until};
use chronicle::schedule::{BackupScheduler, Event, HookConfig, JobConfig, RunReport};
use chronicle::{Config, Db, Point};
use chronicle_tests::hooks::{Answer, Server};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Starts a job, and answers how its first run went.
fn first_run(place: &Place, job: JobConfig) -> RunReport {
    let scheduler = place.start([job]);
    last_run(&scheduler)
}

fn last_run(scheduler: &BackupScheduler) -> RunReport {
    wait_until("a run", || runs(scheduler, "a") != (0, 0) || incomplete(scheduler));
    scheduler.status().jobs[0].tasks[0].last.clone().unwrap()
}

fn incomplete(scheduler: &BackupScheduler) -> bool {
    scheduler.status().jobs[0].tasks[0].incompletes > 0
}

#[test]
fn a_command_gets_the_report_on_its_input_and_the_facts_in_its_environment() {
    let place = Place::new();
    let mut job = place.hourly("a", "repo");
    let script = "cat > \"$1\"; echo \"$CHRONICLE_JOB $CHRONICLE_TASK $CHRONICLE_EVENT $CHRONICLE_POINT \
                  $CHRONICLE_LSN $CHRONICLE_DEST\" > \"$2\"";
    let (input, facts) = (place.path("in put"), place.path("facts"));
    job.on_success = Some(HookConfig::command([
        "sh",
        "-c",
        script,
        "sh",
        input.to_str().unwrap(),
        facts.to_str().unwrap(),
    ]));
    let report = first_run(&place, job);
    assert_eq!(report.hook_errors, [""; 0]);
    let read: RunReport = serde_json::from_str(&std::fs::read_to_string(input).unwrap()).unwrap();
    assert_eq!(read, report);
    let expected = format!("a backup success base 1 {}\n", place.path("repo").display());
    assert_eq!(std::fs::read_to_string(facts).unwrap(), expected);
}

#[test]
fn a_hook_that_fails_is_reported_with_its_words_and_breaks_no_backup() {
    let place = Place::new();
    for (command, said) in [
        (vec!["sh", "-c", "echo no mail today >&2; exit 7"], "no mail today"),
        (vec!["/no/such/program"], "can't be started"),
    ] {
        let mut job = place.hourly("a", &said.replace('/', ""));
        job.on_success = Some(HookConfig::command(command));
        let report = first_run(&place, job);
        assert_eq!(report.event, Event::Success);
        assert!(report.hook_errors[0].contains(said), "{report:?}");
    }
}

#[test]
fn a_hook_that_hangs_is_killed_with_what_it_started() {
    let place = Place::new();
    let mut job = place.hourly("a", "repo");
    let pid = place.path("pid");
    let script = format!("sleep 300 & echo $! > {}; wait", pid.display());
    let hook = HookConfig::command(["sh", "-c", &script]);
    job.on_success = Some(HookConfig { timeout: Duration::from_millis(400), ..hook });
    let started = Instant::now();
    let report = first_run(&place, job);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(report.hook_errors[0].contains("0.4 s"), "{report:?}");
    let pid = std::fs::read_to_string(pid).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // Where nobody collects orphans it stays as a zombie.
    wait_until("its death", || state().is_empty() || state().contains(") Z "));
}

#[test]
fn a_webhook_is_posted_until_it_is_taken_and_a_heartbeat_fetched() {
    let place = Place::new();
    let server =
        Server::start([Answer::Status(200), Answer::Status(503), Answer::Close, Answer::Status(204)]);
    let mut job = place.hourly("a", "repo");
    job.heartbeat = Some(server.url("/beat"));
    job.on_success = Some(HookConfig::webhook(server.url("/hook?token=s3cr3t")));
    let report = first_run(&place, job);
    assert_eq!(report.hook_errors, [""; 0]);
    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().map(|request| request.line.as_str()).collect();
    let post = "POST /hook?token=s3cr3t";
    assert_eq!(lines, ["GET /beat", post, post, post]);
    assert_eq!(serde_json::from_str::<RunReport>(&requests[3].body).unwrap(), report);
}

#[test]
fn a_webhook_that_refuses_is_asked_once_and_one_that_is_silent_not_for_ever_and_no_secret_is_told() {
    let place = Place::new();
    let refusing = Server::start([Answer::Status(404)]);
    let silent = Server::start([Answer::Silence, Answer::Silence, Answer::Silence]);
    for (server, tries, dest) in [(&refusing, 1, "one"), (&silent, 2, "two")] {
        let mut job = place.hourly("a", dest);
        let hook = HookConfig::webhook(server.url("/services/s3cr3t"));
        job.on_success = Some(HookConfig { timeout: Duration::from_millis(300), retries: 1, ..hook });
        let started = Instant::now();
        let report = first_run(&place, job);
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!((report.event, server.requests().len()), (Event::Success, tries));
        let error = &report.hook_errors[0];
        assert!(error.contains("127.0.0.1") && !error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn lost_moments_are_told_as_a_failure_is_and_a_heartbeat_is_not_sent() {
    let place = Place::new();
    // A log that keeps nothing for a repository that was not seen for long.
    let config = Config {
        background: false,
        checkpoint_bytes: 32 << 10,
        wal_keep_bytes: 0,
        wal_slot_bytes_max: 100 << 10,
        ..Config::default()
    };
    let db = Arc::new(Db::open(place.path("gap.db"), config).unwrap());
    let write = |batches: std::ops::Range<i64>| {
        for batch in batches {
            let points: Vec<Point> = (0..2_000)
                .map(|i: i64| {
                    let noise = (batch * 2_000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64);
                    Point::new("noise", batch * 2_000 + i, f64::from_bits(noise as u64 >> 2))
                })
                .collect();
            db.write_batch(&points).unwrap();
            db.checkpoint().unwrap();
        }
    };
    let server = Server::start([]);
    let mut job = place.hourly("a", "repo");
    job.heartbeat = Some(server.url("/beat"));
    job.on_success = Some(HookConfig::webhook(server.url("/good")));
    job.on_failure = Some(HookConfig::webhook(server.url("/bad")));
    let config = chronicle::ScheduleConfig::new([job]);
    let builder = chronicle::schedule::ScheduleBuilder::new(config).db(Arc::clone(&db));
    write(0..2);
    let scheduler = builder.clock(place.clock.clone()).start().unwrap();
    wait_until("the first backup", || runs(&scheduler, "a") == (1, 0));
    write(2..40);
    let report = scheduler.run_now("a").unwrap();
    assert_eq!(report.event, Event::Incomplete, "{report:?}");
    assert!(report.gap.as_ref().is_some_and(|gap| gap.starts_with("3-")), "{report:?}");
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /beat", "POST /good", "POST /bad"]);
    let status = &scheduler.status().jobs[0];
    assert_eq!((status.tasks[0].incompletes, status.freshness.as_ref().unwrap().gaps), (1, 1));
}
