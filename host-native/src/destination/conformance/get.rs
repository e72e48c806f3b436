//! Reads: whole, ranged, of what is not there; and hashes.
use super::super::ObjectName;
use super::bench::{Bench, Checked, Flaw, ensure};
use super::body::Pattern;
use super::{ALWAYS, Need, Spec};
use crate::ErrorKind;
use chronicle_core::ids::Hash;

pub(super) const CHECKS: &[&Spec] = &[
    &Spec {
        id: "get.whole",
        need: Need::Required,
        can: ALWAYS,
        about: "an object comes back whole, up to the stated maximum and never past it",
        run: whole,
    },
    &Spec {
        id: "get.absent",
        need: Need::Required,
        can: ALWAYS,
        about: "what is not there is absent, and no error of another kind",
        run: absent,
    },
    &Spec {
        id: "get.range.exact",
        need: Need::Required,
        can: |can| can.ranged_reads,
        about: "a range is exactly the bytes that were asked for",
        run: range_exact,
    },
    &Spec {
        id: "get.range.past-end",
        need: Need::Required,
        can: |can| can.ranged_reads,
        about: "a range that passes the end is an error, never short",
        run: range_past_end,
    },
    &Spec {
        id: "get.range.parallel",
        need: Need::Required,
        can: |can| can.ranged_reads,
        about: "ranges that are read side by side are not mixed up",
        run: range_parallel,
    },
    &Spec {
        id: "stat.length",
        need: Need::Required,
        can: ALWAYS,
        about: "the length that is told is that of the object",
        run: length,
    },
    &Spec {
        id: "hash.right",
        need: Need::Optional,
        can: |can| can.hash,
        about: "the hash that the destination works out is that of the object",
        run: hash,
    },
];

const LEN: u64 = 300_007;

fn object(bench: &Bench<'_>, name: &str) -> Result<(ObjectName, Pattern), Flaw> {
    let (name, pattern) = (bench.name(name)?, Pattern { seed: 23, len: LEN });
    bench.create(&name, &pattern)?;
    Ok((name, pattern))
}

fn whole(bench: &Bench<'_>) -> Checked {
    let (name, pattern) = object(bench, "get/whole")?;
    for max in [LEN, LEN + 1, u64::MAX] {
        let bytes = bench.destination.get(&name, max)?;
        ensure!(bytes.len() as u64 == LEN, "{} of {LEN} bytes come back", bytes.len());
        ensure!(bytes == pattern.all(), "other bytes come back than were put");
    }
    for max in [0, LEN - 1] {
        let kind = bench.destination.get(&name, max).err().map(|error| error.kind());
        ensure!(
            kind == Some(ErrorKind::LimitExceeded),
            "{LEN} bytes where {max} are allowed: {kind:?}, not LimitExceeded"
        );
    }
    Ok(())
}

fn absent(bench: &Bench<'_>) -> Checked {
    let (name, _) = object(bench, "get/absent/object")?;
    for absent in ["get/absent/objec", "get/absent/object2", "get/absent", "get/nowhere/at/all"] {
        bench.expect_absent(&bench.name(absent)?)?;
    }
    // Stores without folders could have one; a folder can't.
    let below = name.join("below")?;
    bench.expect_absent(&below)?;
    let kind = bench.destination.get_range(&bench.name("get/nowhere")?, 0, 1).err().map(|error| error.kind());
    ensure!(
        !bench.can().ranged_reads || kind == Some(ErrorKind::NotFound),
        "a range of what is not there is {kind:?}, not NotFound"
    );
    Ok(())
}

fn range_exact(bench: &Bench<'_>) -> Checked {
    let (name, pattern) = object(bench, "get/range")?;
    let middle = LEN / 2;
    let ranges = [
        (0, 1),
        (0, LEN),
        (1, 4096),
        (middle, 100_000),
        (middle, 0),
        (0, 0),
        (LEN - 1, 1),
        (LEN, 0),
        (7, LEN - 7),
    ];
    for (offset, len) in ranges {
        let bytes = bench.destination.get_range(&name, offset, len)?;
        ensure!(bytes.len() as u64 == len, "{} bytes come for {len} at {offset}", bytes.len());
        ensure!(bytes == pattern.bytes(offset, len), "other bytes come for {len} at {offset}");
    }
    Ok(())
}

fn range_past_end(bench: &Bench<'_>) -> Checked {
    let (name, _) = object(bench, "get/past-end")?;
    for (offset, len) in
        [(0, LEN + 1), (LEN - 1, 2), (LEN, 1), (LEN + 1, 0), (LEN + 1, 1), (u64::MAX, 1), (1, u64::MAX)]
    {
        match bench.destination.get_range(&name, offset, len) {
            Ok(bytes) => {
                ensure!(false, "{len} bytes at {offset} of {LEN} give {} bytes and no error", bytes.len())
            }
            Err(error) => {
                let kind = error.kind();
                ensure!(
                    kind == ErrorKind::Damaged,
                    "{len} bytes at {offset} of {LEN} are {kind:?}, not Damaged"
                );
            }
        }
    }
    Ok(())
}

fn range_parallel(bench: &Bench<'_>) -> Checked {
    let (name, pattern) = object(bench, "get/parallel")?;
    let outcomes = bench.race(|index| {
        for step in 0..20 {
            let offset = (index as u64 * 31_337 + step * 7_919) % (LEN - 10_000);
            let bytes = bench.destination.get_range(&name, offset, 10_000)?;
            ensure!(bytes == pattern.bytes(offset, 10_000), "other bytes come for 10000 at {offset}");
        }
        Ok(())
    });
    outcomes.into_iter().collect()
}

fn length(bench: &Bench<'_>) -> Checked {
    for len in [0, 1, LEN] {
        let (name, pattern) = (bench.name(&format!("length/{len}"))?, Pattern { seed: 3, len });
        bench.create(&name, &pattern)?;
        let told = bench.destination.stat(&name)?.map(|meta| meta.len);
        ensure!(told == Some(len), "{told:?} is told of {len} bytes");
    }
    Ok(())
}

fn hash(bench: &Bench<'_>) -> Checked {
    let (name, pattern) = object(bench, "hash")?;
    let hash = bench.destination.hash(&name)?;
    ensure!(hash == Some(Hash::of(&pattern.all())), "{hash:?} is not the hash of the object");
    Ok(())
}
