//! Each lie that can be caught is caught by the check that is about it.
use chronicle::ErrorKind;
use chronicle::destination::conformance::{Card, Options, Suitability, run};
use chronicle::destination::{Capabilities, Destination, FolderDestination, MemoryDestination};
use chronicle_tests::lying::{Lie, Lying, Rule};
use std::time::Duration;

fn quick() -> Options {
    Options { large_bytes: (4 << 20) + 1, ..Options::default() }
}

fn card_of(rule: Rule) -> Card {
    run(&Lying::new(MemoryDestination::new(), 1).with(rule), &quick()).unwrap()
}

#[test]
fn without_a_lie_every_check_passes() {
    let honest = Lying::new(MemoryDestination::new(), 1);
    let card = run(&honest, &quick()).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), [""; 0], "{card}");
    assert_eq!(card.suitability(), Suitability::SeveralWriters);
    assert!(honest.told().is_empty() && card.left.is_empty());
}

#[test]
fn every_lie_fails_the_check_that_is_about_it() {
    let lies = [
        (Lie::LostAcknowledgement, "put.create"),
        (Lie::ErrorBefore(ErrorKind::Transient), "put.create"),
        (Lie::ErrorBefore(ErrorKind::Io), "put.create"),
        (Lie::RepeatedSuccess, "put.create-only"),
        (Lie::CreateOnlyIgnored, "put.create-only"),
        (Lie::CreateOnlyRacy, "put.create-only.race"),
        (Lie::TornWhilePut, "put.whole"),
        (Lie::TornPut, "put.create"),
        (Lie::TornByFailure, "put.broken-off"),
        (Lie::ObjectGone, "put.create"),
        (Lie::ShortBody, "get.whole"),
        (Lie::ShortRange, "get.range.past-end"),
        (Lie::WrongRange, "get.range.exact"),
        (Lie::StaleGet, "put.overwrite"),
        (Lie::WrongLength, "stat.length"),
        (Lie::StaleList, "list.after-put"),
        (Lie::ShortList, "list.pages"),
        (Lie::UnsortedList, "list.pages"),
        (Lie::EndlessList, "list.folder"),
        (Lie::DeleteIgnored, "delete.present"),
        (Lie::WrongHash, "hash.right"),
    ];
    for (lie, id) in lies {
        let card = card_of(Rule::new(lie));
        let failed: Vec<_> = card.failed().collect();
        assert!(failed.contains(&id), "{lie:?} must fail {id}, and fails {failed:?}\n{card}");
        assert_eq!(card.passed(), lie == Lie::WrongHash, "{lie:?}: only comfort hangs on hashes\n{card}");
    }
}

#[test]
fn a_store_that_lets_two_creators_win_is_for_a_single_writer_only() {
    for lie in [Lie::CreateOnlyIgnored, Lie::CreateOnlyRacy, Lie::RepeatedSuccess] {
        let card = card_of(Rule::new(lie));
        assert_eq!(card.suitability(), Suitability::SingleWriter, "{card}");
        assert!(!card.passed(), "nobody declared to be the only writer");
        assert!(card.to_string().contains("single writer only"), "{card}");
    }
}

#[test]
fn a_lie_about_large_objects_only_or_by_chance_is_caught_as_well() {
    let lying = [
        Rule::new(Lie::CreateOnlyRacy).on("race/40000"),
        Rule::new(Lie::ShortBody).on("large"),
        Rule::new(Lie::ErrorBefore(ErrorKind::Transient)).percent(2),
        Rule::new(Lie::ErrorBefore(ErrorKind::Transient)).after(500).times(20),
        Rule::new(Lie::ObjectGone).on("pages/o01099"),
    ];
    for rule in lying {
        let card = card_of(rule.clone());
        assert!(card.failed().next().is_some() && !card.passed(), "{rule:?} goes unseen\n{card}");
    }
}

#[test]
fn a_slow_destination_passes_and_the_card_tells() {
    let delay = Duration::from_millis(3);
    let slow = Lying::new(MemoryDestination::new(), 1).with(Rule::new(Lie::Slow(delay)));
    let options = Options { objects: 210, rounds: 1, ..quick() };
    let card = run(&slow, &options).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), [""; 0], "{card}");
    assert!(card.small_put.unwrap() >= delay);
}

#[test]
fn an_error_that_no_check_can_get_past_is_the_answer() {
    for kind in [ErrorKind::Permission, ErrorKind::Full, ErrorKind::NotFound, ErrorKind::Unsupported] {
        let shut = Lying::new(MemoryDestination::new(), 1).with(Rule::new(Lie::ErrorBefore(kind)));
        assert_eq!(run(&shut, &quick()).unwrap_err().kind(), kind);
    }
}

#[test]
fn nothing_of_the_suite_stays_behind_a_liar() {
    for lie in [Lie::LostAcknowledgement, Lie::TornWhilePut, Lie::ShortList, Lie::ShortBody] {
        let lying = Lying::new(MemoryDestination::new(), 1).with(Rule::new(lie));
        let _ = run(&lying, &quick()).unwrap();
        assert!(!lying.told().is_empty());
        let left = lying.inner().list(None, None, 10).unwrap().objects;
        assert_eq!(left, [], "{lie:?}");
    }
}

#[test]
fn a_cleaning_that_takes_from_the_living_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let folder = FolderDestination::new(dir.path()).unwrap();
    let card = run(&Lying::new(folder, 1).with(Rule::new(Lie::CleansLiving)), &quick()).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), ["clean.leftovers"], "{card}");
}

#[test]
fn what_a_destination_says_it_cannot_do_is_not_held_against_a_single_writer() {
    let none = Capabilities {
        create_only: false,
        ranged_reads: false,
        list: false,
        delete: false,
        hash: false,
        resumable_puts: false,
        single_writer: false,
        object_bytes_max: Some(1 << 20),
        retries: false,
        must_be_tried: false,
    };
    for single_writer in [false, true] {
        let can = Capabilities { single_writer, ..none };
        let card = run(&Lying::new(MemoryDestination::new(), 1).claiming(can), &quick()).unwrap();
        assert_eq!(card.suitability(), Suitability::SingleWriter, "{card}");
        assert_eq!(card.passed(), single_writer);
        assert!(card.failed().next().is_none() && card.to_string().contains("can't"), "{card}");
    }
}
