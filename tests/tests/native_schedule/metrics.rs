//! Numbers for Prometheus: in a file, and over HTTP.
use crate::place::{HOUR, Place, job, runs, wait_until};
use chronicle::schedule::{MetricsConfig, ScheduleConfig};
use chronicle_tests::hooks::ask;
use chronicle_tests::program::chronicle;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Samples by what stands before the value.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line:?}")))
        })
        .collect()
}

fn config(place: &Place, listen: Option<&str>) -> ScheduleConfig {
    let name = "tom's \"own\" \\ job";
    let mut config = ScheduleConfig::new([place.hourly(name, "repo")]);
    config.metrics =
        MetricsConfig { file: Some(place.path("chronicle.prom")), listen: listen.map(str::to_owned) };
    config
}

const NAME: &str = "tom's \"own\" \\ job";
const LABEL: &str = r#"name="tom's \"own\" \\ job""#;

#[test]
fn status_metrics_and_list_tell_the_same_numbers_and_ages_go_on_growing() {
    let place = Place::new();
    let scheduler = place.builder(config(&place, Some("127.0.0.1:0"))).start().unwrap();
    wait_until("the first backup", || runs(&scheduler, NAME) == (1, 0));
    let address = scheduler.metrics_address().unwrap();
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("version=0.0.4"), "{head}");
    let seen = samples(body);
    let made = job(&scheduler, NAME).freshness.unwrap().newest_made.unwrap() as f64 / 1e9;
    let of = |name: &str| seen[&format!("chronicle_backup_{name}{{{LABEL}}}")];
    assert!((of("newest_timestamp_seconds") - made).abs() < 1e-3);
    assert_eq!((of("points"), of("gaps"), of("hook_failures_total")), (1.0, 0.0, 0.0));
    assert_eq!(
        seen[&format!("chronicle_backup_runs_total{{{LABEL},task=\"backup\",event=\"success\"}}")],
        1.0
    );
    let age = of("newest_age_seconds");
    place.clock.advance(HOUR / 2);
    let later = samples(ask(address, b"GET /metrics HTTP/1.1\r\n\r\n").split_once("\r\n\r\n").unwrap().1);
    let grown = later[&format!("chronicle_backup_newest_age_seconds{{{LABEL}}}")] - age;
    assert!((grown - 1_800.0).abs() < 1.0, "{grown}");
    let repo = place.path("repo");
    let listed = chronicle(&["backup", "list", "--source", repo.to_str().unwrap(), "--json"]).json();
    let listed_made = chronicle::time::parse_timestamp(listed["points"][0]["created"].as_str().unwrap());
    assert!((listed_made.unwrap() as f64 / 1e9 - made).abs() < 1e-3);
}

#[test]
fn a_file_holds_times_and_no_ages_and_is_replaced_whole() {
    let place = Place::new();
    let scheduler = place.builder(config(&place, None)).start().unwrap();
    wait_until("the first backup", || runs(&scheduler, NAME) == (1, 0));
    let file = place.path("chronicle.prom");
    let points = || {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("_age_seconds"), "an age in a file that lies still is a lie: {text}");
        assert!(
            text.ends_with('\n') && text.contains("chronicle_backup_hook_failures_total"),
            "whole: {text}"
        );
        samples(&text).get(&format!("chronicle_backup_points{{{LABEL}}}")).copied().unwrap_or_default()
    };
    wait_until("the file", || points() == 1.0);
    scheduler.run_now(NAME).unwrap();
    assert_eq!(points(), 2.0);
    let names: Vec<String> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("prom"))
        .collect();
    assert_eq!(names, ["chronicle.prom"]);
}

#[test]
fn a_file_that_can_not_be_written_is_reported_and_breaks_no_backup() {
    let place = Place::new();
    let mut config = config(&place, None);
    config.metrics.file = Some(place.path("no folder/chronicle.prom"));
    let scheduler = place.builder(config).start().unwrap();
    let report = scheduler.run_now(NAME).unwrap();
    assert!(report.error.is_none() && report.hook_errors[0].contains("no folder"), "{report:?}");
    assert!(job(&scheduler, NAME).hook_failures > 0);
}

#[test]
fn the_endpoint_answers_nothing_else_and_no_client_keeps_it() {
    let place = Place::new();
    let scheduler = place.builder(config(&place, Some("127.0.0.1:0"))).start().unwrap();
    let address = scheduler.metrics_address().unwrap();
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", "404"),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"\x16\x03\x01\r\n\r\n", "400"),
        (b"GET\r\n\r\n", "400"),
    ] {
        let answer = ask(address, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let head = ask(address, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    // One that never ends its request, and one that sends for ever.
    let started = Instant::now();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    let mut endless = TcpStream::connect(address).unwrap();
    let flood = std::thread::spawn(move || {
        let line = [b'x'; 4_096];
        while endless.write_all(&line).is_ok() {}
    });
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    flood.join().unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(30));
    let taken = place.builder(config(&place, Some(&address.to_string()))).start().err().unwrap();
    assert_eq!(taken.kind(), chronicle::ErrorKind::Busy, "{taken}");
    scheduler.stop();
    assert!(TcpStream::connect(address).is_err(), "it ends with the scheduler");
}
