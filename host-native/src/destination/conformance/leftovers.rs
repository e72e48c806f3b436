//! What interrupted puts leave, and that it can be told apart and removed.
use super::super::{Put, PutMode, PutOptions};
use super::bench::{Bench, Checked, ensure};
use super::body::{Broken, Pattern};
use super::{Need, Spec};

pub(super) const CHECKS: &[&Spec] = &[
    &Spec {
        id: "put.resumed",
        need: Need::Required,
        can: |can| can.resumable_puts,
        about: "an interrupted put is taken up by its job, with any content",
        run: resumed,
    },
    &Spec {
        id: "clean.leftovers",
        need: Need::Required,
        can: super::ALWAYS,
        about: "what interrupted puts left is removed for jobs that are over, and for no other",
        run: cleaned,
    },
];

const LEN: u64 = 5 << 20;

fn resumed(bench: &Bench<'_>) -> Checked {
    let pattern = Pattern { seed: 1, len: LEN };
    // Going on with what was sent; with something longer, shorter, or different from the first byte on.
    let continued = [
        pattern,
        Pattern { seed: 1, len: LEN + 99 },
        Pattern { seed: 1, len: LEN / 4 },
        Pattern { seed: 2, len: LEN },
    ];
    for (index, then) in continued.iter().enumerate() {
        for mode in [PutMode::CreateOnly, PutMode::Overwrite] {
            if mode == PutMode::CreateOnly && !bench.can().create_only {
                continue;
            }
            let name = bench.name(&format!("resumed/{index}-{mode:?}"))?;
            let by = PutOptions { mode, job: bench.job() };
            let put = bench.destination.put(&name, &Broken { pattern, readable: LEN * 2 / 3 }, by);
            ensure!(put.is_err(), "a put whose body breaks off is said to have succeeded");
            let put = bench.destination.put(&name, then, by)?;
            ensure!(put == Put::Written, "going on is refused");
            bench.expect(&name, then)?;
        }
    }
    Ok(())
}

fn cleaned(bench: &Bench<'_>) -> Checked {
    let folder = bench.folder("leftovers")?;
    let pattern = Pattern { seed: 1, len: LEN };
    let whole = bench.name("leftovers/whole")?;
    bench.create(&whole, &pattern)?;
    let (over, going_on) = (bench.job(), bench.job());
    for (index, job) in [over, going_on].into_iter().enumerate() {
        let name = bench.name(&format!("leftovers/deep/{index}"))?;
        let by = PutOptions { mode: PutMode::Overwrite, job };
        let put = bench.destination.put(&name, &Broken { pattern, readable: LEN * 2 / 3 }, by);
        ensure!(put.is_err(), "a put whose body breaks off is said to have succeeded");
    }
    let first = bench.destination.clean(Some(&folder), &|job| job == over)?;
    ensure!(first.removed <= 1, "{} leftovers of one job are removed", first.removed);
    let again = bench.destination.clean(Some(&folder), &|job| job == over)?;
    ensure!(again.removed == 0, "what was removed is found again");
    // The other job still goes on.
    let name = bench.name("leftovers/deep/1")?;
    let put =
        bench.destination.put(&name, &pattern, PutOptions { mode: PutMode::Overwrite, job: going_on })?;
    ensure!(put == Put::Written, "the job that goes on is refused");
    bench.expect(&name, &pattern)?;
    bench.expect(&whole, &pattern)?;
    let last = bench.destination.clean(Some(&folder), &|job| bench.is_ours(job))?;
    ensure!(last.removed == 0 && last.kept == 0, "a put that succeeded left something: {last:?}");
    if bench.can().list {
        let listed = bench.listed(&folder)?.len();
        ensure!(listed == 2, "{listed} objects are listed where two are");
    }
    Ok(())
}
