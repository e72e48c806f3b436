//! A short, deterministic run of every fuzz target, so that a decoder that breaks on damaged input fails the tests too.
use chronicle_tests::fuzzing::{TARGETS, mutate};

/// Inputs of each decoder; the fuzzer itself runs for a time instead.
const INPUTS: u64 = 2_000;

#[test]
fn no_decoder_panics_on_mutated_input() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no valid input to start from", target.name);
        seeds.iter().for_each(|seed| (target.decode)(seed));
        (0..INPUTS).for_each(|number| (target.decode)(&mutate::input(&seeds, 1, number)));
    }
}

#[test]
fn an_input_can_be_made_again_from_its_number() {
    let seeds = vec![vec![1, 2, 3], (0..200).collect()];
    assert_eq!(mutate::input(&seeds, 7, 41), mutate::input(&seeds, 7, 41));
    let distinct: std::collections::BTreeSet<Vec<u8>> =
        (0..100).map(|n| mutate::input(&seeds, 7, n)).collect();
    assert!(distinct.len() > 80, "{} of 100 inputs are distinct", distinct.len());
}

#[test]
fn every_decoder_has_a_coverage_guided_target() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
}
