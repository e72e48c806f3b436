//! Backups, prunes and restores that are killed as `kill -9` does it, two hundred times, while the database is written: every point that
//! the repository lists restores to the digest that it had.
use chronicle_tests::soak::{Kind, Soak};

/// Kills that hit a job while it worked.
const KILLS: u64 = 200;
/// So many attempts are enough on any machine: a kill is aimed into the time that such a job takes there.
const ROUNDS_MAX: u64 = 1_500;

#[test]
fn two_hundred_kills_take_no_point_away_and_change_none() {
    let folder = tempfile::Builder::new().prefix("a soak ").tempdir().unwrap();
    let mut soak = Soak::new(env!("CARGO_BIN_EXE_soak"), folder.path(), 4).unwrap();
    let mut rounds = 0;
    while soak.tally.kills() < KILLS {
        assert!(rounds < ROUNDS_MAX, "too few kills hit: {}", soak.tally);
        soak.round(rounds % 6 != 0).unwrap_or_else(|problem| panic!("{problem}\n{}", soak.tally));
        rounds += 1;
        if rounds % 40 == 0 {
            soak.prove_all().unwrap_or_else(|problem| panic!("{problem}\n{}", soak.tally));
        }
    }
    soak.finish().unwrap_or_else(|problem| panic!("{problem}\n{}", soak.tally));
    println!("{rounds} rounds: {}", soak.tally);
    for kind in Kind::ALL {
        let of = |map: &std::collections::BTreeMap<Kind, u64>| map.get(&kind).copied().unwrap_or(0);
        assert!(of(&soak.tally.killed) >= 15, "{}", soak.tally);
        assert!(of(&soak.tally.done) >= 5, "{}", soak.tally);
    }
    assert!(soak.tally.moments_proven >= 20, "{}", soak.tally);
}
