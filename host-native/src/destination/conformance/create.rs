//! Create-only puts: what claims and records rest on.
use super::super::{Bytes, Put, PutMode};
use super::bench::{Bench, Checked, ensure};
use super::body::Pattern;
use super::{Need, Spec};

pub(super) const CHECKS: &[&Spec] = &[
    &Spec {
        id: "put.create",
        need: Need::Required,
        can: super::ALWAYS,
        about: "a new object is there at once, whole",
        run: create,
    },
    &Spec {
        id: "put.create-only",
        need: Need::SeveralWriters,
        can: |can| can.create_only,
        about: "a second creation is refused and changes nothing",
        run: create_only,
    },
    &Spec {
        id: "put.create-only.race",
        need: Need::SeveralWriters,
        can: |can| can.create_only,
        about: "of several creators at once one wins, and its object is whole for all",
        run: race,
    },
];

fn create(bench: &Bench<'_>) -> Checked {
    for index in 0..8 {
        let (name, pattern) = (bench.name(&format!("create/{index}"))?, Pattern { seed: index, len: 32 });
        bench.expect_absent(&name)?;
        bench.create(&name, &pattern)?;
        bench.expect(&name, &pattern)?;
    }
    Ok(())
}

fn create_only(bench: &Bench<'_>) -> Checked {
    for (index, len) in [32, 100_000].into_iter().enumerate() {
        let (name, first) = (bench.name(&format!("create-only/{index}"))?, Pattern { seed: 1, len });
        bench.create(&name, &first)?;
        for second in [Pattern { seed: 2, len }, Pattern { seed: 3, len: len / 2 }, first] {
            let put = bench.put(&name, &second, PutMode::CreateOnly)?;
            ensure!(put == Put::AlreadyThere, "a second creation of {len} bytes is said to have succeeded");
            bench.expect(&name, &first)?;
        }
    }
    Ok(())
}

/// Bodies as long as claims, as records, and longer than what servers take in one piece: a store may be right for one
/// and wrong for the other.
pub(super) const RACE_BYTES: [u64; 3] = [60, 40_000, 1_500_000];

fn race(bench: &Bench<'_>) -> Checked {
    for &len in &bench.options.race_bytes {
        for round in 0..bench.options.rounds {
            let name = bench.name(&format!("race/{len}-{round}"))?;
            let seen = bench.race(|index| {
                let body = Pattern { seed: index as u64, len }.all();
                let put = bench.put(&name, &Bytes(&body), PutMode::CreateOnly)?;
                // Whoever is told that it is there reads it, to know whose it is.
                Ok((index, put, bench.destination.get(&name, len)?))
            });
            let seen: Vec<(usize, Put, Vec<u8>)> =
                seen.into_iter().collect::<crate::Result<_>>().map_err(super::bench::Flaw::from)?;
            let winners: Vec<usize> =
                seen.iter().filter(|(_, put, _)| *put == Put::Written).map(|(index, ..)| *index).collect();
            let [winner] = winners[..] else {
                ensure!(false, "{} of {} creators of {len} bytes won", winners.len(), seen.len());
                continue;
            };
            let pattern = Pattern { seed: winner as u64, len };
            let whole = pattern.all();
            for (index, _, bytes) in &seen {
                ensure!(
                    *bytes == whole,
                    "creator {index} reads something else than what creator {winner} won with"
                );
            }
            bench.expect(&name, &pattern)?;
        }
    }
    Ok(())
}
