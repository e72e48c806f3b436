//! Each way of misbehaving is a named error, in bounded time; nobody else notices.
use super::{component, misbehaving, name, put, way, with_folder};
use chronicle::destination::conformance::{Options, run};
use chronicle::destination::{Destination, Put};
use chronicle::plugin::{PluginConfig, PluginHome};
use chronicle::{Error, ErrorKind};
use std::time::{Duration, Instant};

/// Two tries, each with the time limit of one call, and room for a slow machine.
const BOUND: Duration = Duration::from_secs(10);

#[track_caller]
fn fails<T>(result: chronicle::Result<T>, kind: ErrorKind, words: &str) -> Error {
    let error = result.err().expect("it must fail");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
    error
}

#[test]
fn a_plugin_that_dies_or_never_answers_is_told_in_words_and_in_time() {
    for (what, kind, words) in [
        ("panic", ErrorKind::Io, "the plugin panicked: this plugin panics on purpose"),
        ("spin", ErrorKind::Io, "did not answer within 400ms"),
        ("sleep", ErrorKind::Io, "did not answer within 400ms"),
        ("exit", ErrorKind::Io, "ended its process"),
        ("allocate", ErrorKind::LimitExceeded, "more than its 64 MiB of memory"),
        ("recurse", ErrorKind::LimitExceeded, "nest too deeply"),
    ] {
        let mut config = way(what, "put");
        if matches!(what, "allocate" | "recurse") {
            config.call_time_ms = 5_000;
        }
        let destination = misbehaving(&config);
        let started = Instant::now();
        fails(put(&destination, "a", b"x"), kind, words);
        assert!(started.elapsed() < BOUND, "{what}: {:?}", started.elapsed());
    }
}

#[test]
fn a_time_limit_is_kept_to_within_a_fraction_of_a_second() {
    let destination = misbehaving(&way("spin", "stat"));
    let started = Instant::now();
    assert!(destination.stat(&name("a")).is_err());
    // Two tries of 400 ms and the instance in between.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(800) && took < Duration::from_millis(2_500), "{took:?}");
}

#[test]
fn what_a_plugin_claims_is_compared_with_what_was_asked() {
    for (what, words) in [
        ("lie-size", "it said after the put an object of 6 bytes, of 5 that were put"),
        ("lie-name", "under another name"),
        ("tear", "it has behind the put an object of 2 bytes, of 5 that were put"),
        ("forget", "an object that was put is not there"),
    ] {
        fails(put(&misbehaving(&way(what, "never")), "a", b"01234"), ErrorKind::Damaged, words);
    }
    for (what, words) in [
        ("too-many-bytes", "it read more bytes than the 5 that were asked for"),
        ("endless", "it read more bytes than the 5 that were asked for"),
        ("short", "it read "),
    ] {
        let destination = misbehaving(&way(what, "never"));
        assert_eq!(put(&destination, "a", b"01234").unwrap(), Put::Written);
        fails(destination.get(&name("a"), 100), ErrorKind::Damaged, words);
        fails(destination.get_range(&name("a"), 0, 5), ErrorKind::Damaged, words);
    }
    for (what, words) in
        [("list-elsewhere", "was not asked for"), ("list-flood", "it listed 11 objects of 10")]
    {
        let listed = misbehaving(&way(what, "never")).list(Some(&name("a")), None, 10);
        fails(listed, ErrorKind::Damaged, words);
    }
}

#[test]
fn wrong_bytes_are_found_before_a_repository_is_made_there() {
    let destination = misbehaving(&way("wrong-bytes", "never"));
    let card = run(&destination, &Options::trial()).unwrap();
    assert!(!card.passed(), "{card}");
}

#[test]
fn leaked_handles_end_the_instance_and_not_the_process() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("leaked"), b"x").unwrap();
    let mut config = with_folder(way("leak", "put"), "state", folder.path(), true);
    config.call_time_ms = 10_000;
    let destination = misbehaving(&config);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let error = put(&destination, "a", b"x").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LimitExceeded), "{error}");
    drop(destination);
    // Other tests of this process open files, too.
    assert!(open() < before + 200, "{before} descriptors before, {} behind", open());
}

#[test]
fn a_flood_of_messages_is_cut_and_the_call_goes_well() {
    let mut config = way("flood", "put");
    config.call_time_ms = 20_000;
    let destination = misbehaving(&config);
    assert_eq!(put(&destination, "a", b"x").unwrap(), Put::Written);
    let log = destination.log();
    assert!(log.contains("flood") && log.len() < 70_000, "{} bytes", log.len());
}

#[test]
fn an_error_of_a_plugin_keeps_its_kind_and_loses_its_control_characters() {
    let error = fails(
        put(&misbehaving(&way("transient", "put")), "a", b"x"),
        ErrorKind::Transient,
        "the store is busy",
    );
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

#[test]
fn a_plugin_that_dies_once_is_asked_again_and_nobody_notices() {
    let folder = tempfile::tempdir().unwrap();
    let destination = misbehaving(&with_folder(way("panic-once", "put"), "state", folder.path(), true));
    assert_eq!(put(&destination, "a", b"x").unwrap(), Put::Written);
    assert!(destination.log().contains("this plugin panics once"), "{}", destination.log());
    assert_eq!(destination.get(&name("a"), 10).unwrap(), b"x");
}

#[test]
fn a_plugin_that_dies_again_and_again_is_left_alone() {
    let destination = misbehaving(&way("spin", "stat"));
    for _ in 0..2 {
        fails(destination.stat(&name("a")), ErrorKind::Io, "did not answer");
    }
    let started = Instant::now();
    fails(destination.stat(&name("a")), ErrorKind::Io, "is left alone for another");
    assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
}

#[test]
fn while_one_plugin_spins_another_destination_works() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_folder(PluginConfig::default(), "store", folder.path(), true);
    let good = PluginHome::open_file(&component("folder"), &config).unwrap();
    let mut bad_config = way("spin", "stat");
    bad_config.call_time_ms = 2_000;
    let bad = misbehaving(&bad_config);
    std::thread::scope(|scope| {
        let spinning = scope.spawn(|| bad.stat(&name("a")));
        let mut served = 0;
        while !spinning.is_finished() {
            assert_eq!(put(&good, &format!("o/{served}"), b"x").unwrap(), Put::Written);
            served += 1;
        }
        assert!(served > 20, "{served} objects in four seconds");
        fails(spinning.join().unwrap(), ErrorKind::Io, "did not answer within 2s");
    });
}

#[test]
fn a_call_from_inside_an_async_runtime_is_served() {
    let destination = misbehaving(&way("none", "never"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { assert_eq!(put(&destination, "a", b"x").unwrap(), Put::Written) });
}
